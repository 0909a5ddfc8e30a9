// SPDX-License-Identifier: GPL-2.0

//! SET messages that are right: what each changes, in which order, and what a dump says then.

use crate::attr::{self, Attrs};
use crate::link::Links;
use crate::record::Record;
use crate::space::Space;
use crate::wg::{allowed_ip, device, key, named, peer, prefix, prefixes, sockaddr, with_peer, Wg};
use anyhow::{Context, Result};
use std::net::{SocketAddr, SocketAddrV6, UdpSocket};
use std::time::{Duration, Instant};

/// A device for the cases, and where its answers go.
struct Desk<'a> {
    record: &'a mut Record,
    wg: Wg,
    links: Links,
    title: String,
    step: usize,
}

impl Desk<'_> {
    /// A story of its own, on a fresh device.
    fn story(&mut self, title: &str) -> Result<()> {
        if self.step > 0 {
            self.links.delete("wg0")?.ok("wg0 goes")?;
        }
        self.links.wireguard("wg0")?;
        self.title = title.to_owned();
        self.step = 1;
        self.look("fresh", "-")
    }

    /// Sends a message and notes the error and the device afterwards.
    fn set(&mut self, what: &str, attrs: &Attrs) -> Result<()> {
        let answer = self.wg.set(attrs)?;
        self.look(what, &answer.name())
    }

    fn look(&mut self, what: &str, answer: &str) -> Result<()> {
        let dump = self.wg.dump("wg0")?;
        let name = format!("configure/{}/{:02}-{what}", self.title, self.step);
        self.record.put(name, format!("{answer}\n{dump}"));
        self.step += 1;
        Ok(())
    }
}

pub(super) fn run(record: &mut Record) -> Result<()> {
    let mut desk = Desk {
        record,
        wg: Wg::open()?,
        links: Links::open()?,
        title: String::new(),
        step: 0,
    };
    keys(&mut desk)?;
    peers(&mut desk)?;
    allowed_ips(&mut desk)?;
    removed_ips(&mut desk)?;
    endpoints(&mut desk)?;
    ports(&mut desk)?;
    order(&mut desk)?;
    elsewhere(desk.record)
}

fn wg0() -> Attrs {
    named("wg0")
}

fn a_peer(byte: u8) -> Attrs {
    Attrs::new().put(peer::PUBLIC_KEY, &key(byte))
}

/// The public key that a device says it has.
fn own_public(desk: &mut Desk<'_>) -> Result<Vec<u8>> {
    let device = desk.wg.device("wg0")?;
    let found = attr::find(&device, device::PUBLIC_KEY);
    Ok(found.context("no public key")?.payload.to_vec())
}

fn keys(desk: &mut Desk<'_>) -> Result<()> {
    desk.story("keys")?;
    let private = |bytes: &[u8; 32]| wg0().put(device::PRIVATE_KEY, bytes);
    desk.set("clamped", &private(&key(0x40)))?;
    desk.set("not-clamped", &private(&key(0xff)))?;
    desk.set("same-again", &private(&key(0xff)))?;
    desk.set("all-zero", &private(&key(0)))?;
    desk.set("all-zero-again", &private(&key(0)))?;
    // Not zero, but zero when clamped but for the bit that clamping sets.
    let mut low = key(0);
    low[0] = 7;
    desk.set("low-bits", &private(&low))?;
    desk.set(
        "public-key-is-ignored",
        &wg0().put(device::PUBLIC_KEY, &key(9)),
    )?;
    let own: [u8; 32] = own_public(desk)?.try_into().unwrap_or_default();
    desk.set(
        "own-key-as-peer",
        &with_peer(wg0(), Attrs::new().put(peer::PUBLIC_KEY, &own)),
    )?;
    desk.set("key-gone", &private(&key(0)))?;
    desk.set(
        "own-key-as-peer-without-key",
        &with_peer(wg0(), Attrs::new().put(peer::PUBLIC_KEY, &own)),
    )?;
    desk.set("another-peer", &with_peer(wg0(), a_peer(5)))?;
    desk.set("key-of-a-peer", &private(&low))?;
    let both = private(&key(0)).nest(
        device::PEERS,
        Attrs::new().nest(0, Attrs::new().put(peer::PUBLIC_KEY, &own)),
    );
    desk.set("key-gone-and-peer", &both)?;
    let psk = |bytes: &[u8; 32]| with_peer(wg0(), a_peer(5).put(peer::PRESHARED_KEY, bytes));
    desk.set("preshared", &psk(&key(0x81)))?;
    desk.set("preshared-zero", &psk(&key(0)))?;
    // Points of low order are keys like any other until somebody computes with them.
    for (number, bytes) in [key(0), [1; 32], [0xff; 32]].iter().enumerate() {
        let odd = Attrs::new().put(peer::PUBLIC_KEY, bytes);
        desk.set(&format!("odd-peer-{number}"), &with_peer(wg0(), odd))?;
    }
    Ok(())
}

