// SPDX-License-Identifier: GPL-2.0
//! The walk over attributes, and the numbers of reference 3.1 and 3.2.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod common;

use common::*;
use wg_netlink::attr::{align, Attr, Attrs};
use wg_netlink::uapi::*;

#[test]
fn walks_to_the_end_with_and_without_the_last_padding() {
    let mut run = [attr(1, b"abcde"), attr(2 | NESTED, &[]), u8_attr(3, 7)].concat();
    for _ in 0..2 {
        let mut attrs = Attrs::new(&run);
        let seen: Vec<_> = attrs
            .by_ref()
            .map(|a: Attr<'_>| (a.kind(), a.is_nested(), a.offset(), a.payload().to_vec()))
            .collect();
        assert_eq!(
            seen,
            [
                (1, false, 0, b"abcde".to_vec()),
                (2, true, 12, vec![]),
                (3, false, 16, vec![7])
            ]
        );
        assert_eq!(attrs.leftover(), None);
        run.truncate(21);
    }
}

#[test]
fn the_flags_are_no_part_of_the_type() {
    let run = attr(5 | NET_BYTEORDER | NESTED, &[0; 4]);
    let attr = Attrs::new(&run).next().unwrap();
    assert_eq!((attr.kind(), attr.is_nested()), (5, true));
    let run = common::attr(5 | NET_BYTEORDER, &[0; 4]);
    assert!(!Attrs::new(&run).next().unwrap().is_nested());
}

#[test]
fn offsets_inside_a_nest_count_from_the_outermost_run() {
    let run = [u32_attr(1, 0), nest(2, &[u16_attr(3, 0), u16_attr(4, 0)])].concat();
    let outer = Attrs::new(&run).nth(1).unwrap();
    let inner: Vec<_> = outer.attrs().map(|attr| attr.offset()).collect();
    assert_eq!(inner, [12, 20]);
    for offset in inner {
        let kind = u16::from_ne_bytes([run[offset + 2], run[offset + 3]]);
        assert!(kind == 3 || kind == 4);
    }
}

#[test]
fn ends_at_what_is_no_attribute() {
    let good = u32_attr(1, 5);
    let header = |length: u16| [length.to_ne_bytes(), 1u16.to_ne_bytes()].concat();
    for bad in [
        vec![],
        vec![0],
        header(4)[..3].to_vec(),
        header(3),
        header(0).repeat(2),
        header(5),
        header(u16::MAX).repeat(2),
    ] {
        let run = [&good[..], &bad].concat();
        let mut attrs = Attrs::new(&run);
        assert_eq!(attrs.by_ref().count(), 1);
        assert!(attrs.next().is_none());
        assert_eq!(attrs.leftover(), (!bad.is_empty()).then_some(8));
    }
}

#[test]
fn integers_want_their_exact_width() {
    let run = [
        attr(1, &[]),
        attr(1, &[1]),
        attr(1, &[1, 2]),
        attr(1, &[1, 2, 3, 4]),
        attr(1, &[0; 5]),
    ]
    .concat();
    let widths: Vec<_> = Attrs::new(&run)
        .map(|attr| (attr.u8(), attr.u16(), attr.u32(), attr.bytes::<5>()))
        .collect();
    assert_eq!(
        widths,
        [
            (None, None, None, None),
            (Some(1), None, None, None),
            (None, Some(u16::from_ne_bytes([1, 2])), None, None),
            (None, None, Some(u32::from_ne_bytes([1, 2, 3, 4])), None),
            (None, None, None, Some(&[0; 5])),
        ]
    );
}

#[test]
fn alignment_never_overflows() {
    assert_eq!([0, 1, 4, 5].map(align), [0, 4, 4, 8]);
    assert_eq!(align(usize::MAX), usize::MAX - 3);
}

/// Reference 3.1 and 3.2, first column: the numbers themselves.
#[test]
fn numbers_of_the_interface() {
    assert_eq!((GENL_NAME, GENL_VERSION), (c"wireguard", 1));
    assert_eq!((CMD_GET_DEVICE, CMD_SET_DEVICE), (0, 1));
    assert_eq!(
        [
            device::IFINDEX,
            device::IFNAME,
            device::PRIVATE_KEY,
            device::PUBLIC_KEY,
            device::FLAGS,
            device::LISTEN_PORT,
            device::FWMARK,
            device::PEERS
        ],
        [1, 2, 3, 4, 5, 6, 7, 8]
    );
    assert_eq!(
        [
            peer::PUBLIC_KEY,
            peer::PRESHARED_KEY,
            peer::FLAGS,
            peer::ENDPOINT,
            peer::PERSISTENT_KEEPALIVE_INTERVAL,
            peer::LAST_HANDSHAKE_TIME,
            peer::RX_BYTES,
            peer::TX_BYTES,
            peer::ALLOWEDIPS,
            peer::PROTOCOL_VERSION
        ],
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    );
    assert_eq!(
        [
            allowed_ip::FAMILY,
            allowed_ip::IPADDR,
            allowed_ip::CIDR_MASK,
            allowed_ip::FLAGS
        ],
        [1, 2, 3, 4]
    );
    assert_eq!((device::MAX, peer::MAX, allowed_ip::MAX), (8, 10, 4));
    assert_eq!(
        (device_flag::ALL, peer_flag::ALL, allowed_ip_flag::ALL),
        (1, 7, 1)
    );
}
