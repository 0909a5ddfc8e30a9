// SPDX-License-Identifier: GPL-2.0

//! Dumps that do not fit into one message, and devices that change while they are dumped.

use crate::attr::{self, Attrs};
use crate::link::{ifla, Links};
use crate::netlink::{split, Message, DUMP_INTR, NLMSG_DONE, NLMSG_ERROR};
use crate::record::Record;
use crate::space::Space;
use crate::wg::{self, device, key, named, peer, prefix, Wg};
use anyhow::Result;

/// Most datagrams of one dump that are read.
const PATIENCE: usize = 4000;

fn wg0() -> Attrs {
    named("wg0")
}

/// Prefix number `number` of the peers, no two of them the same.
fn number(number: usize, v6: bool) -> Attrs {
    if v6 {
        prefix(&format!("2001:db8:{number:x}::/48"))
    } else {
        prefix(&format!("10.{}.{}.0/24", number >> 8, number & 255))
    }
}

/// A peer with so many prefixes, the first of which has this number.
fn a_peer(byte: u8, first: usize, count: usize, v6: bool) -> Attrs {
    let ips = (first..first + count).fold(Attrs::new(), |attrs, at| attrs.nest(0, number(at, v6)));
    Attrs::new()
        .put(peer::PUBLIC_KEY, &key(byte))
        .nest(peer::ALLOWEDIPS, ips)
}

