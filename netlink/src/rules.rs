// SPDX-License-Identifier: GPL-2.0
//! Which attributes may stand where, and how long they are: the rules of `lib/nlattr.c` under
//! `NL_VALIDATE_STRICT`, and WireGuard's tables of them (`drivers/net/wireguard/generated/netlink.c`).
//!
//! [`check`] walks a request with its nests to the end and never looks at what values mean; after
//! it, [`Table`] collects one run so that attributes can be asked for by type. The tables are
//! constants; their nesting is what bounds the recursion (three levels).
//!
//! Where the kernel does not look, we do: elements of an array must carry the flag of a nest and
//! an array must not have trailing bytes, found before anything is applied. Kernels validate arrays
//! less strictly and meet the first of the two while they apply, the second never.
use core::ffi::CStr;

use crate::attr::{Attr, Attrs, HEADER_LEN};
use crate::error::{Reason, RequestError};
use crate::uapi::{
    allowed_ip, allowed_ip_flag, device, device_flag, peer, peer_flag, IFNAMSIZ, KEY_LEN,
    SOCKADDR_IN_LEN, TIMESPEC_LEN,
};

/// How a flag that is not defined is reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UnknownFlags {
    /// `EINVAL`, by the policy, as of Linux 6.16.
    #[default]
    Einval,
    /// `EOPNOTSUPP`, as up to Linux 6.15. (Flags of allowed IPs, which came with 6.16, stay with
    /// `EINVAL`.)
    Eopnotsupp,
}

