// SPDX-License-Identifier: GPL-2.0
//! One allowed IP of a peer in a SET message (`drivers/net/wireguard/netlink.c`, `set_allowedip`).
//!
//! A plain value; as many as the message has elements, made one at a time.
use crate::address::Address;
use crate::attr::{Attr, Attrs};
use crate::error::{Reason, RequestError};
use crate::rules::{Table, ALLOWED_IP};
use crate::uapi::{allowed_ip, allowed_ip_flag, AF_INET, AF_INET6};

/// A prefix to add to a peer or to take away from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetAllowedIp {
    /// The address as sent; bits beyond the mask may be set.
    pub addr: Address,
    /// How many leading bits count, no more than the address has.
    pub cidr: u8,
    /// Take it away, if the peer owns exactly this prefix.
    pub remove_me: bool,
}

impl SetAllowedIp {
    /// Everything that a well-formed allowed IP must have besides.
    pub(super) fn read(element: &Attr<'_>) -> Result<Self, RequestError> {
        let table = Table::<{ ALLOWED_IP.len() }>::collect(element.attrs());
        let (Some(family), Some(address), Some(cidr)) = (
            table.get(allowed_ip::FAMILY),
            table.get(allowed_ip::IPADDR),
            table.get(allowed_ip::CIDR_MASK),
        ) else {
            let offset = element.offset();
            return Err(RequestError::at(Reason::AllowedIpIncomplete, offset));
        };
        let addr = match family.u16() {
            Some(AF_INET) => address.bytes().copied().map(Address::V4),
            Some(AF_INET6) => address.bytes().copied().map(Address::V6),
            _ => {
                let offset = family.offset();
                return Err(RequestError::at(Reason::AllowedIpFamily, offset));
            }
        };
        let length = RequestError::at(Reason::AllowedIpLength, address.offset());
        let addr = addr.ok_or(length)?;
        let mask = RequestError::at(Reason::AllowedIpMask, cidr.offset());
        let cidr = cidr.u8().filter(|cidr| *cidr <= addr.bits()).ok_or(mask)?;
        let flags = table.flags(allowed_ip::FLAGS);
        Ok(Self {
            addr,
            cidr,
            remove_me: flags & allowed_ip_flag::REMOVE_ME != 0,
        })
    }
}

/// The allowed IPs of a peer in a message that has been checked.
#[derive(Clone)]
pub struct AllowedIps<'a>(Option<Attrs<'a>>);

impl<'a> AllowedIps<'a> {
    pub(super) const fn new(elements: Option<Attrs<'a>>) -> Self {
        Self(elements)
    }
}

impl Iterator for AllowedIps<'_> {
    type Item = SetAllowedIp;

    fn next(&mut self) -> Option<SetAllowedIp> {
        let element = self.0.as_mut()?.next()?;
        SetAllowedIp::read(&element).ok()
    }
}