/// Sets `wg0` up anew with peers of so many prefixes each, keys 1, 2, ...
fn fill(wg: &mut Wg, counts: &[usize], v6: bool) -> Result<()> {
    let start = wg0()
        .put(device::PRIVATE_KEY, &key(0x40))
        .u32(device::FLAGS, device::REPLACE_PEERS);
    wg.must_set(&start)?;
    let (mut byte, mut first) = (0, 0);
    for count in counts {
        byte += 1;
        let mut left = *count;
        loop {
            let now = left.min(500);
            let peers = Attrs::new().nest(0, a_peer(byte, first, now, v6));
            wg.must_set(&wg0().nest(device::PEERS, peers))?;
            first += now;
            left -= now;
            if left == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// What a message has of the device, in a line: its attributes, then each peer with its prefixes'
/// number, the first and the last. A dump that is printed whole would be a book.
fn brief(message: &Message) -> String {
    let mut text = format!("({}) flags {:#x}", message.body.len(), message.flags & !2);
    if message.kind == NLMSG_DONE || message.kind == NLMSG_ERROR {
        let word = if message.kind == NLMSG_DONE {
            "done"
        } else {
            "error"
        };
        return format!(
            "{word} {text} {}",
            attr::hex(message.body.get(..4).unwrap_or_default())
        );
    }
    let attrs = message.body.get(4..).unwrap_or_default();
    for one in attr::read(attrs).0 {
        text += &format!(" {}", one.kind);
        if one.kind != device::PEERS {
            continue;
        }
        for peer in attr::read(one.payload).0 {
            text += " [";
            for part in attr::read(peer.payload).0 {
                match part.kind {
                    peer::PUBLIC_KEY => {
                        text += &format!("peer {}", part.payload.first().copied().unwrap_or(0))
                    }
                    peer::ALLOWEDIPS => {
                        let ips = attr::read(part.payload).0;
                        let show = |ip: Option<&attr::Attr<'_>>| {
                            ip.map(|ip| attr::hex(ip.payload)).unwrap_or_default()
                        };
                        text += &format!(
                            " {} ips {}..{}",
                            ips.len(),
                            show(ips.first()),
                            show(ips.last())
                        );
                    }
                    other => text += &format!(" {other}"),
                }
            }
            text += "]";
        }
    }
    text
}

/// A checksum of all bytes but the index of the interface, so that nothing of a long dump is lost.
fn sum(messages: &[Message]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325u64;
    for message in messages {
        let mut body = message.body.clone();
        for one in attr::read(message.body.get(4..).unwrap_or_default()).0 {
            if one.kind == device::IFINDEX {
                let at = 4 + one.at + attr::HEADER;
                body.get_mut(at..at + 4).unwrap_or_default().fill(0);
            }
        }
        for byte in body {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    sum
}

/// Reads the rest of a dump with buffers of these sizes, in turn; one line for each datagram.
fn read_on(wg: &Wg, rooms: &[usize], now: bool) -> Result<(Vec<Message>, String)> {
    let (mut all, mut text) = (Vec::new(), String::new());
    for room in rooms.iter().cycle().take(PATIENCE) {
        let Some((datagram, length)) = wg.netlink.receive(*room, now)? else {
            text += "nothing\n";
            break;
        };
        if length > datagram.len() {
            text += &format!("cut off {length} to {}\n", datagram.len());
            continue;
        }
        let messages = split(&datagram);
        let lines: Vec<_> = messages.iter().map(brief).collect();
        text += &format!("{}\n", lines.join(" + "));
        let ended = messages
            .iter()
            .any(|message| matches!(message.kind, NLMSG_DONE | NLMSG_ERROR));
        all.extend(messages);
        if ended {
            return Ok((all, text));
        }
    }
    Ok((all, text))
}

/// A whole dump through a socket of its own: the kernel remembers the greatest buffer of a socket.
fn through(rooms: &[usize]) -> Result<String> {
    let mut wg = Wg::open()?;
    wg.start_dump(&wg0())?;
    let (messages, text) = read_on(&wg, rooms, true)?;
    Ok(format!("{text}sum {:016x}", sum(&messages)))
}

pub(super) fn run(record: &mut Record) -> Result<()> {
    Links::open()?.wireguard("wg0")?;
    let mut wg = Wg::open()?;
    record.put("dump/empty", through(&[8192])?);
    sizes(record, &mut wg)?;
    changes(record, &mut wg)
}

fn sizes(record: &mut Record, wg: &mut Wg) -> Result<()> {
    for (name, counts, v6) in [
        ("one-peer", &[0][..], false),
        ("many-peers", &[0; 40], false),
        ("one-peer-many-ips", &[700], false),
        ("one-peer-many-v6", &[500], true),
        ("first-split", &[300, 1, 2], false),
        ("second-split", &[1, 300, 2], false),
        ("mixed", &[90, 0, 3, 200, 1, 0, 0, 150, 90, 90], false),
        ("mixed-v6", &[60, 0, 3, 130, 1, 0, 0, 99, 60, 61], true),
    ] {
        fill(wg, counts, v6)?;
        for room in [4096, 8192, 16384, 32768, 65536] {
            record.put(format!("dump/{name}/{room:05}"), through(&[room])?);
        }
        // The kernel makes messages as great as the greatest buffer it has seen: from the second on.
        for (word, rooms) in [
            ("grows", &[4096, 8192, 16384, 32768][..]),
            ("odd", &[4099, 5001, 7777, 12345]),
            ("small", &[1024]),
        ] {
            record.put(format!("dump/{name}/{word}"), through(rooms)?);
        }
    }
    // Every length of the first part: a boundary comes to lie at every place.
    for (name, from, to, v6) in [("v4", 60, 140, false), ("v6", 40, 110, true)] {
        fill(wg, &[from, 2, 40, 0, 1], v6)?;
        let mut texts = String::new();
        for count in from..to {
            texts += &format!("{count}\n{}\n", through(&[4096])?);
            let one = a_peer(1, 1000 + count, 1, v6);
            wg.must_set(&wg::with_peer(wg0(), one))?;
        }
        record.put(format!("dump/boundary/{name}"), texts);
    }
    Ok(())
}

/// What happens to the device between two messages of a dump.
type Change = fn(&mut Wg, &mut Links) -> Result<()>;

fn with(byte: u8, inside: Attrs) -> Attrs {
    wg::with_peer(
        wg0(),
        Attrs::new().put(peer::PUBLIC_KEY, &key(byte)).and(inside),
    )
}

const CHANGES: &[(&str, Change)] = &[
    ("nothing", |_, _| Ok(())),
    ("set-nothing", |wg, _| wg.must_set(&wg0())),
    ("set-refused", |wg, _| wg.set(&wg0().u16(99, 0)).map(drop)),
    ("set-no-device", |wg, _| wg.set(&named("wg9")).map(drop)),
    ("fwmark", |wg, _| wg.must_set(&wg0().u32(device::FWMARK, 1))),
    ("peer-added", |wg, _| wg.must_set(&with(0x99, Attrs::new()))),
    ("peer-updated", |wg, _| {
        wg.must_set(&with(1, Attrs::new().u16(peer::KEEPALIVE, 1)))
    }),
    ("cursor-removed", |wg, _| {
        // Whichever peer the dump stands at.
        for byte in 1..=25 {
            wg.must_set(&with(byte, Attrs::new().u32(peer::FLAGS, peer::REMOVE_ME)))?;
        }
        Ok(())
    }),
    ("last-removed", |wg, _| {
        wg.must_set(&with(40, Attrs::new().u32(peer::FLAGS, peer::REMOVE_ME)))
    }),
    ("all-removed", |wg, _| {
        wg.must_set(&wg0().u32(device::FLAGS, device::REPLACE_PEERS))
    }),
    ("ip-added-to-first", |wg, _| {
        let ips = Attrs::new().nest(peer::ALLOWEDIPS, wg::prefixes(&["203.0.113.0/24"]));
        wg.must_set(&with(1, ips))
    }),
    ("ip-added-to-last", |wg, _| {
        let ips = Attrs::new().nest(peer::ALLOWEDIPS, wg::prefixes(&["203.0.113.0/24"]));
        wg.must_set(&with(2, ips))
    }),
    ("ips-replaced", |wg, _| {
        let ips = Attrs::new()
            .u32(peer::FLAGS, peer::REPLACE_ALLOWEDIPS)
            .nest(peer::ALLOWEDIPS, wg::prefixes(&["203.0.113.0/24"]));
        wg.must_set(&with(1, ips))
    }),
    ("up", |_, links| links.up("wg0")),
    ("renamed", |_, links| {
        let name = Attrs::new().string(ifla::IFNAME, "wg7");
        links.down("wg0")?;
        links.change("wg0", &name)?.ok("rename").map(drop)
    }),
    ("moved", |_, links| {
        let space = Space::new()?;
        let to = Attrs::new().u32(ifla::NET_NS_FD, space.descriptor());
        links.change("wg0", &to)?.ok("move")?;
        space.within(|| Links::open()?.delete("wg0")?.ok("delete"))?;
        Ok(())
    }),
];

fn changes(record: &mut Record, wg: &mut Wg) -> Result<()> {
    let mut links = Links::open()?;
    for (shape, counts) in [
        ("peers", &[0; 40][..]),
        ("first", &[700, 3]),
        ("second", &[1, 700, 3]),
    ] {
        for (name, change) in CHANGES {
            let second = matches!(
                *name,
                "nothing" | "cursor-removed" | "fwmark" | "ip-added-to-first"
            );
            for after in 1..=if second { 2 } else { 1 } {
                links
                    .delete("wg0")?
                    .ok("delete")
                    .or_else(|_| links.delete("wg7")?.ok("delete"))
                    .ok();
                links.wireguard("wg0")?;
                fill(wg, counts, false)?;
                let mut reader = Wg::open()?;
                reader.start_dump(&wg0())?;
                let mut text = String::new();
                for _ in 0..after {
                    if let Some((datagram, _)) = reader.netlink.receive(4096, true)? {
                        let lines: Vec<_> = split(&datagram).iter().map(brief).collect();
                        text += &format!("{}\n", lines.join(" + "));
                    }
                }
                change(wg, &mut links)?;
                let (messages, rest) = read_on(&reader, &[4096], true)?;
                let interrupted = messages
                    .iter()
                    .any(|message| message.flags & DUMP_INTR != 0);
                text += &format!("-- {name}\n{rest}interrupted {interrupted}");
                record.put(format!("dump/change/{shape}/{name}-after-{after}"), text);
            }
        }
    }
    // The device goes while a dump holds it: it must be able to.
    links
        .delete("wg0")?
        .ok("delete")
        .or_else(|_| links.delete("wg7")?.ok("delete"))
        .ok();
    links.wireguard("wg0")?;
    fill(wg, &[0; 40], false)?;
    let mut reader = Wg::open()?;
    reader.start_dump(&wg0())?;
    let first = reader.netlink.receive(4096, true)?.is_some();
    drop(reader);
    let gone = links.delete("wg0")?.name();
    record.put(
        "dump/abandoned",
        format!("first {first}, then delete {gone}"),
    );
    Ok(())
}
