// SPDX-License-Identifier: GPL-2.0

//! SET messages that are wrong in every way that could be thought of, and what the device looks
//! like after each: it must not have changed by accident.

use crate::attr::{self, Attrs, BIG_ENDIAN, HEADER, NESTED};
use crate::link::Links;
use crate::netlink::{Ack, ACK};
use crate::record::Record;
use crate::wg::{
    allowed_ip, device, key, named, peer, prefix, sockaddr, with_peer, Wg, AF_INET, SET,
};
use anyhow::Result;

/// The device between two cases.
fn base() -> Attrs {
    let one = Attrs::new().put(peer::PUBLIC_KEY, &key(0xee)).nest(
        peer::ALLOWEDIPS,
        Attrs::new().nest(0, prefix("198.51.100.0/24")),
    );
    let device = named("wg0")
        .put(device::PRIVATE_KEY, &key(0x40))
        .u16(device::LISTEN_PORT, 5000)
        .u32(device::FWMARK, 1)
        .u32(device::FLAGS, device::REPLACE_PEERS);
    with_peer(device, one)
}

/// A message in which everything is there once, and right.
fn full() -> Attrs {
    // Without flags, which kernels before 6.16 do not know.
    let v4 = prefix("192.0.2.0/24");
    let v6 = prefix("2001:db8::/32");
    let endpoint4 = sockaddr(&([192, 0, 2, 1], 1000).into());
    let endpoint6 = sockaddr(&([0xfd00, 0, 0, 0, 0, 0, 0, 1], 1000).into());
    let one = Attrs::new()
        .put(peer::PUBLIC_KEY, &key(0xaa))
        .put(peer::PRESHARED_KEY, &key(0xbb))
        .u32(peer::FLAGS, peer::REPLACE_ALLOWEDIPS)
        .put(peer::ENDPOINT, &endpoint4)
        .u16(peer::KEEPALIVE, 25)
        .u32(peer::PROTOCOL_VERSION, 1)
        .nest(peer::ALLOWEDIPS, Attrs::new().nest(0, v4).nest(1, v6));
    let two = Attrs::new()
        .put(peer::PUBLIC_KEY, &key(0xcc))
        .put(peer::ENDPOINT, &endpoint6);
    named("wg0")
        .put(device::PRIVATE_KEY, &key(0x50))
        .u16(device::LISTEN_PORT, 5001)
        .u32(device::FWMARK, 2)
        .nest(device::PEERS, Attrs::new().nest(0, one).nest(1, two))
}

/// One device that all messages go to.
struct Target<'a> {
    record: &'a mut Record,
    wg: Wg,
    base: String,
}

impl Target<'_> {
    /// Sends a message and notes the error, what the kernel says about it, and what has changed.
    fn ask(&mut self, name: &str, attrs: &Attrs) -> Result<()> {
        let answer = self.wg.ask(SET, ACK, attrs)?;
        let after = self.wg.dump("wg0")?;
        let mut text = answer.name();
        if after == self.base {
            text += ", unchanged";
        } else {
            text += ", changed\n";
            text += &after;
            self.wg.must_set(&base())?;
        }
        self.record.put(format!("malformed/{name}"), text);
        let blame = answer.ack.as_ref().map(Ack::blame).unwrap_or_default();
        self.record.put(format!("malformed/{name}+ack"), blame);
        Ok(())
    }
}

pub(super) fn run(record: &mut Record) -> Result<()> {
    Links::open()?.wireguard("wg0")?;
    let mut wg = Wg::open()?;
    wg.must_set(&base())?;
    let base = wg.dump("wg0")?;
    let mut target = Target { record, wg, base };
    target.ask("nothing-wrong", &full())?;
    sizes(&mut target)?;
    types(&mut target)?;
    values(&mut target)?;
    truncated(&mut target)?;
    flipped(&mut target)?;
    second(&mut target)?;
    echo(&mut target)
}

