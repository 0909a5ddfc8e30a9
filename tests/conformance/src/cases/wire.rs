// SPDX-License-Identifier: GPL-2.0

//! What the device sends: headers, sizes and padding on the wire, what is inside, to whom and from
//! where, and what the counters say afterwards.

use crate::attr::{hex, Attrs};
use crate::bench::{inner, outer, Bench, PORT};
use crate::packet::{self, Header, ETHERNET};
use crate::record::Record;
use crate::tap::{Seen, Sender, Tap};
use crate::wg::{device, named, peer, sockaddr};
use anyhow::{Context, Result};
use nix::sys::socket::{sendmsg, ControlMessage, MsgFlags, SockaddrIn};
use std::io::IoSlice;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(10);

/// Waits for a packet of WireGuard with this first byte on the wire; as text.
fn on_wire(wire: &Tap, kind: u8) -> Result<String> {
    let seen = wire.find(LONG, |seen| {
        let packet = seen.bytes.get(ETHERNET..).unwrap_or_default();
        let start = match packet.first().map(|first| first >> 4) {
            Some(4) if packet.get(9) == Some(&17) => packet::IPV4,
            Some(6) if packet.get(6) == Some(&17) => packet::IPV6,
            _ => return false,
        };
        packet.get(start + 8) == Some(&kind)
    })?;
    let seen = seen.with_context(|| format!("nothing of type {kind} on the wire"))?;
    Ok(mask_flow(&packet::show(
        seen.bytes.get(ETHERNET..).unwrap_or_default(),
    )))
}

/// The flow label is a hash with a random key: what matters is whether there is one.
fn mask_flow(text: &str) -> String {
    let Some((before, rest)) = text.split_once(" flow 0x") else {
        return text.to_owned();
    };
    let (label, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let label = if label == "0" { "none" } else { "some" };
    format!("{before} flow {label} {rest}")
}

/// A packet from the device's side of the tunnel to ours.
fn outgoing(v6: bool, header: Header, payload: &[u8]) -> Vec<u8> {
    let from = SocketAddr::new(inner(v6, 1), 1000);
    let to = SocketAddr::new(inner(v6, 2), 2000);
    packet::udp(from, to, header, payload)
}

pub(super) fn run(record: &mut Record) -> Result<()> {
    for v6 in [false, true] {
        let space = crate::space::Space::new()?;
        space.within(|| outer_headers(record, v6))?;
        let space = crate::space::Space::new()?;
        space.within(|| as_responder(record, v6))?;
    }
    let space = crate::space::Space::new()?;
    space.within(|| sizes(record))?;
    let space = crate::space::Space::new()?;
    space.within(|| addresses(record))
}

fn outer_headers(record: &mut Record, v6: bool) -> Result<()> {
    let title = if v6 { "wire/v6" } else { "wire/v4" };
    let mut bench = Bench::new(v6)?;
    let sender = Sender::new()?;
    let send = |six: bool, header: Header, payload: &[u8]| -> Result<()> {
        sender
            .send(&outgoing(six, header, payload))
            .map(drop)
            .context("into the tunnel")
    };
    // The first packet makes the device begin; its TOS is not that of the handshake.
    send(
        false,
        Header {
            tos: 0xb9,
            ..Header::default()
        },
        b"first",
    )?;
    record.put(format!("{title}/initiation"), on_wire(&bench.wire, 1)?);
    bench.peer.respond()?;
    record.put(format!("{title}/staged"), on_wire(&bench.wire, 4)?);
    let (counter, packet) = bench.peer.receive_inner()?;
    record.put(
        format!("{title}/staged-inside"),
        format!("{counter} {}", hex(&packet)),
    );

    for six in [false, true] {
        let inside = if six { "in6" } else { "in4" };
        for tos in [
            0x00, 0x01, 0x02, 0x03, 0x04, 0x10, 0x88, 0xb8, 0xb9, 0xba, 0xbb, 0xff,
        ] {
            send(
                six,
                Header {
                    tos,
                    ..Header::default()
                },
                b"tos",
            )?;
            record.put(
                format!("{title}/{inside}/tos-{tos:02x}"),
                on_wire(&bench.wire, 4)?,
            );
        }
        for ttl in [1, 2, 64, 255] {
            send(
                six,
                Header {
                    ttl,
                    ..Header::default()
                },
                b"ttl",
            )?;
            record.put(
                format!("{title}/{inside}/ttl-{ttl}"),
                on_wire(&bench.wire, 4)?,
            );
        }
    }
    send(
        false,
        Header {
            dont_fragment: true,
            ..Header::default()
        },
        b"df",
    )?;
    record.put(format!("{title}/dont-fragment"), on_wire(&bench.wire, 4)?);
    send(
        true,
        Header {
            flow: 0x12345,
            ..Header::default()
        },
        b"flow",
    )?;
    record.put(format!("{title}/flow-label"), on_wire(&bench.wire, 4)?);
    bench.peer.drain()?;
    record.put(format!("{title}/counters"), bench.settled()?);
    record.put(format!("{title}/dump"), bench.wg.dump_used("wg0")?);

    // A keepalive at once, when an interval is set.
    bench.configure(Attrs::new().u16(peer::KEEPALIVE, 600))?;
    record.put(format!("{title}/keepalive"), on_wire(&bench.wire, 4)?);
    // Nothing on the wire when the interval is changed.
    bench.configure(Attrs::new().u16(peer::KEEPALIVE, 500))?;
    record.put(
        format!("{title}/keepalive-changed"),
        format!("{} packets", bench.wire.rest()?.len()),
    );
    // Many at once.
    let count = 40;
    for _ in 0..count {
        send(false, Header::default(), &[7; 100])?;
    }
    let (mut first, mut order) = (None, true);
    for at in 0..count {
        let (counter, packet) = bench.peer.receive_inner()?;
        let first = *first.get_or_insert(counter);
        order &= counter == first + at && packet.len() == 128;
    }
    record.put(
        format!("{title}/burst"),
        format!("{count} came, in order {order}"),
    );
    segments(record, &mut bench, title)
}

/// One send call, several datagrams (UDP_SEGMENT): split before they are sealed.
fn segments(record: &mut Record, bench: &mut Bench, title: &str) -> Result<()> {
    bench.peer.drain()?;
    bench.wire.rest()?;
    let socket = UdpSocket::bind((inner(false, 1), 3000))?;
    let to = SockaddrIn::new(10, 7, 0, 2, 2000);
    let payload = vec![0x5a; 1000 * 4 + 300];
    let size = 1000;
    let control = [ControlMessage::UdpGsoSegments(&size)];
    let sent = sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(&payload)],
        &control,
        MsgFlags::empty(),
        Some(&to),
    );
    let mut text = format!("{sent:?}\n");
    if sent.is_ok() {
        for _ in 0..5 {
            let (_, packet) = bench.peer.receive_inner()?;
            text += &format!("{}\n", packet::show(&packet));
        }
    }
    record.put(format!("{title}/segments"), text);
    Ok(())
}

