// SPDX-License-Identifier: GPL-2.0

//! Programs between the interface and the stack, and transformations below the tunnel: the express data
//! path in its generic form, BPF classifiers and redirection, IPsec over the outer flow.

use super::watch::{
    came, incoming, neighbour, outgoing, traffic, ABSENT, CLSACT, EGRESS, INGRESS, NEWQDISC,
    NEWTFILTER, SOON,
};
use crate::attr::Attrs;
use crate::bench::{inner, Bench};
use crate::link::{ifla, Links};
use crate::packet::{self, Header, ETHERNET};
use crate::program::{self, Instruction, Kind};
use crate::record::Record;
use crate::space::Space;
use crate::tap::{Sender, Tap};
use anyhow::{Context, Result};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

/// How long a packet is waited for that must not come.
const IN_VAIN: Duration = Duration::from_millis(700);

pub(super) fn run(record: &mut Record) -> Result<()> {
    let cases: [fn(&mut Record) -> Result<()>; 4] = [express, classifiers, redirect, ipsec];
    for case in cases {
        Space::new()?.within(|| case(record))?;
    }
    Ok(())
}

/// The program, or a note under `title` that there can be none here.
fn loaded(
    record: &mut Record,
    title: &str,
    kind: Kind,
    program: &[Instruction],
) -> Option<OwnedFd> {
    match program::load(kind, program) {
        Ok(program) => Some(program),
        Err(error) => {
            record.put(title, format!("{ABSENT}: {error}"));
            None
        }
    }
}

/// Whether a packet that comes through the tunnel comes to its socket.
fn arrives(bench: &mut Bench, socket: &UdpSocket, payload: &[u8]) -> Result<&'static str> {
    bench.peer.send_inner(&incoming(payload))?;
    let mut buffer = [0; 64];
    Ok(match socket.recv_from(&mut buffer) {
        Ok((length, _)) if buffer.get(..length) == Some(payload) => "arrives",
        Ok(_) => "arrives changed",
        Err(_) => "is lost",
    })
}

fn listener() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((inner(false, 1), 1000))?;
    socket.set_read_timeout(Some(IN_VAIN))?;
    Ok(socket)
}

/// Gives wg0 the program with this descriptor, or none.
fn attach(links: &mut Links, descriptor: i32, mode: u32) -> Result<String> {
    let express = Attrs::new().put(1, &descriptor.to_ne_bytes()).u32(3, mode);
    let attrs = Attrs::new().nest(ifla::XDP, express);
    Ok(links.change("wg0", &attrs)?.name())
}

/// Programs of the express data path, in each mode.
fn express(record: &mut Record) -> Result<()> {
    const DROP: i32 = 1;
    const PASS: i32 = 2;
    const GENERIC: u32 = 2;
    const DRIVER: u32 = 4;
    let mut bench = Bench::new(false)?;
    bench.peer.initiate()?;
    bench.settled()?;
    let socket = listener()?;
    let cases = [
        ("driver", DRIVER, PASS, DROP),
        ("any", 0, PASS, DROP),
        ("pass", GENERIC, PASS, PASS),
        ("drop", GENERIC, DROP, DROP),
        ("ip-passes", GENERIC, PASS, DROP),
        ("ip-is-dropped", GENERIC, DROP, PASS),
    ];
    for (name, mode, yes, no) in cases {
        let title = format!("programs/express/{name}");
        let code = program::begins_with_ip(0, yes, no);
        let Some(program) = loaded(record, &title, Kind::Express, &code) else {
            continue;
        };
        let attached = attach(&mut bench.links, program.as_raw_fd(), mode)?;
        let with = arrives(&mut bench, &socket, b"express")?;
        let detached = attach(&mut bench.links, -1, mode)?;
        let without = arrives(&mut bench, &socket, b"without")?;
        let counters = bench.settled()?;
        record.put(
            title,
            format!("{attached}, {with}; {detached}, {without}\n{counters}"),
        );
    }
    Ok(())
}

/// A BPF program at one of the hooks of clsact.
fn hook(links: &mut Links, name: &str, hook: u32, program: &OwnedFd) -> Result<String> {
    let clsact = Attrs::new().string(1, "clsact");
    let place = (CLSACT & 0xffff_0000, CLSACT, 0);
    traffic(links, NEWQDISC, name, place, clsact)?;
    // TCA_BPF_FD, TCA_BPF_NAME, TCA_BPF_FLAGS: what it returns is the verdict.
    let options = Attrs::new()
        .put(6, &program.as_raw_fd().to_ne_bytes())
        .string(7, "ours")
        .u32(8, 1);
    let filter = Attrs::new().string(1, "bpf").nest(2, options);
    // Priority 1, all protocols.
    let info = 1 << 16 | u32::from(3u16.to_be());
    Ok(traffic(links, NEWTFILTER, name, (0, hook, info), filter)?.name())
}

