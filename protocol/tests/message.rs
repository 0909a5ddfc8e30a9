// SPDX-License-Identifier: GPL-2.0
//! Messages on the wire (reference 1.1, 1.4 "Padding"; paper section 5.4).

#![allow(clippy::unwrap_used)]

use wg_protocol::message::{
    classify, padding, receiver, CookieReply, DataHeader, Initiation, Kind, Response,
    COOKIE_REPLY_LEN, DATA_HEADER_LEN, DATA_MIN_LEN, HANDSHAKE_DSCP, INITIATION_LEN, MAX_PEERS,
    MAX_QUEUED, MAX_QUEUED_HANDSHAKES, MAX_STAGED, PADDING_MULTIPLE, RESPONSE_LEN,
};

/// Reference 1.1, exact values of what is not a time (those are in `lifetime.rs`).
#[test]
fn constants() {
    assert_eq!(
        (INITIATION_LEN, RESPONSE_LEN, COOKIE_REPLY_LEN),
        (148, 92, 64)
    );
    assert_eq!((DATA_HEADER_LEN, DATA_MIN_LEN), (16, 32));
    assert_eq!(MAX_PEERS, 1_048_576);
    assert_eq!(MAX_QUEUED_HANDSHAKES, 4096);
    assert_eq!((MAX_STAGED, MAX_QUEUED), (128, 1024));
    assert_eq!(PADDING_MULTIPLE, 16);
    assert_eq!(HANDSHAKE_DSCP, 0x88);
}

/// Reference 1.1, message types and length rule.
#[test]
fn lengths_and_types() {
    let cases = [
        (1, 148, Kind::Initiation),
        (2, 92, Kind::Response),
        (3, 64, Kind::CookieReply),
        (4, 32, Kind::Data),
        (4, 33, Kind::Data),
        (4, 65535, Kind::Data),
    ];
    for (kind, len, expected) in cases {
        assert_eq!(classify(&[kind, 0, 0, 0], len), Some(expected));
    }
    for (kind, len) in [(1, 148), (2, 92), (3, 64)] {
        assert_eq!(classify(&[kind, 0, 0, 0], len - 1), None);
        assert_eq!(classify(&[kind, 0, 0, 0], len + 1), None);
    }
    assert_eq!(classify(&[4, 0, 0, 0], DATA_MIN_LEN - 1), None);
    for kind in (0..=255).filter(|kind| !(1..=4).contains(kind)) {
        for len in [32, 64, 92, 148] {
            assert_eq!(classify(&[kind, 0, 0, 0], len), None);
        }
    }
}

/// Reference 1.1: nonzero reserved bytes are dropped.
#[test]
fn reserved_bytes_must_be_zero() {
    for (kind, len) in [(1u8, 148), (2, 92), (3, 64), (4, 32)] {
        for at in 1..4 {
            let mut prefix = [kind, 0, 0, 0];
            prefix[at] = 1;
            assert_eq!(classify(&prefix, len), None);
        }
    }
}

#[test]
fn short_prefixes_are_nothing() {
    for len in 0..4 {
        assert_eq!(classify(&[4; 4][..len], 148), None);
        assert_eq!(DataHeader::parse(&[4; 4][..len]), None);
    }
}

#[test]
fn layouts() {
    let mut bytes: Vec<u8> = (0..148).collect();
    bytes[..4].copy_from_slice(&[1, 0, 0, 0]);
    let initiation = Initiation::from_bytes(&bytes).unwrap();
    assert_eq!(initiation.sender(), 0x0706_0504);
    assert_eq!(initiation.ephemeral()[..], bytes[8..40]);
    assert_eq!(initiation.sealed_static()[..], bytes[40..88]);
    assert_eq!(initiation.sealed_timestamp()[..], bytes[88..116]);
    assert_eq!(initiation.as_bytes()[..], bytes[..]);

    bytes.truncate(92);
    bytes[0] = 2;
    let response = Response::from_bytes(&bytes).unwrap();
    assert_eq!(response.sender(), 0x0706_0504);
    assert_eq!(response.receiver(), 0x0b0a_0908);
    assert_eq!(response.ephemeral()[..], bytes[12..44]);
    assert_eq!(response.sealed_nothing()[..], bytes[44..60]);

    bytes.truncate(64);
    bytes[0] = 3;
    let reply = CookieReply::from_bytes(&bytes).unwrap();
    assert_eq!(reply.receiver(), 0x0706_0504);
    assert_eq!(reply.nonce()[..], bytes[8..32]);
    assert_eq!(reply.sealed_cookie()[..], bytes[32..64]);

    bytes[0] = 4;
    let header = DataHeader::parse(&bytes).unwrap();
    assert_eq!(header.receiver, 0x0706_0504);
    assert_eq!(header.counter, 0x0f0e_0d0c_0b0a_0908);
    assert_eq!(header.to_bytes()[..], bytes[..16]);
}

#[test]
fn wrong_type_or_length_is_no_message() {
    let mut bytes = [0; 148];
    bytes[0] = 2;
    assert!(Initiation::from_bytes(&bytes).is_none());
    bytes[0] = 1;
    assert!(Initiation::from_bytes(&bytes[..147]).is_none());
    assert!(Response::from_bytes(&bytes[..92]).is_none());
    assert!(CookieReply::from_bytes(&bytes[..64]).is_none());
    assert!(Initiation::from_bytes(&bytes).is_some());
}

/// Reference 1.4 "Padding": to 16, clamped to the MTU; longer than the MTU counts modulo it; an
/// MTU of zero limits nothing; a keepalive has none.
#[test]
fn padding_follows_the_mtu() {
    let cases = [
        ((0, 1420), 0),
        ((1, 1420), 15),
        ((16, 1420), 0),
        ((17, 1420), 15),
        ((84, 1420), 12),
        ((1408, 1420), 0),
        ((1409, 1420), 11),
        ((1419, 1420), 1),
        ((1420, 1420), 0),
        ((1421, 1420), 15),
        ((2840, 1420), 0),
        ((2839, 1420), 1),
        ((1297, 1299), 2),
        ((1297, 0), 15),
        ((65535, 0), 1),
        ((5, 3), 1),
        ((5, 1), 0),
        ((usize::MAX, 0), 1),
    ];
    for ((len, mtu), expected) in cases {
        assert_eq!(padding(len, mtu), expected, "length {len}, MTU {mtu}");
    }
}

/// The rule again, said in another way, over everything small.
#[test]
fn padding_never_passes_the_mtu() {
    for mtu in 1..200 {
        for len in 0..600 {
            let last = if len > mtu { len % mtu } else { len };
            let padded = last + padding(len, mtu);
            assert!(padded <= mtu && padded - last < 16);
            assert!(padded % 16 == 0 || padded == mtu);
        }
    }
}

#[test]
fn the_receiver_stands_where_the_message_has_it() {
    let bytes: [u8; 16] = core::array::from_fn(|byte| byte as u8);
    assert_eq!(receiver(Kind::Initiation, &bytes), None);
    assert_eq!(receiver(Kind::Response, &bytes), Some(0x0b0a_0908));
    assert_eq!(receiver(Kind::CookieReply, &bytes), Some(0x0706_0504));
    assert_eq!(receiver(Kind::Data, &bytes), Some(0x0706_0504));
    assert_eq!(receiver(Kind::Response, &bytes[..11]), None);
    assert_eq!(receiver(Kind::CookieReply, &bytes[..7]), None);
}