fn peers(desk: &mut Desk<'_>) -> Result<()> {
    desk.story("peers")?;
    let flagged = |byte, flags| with_peer(wg0(), a_peer(byte).u32(peer::FLAGS, flags));
    desk.set("remove-unknown", &flagged(1, peer::REMOVE_ME))?;
    desk.set("update-unknown", &flagged(1, peer::UPDATE_ONLY))?;
    desk.set("replace-ips-unknown", &flagged(1, peer::REPLACE_ALLOWEDIPS))?;
    desk.set("another", &with_peer(wg0(), a_peer(2)))?;
    desk.set("first-again", &with_peer(wg0(), a_peer(1)))?;
    let update = a_peer(1)
        .u32(peer::FLAGS, peer::UPDATE_ONLY)
        .u16(peer::KEEPALIVE, 7);
    desk.set("update-known", &with_peer(wg0(), update))?;
    desk.set(
        "update-and-remove",
        &flagged(1, peer::UPDATE_ONLY | peer::REMOVE_ME),
    )?;
    let three = Attrs::new()
        .nest(9, a_peer(7))
        .nest(3, a_peer(5))
        .nest(3, a_peer(6));
    desk.set("three", &wg0().nest(device::PEERS, three.clone()))?;
    let twice = Attrs::new()
        .nest(0, a_peer(8).u16(peer::KEEPALIVE, 1))
        .nest(0, a_peer(8).u16(peer::KEEPALIVE, 2));
    desk.set("twice-in-one-message", &wg0().nest(device::PEERS, twice))?;
    let made_and_gone = Attrs::new()
        .nest(0, a_peer(9))
        .nest(0, a_peer(9).u32(peer::FLAGS, peer::REMOVE_ME))
        .nest(
            0,
            a_peer(9)
                .u32(peer::FLAGS, peer::UPDATE_ONLY)
                .u16(peer::KEEPALIVE, 3),
        );
    desk.set("made-and-gone", &wg0().nest(device::PEERS, made_and_gone))?;
    for seconds in [0, 1, 65534, 65535] {
        let peer = a_peer(7).u16(peer::KEEPALIVE, seconds);
        desk.set(&format!("keepalive-{seconds}"), &with_peer(wg0(), peer))?;
    }
    let replace = wg0().u32(device::FLAGS, device::REPLACE_PEERS);
    desk.set(
        "replace-with-three",
        &replace.clone().nest(device::PEERS, three),
    )?;
    desk.set(
        "replace-with-none",
        &replace.clone().nest(device::PEERS, Attrs::new()),
    )?;
    desk.set("one", &with_peer(wg0(), a_peer(1)))?;
    desk.set("replace-without-peers", &replace)?;
    desk.set("no-peers", &wg0().nest(device::PEERS, Attrs::new()))?;
    desk.set("nothing", &wg0())
}

