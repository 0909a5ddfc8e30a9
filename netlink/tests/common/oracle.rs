// SPDX-License-Identifier: GPL-2.0
//! What a SET message asks for, said once more: a reader that is slow, copies everything and was
//! written from the reference's tables (3.2, 3.3), without a look at the crate's own rules.
#![allow(dead_code, unreachable_pub)]

use wg_netlink::address::{Address, Endpoint};
use wg_netlink::set::{SetDevice, UnknownFlags};

#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    pub private_key: Option<Vec<u8>>,
    pub listen_port: Option<u16>,
    pub fwmark: Option<u32>,
    pub replace_peers: bool,
    pub peers: Vec<WantedPeer>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct WantedPeer {
    pub public_key: Vec<u8>,
    pub preshared_key: Option<Vec<u8>>,
    pub flags: [bool; 3],
    pub endpoint: Option<Endpoint>,
    pub keepalive: Option<u16>,
    /// Address, mask, whether it is to be removed.
    pub allowed_ips: Vec<(Vec<u8>, u8, bool)>,
}

/// What the crate has read.
pub fn read(set: &SetDevice<'_>) -> Wanted {
    let peers = set.peers().map(|peer| WantedPeer {
        public_key: peer.public_key.to_vec(),
        preshared_key: peer.preshared_key.map(|key| key.to_vec()),
        flags: [peer.remove_me, peer.replace_allowed_ips, peer.update_only],
        endpoint: peer.endpoint,
        keepalive: peer.persistent_keepalive,
        allowed_ips: peer
            .allowed_ips()
            .map(|ip| {
                let bytes = match ip.addr {
                    Address::V4(bytes) => bytes.to_vec(),
                    Address::V6(bytes) => bytes.to_vec(),
                };
                (bytes, ip.cidr, ip.remove_me)
            })
            .collect(),
    });
    Wanted {
        private_key: set.private_key.map(|key| key.to_vec()),
        listen_port: set.listen_port,
        fwmark: set.fwmark,
        replace_peers: set.replace_peers,
        peers: peers.collect(),
    }
}

struct One<'a> {
    kind: u16,
    nested: bool,
    bytes: &'a [u8],
}

fn u16_of(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

fn u32_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// All attributes of a run, if it is one to its end.
fn run(mut bytes: &[u8]) -> Option<Vec<One<'_>>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let length = usize::from(u16_of(bytes.get(..2)?)?);
        let kind = u16_of(bytes.get(2..4)?)?;
        all.push(One {
            kind: kind & 0x3fff,
            nested: kind & 0x8000 != 0,
            bytes: bytes.get(4..length)?,
        });
        bytes = bytes.get(length.div_ceil(4) * 4..).unwrap_or_default();
    }
    Some(all)
}

/// The elements of an array, each a run of its own.
fn array<'a>(one: &One<'a>) -> Option<Vec<Vec<One<'a>>>> {
    nest(one)?;
    let elements = run(one.bytes)?;
    elements
        .iter()
        .map(|element| nest(element).and_then(|()| run(element.bytes)))
        .collect()
}

fn nest(one: &One<'_>) -> Option<()> {
    let fits = one.bytes.is_empty() || one.bytes.len() >= 4;
    (one.nested && fits).then_some(())
}

/// The last of this type counts.
fn last<'a>(all: &'a [One<'a>], kind: u16) -> Option<&'a One<'a>> {
    all.iter().rev().find(|one| one.kind == kind)
}

