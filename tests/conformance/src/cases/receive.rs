// SPDX-License-Identifier: GPL-2.0

//! What the device takes: good and bad messages, good and bad packets inside of them; what comes out
//! of the interface, and what is counted.

use crate::attr::hex;
use crate::bench::{inner, Bench};
use crate::link::octets;
use crate::packet::{self, Header};
use crate::record::Record;
use crate::space::Space;
use crate::tap::Tap;
use anyhow::{Context, Result};
use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::unistd::Pid;
use std::net::SocketAddr;

/// A packet from our side of the tunnel to the device's.
fn incoming(v6: bool, header: Header, payload: &[u8]) -> Vec<u8> {
    let from = SocketAddr::new(inner(v6, 2), 2000);
    let to = SocketAddr::new(inner(v6, 1), 1000);
    packet::udp(from, to, header, payload)
}

fn padded(mut packet: Vec<u8>) -> Vec<u8> {
    packet.resize(packet.len().div_ceil(16) * 16, 0);
    packet
}

/// Drops that the C module does not count have cases of their own.
const DROPPED: &str = "rx_dropped";

/// A session, and what comes out of the interface.
struct Desk<'a> {
    record: &'a mut Record,
    bench: Bench,
    out: Tap,
}

impl Desk<'_> {
    /// Sends, and notes what comes out and what is counted. A good packet behind it shows when all
    /// has been done.
    fn try_bytes(&mut self, name: &str, datagram: &[u8]) -> Result<()> {
        let before = numbers(&self.bench.settled()?);
        self.bench.peer.send(datagram)?;
        let end = self
            .bench
            .peer
            .seal(&padded(incoming(false, Header::default(), b"the end")))?;
        self.bench.peer.send(&end)?;
        let mut lines = Vec::new();
        while let Some(seen) = self.out.next(std::time::Duration::from_secs(5))? {
            if seen.direction == 4 {
                continue;
            }
            let text = packet::show(&seen.bytes);
            if text.contains(&hex(b"the end")) {
                break;
            }
            lines.push(format!(
                "{:#06x} hardware {} {text}",
                seen.protocol, seen.hardware
            ));
        }
        let after = numbers(&self.bench.settled()?);
        let mut text = lines.join("\n");
        let mut dropped = 0;
        for (name, value) in after {
            let old = before
                .iter()
                .find(|(other, _)| *other == name)
                .map_or(0, |(_, value)| *value);
            if name == DROPPED {
                dropped = value - old;
            } else if value != old {
                text += &format!("\n{name} +{}", value - old);
            }
        }
        self.record
            .put(format!("receive/{name}+dropped"), dropped.to_string());
        self.record.put(format!("receive/{name}"), text);
        Ok(())
    }

    fn try_packet(&mut self, name: &str, packet: Vec<u8>) -> Result<()> {
        let datagram = self.bench.peer.seal(&packet)?;
        self.try_bytes(name, &datagram)
    }
}

/// The counters of a line, by name, but for what is sent: now and then the device's host answers that
/// nobody listens, now and then it is told not to say so again.
fn numbers(text: &str) -> Vec<(String, u64)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.windows(2).filter_map(|pair| match pair {
        [name, value] if !name.starts_with("tx") => Some(((*name).to_owned(), value.parse().ok()?)),
        _ => None,
    });
    pairs.collect()
}

