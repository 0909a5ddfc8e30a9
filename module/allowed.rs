// SPDX-License-Identifier: GPL-2.0

//! Allowed IPs (paper, section 2: cryptokey routing) over memory that readers share by RCU.
//!
//! The trie itself is `wg_protocol::allowedips`; here are its nodes. Readers look up under RCU;
//! the one writer holds rtnl. A node that leaves the trie is used again after a grace period.
#![forbid(unsafe_code)]

use crate::{
    kapi::{chunks::Chunks, limbo::Limbo, rcu::RcuGuard, skb::InnerAddress},
    peer::Peer,
};
use kernel::{alloc::flags::GFP_KERNEL, prelude::*, sync::Arc};
use wg_protocol::allowedips::{
    self, Error as TrieError, NoMemory, Node4, Node6, Nodes, Owner, Owners, Prefix,
};

/// The most nodes that one insertion takes: the entry, and the fork above it.
const PER_INSERT: usize = 2;

/// The shared half: nodes by number.
pub(crate) struct Arena<N>(Chunks<N>);

impl<N: Default> Nodes<N> for Arena<N> {
    #[inline]
    fn get(&self, id: u32) -> Option<&N> {
        self.0.get(id)
    }
}

/// The writer's half: which numbers are free.
pub(crate) struct Slots {
    limbo: Limbo,
    /// Numbers from here on were never used.
    fresh: u32,
}

impl Slots {
    const fn new() -> Self {
        Slots {
            limbo: Limbo::new(),
            fresh: 0,
        }
    }

    /// Makes sure that the next `PER_INSERT` allocations succeed. Sleeps.
    fn reserve<N: Default>(&mut self, nodes: &Arena<N>) -> Result {
        let spare = nodes.0.len().saturating_sub(self.fresh) as usize;
        if spare >= PER_INSERT || self.limbo.has(PER_INSERT) {
            return Ok(());
        }
        nodes.0.grow(GFP_KERNEL)
    }
}

impl<N: Default> allowedips::Slots<Arena<N>> for Slots {
    fn alloc(&mut self, nodes: &Arena<N>) -> Result<u32, NoMemory> {
        if let Some(id) = self.limbo.take() {
            return Ok(id);
        }
        if self.fresh >= nodes.0.len() {
            return Err(NoMemory);
        }
        let id = self.fresh;
        self.fresh += 1;
        Ok(id)
    }

    fn retire(&mut self, _nodes: &Arena<N>, id: u32) {
        self.limbo.retire(id);
    }

    fn release(&mut self, _nodes: &Arena<N>, id: u32) {
        // Without memory to note it the number stays unused.
        let _ = self.limbo.give(id);
    }
}

pub(crate) type Trie = allowedips::AllowedIps<Arena<Node4>, Arena<Node6>>;
pub(crate) type Writer = allowedips::Writer<Slots, Slots>;

/// A trie without entries.
pub(crate) const fn trie() -> Trie {
    Trie::new(Arena(Chunks::new()), Arena(Chunks::new()))
}

/// Its writer.
pub(crate) const fn writer() -> Writer {
    Writer::new(Slots::new(), Slots::new())
}

/// The id of the peer that an address belongs to. In a read section.
#[inline]
pub(crate) fn lookup(trie: &Trie, address: InnerAddress, _section: &RcuGuard) -> Option<u32> {
    match address {
        InnerAddress::V4(ip) => trie.lookup4(ip),
        InnerAddress::V6(ip) => trie.lookup6(ip),
    }
}

/// The peers by their ids, as the holder of rtnl knows them.
pub(crate) struct ById(pub(crate) KVVec<Option<Arc<Peer>>>);

impl Owners for ById {
    fn owner(&self, peer: u32) -> Option<&Owner> {
        let peer = self.0.get(peer as usize)?.as_ref()?;
        Some(&peer.allowed)
    }
}

/// Gives a prefix to a peer, whoever had it.
///
/// # Errors
///
/// `ENOMEM`; nothing has changed then.
pub(crate) fn insert(
    trie: &Trie,
    writer: &mut Writer,
    peers: &ById,
    prefix: Prefix,
    peer: u32,
) -> Result {
    let (slots4, slots6) = writer.slots_mut();
    match prefix {
        Prefix::V4 { .. } => slots4.reserve(trie.nodes4())?,
        Prefix::V6 { .. } => slots6.reserve(trie.nodes6())?,
    }
    writer
        .insert(trie, peers, prefix, peer)
        .map_err(|error| match error {
            TrieError::NoMemory => ENOMEM,
            TrieError::UnknownPeer => EINVAL,
        })
}
