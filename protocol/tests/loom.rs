// SPDX-License-Identifier: GPL-2.0
//! Lookups beside a writer, in every order that the memory model allows (design, section 4 "Allowed
//! IPs").
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p wg-protocol --release --test loom`. There is one
//! reader and one writer; a node is taken out with the reader possibly on it, and is not used again
//! while the reader runs, which is what a grace period means. The last test shows what happens
//! without one, and so that the model sees such things.

#![cfg(loom)]
#![allow(clippy::unwrap_used)]

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::Arc;
use loom::thread;
use wg_protocol::allowedips::{
    AllowedIps, NoMemory, Node4, Node6, Nodes, Owner, Owners, Prefix, Slots, Writer,
};

const A: u32 = 0;
const B: u32 = 1;

struct Array<N>(Vec<N>);

impl<N> Nodes<N> for Array<N> {
    fn get(&self, id: u32) -> Option<&N> {
        self.0.get(id as usize)
    }
}

/// Hands out numbers from a list; retired ones come back to it only without a grace period.
struct Free {
    numbers: Vec<u32>,
    grace: bool,
}

impl<N> Slots<Array<N>> for Free {
    fn alloc(&mut self, _: &Array<N>) -> Result<u32, NoMemory> {
        self.numbers.pop().ok_or(NoMemory)
    }

    fn retire(&mut self, _: &Array<N>, id: u32) {
        if !self.grace {
            self.numbers.push(id);
        }
    }

    fn release(&mut self, _: &Array<N>, id: u32) {
        self.numbers.push(id);
    }
}

struct Peers([Owner; 2]);

impl Owners for Peers {
    fn owner(&self, peer: u32) -> Option<&Owner> {
        self.0.get(peer as usize)
    }
}

type Table = AllowedIps<Array<Node4>, Array<Node6>>;

struct Side {
    table: Arc<Table>,
    writer: Writer<Free, Free>,
    peers: Peers,
}

impl Side {
    fn new(nodes: u32, grace: bool) -> Self {
        let free = |count| Free {
            numbers: (0..count).rev().collect(),
            grace,
        };
        Self {
            table: Arc::new(AllowedIps::new(
                Array((0..nodes).map(|_| Node4::new()).collect()),
                Array(Vec::new()),
            )),
            writer: Writer::new(free(nodes), free(0)),
            peers: Peers([Owner::new(), Owner::new()]),
        }
    }

    fn insert(&mut self, addr: [u8; 4], cidr: u8, peer: u32) {
        let prefix = Prefix::V4 { addr, cidr };
        let done = self.writer.insert(&self.table, &self.peers, prefix, peer);
        assert_eq!(done, Ok(()));
    }

    fn remove(&mut self, addr: [u8; 4], cidr: u8, peer: u32) {
        let prefix = Prefix::V4 { addr, cidr };
        assert!(self.writer.remove(&self.table, &self.peers, prefix, peer));
    }
}

/// Explores `write` beside a reader that asks for `ip` twice and judges the two answers.
fn explore(
    nodes: u32,
    before: fn(&mut Side),
    write: fn(&mut Side),
    ip: [u8; 4],
    judge: fn(Option<u32>, Option<u32>) -> bool,
) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let mut side = Side::new(nodes, true);
        before(&mut side);
        let table = Arc::clone(&side.table);
        let reader = thread::spawn(move || {
            let answers = (table.lookup4(ip), table.lookup4(ip));
            assert!(judge(answers.0, answers.1), "{answers:?}");
        });
        write(&mut side);
        reader.join().unwrap();
    });
}

/// One of two answers, and never back from the new one to the old one.
fn from_to(old: Option<u32>, new: Option<u32>, first: Option<u32>, second: Option<u32>) -> bool {
    let known = |answer| answer == old || answer == new;
    known(first) && known(second) && (first == old || second == new)
}

#[test]
fn a_longer_prefix_appears() {
    explore(
        2,
        |side| side.insert([10, 0, 0, 0], 8, A),
        |side| side.insert([10, 1, 0, 0], 16, B),
        [10, 1, 0, 1],
        |first, second| from_to(Some(A), Some(B), first, second),
    );
}

#[test]
fn a_shorter_prefix_appears_above() {
    explore(
        2,
        |side| side.insert([10, 1, 0, 0], 16, A),
        |side| side.insert([10, 0, 0, 0], 8, B),
        [10, 1, 0, 1],
        |first, second| (first, second) == (Some(A), Some(A)),
    );
}

#[test]
fn a_neighbour_appears_beside() {
    explore(
        3,
        |side| side.insert([10, 0, 0, 0], 16, A),
        |side| side.insert([10, 1, 0, 0], 16, B),
        [10, 0, 0, 1],
        |first, second| (first, second) == (Some(A), Some(A)),
    );
    explore(
        3,
        |side| side.insert([10, 0, 0, 0], 16, A),
        |side| side.insert([10, 1, 0, 0], 16, B),
        [10, 1, 0, 1],
        |first, second| from_to(None, Some(B), first, second),
    );
}

#[test]
fn a_leaf_and_its_fork_go() {
    fn two(side: &mut Side) {
        side.insert([10, 0, 0, 0], 16, A);
        side.insert([10, 1, 0, 0], 16, B);
    }
    explore(
        3,
        two,
        |side| side.remove([10, 1, 0, 0], 16, B),
        [10, 0, 0, 1],
        |first, second| (first, second) == (Some(A), Some(A)),
    );
    explore(
        3,
        two,
        |side| side.remove([10, 1, 0, 0], 16, B),
        [10, 1, 0, 1],
        |first, second| from_to(Some(B), None, first, second),
    );
}

#[test]
fn a_node_in_between_goes() {
    explore(
        3,
        |side| {
            side.insert([10, 0, 0, 0], 8, A);
            side.insert([10, 1, 0, 0], 16, A);
            side.insert([10, 1, 1, 0], 24, B);
        },
        |side| side.remove([10, 1, 0, 0], 16, A),
        [10, 1, 1, 1],
        |first, second| (first, second) == (Some(B), Some(B)),
    );
}

/// What is new to the reader reaches it by the link that the removal has moved.
#[test]
fn a_leaf_appears_and_moves_up() {
    explore(
        3,
        |side| {
            side.insert([10, 0, 0, 0], 8, A);
            side.insert([10, 1, 0, 0], 16, A);
        },
        |side| {
            side.insert([10, 1, 1, 0], 24, B);
            side.remove([10, 1, 0, 0], 16, A);
        },
        [10, 1, 1, 1],
        |first, second| from_to(Some(A), Some(B), first, second),
    );
}

/// The number of a peer is published after the peer: who reads the number finds the peer.
#[test]
fn a_prefix_moves_to_a_new_peer() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let mut side = Side::new(1, true);
        side.insert([10, 0, 0, 0], 8, A);
        let table = Arc::clone(&side.table);
        let created = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&created);
        let reader = thread::spawn(move || match table.lookup4([10, 0, 0, 1]) {
            Some(A) => {}
            Some(B) => assert!(seen.load(Ordering::Relaxed)),
            other => panic!("{other:?}"),
        });
        created.store(true, Ordering::Relaxed);
        side.insert([10, 0, 0, 0], 8, B);
        reader.join().unwrap();
    });
}

/// Reused at once, the node of 10.1/16 turns up in another place under the reader's feet.
#[test]
#[should_panic(expected = "an answer that was never right")]
fn without_a_grace_period() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let mut side = Side::new(3, false);
        side.insert([10, 0, 0, 0], 8, A);
        side.insert([10, 1, 0, 0], 16, A);
        side.insert([10, 1, 1, 0], 24, A);
        let table = Arc::clone(&side.table);
        let reader = thread::spawn(move || {
            let answer = table.lookup4([10, 1, 1, 1]);
            assert_eq!(answer, Some(A), "an answer that was never right");
        });
        side.remove([10, 1, 0, 0], 16, A);
        side.insert([10, 1, 1, 128], 25, B);
        reader.join().unwrap();
    });
}
