// SPDX-License-Identifier: GPL-2.0

//! Packets that the device cannot send: the error that the application sees, the ICMP message that
//! comes back, what is counted. From this host and for a host behind it.

use crate::attr::Attrs;
use crate::bench::{inner, Bench};
use crate::link::Links;
use crate::packet::{self, Header, ETHERNET};
use crate::record::Record;
use crate::space::Space;
use crate::tap::{Sender, Tap};
use crate::wg::{device, named, peer, prefixes, sockaddr};
use anyhow::{Context, Result};
use nix::sys::socket::{setsockopt, sockopt};
use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

pub(super) fn run(record: &mut Record) -> Result<()> {
    // Errors are not to be held back.
    fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0").context("icmp_ratelimit")?;
    fs::write("/proc/sys/net/ipv6/icmp/ratelimit", "0").context("icmp/ratelimit")?;
    for v6 in [false, true] {
        let space = Space::new()?;
        space.within(|| local(record, v6))?;
        let space = Space::new()?;
        space.within(|| forwarded(record, v6))?;
    }
    Ok(())
}

/// The states in which a packet for an address of ours meets the device, one after the other.
type State = fn(&mut Bench, bool) -> Result<()>;
const STATES: &[(&str, State)] = &[
    ("no-peer", |bench, _| {
        let none = Attrs::new().u32(peer::FLAGS, peer::REPLACE_ALLOWEDIPS);
        bench.configure(none)
    }),
    ("no-endpoint", |bench, _| {
        bench
            .configure(Attrs::new().nest(peer::ALLOWEDIPS, prefixes(&["10.7.0.0/24", "fd10::/64"])))
    }),
    ("no-key", |bench, _| {
        bench
            .wg
            .must_set(&named("wg0").put(device::PRIVATE_KEY, &[0; 32]))
    }),
    ("no-key-endpoint", |bench, _| {
        let far = sockaddr(&"192.168.7.2:51820".parse()?);
        bench.configure(Attrs::new().put(peer::ENDPOINT, &far))
    }),
    ("no-route-for-endpoint", |bench, _| {
        let far = sockaddr(&"203.0.113.1:51820".parse()?);
        bench
            .wg
            .must_set(&named("wg0").put(device::PRIVATE_KEY, &crate::wg::key(0x40)))?;
        first_handshake(bench)?;
        bench.configure(Attrs::new().put(peer::ENDPOINT, &far))
    }),
    ("no-session", |bench, _| {
        let far = sockaddr(&"192.168.7.2:51820".parse()?);
        bench.configure(Attrs::new().put(peer::ENDPOINT, &far))
    }),
    ("down", |bench, _| bench.links.down("wg0")),
];

