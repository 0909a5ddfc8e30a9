// SPDX-License-Identifier: GPL-2.0

//! Those who watch the interface or sit between it and the stack: packet capture, traffic control,
//! VRF, policy routing by the device's mark, pacing by departure times.

use crate::attr::Attrs;
use crate::bench::{inner, Bench};
use crate::link::{ifla, Links};
use crate::netlink::{Answer, ACK, CREATE, EXCL, REQUEST};
use crate::packet::{self, Header};
use crate::record::Record;
use crate::space::Space;
use crate::tap::{Sender, Tap};
use crate::wg::{device, named};
use anyhow::{Context, Result};
use nix::sys::socket::{sendmsg, ControlMessage, MsgFlags, SockaddrIn};
use nix::sys::socket::{setsockopt, sockopt};
use nix::time::{clock_gettime, ClockId};
use std::io::IoSlice;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Message types of traffic control and of rules.
pub(super) const NEWQDISC: u16 = 36;
pub(super) const NEWTFILTER: u16 = 44;
const NEWRULE: u16 = 32;
/// Handles of traffic control: the root, and both hooks of clsact.
const ROOT: u32 = 0xffff_ffff;
pub(super) const CLSACT: u32 = 0xffff_fff1;
pub(super) const INGRESS: u32 = 0xffff_fff2;
pub(super) const EGRESS: u32 = 0xffff_fff3;
/// The kernel has not what a case needs.
pub(super) const ABSENT: &str = "the kernel cannot";

pub(super) const SOON: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(1);

pub(super) fn run(record: &mut Record) -> Result<()> {
    let cases: [fn(&mut Record) -> Result<()>; 5] = [capture, control, vrf, mark, pacing];
    for case in cases {
        Space::new()?.within(|| case(record))?;
    }
    Ok(())
}

pub(super) fn incoming(payload: &[u8]) -> Vec<u8> {
    let from = SocketAddr::new(inner(false, 2), 2000);
    let to = SocketAddr::new(inner(false, 1), 1000);
    let mut packet = packet::udp(from, to, Header::default(), payload);
    packet.resize(packet.len().div_ceil(16) * 16, 0);
    packet
}

/// The inner packet that comes to the peer next, if one does.
pub(super) fn came(bench: &Bench) -> Result<String> {
    let start = Instant::now();
    while let Some((datagram, _)) = bench
        .peer
        .receive(SOON.saturating_sub(start.elapsed()).max(SHORT))?
    {
        match bench.peer.open(&datagram) {
            Ok((_, inside)) if !inside.is_empty() => return Ok(packet::show(&inside)),
            _ if start.elapsed() > SOON => break,
            _ => {}
        }
    }
    Ok("nothing".to_owned())
}

pub(super) fn outgoing(payload: &[u8]) -> Vec<u8> {
    let from = SocketAddr::new(inner(false, 1), 1000);
    let to = SocketAddr::new(inner(false, 2), 2000);
    packet::udp(from, to, Header::default(), payload)
}

/// Both ways on wg0 as a packet socket has them.
fn capture(record: &mut Record) -> Result<()> {
    let mut bench = Bench::new(false)?;
    bench.peer.initiate()?;
    bench.settled()?;
    let tap = Tap::on("wg0")?;
    let listener = UdpSocket::bind((inner(false, 1), 1000))?;
    listener.set_read_timeout(Some(SOON))?;
    for v6 in [false, true] {
        let (near, far) = (inner(v6, 1), inner(v6, 2));
        let packet = packet::udp((near, 5).into(), (far, 6).into(), Header::default(), b"out");
        Sender::new()?.send(&packet).context("into the tunnel")?;
        came(&bench)?;
        let mut packet = packet::udp((far, 6).into(), (near, 5).into(), Header::default(), b"in");
        packet.resize(packet.len().div_ceil(16) * 16, 0);
        bench.peer.send_inner(&packet)?;
        for way in ["out", "in"] {
            let seen = tap.find(SOON, |seen| !packet::is_chatter(&seen.bytes, seen.hardware))?;
            let seen = seen.with_context(|| format!("nothing on its way {way}"))?;
            let text = format!(
                "type {} protocol {:#06x} hardware {} {}",
                seen.direction,
                seen.protocol,
                seen.hardware,
                packet::show(&seen.bytes)
            );
            record.put(
                format!("watch/capture/{way}-{}", if v6 { 6 } else { 4 }),
                text,
            );
        }
        // The host's own answer that nobody listens.
        tap.rest()?;
    }
    bench.peer.send_inner(&incoming(b"to a socket"))?;
    let mut buffer = [0; 64];
    let (length, from) = listener.recv_from(&mut buffer)?;
    record.put(
        "watch/capture/socket",
        format!("{length} bytes from {from}"),
    );
    Ok(())
}

