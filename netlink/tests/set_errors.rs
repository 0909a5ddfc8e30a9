// SPDX-License-Identifier: GPL-2.0
//! SET messages that are refused: every row of reference 3.3 that the message alone decides, with
//! its errno and the attribute that is blamed for it.
//!
//! Two rows were found to be different in the kernel's own `lib/nlattr.c`, and the kernel was
//! followed: a key that is too long is out of range like one that is too short (`EINVAL` is for
//! another kind of policy), and a name that is simply too long has no NUL where one must be.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod common;

use common::*;
use std::slice::from_ref;
use wg_netlink::error::{Reason, RequestError};
use wg_netlink::set::{Policy, SetDevice, UnknownFlags};
use wg_netlink::uapi::errno::*;
use wg_netlink::uapi::*;

const OLD: Policy = Policy {
    unknown_flags: UnknownFlags::Eopnotsupp,
};
const NEW: Policy = Policy {
    unknown_flags: UnknownFlags::Einval,
};

#[track_caller]
fn refused_by(policy: Policy, message: &[u8]) -> RequestError {
    let Err(error) = SetDevice::parse(message, policy) else {
        panic!("accepted")
    };
    assert!(error.offset().is_none_or(|offset| offset < message.len()));
    assert!(!error.message().is_empty());
    error
}

/// The same on all kernels: reason, errno and where.
#[track_caller]
fn refused(message: &[u8], reason: Reason, errno: i32, blamed: &[u8]) {
    for policy in [OLD, NEW] {
        let error = refused_by(policy, message);
        assert_eq!((error.reason(), error.errno()), (reason, errno));
        let at = &message[error.offset().unwrap()..];
        assert!(at.starts_with(blamed), "blames {at:?}");
    }
}

/// An attribute as it stands in a message for each of the three levels.
fn at_all_levels(attr: &[u8]) -> [Vec<u8>; 3] {
    [
        [wg0(), attr.to_vec()].concat(),
        with_peer(&[attr.to_vec()]),
        with_allowed_ip(&[attr.to_vec()]),
    ]
}

/// "neither/both IFINDEX and IFNAME".
#[test]
fn selector() {
    let both = [wg0(), u32_attr(device::IFINDEX, 1)].concat();
    let neither = u16_attr(device::LISTEN_PORT, 1);
    for message in [&both[..], &neither, &[]] {
        let error = refused_by(NEW, message);
        assert_eq!(
            (error.reason(), error.errno(), error.offset()),
            (Reason::Selector, EBADR, None)
        );
    }
}

/// "key attr too short / too long".
#[test]
fn key_sizes() {
    for size in [0, 1, 31, 33, 64] {
        let key = vec![1; size];
        for kind in [device::PRIVATE_KEY, device::PUBLIC_KEY] {
            let bad = attr(kind, &key);
            let message = [wg0(), bad.clone()].concat();
            refused(&message, Reason::SizeOutOfRange, ERANGE, &bad);
        }
        for kind in [peer::PUBLIC_KEY, peer::PRESHARED_KEY] {
            let bad = attr(kind, &key);
            let message = with_peer(from_ref(&bad));
            refused(&message, Reason::SizeOutOfRange, ERANGE, &bad);
        }
    }
    for size in [0, 15, 17] {
        let bad = attr(peer::LAST_HANDSHAKE_TIME, &vec![1; size]);
        let message = with_peer(from_ref(&bad));
        refused(&message, Reason::SizeOutOfRange, ERANGE, &bad);
    }
}

/// "integer attr wrong size".
#[test]
fn integer_sizes() {
    let levels: [&[(u16, usize)]; 3] = [
        &[
            (device::IFINDEX, 4),
            (device::FLAGS, 4),
            (device::LISTEN_PORT, 2),
            (device::FWMARK, 4),
        ],
        &[
            (peer::FLAGS, 4),
            (peer::PERSISTENT_KEEPALIVE_INTERVAL, 2),
            (peer::RX_BYTES, 8),
            (peer::TX_BYTES, 8),
            (peer::PROTOCOL_VERSION, 4),
        ],
        &[
            (allowed_ip::FAMILY, 2),
            (allowed_ip::CIDR_MASK, 1),
            (allowed_ip::FLAGS, 4),
        ],
    ];
    for (level, integers) in levels.into_iter().enumerate() {
        for (kind, right) in integers {
            for size in (0..10).filter(|size| size != right) {
                let bad = attr(*kind, &vec![0; size]);
                let message = &at_all_levels(&bad)[level];
                refused(message, Reason::IntegerWidth, EINVAL, &bad);
            }
        }
    }
}

