// SPDX-License-Identifier: GPL-2.0
//! Messages of any bytes, and good messages that were damaged: never a panic, every blame within
//! the message; what must be refused is, and of what is accepted all is read, to the last bit
//! (reference 3.2, 3.3). So what is applied is the whole message or nothing of it.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod common;

use common::*;
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

fn parse_all_ways(message: &[u8]) -> bool {
    let mut accepted = false;
    for unknown_flags in [UnknownFlags::Einval, UnknownFlags::Eopnotsupp] {
        let expected = oracle::wanted(message, unknown_flags);
        match SetDevice::parse(message, Policy { unknown_flags }) {
            Ok(set) => {
                accepted = true;
                assert_eq!(Some(oracle::read(&set)), expected);
            }
            Err(error) => {
                assert_eq!(None, expected, "{error:?}");
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

/// An attribute that is repeated counts once, and up to 6.15 nobody looks at the flags of the others
/// (found by the fuzz target `netlink_request`).
#[test]
fn undefined_flags_in_what_does_not_count() {
    let bad = u32_attr(peer::FLAGS, 8);
    let good = u32_attr(peer::FLAGS, peer_flag::UPDATE_ONLY);
    let key = attr(peer::PUBLIC_KEY, &[9; 32]);
    let twice = nest(0, &[key.clone(), bad.clone(), good]);
    let peers = nest(device::PEERS, &[nest(0, &[key.clone(), bad])]);
    let others = nest(device::PEERS, &[nest(0, &[key])]);
    for message in [
        [wg0(), nest(device::PEERS, &[twice])].concat(),
        [wg0(), peers.clone(), others.clone()].concat(),
        [
            wg0(),
            u32_attr(device::FLAGS, 2),
            u32_attr(device::FLAGS, 1),
        ]
        .concat(),
    ] {
        assert!(parse_all_ways(&message));
        let policy = |unknown_flags| Policy { unknown_flags };
        assert!(SetDevice::parse(&message, policy(UnknownFlags::Einval)).is_err());
        assert!(SetDevice::parse(&message, policy(UnknownFlags::Eopnotsupp)).is_ok());
    }
    assert!(!parse_all_ways(&[wg0(), others, peers].concat()));
}

/// Each byte of one message that has everything, with all small values (lengths, types, families,
/// masks), the flags of types, and each bit turned; and the message cut off anywhere.
#[test]
fn every_byte_is_looked_at() {
    let six = sockaddr_in6([0xfd; 16], 51820, 7, 3);
    let ips = [
        allowed_ip(AF_INET, &[10, 0, 0, 0], 8),
        nest(
            1,
            &[
                u16_attr(allowed_ip::FAMILY, AF_INET6),
                attr(allowed_ip::IPADDR, &[0xfd; 16]),
                u8_attr(allowed_ip::CIDR_MASK, 128),
                u32_attr(allowed_ip::FLAGS, 1),
            ],
        ),
    ];
    let peers = [
        nest(
            0,
            &[
                attr(peer::PUBLIC_KEY, &[9; 32]),
                attr(peer::PRESHARED_KEY, &[8; 32]),
                u32_attr(peer::FLAGS, peer_flag::REPLACE_ALLOWED_IPS),
                attr(peer::ENDPOINT, &six),
                u16_attr(peer::PERSISTENT_KEEPALIVE_INTERVAL, 25),
                nest(peer::ALLOWEDIPS, &ips),
                u32_attr(peer::PROTOCOL_VERSION, 1),
            ],
        ),
        nest(1, &[attr(peer::PUBLIC_KEY, &[7; 32])]),
    ];
    let message = [
        wg0(),
        attr(device::PRIVATE_KEY, &[1; 32]),
        u32_attr(device::FLAGS, device_flag::REPLACE_PEERS),
        u16_attr(device::LISTEN_PORT, 1),
        u32_attr(device::FWMARK, 2),
        nest(device::PEERS, &peers),
    ]
    .concat();
    assert!(parse_all_ways(&message));
    let mut accepted = 0;
    for at in 0..message.len() {
        let mut damaged = message.clone();
        let turned = (0..8).map(|bit| message[at] ^ (1 << bit));
        for value in (0..=40).chain([0x80, 0xc0, 0xff]).chain(turned) {
            damaged[at] = value;
            accepted += usize::from(parse_all_ways(&damaged));
        }
        parse_all_ways(&message[..at]);
    }
    // Keys, addresses, port and mark may be anything.
    assert!(accepted > 52 * 32 * 4 && accepted < 52 * message.len());
}