/// A key brings a handshake for what is staged, from a worker: it is to meet the endpoint that is
/// there, not the next one. One that does not go out is missing in the counters.
fn first_handshake(bench: &mut Bench) -> Result<()> {
    for _ in 0..100 {
        if bench.statistics("wg0")?.contains("tx_packets") {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// What a program on the device's own host sees.
fn local(record: &mut Record, v6: bool) -> Result<()> {
    let mut bench = Bench::without_endpoint(v6)?;
    let title = if v6 { "errors/local6" } else { "errors/local4" };
    let tap = Tap::on("wg0")?;
    for (name, state) in STATES {
        state(&mut bench, v6)?;
        tap.rest()?;
        let mut text = String::new();
        let bound = UdpSocket::bind((inner(v6, 1), 0))
            .or_else(|_| UdpSocket::bind((if v6 { "::" } else { "0.0.0.0" }, 0)))?;
        let sent = bound.send_to(b"hello", (inner(v6, 2), 2000));
        text += &format!("send_to {:?}\n", sent.map_err(|error| error.raw_os_error()));
        // A connected socket with the errors of the network switched on.
        let socket = UdpSocket::bind((if v6 { "::" } else { "0.0.0.0" }, 0))?;
        let connected = socket.connect((inner(v6, 2), 2000));
        text += &format!(
            "connect {:?}\n",
            connected.map_err(|error| error.raw_os_error())
        );
        if v6 {
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        }
        for _ in 0..2 {
            let sent = socket.send(b"hello");
            text += &format!("send {:?}\n", sent.map_err(|error| error.raw_os_error()));
        }
        let pending = socket.take_error()?.and_then(|error| error.raw_os_error());
        text += &format!("pending {pending:?}\n");
        let packets = tap.rest()?;
        text += &format!("{} packets seen on the interface\n", packets.len());
        // How many are staged, and so dropped at the end, is in the counters.
        text += &bench.settled()?;
        record.put(format!("{title}/{name}"), text);
    }
    bench.links.up("wg0")?;
    let after = bench.settled()?;
    record.put(format!("{title}/up-again"), after);
    if v6 {
        return Ok(());
    }
    // What the limits of the interface say.
    let socket = UdpSocket::bind((inner(v6, 1), 0))?;
    let mut text = String::new();
    for length in [1391, 1392, 1393, 8000, 65507, 65508] {
        let sent = socket.send_to(&vec![1; length], (inner(v6, 2), 2000));
        text += &format!(
            "{length} {:?}\n",
            sent.map_err(|error| error.raw_os_error())
        );
    }
    text += &bench.settled()?;
    record.put(format!("{title}/sizes"), text);
    Ok(())
}

/// What a host behind the device's sees: the messages that come back to it.
fn forwarded(record: &mut Record, v6: bool) -> Result<()> {
    let mut bench = Bench::without_endpoint(v6)?;
    let title = if v6 {
        "errors/forward6"
    } else {
        "errors/forward4"
    };
    let client = Space::new()?;
    let (here, there): (IpAddr, IpAddr) = if v6 {
        ("fd08::1".parse()?, "fd08::2".parse()?)
    } else {
        ("192.168.8.1".parse()?, "192.168.8.2".parse()?)
    };
    let cidr = if v6 { 64 } else { 24 };
    bench
        .links
        .veth("behind0", "client0", client.descriptor())?;
    bench.links.address("behind0", here, cidr)?;
    bench.links.up("behind0")?;
    let forwarding = if v6 {
        "ipv6/conf/all/forwarding"
    } else {
        "ipv4/ip_forward"
    };
    fs::write(format!("/proc/sys/net/{forwarding}"), "1").context("forwarding")?;
    let (sender, tap) = client.within(|| {
        let mut links = Links::open()?;
        links.address("client0", there, cidr)?;
        links.up("client0")?;
        let (net, length) = if v6 { ("fd10::", 64) } else { ("10.7.0.0", 24) };
        links.route(net.parse()?, length, "client0", Some(here), 0)?;
        Ok((Sender::new()?, Tap::on("client0")?))
    })?;
    let packet = |length: usize, ttl, dont_fragment| {
        let header = Header {
            ttl,
            dont_fragment,
            ..Header::default()
        };
        let (from, to) = (
            SocketAddr::new(there, 1000),
            SocketAddr::new(inner(v6, 2), 2000),
        );
        packet::udp(from, to, header, &vec![5; length])
    };
    let mut ask = |bench: &mut Bench, name: &str, packet: Vec<u8>| -> Result<()> {
        tap.rest()?;
        sender.send(&packet).context("from the client")?;
        let answer = tap.find(Duration::from_millis(700), |seen| {
            seen.direction != 4 && !packet::is_chatter(&seen.bytes, seen.hardware)
        })?;
        let answer =
            answer.map(|seen| packet::show(seen.bytes.get(ETHERNET..).unwrap_or_default()));
        let text = format!(
            "{}\n{}",
            answer.as_deref().unwrap_or("nothing"),
            bench.settled()?
        );
        record.put(format!("{title}/{name}"), text);
        Ok(())
    };
    for (name, state) in STATES {
        state(&mut bench, v6)?;
        ask(&mut bench, name, packet(20, 64, false))?;
    }
    bench.links.up("wg0")?;
    ask(&mut bench, "large", packet(1440, 64, true))?;
    ask(&mut bench, "last-hop", packet(20, 1, false))
}
