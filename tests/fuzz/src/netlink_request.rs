// SPDX-License-Identifier: GPL-2.0
//! SET and GET requests: any bytes, and messages made of attributes that are nearly right, against
//! readers that were written from the reference's tables alone.
//!
//! A message that the crate takes says what the reader says, and one that it refuses the reader
//! refuses as well, with a place inside the message; keys are wiped from either.
use wg_netlink::get::{ExtraAttributes, GetDevice};
use wg_netlink::set::{secrets, Policy, Selector, SetDevice, UnknownFlags};
use wg_netlink::uapi::{allowed_ip, device, peer};

use crate::netlink::{attr, nest, oracle};
use crate::{planted, Script};

/// The outermost attributes as they stand there: type, flag of a nest, payload. `None` unless they
/// fill the message.
fn outermost(mut bytes: &[u8]) -> Option<Vec<(u16, bool, &[u8])>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let [l0, l1, t0, t1] = *bytes.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let kind = u16::from_ne_bytes([t0, t1]);
        all.push((kind & 0x3fff, kind & 0x8000 != 0, bytes.get(4..length)?));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(all)
}

/// Whom a message is about, as text: exactly one of index and name, the last of each.
fn selected(all: &[(u16, bool, &[u8])]) -> Option<String> {
    let last = |kind| all.iter().rev().find(|one| one.0 == kind);
    match (last(device::IFINDEX), last(device::IFNAME)) {
        (Some(index), None) => Some(format!("{:?}", index.2)),
        (None, Some(name)) => {
            let text = name.2.split(|byte| *byte == 0).next()?;
            Some(String::from_utf8_lossy(text).into_owned())
        }
        _ => None,
    }
}

fn shown(selector: Selector<'_>) -> String {
    match selector {
        Selector::Index(index) => format!("{:?}", index.to_ne_bytes()),
        Selector::Name(name) => name.to_string_lossy().into_owned(),
    }
}

/// Whom a GET is about (reference 3.1): up to 6.18 all attributes of a device may be there.
fn get_wanted(message: &[u8], extra: ExtraAttributes) -> Option<String> {
    let all = outermost(message)?;
    for (kind, nested, bytes) in &all {
        let size = bytes.len();
        let right = match *kind {
            1 => size == 4,
            2 => {
                let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
                bytes.iter().take(16).any(|byte| *byte == 0) && text.len() <= 15
            }
            _ if extra == ExtraAttributes::Reject => false,
            3 | 4 => size == 32,
            5 | 7 => size == 4,
            6 => size == 2,
            8 => size == 0 || size >= 4,
            _ => false,
        };
        if !right || *nested != (*kind == 8) {
            return None;
        }
    }
    selected(&all)
}

fn set_all_ways(message: &[u8]) -> Option<oracle::Wanted> {
    let mut accepted = None;
    for unknown_flags in [UnknownFlags::Einval, UnknownFlags::Eopnotsupp] {
        let mut expected = oracle::wanted(message, unknown_flags);
        let peers = expected.iter_mut().flat_map(|wanted| &mut wanted.peers);
        for peer in peers {
            if planted("netlink_request/mask") {
                peer.allowed_ips.iter_mut().for_each(|ip| ip.1 |= 1);
            }
            if planted("netlink_request/remove") {
                peer.flags[0] = false;
            }
        }
        match SetDevice::parse(message, Policy { unknown_flags }) {
            Ok(set) => {
                assert_eq!(Some(oracle::read(&set)), expected);
                let all = outermost(message).unwrap_or_default();
                assert_eq!(Some(shown(set.selector)), selected(&all));
            }
            Err(error) => {
                assert_eq!(None, expected, "{error:?}");
                assert!(error.errno() > 0);
                assert!(error.offset().is_none_or(|offset| offset < message.len()));
            }
        }
        accepted = expected;
    }
    accepted
}

fn get_all_ways(message: &[u8]) {
    for extra in [ExtraAttributes::Ignore, ExtraAttributes::Reject] {
        let mut expected = get_wanted(message, extra);
        if planted("netlink_request/get") && extra == ExtraAttributes::Ignore && message.len() > 8 {
            expected = None;
        }
        match GetDevice::parse(message, extra) {
            Ok(get) => assert_eq!(Some(shown(get.selector)), expected),
            Err(error) => {
                assert_eq!(None, expected, "{error:?}");
                assert!(error.offset().is_none_or(|offset| offset < message.len()));
            }
        }
    }
}

/// A message without keys: the form is the same, and so is all but the keys.
fn wipe(message: &[u8], wanted: Option<oracle::Wanted>) {
    let mut wiped = message.to_vec();
    secrets(&mut wiped);
    let mut again = wiped.clone();
    secrets(&mut again);
    assert_eq!(again, wiped, "a second time wipes more");
    let Some(mut wanted) = wanted else { return };
    let zero = |key: &mut Option<Vec<u8>>| {
        if let Some(key) = key {
            key.fill(0);
        }
    };
    zero(&mut wanted.private_key);
    if !planted("netlink_request/secrets") {
        wanted
            .peers
            .iter_mut()
            .for_each(|peer| zero(&mut peer.preshared_key));
    }
    let after = oracle::wanted(&wiped, UnknownFlags::Eopnotsupp);
    assert_eq!(after, Some(wanted), "what is wiped");
}

