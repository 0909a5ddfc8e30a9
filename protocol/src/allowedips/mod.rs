// SPDX-License-Identifier: GPL-2.0
//! Allowed IPs: which peer an address belongs to, by the longest prefix (section 2 of the WireGuard
//! paper, "cryptokey routing").
//!
//! Two path-compressed binary tries, one for each IP version, over arenas of nodes that name each
//! other by number. There is one table per device, in two halves:
//!
//! - [`AllowedIps`] is what lookups need. All its methods take `&self` and may run on any number of
//!   CPUs at any time, beside one writer.
//! - [`Writer`] is what changes it, and there is one. It holds the arenas' free lists.
//!
//! # How readers and the writer get along
//!
//! A node is filled in while nobody can see it, then published by one store to a link (release,
//! against acquire in the reader). After that its prefix never changes, only its peer and its links
//! do, each a single word. A node that is taken out keeps its contents, so a reader that stands on
//! it walks on into the table; [`Slots::retire`] must not hand it out again before every such
//! reader has gone (in a kernel: an RCU grace period). At any moment a lookup gives the answer of
//! before or after each change in progress. Peers are named by number too: whoever frees a peer
//! calls [`Writer::remove_all`] and waits for readers before the number is used again.

mod bits;
mod node;
mod owner;
mod prefix;
mod trie;
mod writer;

use crate::sync::{constructor, AtomicU32};
pub use node::{Node4, Node6};
pub use owner::{Owner, Owners};
pub use prefix::Prefix;
pub use writer::{Cursor, Entries, Error, Writer};

/// Never the number of a peer, and never that of a node.
pub const NONE: u32 = u32::MAX;

/// The half of an arena that readers see.
pub trait Nodes<N> {
    /// The node of this number; `None` for numbers that [`Slots::alloc`] never gave out, [`NONE`]
    /// above all.
    fn get(&self, id: u32) -> Option<&N>;
}

/// The half of an arena that belongs to the writer. `A` is the other half, where a new chunk of
/// nodes can be published.
pub trait Slots<A> {
    /// A node that no reader can reach, with any contents. Its number is less than 2^31 - 1.
    fn alloc(&mut self, nodes: &A) -> Result<u32, NoMemory>;

    /// The node is out of the trie, but readers that began before now may still be on it: to be
    /// given out again only when they have gone.
    fn retire(&mut self, nodes: &A, id: u32);

    /// The node was never in the trie: may be given out again at once.
    fn release(&mut self, nodes: &A, id: u32);
}

/// There was no memory for a node. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

/// What lookups need: the roots and the nodes.
pub struct AllowedIps<A4, A6> {
    root4: AtomicU32,
    root6: AtomicU32,
    nodes4: A4,
    nodes6: A6,
}

impl<A4: Nodes<Node4>, A6: Nodes<Node6>> AllowedIps<A4, A6> {
    constructor! {
        /// An empty table over these nodes.
        pub const fn new(nodes4: A4, nodes6: A6) -> Self {
            Self {
                root4: AtomicU32::new(NONE),
                root6: AtomicU32::new(NONE),
                nodes4,
                nodes6,
            }
        }
    }

    /// The nodes of the IPv4 trie.
    pub const fn nodes4(&self) -> &A4 {
        &self.nodes4
    }

    /// The nodes of the IPv6 trie.
    pub const fn nodes6(&self) -> &A6 {
        &self.nodes6
    }

    /// The peer of an IPv4 address.
    pub fn lookup4(&self, ip: [u8; 4]) -> Option<u32> {
        trie::lookup(&self.root4, &self.nodes4, u32::from_be_bytes(ip))
    }

    /// The peer of an IPv6 address.
    pub fn lookup6(&self, ip: [u8; 16]) -> Option<u32> {
        trie::lookup(&self.root6, &self.nodes6, u128::from_be_bytes(ip))
    }
}