fn allowed_ips(desk: &mut Desk<'_>) -> Result<()> {
    desk.story("allowed-ips")?;
    let with =
        |byte, list: &[&str]| with_peer(wg0(), a_peer(byte).nest(peer::ALLOWEDIPS, prefixes(list)));
    desk.set(
        "some",
        &with(
            1,
            &[
                "10.0.0.0/8",
                "10.1.0.0/16",
                "fd00::/8",
                "10.1.2.3/32",
                "::/0",
                "0.0.0.0/0",
            ],
        ),
    )?;
    desk.set(
        "host-bits",
        &with(
            1,
            &["192.0.2.255/24", "2001:db8::ffff/33", "255.255.255.255/1"],
        ),
    )?;
    desk.set("again", &with(1, &["10.1.0.0/16"]))?;
    desk.set("again-with-host-bits", &with(1, &["10.255.0.0/8"]))?;
    desk.set("moved", &with(2, &["10.1.0.0/16", "::/0"]))?;
    desk.set("moved-back-and-forth", &with(1, &["10.1.0.0/16"]))?;
    desk.set(
        "twice-in-one-list",
        &with(2, &["172.16.0.0/12", "172.16.0.0/12", "172.31.0.0/12"]),
    )?;
    let two = Attrs::new()
        .nest(
            0,
            a_peer(1).nest(peer::ALLOWEDIPS, prefixes(&["198.51.100.0/24"])),
        )
        .nest(
            0,
            a_peer(2).nest(peer::ALLOWEDIPS, prefixes(&["198.51.100.0/24"])),
        );
    desk.set("last-one-wins", &wg0().nest(device::PEERS, two))?;
    let replace = a_peer(1)
        .u32(peer::FLAGS, peer::REPLACE_ALLOWEDIPS)
        .nest(peer::ALLOWEDIPS, prefixes(&["203.0.113.0/24"]));
    desk.set("replaced", &with_peer(wg0(), replace))?;
    let none = a_peer(1).u32(peer::FLAGS, peer::REPLACE_ALLOWEDIPS);
    desk.set("replaced-by-none", &with_peer(wg0(), none))?;
    let gone = a_peer(2).u32(peer::FLAGS, peer::REMOVE_ME);
    desk.set("owner-gone", &with_peer(wg0(), gone))?;
    let every: Vec<String> = (0..=32)
        .map(|cidr| format!("255.255.255.255/{cidr}"))
        .collect();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    desk.set("every-length-v4", &with(3, &every))?;
    let every: Vec<String> = (0..=128)
        .step_by(5)
        .map(|cidr| format!("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/{cidr}"))
        .collect();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    desk.set("many-lengths-v6", &with(3, &every))
}

fn removed_ips(desk: &mut Desk<'_>) -> Result<()> {
    desk.story("removed-ips")?;
    let add =
        |byte, list: &[&str]| with_peer(wg0(), a_peer(byte).nest(peer::ALLOWEDIPS, prefixes(list)));
    let remove = |byte, list: &[&str]| {
        let ips = list.iter().fold(Attrs::new(), |attrs, text| {
            attrs.nest(
                0,
                prefix(text).u32(allowed_ip::FLAGS, allowed_ip::REMOVE_ME),
            )
        });
        with_peer(wg0(), a_peer(byte).nest(peer::ALLOWEDIPS, ips))
    };
    desk.set(
        "some",
        &add(
            1,
            &[
                "10.0.0.0/8",
                "10.1.0.0/16",
                "10.1.2.0/24",
                "fd00::/8",
                "::/0",
            ],
        ),
    )?;
    desk.set("others", &add(2, &["172.16.0.0/12", "10.1.2.3/32"]))?;
    desk.set("middle", &remove(1, &["10.1.0.0/16"]))?;
    desk.set(
        "not-there",
        &remove(1, &["10.1.0.0/16", "10.0.0.0/9", "0.0.0.0/0"]),
    )?;
    desk.set("of-another", &remove(1, &["172.16.0.0/12"]))?;
    desk.set("host-bits", &remove(1, &["10.255.255.255/8"]))?;
    desk.set("v6", &remove(1, &["::/0", "fd00::/8"]))?;
    desk.set("last-ones", &remove(1, &["10.1.2.0/24"]))?;
    desk.set("of-unknown-peer", &remove(9, &["10.0.0.0/8"]))?;
    desk.set("bad-length", &remove(2, &["10.0.0.0/33"]))?;
    desk.set("bad-length-v6", &remove(2, &["::/129"]))?;
    let mixed = a_peer(2).nest(
        peer::ALLOWEDIPS,
        prefixes(&["10.9.0.0/16"])
            .nest(
                0,
                prefix("10.9.0.0/16").u32(allowed_ip::FLAGS, allowed_ip::REMOVE_ME),
            )
            .nest(0, prefix("10.8.0.0/16").u32(allowed_ip::FLAGS, 0)),
    );
    desk.set("added-and-removed", &with_peer(wg0(), mixed))
}