/// What one type of attribute must look like.
#[derive(Clone, Copy)]
pub enum Rule {
    /// Not defined.
    Unknown,
    /// An integer of so many bytes.
    Integer(usize),
    /// A `u32` in which only these bits are defined.
    Mask(u32),
    /// Like `Mask`, but what an undefined bit means is up to [`UnknownFlags`].
    Flags(u32),
    /// So many bytes, no more and no fewer.
    Exact(usize),
    /// At least so many bytes.
    Min(usize),
    /// A NUL-terminated string in a buffer of so many bytes.
    Name(usize),
    /// Attributes, whatever they are.
    Nest,
    /// Nests whose types mean nothing, each with attributes of this table.
    Array(&'static [Rule]),
}

/// In an element of [`peer::ALLOWEDIPS`].
pub const ALLOWED_IP: [Rule; allowed_ip::MAX as usize + 1] = {
    let mut rules = [Rule::Unknown; allowed_ip::MAX as usize + 1];
    rules[allowed_ip::FAMILY as usize] = Rule::Integer(2);
    rules[allowed_ip::IPADDR as usize] = Rule::Min(4);
    rules[allowed_ip::CIDR_MASK as usize] = Rule::Integer(1);
    rules[allowed_ip::FLAGS as usize] = Rule::Mask(allowed_ip_flag::ALL);
    rules
};

/// In an element of [`device::PEERS`].
pub const PEER: [Rule; peer::MAX as usize + 1] = {
    let mut rules = [Rule::Unknown; peer::MAX as usize + 1];
    rules[peer::PUBLIC_KEY as usize] = Rule::Exact(KEY_LEN);
    rules[peer::PRESHARED_KEY as usize] = Rule::Exact(KEY_LEN);
    rules[peer::FLAGS as usize] = Rule::Flags(peer_flag::ALL);
    rules[peer::ENDPOINT as usize] = Rule::Min(SOCKADDR_IN_LEN);
    rules[peer::PERSISTENT_KEEPALIVE_INTERVAL as usize] = Rule::Integer(2);
    rules[peer::LAST_HANDSHAKE_TIME as usize] = Rule::Exact(TIMESPEC_LEN);
    rules[peer::RX_BYTES as usize] = Rule::Integer(8);
    rules[peer::TX_BYTES as usize] = Rule::Integer(8);
    rules[peer::ALLOWEDIPS as usize] = Rule::Array(&ALLOWED_IP);
    rules[peer::PROTOCOL_VERSION as usize] = Rule::Integer(4);
    rules
};

/// The outermost level of a SET.
pub const SET_DEVICE: [Rule; device::MAX as usize + 1] = {
    let mut rules = [Rule::Unknown; device::MAX as usize + 1];
    rules[device::IFINDEX as usize] = Rule::Integer(4);
    rules[device::IFNAME as usize] = Rule::Name(IFNAMSIZ);
    rules[device::PRIVATE_KEY as usize] = Rule::Exact(KEY_LEN);
    rules[device::PUBLIC_KEY as usize] = Rule::Exact(KEY_LEN);
    rules[device::FLAGS as usize] = Rule::Flags(device_flag::ALL);
    rules[device::LISTEN_PORT as usize] = Rule::Integer(2);
    rules[device::FWMARK as usize] = Rule::Integer(4);
    rules[device::PEERS as usize] = Rule::Array(&PEER);
    rules
};

/// The outermost level of a GET as of Linux 6.19: what selects the device and nothing else.
pub const GET_DEVICE: [Rule; device::IFNAME as usize + 1] = {
    let mut rules = [Rule::Unknown; device::IFNAME as usize + 1];
    rules[device::IFINDEX as usize] = Rule::Integer(4);
    rules[device::IFNAME as usize] = Rule::Name(IFNAMSIZ);
    rules
};

/// The outermost level of a GET up to Linux 6.18: all of a device's attributes are known, flags
/// and the inside of the peers are nobody's business.
pub const GET_DEVICE_WITH_EXTRAS: [Rule; device::MAX as usize + 1] = {
    let mut rules = SET_DEVICE;
    rules[device::FLAGS as usize] = Rule::Integer(4);
    rules[device::PEERS as usize] = Rule::Nest;
    rules
};

/// Holds a run of attributes, and all that is nested in it, against `rules`.
pub fn check(
    mut attrs: Attrs<'_>,
    rules: &[Rule],
    unknown_flags: UnknownFlags,
) -> Result<(), RequestError> {
    for attr in attrs.by_ref() {
        let rule = rules.get(usize::from(attr.kind()));
        let rule = rule.copied().unwrap_or(Rule::Unknown);
        check_one(&attr, rule, unknown_flags)?;
    }
    no_leftover(&attrs)
}

fn no_leftover(walked: &Attrs<'_>) -> Result<(), RequestError> {
    match walked.leftover() {
        None => Ok(()),
        Some(offset) => Err(RequestError::at(Reason::TrailingBytes, offset)),
    }
}

/// What is right is seen at once; what is wrong, and the rarer rules, are for [`look_closely`].
#[inline]
fn check_one(attr: &Attr<'_>, rule: Rule, unknown_flags: UnknownFlags) -> Result<(), RequestError> {
    let size = attr.payload().len();
    match rule {
        Rule::Integer(exact) | Rule::Exact(exact) if size == exact && !attr.is_nested() => Ok(()),
        Rule::Min(min) if size >= min && !attr.is_nested() => Ok(()),
        Rule::Array(rules) if size >= HEADER_LEN && attr.is_nested() => {
            check_array(attr, rules, unknown_flags)
        }
        _ => look_closely(attr, rule, unknown_flags),
    }
}

#[inline(never)]
fn look_closely(
    attr: &Attr<'_>,
    rule: Rule,
    unknown_flags: UnknownFlags,
) -> Result<(), RequestError> {
    let bad = |reason| Err(RequestError::at(reason, attr.offset()));
    let size = attr.payload().len();
    // In this order: the width of an integer before the flag of a nest, that before other sizes.
    let width = match rule {
        Rule::Unknown => return bad(Reason::UnknownAttribute),
        Rule::Integer(width) => Some(width),
        Rule::Mask(_) | Rule::Flags(_) => Some(size_of::<u32>()),
        _ => None,
    };
    if width.is_some_and(|width| width != size) {
        return bad(Reason::IntegerWidth);
    }
    match (rule, attr.is_nested()) {
        (Rule::Nest | Rule::Array(_), false) => return bad(Reason::NestedFlagMissing),
        (Rule::Nest | Rule::Array(_), true) | (_, false) => {}
        (_, true) => return bad(Reason::NestedFlagUnexpected),
    }
    let undefined = |mask: u32| attr.u32().is_some_and(|flags| flags & !mask != 0);
    match rule {
        Rule::Mask(mask) if undefined(mask) => bad(Reason::ReservedFlag),
        Rule::Flags(mask) if unknown_flags == UnknownFlags::Einval && undefined(mask) => {
            bad(Reason::ReservedFlag)
        }
        Rule::Exact(exact) if size != exact => bad(Reason::SizeOutOfRange),
        Rule::Min(min) if size < min => bad(Reason::SizeOutOfRange),
        Rule::Name(room) => check_name(attr, room),
        // An empty nest is well-formed; one that cannot hold a header is not.
        Rule::Nest | Rule::Array(_) if size > 0 && size < HEADER_LEN => bad(Reason::SizeOutOfRange),
        Rule::Array(rules) => check_array(attr, rules, unknown_flags),
        _ => Ok(()),
    }
}

/// A NUL must come soon enough; and behind an early one there may be bytes that are no name, but
/// not more than the buffer has room for.
fn check_name(attr: &Attr<'_>, room: usize) -> Result<(), RequestError> {
    let bytes = attr.payload();
    if !bytes.iter().take(room).any(|byte| *byte == 0) {
        return Err(RequestError::at(Reason::NameUnterminated, attr.offset()));
    }
    let characters = match bytes.split_last() {
        Some((0, characters)) => characters.len(),
        _ => bytes.len(),
    };
    if characters >= room {
        return Err(RequestError::at(Reason::NameTooLong, attr.offset()));
    }
    Ok(())
}

fn check_array(
    array: &Attr<'_>,
    rules: &[Rule],
    unknown_flags: UnknownFlags,
) -> Result<(), RequestError> {
    let mut elements = array.attrs();
    for element in elements.by_ref() {
        if !element.is_nested() || element.payload().len() < HEADER_LEN {
            look_closely(&element, Rule::Nest, unknown_flags)?;
        }
        check(element.attrs(), rules, unknown_flags)?;
    }
    no_leftover(&elements)
}

/// The attributes of one run by type. Of repeated ones the last counts, as in `nla_parse`.
///
/// Collecting never fails: types beyond the table, which [`check`] has refused, are passed over.
pub struct Table<'a, const N: usize>([Option<Attr<'a>>; N]);

