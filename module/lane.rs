// SPDX-License-Identifier: GPL-2.0

//! A peer's order of completion, one lane for each direction, in the kernel's memory and under its
//! locks. What a lane is, and why nothing gets stuck in it, stands in `wg_protocol::lane`.
//!
//! Whoever has a place completes it in any case: opening and sealing cannot fail but only lose
//! packets from a bundle, and the queue that a bundle waits in is drained by workers that are queued
//! whenever it is not empty. A CPU that goes offline takes no worker with it: its work is done by
//! others.
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
use wg_protocol::{
    lane::{self, Done, Place, Refused},
    message::MAX_QUEUED,
};

type Waiting = Option<Done<KBox<Bundle>>>;

/// The places of a lane.
struct Places(KVec<Waiting>);

impl Default for Places {
    fn default() -> Self {
        Places(KVec::new())
    }
}

impl AsMut<[Waiting]> for Places {
    #[inline]
    fn as_mut(&mut self) -> &mut [Waiting] {
        &mut self.0
    }
}

impl lane::Places<KBox<Bundle>> for Places {
    fn empty(len: usize) -> Option<Self> {
        let mut places = KVec::with_capacity(len, GFP_ATOMIC | __GFP_NOWARN).ok()?;
        for _ in 0..len {
            places.push(None, GFP_ATOMIC).ok()?;
        }
        Some(Places(places))
    }
}

type State = lane::State<KBox<Bundle>, Places>;

/// See the head of this file.
pub(crate) struct Lane(lane::Lane<KBox<Bundle>, Places, SpinLock<State>>);

impl Lane {
    /// An empty lane.
    pub(crate) fn new() -> Self {
        let state = SpinLock::new(State::new(), Class::Lane);
        Lane(lane::Lane::new(state, MAX_QUEUED as u32))
    }

    /// A place in the order for a bundle of this weight, of which [`MAX_QUEUED`] may be under way.
    /// Whoever gets one must [`Lane::complete`] it.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if too many are under way, or `ENOMEM`.
    pub(crate) fn admit(&self, weight: usize) -> Result<Place> {
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        self.0.admit(weight).map_err(|refused| match refused {
            Refused::Full => ENOSPC,
            Refused::NoMemory => ENOMEM,
        })
    }

    /// Puts a bundle back in its place, done. If a run is given back, the caller delivers it, and
    /// then whatever [`Lane::next_run`] gives, until that is nothing.
    #[must_use]
    pub(crate) fn complete(&self, bundle: KBox<Bundle>) -> Option<Queue<Bundle>> {
        let mut run = Queue::new();
        let place = bundle.place;
        self.0
            .complete(place, bundle, |bundle| run.push(bundle))
            .then_some(run)
    }

    /// Whether there is more to deliver, for the one who delivers and leaves it to a worker, who has
    /// to call [`Lane::next_run`]; if there is not, others may deliver.
    #[must_use]
    pub(crate) fn more(&self) -> bool {
        self.0.more()
    }

    /// More to deliver, for the one who delivers; `None` if there is nothing, and then others may.
    #[must_use]
    pub(crate) fn next_run(&self) -> Option<Queue<Bundle>> {
        let mut run = Queue::new();
        self.0.next_run(|bundle| run.push(bundle)).then_some(run)
    }
}
