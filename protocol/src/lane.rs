// SPDX-License-Identifier: GPL-2.0
//! A peer's order of completion, one lane for each direction.
//!
//! Bundles of packets get their places in the order they are admitted, are worked on by any CPU,
//! and are delivered in the order of their places, whoever finishes first. A lane is bounded by the
//! packets that are under way in it, counted until they have been delivered; a full one refuses.
//!
//! # Why nothing gets stuck
//!
//! Everything about a lane changes under its one lock, which is taken three times for a bundle at
//! most. A bundle is *done* when it stands in its place again. Whoever puts one back and sees the
//! first place filled, while nobody delivers, becomes the one who delivers; it goes on until it
//! finds, under the lock, that the first place is not filled, and in that same critical section
//! stops being it. So at every release of the lock either nobody waits at the front, or somebody is
//! on the way to deliver it; there is no moment between looking and leaving in which a bundle could
//! arrive unseen. (`tests/loom_lane.rs` explores this code, and the mistake too.)
//!
//! What is left to the caller: whoever gets a place completes it, whatever becomes of the packets;
//! and whoever was told to deliver a run asks for the next one until there is none.

use crate::Lock;
use core::marker::PhantomData;

/// The places of a lane when the first bundle comes; doubled as often as needed.
const FIRST_PLACES: usize = 4;

/// Where a bundle stands in the order; greater ones are later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    number: u64,
    weight: u32,
    alone: bool,
}

impl Place {
    /// Whether nothing else was under way when the place was given: then it is soonest done by
    /// whoever has it.
    #[inline]
    pub const fn is_alone(&self) -> bool {
        self.alone
    }
}

/// A bundle that is done, in its place.
pub struct Done<B> {
    bundle: B,
    weight: u32,
}

/// The memory of a lane: a list of places. Its default has none and takes no memory.
pub trait Places<B>: AsMut<[Option<Done<B>>]> + Default {
    /// `len` empty places; `None` if there is no memory for them.
    fn empty(len: usize) -> Option<Self>;
}

/// Why a bundle is not admitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Too much is under way.
    Full,
    /// There was no memory for its place.
    NoMemory,
}

/// What the lock of a lane protects.
pub struct State<B, M> {
    /// Place `n` is at `n & (len - 1)`; the length is a power of two, or zero.
    places: M,
    /// The place to be delivered next.
    head: u64,
    /// The place to be given next.
    tail: u64,
    /// The weight of all that was admitted and is not delivered.
    under_way: u32,
    /// The part of it that somebody has been told to deliver.
    in_delivery: u32,
    delivering: bool,
    _of: PhantomData<B>,
}

impl<B, M: Places<B>> State<B, M> {
    /// Nothing under way.
    pub fn new() -> Self {
        State {
            places: M::default(),
            head: 0,
            tail: 0,
            under_way: 0,
            in_delivery: 0,
            delivering: false,
            _of: PhantomData,
        }
    }

    fn len(&mut self) -> usize {
        self.places.as_mut().len()
    }

    fn slot(&mut self, number: u64) -> Option<&mut Option<Done<B>>> {
        let places = self.places.as_mut();
        let mask = places.len().wrapping_sub(1);
        places.get_mut(number as usize & mask)
    }

    /// Room for one more place.
    fn grow(&mut self) -> Option<()> {
        let len = (self.len() * 2).max(FIRST_PLACES);
        let mut places = M::empty(len)?;
        for number in self.head..self.tail {
            let done = self.slot(number).and_then(Option::take);
            if let Some(slot) = places.as_mut().get_mut(number as usize & (len - 1)) {
                *slot = done;
            }
        }
        self.places = places;
        Some(())
    }

    fn admit(&mut self, weight: u32, limit: u32) -> Result<Place, Refused> {
        if self.under_way >= limit {
            return Err(Refused::Full);
        }
        if (self.tail - self.head) as usize == self.len() {
            self.grow().ok_or(Refused::NoMemory)?;
        }
        // What has no weight must not fill the memory either.
        let weight = weight.max(1);
        let number = self.tail;
        let alone = self.head == number && !self.delivering;
        self.tail += 1;
        self.under_way = self.under_way.saturating_add(weight);
        Ok(Place {
            number,
            weight,
            alone,
        })
    }

