// SPDX-License-Identifier: GPL-2.0

//! Requests whose headers are odd: commands, flags, versions, reserved bytes, lengths; and which
//! device they name.

use crate::attr::Attrs;
use crate::link::Links;
use crate::netlink::{message, Ack, Answer, ACK, DUMP, REQUEST, ROOM};
use crate::record::Record;
use crate::wg::{device, named, Wg, GET, SET};
use anyhow::Result;

/// How an answer is written down: the error, the messages' count, and what the kernel says.
fn note(record: &mut Record, name: &str, answer: &Answer) {
    let text = format!("{} after {} messages", answer.name(), answer.messages.len());
    record.put(format!("header/{name}"), text);
    let blame = answer.ack.as_ref().map(Ack::blame);
    record.put(format!("header/{name}+ack"), blame.unwrap_or_default());
}

pub(super) fn run(record: &mut Record) -> Result<()> {
    let mut links = Links::open()?;
    links.wireguard("wg0")?;
    links
        .create("dummy0", "dummy", Attrs::new())?
        .ok("a dummy")?;
    let mut wg = Wg::open()?;
    let family = wg.family;
    let name = named("wg0");

    for command in [0, 1, 2, 3, 10, 255] {
        for (word, flags) in [
            ("do", ACK),
            ("dump", DUMP),
            ("dump-ack", DUMP | ACK),
            ("root", 0x100 | ACK),
            ("match", 0x200 | ACK),
        ] {
            let answer = wg.ask(command, flags, &name)?;
            note(record, &format!("command/{command}/{word}"), &answer);
        }
    }
    for bit in 0..16 {
        let flags = 1 << bit;
        if flags == REQUEST {
            continue;
        }
        for (word, command, base) in [("set", SET, ACK), ("get", GET, DUMP)] {
            let answer = wg.ask(command, base | flags, &name)?;
            note(record, &format!("flag/{flags:#x}/{word}"), &answer);
        }
    }
    for (word, header) in [
        ("version-0", [SET, 0, 0, 0]),
        ("version-2", [SET, 2, 0, 0]),
        ("version-255", [SET, 255, 0, 0]),
        ("reserved", [SET, 1, 1, 0]),
        ("reserved-2", [SET, 1, 0, 0x80]),
    ] {
        let answer = wg.netlink.ask(family, REQUEST | ACK, &header, &name)?;
        note(record, &format!("genl/{word}"), &answer);
        let header = [GET, header[1], header[2], header[3]];
        let answer = wg.netlink.ask(family, REQUEST | DUMP, &header, &name)?;
        note(record, &format!("genl/{word}/get"), &answer);
    }
    // The length in the header against the bytes that are there.
    for length in 0..64u32 {
        for (word, command, flags) in [("set", SET, ACK), ("get", GET, DUMP)] {
            let seq = wg.netlink.next_seq();
            let mut bytes = message(family, REQUEST | flags, seq, &[command, 1, 0, 0], &name);
            if let Some(slot) = bytes.first_chunk_mut() {
                *slot = length.to_ne_bytes();
            }
            wg.netlink.send(&bytes)?;
            let answer = wg.netlink.answer(seq, ROOM)?;
            note(record, &format!("length/{length:02}/{word}"), &answer);
        }
    }
    which_device(record, &mut wg, &mut links)
}

fn which_device(record: &mut Record, wg: &mut Wg, links: &mut Links) -> Result<()> {
    let index = links.index("wg0")?;
    let dummy = links.index("dummy0")?;
    let by_index = |index| Attrs::new().u32(device::IFINDEX, index);
    let bytes = |bytes: &[u8]| Attrs::new().put(device::IFNAME, bytes);
    let selectors = [
        ("none", Attrs::new()),
        ("name", named("wg0")),
        ("index", by_index(index)),
        ("both", named("wg0").and(by_index(index))),
        ("both-differ", named("wg0").and(by_index(dummy))),
        ("name-of-none", named("wg1")),
        ("name-of-dummy", named("dummy0")),
        ("name-of-lo", named("lo")),
        ("name-empty", named("")),
        ("name-nothing", bytes(b"")),
        ("name-twice", named("dummy0").and(named("wg0"))),
        ("name-no-end", bytes(b"wg0")),
        ("name-15", named("wg0456789012345")),
        ("name-16", named("wg04567890123456")),
        ("name-17", named("wg045678901234567")),
        ("name-end-early", bytes(b"wg0\0more")),
        ("name-end-early-16", bytes(b"wg0\0more89012345")),
        ("name-end-early-17", bytes(b"wg0\0more890123456")),
        ("name-end-twice", bytes(b"wg0\0\0\0\0\0\0\0\0\0\0\0\0\0")),
        (
            "name-end-twice-17",
            bytes(b"wg0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        ),
        ("index-0", by_index(0)),
        ("index-of-dummy", by_index(dummy)),
        ("index-negative", by_index(u32::MAX)),
        ("index-unknown", by_index(4_000_000)),
        ("index-short", Attrs::new().u16(device::IFINDEX, 1)),
        (
            "index-long",
            Attrs::new().put(device::IFINDEX, &[1, 0, 0, 0, 0]),
        ),
        ("index-twice", by_index(dummy).and(by_index(index))),
        // What GET need not look at.
        ("and-key", named("wg0").put(device::PRIVATE_KEY, &[0; 32])),
        (
            "and-short-key",
            named("wg0").put(device::PRIVATE_KEY, &[0; 31]),
        ),
        (
            "and-public-key",
            named("wg0").put(device::PUBLIC_KEY, &[0; 32]),
        ),
        ("and-flags", named("wg0").u32(device::FLAGS, 0)),
        (
            "and-odd-flags",
            named("wg0").u32(device::FLAGS, 0x8000_0000),
        ),
        ("and-peers", named("wg0").nest(device::PEERS, Attrs::new())),
        ("and-unknown", named("wg0").u32(9, 0)),
        ("and-type-0", named("wg0").u32(0, 0)),
        ("and-bytes", named("wg0").raw(&[1, 2, 3])),
    ];
    for strict in [false, true] {
        wg.netlink.strict(strict)?;
        for (name, attrs) in &selectors {
            let word = if strict { "strict" } else { "get" };
            let answer = wg.ask(GET, DUMP, attrs)?;
            note(record, &format!("which/{name}/{word}"), &answer);
        }
    }
    wg.netlink.strict(false)?;
    for (name, attrs) in &selectors {
        let answer = wg.ask(SET, ACK, attrs)?;
        note(record, &format!("which/{name}/set"), &answer);
    }
    // An interface of another namespace cannot be seen, by whatever name.
    let elsewhere = crate::space::Space::new()?;
    let answer = elsewhere.within(|| Wg::open()?.ask(GET, DUMP, &named("wg0")))?;
    note(record, "which/name-elsewhere/get", &answer);
    Ok(())
}