/// Every attribute: its place, name, type, right payload.
fn attributes() -> Vec<(Place, &'static str, u16, Vec<u8>)> {
    let endpoint = sockaddr(&([192, 0, 2, 1], 1000).into());
    let device = |name, kind, payload: &[u8]| (Place::Device, name, kind, payload.to_vec());
    let peer = |name, kind, payload: &[u8]| (Place::Peer, name, kind, payload.to_vec());
    let allowed = |name, kind, payload: &[u8]| (Place::AllowedIp, name, kind, payload.to_vec());
    vec![
        device("private-key", device::PRIVATE_KEY, &key(0x50)),
        device("public-key", device::PUBLIC_KEY, &key(0x50)),
        device("flags", device::FLAGS, &0u32.to_ne_bytes()),
        device("listen-port", device::LISTEN_PORT, &5001u16.to_ne_bytes()),
        device("fwmark", device::FWMARK, &7u32.to_ne_bytes()),
        device("peers", device::PEERS, &[]),
        peer("public-key", peer::PUBLIC_KEY, &key(0xaa)),
        peer("preshared-key", peer::PRESHARED_KEY, &key(0xbb)),
        peer("flags", peer::FLAGS, &0u32.to_ne_bytes()),
        peer("endpoint", peer::ENDPOINT, &endpoint),
        peer("keepalive", peer::KEEPALIVE, &25u16.to_ne_bytes()),
        peer("last-handshake", peer::LAST_HANDSHAKE, &[0; 16]),
        peer("rx-bytes", peer::RX_BYTES, &[0; 8]),
        peer("tx-bytes", peer::TX_BYTES, &[0; 8]),
        peer("allowed-ips", peer::ALLOWEDIPS, &[]),
        peer(
            "protocol-version",
            peer::PROTOCOL_VERSION,
            &1u32.to_ne_bytes(),
        ),
        allowed("family", allowed_ip::FAMILY, &AF_INET.to_ne_bytes()),
        allowed("address", allowed_ip::IPADDR, &[192, 0, 2, 0]),
        allowed("cidr", allowed_ip::CIDR, &[24]),
        allowed("flags", allowed_ip::FLAGS, &0u32.to_ne_bytes()),
    ]
}

/// Where an attribute stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Device,
    Peer,
    AllowedIp,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Peer => "peer",
            Self::AllowedIp => "allowed-ip",
        }
    }

    /// A message that is whole but for this type, with `run` in its place.
    fn message(self, without: u16, run: Attrs) -> Attrs {
        let keep = |kind, attrs: Attrs, payload: &[u8]| {
            if kind == without {
                attrs
            } else {
                attrs.put(kind, payload)
            }
        };
        let device = named("wg0");
        if self == Self::Device {
            return device.and(run);
        }
        let public = Attrs::new();
        if self == Self::Peer {
            return with_peer(device, keep(peer::PUBLIC_KEY, public, &key(0xaa)).and(run));
        }
        let ip = keep(allowed_ip::FAMILY, Attrs::new(), &AF_INET.to_ne_bytes());
        let ip = keep(allowed_ip::IPADDR, ip, &[192, 0, 2, 0]);
        let ip = keep(allowed_ip::CIDR, ip, &[24]);
        let peer = public.put(peer::PUBLIC_KEY, &key(0xaa));
        let peer = peer.nest(peer::ALLOWEDIPS, Attrs::new().nest(0, ip.and(run)));
        with_peer(device, peer)
    }
}

