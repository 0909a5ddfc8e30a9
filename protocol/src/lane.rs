// SPDX-License-Identifier: GPL-2.0
//! A peer's reorder buffer, one for each direction.
//!
//! Bundles of packets get their places in the order they are admitted, are sealed or opened by any
//! CPU, and are delivered in the order of their places, whichever is done first. A lane is bounded
//! by the packets in flight, counted until they have been delivered; a full one refuses.
//!
//! # Why nothing gets stuck
//!
//! Everything about a lane changes under its one lock, which is taken three times for a bundle at
//! most. A bundle is *done* when it is back in its place. A caller that puts one back and finds the
//! first place filled, with no delivery going on, starts one; the delivery goes on until the
//! deliverer finds, under the lock, that the first place is not filled, and ends in that same
//! critical section. So at every release of the lock either the bundle at the front is not done, or
//! a delivery is going on; there is no moment between looking and leaving in which a bundle could
//! arrive unseen. (`tests/loom_lane.rs` explores this code, and the mistake too.)
//!
//! The caller keeps two promises: a place is completed, whatever becomes of the packets; and a run
//! that was handed out is delivered, after which the deliverer asks for the next one until there is
//! none.
//!
//! # Why packets arrive in order
//!
//! Delivering in order is not enough: below, queues are per CPU (the backlog of a veth device, the
//! transmit queues of a card), so two packets handed over in order by two CPUs may swap. A lane
//! therefore has a *home*, the one CPU that delivers. The home changes in three cases only:
//!
//! - The lane has been at rest: nothing was delivered for [`REST`], so that nothing of this peer can
//!   still be in flight below. A bundle admitted then makes the CPU of its caller the home.
//! - The same, found by a caller that completes the first bundle: the home did not send for as long
//!   as [`REST`] although it had bundles to wait for, and the caller's CPU takes its place.
//! - A run that was handed to the home was not delivered for as long as [`REST`] (the CPU is kept
//!   by a real-time thread, or went offline): [`Lane::may_move`] says so, the run is moved, and the
//!   CPU that delivers it becomes the home.
//!
//! No CPU is thus waited for longer than [`REST`], and no two CPUs deliver within it, unless one of
//! them goes offline.

use crate::{Instant, Lock, SECOND};
use core::marker::PhantomData;

/// How long nothing was delivered when the home of a lane may change, in nanoseconds.
///
/// Longer than a packet stays in a queue that is per CPU: a backlog is emptied by the softirq that
/// follows, which a virtual CPU without time may delay by some tens of milliseconds.
pub const REST: u64 = SECOND / 10;

/// The places of a lane when the first bundle comes; doubled as often as needed.
const FIRST_PLACES: usize = 4;

/// A bundle is light if no more packets than this were in flight before it, itself included.
const LIGHT: u32 = 4;

/// Where and when a lane is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Here {
    /// The CPU that the caller runs on.
    pub cpu: u32,
    /// The time, by a clock that need not be finer than a few milliseconds.
    pub now: Instant,
}

/// The position of a bundle in the order; greater ones are later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    number: u64,
    weight: u32,
    home: u32,
    alone: bool,
    light: bool,
}

impl Place {
    /// Whether nothing else was in flight when the place was given.
    #[inline]
    pub const fn is_alone(&self) -> bool {
        self.alone
    }

    /// Whether the peer has so few packets in flight that they need not wait behind those of peers
    /// with many.
    #[inline]
    pub const fn is_light(&self) -> bool {
        self.light
    }

    /// The CPU that delivers, unless that changes.
    #[inline]
    pub const fn home(&self) -> u32 {
        self.home
    }
}

/// Who delivers a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Turn {
    /// There is no run to deliver now.
    None,
    /// The caller, on its CPU.
    Here,
    /// This CPU, to which the caller hands the run.
    On(u32),
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
    /// Too many packets are in flight.
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
    in_flight: u32,
    /// The part of it that has been handed out for delivery.
    in_delivery: u32,
    delivering: bool,
    home: u32,
    /// When the home was chosen, or the last run had been delivered.
    active: Instant,
    _of: PhantomData<B>,
}

