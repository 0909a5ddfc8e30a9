// SPDX-License-Identifier: GPL-2.0
//! The trie itself, of either width: lookup for everyone, insertion and removal for the writer.
//!
//! # Invariants
//!
//! A node's prefix is longer than its parent's and begins with it. A node without a peer is a fork:
//! it has two children. So there are fewer forks than entries, and a path has at most one node for
//! each length.

use super::bits::Bits;
use super::node::{Links, Node};
use super::{NoMemory, Nodes, Slots, NONE};
use crate::sync::{AtomicU32, Ordering};

/// Numbers of nodes lie below this, so that a number and an IP version fit in a word.
const IDS: u32 = NONE >> 1;

/// The peer of the longest prefix of `key`.
#[inline]
pub(super) fn lookup<N: Node>(
    root: &AtomicU32,
    nodes: &impl Nodes<N>,
    key: N::Bits,
) -> Option<u32> {
    let mut found = NONE;
    let mut id = root.load(Ordering::Acquire);
    // A path has no more nodes than this, so the bound is never felt; it makes plain that a lookup
    // ends, whatever the writer does meanwhile.
    for _ in 0..u32::from(N::Bits::WIDTH) + 1 {
        let Some(node) = nodes.get(id) else { break };
        let links = node.links();
        let cidr = links.cidr();
        if !node.covers(key, cidr) {
            break;
        }
        let peer = links.peer.load(Ordering::Acquire);
        if peer != NONE {
            found = peer;
        }
        if cidr == N::Bits::WIDTH {
            break;
        }
        id = links.child(key.bit(cidr)).load(Ordering::Acquire);
    }
    (found != NONE).then_some(found)
}

/// What became of an insertion.
pub(super) struct Inserted {
    /// The entry's node.
    pub(super) id: u32,
    /// Whose the prefix was before, if anyone's.
    pub(super) displaced: Option<u32>,
}

/// A trie under its writer's hands.
pub(super) struct Trie<'a, A, S> {
    pub(super) root: &'a AtomicU32,
    pub(super) nodes: &'a A,
    pub(super) slots: &'a mut S,
}