/// Each attribute short, long, missing, repeated.
fn sizes(target: &mut Target<'_>) -> Result<()> {
    for (place, name, kind, payload) in attributes() {
        let nest = matches!(
            (place, kind),
            (Place::Device, device::PEERS) | (Place::Peer, peer::ALLOWEDIPS)
        );
        let kind_on_wire = if nest { kind | NESTED } else { kind };
        let title = format!("size/{}/{name}", place.name());
        let lengths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 28, 31, 32, 33, 4096];
        for length in lengths {
            let mut bytes = payload.clone();
            bytes.resize(length, 0);
            let run = Attrs::new().put(kind_on_wire, &bytes);
            target.ask(&format!("{title}/{length:04}"), &place.message(kind, run))?;
        }
        target.ask(
            &format!("missing/{}/{name}", place.name()),
            &place.message(kind, Attrs::new()),
        )?;
        let good = || Attrs::new().put(kind_on_wire, &payload);
        let bad = || Attrs::new().put(kind_on_wire, &[1; 3]);
        for (word, run) in [
            ("twice", good().and(good())),
            ("bad-good", bad().and(good())),
            ("good-bad", good().and(bad())),
        ] {
            target.ask(
                &format!("{word}/{}/{name}", place.name()),
                &place.message(kind, run),
            )?;
        }
    }
    Ok(())
}

/// Types that are unknown, and flags of nests where none is and none where one should be.
fn types(target: &mut Target<'_>) -> Result<()> {
    for (place, name, kind, payload) in attributes() {
        let nest = matches!(
            (place, kind),
            (Place::Device, device::PEERS) | (Place::Peer, peer::ALLOWEDIPS)
        );
        let other = if nest { kind } else { kind | NESTED };
        for (word, kind_on_wire) in [
            ("nest-flag", other),
            ("order-flag", kind | BIG_ENDIAN),
            ("both-flags", kind | BIG_ENDIAN | NESTED),
        ] {
            let run = Attrs::new().put(kind_on_wire, &payload);
            target.ask(
                &format!("{word}/{}/{name}", place.name()),
                &place.message(kind, run),
            )?;
        }
    }
    for place in [Place::Device, Place::Peer, Place::AllowedIp] {
        for kind in [0, 5, 9, 11, 12, 0x3fff] {
            let known = match place {
                Place::Device => (1..=8).contains(&kind),
                Place::Peer => (1..=10).contains(&kind),
                Place::AllowedIp => (1..=4).contains(&kind),
            };
            if known {
                continue;
            }
            for (word, flag) in [("plain", 0), ("nest", NESTED)] {
                let run = Attrs::new().put(kind | flag, &[]);
                let title = format!("unknown/{}/{kind}/{word}", place.name());
                target.ask(&title, &place.message(0xffff, run))?;
            }
        }
        for count in 1..=3 {
            let run = Attrs::new().raw(&vec![0xff; count]);
            let title = format!("unknown/{}/bytes-{count}", place.name());
            target.ask(&title, &place.message(0xffff, run))?;
        }
    }
    // Elements of arrays: without their flag, empty, of any type, with bytes behind.
    let peer = Attrs::new().put(peer::PUBLIC_KEY, &key(0xaa));
    let ip = prefix("192.0.2.0/24");
    let device = |peers: Attrs| named("wg0").nest(device::PEERS, peers);
    let ips = |ips: Attrs| with_peer(named("wg0"), peer.clone().nest(peer::ALLOWEDIPS, ips));
    for (word, array) in [("peers", true), ("ips", false)] {
        let element = if array { &peer } else { &ip };
        let whole = |run: Attrs| if array { device(run) } else { ips(run) };
        let put = |kind: u16| Attrs::new().put(kind, &element.0);
        for (name, run) in [
            ("no-flag", put(0)),
            ("type-1", put(1 | NESTED)),
            ("type-greatest", put(0x3fff | NESTED)),
            ("order-flag", put(BIG_ENDIAN | NESTED)),
            ("empty", Attrs::new().nest(0, Attrs::new())),
            ("empty-no-flag", Attrs::new().put(0, &[])),
            ("bytes-behind", put(NESTED).raw(&[0xff, 0xff, 0xff])),
            (
                "bytes-inside",
                Attrs::new().nest(0, element.clone().raw(&[0xff])),
            ),
            ("bytes-only", Attrs::new().raw(&[0xff])),
            ("good-bad", put(NESTED).nest(0, Attrs::new())),
            (
                "bad-good",
                Attrs::new().nest(0, Attrs::new()).and(put(NESTED)),
            ),
        ] {
            target.ask(&format!("element/{word}/{name}"), &whole(run))?;
        }
    }
    Ok(())
}