/// Classifiers see the same bytes on their way in and out.
fn classifiers(record: &mut Record) -> Result<()> {
    const OK: i32 = 0;
    const SHOT: i32 = 2;
    /// Where `struct __sk_buff` has the packet.
    const DATA: i16 = 76;
    for (name, yes, no) in [("ip-passes", OK, SHOT), ("ip-is-dropped", SHOT, OK)] {
        let space = Space::new()?;
        space.within(|| {
            let title = format!("programs/classifier/{name}");
            let code = program::begins_with_ip(DATA, yes, no);
            let Some(program) = loaded(record, &title, Kind::Classifier, &code) else {
                return Ok(());
            };
            let mut bench = Bench::new(false)?;
            bench.peer.initiate()?;
            bench.settled()?;
            let socket = listener()?;
            let made = hook(&mut bench.links, "wg0", INGRESS, &program)?;
            let inside = arrives(&mut bench, &socket, b"in")?;
            let made_too = hook(&mut bench.links, "wg0", EGRESS, &program)?;
            bench.peer.drain()?;
            let sent = Sender::new()?.send(&outgoing(b"out"));
            let outside = came(&bench)?;
            let counters = bench.settled()?;
            record.put(
                title,
                format!("in: {made}, {inside}\nout: {made_too}, {sent:?}, {outside}\n{counters}"),
            );
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

/// From the tunnel to a cable and from the cable into the tunnel, without the stack.
fn redirect(record: &mut Record) -> Result<()> {
    let mut bench = Bench::new(false)?;
    bench.peer.initiate()?;
    bench.settled()?;
    let space = Space::new()?;
    bench.links.veth("copy0", "copy1", space.descriptor())?;
    bench.links.up("copy0")?;
    let (tap, sender) = space.within(|| {
        let mut links = Links::open()?;
        links.up("copy1")?;
        links.address("copy1", "10.7.0.99".parse()?, 24)?;
        neighbour("copy1")?;
        anyhow::Ok((Tap::on("copy1")?, Sender::new()?))
    })?;
    for (name, from, to) in [("out", "wg0", "copy0"), ("in", "copy0", "wg0")] {
        let title = format!("programs/redirect/{name}");
        let code = program::redirect(bench.links.index(to)?);
        let Some(program) = loaded(record, &title, Kind::Classifier, &code) else {
            continue;
        };
        let made = hook(&mut bench.links, from, INGRESS, &program)?;
        tap.rest()?;
        bench.peer.drain()?;
        let seen = if from == "wg0" {
            bench.peer.send_inner(&incoming(b"redirected"))?;
            let seen = tap.find(SOON, |seen| !packet::is_chatter(&seen.bytes, seen.hardware))?;
            seen.map_or_else(
                || "nothing".to_owned(),
                |seen| format!("{:#06x} {}", seen.protocol, packet::show(&seen.bytes)),
            )
        } else {
            let from = SocketAddr::new("10.7.0.99".parse()?, 7);
            let to = (inner(false, 2), 2000).into();
            let packet = packet::udp(from, to, Header::default(), b"redirected");
            sender.send(&packet).context("by the cable")?;
            came(&bench)?
        };
        record.put(title, format!("{made}, {seen}"));
    }
    Ok(())
}

/// What the tunnel sends goes through IPsec, by a policy for the outer flow.
fn ipsec(record: &mut Record) -> Result<()> {
    const ESP: u8 = 50;
    let mut bench = Bench::new(false)?;
    bench.peer.initiate()?;
    bench.settled()?;
    let flow = "src 192.168.7.1 dst 192.168.7.2";
    let commands = [
        format!("state add {flow} proto esp spi 0x1234 mode transport enc cipher_null 0x auth digest_null 0x"),
        format!("policy add {flow} proto udp dir out tmpl {flow} proto esp mode transport"),
    ];
    for command in commands {
        let ended = Command::new("ip")
            .arg("xfrm")
            .args(
                command
                    .split(' ')
                    .map(|word| if word == "0x" { "" } else { word }),
            )
            .output()
            .context("ip xfrm")?;
        if !ended.status.success() {
            let why = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
            record.put("programs/ipsec", format!("{ABSENT}: {why}"));
            return Ok(());
        }
    }
    bench.wire.rest()?;
    let sender = Sender::new()?;
    for size in [0usize, 1, 100, 1000, 1372] {
        let sent = sender.send(&outgoing(&vec![7; size]));
        let seen = bench
            .wire
            .find(SOON, |seen| seen.bytes.get(ETHERNET + 9) == Some(&ESP))?;
        // The identification of fragments and checksums are as they come; the rest is headers.
        let text = seen.map_or_else(
            || "nothing".to_owned(),
            |seen| {
                let packet = seen.bytes.get(ETHERNET..).unwrap_or_default();
                let byte = |at: usize| packet.get(at).copied().unwrap_or_default();
                let (tos, fragment, ttl) = (byte(1), byte(6), byte(8));
                let spi = crate::attr::hex(packet.get(20..24).unwrap_or_default());
                let length = packet.len();
                format!("{length} bytes, tos {tos:#04x}, fragment {fragment:#04x}, ttl {ttl}, spi {spi}")
            },
        );
        record.put(
            format!("programs/ipsec/{size:04}"),
            format!("{sent:?}, {text}"),
        );
    }
    let counters = bench.settled()?;
    record.put("programs/ipsec/counters", counters);
    Ok(())
}