/// All is sent from one CPU, and so passes the cable in the order in which it was sent: what shows
/// the end of a case could overtake it otherwise.
pub(super) fn run(record: &mut Record) -> Result<()> {
    let this = Pid::from_raw(0);
    let all = sched_getaffinity(this)?;
    let first = (0..CpuSet::count()).find(|cpu| all.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(first.context("no CPU")?)?;
    sched_setaffinity(this, &one)?;
    let outcome = run_here(record);
    sched_setaffinity(this, &all)?;
    outcome
}

fn run_here(record: &mut Record) -> Result<()> {
    let mut bench = Bench::new(false)?;
    bench.peer.initiate()?;
    let out = Tap::on("wg0")?;
    let mut desk = Desk { record, bench, out };
    packets(&mut desk)?;
    datagrams(&mut desk)?;
    counters(&mut desk)?;
    let (record, bench) = (desk.record, desk.bench);
    drop(bench);
    for v6 in [false, true] {
        let space = Space::new()?;
        space.within(|| marks(record, v6))?;
    }
    Ok(())
}

/// What is inside of good messages.
fn packets(desk: &mut Desk<'_>) -> Result<()> {
    for v6 in [false, true] {
        let family = if v6 { "v6" } else { "v4" };
        let good = || incoming(v6, Header::default(), b"good");
        desk.try_packet(&format!("{family}/good"), padded(good()))?;
        desk.try_packet(&format!("{family}/not-padded"), good())?;
        let mut much = good();
        much.resize(500, 0);
        desk.try_packet(&format!("{family}/much-padding"), much)?;
        let mut dirty = good();
        dirty.resize(64, 0xff);
        desk.try_packet(&format!("{family}/dirty-padding"), dirty)?;
        for cut in [1, 2, 19, 20, 21, 39, 40, 41] {
            let mut packet = good();
            packet.truncate(cut);
            desk.try_packet(&format!("{family}/cut-{cut}"), padded(packet.clone()))?;
            desk.try_packet(&format!("{family}/cut-{cut}-not-padded"), packet)?;
        }
        // The length in the header: too great, smaller than what is there, smaller than a header.
        for length in [0u16, 1, 19, 20, 28, 30, 33, 100, 65535] {
            let mut packet = padded(good());
            let at = if v6 { 4 } else { 2 };
            if let Some(slot) = packet.get_mut(at..at + 2) {
                slot.copy_from_slice(&length.to_be_bytes());
            }
            desk.try_packet(&format!("{family}/length-{length}"), packet)?;
        }
        for version in [0u8, 1, 5, 7, 15] {
            let mut packet = padded(good());
            if let Some(first) = packet.first_mut() {
                *first = version << 4 | *first & 15;
            }
            desk.try_packet(&format!("{family}/version-{version}"), packet)?;
        }
        // From an address that is not the peer's.
        let mut packet = padded(good());
        let at = if v6 { 8 } else { 12 };
        let strange = if v6 {
            octets("2001:db8::1".parse()?)
        } else {
            vec![192, 0, 2, 1]
        };
        if let Some(slot) = packet.get_mut(at..at + strange.len()) {
            slot.copy_from_slice(&strange);
        }
        desk.try_packet(&format!("{family}/from-a-stranger"), packet)?;
        for tos in [0u8, 1, 2, 3, 0x88] {
            let packet = incoming(
                v6,
                Header {
                    tos,
                    ..Header::default()
                },
                b"tos",
            );
            desk.try_packet(&format!("{family}/tos-{tos:02x}"), padded(packet))?;
        }
        let large = incoming(v6, Header::default(), &[8; 1372]);
        desk.try_packet(&format!("{family}/large"), padded(large))?;
        let larger = incoming(v6, Header::default(), &[8; 4000]);
        desk.try_packet(&format!("{family}/larger-than-mtu"), padded(larger))?;
    }
    let mut odd = padded(incoming(false, Header::default(), b"sum"));
    if let Some(slot) = odd.get_mut(26) {
        *slot ^= 0x55;
    }
    // The sum inside is nobody's business: what verifies is taken to be good.
    desk.try_packet("v4/bad-sum", odd)?;
    desk.try_packet("empty", Vec::new())?;
    desk.try_packet("zeros", vec![0; 64])
}

/// Messages that are none.
fn datagrams(desk: &mut Desk<'_>) -> Result<()> {
    for kind in [0u8, 1, 2, 3, 4, 5, 0xff] {
        for length in [
            0, 1, 3, 4, 15, 16, 31, 32, 33, 63, 64, 65, 91, 92, 93, 147, 148, 149, 1500,
        ] {
            let mut bytes = vec![0; length];
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            desk.try_bytes(&format!("message/{kind}/{length:04}"), &bytes)?;
        }
    }
    let good = padded(incoming(false, Header::default(), b"good"));
    for (at, name) in [
        (0, "type"),
        (1, "reserved-1"),
        (2, "reserved-2"),
        (3, "reserved-3"),
        (4, "index"),
        (8, "counter"),
        (15, "counter-high"),
        (20, "text"),
        (60, "tag"),
    ] {
        let mut bytes = desk.bench.peer.seal(&good)?;
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 0x40;
        }
        desk.try_bytes(&format!("damaged/{name}"), &bytes)?;
    }
    let mut longer = desk.bench.peer.seal(&good)?;
    longer.push(0);
    desk.try_bytes("damaged/longer", &longer)?;
    longer.truncate(longer.len() - 2);
    desk.try_bytes("damaged/shorter", &longer)?;
    // Handshakes with false sums, and one that is for somebody else.
    for (name, at) in [
        ("mac1", 120),
        ("static", 50),
        ("timestamp", 90),
        ("sender", 5),
        ("mac2", 140),
    ] {
        let mut bytes = desk.bench.peer.initiation()?.as_bytes().to_vec();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1;
        }
        let title = format!("initiation/{name}");
        desk.bench.peer.drain()?;
        desk.bench.peer.send(&bytes)?;
        let mut answers = Vec::new();
        while let Some((answer, _)) = desk
            .bench
            .peer
            .receive(std::time::Duration::from_millis(200))?
        {
            answers.push(format!(
                "{} of {}",
                answer.first().copied().unwrap_or(0),
                answer.len()
            ));
        }
        let text = format!(
            "{}\n{}",
            answers.join(", "),
            desk.bench.settled()?.contains("errors")
        );
        desk.record.put(format!("receive/{title}"), text);
        desk.bench.peer.drain()?;
    }
    Ok(())
}