impl<'a, A, S: Slots<A>> Trie<'a, A, S> {
    /// Gives the prefix to `peer`. The list links of the node are left to the caller.
    pub(super) fn insert<N: Node + 'a>(
        &mut self,
        key: N::Bits,
        cidr: u8,
        peer: u32,
    ) -> Result<Inserted, NoMemory>
    where
        A: Nodes<N>,
    {
        let cidr = cidr.min(N::Bits::WIDTH);
        let key = key.masked(cidr);
        let place = self.descend(key, cidr);
        if place.exact {
            if let Some(node) = self.nodes.get(place.down) {
                let old = node.links().peer.load(Ordering::Relaxed);
                node.links().peer.store(peer, Ordering::Release);
                return Ok(Inserted {
                    id: place.down,
                    displaced: (old != NONE).then_some(old),
                });
            }
        }
        let (id, node) = self.alloc()?;
        node.set_bits(key);
        node.links().fill(cidr, peer, place.parent);

        if let Some(down) = self.nodes.get(place.down) {
            let shared = down.bits().common(key).min(cidr);
            if shared == cidr {
                // Above what is there.
                let side = down.bits().bit(shared);
                node.links()
                    .child(side)
                    .store(place.down, Ordering::Relaxed);
                down.links().parent.store(id, Ordering::Relaxed);
                place.slot.store(id, Ordering::Release);
            } else {
                // Beside what is there, below a fork.
                let (fork_id, fork) = match self.alloc() {
                    Ok(allocated) => allocated,
                    Err(no_memory) => {
                        self.slots.release(self.nodes, id);
                        return Err(no_memory);
                    }
                };
                let side = key.bit(shared);
                fork.set_bits(key.masked(shared));
                fork.links().fill(shared, NONE, place.parent);
                fork.links().child(side).store(id, Ordering::Relaxed);
                fork.links()
                    .child(!side)
                    .store(place.down, Ordering::Relaxed);
                node.links().parent.store(fork_id, Ordering::Relaxed);
                down.links().parent.store(fork_id, Ordering::Relaxed);
                place.slot.store(fork_id, Ordering::Release);
            }
        } else {
            place.slot.store(id, Ordering::Release);
        }
        Ok(Inserted {
            id,
            displaced: None,
        })
    }

    /// The node of exactly this prefix if it is an entry of `peer`.
    pub(super) fn find<N: Node + 'a>(&self, key: N::Bits, cidr: u8, peer: u32) -> Option<u32>
    where
        A: Nodes<N>,
    {
        let cidr = cidr.min(N::Bits::WIDTH);
        let place = self.descend(key.masked(cidr), cidr);
        let owner = self.links(place.down)?.peer.load(Ordering::Relaxed);
        (place.exact && owner == peer).then_some(place.down)
    }

    /// Ends an entry, and with it the nodes that only it needed.
    pub(super) fn remove<N: Node + 'a>(&mut self, id: u32)
    where
        A: Nodes<N>,
    {
        let Some(links) = self.links::<N>(id) else {
            return;
        };
        links.peer.store(NONE, Ordering::Relaxed);
        let [left, right] = links.child.each_ref().map(|c| c.load(Ordering::Relaxed));
        if left != NONE && right != NONE {
            return;
        }
        let child = if left == NONE { right } else { left };
        let parent = self.replace::<N>(id, child);
        if child != NONE {
            return;
        }
        // A leaf is gone: a fork above it has one child left and is no fork any more.
        if let Some(above) = self.links::<N>(parent) {
            if above.peer.load(Ordering::Relaxed) == NONE {
                let [left, right] = above.child.each_ref().map(|c| c.load(Ordering::Relaxed));
                let sibling = if left == NONE { right } else { left };
                self.replace::<N>(parent, sibling);
            }
        }
    }

    /// Puts `below` (a child of `id`, or nothing) in the place of `id`, and returns the node above.
    fn replace<N: Node + 'a>(&mut self, id: u32, below: u32) -> u32
    where
        A: Nodes<N>,
    {
        let Some(links) = self.links::<N>(id) else {
            return NONE;
        };
        let parent = links.parent.load(Ordering::Relaxed);
        let slot = match self.links::<N>(parent) {
            None => self.root,
            Some(above) => {
                let on_the_left = above.child(false).load(Ordering::Relaxed) == id;
                above.child(!on_the_left)
            }
        };
        if let Some(child) = self.links::<N>(below) {
            child.parent.store(parent, Ordering::Relaxed);
        }
        slot.store(below, Ordering::Release);
        self.slots.retire(self.nodes, id);
        parent
    }

    /// Walks down as long as nodes are prefixes of the given one.
    fn descend<N: Node + 'a>(&self, key: N::Bits, cidr: u8) -> Place<'a>
    where
        A: Nodes<N>,
    {
        let mut place = Place {
            parent: NONE,
            slot: self.root,
            down: self.root.load(Ordering::Relaxed),
            exact: false,
        };
        while let Some(node) = self.nodes.get(place.down) {
            let length = node.links().cidr();
            if length > cidr || !node.covers(key, length) {
                break;
            }
            if length == cidr {
                place.exact = true;
                break;
            }
            place.parent = place.down;
            place.slot = node.links().child(key.bit(length));
            place.down = place.slot.load(Ordering::Relaxed);
        }
        place
    }

    fn links<N: Node + 'a>(&self, id: u32) -> Option<&'a Links>
    where
        A: Nodes<N>,
    {
        self.nodes.get(id).map(Node::links)
    }

    fn alloc<N: Node + 'a>(&mut self) -> Result<(u32, &'a N), NoMemory>
    where
        A: Nodes<N>,
    {
        let id = self.slots.alloc(self.nodes)?;
        match self.nodes.get(id) {
            Some(node) if id < IDS => Ok((id, node)),
            _ => {
                self.slots.release(self.nodes, id);
                Err(NoMemory)
            }
        }
    }
}

/// Where a prefix is, or would go.
struct Place<'a> {
    /// The last node above.
    parent: u32,
    /// The link that leads to `down`.
    slot: &'a AtomicU32,
    /// The prefix's own node if `exact`; otherwise what stands where it would go, if anything.
    down: u32,
    exact: bool,
}