/// A qdisc or filter; its header is `struct tcmsg`.
pub(super) fn traffic(
    links: &mut Links,
    kind: u16,
    name: &str,
    place: (u32, u32, u32),
    attrs: Attrs,
) -> Result<Answer> {
    let (handle, parent, info) = place;
    let mut header = vec![0; 4];
    header.extend(links.index(name)?.to_ne_bytes());
    for word in [handle, parent, info] {
        header.extend(word.to_ne_bytes());
    }
    links
        .0
        .ask(kind, REQUEST | ACK | CREATE | EXCL, &header, &attrs)
}

/// Everything that passes a hook of an interface goes to another as well, or instead.
fn mirred(links: &mut Links, name: &str, hook: u32, action: i32, to: &str) -> Result<String> {
    let clsact = Attrs::new().string(1, "clsact");
    traffic(
        links,
        NEWQDISC,
        name,
        (CLSACT & 0xffff_0000, CLSACT, 0),
        clsact,
    )?;
    // struct tc_mirred: index, capab, action, refcnt, bindcnt, eaction, ifindex. A redirected packet
    // is taken (4), a mirrored one goes on (3, pipe).
    let mut parameters = Vec::new();
    let what = if action == 1 { 4 } else { 3 };
    for word in [0, 0, what, 0, 0, action] {
        parameters.extend(i32::to_ne_bytes(word));
    }
    parameters.extend(links.index(to)?.to_ne_bytes());
    let options = Attrs::new().put(2, &parameters);
    let act = Attrs::new().string(1, "mirred").nest(2, options);
    let filter = Attrs::new()
        .string(1, "matchall")
        .nest(2, Attrs::new().nest(2, Attrs::new().nest(1, act)));
    // Priority 1, all protocols.
    let info = 1 << 16 | u32::from(3u16.to_be());
    Ok(traffic(links, NEWTFILTER, name, (0, hook, info), filter)?.name())
}

fn control(record: &mut Record) -> Result<()> {
    const REDIRECT: i32 = 1;
    const MIRROR: i32 = 2;
    let mut bench = Bench::new(false)?;
    bench.peer.initiate()?;
    bench.settled()?;
    let space = Space::new()?;
    bench.links.veth("copy0", "copy1", space.descriptor())?;
    bench.links.up("copy0")?;
    let tap = space.within(|| {
        Links::open()?.up("copy1")?;
        Tap::on("copy1")
    })?;
    let text = |seen: Option<crate::tap::Seen>| {
        seen.map_or_else(
            || "nothing".to_owned(),
            |seen| format!("{:#06x} {}", seen.protocol, packet::show(&seen.bytes)),
        )
    };
    let interesting = |seen: &crate::tap::Seen| !packet::is_chatter(&seen.bytes, seen.hardware);
    let made = mirred(&mut bench.links, "wg0", INGRESS, MIRROR, "copy0")?;
    if made != "ok" {
        record.put("watch/control", format!("{ABSENT}: {made}"));
        return Ok(());
    }
    tap.rest()?;
    bench.peer.send_inner(&incoming(b"mirrored"))?;
    record.put(
        "watch/control/mirror-in",
        text(tap.find(SOON, interesting)?),
    );
    let made = mirred(&mut bench.links, "wg0", EGRESS, MIRROR, "copy0")?;
    tap.rest()?;
    Sender::new()?
        .send(&outgoing(b"mirrored"))
        .context("into the tunnel")?;
    record.put(
        "watch/control/mirror-out",
        made + " " + &text(tap.find(SOON, interesting)?),
    );
    record.put("watch/control/mirror-out-original", came(&bench)?);
    // What comes in by a cable goes out by the tunnel, without a route.
    let made = mirred(&mut bench.links, "copy0", INGRESS, REDIRECT, "wg0")?;
    bench.peer.drain()?;
    let sender = space.within(|| {
        let mut links = Links::open()?;
        links.address("copy1", "10.7.0.99".parse()?, 24)?;
        Sender::new()
    })?;
    // Nobody answers for the neighbour: so it is said who that is.
    space.within(|| neighbour("copy1"))?;
    let from = SocketAddr::new("10.7.0.99".parse()?, 7);
    let packet = packet::udp(
        from,
        (inner(false, 2), 2000).into(),
        Header::default(),
        b"redirected",
    );
    sender.send(&packet).context("by the cable")?;
    record.put("watch/control/redirect", made + " " + &came(&bench)?);
    Ok(())
}

/// The peer's inner address is at some hardware address, for ever.
pub(super) fn neighbour(name: &str) -> Result<()> {
    const NEWNEIGH: u16 = 28;
    const PERMANENT: u16 = 0x80;
    let mut links = Links::open()?;
    let mut header = vec![2, 0, 0, 0];
    header.extend(links.index(name)?.to_ne_bytes());
    header.extend(PERMANENT.to_ne_bytes());
    header.extend([0, 1]);
    let address = crate::link::octets(inner(false, 2));
    let attrs = Attrs::new()
        .put(1, &address)
        .put(2, &[2, 0x57, 0x47, 1, 0, 1]);
    let flags = REQUEST | ACK | CREATE;
    links
        .0
        .ask(NEWNEIGH, flags, &header, &attrs)?
        .ok("a neighbour")
        .map(drop)
}

