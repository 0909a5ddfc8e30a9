// SPDX-License-Identifier: GPL-2.0
//! Messages of any bytes, and good messages that were damaged: never a panic, every blame within
//! the message, and of what is accepted nothing lost on the second reading (reference 3.3).
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod common;

use common::*;
use wg_netlink::attr::Attrs;
use wg_netlink::get::{ExtraAttributes, GetDevice};
use wg_netlink::set::{secrets, Policy, SetDevice, UnknownFlags};
use wg_netlink::uapi::*;

fn random_ip(random: &mut Random, index: u16) -> Vec<u8> {
    let mut attrs = if random.bool() {
        vec![
            u16_attr(allowed_ip::FAMILY, AF_INET),
            attr(allowed_ip::IPADDR, &random.bytes::<4>()),
            u8_attr(allowed_ip::CIDR_MASK, random.below(33) as u8),
        ]
    } else {
        vec![
            u16_attr(allowed_ip::FAMILY, AF_INET6),
            attr(allowed_ip::IPADDR, &random.bytes::<16>()),
            u8_attr(allowed_ip::CIDR_MASK, random.below(129) as u8),
        ]
    };
    if random.below(3) == 0 {
        attrs.push(u32_attr(allowed_ip::FLAGS, random.below(2) as u32));
    }
    let start = random.below(3);
    attrs.rotate_left(start);
    nest(index, &attrs)
}

fn random_peer(random: &mut Random, index: u16) -> Vec<u8> {
    let mut attrs = vec![attr(peer::PUBLIC_KEY, &random.bytes::<32>())];
    if random.bool() {
        attrs.push(attr(peer::PRESHARED_KEY, &random.bytes::<32>()));
    }
    if random.bool() {
        attrs.push(u32_attr(peer::FLAGS, random.below(8) as u32));
    }
    if random.bool() {
        let sockaddr = sockaddr_in(random.bytes(), random.next() as u16);
        attrs.push(attr(peer::ENDPOINT, &sockaddr));
    }
    if random.bool() {
        attrs.push(u32_attr(peer::PROTOCOL_VERSION, 1));
    }
    let ips: Vec<_> = (0..random.below(6) as u16)
        .map(|index| random_ip(random, index))
        .collect();
    attrs.push(nest(peer::ALLOWEDIPS, &ips));
    let start = random.below(attrs.len());
    attrs.rotate_left(start);
    nest(index, &attrs)
}

fn random_message(random: &mut Random) -> Vec<u8> {
    let peers: Vec<_> = (0..random.below(5) as u16)
        .map(|index| random_peer(random, index))
        .collect();
    let mut attrs = vec![wg0(), nest(device::PEERS, &peers)];
    if random.bool() {
        attrs.push(attr(device::PRIVATE_KEY, &random.bytes::<32>()));
    }
    if random.bool() {
        attrs.push(u32_attr(device::FLAGS, random.below(2) as u32));
    }
    let start = random.below(attrs.len());
    attrs.rotate_left(start);
    attrs.concat()
}

/// The payload of the last attribute of this type, if there is one.
fn last(attrs: &[u8], kind: u16) -> Option<&[u8]> {
    let attrs = Attrs::new(attrs).filter(|attr| attr.kind() == kind);
    attrs.last().map(|attr| attr.payload())
}

/// Reads an accepted message a second time and counts what the iterators give.
fn nothing_is_lost(message: &[u8], set: &SetDevice<'_>) {
    let elements = last(message, device::PEERS).unwrap_or_default();
    let mut peers = set.peers();
    for element in Attrs::new(elements) {
        let peer = peers.next().expect("every element is a peer");
        let key = last(element.payload(), peer::PUBLIC_KEY);
        assert_eq!(key, Some(&peer.public_key[..]));
        let ips = last(element.payload(), peer::ALLOWEDIPS).unwrap_or_default();
        let expected = if peer.remove_me {
            0
        } else {
            Attrs::new(ips).count()
        };
        assert_eq!(peer.allowed_ips().count(), expected);
        for ip in peer.allowed_ips() {
            assert!(ip.cidr <= ip.addr.bits());
        }
    }
    assert!(peers.next().is_none());
}

fn parse_all_ways(message: &[u8]) -> bool {
    let mut accepted = false;
    for unknown_flags in [UnknownFlags::Einval, UnknownFlags::Eopnotsupp] {
        match SetDevice::parse(message, Policy { unknown_flags }) {
            Ok(set) => {
                accepted = true;
                nothing_is_lost(message, &set);
            }
            Err(error) => {
                assert!(error.errno() > 0);
                assert!(error.offset().is_none_or(|offset| offset < message.len()));
            }
        }
    }
    for extra in [ExtraAttributes::Ignore, ExtraAttributes::Reject] {
        if let Err(error) = GetDevice::parse(message, extra) {
            assert!(error.offset().is_none_or(|offset| offset < message.len()));
        }
    }
    accepted
}

#[test]
fn good_messages_are_accepted() {
    for seed in 0..2_000 {
        let message = random_message(&mut Random(seed));
        assert!(parse_all_ways(&message), "seed {seed}");
    }
}

#[test]
fn damaged_messages() {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..40_000 {
        let mut random = Random(seed);
        let mut message = random_message(&mut random);
        for _ in 0..1 + random.below(3) {
            let at = random.below(message.len());
            match random.below(5) {
                0 => message[at] = random.next() as u8,
                1 => message[at] ^= 1 << random.below(8),
                2 => message[at] = message[at].wrapping_add(1),
                // Headers are at multiples of four: a length or a type a little off.
                3 => {
                    let at = at & !3;
                    message[at] = message[at]
                        .wrapping_add(random.below(9) as u8)
                        .wrapping_sub(4);
                }
                _ => message.truncate(at.max(1)),
            }
        }
        if parse_all_ways(&message) {
            accepted += 1;
            let mut wiped = message.clone();
            secrets(&mut wiped);
            assert!(
                parse_all_ways(&wiped),
                "seed {seed}: form outlives the keys"
            );
        } else {
            refused += 1;
        }
    }
    assert!(accepted > 1_000 && refused > 10_000, "{accepted} {refused}");
}

#[test]
fn any_bytes() {
    for seed in 0..100_000 {
        let mut random = Random(seed);
        let size = random.below(100);
        let small = random.bool();
        let message: Vec<_> = (0..size)
            .map(|_| {
                let byte = random.next() as u8;
                if small && random.below(4) > 0 {
                    byte % 12
                } else {
                    byte
                }
            })
            .collect();
        parse_all_ways(&message);
    }
}
