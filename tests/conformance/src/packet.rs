// SPDX-License-Identifier: GPL-2.0

//! Packets: made by hand, and taken apart into text.

use crate::attr::hex;
use std::net::{IpAddr, SocketAddr};

/// Bytes of headers.
pub(crate) const ETHERNET: usize = 14;
pub(crate) const IPV4: usize = 20;
pub(crate) const IPV6: usize = 40;
const UDP: usize = 8;
/// ARPHRD_ETHER.
const ARPHRD_ETHER: u16 = 1;

/// What is in the header of a packet beside its addresses.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) tos: u8,
    pub(crate) ttl: u8,
    /// IPv4 only.
    pub(crate) dont_fragment: bool,
    /// IPv6 only.
    pub(crate) flow: u32,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            tos: 0,
            ttl: 64,
            dont_fragment: false,
            flow: 0,
        }
    }
}

/// The sum of the Internet, over 16-bit words.
pub(crate) fn sum(parts: &[&[u8]]) -> u16 {
    let mut total = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            let word = [
                pair.first().copied().unwrap_or(0),
                pair.get(1).copied().unwrap_or(0),
            ];
            total += u32::from(u16::from_be_bytes(word));
        }
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

/// A UDP packet with good checksums.
pub(crate) fn udp(from: SocketAddr, to: SocketAddr, header: Header, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(from.port().to_be_bytes());
    datagram.extend(to.port().to_be_bytes());
    datagram.extend(((UDP + payload.len()) as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let check = check_udp(from.ip(), to.ip(), &datagram);
    let check = if check == 0 { 0xffff } else { check };
    if let Some(slot) = datagram.get_mut(6..8) {
        slot.copy_from_slice(&check.to_be_bytes());
    }
    ip(from.ip(), to.ip(), 17, header, &datagram)
}

fn octets(address: IpAddr) -> Vec<u8> {
    crate::link::octets(address)
}

fn check_udp(from: IpAddr, to: IpAddr, datagram: &[u8]) -> u16 {
    let length = (datagram.len() as u16).to_be_bytes();
    sum(&[&octets(from), &octets(to), &[0, 17], &length, datagram])
}

/// A packet of any protocol.
pub(crate) fn ip(
    from: IpAddr,
    to: IpAddr,
    protocol: u8,
    header: Header,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = Vec::new();
    if from.is_ipv4() {
        let length = ((IPV4 + payload.len()) as u16).to_be_bytes();
        let fragment = if header.dont_fragment { 0x40 } else { 0 };
        packet.extend([0x45, header.tos, length[0], length[1], 0, 7, fragment, 0]);
        packet.extend([header.ttl, protocol, 0, 0]);
        packet.extend(octets(from));
        packet.extend(octets(to));
        let check = sum(&[&packet]).to_be_bytes();
        if let Some(slot) = packet.get_mut(10..12) {
            slot.copy_from_slice(&check);
        }
    } else {
        let first = 6 << 28 | u32::from(header.tos) << 20 | header.flow;
        packet.extend(first.to_be_bytes());
        packet.extend((payload.len() as u16).to_be_bytes());
        packet.extend([protocol, header.ttl]);
        packet.extend(octets(from));
        packet.extend(octets(to));
    }
    packet.extend(payload);
    packet
}

/// Whether it is something that a namespace says by itself when an interface comes up: ARP, or
/// ICMPv6 about neighbours, routers and groups.
pub(crate) fn is_chatter(bytes: &[u8], hardware: u16) -> bool {
    let start = if hardware == ARPHRD_ETHER {
        ETHERNET
    } else {
        0
    };
    if start != 0 && bytes.get(12..14) == Some(&[8, 6]) {
        return true;
    }
    let packet = bytes.get(start..).unwrap_or_default();
    if packet.first().is_none_or(|first| first >> 4 != 6) {
        return false;
    }
    // Behind a hop-by-hop header as well.
    let kind = match packet.get(6) {
        Some(58) => packet.get(IPV6),
        Some(0) => packet.get(IPV6 + 8),
        _ => None,
    };
    kind.is_some_and(|kind| matches!(kind, 130..=137 | 143))
}

/// An IP packet in words: all of its header but what is random, then what is in it.
pub(crate) fn show(packet: &[u8]) -> String {
    match packet.first().map(|first| first >> 4) {
        Some(4) => show_v4(packet),
        Some(6) => show_v6(packet),
        _ => format!("({}) {}", packet.len(), hex(packet)),
    }
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    let pair = bytes.get(at..at + 2).and_then(|pair| pair.try_into().ok());
    u16::from_be_bytes(pair.unwrap_or_default())
}

fn show_v4(packet: &[u8]) -> String {
    let Some((header, rest)) = packet.split_first_chunk::<IPV4>() else {
        return format!("short ({}) {}", packet.len(), hex(packet));
    };
    let address = |at: usize| {
        let bytes: [u8; 4] = header
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok())
            .unwrap_or_default();
        IpAddr::from(bytes)
    };
    let (from, to) = (address(12), address(16));
    let fragment = be16(header, 6);
    let check = if sum(&[header]) == 0 { "" } else { " bad-sum" };
    let id = if be16(header, 4) == 0 { " id-0" } else { "" };
    let mut text = format!(
        "v4 tos {:#04x} len {} ttl {} flags {:#x} at {}{id}{check} {from} > {to}",
        header[1],
        be16(header, 2),
        header[8],
        fragment >> 13,
        (fragment & 0x1fff) * 8,
    );
    if usize::from(be16(header, 2)) != packet.len() {
        text += &format!(" in {} bytes", packet.len());
    }
    if fragment & 0x3fff != 0 {
        // Parts are not looked into.
        return format!("{text} part ({})", rest.len());
    }
    let length = usize::from(be16(header, 2)).saturating_sub(IPV4);
    text + &show_inside(header[9], from, to, rest.get(..length).unwrap_or(rest))
}

fn show_v6(packet: &[u8]) -> String {
    let Some((header, rest)) = packet.split_first_chunk::<IPV6>() else {
        return format!("short ({}) {}", packet.len(), hex(packet));
    };
    let address = |at: usize| {
        let bytes: [u8; 16] = header
            .get(at..at + 16)
            .and_then(|bytes| bytes.try_into().ok())
            .unwrap_or_default();
        IpAddr::from(bytes)
    };
    let (from, to) = (address(8), address(24));
    let first = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
    let text = format!(
        "v6 class {:#04x} flow {:#x} len {} hops {} {from} > {to}",
        first >> 20 & 0xff,
        first & 0xf_ffff,
        be16(header, 4),
        header[7],
    );
    text + &show_inside(header[6], from, to, rest)
}

fn show_inside(protocol: u8, from: IpAddr, to: IpAddr, bytes: &[u8]) -> String {
    match protocol {
        17 if bytes.len() >= UDP => {
            let check = match be16(bytes, 6) {
                0 => " no-sum",
                _ if check_udp(from, to, bytes) == 0 => "",
                _ => " bad-sum",
            };
            let payload = bytes.get(UDP..).unwrap_or_default();
            let ports = format!("{} > {}", be16(bytes, 0), be16(bytes, 2));
            format!(
                " udp {ports} len {}{check} {}",
                be16(bytes, 4),
                show_payload(payload)
            )
        }
        1 | 58 => {
            let kind = format!(
                "{}/{}",
                bytes.first().copied().unwrap_or(0),
                bytes.get(1).copied().unwrap_or(0)
            );
            let quoted = bytes.get(8..).unwrap_or_default();
            let word = hex(bytes.get(4..8).unwrap_or_default());
            format!(" icmp {kind} {word} about [{}]", show(quoted))
        }
        44 => {
            // A fragment header: more, offset.
            let at = be16(bytes, 2);
            format!(" part at {} more {} ({})", at & 0xfff8, at & 1, bytes.len())
        }
        other => format!(" protocol {other} ({}) {}", bytes.len(), hex(bytes)),
    }
}

/// The payload of a UDP datagram: WireGuard's messages by type and length, as all else is random or
/// secret; the counter of data.
fn show_payload(payload: &[u8]) -> String {
    let length = payload.len();
    match payload {
        [1, 0, 0, 0, ..] if length == 148 => "initiation".to_owned(),
        [2, 0, 0, 0, ..] if length == 92 => "response".to_owned(),
        [3, 0, 0, 0, ..] if length == 64 => "cookie reply".to_owned(),
        [4, 0, 0, 0, ..] if length >= 32 => {
            let counter = payload.get(8..16).and_then(|bytes| bytes.try_into().ok());
            format!(
                "data {} in {length}",
                u64::from_le_bytes(counter.unwrap_or_default())
            )
        }
        _ if length > 64 => format!(
            "({length}) {}...",
            hex(payload.get(..16).unwrap_or_default())
        ),
        _ => format!("({length}) {}", hex(payload)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_shown_as_good() {
        let header = Header {
            tos: 3,
            dont_fragment: true,
            ..Header::default()
        };
        let v4 = udp(
            ([10, 0, 0, 1], 5).into(),
            ([10, 0, 0, 2], 6).into(),
            header,
            b"ab",
        );
        let text = "v4 tos 0x03 len 30 ttl 64 flags 0x2 at 0 10.0.0.1 > 10.0.0.2 udp 5 > 6 len 10 (2) 6162";
        assert_eq!(show(&v4), text);
        let (one, two) = ([0xfd00, 0, 0, 0, 0, 0, 0, 1], [0xfd00, 0, 0, 0, 0, 0, 0, 2]);
        let header = Header {
            tos: 0x88,
            flow: 0x12345,
            ..Header::default()
        };
        let v6 = udp((one, 5).into(), (two, 6).into(), header, b"abc");
        let text = "v6 class 0x88 flow 0x12345 len 11 hops 64 fd00::1 > fd00::2 udp 5 > 6 len 11 (3) 616263";
        assert_eq!(show(&v6), text);
    }

    #[test]
    fn chatter_is_known() {
        let mut arp = vec![0; ETHERNET + 28];
        arp[12..14].copy_from_slice(&[8, 6]);
        assert!(is_chatter(&arp, ARPHRD_ETHER));
        let solicitation = ip(
            [0; 16].into(),
            [0; 16].into(),
            58,
            Header::default(),
            &[135, 0],
        );
        assert!(is_chatter(&solicitation, 0xfffe));
        let echo = ip(
            [0; 16].into(),
            [0; 16].into(),
            58,
            Header::default(),
            &[128, 0],
        );
        assert!(!is_chatter(&echo, 0xfffe));
    }
}
