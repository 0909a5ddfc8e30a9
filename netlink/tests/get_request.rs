// SPDX-License-Identifier: GPL-2.0
//! GET requests: reference 3.2 (selectors) and 3.3 "extra attrs on GET".
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod common;

use common::*;
use wg_netlink::error::Reason;
use wg_netlink::get::{ExtraAttributes, GetDevice, Selector};
use wg_netlink::uapi::errno::*;
use wg_netlink::uapi::*;
use ExtraAttributes::{Ignore, Reject};

#[track_caller]
fn refused(message: &[u8], extra: ExtraAttributes, reason: Reason, errno: i32) {
    let error = GetDevice::parse(message, extra).unwrap_err();
    assert_eq!((error.reason(), error.errno()), (reason, errno));
}

#[test]
fn selects_by_index_or_name() {
    for extra in [Ignore, Reject] {
        let index = u32_attr(device::IFINDEX, u32::MAX);
        let selector = GetDevice::parse(&index, extra).unwrap().selector;
        assert_eq!(selector, Selector::Index(u32::MAX));
        let name = wg0();
        let selector = GetDevice::parse(&name, extra).unwrap().selector;
        assert_eq!(selector, Selector::Name(c"wg0"));
        refused(&[], extra, Reason::Selector, EBADR);
        let both = [wg0(), index].concat();
        refused(&both, extra, Reason::Selector, EBADR);
    }
}

#[test]
fn extra_attributes() {
    for attr in [
        attr(device::PRIVATE_KEY, &[0; 32]),
        u32_attr(device::FLAGS, u32::MAX),
        u16_attr(device::LISTEN_PORT, 1),
        nest(device::PEERS, &[]),
        // Nobody looks inside.
        nest(device::PEERS, &[vec![0xff; 8]]),
    ] {
        let message = [wg0(), attr].concat();
        let get = GetDevice::parse(&message, Ignore).unwrap();
        assert_eq!(get.selector, Selector::Name(c"wg0"));
        refused(&message, Reject, Reason::UnknownAttribute, EINVAL);
    }
}

#[test]
fn malformed_requests() {
    for (bad, reason, errno) in [
        (attr(9, &[]), Reason::UnknownAttribute, EINVAL),
        (attr(0, &[]), Reason::UnknownAttribute, EINVAL),
        (attr(device::IFINDEX, &[1, 0]), Reason::IntegerWidth, EINVAL),
        (
            attr(device::IFNAME, b"wg0"),
            Reason::NameUnterminated,
            EINVAL,
        ),
        (attr(device::IFNAME, &[0; 17]), Reason::NameTooLong, ERANGE),
        (vec![0; 4], Reason::TrailingBytes, EINVAL),
        (
            attr(device::IFINDEX | NESTED, &[0; 4]),
            Reason::NestedFlagUnexpected,
            EINVAL,
        ),
    ] {
        let message = [wg0(), bad].concat();
        for extra in [Ignore, Reject] {
            refused(&message, extra, reason, errno);
        }
    }
    for (bad, reason, errno) in [
        (
            attr(device::PUBLIC_KEY, &[0; 31]),
            Reason::SizeOutOfRange,
            ERANGE,
        ),
        (attr(device::PEERS, &[]), Reason::NestedFlagMissing, EINVAL),
        (attr(device::FWMARK, &[0; 5]), Reason::IntegerWidth, EINVAL),
    ] {
        refused(&[wg0(), bad].concat(), Ignore, reason, errno);
    }
}