    fn put_back(&mut self, place: Place, bundle: B) {
        let weight = place.weight;
        let waited_for = (self.head..self.tail).contains(&place.number);
        debug_assert!(waited_for, "a place is completed once");
        if let (true, Some(slot)) = (waited_for, self.slot(place.number)) {
            *slot = Some(Done { bundle, weight });
        }
    }

    /// Takes what is done at the front. Whether anything was; what was taken before is delivered.
    fn take_run(&mut self, mut run: impl FnMut(B)) -> bool {
        self.under_way = self.under_way.saturating_sub(self.in_delivery);
        self.in_delivery = 0;
        let first = self.head;
        while self.head != self.tail {
            let Some(done) = self.slot(self.head).and_then(Option::take) else {
                break;
            };
            self.head += 1;
            self.in_delivery = self.in_delivery.saturating_add(done.weight);
            run(done.bundle);
        }
        self.head != first
    }

    /// Whether anything is done at the front; what was taken before is delivered. Whoever asks is
    /// the one who delivers, or stops being it.
    fn more(&mut self) -> bool {
        self.under_way = self.under_way.saturating_sub(self.in_delivery);
        self.in_delivery = 0;
        self.delivering =
            self.head != self.tail && self.slot(self.head).is_some_and(|slot| slot.is_some());
        self.delivering
    }

    /// Takes a run; whoever asks is the one who delivers, or stops being it.
    fn next_run(&mut self, run: impl FnMut(B)) -> bool {
        self.delivering = self.take_run(run);
        self.delivering
    }
}

impl<B, M: Places<B>> Default for State<B, M> {
    fn default() -> Self {
        Self::new()
    }
}

/// See the head of this file. `B` is a bundle, `M` its memory, `L` its lock.
pub struct Lane<B, M, L> {
    state: L,
    limit: u32,
    _of: PhantomData<fn() -> (B, M)>,
}

impl<B, M: Places<B>, L: Lock<State<B, M>>> Lane<B, M, L> {
    /// An empty lane. It admits no bundle while a weight of `limit` or more is under way; so one
    /// that is heavier than all others together is admitted in the end.
    pub const fn new(state: L, limit: u32) -> Self {
        Lane {
            state,
            limit,
            _of: PhantomData,
        }
    }

    /// A place in the order for a bundle of `weight` packets. Whoever gets one must
    /// [`Lane::complete`] it.
    ///
    /// # Errors
    ///
    /// Nothing has changed then.
    pub fn admit(&self, weight: u32) -> Result<Place, Refused> {
        self.state.with(|state| state.admit(weight, self.limit))
    }

    /// Puts a bundle back in its place, done. True if the caller is the one who delivers now: what
    /// `run` was given, in that order, and then whatever [`Lane::next_run`] gives. `run` is called
    /// under the lock.
    #[must_use]
    pub fn complete(&self, place: Place, bundle: B, run: impl FnMut(B)) -> bool {
        self.state.with(|state| {
            state.put_back(place, bundle);
            !state.delivering && state.next_run(run)
        })
    }

    /// More to deliver, for the one who delivers; false if there is nothing, and then the caller is
    /// not the one any more.
    #[must_use]
    pub fn next_run(&self, run: impl FnMut(B)) -> bool {
        self.state.with(|state| state.next_run(run))
    }

    /// Whether there is more to deliver, for the one who delivers and would rather not do it now:
    /// it stays the one and has to see to it that [`Lane::next_run`] is called. False if there is
    /// nothing, and then the caller is not the one any more.
    #[must_use]
    pub fn more(&self) -> bool {
        self.state.with(State::more)
    }

    /// The mistake that the head of this file warns of: it looks, lets go of the lock, and only
    /// then stops being the one who delivers. Here for the model, which has to find it.
    #[cfg(loom)]
    pub fn next_run_with_a_gap(&self, run: impl FnMut(B)) -> bool {
        let any = self.state.with(|state| state.take_run(run));
        self.state.with(|state| state.delivering = any);
        any
    }
}