/// "IFNAME unterminated / >15".
#[test]
fn names() {
    for name in [&b""[..], b"wg0", b"abcdefghijklmnop\0", b"abcdefghijklmnop"] {
        let bad = attr(device::IFNAME, name);
        refused(&bad, Reason::NameUnterminated, EINVAL, &bad);
    }
    for name in [&b"wg0\0xxxxxxxxxxxx"[..], b"wg0\0xxxxxxxxxxxx\0", &[0; 64]] {
        let bad = attr(device::IFNAME, name);
        refused(&bad, Reason::NameTooLong, ERANGE, &bad);
    }
}

/// "ENDPOINT or IPADDR shorter than min".
#[test]
fn short_endpoints_and_addresses() {
    for size in 0..16 {
        let bad = attr(peer::ENDPOINT, &sockaddr_in([1; 4], 1)[..size]);
        let message = with_peer(from_ref(&bad));
        refused(&message, Reason::SizeOutOfRange, ERANGE, &bad);
    }
    for size in 0..4 {
        let bad = attr(allowed_ip::IPADDR, &[1, 2, 3, 4][..size]);
        let message = with_allowed_ip(from_ref(&bad));
        refused(&message, Reason::SizeOutOfRange, ERANGE, &bad);
    }
}

/// "unknown attribute, attr type 0".
#[test]
fn unknown_attributes() {
    for (level, max) in [device::MAX, peer::MAX, allowed_ip::MAX]
        .into_iter()
        .enumerate()
    {
        for kind in [0, max + 1, max + 2, 0x3fff] {
            for flags in [0, NESTED, NET_BYTEORDER] {
                let bad = attr(kind | flags, &[0; 4]);
                let message = &at_all_levels(&bad)[level];
                refused(message, Reason::UnknownAttribute, EINVAL, &bad);
            }
        }
    }
}

/// "trailing bytes": at each level, in the arrays as in their elements.
#[test]
fn trailing_bytes() {
    let header = |length: u16| [length.to_ne_bytes(), 1u16.to_ne_bytes()].concat();
    let ip = allowed_ip(AF_INET, &[10, 0, 0, 0], 8);
    let key = attr(peer::PUBLIC_KEY, &[9; 32]);
    for bad in [
        vec![0; 1],
        vec![0; 3],
        vec![0; 4],
        header(3),
        header(8),
        header(u16::MAX),
    ] {
        let inside = |attrs: &[u8]| [attrs, &bad].concat();
        let array = |kind, payload: &[u8]| attr(kind | NESTED, payload);
        let messages = [
            inside(&wg0()),
            [
                wg0(),
                array(device::PEERS, &inside(&nest(0, from_ref(&key)))),
            ]
            .concat(),
            [wg0(), nest(device::PEERS, &[array(0, &inside(&key))])].concat(),
            with_peer(&[array(peer::ALLOWEDIPS, &inside(&ip))]),
            with_peer(&[nest(peer::ALLOWEDIPS, &[array(0, &inside(&ip[4..]))])]),
        ];
        for message in messages {
            refused(&message, Reason::TrailingBytes, EINVAL, &bad);
        }
    }
}

/// "missing NLA_F_NESTED": on the arrays and on their elements.
#[test]
fn nests_without_their_flag() {
    let ip = allowed_ip(AF_INET, &[10, 0, 0, 0], 8);
    let peer = nest(0, &[attr(peer::PUBLIC_KEY, &[9; 32])]);
    let flagless_ip = attr(0, &ip[4..]);
    let flagless_peer = attr(0, &peer[4..]);
    let flagless_ips = attr(peer::ALLOWEDIPS, &ip);
    let flagless_peers = attr(device::PEERS, &peer);
    for (message, bad) in [
        ([wg0(), flagless_peers.clone()].concat(), &flagless_peers),
        (
            [wg0(), nest(device::PEERS, from_ref(&flagless_peer))].concat(),
            &flagless_peer,
        ),
        (with_peer(from_ref(&flagless_ips)), &flagless_ips),
        (
            with_peer(&[nest(peer::ALLOWEDIPS, from_ref(&flagless_ip))]),
            &flagless_ip,
        ),
    ] {
        refused(&message, Reason::NestedFlagMissing, EINVAL, bad);
    }
}

