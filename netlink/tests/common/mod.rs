// SPDX-License-Identifier: GPL-2.0
//! What the tests share: messages built and taken apart by hand, and a seeded generator.
//!
//! Nothing here uses the crate's own walker or writer, so that neither can hide its mistakes.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod model;
pub mod oracle;

use wg_netlink::uapi::*;

pub const NESTED: u16 = 1 << 15;
pub const NET_BYTEORDER: u16 = 1 << 14;

/// An attribute with its padding.
pub fn attr(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(((payload.len() + 4) as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A nest of these attributes.
pub fn nest(kind: u16, attrs: &[Vec<u8>]) -> Vec<u8> {
    attr(kind | NESTED, &attrs.concat())
}

pub fn u8_attr(kind: u16, value: u8) -> Vec<u8> {
    attr(kind, &[value])
}

pub fn u16_attr(kind: u16, value: u16) -> Vec<u8> {
    attr(kind, &value.to_ne_bytes())
}

pub fn u32_attr(kind: u16, value: u32) -> Vec<u8> {
    attr(kind, &value.to_ne_bytes())
}

/// The attribute that every valid request of these tests selects its device with.
pub fn wg0() -> Vec<u8> {
    attr(device::IFNAME, b"wg0\0")
}

pub fn sockaddr_in(addr: [u8; 4], port: u16) -> Vec<u8> {
    let mut bytes = AF_INET.to_ne_bytes().to_vec();
    bytes.extend(port.to_be_bytes());
    bytes.extend(addr);
    bytes.resize(16, 0);
    bytes
}

pub fn sockaddr_in6(addr: [u8; 16], port: u16, flowinfo: u32, scope: u32) -> Vec<u8> {
    let mut bytes = AF_INET6.to_ne_bytes().to_vec();
    bytes.extend(port.to_be_bytes());
    bytes.extend(flowinfo.to_be_bytes());
    bytes.extend(addr);
    bytes.extend(scope.to_ne_bytes());
    bytes
}

/// An element of an allowed-IPs array.
pub fn allowed_ip(family: u16, addr: &[u8], cidr: u8) -> Vec<u8> {
    nest(
        0,
        &[
            u16_attr(allowed_ip::FAMILY, family),
            attr(allowed_ip::IPADDR, addr),
            u8_attr(allowed_ip::CIDR_MASK, cidr),
        ],
    )
}

/// A message for wg0 with one peer of key 9… and these attributes besides.
pub fn with_peer(attrs: &[Vec<u8>]) -> Vec<u8> {
    let mut inside = vec![attr(peer::PUBLIC_KEY, &[9; 32])];
    inside.extend_from_slice(attrs);
    [wg0(), nest(device::PEERS, &[nest(0, &inside)])].concat()
}

/// A message for wg0 with one peer and one allowed IP of these attributes.
pub fn with_allowed_ip(attrs: &[Vec<u8>]) -> Vec<u8> {
    with_peer(&[nest(peer::ALLOWEDIPS, &[nest(0, attrs)])])
}

/// One attribute, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    pub kind: u16,
    pub nested: bool,
    pub payload: Vec<u8>,
}

impl Plain {
    pub fn u8(&self) -> u8 {
        u8::from_ne_bytes(self.payload[..].try_into().unwrap())
    }
    pub fn u16(&self) -> u16 {
        u16::from_ne_bytes(self.payload[..].try_into().unwrap())
    }
    pub fn u32(&self) -> u32 {
        u32::from_ne_bytes(self.payload[..].try_into().unwrap())
    }
    pub fn u64(&self) -> u64 {
        u64::from_ne_bytes(self.payload[..].try_into().unwrap())
    }
    pub fn key(&self) -> [u8; 32] {
        self.payload[..].try_into().unwrap()
    }
    pub fn inside(&self) -> Vec<Plain> {
        assert!(self.nested, "a nest carries its flag");
        plain(&self.payload)
    }
}

/// Takes a well-formed run apart; panics on any other. Padding must be zero.
pub fn plain(mut bytes: &[u8]) -> Vec<Plain> {
    let mut attrs = Vec::new();
    while !bytes.is_empty() {
        let length = u16::from_ne_bytes(bytes[..2].try_into().unwrap()) as usize;
        let kind = u16::from_ne_bytes(bytes[2..4].try_into().unwrap());
        assert!(length >= 4 && length <= bytes.len());
        let step = length.next_multiple_of(4);
        assert!(bytes[length..step].iter().all(|byte| *byte == 0));
        attrs.push(Plain {
            kind: kind & !(NESTED | NET_BYTEORDER),
            nested: kind & NESTED != 0,
            payload: bytes[4..length].to_vec(),
        });
        bytes = &bytes[step..];
    }
    attrs
}

/// A small generator (splitmix64), so that a failure can be had again.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// Below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
    pub fn bool(&mut self) -> bool {
        self.next() & 1 != 0
    }
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }
}
