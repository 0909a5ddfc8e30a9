// SPDX-License-Identifier: GPL-2.0
//! SET messages that are accepted, and what is read from them: reference 3.2, 3.4 and 3.6.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod common;

use common::*;
use wg_netlink::address::{Address, Endpoint};
use wg_netlink::error::RequestError;
use wg_netlink::set::{Policy, Selector, SetAllowedIp, SetDevice, SetPeer};
use wg_netlink::uapi::*;

#[track_caller]
fn parse(message: &[u8]) -> SetDevice<'_> {
    let parsed: Result<_, RequestError> = SetDevice::parse(message, Policy::default());
    match parsed {
        Ok(set) => set,
        Err(error) => panic!("{error:?}"),
    }
}

#[track_caller]
fn only_peer(message: &[u8]) -> SetPeer<'_> {
    let mut peers = parse(message).peers();
    let peer = peers.next().unwrap();
    assert!(peers.next().is_none());
    peer
}

/// 3.2 WGDEVICE 1 and 2.
#[test]
fn ifindex_and_ifname() {
    assert_eq!(
        parse(&u32_attr(device::IFINDEX, 7)).selector,
        Selector::Index(7)
    );
    assert_eq!(parse(&wg0()).selector, Selector::Name(c"wg0"));
    let fifteen = attr(device::IFNAME, b"abcdefghijklmno\0");
    assert_eq!(parse(&fifteen).selector, Selector::Name(c"abcdefghijklmno"));
    // Bytes behind an early NUL are no part of the name.
    for tail in [
        &b"wg0\0xxxx"[..],
        b"wg0\0xxxxxxxxxxx",
        b"wg0\0xxxxxxxxxxx\0",
    ] {
        let message = attr(device::IFNAME, tail);
        assert_eq!(parse(&message).selector, Selector::Name(c"wg0"));
    }
}

/// 3.2 WGDEVICE 3.
#[test]
fn private_key_is_kept_as_sent() {
    assert!(parse(&wg0()).private_key.is_none());
    for key in [[0; 32], [0xff; 32]] {
        let message = [wg0(), attr(device::PRIVATE_KEY, &key)].concat();
        assert_eq!(parse(&message).private_key, Some(&key));
    }
}

/// 3.2 WGDEVICE 4.
#[test]
fn public_key_of_the_device_is_ignored() {
    let message = [wg0(), attr(device::PUBLIC_KEY, &[1; 32])].concat();
    assert!(parse(&message).private_key.is_none());
}

/// 3.2 WGDEVICE 5.
#[test]
fn device_flags() {
    for (flags, replace) in [(0, false), (1, true)] {
        let message = [wg0(), u32_attr(device::FLAGS, flags)].concat();
        assert_eq!(parse(&message).replace_peers, replace);
    }
    assert!(!parse(&wg0()).replace_peers);
}

/// 3.2 WGDEVICE 6 and 7.
#[test]
fn listen_port_and_fwmark() {
    let set = wg0();
    assert_eq!((parse(&set).listen_port, parse(&set).fwmark), (None, None));
    for (port, mark) in [(0, 0), (51820, 0xca6c_0000), (u16::MAX, u32::MAX)] {
        let message = [
            u16_attr(device::LISTEN_PORT, port),
            wg0(),
            u32_attr(device::FWMARK, mark),
        ]
        .concat();
        let set = parse(&message);
        assert_eq!((set.listen_port, set.fwmark), (Some(port), Some(mark)));
    }
}

/// 3.2 WGDEVICE 8 and 3.6: wg sends every element with index 0, systemd-networkd counts from 1.
#[test]
fn element_index_is_ignored() {
    let peer = |index, key| nest(index, &[attr(peer::PUBLIC_KEY, &[key; 32])]);
    for indices in [[0, 0, 0], [1, 2, 3], [9, 9, 0x3fff]] {
        let peers = [
            peer(indices[0], 1),
            peer(indices[1], 2),
            peer(indices[2], 3),
        ];
        let message = [wg0(), nest(device::PEERS, &peers)].concat();
        let keys: Vec<_> = parse(&message).peers().map(|p| p.public_key[0]).collect();
        assert_eq!(keys, [1, 2, 3]);
    }
    for indices in [[0, 0], [1, 2]] {
        let ips = indices.map(|index| {
            nest(
                index,
                &[
                    u16_attr(allowed_ip::FAMILY, AF_INET),
                    attr(allowed_ip::IPADDR, &[10, 0, 0, 1]),
                    u8_attr(allowed_ip::CIDR_MASK, 32),
                ],
            )
        });
        let message = with_peer(&[nest(peer::ALLOWEDIPS, &ips)]);
        assert_eq!(only_peer(&message).allowed_ips().count(), 2);
    }
}