/// The same rule of NL_VALIDATE_STRICT the other way round.
#[test]
fn the_flag_of_a_nest_on_something_else() {
    for bad in [
        attr(device::PRIVATE_KEY | NESTED, &[0; 32]),
        attr(device::FWMARK | NESTED, &[0; 4]),
        attr(device::IFNAME | NESTED, b"wg0\0"),
        // Also where the size is wrong …
        attr(device::PRIVATE_KEY | NESTED, &[0; 31]),
    ] {
        let message = [wg0(), bad.clone()].concat();
        refused(&message, Reason::NestedFlagUnexpected, EINVAL, &bad);
    }
    // … but not where it is the width of an integer.
    let bad = attr(device::FWMARK | NESTED, &[0; 3]);
    let message = [wg0(), bad.clone()].concat();
    refused(&message, Reason::IntegerWidth, EINVAL, &bad);
}

/// A nest too small for a header.
#[test]
fn short_nests() {
    for size in 1..4 {
        let payload = vec![0; size];
        for (level, kind) in [(0, device::PEERS), (1, peer::ALLOWEDIPS)] {
            let bad = attr(kind | NESTED, &payload);
            let message = &at_all_levels(&bad)[level];
            refused(message, Reason::SizeOutOfRange, ERANGE, &bad);
        }
        let bad = attr(NESTED, &payload);
        for message in [
            [wg0(), nest(device::PEERS, from_ref(&bad))].concat(),
            with_peer(&[nest(peer::ALLOWEDIPS, from_ref(&bad))]),
        ] {
            refused(&message, Reason::SizeOutOfRange, ERANGE, &bad);
        }
    }
}

/// "unknown device/peer flag bits".
#[test]
fn undefined_flags() {
    for (level, kind, all) in [
        (0, device::FLAGS, device_flag::ALL),
        (1, peer::FLAGS, peer_flag::ALL),
    ] {
        for bit in (0..32).map(|bit| 1u32 << bit).filter(|bit| bit & all == 0) {
            for flags in [bit, bit | all, !all] {
                let bad = u32_attr(kind, flags);
                let message = &at_all_levels(&bad)[level];
                for (policy, reason, errno) in [
                    (OLD, Reason::UnsupportedFlag, EOPNOTSUPP),
                    (NEW, Reason::ReservedFlag, EINVAL),
                    (Policy::default(), Reason::ReservedFlag, EINVAL),
                ] {
                    let error = refused_by(policy, message);
                    assert_eq!((error.reason(), error.errno()), (reason, errno));
                    assert!(message[error.offset().unwrap()..].starts_with(&bad));
                }
            }
        }
    }
    for bit in 1..32 {
        let bad = u32_attr(allowed_ip::FLAGS, 1 << bit);
        let message = with_allowed_ip(from_ref(&bad));
        refused(&message, Reason::ReservedFlag, EINVAL, &bad);
    }
}

/// "PROTOCOL_VERSION != 1", also of a peer that is to be removed.
#[test]
fn protocol_versions() {
    for version in [0, 2, 0x0100_0000, u32::MAX] {
        let bad = u32_attr(peer::PROTOCOL_VERSION, version);
        for flags in [0, peer_flag::REMOVE_ME] {
            let message = with_peer(&[u32_attr(peer::FLAGS, flags), bad.clone()]);
            refused(&message, Reason::ProtocolVersion, EPFNOSUPPORT, &bad);
        }
    }
}

/// "AllowedIP missing attr".
#[test]
fn incomplete_allowed_ips() {
    let all = [
        u16_attr(allowed_ip::FAMILY, AF_INET),
        attr(allowed_ip::IPADDR, &[10, 0, 0, 0]),
        u8_attr(allowed_ip::CIDR_MASK, 8),
    ];
    for missing in 0..8 {
        let attrs: Vec<_> = all
            .iter()
            .enumerate()
            .filter(|(n, _)| missing & (1 << n) == 0)
            .map(|(_, attr)| attr.clone())
            .collect();
        let message = with_allowed_ip(&attrs);
        if missing == 0 {
            assert!(SetDevice::parse(&message, NEW).is_ok());
        } else {
            let element = nest(0, &attrs);
            refused(&message, Reason::AllowedIpIncomplete, EINVAL, &element);
        }
    }
}

