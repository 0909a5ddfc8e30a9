// SPDX-License-Identifier: GPL-2.0
//! Allowed IPs against a model too simple to be wrong: a list of entries in order (section 5
//! "allowedips random").

mod common;

use common::naive::Naive;
use common::{Random, World};
use wg_protocol::allowedips::Prefix;

const PEERS: u64 = 12;

/// Addresses close to each other, so that prefixes nest, meet and repeat.
fn address<const N: usize>(random: &mut Random) -> [u8; N] {
    let mut address = [0; N];
    for byte in &mut address {
        *byte = match random.below(4) {
            0 => 1 << random.below(8),
            1 => 0xff,
            _ => 0,
        };
    }
    address
}

fn prefix(random: &mut Random) -> Prefix {
    let made = if random.below(2) == 0 {
        let cidr = random.below(33) as u8;
        Prefix::v4(address(random), cidr)
    } else {
        // All lengths, but short ones as often as IPv4 has them.
        let longest = if random.below(2) == 0 { 129 } else { 33 };
        let cidr = random.below(longest) as u8;
        Prefix::v6(address(random), cidr)
    };
    made.unwrap_or(Prefix::V4 {
        addr: [0; 4],
        cidr: 0,
    })
}

fn check(world: &World, model: &Naive, random: &mut Random) {
    for _ in 0..20 {
        let ip = address(random);
        assert_eq!(world.table.lookup4(ip), model.lookup4(ip), "{ip:?}");
        let ip = address(random);
        assert_eq!(world.table.lookup6(ip), model.lookup6(ip), "{ip:?}");
    }
    // Forks are fewer than entries, in each trie.
    let sixes = model
        .0
        .iter()
        .filter(|(p, _)| matches!(p, Prefix::V6 { .. }));
    let sixes = sixes.count();
    for (entries, slots) in [
        (model.0.len() - sixes, &world.slots4),
        (sixes, &world.slots6),
    ] {
        let live = slots.0.borrow().live;
        assert!(entries <= live && live <= (2 * entries).saturating_sub(1));
    }
}

fn check_lists(world: &World, model: &Naive) {
    for peer in 0..PEERS as u32 {
        let owner = &world.owners.0[peer as usize];
        let list: Vec<Prefix> = world.writer.entries(&world.table, owner).collect();
        assert_eq!(list, model.list(peer));
        assert_eq!(owner.is_empty(), list.is_empty());
    }
}

fn run(seed: u64, operations: u32, clearing: u64) {
    let mut random = Random(seed);
    let mut world = World::new(PEERS as usize, 4096);
    let mut model = Naive::default();
    for step in 0..operations {
        let peer = random.below(PEERS) as u32;
        let generation = world.writer.generation();
        let changed = match random.below(clearing) {
            0 => {
                let owner = &world.owners.0[peer as usize];
                world.writer.remove_all(&world.table, owner);
                model.remove_all(peer)
            }
            1..=30 => {
                // Mostly something that is there.
                let known = model.0.get(random.below(200) as usize).copied();
                let (prefix, peer) = known.unwrap_or((prefix(&mut random), peer));
                let removed = world
                    .writer
                    .remove(&world.table, &world.owners, prefix, peer);
                assert_eq!(removed, model.remove(prefix, peer));
                removed
            }
            31..=35 => {
                // No memory, now or at the fork: nothing, or all.
                let budget = Some(random.below(2) as usize);
                world.slots4.0.borrow_mut().budget = budget;
                world.slots6.0.borrow_mut().budget = budget;
                let prefix = prefix(&mut random);
                let done = world
                    .writer
                    .insert(&world.table, &world.owners, prefix, peer);
                world.slots4.0.borrow_mut().budget = None;
                world.slots6.0.borrow_mut().budget = None;
                if done.is_ok() {
                    model.insert(prefix, peer);
                }
                done.is_ok()
            }
            _ => {
                let prefix = prefix(&mut random);
                let done = world
                    .writer
                    .insert(&world.table, &world.owners, prefix, peer);
                assert_eq!(done, Ok(()));
                model.insert(prefix, peer);
                true
            }
        };
        assert_eq!(world.writer.generation() != generation, changed);
        check(&world, &model, &mut random);
        if step % 50 == 0 {
            check_lists(&world, &model);
        }
    }
    check_lists(&world, &model);
    // Peer by peer to the end: both tries are empty then.
    for peer in 0..PEERS as u32 {
        let owner = &world.owners.0[peer as usize];
        world.writer.remove_all(&world.table, owner);
        model.remove_all(peer);
        check(&world, &model, &mut random);
    }
    assert_eq!(world.live(), 0);
}

#[test]
fn growing() {
    for seed in 1..6 {
        run(seed * 0x9e37_79b9, 1_000, 1_000);
    }
}

#[test]
fn coming_and_going() {
    for seed in 1..6 {
        run(seed * 0x1234_5677, 3_000, 70);
    }
}

/// Section 5 "allowedips random": two thousand peers, routes nested in routes, lookups of both
/// families against the list, and again while one peer after the other is removed.
#[test]
fn very_many_peers() {
    const MANY: u32 = 2000;
    let mut random = Random(0x0bad_5eed);
    let mut world = World::new(MANY as usize, 1 << 14);
    let mut model = Naive::default();
    for _ in 0..40 {
        let (mut four, mut six): ([u8; 4], [u8; 16]) = (random.bytes(), random.bytes());
        for _ in 0..50 {
            // The same route with some of its bits turned, at any length.
            four[random.below(4) as usize] ^= random.next() as u8 & random.next() as u8;
            six[random.below(16) as usize] ^= random.next() as u8 & random.next() as u8;
            let four = Prefix::v4(four, 1 + random.below(32) as u8);
            let six = Prefix::v6(six, 1 + random.below(128) as u8);
            for prefix in [four, six].into_iter().flatten() {
                let peer = random.below(MANY.into()) as u32;
                let done = world
                    .writer
                    .insert(&world.table, &world.owners, prefix, peer);
                assert_eq!(done, Ok(()));
                model.insert(prefix, peer);
            }
        }
    }
    let near = |model: &Naive, random: &mut Random| {
        let at = random.below(model.0.len().max(1) as u64) as usize;
        let (mut four, mut six): ([u8; 4], [u8; 16]) = (random.bytes(), random.bytes());
        match model.0.get(at) {
            Some((Prefix::V4 { addr, .. }, _)) => four[..3].copy_from_slice(&addr[..3]),
            Some((Prefix::V6 { addr, .. }, _)) => six[..12].copy_from_slice(&addr[..12]),
            None => {}
        }
        (four, six)
    };
    let mut found = 0;
    for peer in (0..=MANY).rev() {
        // First all peers, then one less each time.
        let queries = if peer == MANY { 2000 } else { 2 };
        for _ in 0..queries {
            let (four, six) = near(&model, &mut random);
            let owner = world.table.lookup4(four);
            assert_eq!(owner, model.lookup4(four), "{four:?}");
            found += u32::from(owner.is_some());
            let owner = world.table.lookup6(six);
            assert_eq!(owner, model.lookup6(six), "{six:?}");
            found += u32::from(owner.is_some());
        }
        if let Some(next) = peer.checked_sub(1) {
            let owner = &world.owners.0[next as usize];
            world.writer.remove_all(&world.table, owner);
            model.remove_all(next);
        }
    }
    assert!(found > 1000, "{found}");
    assert_eq!(world.live(), 0, "both tries are empty");
}