/// Values that mean nothing.
fn values(target: &mut Target<'_>) -> Result<()> {
    for bit in 0..32 {
        let flag = 1u32 << bit;
        for (name, place, kind) in [
            ("device", Place::Device, device::FLAGS),
            ("peer", Place::Peer, peer::FLAGS),
            ("allowed-ip", Place::AllowedIp, allowed_ip::FLAGS),
        ] {
            let run = Attrs::new().u32(kind, flag);
            target.ask(&format!("flag/{name}/{bit:02}"), &place.message(kind, run))?;
        }
    }
    for version in [0, 1, 2, u32::MAX] {
        let run = Attrs::new().u32(peer::PROTOCOL_VERSION, version);
        target.ask(&format!("version/{version}"), &Place::Peer.message(0, run))?;
    }
    for family in [0, 2, 3, 10, 0x200] {
        for length in [4, 5, 15, 16, 17] {
            for cidr in [0, 32, 33, 128, 129] {
                let ip = Attrs::new()
                    .u16(allowed_ip::FAMILY, family)
                    .put(allowed_ip::IPADDR, &vec![0xff; length])
                    .u8(allowed_ip::CIDR, cidr);
                let peer = Attrs::new().put(peer::PUBLIC_KEY, &key(0xaa));
                let peer = peer.nest(peer::ALLOWEDIPS, Attrs::new().nest(0, ip));
                target.ask(
                    &format!("ip/{family}/{length}/{cidr}"),
                    &with_peer(named("wg0"), peer),
                )?;
            }
        }
    }
    for family in [0u16, 1, 2, 10, 0x200, 0xffff] {
        for length in [16, 17, 20, 24, 27, 28, 29, 32, 128] {
            let mut address = family.to_ne_bytes().to_vec();
            address.resize(length, 0x11);
            let run = Attrs::new().put(peer::ENDPOINT, &address);
            target.ask(
                &format!("endpoint/{family}/{length}"),
                &Place::Peer.message(0, run),
            )?;
        }
    }
    Ok(())
}

/// The message cut off at every byte: as it is, and with the lengths of all nests set right.
fn truncated(target: &mut Target<'_>) -> Result<()> {
    let whole = full().0;
    for length in 0..whole.len() {
        let cut = whole.get(..length).unwrap_or_default().to_vec();
        let repaired = repair(&cut);
        target.ask(&format!("cut/{length:03}"), &Attrs(cut))?;
        target.ask(&format!("cut-repaired/{length:03}"), &Attrs(repaired))?;
    }
    Ok(())
}

/// Makes the last attribute of each level end where the bytes end.
fn repair(bytes: &[u8]) -> Vec<u8> {
    let mut fixed = bytes.to_vec();
    let mut at = 0;
    while let Some([l0, l1, t0, t1]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
        let length = usize::from(u16::from_ne_bytes([*l0, *l1]));
        let nest = u16::from_ne_bytes([*t0, *t1]) & NESTED != 0;
        if at + length <= bytes.len() {
            at += length.div_ceil(4) * 4;
            continue;
        }
        let left = (bytes.len() - at) as u16;
        if let Some(slot) = fixed.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *slot = left.to_ne_bytes();
        }
        if !nest {
            break;
        }
        at += HEADER;
    }
    fixed
}