/// 3.2 WGDEVICE 8 and WGPEER 9: an array may be empty or not there at all.
#[test]
fn empty_arrays() {
    assert_eq!(parse(&wg0()).peers().count(), 0);
    let message = [wg0(), nest(device::PEERS, &[])].concat();
    assert_eq!(parse(&message).peers().count(), 0);
    let message = with_peer(&[nest(peer::ALLOWEDIPS, &[])]);
    assert_eq!(only_peer(&message).allowed_ips().count(), 0);
    let message = with_peer(&[]);
    assert_eq!(only_peer(&message).allowed_ips().count(), 0);
}

/// 3.2 WGPEER 1 and 2.
#[test]
fn keys_of_a_peer() {
    let message = with_peer(&[]);
    let peer = only_peer(&message);
    assert_eq!((peer.public_key, peer.preshared_key), (&[9; 32], None));
    for key in [[0; 32], [5; 32]] {
        let message = with_peer(&[attr(peer::PRESHARED_KEY, &key)]);
        assert_eq!(only_peer(&message).preshared_key, Some(&key));
    }
}

/// 3.2 WGPEER 3.
#[test]
fn peer_flags() {
    for flags in 0..8 {
        let message = with_peer(&[u32_attr(peer::FLAGS, flags)]);
        let peer = only_peer(&message);
        assert_eq!(peer.remove_me, flags & 1 != 0);
        assert_eq!(peer.replace_allowed_ips, flags & 2 != 0);
        assert_eq!(peer.update_only, flags & 4 != 0);
    }
}

/// 3.2 WGPEER 4, the two forms that count.
#[test]
fn endpoints() {
    let message = with_peer(&[]);
    assert_eq!(only_peer(&message).endpoint, None);
    let message = with_peer(&[attr(peer::ENDPOINT, &sockaddr_in([192, 0, 2, 1], 51820))]);
    assert_eq!(
        only_peer(&message).endpoint,
        Some(Endpoint::V4 {
            addr: [192, 0, 2, 1],
            port: 51820
        })
    );
    let addr = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let sockaddr = sockaddr_in6(addr, 1, 0x000f_1234, 3);
    let message = with_peer(&[attr(peer::ENDPOINT, &sockaddr)]);
    let expected = Endpoint::V6 {
        addr,
        port: 1,
        flowinfo: 0x000f_1234,
        scope: 3,
    };
    assert_eq!(only_peer(&message).endpoint, Some(expected));
    // What lies behind the address of a sockaddr_in is filling.
    let mut filled = sockaddr_in([192, 0, 2, 1], 1);
    filled[8..].fill(0xaa);
    let message = with_peer(&[attr(peer::ENDPOINT, &filled)]);
    assert!(only_peer(&message).endpoint.is_some());
}

/// 3.2 WGPEER 4: any other combination of family and size is ignored without a word.
#[test]
fn endpoints_that_are_ignored() {
    let v4 = sockaddr_in([192, 0, 2, 1], 51820);
    let v6 = sockaddr_in6([1; 16], 51820, 0, 0);
    let mut cases = vec![
        [&v4[..], &[0; 12]].concat(),
        [&v4[..], &[0; 1]].concat(),
        v6[..27].to_vec(),
        v6[..16].to_vec(),
        [&v6[..], &[0]].concat(),
        [&v6[..], &[0; 100]].concat(),
    ];
    for family in [0u16, 1, 3, 9, 11, 0x0200, u16::MAX] {
        for base in [&v4, &v6] {
            let mut other = base.clone();
            other[..2].copy_from_slice(&family.to_ne_bytes());
            cases.push(other);
        }
    }
    for bytes in cases {
        let message = with_peer(&[attr(peer::ENDPOINT, &bytes)]);
        assert_eq!(only_peer(&message).endpoint, None);
    }
}

/// 3.2 WGPEER 5.
#[test]
fn persistent_keepalive() {
    let message = with_peer(&[]);
    assert_eq!(only_peer(&message).persistent_keepalive, None);
    for secs in [0, 25, u16::MAX] {
        let message = with_peer(&[u16_attr(peer::PERSISTENT_KEEPALIVE_INTERVAL, secs)]);
        assert_eq!(only_peer(&message).persistent_keepalive, Some(secs));
    }
}

/// 3.2 WGPEER 6, 7, 8: dump only, so without effect here.
#[test]
fn attributes_of_the_dump_are_let_pass() {
    let message = with_peer(&[
        attr(peer::LAST_HANDSHAKE_TIME, &[1; 16]),
        attr(peer::RX_BYTES, &[1; 8]),
        attr(peer::TX_BYTES, &[1; 8]),
    ]);
    assert_eq!(only_peer(&message).public_key, &[9; 32]);
}

