// SPDX-License-Identifier: GPL-2.0

//! The unit of work: packets of one peer under one key.
//!
//! Whatever is paid on the data path (queue, work item, references, locks, FPU section, route) is
//! paid for a bundle and not for each of its packets.
#![forbid(unsafe_code)]

use crate::{
    kapi::{
        queue::{Link, Linked},
        rcu::RcuArc,
        skb::Chain,
        socket::Endpoint,
    },
    keypair::Keypair,
    peer::Peer,
};
use kernel::sync::Arc;
use wg_protocol::lane::Place;

/// What a bundle needs done.
pub(crate) enum Task {
    /// Seal; the packets have the counters from `first` on.
    Seal { first: u64 },
    /// Open; all came from the same endpoint.
    Open { from: Endpoint },
    /// Go on sending what is ready in the peer's lane: this bundle, sent and empty, keeps the turn.
    SendOn,
}

/// See the head of this file.
pub(crate) struct Bundle {
    pub(crate) task: Task,
    pub(crate) peer: Arc<Peer>,
    pub(crate) keypair: RcuArc<Keypair>,
    pub(crate) packets: Chain,
    /// Its place in the peer's lane.
    pub(crate) place: Place,
    /// Received bundles: the last of the run that was handed to NAPI.
    pub(crate) ends_run: bool,
    /// Received bundles: what was delivered so far, to be accounted at the end.
    pub(crate) tally: Tally,
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
            packets,
            place,
            ends_run: false,
            tally: Tally::default(),
            link: Link::new(),
        }
    }
}

impl Linked for Bundle {
    fn link(&self) -> &Link<Self> {
        &self.link
    }
}
