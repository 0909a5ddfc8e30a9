// SPDX-License-Identifier: GPL-2.0

//! A peer's reorder buffer, one for each direction, in the kernel's memory and under its locks.
//! What a lane is, why nothing gets stuck in it and why packets arrive in order is documented in
//! `wg_protocol::lane`.
//!
//! A place is completed in any case: opening and sealing cannot fail but only lose packets from a
//! bundle, and a bundle that waits for a CPU which does not run is taken over by another
//! (`cpu_queue.rs`).
#![forbid(unsafe_code)]

use crate::{
    bundle::{run_of, Bundle},
    kapi::{
        lock::{Class, SpinLock},
        queue::Queue,
        time,
    },
};
use kernel::{
    alloc::flags::{__GFP_NOWARN, GFP_ATOMIC},
    prelude::*,
};
use wg_protocol::lane::{self, Done, Here, Place, Refused, Turn};

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

/// The reorder buffer of one peer and direction.
pub(crate) struct Lane(lane::Lane<KBox<Bundle>, Places, SpinLock<State>>);

/// A run of bundles to deliver, in order, and the CPU that delivers it.
pub(crate) struct Run {
    /// The first bundle, with the others behind it.
    pub(crate) first: KBox<Bundle>,
    /// The number of the CPU; that of the caller, if it is to deliver by itself.
    pub(crate) cpu: usize,
}

fn here(cpu: usize) -> Here {
    Here {
        cpu: cpu as u32,
        now: time::timers(),
    }
}

impl Lane {
    /// An empty lane.
    pub(crate) fn new() -> Self {
        Lane(lane::Lane::new(SpinLock::new(State::new(), Class::Lane)))
    }

    /// Gives a place in the order to a bundle of `weight` packets, unless `limit` packets are in
    /// flight. The caller works for the queue of `cpu`, and must [`Lane::complete`] the bundle.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if too many packets are in flight, or `ENOMEM`.
    pub(crate) fn admit(&self, cpu: usize, weight: usize, limit: u32) -> Result<Place> {
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        self.0
            .admit(weight, limit, here(cpu))
            .map_err(|refused| match refused {
                Refused::Full => ENOSPC,
                Refused::NoMemory => ENOMEM,
            })
    }

    /// Puts a bundle back in its place, done. If a run is given back, the caller sees to it that it
    /// is delivered, after which the deliverer calls [`Lane::next_run`].
    #[must_use]
    pub(crate) fn complete(&self, cpu: usize, bundle: KBox<Bundle>) -> Option<Run> {
        let mut run = Queue::new();
        let (place, here) = (bundle.place, here(cpu));
        let turn = self
            .0
            .complete(place, bundle, here, |bundle| run.push(bundle));
        let cpu = match turn {
            Turn::None => return None,
            Turn::Here => here.cpu,
            Turn::On(cpu) => cpu,
        } as usize;
        run_of(run).map(|first| Run { first, cpu })
    }

    /// Takes the next run, for the deliverer of the last one, on the same CPU. `None` if there is
    /// none, which ends the delivery.
    #[must_use]
    pub(crate) fn next_run(&self, cpu: usize) -> Option<KBox<Bundle>> {
        let mut run = Queue::new();
        let more = self.0.next_run(here(cpu), |bundle| run.push(bundle));
        if more {
            run_of(run)
        } else {
            None
        }
    }

    /// Whether a run that waits for its CPU may be moved to another one.
    pub(crate) fn may_move(&self) -> bool {
        self.0.may_move(time::timers())
    }
}