fn endpoints(desk: &mut Desk<'_>) -> Result<()> {
    desk.story("endpoints")?;
    let with = |bytes: &[u8]| with_peer(wg0(), a_peer(1).put(peer::ENDPOINT, bytes));
    let v4 = |text: &str| {
        text.parse()
            .map(|address| sockaddr(&SocketAddr::V4(address)))
    };
    desk.set("v4", &with(&v4("192.0.2.1:1")?))?;
    let v6 = SocketAddrV6::new("fd00::1".parse()?, 51820, 0x1234, 0);
    desk.set("v6-flowinfo", &with(&sockaddr(&v6.into())))?;
    let scoped = SocketAddrV6::new("fe80::1".parse()?, 51820, 0, 77);
    desk.set("v6-scope", &with(&sockaddr(&scoped.into())))?;
    desk.set("port-0", &with(&v4("192.0.2.1:0")?))?;
    desk.set("any", &with(&v4("0.0.0.0:9")?))?;
    desk.set("broadcast", &with(&v4("255.255.255.255:9")?))?;
    desk.set("multicast", &with(&v4("224.0.0.1:9")?))?;
    let mapped = SocketAddrV6::new("::ffff:192.0.2.1".parse()?, 9, 0, 0);
    desk.set("mapped", &with(&sockaddr(&mapped.into())))?;
    let mut padded = v4("192.0.2.1:5")?;
    padded.get_mut(8..).unwrap_or_default().fill(0xff);
    desk.set("v4-padding", &with(&padded))?;
    let mut long = v4("192.0.2.2:6")?;
    long.resize(28, 0);
    desk.set("v4-in-28-bytes", &with(&long))?;
    let mut short = sockaddr(&v6.into());
    short.truncate(24);
    desk.set("v6-in-24-bytes", &with(&short))
}

fn ports(desk: &mut Desk<'_>) -> Result<()> {
    desk.story("ports")?;
    let port = |port| wg0().u16(device::LISTEN_PORT, port);
    let taken = UdpSocket::bind("0.0.0.0:7000")?;
    desk.set("taken-while-down", &port(7000))?;
    let up = desk.links.flags("wg0", 1, 1)?;
    desk.look("up-with-taken", &up.name())?;
    desk.set("free", &port(7001))?;
    desk.links.up("wg0")?;
    desk.set("taken-while-up", &port(7000))?;
    let more = port(7000)
        .u32(device::FWMARK, 3)
        .put(device::PRIVATE_KEY, &key(0x40));
    desk.set("taken-and-more", &with_peer(more, a_peer(1)))?;
    let still = UdpSocket::bind("0.0.0.0:7001").is_err();
    desk.look("old-sockets", &format!("still there: {still}"))?;
    drop(taken);
    desk.set("free-now", &port(7000))?;
    let v4 = UdpSocket::bind("0.0.0.0:7000").is_err();
    let v6 = UdpSocket::bind("[::]:7000").is_err();
    let old = UdpSocket::bind("0.0.0.0:7001").is_err();
    desk.look("sockets", &format!("v4 {v4} v6 {v6} old {old}"))?;
    desk.set("same", &port(7000))?;
    desk.set("low", &port(1))?;
    desk.set("greatest", &port(65535))?;
    desk.set("fwmark", &wg0().u32(device::FWMARK, u32::MAX))?;
    desk.set("fwmark-off", &wg0().u32(device::FWMARK, 0))?;
    desk.links.down("wg0")?;
    desk.look("down", "-")?;
    let free = UdpSocket::bind("0.0.0.0:65535").is_ok();
    desk.look("free-while-down", &free.to_string())?;
    // Port 0: another one each time the interface comes up with 0, the same one once chosen.
    desk.wg.must_set(&port(0))?;
    desk.look("random-while-down", "-")?;
    desk.links.up("wg0")?;
    let chosen = |desk: &mut Desk<'_>| -> Result<u16> {
        let device = desk.wg.device("wg0")?;
        let attr = attr::find(&device, device::LISTEN_PORT).context("no port")?;
        Ok(u16::from_ne_bytes(attr.payload.try_into()?))
    };
    let first = chosen(desk)?;
    desk.links.down("wg0")?;
    let while_down = chosen(desk)?;
    desk.links.up("wg0")?;
    let second = chosen(desk)?;
    desk.wg.must_set(&port(0))?;
    let third = chosen(desk)?;
    let text = format!(
        "chosen {}, kept while down {}, kept when up again {}, another after 0 {}, v6 too {}",
        first != 0,
        while_down == first,
        second == first,
        third != first && third != 0,
        UdpSocket::bind(("::", third)).is_err() && UdpSocket::bind(("0.0.0.0", third)).is_err(),
    );
    desk.record.put("configure/ports/random", text);
    Ok(())
}

