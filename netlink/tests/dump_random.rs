// SPDX-License-Identifier: GPL-2.0
//! Dumps of random devices into random buffers, read back and compared; and devices that change
//! while they are dumped, where a dump must end and must not invent anything (reference 3.5).
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod common;

use common::model::*;
use common::*;
use wg_netlink::address::Endpoint;
use wg_netlink::get::{Cursor, Dump, Full, Progress};

fn random_peer(random: &mut Random, id: u64) -> Peer {
    let prefixes = match random.below(4) {
        0 => 0,
        1 => random.below(4),
        2 => random.below(40),
        _ => random.below(400),
    };
    let mut peer = peer_with(id, prefixes as u32);
    peer.info.tx_bytes = random.next();
    peer.preshared_key = random.bytes();
    peer.info.endpoint = match random.below(3) {
        0 => None,
        1 => Some(Endpoint::V4 {
            addr: random.bytes(),
            port: random.next() as u16,
        }),
        _ => Some(Endpoint::V6 {
            addr: random.bytes(),
            port: random.next() as u16,
            flowinfo: random.next() as u32,
            scope: random.next() as u32,
        }),
    };
    peer
}

fn random_device(random: &mut Random) -> Device {
    let mut id = random.next() >> 1;
    let bound = [1, 3, 40][random.below(3)];
    let peers = (0..random.below(bound + 1))
        .map(|_| {
            id += 1 + random.below(5) as u64;
            random_peer(random, id)
        })
        .collect();
    let mut model = device_with(peers);
    if random.below(4) == 0 {
        model.info.public_key = None;
    }
    model.private_key = random.bytes();
    model.info.fwmark = random.next() as u32;
    model.generation = random.next();
    let name = b"abcdefghijklmnop";
    model.info.ifname = [0; 16];
    let length = 1 + random.below(15);
    model.info.ifname[..length].copy_from_slice(&name[..length]);
    model
}

fn random_room(random: &mut Random) -> usize {
    match random.below(4) {
        0 => 180 + random.below(300),
        1 => 300 + random.below(2_000),
        2 => 3_000 + random.below(5_500),
        _ => 180 + random.below(65_000),
    }
}

#[test]
fn merges_back_into_the_same_device() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let model = random_device(&mut random);
        let room = random_room(&mut random);
        let pad_u64 = random.bool();
        let needed = if pad_u64 { 188 } else { 176 };
        match all_messages(&model, room, pad_u64) {
            Ok(messages) => {
                let read = read(&messages);
                assert_read(&read, &model);
                assert!(messages.iter().all(|message| message.len() <= room));
                // Room is used: but for the last and the first, no message is shorter than it
                // must be for the piece that follows it.
                for message in messages.iter().skip(1).rev().skip(1) {
                    assert!(
                        message.len() + needed + 60 > room.min(65_532),
                        "seed {seed}"
                    );
                }
            }
            Err(Full) => assert!(room < needed + 60, "seed {seed}: {room}"),
        }
    }
}

/// Small devices through every buffer there is, from none to one that holds all: the same device
/// again, or an error; and no buffer is too small that is larger than one that was not.
#[test]
fn merges_back_from_every_buffer_size() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut model = random_device(&mut random);
        model.peers.truncate(4);
        for peer in &mut model.peers {
            peer.allowed_ips.truncate(random.below(9));
        }
        let pad_u64 = seed % 2 == 1;
        let Ok(whole) = all_messages(&model, 60_000, pad_u64) else {
            panic!("seed {seed}: more than enough is not enough")
        };
        assert_eq!(whole.len(), 1);
        let mut enough = false;
        for room in 0..=whole[0].len() + 40 {
            match all_messages(&model, room, pad_u64) {
                Ok(messages) => {
                    enough = true;
                    assert_read(&read(&messages), &model);
                    assert!(messages.iter().all(|message| message.len() <= room));
                }
                Err(Full) => assert!(!enough, "seed {seed}: {room} is less than before"),
            }
        }
        assert!(enough);
    }
}

/// Each message has a buffer of its own size.
#[test]
fn merges_back_from_changing_buffers() {
    for seed in 0..150 {
        let mut random = Random(seed);
        let model = random_device(&mut random);
        let mut words = [0; 4];
        let mut messages = Vec::new();
        loop {
            let mut dump = Dump::resume(Cursor::from_words(words));
            let room = 250 + random_room(&mut random);
            let (message, progress) = one_message(&mut dump, &model, room, false).unwrap();
            messages.push(message);
            words = dump.cursor().to_words();
            if progress == Progress::Done {
                break;
            }
        }
        assert_read(&read(&messages), &model);
    }
}

/// Anything changes between two messages. A reader would be told to start again; still each message
/// is well-formed, each peer in it existed, and the dump comes to its end.
#[test]
fn ends_whatever_changes_meanwhile() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut model = random_device(&mut random);
        let room = 300 + random_room(&mut random);
        let mut dump = Dump::new();
        let mut messages = 0;
        let mut seen = Vec::new();
        loop {
            let (message, progress) = one_message(&mut dump, &model, room, false).unwrap();
            for peers in plain(&message).iter().filter(|attr| attr.kind == 8) {
                for element in peers.inside() {
                    let key = element.inside()[0].key();
                    assert!(model.peers.iter().any(|peer| peer.info.public_key == key));
                    if seen.last() != Some(&key) {
                        assert!(!seen.contains(&key), "no peer comes twice");
                        seen.push(key);
                    }
                }
            }
            messages += 1;
            assert!(messages < 100_000, "goes on for ever");
            if progress == Progress::Done {
                break;
            }
            change(&mut random, &mut model);
        }
    }
}

fn change(random: &mut Random, model: &mut Device) {
    let count = model.peers.len();
    match random.below(8) {
        0 if count > 0 => {
            model.peers.remove(random.below(count));
            model.generation += 1;
        }
        1 => {
            let last = model.peers.last().map_or(0, |peer| peer.id);
            // Not for ever: a dump of a device that grows faster than it is read has no end.
            if count < 60 {
                model.peers.push(random_peer(random, last + 1));
                model.generation += 1;
            }
        }
        2 if count > 0 => {
            let peer = &mut model.peers[random.below(count)];
            peer.allowed_ips.clear();
            model.generation += 1;
        }
        3 if count > 0 => {
            let prefixes = random.below(50) as u32;
            let peer = &mut model.peers[random.below(count)];
            let mut other = peer_with(peer.id, prefixes);
            other.allowed_ips.reverse();
            peer.allowed_ips = other.allowed_ips;
            model.generation += 1;
        }
        4 => {
            model.info.public_key = match model.info.public_key {
                None => Some(random.bytes()),
                Some(_) => None,
            };
        }
        _ => {}
    }
}
