// SPDX-License-Identifier: GPL-2.0
//! What several suites need: an arena of nodes in a plain vector, and a seeded generator.

#![allow(dead_code, unreachable_pub)]

pub mod naive;

use std::cell::RefCell;
use std::rc::Rc;
use wg_protocol::allowedips::{AllowedIps, NoMemory, Node4, Node6, Nodes, Owner, Owners, Slots};

/// xorshift64: good enough to be reproducible.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }
}

/// The readers' half: a fixed number of nodes.
pub struct Plain<N>(pub Vec<N>);

impl<N> Nodes<N> for Plain<N> {
    fn get(&self, id: u32) -> Option<&N> {
        self.0.get(id as usize)
    }
}

/// What the tests may look at and turn while the writer holds the slots.
#[derive(Default)]
pub struct Account {
    pub free: Vec<u32>,
    pub live: usize,
    /// So many allocations succeed before one fails.
    pub budget: Option<usize>,
}

/// The writer's half. A retired node is reused at once: there are no other threads.
#[derive(Clone)]
pub struct PlainSlots(pub Rc<RefCell<Account>>);

impl PlainSlots {
    pub fn new(capacity: u32) -> Self {
        let account = Account {
            free: (0..capacity).rev().collect(),
            ..Account::default()
        };
        Self(Rc::new(RefCell::new(account)))
    }
}

impl<N> Slots<Plain<N>> for PlainSlots {
    fn alloc(&mut self, _: &Plain<N>) -> Result<u32, NoMemory> {
        let mut account = self.0.borrow_mut();
        if account.budget == Some(0) {
            return Err(NoMemory);
        }
        let id = account.free.pop().ok_or(NoMemory)?;
        account.live += 1;
        if let Some(budget) = &mut account.budget {
            *budget -= 1;
        }
        Ok(id)
    }

    fn retire(&mut self, _: &Plain<N>, id: u32) {
        let mut account = self.0.borrow_mut();
        account.free.push(id);
        account.live -= 1;
    }

    fn release(&mut self, nodes: &Plain<N>, id: u32) {
        self.retire(nodes, id);
    }
}

pub type Table = AllowedIps<Plain<Node4>, Plain<Node6>>;
pub type Writer = wg_protocol::allowedips::Writer<PlainSlots, PlainSlots>;

/// A table, its writer and its peers.
pub struct World {
    pub table: Table,
    pub writer: Writer,
    pub owners: Peers,
    pub slots4: PlainSlots,
    pub slots6: PlainSlots,
}

pub struct Peers(pub Vec<Owner>);

impl Owners for Peers {
    fn owner(&self, peer: u32) -> Option<&Owner> {
        self.0.get(peer as usize)
    }
}

impl World {
    pub fn new(peers: usize, capacity: u32) -> Self {
        let (slots4, slots6) = (PlainSlots::new(capacity), PlainSlots::new(capacity));
        Self {
            table: AllowedIps::new(
                Plain((0..capacity).map(|_| Node4::new()).collect()),
                Plain((0..capacity).map(|_| Node6::new()).collect()),
            ),
            writer: Writer::new(slots4.clone(), slots6.clone()),
            owners: Peers((0..peers).map(|_| Owner::new()).collect()),
            slots4,
            slots6,
        }
    }

    /// Nodes in use in both tries.
    pub fn live(&self) -> usize {
        self.slots4.0.borrow().live + self.slots6.0.borrow().live
    }
}
