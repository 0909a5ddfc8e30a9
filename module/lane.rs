// SPDX-License-Identifier: GPL-2.0

//! A peer's order of completion, one lane for each direction.
//!
//! Bundles get their places in the order they are admitted, are worked on by any CPU, and are
//! delivered in the order of their places, whoever finishes first.
//!
//! # Why nothing gets stuck
//!
//! Everything about a lane changes under its one lock, taken twice for each bundle. A bundle is
//! *done* when it stands in its place again. Whoever puts one back and sees the first place filled,
//! while nobody delivers, becomes the one who delivers; it goes on until it finds, under the lock,
//! that the first place is not filled, and in that same critical section stops being it. So at every
//! release of the lock either nobody waits at the front, or somebody is on the way to deliver it;
//! there is no moment between looking and leaving in which a bundle could arrive unseen.
//!
//! A bundle is put back in any case: opening and sealing cannot fail but only lose packets from it,
//! and the queue it waits in is drained by workers that are queued whenever it is not empty. A CPU
//! that goes offline takes no worker with it: its work is done by others.
#![forbid(unsafe_code)]

use crate::{
    bundle::Bundle,
    kapi::{
        lock::{Class, SpinLock},
        queue::Queue,
    },
};
use kernel::{
    alloc::flags::{__GFP_NOWARN, GFP_ATOMIC},
    prelude::*,
};
use wg_protocol::message::MAX_QUEUED;

struct Inner {
    /// Place `n` is at `n & (len - 1)`; the length is a power of two, or zero.
    ring: KVec<Option<KBox<Bundle>>>,
    /// The place to be delivered next.
    head: u64,
    /// The place to be given next.
    tail: u64,
    delivering: bool,
}

impl Inner {
    fn slot(&mut self, place: u64) -> Option<&mut Option<KBox<Bundle>>> {
        let mask = self.ring.len().wrapping_sub(1);
        self.ring.get_mut(place as usize & mask)
    }

    fn grow(&mut self) -> Result {
        let len = (self.ring.len() * 2).max(4);
        let mut ring = KVec::with_capacity(len, GFP_ATOMIC | __GFP_NOWARN)?;
        for _ in 0..len {
            ring.push(None, GFP_ATOMIC)?;
        }
        for place in self.head..self.tail {
            let bundle = self.slot(place).and_then(Option::take);
            if let Some(slot) = ring.get_mut(place as usize & (len - 1)) {
                *slot = bundle;
            }
        }
        self.ring = ring;
        Ok(())
    }

    /// The bundles that are done at the front; `None` ends the delivering.
    fn run(&mut self) -> Option<Queue<Bundle>> {
        let mut run = Queue::new();
        while self.head != self.tail {
            let Some(bundle) = self.slot(self.head).and_then(|slot| slot.take()) else {
                break;
            };
            self.head += 1;
            run.push(bundle);
        }
        self.delivering = !run.is_empty();
        self.delivering.then_some(run)
    }
}

/// See the head of this file.
pub(crate) struct Lane(SpinLock<Inner>);

impl Lane {
    /// An empty lane.
    pub(crate) fn new() -> Self {
        Lane(SpinLock::new(
            Inner {
                ring: KVec::new(),
                head: 0,
                tail: 0,
                delivering: false,
            },
            Class::Lane,
        ))
    }

    /// A place in the order. Whoever gets one must [`Lane::complete`] it.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if too many are under way, or `ENOMEM`.
    pub(crate) fn admit(&self) -> Result<u64> {
        let mut inner = self.0.lock();
        let count = (inner.tail - inner.head) as usize;
        if count >= MAX_QUEUED {
            return Err(ENOSPC);
        }
        if count == inner.ring.len() {
            inner.grow()?;
        }
        let place = inner.tail;
        inner.tail += 1;
        Ok(place)
    }

    /// Puts a bundle back in its place, done. If a run is given back, the caller delivers it, and
    /// then whatever [`Lane::next_run`] gives, until that is nothing.
    #[must_use]
    pub(crate) fn complete(&self, bundle: KBox<Bundle>) -> Option<Queue<Bundle>> {
        let mut inner = self.0.lock();
        let place = bundle.place;
        if let Some(slot) = inner.slot(place) {
            *slot = Some(bundle);
        }
        if inner.delivering {
            return None;
        }
        inner.run()
    }

    /// More to deliver, for the one who delivers; `None` if there is nothing, and then others may.
    #[must_use]
    pub(crate) fn next_run(&self) -> Option<Queue<Bundle>> {
        self.0.lock().run()
    }
}