impl<'a, const N: usize> Table<'a, N> {
    /// Collects a run. `N` is the greatest type plus one.
    pub fn collect(attrs: Attrs<'a>) -> Self {
        let mut table = [None; N];
        for attr in attrs {
            if let Some(slot) = table.get_mut(usize::from(attr.kind())) {
                *slot = Some(attr);
            }
        }
        Self(table)
    }

    /// The attribute of this type.
    pub fn get(&self, kind: u16) -> Option<&Attr<'a>> {
        self.0.get(usize::from(kind))?.as_ref()
    }

    /// The attribute of this type, as exactly so many bytes.
    pub fn bytes<const M: usize>(&self, kind: u16) -> Option<&'a [u8; M]> {
        self.get(kind)?.bytes()
    }

    /// The attribute of this type, as a string up to its first NUL.
    pub fn name(&self, kind: u16) -> Option<&'a CStr> {
        CStr::from_bytes_until_nul(self.get(kind)?.payload()).ok()
    }

    /// The attribute of this type, as an integer of two bytes.
    pub fn u16(&self, kind: u16) -> Option<u16> {
        self.get(kind)?.u16()
    }

    /// The attribute of this type, as an integer of four bytes.
    pub fn u32(&self, kind: u16) -> Option<u32> {
        self.get(kind)?.u32()
    }

    /// The attribute of this type, as flags; none are set where there is no attribute.
    pub fn flags(&self, kind: u16) -> u32 {
        self.u32(kind).unwrap_or(0)
    }
}
