// SPDX-License-Identifier: GPL-2.0
//! A SET message: what it asks of a device (`drivers/net/wireguard/netlink.c`, `wg_set_device`).
//!
//! [`SetDevice::parse`] checks the message with all its peers and all their allowed IPs before the
//! driver applies the first of them, so that a message is applied whole or not at all as far as its
//! own contents can decide. What it returns borrows from the message, and its iterators read the
//! same bytes a second time, when nothing can be wrong any more.
//!
//! The order in which a driver applies a message can be observed: port and mark, replace peers,
//! private key, peers in message order; in a peer: remove, preshared key, endpoint, replace allowed
//! IPs, allowed IPs in message order, keepalive.
use core::ffi::CStr;

use crate::attr::{Attr, Attrs};
use crate::error::{Reason, RequestError};
use crate::rules::{check, Table, SET_DEVICE};
use crate::uapi::{device, device_flag, KEY_LEN};

mod allowed_ip;
mod peer;
mod wipe;

pub use crate::rules::UnknownFlags;
pub use allowed_ip::{AllowedIps, SetAllowedIp};
pub use peer::{Peers, SetPeer};
pub use wipe::secrets;

/// Where kernels differ and the driver has to say which one it is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// How an undefined flag of a device or a peer is reported.
    pub unknown_flags: UnknownFlags,
}

/// Which device a request is about. There may be none like it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selector<'a> {
    /// The one with this index.
    Index(u32),
    /// The one of this name, at most 15 characters, in the message.
    Name(&'a CStr),
}

impl<'a> Selector<'a> {
    /// Exactly one of index and name, or `EBADR`.
    pub(crate) fn of<const N: usize>(table: &Table<'a, N>) -> Result<Self, RequestError> {
        match (table.u32(device::IFINDEX), table.name(device::IFNAME)) {
            (Some(index), None) => Ok(Self::Index(index)),
            (None, Some(name)) => Ok(Self::Name(name)),
            (None, None) | (Some(_), Some(_)) => Err(RequestError::of(Reason::Selector)),
        }
    }
}

/// What a SET message asks for. Without `Debug`: there may be a key in it.
#[derive(Clone, Copy)]
pub struct SetDevice<'a> {
    /// The device.
    pub selector: Selector<'a>,
    /// The new private key as sent, not clamped; all zero removes the identity.
    pub private_key: Option<&'a [u8; KEY_LEN]>,
    /// The new port; 0 lets the kernel choose.
    pub listen_port: Option<u16>,
    /// The new firewall mark; 0 is off.
    pub fwmark: Option<u32>,
    /// Remove all peers first.
    pub replace_peers: bool,
    peers: Option<Attr<'a>>,
}

impl<'a> SetDevice<'a> {
    /// Checks `attrs`, all that follows the genl header, to the end.
    pub fn parse(attrs: &'a [u8], policy: Policy) -> Result<Self, RequestError> {
        check(Attrs::new(attrs), &SET_DEVICE, policy.unknown_flags)?;
        let table = Table::<{ SET_DEVICE.len() }>::collect(Attrs::new(attrs));
        let selector = Selector::of(&table)?;
        if let Some(flags) = table.get(device::FLAGS) {
            defined_flags(flags, device_flag::ALL)?;
        }
        let peers = table.get(device::PEERS).copied();
        for element in peers.iter().flat_map(Attr::attrs) {
            SetPeer::check(&element)?;
        }
        Ok(Self {
            selector,
            private_key: table.bytes(device::PRIVATE_KEY),
            listen_port: table.u16(device::LISTEN_PORT),
            fwmark: table.u32(device::FWMARK),
            replace_peers: table.flags(device::FLAGS) & device_flag::REPLACE_PEERS != 0,
            peers,
        })
    }

    /// The peers in message order. One key may come more than once.
    pub fn peers(&self) -> Peers<'a> {
        Peers::new(self.peers.as_ref().map(Attr::attrs))
    }
}

/// For flags that the policy has let pass ([`UnknownFlags::Eopnotsupp`]).
fn defined_flags(attr: &Attr<'_>, defined: u32) -> Result<(), RequestError> {
    if attr.u32().is_some_and(|flags| flags & !defined != 0) {
        return Err(RequestError::at(Reason::UnsupportedFlag, attr.offset()));
    }
    Ok(())
}