/// 3.2 WGPEER 10.
#[test]
fn protocol_version_one() {
    let message = with_peer(&[u32_attr(peer::PROTOCOL_VERSION, 1)]);
    assert_eq!(only_peer(&message).public_key, &[9; 32]);
}

/// 3.2 WGALLOWEDIP 1, 2, 3: all masks, and host bits kept as sent.
#[test]
fn allowed_ips() {
    for cidr in 0..=32 {
        let message = with_peer(&[nest(
            peer::ALLOWEDIPS,
            &[allowed_ip(AF_INET, &[10, 1, 2, 255], cidr)],
        )]);
        let expected = SetAllowedIp {
            addr: Address::V4([10, 1, 2, 255]),
            cidr,
            remove_me: false,
        };
        assert_eq!(
            only_peer(&message).allowed_ips().collect::<Vec<_>>(),
            [expected]
        );
    }
    for cidr in 0..=128 {
        let message = with_peer(&[nest(
            peer::ALLOWEDIPS,
            &[allowed_ip(AF_INET6, &[0xfd; 16], cidr)],
        )]);
        let expected = SetAllowedIp {
            addr: Address::V6([0xfd; 16]),
            cidr,
            remove_me: false,
        };
        assert_eq!(
            only_peer(&message).allowed_ips().collect::<Vec<_>>(),
            [expected]
        );
    }
}

/// 3.2 WGALLOWEDIP 4, on all kernels.
#[test]
fn allowed_ip_flags() {
    for (flags, remove_me) in [(0, false), (1, true)] {
        let message = with_allowed_ip(&[
            u32_attr(allowed_ip::FLAGS, flags),
            u8_attr(allowed_ip::CIDR_MASK, 24),
            attr(allowed_ip::IPADDR, &[10, 0, 0, 0]),
            u16_attr(allowed_ip::FAMILY, AF_INET),
        ]);
        let mut ips = only_peer(&message).allowed_ips();
        assert_eq!(ips.next().unwrap().remove_me, remove_me);
    }
}

/// As `nla_parse` has it: of repeated attributes the last counts, at every level.
#[test]
fn the_last_of_repeated_attributes_counts() {
    let peers = |key| nest(device::PEERS, &[nest(0, &[attr(1, &[key; 32])])]);
    let message = [
        u16_attr(device::LISTEN_PORT, 1),
        peers(1),
        wg0(),
        u16_attr(device::LISTEN_PORT, 2),
        peers(2),
        attr(device::IFNAME, b"wg1\0"),
    ]
    .concat();
    let set = parse(&message);
    assert_eq!(set.selector, Selector::Name(c"wg1"));
    assert_eq!(set.listen_port, Some(2));
    assert_eq!(only_peer(&message).public_key, &[2; 32]);

    let ips = |last| {
        let ip = allowed_ip(AF_INET, &[10, 0, 0, last], 32);
        nest(peer::ALLOWEDIPS, &[ip])
    };
    let message = with_peer(&[ips(1), attr(peer::PUBLIC_KEY, &[3; 32]), ips(2)]);
    let peer = only_peer(&message);
    assert_eq!(peer.public_key, &[3; 32]);
    let ips: Vec<_> = peer.allowed_ips().map(|ip| ip.addr).collect();
    assert_eq!(ips, [Address::V4([10, 0, 0, 2])]);
}

/// What does not count does not have to mean anything, only to be well-formed.
#[test]
fn an_earlier_repeated_array_is_not_read_for_its_meaning() {
    let nameless = nest(device::PEERS, &[nest(0, &[])]);
    let message = [nameless, with_peer(&[])].concat();
    assert_eq!(only_peer(&message).public_key, &[9; 32]);
}

/// 3.4 set_peer order: a peer that goes is not looked at any further.
#[test]
fn allowed_ips_of_a_removed_peer_are_not_read() {
    let message = with_peer(&[
        u32_attr(peer::FLAGS, peer_flag::REMOVE_ME),
        nest(
            peer::ALLOWEDIPS,
            &[nest(0, &[]), allowed_ip(AF_INET, &[0; 4], 99)],
        ),
    ]);
    let peer = only_peer(&message);
    assert!(peer.remove_me);
    assert_eq!(peer.allowed_ips().count(), 0);
}

/// 3.4: own key and unknown peers are the driver's affair; one key may come again and again
/// (3.6: wg repeats it for a peer that it splits over two messages).
#[test]
fn peers_come_in_message_order() {
    let keys = [3u8, 1, 3, 0, 2];
    let peers = keys.map(|key| nest(0, &[attr(peer::PUBLIC_KEY, &[key; 32])]));
    let message = [nest(device::PEERS, &peers), wg0()].concat();
    let seen: Vec<_> = parse(&message).peers().map(|p| p.public_key[0]).collect();
    assert_eq!(seen, keys);
}