/// Every bit of every attribute's header turned over.
fn flipped(target: &mut Target<'_>) -> Result<()> {
    let whole = full().0;
    for at in attr::headers(&whole) {
        for bit in 0..32 {
            let mut bytes = whole.clone();
            if let Some(byte) = bytes.get_mut(at + bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
            target.ask(&format!("flip/{at:03}/{bit:02}"), &Attrs(bytes))?;
        }
    }
    Ok(())
}

/// A message whose second half is wrong: what of the first half is applied?
fn second(target: &mut Target<'_>) -> Result<()> {
    let good = || {
        Attrs::new().put(peer::PUBLIC_KEY, &key(0xaa)).nest(
            peer::ALLOWEDIPS,
            Attrs::new().nest(0, prefix("192.0.2.0/24")),
        )
    };
    let bad = [
        ("no-key", Attrs::new().u16(peer::KEEPALIVE, 1)),
        ("short-key", Attrs::new().put(peer::PUBLIC_KEY, &[1; 31])),
        ("flag", good().u32(peer::FLAGS, 0x100)),
        ("version", good().u32(peer::PROTOCOL_VERSION, 2)),
        (
            "cidr",
            Attrs::new()
                .put(peer::PUBLIC_KEY, &key(0xcc))
                .nest(peer::ALLOWEDIPS, prefixes_with_bad()),
        ),
        ("unknown", good().u32(77, 0)),
    ];
    for (name, peer) in bad {
        let peers = Attrs::new().nest(0, good()).nest(0, peer.clone());
        let message = named("wg0")
            .put(device::PRIVATE_KEY, &key(0x50))
            .u16(device::LISTEN_PORT, 5001)
            .u32(device::FWMARK, 9)
            .u32(device::FLAGS, device::REPLACE_PEERS)
            .nest(device::PEERS, peers);
        target.ask(&format!("second/{name}"), &message)?;
        // A peer that is to go is not looked at further than that.
        let gone = Attrs::new()
            .u32(peer::FLAGS, peer::REMOVE_ME)
            .put(peer::PUBLIC_KEY, &key(0xee));
        let ips = prefixes_with_bad();
        let message = with_peer(named("wg0"), gone.nest(peer::ALLOWEDIPS, ips));
        target.ask(&format!("second/removed/{name}"), &message)?;
    }
    // The same for peers that are not made or not touched.
    for (name, flags) in [
        ("update-only", peer::UPDATE_ONLY),
        ("remove-unknown", peer::REMOVE_ME),
    ] {
        let peer = Attrs::new()
            .put(peer::PUBLIC_KEY, &key(0x77))
            .u32(peer::FLAGS, flags)
            .nest(peer::ALLOWEDIPS, prefixes_with_bad());
        target.ask(&format!("second/{name}"), &with_peer(named("wg0"), peer))?;
    }
    Ok(())
}

fn prefixes_with_bad() -> Attrs {
    Attrs::new()
        .nest(0, prefix("192.0.2.0/25"))
        .nest(0, prefix("192.0.2.128/33"))
}

/// A refused request that comes back: are the keys in it still there?
fn echo(target: &mut Target<'_>) -> Result<()> {
    target.wg.netlink.echo(true)?;
    let peer = |flags| {
        Attrs::new()
            .put(peer::PUBLIC_KEY, &key(0xaa))
            .put(peer::PRESHARED_KEY, &key(0xbb))
            .u32(peer::FLAGS, flags)
    };
    let device = |name: &str| named(name).put(device::PRIVATE_KEY, &key(0x50));
    for (name, message) in [
        ("flag", with_peer(device("wg0"), peer(0x100))),
        ("no-device", with_peer(device("wg9"), peer(0))),
        (
            "version",
            with_peer(device("wg0"), peer(0).u32(peer::PROTOCOL_VERSION, 2)),
        ),
        (
            "cidr",
            with_peer(
                device("wg0"),
                peer(0).nest(peer::ALLOWEDIPS, prefixes_with_bad()),
            ),
        ),
    ] {
        let answer = target.wg.set(&message)?;
        let echo = answer.ack.map(|ack| ack.echo).unwrap_or_default();
        let has = |byte: u8| echo.windows(32).any(|bytes| bytes == key(byte));
        let text = format!(
            "private {}, preshared {}, {} bytes",
            has(0x50),
            has(0xbb),
            echo.len()
        );
        target.record.put(format!("malformed/echo/{name}"), text);
        target.wg.must_set(&base())?;
    }
    Ok(())
}