/// What is applied first where one message asks for all.
fn order(desk: &mut Desk<'_>) -> Result<()> {
    desk.story("order")?;
    desk.set(
        "start",
        &with_peer(wg0().put(device::PRIVATE_KEY, &key(0x40)), a_peer(1)),
    )?;
    let own: [u8; 32] = own_public(desk)?.try_into().unwrap_or_default();
    desk.set("key-off", &wg0().put(device::PRIVATE_KEY, &key(0)))?;
    desk.set(
        "own-as-peer",
        &with_peer(wg0(), Attrs::new().put(peer::PUBLIC_KEY, &own)),
    )?;
    // The key comes before the peers: its peer goes, and is not made again.
    let peers = Attrs::new()
        .nest(0, Attrs::new().put(peer::PUBLIC_KEY, &own))
        .nest(0, a_peer(2));
    let all = wg0()
        .nest(device::PEERS, peers.clone())
        .put(device::PRIVATE_KEY, &key(0x40));
    desk.set("key-before-peers", &all)?;
    let replace = wg0()
        .nest(device::PEERS, peers)
        .u32(device::FLAGS, device::REPLACE_PEERS);
    desk.set("replace-before-peers", &replace)?;
    let endpoint = sockaddr(&([192, 0, 2, 1], 1000).into());
    let odd_order = Attrs::new()
        .nest(peer::ALLOWEDIPS, prefixes(&["10.0.0.0/8"]))
        .u16(peer::KEEPALIVE, 9)
        .put(peer::ENDPOINT, &endpoint)
        .u32(peer::FLAGS, peer::REPLACE_ALLOWEDIPS)
        .put(peer::PUBLIC_KEY, &key(2));
    let odd = Attrs::new().nest(device::PEERS, Attrs::new().nest(0, odd_order));
    desk.set(
        "attributes-in-any-order",
        &odd.u16(device::LISTEN_PORT, 4444).and(wg0()),
    )
}

/// Devices that live in another namespace than the one they were made in.
fn elsewhere(record: &mut Record) -> Result<()> {
    let home = Space::new()?;
    let away = Space::new()?;
    home.within(|| {
        let mut links = Links::open()?;
        links.wireguard("wg0")?;
        let to = Attrs::new().u32(crate::link::ifla::NET_NS_FD, away.descriptor());
        let moved = links.change("wg0", &to)?;
        record.put("configure/elsewhere/moved", moved.name());
        let gone = Wg::open()?.dump("wg0")?;
        record.put("configure/elsewhere/seen-at-home", gone);
        Ok(())
    })?;
    away.within(|| {
        let mut links = Links::open()?;
        let mut wg = Wg::open()?;
        links.up("wg0")?;
        wg.must_set(&wg0().u16(device::LISTEN_PORT, 4000).u32(device::FWMARK, 5))?;
        record.put("configure/elsewhere/dump", wg.dump("wg0")?);
        let here = UdpSocket::bind("0.0.0.0:4000").is_ok();
        let there = home.within(|| Ok(UdpSocket::bind("0.0.0.0:4000").is_err()))?;
        let text = format!("free here {here}, taken where it was made {there}");
        record.put("configure/elsewhere/sockets", text);
        Ok(())
    })?;
    // The namespace of its sockets ends.
    drop(home);
    std::thread::sleep(std::time::Duration::from_millis(300));
    away.within(|| {
        let mut links = Links::open()?;
        let mut wg = Wg::open()?;
        let mut set = |name: &str, attrs: &Attrs| -> Result<()> {
            let answer = wg.set(attrs)?;
            let text = answer.name() + "\n" + &wg.dump("wg0")?;
            record.put(format!("configure/orphan/{name}"), text);
            Ok(())
        };
        set("port", &wg0().u16(device::LISTEN_PORT, 4001))?;
        set("fwmark", &wg0().u32(device::FWMARK, 6))?;
        set(
            "key",
            &with_peer(wg0().put(device::PRIVATE_KEY, &key(0x40)), a_peer(1)),
        )?;
        // That the link has lost its carrier is known a moment later.
        let start = Instant::now();
        let state = loop {
            let state = links.show("wg0")?;
            if state.contains("flags 0x91") || start.elapsed() > Duration::from_secs(5) {
                break state;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        record.put("configure/orphan/link", state);
        let again = links.flags("wg0", 0, 1)?.name() + " then " + &links.flags("wg0", 1, 1)?.name();
        record.put("configure/orphan/down-and-up", again);
        Ok(())
    })
}
