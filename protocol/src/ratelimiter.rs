// SPDX-License-Identifier: GPL-2.0
//! How many handshakes a source may begin while the host is under load: a token bucket for each
//! IPv4 address or IPv6 /64.
//!
//! There is one for all devices, since it protects the processor; the namespace is part of the key.
//! The table is as large as the storage that its owner gives, and never grows: when it is full of
//! sources seen within the last second, strangers are refused. An entry that has been idle for that
//! long has all its tokens back, so forgetting it changes nothing, and the one idle for longest is
//! reused when needed. No collector has to run.
//!
//! Section 5.4.7 of the WireGuard paper asks for it; the rates are those of the Linux implementation.

use crate::siphash::{self, Key};
use crate::{Instant, SECOND};
use core::ops::DerefMut;

/// What one handshake costs: twenty a second.
const COST: u64 = SECOND / 20;
/// What a bucket holds: a burst of five.
const CAPACITY: u64 = 5 * COST;
/// A source idle for longer than this may be forgotten.
const IDLE: u64 = SECOND;
/// No entry.
const NONE: u32 = u32::MAX;

/// How many places are in proportion to so many bytes of memory: at most 65,536 above a gibibyte,
/// 128 on the smallest machine.
pub const fn places_for(memory: u64) -> usize {
    const PER_CHAIN: usize = 8;
    const MOST: usize = 8192;
    const FEWEST: usize = 16;
    if memory > 1 << 30 {
        return MOST * PER_CHAIN;
    }
    // At most 8192 here. A chain for each 128 KiB.
    let chains = ((memory >> 17) as usize).next_power_of_two();
    PER_CHAIN * if chains > FEWEST { chains } else { FEWEST }
}

/// A source of handshakes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Source {
    namespace: u64,
    /// The address or the first half of it.
    address: u64,
    is_v6: bool,
}

/// A place in the table: one source, and the head of one chain of the hash table.
pub struct Entry {
    source: Source,
    last: Instant,
    tokens: u32,
    /// The next entry of the same chain.
    chained: u32,
    /// Neighbours by time of last use.
    older: u32,
    newer: u32,
    /// The first entry of the chain that belongs to this position.
    chain: u32,
}

impl Entry {
    /// An empty place.
    pub const fn new() -> Self {
        Self {
            source: Source {
                namespace: 0,
                address: 0,
                is_v6: false,
            },
            last: Instant(0),
            tokens: 0,
            chained: NONE,
            older: NONE,
            newer: NONE,
            chain: NONE,
        }
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self::new()
    }
}

/// The table over storage `S`.
pub struct RateLimiter<S> {
    entries: S,
    key: Key,
    /// The first `used` places hold sources.
    used: u32,
    oldest: u32,
    newest: u32,
}

impl<S: DerefMut<Target = [Entry]>> RateLimiter<S> {
    /// An empty table of as many sources as there are places. The key is random and secret: sources
    /// choose their addresses.
    pub fn new(mut storage: S, key: Key) -> Self {
        for entry in storage.iter_mut() {
            *entry = Entry::new();
        }
        Self {
            entries: storage,
            key,
            used: 0,
            oldest: NONE,
            newest: NONE,
        }
    }

    /// How many sources the table can hold.
    pub fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// How many sources the table holds, idle ones included.
    pub const fn len(&self) -> usize {
        self.used as usize
    }

    /// Whether no source was ever seen.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether a handshake from this IPv4 address may be answered now.
    pub fn allow4(&mut self, namespace: u64, ip: [u8; 4], now: Instant) -> bool {
        let source = Source {
            namespace,
            address: u64::from(u32::from_be_bytes(ip)),
            is_v6: false,
        };
        self.allow(source, now)
    }

    /// Whether a handshake from this IPv6 address may be answered now.
    pub fn allow6(&mut self, namespace: u64, ip: [u8; 16], now: Instant) -> bool {
        let source = Source {
            namespace,
            address: (u128::from_be_bytes(ip) >> u64::BITS) as u64,
            is_v6: true,
        };
        self.allow(source, now)
    }

    fn allow(&mut self, source: Source, now: Instant) -> bool {
        let chain = self.chain_of(&source);
        if let Some(id) = self.find(chain, &source) {
            return self.spend(id, now);
        }
        let Some(id) = self.take_place(now) else {
            return false;
        };
        let first = self.at(chain).map_or(NONE, |head| head.chain);
        if let Some(entry) = self.at(id) {
            entry.source = source;
            entry.last = now;
            entry.tokens = (CAPACITY - COST) as u32;
            entry.chained = first;
        }
        if let Some(head) = self.at(chain) {
            head.chain = id;
        }
        self.make_newest(id);
        true
    }

    /// Takes a handshake's worth of tokens, if there are so many.
    fn spend(&mut self, id: u32, now: Instant) -> bool {
        let Some(entry) = self.at(id) else {
            return false;
        };
        let gained = now.since(entry.last).min(CAPACITY);
        let tokens = u64::from(entry.tokens).wrapping_add(gained).min(CAPACITY);
        let left = tokens.checked_sub(COST);
        entry.last = now.max(entry.last);
        // At most CAPACITY, which is a quarter of 10^9.
        entry.tokens = left.unwrap_or(tokens) as u32;
        self.leave_order(id);
        self.make_newest(id);
        left.is_some()
    }

    /// A place for a new source: an unused one, or that of the source idle for longest.
    fn take_place(&mut self, now: Instant) -> Option<u32> {
        if (self.used as usize) < self.entries.len() && self.used < NONE {
            let id = self.used;
            self.used = self.used.wrapping_add(1);
            return Some(id);
        }
        let id = self.oldest;
        let oldest = self.at(id)?;
        if now.since(oldest.last) <= IDLE {
            return None;
        }
        let source = oldest.source;
        self.leave_order(id);
        self.leave_chain(id, &source);
        Some(id)
    }

    fn chain_of(&self, source: &Source) -> u32 {
        let words = [source.namespace, source.address, u64::from(source.is_v6)];
        let hash = siphash::hash(self.key, &words) & u64::from(u32::MAX);
        // A share of the table instead of a remainder: no division.
        (hash.wrapping_mul(self.entries.len() as u64 & u64::from(u32::MAX)) >> u32::BITS) as u32
    }

    fn find(&mut self, chain: u32, source: &Source) -> Option<u32> {
        let mut id = self.at(chain)?.chain;
        loop {
            let entry = self.at(id)?;
            if entry.source == *source {
                return Some(id);
            }
            id = entry.chained;
        }
    }

    fn leave_chain(&mut self, id: u32, source: &Source) {
        let chain = self.chain_of(source);
        let next = self.at(id).map_or(NONE, |entry| entry.chained);
        let Some(head) = self.at(chain) else { return };
        if head.chain == id {
            head.chain = next;
            return;
        }
        let mut before = head.chain;
        while let Some(entry) = self.at(before) {
            if entry.chained == id {
                entry.chained = next;
                return;
            }
            before = entry.chained;
        }
    }

    fn make_newest(&mut self, id: u32) {
        let before = self.newest;
        if let Some(entry) = self.at(id) {
            entry.older = before;
            entry.newer = NONE;
        }
        match self.at(before) {
            Some(entry) => entry.newer = id,
            None => self.oldest = id,
        }
        self.newest = id;
    }

    fn leave_order(&mut self, id: u32) {
        let Some(entry) = self.at(id) else { return };
        let (older, newer) = (entry.older, entry.newer);
        match self.at(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.at(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    fn at(&mut self, id: u32) -> Option<&mut Entry> {
        self.entries.get_mut(id as usize)
    }
}
