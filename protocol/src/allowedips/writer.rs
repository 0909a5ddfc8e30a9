// SPDX-License-Identifier: GPL-2.0
//! The writer's half of a table: changes, and the walk over a peer's entries.
//!
//! One per table, under whatever lock makes it exclusive (in a kernel: rtnl). It owns the arenas'
//! writing halves and the generation.

use super::owner::Link;
use super::trie::Trie;
use super::{AllowedIps, NoMemory, Node4, Node6, Nodes, Owner, Owners, Prefix, Slots, NONE};

/// Why nothing was inserted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// No memory for a node.
    NoMemory,
    /// There is no peer of this number.
    UnknownPeer,
}

impl From<NoMemory> for Error {
    fn from(NoMemory: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// Where a walk over a peer's entries stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// The entry that comes next. Opaque, but small enough for a netlink callback's memory.
    pub node: u32,
    /// The table's [`Writer::generation`] when it stopped.
    pub generation: u64,
}

/// What changes a table.
pub struct Writer<S4, S6> {
    slots4: S4,
    slots6: S6,
    generation: u64,
}

impl<S4, S6> Writer<S4, S6> {
    /// The writer of a new table.
    pub const fn new(slots4: S4, slots6: S6) -> Self {
        Self {
            slots4,
            slots6,
            generation: 1,
        }
    }

    /// The writing halves of both arenas.
    pub fn slots_mut(&mut self) -> (&mut S4, &mut S6) {
        (&mut self.slots4, &mut self.slots6)
    }

    /// Changes whenever the table does. Never 0.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Gives a prefix to a peer: new, or taken from another peer, or put at the end of its own list.
    pub fn insert<A4, A6>(
        &mut self,
        table: &AllowedIps<A4, A6>,
        owners: &impl Owners,
        prefix: Prefix,
        peer: u32,
    ) -> Result<(), Error>
    where
        A4: Nodes<Node4>,
        A6: Nodes<Node6>,
        S4: Slots<A4>,
        S6: Slots<A6>,
    {
        if peer == NONE {
            return Err(Error::UnknownPeer);
        }
        let owner = owners.owner(peer).ok_or(Error::UnknownPeer)?;
        let (link, displaced) = match prefix {
            Prefix::V4 { addr, cidr } => {
                let key = u32::from_be_bytes(addr);
                let inserted = self.trie4(table).insert::<Node4>(key, cidr, peer)?;
                (Link::v4(inserted.id), inserted.displaced)
            }
            Prefix::V6 { addr, cidr } => {
                let key = u128::from_be_bytes(addr);
                let inserted = self.trie6(table).insert::<Node6>(key, cidr, peer)?;
                (Link::v6(inserted.id), inserted.displaced)
            }
        };
        if let Some(loser) = displaced.and_then(|old| owners.owner(old)) {
            table.unlink(loser, link);
        }
        table.append(owner, link);
        self.changed();
        Ok(())
    }

    /// Takes exactly this prefix from the peer. False, and nothing done, if it is not the peer's.
    pub fn remove<A4, A6>(
        &mut self,
        table: &AllowedIps<A4, A6>,
        owners: &impl Owners,
        prefix: Prefix,
        peer: u32,
    ) -> bool
    where
        A4: Nodes<Node4>,
        A6: Nodes<Node6>,
        S4: Slots<A4>,
        S6: Slots<A6>,
    {
        if peer == NONE {
            return false;
        }
        let Some(owner) = owners.owner(peer) else {
            return false;
        };
        let found = match prefix {
            Prefix::V4 { addr, cidr } => self
                .trie4(table)
                .find::<Node4>(u32::from_be_bytes(addr), cidr, peer)
                .map(Link::v4),
            Prefix::V6 { addr, cidr } => self
                .trie6(table)
                .find::<Node6>(u128::from_be_bytes(addr), cidr, peer)
                .map(Link::v6),
        };
        let Some(link) = found else {
            return false;
        };
        self.drop_entry(table, owner, link);
        true
    }

    /// Takes all prefixes from a peer.
    pub fn remove_all<A4, A6>(&mut self, table: &AllowedIps<A4, A6>, owner: &Owner)
    where
        A4: Nodes<Node4>,
        A6: Nodes<Node6>,
        S4: Slots<A4>,
        S6: Slots<A6>,
    {
        loop {
            let link = AllowedIps::<A4, A6>::first(owner);
            if table.prefix(link).is_none() {
                return;
            }
            self.drop_entry(table, owner, link);
        }
    }

    /// A peer's entries, oldest first.
    pub fn entries<'a, A4, A6>(
        &'a self,
        table: &'a AllowedIps<A4, A6>,
        owner: &Owner,
    ) -> Entries<'a, A4, A6>
    where
        A4: Nodes<Node4>,
        A6: Nodes<Node6>,
    {
        Entries {
            table,
            next: AllowedIps::<A4, A6>::first(owner),
            generation: self.generation,
        }
    }

    /// Goes on where a walk stopped; `None` if the table has changed since.
    pub fn resume<'a, A4, A6>(
        &'a self,
        table: &'a AllowedIps<A4, A6>,
        at: Cursor,
    ) -> Option<Entries<'a, A4, A6>>
    where
        A4: Nodes<Node4>,
        A6: Nodes<Node6>,
    {
        (at.generation == self.generation).then_some(Entries {
            table,
            next: Link(at.node),
            generation: self.generation,
        })
    }

    fn drop_entry<A4, A6>(&mut self, table: &AllowedIps<A4, A6>, owner: &Owner, link: Link)
    where
        A4: Nodes<Node4>,
        A6: Nodes<Node6>,
        S4: Slots<A4>,
        S6: Slots<A6>,
    {
        table.unlink(owner, link);
        if link.is_v6() {
            self.trie6(table).remove::<Node6>(link.id());
        } else {
            self.trie4(table).remove::<Node4>(link.id());
        }
        self.changed();
    }

    fn changed(&mut self) {
        self.generation = self.generation.wrapping_add(1).max(1);
    }

    fn trie4<'a, A4, A6>(&'a mut self, table: &'a AllowedIps<A4, A6>) -> Trie<'a, A4, S4> {
        Trie {
            root: &table.root4,
            nodes: &table.nodes4,
            slots: &mut self.slots4,
        }
    }

    fn trie6<'a, A4, A6>(&'a mut self, table: &'a AllowedIps<A4, A6>) -> Trie<'a, A6, S6> {
        Trie {
            root: &table.root6,
            nodes: &table.nodes6,
            slots: &mut self.slots6,
        }
    }
}

/// A walk over a peer's entries. It borrows the writer: nothing changes meanwhile.
pub struct Entries<'a, A4, A6> {
    table: &'a AllowedIps<A4, A6>,
    next: Link,
    generation: u64,
}

impl<A4, A6> Entries<'_, A4, A6> {
    /// Where the walk stands: the entry that `next` would give.
    pub const fn cursor(&self) -> Cursor {
        Cursor {
            node: self.next.0,
            generation: self.generation,
        }
    }
}

impl<A4: Nodes<Node4>, A6: Nodes<Node6>> Iterator for Entries<'_, A4, A6> {
    type Item = Prefix;

    fn next(&mut self) -> Option<Prefix> {
        let prefix = self.table.prefix(self.next)?;
        self.next = self.table.after(self.next);
        Some(prefix)
    }
}