impl<B, M: Places<B>> State<B, M> {
    /// Nothing in flight.
    pub fn new() -> Self {
        State {
            places: M::default(),
            head: 0,
            tail: 0,
            in_flight: 0,
            in_delivery: 0,
            delivering: false,
            home: u32::MAX,
            active: Instant(0),
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

    /// Whether nothing of this lane can still be in flight below the home.
    fn rests(&self, now: Instant) -> bool {
        self.home == u32::MAX || now.since(self.active) >= REST
    }

    fn settle(&mut self, here: Here) {
        self.home = here.cpu;
        self.active = here.now;
    }

    fn admit(&mut self, weight: u32, limit: u32, here: Here) -> Result<Place, Refused> {
        if self.in_flight >= limit {
            return Err(Refused::Full);
        }
        if (self.tail - self.head) as usize == self.len() {
            self.grow().ok_or(Refused::NoMemory)?;
        }
        // A bundle without packets must not fill the memory either.
        let weight = weight.max(1);
        let number = self.tail;
        let alone = self.head == number && !self.delivering;
        if alone && self.rests(here.now) {
            self.settle(here);
        }
        self.tail += 1;
        self.in_flight = self.in_flight.saturating_add(weight);
        Ok(Place {
            number,
            weight,
            home: self.home,
            alone,
            light: self.in_flight <= LIGHT,
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

    /// Takes the bundles that are done at the front; true if there were any. Those taken before
    /// count as delivered.
    fn take_run(&mut self, mut run: impl FnMut(B)) -> bool {
        self.in_flight = self.in_flight.saturating_sub(self.in_delivery);
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

    /// Takes a run; `delivering` says whether there was one.
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

/// A reorder buffer: `B` is a bundle, `M` the memory of the places, `L` the lock.
pub struct Lane<B, M, L> {
    state: L,
    _of: PhantomData<fn() -> (B, M)>,
}

impl<B, M: Places<B>, L: Lock<State<B, M>>> Lane<B, M, L> {
    /// An empty lane.
    pub const fn new(state: L) -> Self {
        Lane {
            state,
            _of: PhantomData,
        }
    }

    /// Gives a place in the order to a bundle of `weight` packets, unless a weight of `limit` or
    /// more is in flight; so a bundle that is heavier than the limit is admitted in the end. The
    /// caller must [`Lane::complete`] it.
    ///
    /// # Errors
    ///
    /// Nothing has changed then.
    pub fn admit(&self, weight: u32, limit: u32, here: Here) -> Result<Place, Refused> {
        self.state.with(|state| state.admit(weight, limit, here))
    }

    /// Puts a bundle back in its place, done. `run` is given, under the lock and in order, the
    /// bundles that are to be delivered now; the answer says by which CPU.
    pub fn complete(&self, place: Place, bundle: B, here: Here, run: impl FnMut(B)) -> Turn {
        self.state.with(|state| {
            state.put_back(place, bundle);
            if state.delivering || !state.next_run(run) {
                return Turn::None;
            }
            if state.home != here.cpu && state.rests(here.now) {
                state.settle(here);
            }
            if state.home == here.cpu {
                Turn::Here
            } else {
                Turn::On(state.home)
            }
        })
    }

    /// Takes the next run to deliver; false if there is none, which ends the delivery. For the
    /// deliverer, which has delivered all that it was given before, on this CPU.
    #[must_use]
    pub fn next_run(&self, here: Here, run: impl FnMut(B)) -> bool {
        self.state.with(|state| {
            state.settle(here);
            state.next_run(run)
        })
    }

    /// Whether a run that was handed to the home, and that waits there, may be moved to another
    /// CPU.
    pub fn may_move(&self, now: Instant) -> bool {
        self.state.with(|state| state.rests(now))
    }

    /// The mistake that the head of this file warns of: looks, lets go of the lock, and only
    /// then ends the delivery. For the model, which has to find it.
    #[cfg(loom)]
    pub fn next_run_with_a_gap(&self, run: impl FnMut(B)) -> bool {
        let any = self.state.with(|state| state.take_run(run));
        self.state.with(|state| state.delivering = any);
        any
    }

    /// Another mistake: any CPU delivers what it finds done. For the model, which has to see it.
    #[cfg(loom)]
    pub fn complete_anywhere(&self, place: Place, bundle: B, run: impl FnMut(B)) -> Turn {
        self.state.with(|state| {
            state.put_back(place, bundle);
            if state.delivering || !state.next_run(run) {
                return Turn::None;
            }
            Turn::Here
        })
    }
}
