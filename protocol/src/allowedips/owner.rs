// SPDX-License-Identifier: GPL-2.0
//! A peer's entries in the order in which they were given to it: a doubly linked list through the
//! nodes of both tries.
//!
//! Each peer has one [`Owner`], kept by the caller. Only the writer touches it; it is made of
//! atomics so that the writer can reach the lists of two peers by shared reference.

use super::bits::Bits;
use super::node::{Links, Node, Node4, Node6};
use super::{AllowedIps, Nodes, Prefix, NONE};
use crate::sync::{constructor, AtomicU32, Ordering};

/// The ends of a peer's list.
pub struct Owner {
    head: AtomicU32,
    tail: AtomicU32,
}

impl Owner {
    constructor! {
        /// A peer without entries.
        pub const fn new() -> Self {
            Self {
                head: AtomicU32::new(NONE),
                tail: AtomicU32::new(NONE),
            }
        }
    }

    /// Whether the peer has no entries. For the writer.
    pub fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed) == NONE
    }
}

impl Default for Owner {
    fn default() -> Self {
        Self::new()
    }
}

/// The caller's peers by number.
pub trait Owners {
    /// The list of this peer; `None` if there is no such peer.
    fn owner(&self, peer: u32) -> Option<&Owner>;
}

/// A node of either trie as the lists name it: the number times two, plus one for IPv6.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Link(pub(super) u32);

impl Link {
    pub(super) const fn v4(id: u32) -> Self {
        Self(id << 1)
    }

    pub(super) const fn v6(id: u32) -> Self {
        Self(id << 1 | 1)
    }

    pub(super) const fn id(self) -> u32 {
        self.0 >> 1
    }

    pub(super) const fn is_v6(self) -> bool {
        self.0 & 1 == 1
    }
}

impl<A4: Nodes<Node4>, A6: Nodes<Node6>> AllowedIps<A4, A6> {
    pub(super) fn first(owner: &Owner) -> Link {
        Link(owner.head.load(Ordering::Relaxed))
    }

    /// The entry after `link`.
    pub(super) fn after(&self, link: Link) -> Link {
        let next = self.links(link).map(|l| l.next.load(Ordering::Relaxed));
        Link(next.unwrap_or(NONE))
    }

    /// The prefix of an entry.
    pub(super) fn prefix(&self, link: Link) -> Option<Prefix> {
        if link.0 == NONE {
            None
        } else if link.is_v6() {
            let node = self.nodes6.get(link.id())?;
            let cidr = node.links().cidr().min(u128::WIDTH);
            let addr = node.bits().to_be_bytes();
            Some(Prefix::V6 { addr, cidr })
        } else {
            let node = self.nodes4.get(link.id())?;
            let cidr = node.links().cidr().min(u32::WIDTH);
            let addr = node.bits().to_be_bytes();
            Some(Prefix::V4 { addr, cidr })
        }
    }

    /// Puts an entry that is in no list at the end of the owner's.
    pub(super) fn append(&self, owner: &Owner, link: Link) {
        let Some(links) = self.links(link) else {
            return;
        };
        let last = owner.tail.load(Ordering::Relaxed);
        links.previous.store(last, Ordering::Relaxed);
        links.next.store(NONE, Ordering::Relaxed);
        let before = self.links(Link(last)).map_or(&owner.head, |l| &l.next);
        before.store(link.0, Ordering::Relaxed);
        owner.tail.store(link.0, Ordering::Relaxed);
    }

    /// Takes an entry out of its owner's list.
    pub(super) fn unlink(&self, owner: &Owner, link: Link) {
        let Some(links) = self.links(link) else {
            return;
        };
        let previous = links.previous.load(Ordering::Relaxed);
        let next = links.next.load(Ordering::Relaxed);
        let before = self.links(Link(previous)).map_or(&owner.head, |l| &l.next);
        let after = self.links(Link(next)).map_or(&owner.tail, |l| &l.previous);
        before.store(next, Ordering::Relaxed);
        after.store(previous, Ordering::Relaxed);
    }

    fn links(&self, link: Link) -> Option<&Links> {
        if link.0 == NONE {
            None
        } else if link.is_v6() {
            self.nodes6.get(link.id()).map(Node::links)
        } else {
            self.nodes4.get(link.id()).map(Node::links)
        }
    }
}