/// Counters that come again, late, too late, and from the end.
fn counters(desk: &mut Desk<'_>) -> Result<()> {
    desk.bench.peer.initiate()?;
    desk.bench.settled()?;
    desk.bench.peer.counter = 20_000;
    let good = padded(incoming(false, Header::default(), b"good"));
    for (name, counter) in [
        ("ahead", 19_000),
        ("again", 19_000),
        ("late", 18_000),
        ("late-again", 18_000),
        ("edge-inside", 20_004 - 8_120),
        ("too-late", 20_005 - 8_200),
        ("one", 1),
        ("last", u64::MAX - 8128 - 2),
        ("beyond", u64::MAX - 8128 - 1),
        ("end", u64::MAX),
    ] {
        // The greatest ones leave no room for the packet behind: they come last.
        let datagram = desk.bench.peer.seal_as(&good, counter)?;
        if counter < 1 << 40 {
            desk.try_bytes(&format!("counter/{name}"), &datagram)?;
            continue;
        }
        desk.bench.peer.send(&datagram)?;
        let mut after = numbers(&desk.bench.settled()?);
        after.retain(|(name, _)| name != DROPPED);
        desk.record
            .put(format!("receive/counter/{name}"), format!("{after:?}"));
    }
    Ok(())
}

/// What becomes of the outer packet's congestion mark.
fn marks(record: &mut Record, v6: bool) -> Result<()> {
    let mut bench = Bench::new(v6)?;
    bench.peer.initiate()?;
    bench.settled()?;
    let out = Tap::on("wg0")?;
    for six in [false, true] {
        for outside in 0..4u8 {
            for inside in 0..4u8 {
                bench.peer.set_tos(0x88 | outside)?;
                let packet = incoming(
                    six,
                    Header {
                        tos: 0x28 | inside,
                        ..Header::default()
                    },
                    b"mark",
                );
                bench.peer.send_inner(&padded(packet))?;
                let seen = out.find(std::time::Duration::from_secs(5), |seen| {
                    seen.direction != 4
                })?;
                let text =
                    seen.map_or_else(|| "nothing".to_owned(), |seen| packet::show(&seen.bytes));
                let family = |six| if six { "6" } else { "4" };
                record.put(
                    format!(
                        "receive/mark/{}-in-{}/{outside}-{inside}",
                        family(six),
                        family(v6)
                    ),
                    text,
                );
            }
        }
    }
    let text = format!("{:?}", numbers(&bench.settled()?));
    record.put(
        format!("receive/mark/counters-{}", if v6 { "6" } else { "4" }),
        text,
    );
    Ok(())
}