fn bytes_of(all: &[One<'_>], kind: u16) -> Option<Vec<u8>> {
    last(all, kind).map(|one| one.bytes.to_vec())
}

/// Whether an attribute that is no array has a size that it may have, and a value if that matters.
fn plain(one: &One<'_>, size: impl Fn(usize) -> bool, mask: Option<u32>) -> Option<()> {
    let undefined = match mask {
        Some(mask) => u32_of(one.bytes)? & !mask != 0,
        None => false,
    };
    (!one.nested && size(one.bytes.len()) && !undefined).then_some(())
}

fn name(bytes: &[u8]) -> bool {
    let terminated = bytes[..bytes.len().min(16)].contains(&0);
    let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    terminated && text.len() <= 15
}

/// What a message asks for; `None` if it must be refused. Up to Linux 6.15 flags of devices and
/// peers are looked at only where they count (`Eopnotsupp`): undefined ones do no harm in an
/// attribute that is repeated, nor in peers that are.
pub fn wanted(message: &[u8], unknown_flags: UnknownFlags) -> Option<Wanted> {
    let device = run(message)?;
    let mask = |mask| (unknown_flags == UnknownFlags::Einval).then_some(mask);
    for one in &device {
        match one.kind {
            1 | 7 => plain(one, |size| size == 4, None)?,
            2 => plain(one, |_| name(one.bytes), None)?,
            3 | 4 => plain(one, |size| size == 32, None)?,
            5 => plain(one, |size| size == 4, mask(1))?,
            6 => plain(one, |size| size == 2, None)?,
            8 => array(one)?
                .iter()
                .try_for_each(|peer| formed_peer(peer, mask(7)))?,
            _ => return None,
        }
    }
    if last(&device, 1).is_some() == last(&device, 2).is_some() {
        return None;
    }
    let flags = last(&device, 5).and_then(|one| u32_of(one.bytes));
    if flags.is_some_and(|flags| flags & !1 != 0) {
        return None;
    }
    let peers = match last(&device, 8) {
        Some(peers) => array(peers)?,
        None => Vec::new(),
    };
    Some(Wanted {
        private_key: bytes_of(&device, 3),
        listen_port: last(&device, 6).and_then(|one| u16_of(one.bytes)),
        fwmark: last(&device, 7).and_then(|one| u32_of(one.bytes)),
        replace_peers: flags.is_some_and(|flags| flags & 1 != 0),
        peers: peers
            .iter()
            .map(|peer| wanted_peer(peer))
            .collect::<Option<_>>()?,
    })
}

fn formed_peer(peer: &[One<'_>], flags: Option<u32>) -> Option<()> {
    for one in peer {
        match one.kind {
            1 | 2 => plain(one, |size| size == 32, None)?,
            3 => plain(one, |size| size == 4, flags)?,
            4 => plain(one, |size| size >= 16, None)?,
            5 => plain(one, |size| size == 2, None)?,
            6 => plain(one, |size| size == 16, None)?,
            7 | 8 => plain(one, |size| size == 8, None)?,
            9 => array(one)?.iter().try_for_each(|ip| formed_ip(ip))?,
            10 => plain(one, |size| size == 4, None)?,
            _ => return None,
        }
    }
    Some(())
}

fn formed_ip(ip: &[One<'_>]) -> Option<()> {
    for one in ip {
        match one.kind {
            1 => plain(one, |size| size == 2, None)?,
            2 => plain(one, |size| size >= 4, None)?,
            3 => plain(one, |size| size == 1, None)?,
            4 => plain(one, |size| size == 4, Some(1))?,
            _ => return None,
        }
    }
    Some(())
}

fn wanted_peer(peer: &[One<'_>]) -> Option<WantedPeer> {
    let flags = last(peer, 3).and_then(|one| u32_of(one.bytes)).unwrap_or(0);
    if flags & !7 != 0 {
        return None;
    }
    let flags = [1, 2, 4].map(|bit| flags & bit != 0);
    if let Some(version) = last(peer, 10) {
        if u32_of(version.bytes) != Some(1) {
            return None;
        }
    }
    let ips = match last(peer, 9) {
        Some(ips) if !flags[0] => array(ips)?,
        _ => Vec::new(),
    };
    Some(WantedPeer {
        public_key: bytes_of(peer, 1)?,
        preshared_key: bytes_of(peer, 2),
        flags,
        endpoint: last(peer, 4).and_then(|one| endpoint(one.bytes)),
        keepalive: last(peer, 5).and_then(|one| u16_of(one.bytes)),
        allowed_ips: ips.iter().map(|ip| wanted_ip(ip)).collect::<Option<_>>()?,
    })
}

fn wanted_ip(ip: &[One<'_>]) -> Option<(Vec<u8>, u8, bool)> {
    let family = u16_of(last(ip, 1)?.bytes)?;
    let address = bytes_of(ip, 2)?;
    let cidr = *last(ip, 3)?.bytes.first()?;
    let (size, longest) = match family {
        2 => (4, 32),
        10 => (16, 128),
        _ => return None,
    };
    if address.len() != size || cidr > longest {
        return None;
    }
    let flags = last(ip, 4).and_then(|one| u32_of(one.bytes)).unwrap_or(0);
    Some((address, cidr, flags & 1 != 0))
}

fn endpoint(bytes: &[u8]) -> Option<Endpoint> {
    let family = u16_of(bytes.get(..2)?)?;
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    match (family, bytes.len()) {
        (2, 16) => Some(Endpoint::V4 {
            addr: bytes.get(4..8)?.try_into().ok()?,
            port,
        }),
        (10, 28) => Some(Endpoint::V6 {
            addr: bytes.get(8..24)?.try_into().ok()?,
            port,
            flowinfo: u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?),
            scope: u32_of(bytes.get(24..28)?)?,
        }),
        _ => None,
    }
}