fn as_responder(record: &mut Record, v6: bool) -> Result<()> {
    let title = if v6 { "wire/v6" } else { "wire/v4" };
    let mut bench = Bench::without_endpoint(v6)?;
    let message = bench.peer.initiation()?;
    bench.peer.set_tos(0x03)?;
    bench.peer.send(message.as_bytes())?;
    record.put(format!("{title}/response"), on_wire(&bench.wire, 2)?);
    let answer = bench.peer.wait_for(2)?;
    bench.peer.take_response(&answer)?;
    record.put(
        format!("{title}/responder/unconfirmed"),
        bench.wg.dump_used("wg0")?,
    );
    // Until our first data the device keeps its own back: it begins a handshake instead, or waits.
    bench.peer.send_inner(&[])?;
    record.put(format!("{title}/responder/counters"), bench.settled()?);
    record.put(
        format!("{title}/responder/confirmed"),
        bench.wg.dump_used("wg0")?,
    );
    let sender = Sender::new()?;
    sender
        .send(&outgoing(false, Header::default(), b"back"))
        .context("into the tunnel")?;
    record.put(format!("{title}/responder/data"), on_wire(&bench.wire, 4)?);
    // The same initiation once more is no longer one.
    bench.peer.drain()?;
    bench.wire.rest()?;
    bench.peer.send(message.as_bytes())?;
    record.put(
        format!("{title}/responder/replayed"),
        format!("{} answers", bench.peer.drain()?),
    );
    Ok(())
}

/// Lengths around every boundary of the padding and of the interface's limit.
fn sizes(record: &mut Record) -> Result<()> {
    let mut bench = Bench::new(false)?;
    let sender = Sender::new()?;
    sender
        .send(&outgoing(false, Header::default(), b""))
        .context("into the tunnel")?;
    bench.peer.respond()?;
    bench.peer.receive_inner()?;
    for mtu in [1420u32, 1000, 1001, 1299, 9000] {
        let answer = bench
            .links
            .change("wg0", &Attrs::new().u32(crate::link::ifla::MTU, mtu))?;
        answer.ok("an mtu")?;
        let near = mtu as usize - 28;
        let lengths = (0..=36)
            .chain([100, 500])
            .chain(near.saturating_sub(20)..=near);
        let mut text = String::new();
        for length in lengths {
            let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
            sender
                .send(&outgoing(false, Header::default(), &payload))
                .context("into the tunnel")?;
            let (_, packet) = bench.peer.receive_inner()?;
            let padding = packet.get(28 + length..).unwrap_or_default();
            let zero = padding.iter().all(|byte| *byte == 0);
            let kept = packet.get(28..28 + length) == Some(&payload);
            text += &format!(
                "{length}: {} inside, {} padding, zero {zero}, kept {kept}\n",
                packet.len(),
                padding.len()
            );
        }
        record.put(format!("wire/size/mtu-{mtu}"), text);
    }
    // A route with a limit of its own decides about padding where the packet has one.
    let mut text = String::new();
    bench.links.route(inner_net(), 24, "wg0", None, 1299)?;
    let ips = crate::wg::prefixes(&["10.8.0.0/24"]);
    bench.configure(Attrs::new().nest(peer::ALLOWEDIPS, ips))?;
    let socket = UdpSocket::bind((inner(false, 1), 3000))?;
    for length in (1240..=1271).chain([1271 - 16]) {
        let sent = socket.send_to(&vec![1; length], "10.8.0.9:2000");
        let got = match sent {
            Ok(_) => format!("{}", bench.peer.receive_inner()?.1.len()),
            Err(error) => format!("{:?}", error.kind()),
        };
        text += &format!("{length}: {got}\n");
    }
    record.put("wire/size/route-1299", text);
    // Greater than the cable's frames: the outer packet is split, as it may be.
    bench.peer.drain()?;
    bench.wire.rest()?;
    sender
        .send(&outgoing(false, Header::default(), &[9; 3000]))
        .context("into the tunnel")?;
    let mut lines = Vec::new();
    let is_part = |seen: &Seen| {
        seen.bytes.get(12..14) == Some(&[8, 0])
            && seen.bytes.get(20).is_some_and(|flags| flags & 0x3f != 0)
    };
    while let Some(seen) = bench.wire.find(LONG, is_part)? {
        lines.push(packet::show(seen.bytes.get(ETHERNET..).unwrap_or_default()));
        if seen.bytes.get(20).is_some_and(|flags| flags & 0x20 == 0) {
            break;
        }
    }
    record.put("wire/size/split", lines.join("\n"));
    Ok(())
}

