// SPDX-License-Identifier: GPL-2.0
//! The nodes of the tries. They lie in chunks that the arena owns.
//!
//! Since a node is read by others while the writer works on its neighbours, everything in it is an
//! atomic. Only the links downwards and the peer order anything; the rest is either fixed before
//! the node is published or read by the writer alone.

use super::bits::Bits;
use super::NONE;
use crate::sync::{constructor, AtomicU32, AtomicU64, AtomicU8, Ordering};

/// What nodes of either width have.
pub(super) struct Links {
    /// Whose prefix this is; [`NONE`] for a mere fork.
    pub(super) peer: AtomicU32,
    /// The nodes below, by the first bit after this node's prefix.
    pub(super) child: [AtomicU32; 2],
    /// The node above. For the writer.
    pub(super) parent: AtomicU32,
    /// The entry before and after in the owner's list, as list links. For the writer.
    pub(super) previous: AtomicU32,
    pub(super) next: AtomicU32,
    cidr: AtomicU8,
}

impl Links {
    constructor! {
        const fn new() -> Self {
            Self {
                peer: AtomicU32::new(NONE),
                child: [AtomicU32::new(NONE), AtomicU32::new(NONE)],
                parent: AtomicU32::new(NONE),
                previous: AtomicU32::new(NONE),
                next: AtomicU32::new(NONE),
                cidr: AtomicU8::new(0),
            }
        }
    }

    /// The length of the prefix.
    #[inline]
    pub(super) fn cidr(&self) -> u8 {
        self.cidr.load(Ordering::Relaxed)
    }

    /// The link to follow for addresses with this bit after the prefix.
    #[inline]
    pub(super) fn child(&self, bit: bool) -> &AtomicU32 {
        &self.child[usize::from(bit)]
    }

    /// Everything but the address, for a node that nobody sees yet.
    pub(super) fn fill(&self, cidr: u8, peer: u32, parent: u32) {
        self.cidr.store(cidr, Ordering::Relaxed);
        self.peer.store(peer, Ordering::Relaxed);
        self.parent.store(parent, Ordering::Relaxed);
        for link in [&self.child[0], &self.child[1], &self.previous, &self.next] {
            link.store(NONE, Ordering::Relaxed);
        }
    }
}

/// A node whose prefix has the width of `Bits`.
pub(super) trait Node {
    type Bits: Bits;

    fn links(&self) -> &Links;

    /// The address of the prefix, host bits cleared.
    fn bits(&self) -> Self::Bits;

    /// Whether the first `cidr` bits of `key` are those of the node.
    fn covers(&self, key: Self::Bits, cidr: u8) -> bool;

    /// For a node that nobody sees yet.
    fn set_bits(&self, bits: Self::Bits);
}

/// A node of the IPv4 trie.
pub struct Node4 {
    links: Links,
    bits: AtomicU32,
}

impl Node4 {
    constructor! {
        /// A node in no trie. (One of zeroed memory is as good: a node is filled in when used.)
        pub const fn new() -> Self {
            Self {
                links: Links::new(),
                bits: AtomicU32::new(0),
            }
        }
    }
}

impl Default for Node4 {
    fn default() -> Self {
        Self::new()
    }
}

impl Node for Node4 {
    type Bits = u32;

    #[inline]
    fn links(&self) -> &Links {
        &self.links
    }

    #[inline]
    fn bits(&self) -> u32 {
        self.bits.load(Ordering::Relaxed)
    }

    #[inline]
    fn covers(&self, key: u32, cidr: u8) -> bool {
        self.bits().common(key) >= cidr
    }

    fn set_bits(&self, bits: u32) {
        self.bits.store(bits, Ordering::Relaxed);
    }
}

/// A node of the IPv6 trie.
pub struct Node6 {
    high: AtomicU64,
    low: AtomicU64,
    links: Links,
}

impl Node6 {
    constructor! {
        /// A node in no trie. (One of zeroed memory is as good: a node is filled in when used.)
        pub const fn new() -> Self {
            Self {
                high: AtomicU64::new(0),
                low: AtomicU64::new(0),
                links: Links::new(),
            }
        }
    }
}

impl Default for Node6 {
    fn default() -> Self {
        Self::new()
    }
}

impl Node for Node6 {
    type Bits = u128;

    #[inline]
    fn links(&self) -> &Links {
        &self.links
    }

    #[inline]
    fn bits(&self) -> u128 {
        let high = self.high.load(Ordering::Relaxed);
        let low = self.low.load(Ordering::Relaxed);
        u128::from(high) << u64::BITS | u128::from(low)
    }

    #[inline]
    fn covers(&self, key: u128, cidr: u8) -> bool {
        // Most prefixes end in the first half, and most mismatches are found there.
        let high = (key >> u64::BITS) as u64 ^ self.high.load(Ordering::Relaxed);
        if high != 0 || cidr <= 64 {
            return high.leading_zeros() >= u32::from(cidr);
        }
        let low = key as u64 ^ self.low.load(Ordering::Relaxed);
        low.leading_zeros().wrapping_add(64) >= u32::from(cidr)
    }

    fn set_bits(&self, bits: u128) {
        self.high
            .store((bits >> u64::BITS) as u64, Ordering::Relaxed);
        self.low.store(bits as u64, Ordering::Relaxed);
    }
}