/// The interface as a port of a VRF.
fn vrf(record: &mut Record) -> Result<()> {
    let mut bench = Bench::new(false)?;
    bench.peer.initiate()?;
    let info = Attrs::new()
        .string(ifla::INFO_KIND, "vrf")
        .nest(ifla::INFO_DATA, Attrs::new().u32(1, 10));
    let made = bench.links.create_with("red", info, Attrs::new())?.name();
    if made != "ok" {
        record.put("watch/vrf", format!("{ABSENT}: {made}"));
        return Ok(());
    }
    bench.links.up("red")?;
    let index = bench.links.index("red")?;
    let joined = bench
        .links
        .change("wg0", &Attrs::new().u32(ifla::MASTER, index))?
        .name();
    let socket = UdpSocket::bind("0.0.0.0:1000")?;
    setsockopt(&socket, sockopt::BindToDevice, &"red".into())?;
    socket.set_read_timeout(Some(SOON))?;
    bench.peer.drain()?;
    let sent = socket.send_to(b"from the vrf", (inner(false, 2), 2000));
    let inside = came(&bench)?;
    bench.peer.send_inner(&incoming(b"to the vrf"))?;
    let mut buffer = [0; 64];
    let got = socket.recv_from(&mut buffer).map_err(|error| error.kind());
    let text = format!(
        "{joined}, sent {:?}: {}\nreceived {got:?}",
        sent.map_err(|error| error.kind()),
        inside
    );
    record.put("watch/vrf", text);
    let tap = Tap::on("red")?;
    bench.peer.send_inner(&incoming(b"seen on the vrf"))?;
    let seen = tap.find(SOON, |seen| !packet::is_chatter(&seen.bytes, seen.hardware))?;
    let text = seen.map_or_else(
        || "nothing".to_owned(),
        |seen| format!("type {} {}", seen.direction, packet::show(&seen.bytes)),
    );
    record.put("watch/vrf/capture", text);
    Ok(())
}

/// The device's mark decides about the way of the outer packets, that of the inner ones does not.
fn mark(record: &mut Record) -> Result<()> {
    let mut bench = Bench::new(false)?;
    bench.peer.initiate()?;
    // Whatever has mark 7 goes nowhere (FR_ACT_UNREACHABLE).
    let header = [2, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0];
    let rule = Attrs::new().u32(6, 50).u32(10, 7);
    let made = bench
        .links
        .0
        .ask(NEWRULE, REQUEST | ACK | CREATE | EXCL, &header, &rule)?
        .name();
    let socket = UdpSocket::bind((inner(false, 1), 1000))?;
    for value in [0u32, 7, 8] {
        bench
            .wg
            .must_set(&named("wg0").u32(device::FWMARK, value))?;
        bench.peer.drain()?;
        let sent = socket
            .send_to(b"marked", (inner(false, 2), 2000))
            .map_err(|error| error.kind());
        let came = bench.peer.receive(Duration::from_millis(500))?.is_some();
        let counters = bench.settled()?;
        record.put(
            format!("watch/mark/{value}"),
            format!("rule {made}, sent {sent:?}, came {came}\n{counters}"),
        );
    }
    bench.wg.must_set(&named("wg0").u32(device::FWMARK, 0))?;
    for value in [8u32, 7] {
        setsockopt(&socket, sockopt::Mark, &value)?;
        bench.peer.drain()?;
        let sent = socket
            .send_to(b"marked", (inner(false, 2), 2000))
            .map_err(|error| error.kind());
        let came = bench.peer.receive(Duration::from_millis(500))?.is_some();
        record.put(
            format!("watch/mark/inner-{value}"),
            format!("sent {sent:?}, came {came}"),
        );
    }
    Ok(())
}

/// A departure time of the inner packet, with fq on the outer interface: is it kept?
fn pacing(record: &mut Record) -> Result<()> {
    const LATER: Duration = Duration::from_millis(1500);
    let mut bench = Bench::new(false)?;
    bench.peer.initiate()?;
    let fq = Attrs::new().string(1, "fq");
    let made = traffic(&mut bench.links, NEWQDISC, "near0", (1 << 16, ROOT, 0), fq)?.name();
    let socket = UdpSocket::bind((inner(false, 1), 1000))?;
    let config = nix::libc::sock_txtime {
        clockid: nix::libc::CLOCK_MONOTONIC,
        flags: 0,
    };
    let set = setsockopt(&socket, sockopt::TxTime, &config);
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    let now = now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64;
    let at = now + LATER.as_nanos() as u64;
    let to = SockaddrIn::new(10, 7, 0, 2, 2000);
    bench.peer.drain()?;
    let start = Instant::now();
    let sent = sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(b"later")],
        &[ControlMessage::TxTime(&at)],
        MsgFlags::empty(),
        Some(&to),
    );
    let came = bench.peer.receive(Duration::from_secs(8))?;
    let held = start.elapsed() >= LATER - Duration::from_millis(200);
    let text = format!(
        "fq {made}, option {set:?}, sent {sent:?}, came {}, held back {held}",
        came.is_some()
    );
    record.put("watch/pacing", text);
    Ok(())
}