fn inner_net() -> std::net::IpAddr {
    [10, 8, 0, 0].into()
}

/// From which address to which: endpoints that move, sources that stick.
fn addresses(record: &mut Record) -> Result<()> {
    let mut bench = Bench::new(false)?;
    bench.configure(Attrs::new().nest(peer::ALLOWEDIPS, crate::wg::prefixes(&["10.8.0.0/24"])))?;
    bench.links.address("near0", outer(false, 11), 24)?;
    bench.peer.initiate()?;
    bench.wire.rest()?;
    let sender = Sender::new()?;
    let mut step = |bench: &mut Bench, name: &str| -> Result<()> {
        bench.wire.rest()?;
        sender
            .send(&outgoing(false, Header::default(), b"where"))
            .context("into the tunnel")?;
        let text = on_wire(&bench.wire, 4)?;
        let text = text.split(" data ").next().unwrap_or_default().to_owned();
        let dump = bench.wg.device("wg0")?;
        let peers = crate::attr::find(&dump, device::PEERS).context("no peers")?;
        let first = crate::attr::read(peers.payload).0;
        let endpoint = first
            .first()
            .and_then(|one| crate::attr::find(one.payload, peer::ENDPOINT));
        let endpoint = endpoint.map(|one| hex(one.payload)).unwrap_or_default();
        record.put(
            format!("wire/address/{name}"),
            format!("{text} endpoint {endpoint}"),
        );
        Ok(())
    };
    step(&mut bench, "first")?;
    // We speak to its other address: from there it answers from now on.
    bench.peer.device = SocketAddr::new(outer(false, 11), PORT);
    bench.peer.send_inner(&[])?;
    bench.settled()?;
    step(&mut bench, "to-another-address")?;
    // We come from elsewhere.
    let moved = bench
        .far
        .within(|| Ok(UdpSocket::bind((outer(false, 2), 999))?))?;
    let message = bench.peer.seal(&[])?;
    moved.send_to(&message, bench.peer.device)?;
    bench.settled()?;
    step(&mut bench, "from-another-port")?;
    // Something that does not verify moves nothing.
    let mut bad = bench.peer.seal(&[])?;
    if let Some(last) = bad.last_mut() {
        *last ^= 1;
    }
    bench.peer.send(&bad)?;
    bench.settled()?;
    step(&mut bench, "after-a-false-one")?;
    // Over IPv6.
    let six = bench
        .far
        .within(|| Ok(UdpSocket::bind((outer(true, 2), PORT))?))?;
    let message = bench.peer.seal(&[])?;
    six.send_to(&message, SocketAddr::new(outer(true, 1), PORT))?;
    bench.settled()?;
    step(&mut bench, "over-ipv6")?;
    // An endpoint that is set clears the source, the address that stuck goes away.
    let far = sockaddr(&SocketAddr::new(outer(false, 2), PORT));
    bench.configure(Attrs::new().put(peer::ENDPOINT, &far))?;
    step(&mut bench, "endpoint-set")?;
    bench.peer.device = SocketAddr::new(outer(false, 11), PORT);
    bench.peer.send_inner(&[])?;
    bench.settled()?;
    step(&mut bench, "sticks")?;
    bench.wg.must_set(&named("wg0").u32(device::FWMARK, 9))?;
    step(&mut bench, "mark-set")?;
    bench.peer.send_inner(&[])?;
    bench.settled()?;
    bench.links.remove_address("near0", outer(false, 11), 24)?;
    step(&mut bench, "address-gone")?;
    bench
        .wg
        .must_set(&named("wg0").u16(device::LISTEN_PORT, 4000))?;
    step(&mut bench, "port-set")
}
