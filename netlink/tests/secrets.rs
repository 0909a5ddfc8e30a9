// SPDX-License-Identifier: GPL-2.0
//! Wiping the keys out of a request: reference 2.2 "key hygiene".
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod common;

use common::*;
use wg_netlink::set::{secrets, Policy, SetDevice};
use wg_netlink::uapi::*;

/// A byte that nothing else in these messages is made of.
const SECRET: u8 = 0xd7;

fn wiped(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    secrets(&mut message);
    message
}

fn keys() -> (Vec<u8>, Vec<u8>) {
    (
        attr(device::PRIVATE_KEY, &[SECRET; 32]),
        attr(peer::PRESHARED_KEY, &[SECRET; 32]),
    )
}

#[test]
fn all_keys_of_a_good_message_and_nothing_else() {
    let message = |private: &[u8], shared: &[u8]| {
        let peers: Vec<_> = (1..4u8)
            .map(|n| {
                nest(
                    u16::from(n),
                    &[
                        attr(peer::PUBLIC_KEY, &[n; 32]),
                        attr(peer::PRESHARED_KEY, shared),
                        attr(peer::ENDPOINT, &sockaddr_in([192, 0, 2, n], 1)),
                        nest(peer::ALLOWEDIPS, &[allowed_ip(AF_INET, &[10, 0, 0, n], 32)]),
                        attr(peer::PRESHARED_KEY, shared),
                    ],
                )
            })
            .collect();
        [
            attr(device::PRIVATE_KEY, private),
            wg0(),
            attr(device::PUBLIC_KEY, &[SECRET; 32]),
            nest(device::PEERS, &peers),
            u16_attr(device::LISTEN_PORT, 1),
            attr(device::PRIVATE_KEY, private),
            nest(device::PEERS, &peers),
        ]
        .concat()
    };
    let before = message(&[SECRET; 32], &[SECRET; 32]);
    assert_eq!(wiped(&before), message(&[0; 32], &[0; 32]));
    assert!(SetDevice::parse(&wiped(&before), Policy::default()).is_ok());
}

#[test]
fn keys_of_the_wrong_size() {
    for size in [1, 3, 31, 33, 100] {
        for message in [
            [wg0(), attr(device::PRIVATE_KEY, &vec![SECRET; size])].concat(),
            with_peer(&[attr(peer::PRESHARED_KEY, &vec![SECRET; size])]),
        ] {
            assert!(!wiped(&message).contains(&SECRET));
        }
    }
}

/// The flags of types, and whether an attribute may stand where it stands, make no difference.
#[test]
fn keys_in_malformed_messages() {
    let (private, shared) = keys();
    let element = attr(5, &shared);
    for message in [
        attr(device::PRIVATE_KEY | NESTED | NET_BYTEORDER, &[SECRET; 32]),
        [attr(99, b"what"), attr(0, b""), private.clone()].concat(),
        attr(device::PEERS, &element),
        [
            attr(device::PEERS, &[&element[..], &element].concat()),
            private.clone(),
        ]
        .concat(),
        [
            wg0(),
            attr(
                device::PEERS,
                &attr(0, &[attr(77, b""), shared.clone()].concat()),
            ),
        ]
        .concat(),
        attr(
            device::PEERS,
            &attr(0, &attr(peer::PRESHARED_KEY | NESTED, &[SECRET; 32])),
        ),
    ] {
        assert!(!wiped(&message).contains(&SECRET), "{message:?}");
    }
}

/// A message cut off anywhere, and one with any one header's length broken.
#[test]
fn keys_behind_broken_lengths() {
    let (private, shared) = keys();
    let message = [
        private,
        wg0(),
        nest(
            device::PEERS,
            &[
                nest(0, &[attr(peer::PUBLIC_KEY, &[9; 32]), shared.clone()]),
                nest(1, &[shared]),
            ],
        ),
    ]
    .concat();
    for end in 0..message.len() {
        assert!(!wiped(&message[..end]).contains(&SECRET), "cut at {end}");
    }
    for at in [0, 36, 44, 48, 52, 88, 124, 128] {
        for length in [0, 1, 3, 1000, u16::MAX] {
            let mut broken = message.clone();
            broken[at..at + 2].copy_from_slice(&length.to_ne_bytes());
            assert!(!wiped(&broken).contains(&SECRET), "{length} at {at}");
        }
    }
}

#[test]
fn anything_at_all() {
    let mut random = Random(1);
    for _ in 0..20_000 {
        let size = random.below(120);
        let mut bytes: Vec<_> = (0..size).map(|_| random.next() as u8).collect();
        // Small numbers make plausible headers.
        for byte in bytes.iter_mut() {
            if random.below(3) > 0 {
                *byte %= 41;
            }
        }
        let once = wiped(&bytes);
        assert_eq!(once.len(), bytes.len());
        assert_eq!(wiped(&once), once);
    }
}