/// How an attribute is wrong, rarely.
fn damage(script: &mut Script<'_>, mut bytes: Vec<u8>) -> Vec<u8> {
    match script.byte() {
        0 if !bytes.is_empty() => {
            let at = script.below(bytes.len());
            bytes[at] = script.byte();
        }
        1 => bytes[0] = bytes[0].wrapping_add(script.byte()),
        2 => bytes[3] ^= 0x80,
        3 => bytes.truncate(script.below(bytes.len() + 1)),
        4 => bytes.extend([0; 4]),
        5 => bytes[3] ^= 0x40,
        _ => {}
    }
    bytes
}

/// So many bytes, or nearly.
fn payload(script: &mut Script<'_>, len: usize) -> Vec<u8> {
    let len = match script.byte() {
        0 => script.below(40),
        1 => len + 1,
        _ => len,
    };
    let small = script.bool();
    let byte = script.byte();
    if small {
        let mut bytes = vec![0; len];
        if let Some(first) = bytes.first_mut() {
            *first = byte % 8;
        }
        return bytes;
    }
    script.noise(len)
}

fn one_allowed_ip(script: &mut Script<'_>) -> Vec<u8> {
    let six = script.bool();
    let (family, len) = if six { (10u16, 16) } else { (2, 4) };
    let mask = script.byte() % if six { 130 } else { 34 };
    let mut attrs = vec![
        attr(allowed_ip::FAMILY, &family.to_ne_bytes()),
        attr(allowed_ip::IPADDR, &payload(script, len)),
        attr(allowed_ip::CIDR_MASK, &[mask]),
    ];
    if script.bool() {
        attrs.push(attr(allowed_ip::FLAGS, &payload(script, 4)));
    }
    if script.byte() == 0 {
        attrs.remove(script.below(attrs.len()));
    }
    let attrs: Vec<_> = attrs.into_iter().map(|one| damage(script, one)).collect();
    nest(script.byte().into(), &attrs)
}

fn one_peer(script: &mut Script<'_>) -> Vec<u8> {
    let mut attrs = Vec::new();
    if script.byte() != 0 {
        attrs.push(attr(peer::PUBLIC_KEY, &payload(script, 32)));
    }
    for _ in 0..script.below(6) {
        let made = match script.below(12) {
            1 => attr(peer::PUBLIC_KEY, &payload(script, 32)),
            2 => attr(peer::PRESHARED_KEY, &payload(script, 32)),
            3 => attr(peer::FLAGS, &payload(script, 4)),
            4 => {
                let (family, len) = script.of(&[(2u16, 16), (10, 28), (2, 28), (10, 16)]);
                let mut sockaddr = family.to_ne_bytes().to_vec();
                sockaddr.extend(payload(script, len - 2));
                attr(peer::ENDPOINT, &sockaddr)
            }
            5 => attr(peer::PERSISTENT_KEEPALIVE_INTERVAL, &payload(script, 2)),
            6 => attr(peer::LAST_HANDSHAKE_TIME, &payload(script, 16)),
            7 | 8 => attr(peer::RX_BYTES, &payload(script, 8)),
            9 => attr(peer::PROTOCOL_VERSION, &1u32.to_ne_bytes()),
            10 => attr(script.byte().into(), &payload(script, 4)),
            _ => {
                let ips: Vec<_> = (0..script.below(4))
                    .map(|_| one_allowed_ip(script))
                    .collect();
                nest(peer::ALLOWEDIPS, &ips)
            }
        };
        attrs.push(damage(script, made));
    }
    nest(script.byte().into(), &attrs)
}

fn request(script: &mut Script<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    let selector = match script.below(4) {
        0 => attr(device::IFINDEX, &payload(script, 4)),
        1 => attr(device::IFNAME, &payload(script, 16)),
        _ => attr(device::IFNAME, b"wg0\0"),
    };
    message.extend(damage(script, selector));
    while !script.is_empty() && message.len() < 4000 {
        let made = match script.below(10) {
            0 => attr(device::IFNAME, b"wg1\0\0\0"),
            1 => attr(device::PRIVATE_KEY, &payload(script, 32)),
            2 => attr(device::PUBLIC_KEY, &payload(script, 32)),
            3 => attr(device::FLAGS, &payload(script, 4)),
            4 => attr(device::LISTEN_PORT, &payload(script, 2)),
            5 => attr(device::FWMARK, &payload(script, 4)),
            6 => attr(script.byte().into(), &payload(script, 4)),
            _ => {
                let peers: Vec<_> = (0..script.below(4)).map(|_| one_peer(script)).collect();
                nest(device::PEERS, &peers)
            }
        };
        message.extend(damage(script, made));
    }
    message
}

/// The rest of the bytes as they are, or a request made of them.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let message = if script.bool() {
        request(&mut script)
    } else {
        script.take(usize::MAX).to_vec()
    };
    let wanted = set_all_ways(&message);
    get_all_ways(&message);
    wipe(&message, wanted);
}
