// SPDX-License-Identifier: GPL-2.0

//! The unit of work: packets of one peer under one key.
//!
//! Everything that is paid on the data path (queue, work item, references, locks, FPU section,
//! route) is paid for a bundle and not for each of its packets.
#![forbid(unsafe_code)]

use crate::{
    bound::Bound,
    kapi::{
        crypt::{Load, Packets, Work},
        queue::{Link, Linked, Queue},
        rcu::RcuArc,
        skb::Chain,
        socket::Endpoint,
    },
    keypair::Keypair,
    lane::Lane,
    peer::Peer,
};
use kernel::{prelude::*, sync::Arc};
use wg_protocol::lane::Place;

/// What a bundle needs done.
pub(crate) enum Task {
    /// Seal; the packets have the counters from `first` on.
    Seal { first: u64 },
    /// Open; all came from the same endpoint.
    Open { from: Endpoint },
}

/// Packets of one peer under one key, with a place in the peer's lane.
pub(crate) struct Bundle {
    pub(crate) task: Task,
    pub(crate) peer: Arc<Peer>,
    pub(crate) keypair: RcuArc<Keypair>,
    pub(crate) packets: Packets,
    /// Its place in the peer's lane.
    pub(crate) place: Place,
    /// If this bundle is the first of a run: the other bundles of the run.
    pub(crate) behind: Queue<Bundle>,
    /// Received bundles: what was delivered so far, to be accounted at the end.
    pub(crate) tally: Tally,
    /// The packets that are counted in the device's bound.
    charged: u32,
    link: Link<Bundle>,
}

/// What became of the packets of a received bundle.
#[derive(Default)]
pub(crate) struct Tally {
    /// The replay window has been asked.
    pub(crate) checked: bool,
    pub(crate) delivered: u32,
    pub(crate) keepalives: u32,
    pub(crate) bytes: u64,
}

impl Bundle {
    pub(crate) fn new(
        task: Task,
        peer: Arc<Peer>,
        keypair: RcuArc<Keypair>,
        packets: Chain,
        place: Place,
    ) -> Self {
        Bundle {
            task,
            peer,
            keypair,
            packets: Packets::new(packets),
            place,
            behind: Queue::new(),
            tally: Tally::default(),
            charged: 0,
            link: Link::new(),
        }
    }

    /// Counts the packets in the device's bound for as long as the bundle exists.
    pub(crate) fn charge(&mut self) {
        let packets = self.packets.chain.len() as u32;
        self.bound().charge(packets);
        self.charged += packets;
    }

    /// The lane that the bundle has its place in.
    pub(crate) fn lane(&self) -> &Lane {
        match self.task {
            Task::Seal { .. } => &self.peer.tx,
            Task::Open { .. } => &self.peer.rx,
        }
    }

    fn bound(&self) -> &Bound {
        match self.task {
            Task::Seal { .. } => &self.peer.dev.tx_bound,
            Task::Open { .. } => &self.peer.dev.rx_bound,
        }
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        if self.charged != 0 {
            self.bound().release(self.charged);
        }
    }
}

impl Linked for Bundle {
    fn link(&self) -> &Link<Self> {
        &self.link
    }
}

impl Load for Bundle {
    fn work(&self) -> Work<'_> {
        match self.task {
            Task::Seal { first } => Work::Seal {
                key: &self.keypair.sending,
                receiver: self.keypair.remote_index,
                first,
            },
            Task::Open { .. } => Work::Open {
                key: &self.keypair.receiving,
            },
        }
    }

    fn packets(&mut self) -> &mut Packets {
        &mut self.packets
    }
}

/// Makes one run of several bundles: the first carries the others behind it.
pub(crate) fn run_of(mut bundles: Queue<Bundle>) -> Option<KBox<Bundle>> {
    let mut first = bundles.pop()?;
    first.behind = bundles;
    Some(first)
}