/// "AllowedIP bad family, cidr, length mismatch".
#[test]
fn allowed_ips_that_do_not_go_together() {
    for family in [0, 1, 3, 9, 11, 0x0200, u16::MAX] {
        for size in [4, 16] {
            let message = with_peer(&[nest(
                peer::ALLOWEDIPS,
                &[allowed_ip(family, &vec![1; size], 8)],
            )]);
            let bad = u16_attr(allowed_ip::FAMILY, family);
            refused(&message, Reason::AllowedIpFamily, EINVAL, &bad);
        }
    }
    for (family, right) in [(AF_INET, 4), (AF_INET6, 16)] {
        for size in (4..20).filter(|size| *size != right) {
            let bad = attr(allowed_ip::IPADDR, &vec![1; size]);
            let ip = allowed_ip(family, &vec![1; size], 8);
            let message = with_peer(&[nest(peer::ALLOWEDIPS, &[ip])]);
            refused(&message, Reason::AllowedIpLength, EINVAL, &bad);
        }
        for cidr in (right as u8 * 8 + 1)..=255 {
            let bad = u8_attr(allowed_ip::CIDR_MASK, cidr);
            let ip = allowed_ip(family, &vec![1; right], cidr);
            // 3.4: the same for a prefix that is to be removed.
            let removed = [&ip[4..], &u32_attr(allowed_ip::FLAGS, 1)].concat();
            for ip in [ip, attr(NESTED, &removed)] {
                let message = with_peer(&[nest(peer::ALLOWEDIPS, &[ip])]);
                refused(&message, Reason::AllowedIpMask, EINVAL, &bad);
            }
        }
    }
}

/// 3.2 WGPEER 1: mandatory.
#[test]
fn peers_without_a_public_key() {
    for attrs in [vec![], vec![u32_attr(peer::FLAGS, 1)]] {
        let bad = nest(0, &attrs);
        let message = [wg0(), nest(device::PEERS, from_ref(&bad))].concat();
        refused(&message, Reason::PublicKeyMissing, EINVAL, &bad);
    }
}

/// "atomicity": what is wrong at the very end is found before there is anything to apply; also in
/// arrays that are repeated later and so do not count.
#[test]
fn the_end_of_a_message_is_checked_first() {
    let good = nest(
        0,
        &[
            attr(peer::PUBLIC_KEY, &[1; 32]),
            nest(
                peer::ALLOWEDIPS,
                &vec![allowed_ip(AF_INET, &[10, 0, 0, 0], 8); 50],
            ),
        ],
    );
    let mut peers = vec![good; 20];
    let bad = u32_attr(peer::PROTOCOL_VERSION, 2);
    peers.push(nest(0, &[attr(peer::PUBLIC_KEY, &[2; 32]), bad.clone()]));
    let message = [wg0(), nest(device::PEERS, &peers)].concat();
    refused(&message, Reason::ProtocolVersion, EPFNOSUPPORT, &bad);

    let bad = u32_attr(allowed_ip::FLAGS, 2);
    let message = [with_allowed_ip(from_ref(&bad)), nest(device::PEERS, &[])].concat();
    refused(&message, Reason::ReservedFlag, EINVAL, &bad);
}

/// What is malformed comes before what makes no sense, wherever the two stand.
#[test]
fn form_comes_before_meaning() {
    let bad = u8_attr(device::FWMARK, 0);
    let message = [
        nest(device::PEERS, &[nest(0, &[])]),
        u32_attr(device::IFINDEX, 1),
        wg0(),
        bad.clone(),
    ]
    .concat();
    refused(&message, Reason::IntegerWidth, EINVAL, &bad);
}

/// The errnos themselves, as the generic table has them.
#[test]
fn error_numbers() {
    assert_eq!(
        [EINVAL, ERANGE, EBADR, EMSGSIZE, EOPNOTSUPP, EPFNOSUPPORT],
        [22, 34, 53, 90, 95, 96]
    );
}
