// SPDX-License-Identifier: GPL-2.0
//! The allowed IPs against a list: insertion (also without memory), removal, lookup, the order of
//! each peer's entries, resumed walks, and the number of nodes.
use wg_protocol::allowedips::Prefix;

use crate::common::naive::Naive;
use crate::common::World;
use crate::{planted, Script};

const PEERS: usize = 6;
const NODES: u32 = 512;

/// An address near one of two, so that prefixes nest, meet and repeat.
pub(crate) fn address<const N: usize>(script: &mut Script<'_>) -> [u8; N] {
    let mut address = if script.bool() { [0; N] } else { [0xa5; N] };
    match script.below(4) {
        0 => {}
        1 => address[script.below(N)] ^= 1 << script.below(8),
        2 => {
            address[script.below(N)] ^= 1 << script.below(8);
            address[script.below(N)] ^= 1 << script.below(8);
        }
        _ => address = script.bytes(),
    }
    address
}

/// A prefix in its proper form.
pub(crate) fn prefix(script: &mut Script<'_>) -> Prefix {
    let made = if script.bool() {
        Prefix::v4(address(script), script.byte() % 33)
    } else {
        Prefix::v6(address(script), script.byte() % 129)
    };
    made.unwrap_or(Prefix::V4 {
        addr: [0; 4],
        cidr: 0,
    })
}

/// The same prefix, made by hand: bits beyond the mask are set.
fn unmasked(prefix: Prefix) -> Prefix {
    let mut raw = prefix;
    let set = |addr: &mut [u8], cidr: u8| {
        for at in usize::from(cidr)..8 * addr.len() {
            addr[at / 8] |= 0x80 >> (at % 8);
        }
    };
    match &mut raw {
        Prefix::V4 { addr, cidr } => set(addr, *cidr),
        Prefix::V6 { addr, cidr } => set(addr, *cidr),
    }
    raw
}

fn insert(world: &mut World, model: &mut Naive, prefix: Prefix, peer: u32, budget: Option<usize>) {
    world.slots4.0.borrow_mut().budget = budget;
    world.slots6.0.borrow_mut().budget = budget;
    let (table, owners) = (&world.table, &world.owners);
    let done = world.writer.insert(table, owners, unmasked(prefix), peer);
    world.slots4.0.borrow_mut().budget = None;
    world.slots6.0.borrow_mut().budget = None;
    assert!(done.is_ok() || budget.is_some(), "{done:?}");
    if done.is_err() {
        return;
    }
    let known = model.0.iter_mut().find(|(known, _)| *known == prefix);
    match known {
        Some((_, owner)) if planted("allowed_ips/order") => *owner = peer,
        Some((_, owner)) if planted("allowed_ips/owner") && *owner != peer => {}
        _ => model.insert(prefix, peer),
    }
}

fn lookup4(world: &World, model: &Naive, ip: [u8; 4]) {
    let mut found = world.table.lookup4(ip);
    if planted("allowed_ips/longest") && model.0.len() > 2 && found == Some(5) {
        found = None;
    }
    assert_eq!(found, model.lookup4(ip), "{ip:?}");
}

fn lookup6(world: &World, model: &Naive, ip: [u8; 16]) {
    assert_eq!(world.table.lookup6(ip), model.lookup6(ip), "{ip:?}");
}

fn check(world: &World, model: &Naive) {
    for (prefix, _) in &model.0 {
        // The first and the last address of each.
        match (*prefix, unmasked(*prefix)) {
            (Prefix::V4 { addr: first, .. }, Prefix::V4 { addr: last, .. }) => {
                lookup4(world, model, first);
                lookup4(world, model, last);
            }
            (Prefix::V6 { addr: first, .. }, Prefix::V6 { addr: last, .. }) => {
                lookup6(world, model, first);
                lookup6(world, model, last);
            }
            _ => {}
        }
    }
    for peer in 0..PEERS as u32 {
        let owner = &world.owners.0[peer as usize];
        let mut entries = world.writer.entries(&world.table, owner);
        let mut list = Vec::new();
        // Step by step, each from where the one before stopped.
        while let Some(prefix) = entries.next() {
            list.push(prefix);
            let at = entries.cursor();
            let Some(resumed) = world.writer.resume(&world.table, at) else {
                panic!("nothing has changed")
            };
            entries = resumed;
        }
        assert_eq!(list, model.list(peer), "peer {peer}");
        assert_eq!(owner.is_empty(), list.is_empty());
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

/// A script of changes and lookups.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut world = World::new(PEERS, NODES);
    let mut model = Naive::default();
    // So that there is always a node to be had unless there is said to be none.
    for _ in 0..NODES / 4 {
        if script.is_empty() {
            break;
        }
        let peer = script.below(PEERS) as u32;
        let known = |script: &mut Script<'_>, model: &Naive| match model.0.len() {
            0 => None,
            len => Some(model.0[script.below(len)]),
        };
        let stopped = world
            .writer
            .entries(&world.table, &world.owners.0[peer as usize]);
        let (stopped, before) = (stopped.cursor(), world.writer.generation());
        match script.below(8) {
            0..=2 => {
                let prefix = prefix(&mut script);
                insert(&mut world, &mut model, prefix, peer, None);
            }
            3 => {
                // One that is there, for somebody else or again.
                if let Some((prefix, _)) = known(&mut script, &model) {
                    insert(&mut world, &mut model, prefix, peer, None);
                }
            }
            4 => {
                let (prefix, budget) = (prefix(&mut script), script.below(2));
                insert(&mut world, &mut model, prefix, peer, Some(budget));
            }
            5 => {
                let (prefix, owner) =
                    known(&mut script, &model).unwrap_or_else(|| (prefix(&mut script), peer));
                let owner = if script.bool() { owner } else { peer };
                let (table, owners) = (&world.table, &world.owners);
                let removed = world.writer.remove(table, owners, unmasked(prefix), owner);
                assert_eq!(removed, model.remove(prefix, owner));
                assert_eq!(world.writer.generation() != before, removed);
            }
            6 => {
                let owner = &world.owners.0[peer as usize];
                world.writer.remove_all(&world.table, owner);
                let removed = model.remove_all(peer);
                assert_eq!(world.writer.generation() != before, removed);
            }
            _ => {
                lookup4(&world, &model, address(&mut script));
                lookup6(&world, &model, address(&mut script));
            }
        }
        // A walk goes on as long as nothing has changed, and not beyond.
        let resumed = world.writer.resume(&world.table, stopped).is_some();
        assert_eq!(resumed, world.writer.generation() == before);
    }
    check(&world, &model);
    for peer in 0..PEERS {
        world.writer.remove_all(&world.table, &world.owners.0[peer]);
    }
    assert_eq!(world.live(), 0, "nodes are left");
}
