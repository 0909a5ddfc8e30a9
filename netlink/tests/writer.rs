// SPDX-License-Identifier: GPL-2.0
//! Writing attributes: reference 3.2 (64-bit alignment with attribute 0) and 3.5 "Nest flags".
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod common;

use common::model::Buffer;
use common::*;
use wg_netlink::address::Endpoint;
use wg_netlink::get::{Full, Writer};

/// What `write` leaves in a buffer of `room` bytes behind an aligned address.
fn written(
    room: usize,
    pad_u64: bool,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
) -> Option<Vec<u8>> {
    let mut buffer = Buffer::new();
    let mut writer = Writer::new(&mut buffer.0[..room], pad_u64);
    assert!(writer.is_empty());
    let result = write(&mut writer);
    let len = writer.len();
    assert_eq!(len % 4, 0);
    result.ok().map(|()| buffer.0[..len].to_vec())
}

#[test]
fn attributes_of_every_kind() {
    let expected = [
        attr(1, b"abcde"),
        u8_attr(2, 1),
        u16_attr(3, 2),
        u32_attr(4, 3),
        attr(5, &4u64.to_ne_bytes()),
        attr(6, b"wg0\0"),
        attr(7, b"abc\0"),
        attr(8, &[1, 0, 0, 0]),
        attr(9, &sockaddr_in([192, 0, 2, 1], 7)),
        attr(10, &sockaddr_in6([3; 16], 7, 8, 9)),
        attr(11, &[]),
    ]
    .concat();
    let write = |writer: &mut Writer<'_>| {
        writer.put(1, b"abcde")?;
        writer.put_u8(2, 1)?;
        writer.put_u16(3, 2)?;
        writer.put_u32(4, 3)?;
        writer.put_u64(5, 4)?;
        writer.put_string(6, b"wg0\0\0x")?;
        writer.put_string(7, b"abc")?;
        writer.put_with(8, |out: &mut [u8; 4]| out[0] = 1)?;
        let (addr, port) = ([192, 0, 2, 1], 7);
        writer.put_endpoint(9, &Endpoint::V4 { addr, port })?;
        let endpoint = Endpoint::V6 {
            addr: [3; 16],
            port: 7,
            flowinfo: 8,
            scope: 9,
        };
        writer.put_endpoint(10, &endpoint)?;
        writer.put(11, &[])
    };
    assert_eq!(written(1000, false, write), Some(expected.clone()));
    assert_eq!(
        written(expected.len(), false, write),
        Some(expected.clone())
    );
    for room in 0..expected.len() {
        assert_eq!(written(room, false, write), None);
    }
}

#[test]
fn what_does_not_fit_leaves_no_trace() {
    let mut buffer = Buffer::new();
    let mut writer = Writer::new(&mut buffer.0[..19], false);
    writer.put_u32(1, 1).unwrap();
    assert_eq!(writer.put(2, &[0; 8]), Err(Full));
    assert_eq!(writer.put(2, &[0; 5]), Err(Full));
    assert_eq!(writer.put_u64(2, 0), Err(Full));
    assert_eq!(writer.put_string(2, b"abcd"), Err(Full));
    assert_eq!(writer.len(), 8);
    writer.put_string(2, b"abc").unwrap();
    assert_eq!(writer.put(3, &[]), Err(Full));
    assert_eq!(writer.len(), 16);
    assert_eq!(Full.errno(), 90);
}

/// The padding attribute stands where the address asks for it and only there, and the room for it
/// is asked for in any case, as nla_put_64bit does.
#[test]
fn sixty_four_bits_are_aligned_where_the_machine_wants_it() {
    let value = 0x0102_0304_0506_0708u64;
    let number = attr(5, &value.to_ne_bytes());
    for before in 0..4 {
        let lead = vec![u8_attr(1, 0); before].concat();
        let write = |writer: &mut Writer<'_>| {
            for _ in 0..before {
                writer.put_u8(1, 0)?;
            }
            writer.put_u64(5, value)
        };
        // Each lead attribute has eight bytes: the next one is at an aligned address.
        let padded = [&lead[..], &attr(0, &[]), &number].concat();
        assert_eq!(written(200, true, write), Some(padded.clone()));
        assert_eq!(written(padded.len(), true, write), Some(padded.clone()));
        assert_eq!(written(padded.len() - 4, true, write), None);
        let plain = [&lead[..], &number].concat();
        assert_eq!(written(200, false, write), Some(plain));

        let write = |writer: &mut Writer<'_>| {
            writer.put(2, &[])?;
            write(writer)
        };
        let aligned = [&attr(2, &[])[..], &lead, &number].concat();
        assert_eq!(written(200, true, write), Some(aligned.clone()));
        assert_eq!(written(200, false, write), Some(aligned.clone()));
        assert_eq!(
            written(aligned.len() + 4, true, write),
            Some(aligned.clone())
        );
        assert_eq!(written(aligned.len(), true, write), None);
        assert_eq!(written(aligned.len(), false, write), Some(aligned));
    }
}

#[test]
fn nests_end_and_are_taken_back() {
    let mut buffer = Buffer::new();
    let mut writer = Writer::new(&mut buffer.0[..100], false);
    let outer = writer.nest(8).unwrap();
    let first = writer.nest(0).unwrap();
    writer.put_u16(1, 1).unwrap();
    writer.end(first);
    let second = writer.nest(0).unwrap();
    writer.put(2, &[0xd7; 32]).unwrap();
    writer.cancel(second);
    let empty = writer.nest(3).unwrap();
    writer.end(empty);
    writer.end(outer);
    let len = writer.len();
    let expected = nest(8, &[nest(0, &[u16_attr(1, 1)]), nest(3, &[])]);
    assert_eq!(buffer.0[..len], expected);
    // A key that was taken back is not there any more.
    assert!(!buffer.0.contains(&0xd7));

    let mut writer = Writer::new(&mut buffer.0[..3], false);
    assert!(writer.nest(1).is_err());
    assert!(writer.is_empty());
}

#[test]
fn no_length_overflows_its_header() {
    let mut buffer = Buffer::new();
    let mut writer = Writer::new(&mut buffer.0, false);
    assert_eq!(writer.put(1, &[0; 65_532]), Err(Full));
    let nest = writer.nest(1).unwrap();
    while writer.put(2, &[7; 60]).is_ok() {}
    while writer.put(2, &[]).is_ok() {}
    assert_eq!(writer.len(), Writer::MAX_LEN);
    writer.end(nest);
    assert_eq!(plain(&buffer.0[..Writer::MAX_LEN]).len(), 1);
}

/// A socket address is the whole structure, whatever was there before, and is read back.
#[test]
fn socket_addresses() {
    let v4 = Endpoint::V4 {
        addr: [192, 0, 2, 1],
        port: 51820,
    };
    let v6 = Endpoint::V6 {
        addr: [0xfe; 16],
        port: 1,
        flowinfo: 0x000f_1234,
        scope: 3,
    };
    for (endpoint, expected) in [
        (v4, sockaddr_in([192, 0, 2, 1], 51820)),
        (v6, sockaddr_in6([0xfe; 16], 1, 0x000f_1234, 3)),
    ] {
        let mut bytes = vec![0x55; endpoint.sockaddr_len()];
        endpoint.write_sockaddr(&mut bytes);
        assert_eq!(bytes, expected);
        assert_eq!(Endpoint::from_sockaddr(&bytes), Some(endpoint));
    }
}