/// Byte order of the type is a flag that nobody looks at.
#[test]
fn the_flag_of_network_byte_order_is_ignored() {
    let message = [wg0(), u16_attr(device::LISTEN_PORT | NET_BYTEORDER, 0x1234)].concat();
    assert_eq!(parse(&message).listen_port, Some(0x1234));
}

/// 3.6, a whole message as systemd-networkd sends it.
#[test]
fn a_message_of_networkd() {
    let peers: Vec<_> = (1..=2u8)
        .map(|n| {
            nest(
                u16::from(n),
                &[
                    attr(peer::PUBLIC_KEY, &[n; 32]),
                    attr(peer::PRESHARED_KEY, &[0; 32]),
                    u32_attr(peer::FLAGS, peer_flag::REPLACE_ALLOWED_IPS),
                    u16_attr(peer::PERSISTENT_KEEPALIVE_INTERVAL, 0),
                    attr(peer::ENDPOINT, &sockaddr_in6([n; 16], 51820, 0, 0)),
                    nest(
                        peer::ALLOWEDIPS,
                        &[
                            allowed_ip(AF_INET, &[10, 0, n, 0], 24),
                            allowed_ip(AF_INET6, &[n; 16], 128),
                        ],
                    ),
                ],
            )
        })
        .collect();
    let message = [
        wg0(),
        attr(device::PRIVATE_KEY, &[7; 32]),
        u16_attr(device::LISTEN_PORT, 51820),
        u32_attr(device::FWMARK, 0),
        u32_attr(device::FLAGS, device_flag::REPLACE_PEERS),
        nest(device::PEERS, &peers),
    ]
    .concat();
    let set = parse(&message);
    assert!(set.replace_peers);
    for (n, peer) in (1u8..).zip(set.peers()) {
        assert_eq!(peer.public_key, &[n; 32]);
        assert!(peer.replace_allowed_ips);
        assert!(peer.endpoint.is_some());
        let ips: Vec<_> = peer.allowed_ips().map(|ip| ip.addr).collect();
        assert_eq!(ips, [Address::V4([10, 0, n, 0]), Address::V6([n; 16])]);
    }
    assert_eq!(set.peers().count(), 2);
}

/// 3.6, what wg sends for a configuration that does not fit into one of its buffers: the interface
/// in each message, its own attributes in the first only, all elements of type 0, and the peer that
/// is split once more with its key and nothing else; then a prefix taken away.
#[test]
fn messages_of_wg() {
    let prefixes = |range: std::ops::Range<u8>| -> Vec<_> {
        range
            .map(|n| allowed_ip(AF_INET, &[10, n, 0, 0], 16))
            .collect()
    };
    let first = [
        wg0(),
        attr(device::PRIVATE_KEY, &[7; 32]),
        u16_attr(device::LISTEN_PORT, 51820),
        u32_attr(device::FWMARK, 0),
        u32_attr(device::FLAGS, device_flag::REPLACE_PEERS),
        nest(
            device::PEERS,
            &[nest(
                0,
                &[
                    attr(peer::PUBLIC_KEY, &[9; 32]),
                    u32_attr(peer::FLAGS, peer_flag::REPLACE_ALLOWED_IPS),
                    attr(peer::ENDPOINT, &sockaddr_in([192, 0, 2, 1], 51820)),
                    nest(peer::ALLOWEDIPS, &prefixes(0..100)),
                ],
            )],
        ),
    ]
    .concat();
    let second = with_peer(&[nest(peer::ALLOWEDIPS, &prefixes(100..200))]);
    let (set, rest) = (parse(&first), parse(&second));
    assert!(set.replace_peers && !rest.replace_peers);
    assert_eq!(
        (rest.private_key, rest.listen_port, rest.fwmark),
        (None, None, None)
    );
    let (whole, more) = (only_peer(&first), only_peer(&second));
    assert_eq!(whole.public_key, more.public_key);
    assert!(whole.replace_allowed_ips && !more.replace_allowed_ips);
    assert_eq!((more.preshared_key, more.endpoint), (None, None));
    let ips = whole.allowed_ips().chain(more.allowed_ips());
    let seconds = ips.map(|ip| ip.addr.as_bytes()[1]);
    assert!(seconds.eq(0..200));

    let minus = with_allowed_ip(&[
        u16_attr(allowed_ip::FAMILY, AF_INET),
        attr(allowed_ip::IPADDR, &[10, 0, 0, 0]),
        u8_attr(allowed_ip::CIDR_MASK, 16),
        u32_attr(allowed_ip::FLAGS, allowed_ip_flag::REMOVE_ME),
    ]);
    assert!(only_peer(&minus).allowed_ips().all(|ip| ip.remove_me));
}
