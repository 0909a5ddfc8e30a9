// SPDX-License-Identifier: GPL-2.0
//! One peer of a SET message (`drivers/net/wireguard/netlink.c`, `set_peer`).
//!
//! A value that borrows from the message; as many as the message has elements, made one at a time.
use crate::address::Endpoint;
use crate::attr::{Attr, Attrs};
use crate::error::{Reason, RequestError};
use crate::rules::{Table, PEER};
use crate::uapi::{peer, peer_flag, KEY_LEN, PROTOCOL_VERSION};

use super::allowed_ip::{AllowedIps, SetAllowedIp};
use super::defined_flags;

/// What a SET message asks of a peer. Without `Debug`: there may be a key in it.
#[derive(Clone, Copy)]
pub struct SetPeer<'a> {
    /// Which peer.
    pub public_key: &'a [u8; KEY_LEN],
    /// The new preshared key; all zero is none.
    pub preshared_key: Option<&'a [u8; KEY_LEN]>,
    /// Remove the peer and look no further.
    pub remove_me: bool,
    /// Remove all its allowed IPs first.
    pub replace_allowed_ips: bool,
    /// Leave it alone if it does not exist yet.
    pub update_only: bool,
    /// The new endpoint. `None` also for one whose length and family do not belong together.
    pub endpoint: Option<Endpoint>,
    /// Seconds between keepalives; 0 is off.
    pub persistent_keepalive: Option<u16>,
    allowed_ips: Option<Attr<'a>>,
}

type PeerTable<'a> = Table<'a, { PEER.len() }>;

impl<'a> SetPeer<'a> {
    /// Everything about a well-formed peer that can be wrong whatever the device looks like.
    pub(super) fn check(element: &Attr<'a>) -> Result<(), RequestError> {
        let table = PeerTable::collect(element.attrs());
        let missing = RequestError::at(Reason::PublicKeyMissing, element.offset());
        let peer = Self::read(&table).ok_or(missing)?;
        if let Some(flags) = table.get(peer::FLAGS) {
            defined_flags(flags, peer_flag::ALL)?;
        }
        if let Some(version) = table.get(peer::PROTOCOL_VERSION) {
            if version.u32() != Some(PROTOCOL_VERSION) {
                let offset = version.offset();
                return Err(RequestError::at(Reason::ProtocolVersion, offset));
            }
        }
        for element in peer.allowed_ips.iter().flat_map(Attr::attrs) {
            SetAllowedIp::read(&element)?;
        }
        Ok(())
    }

    fn read(table: &PeerTable<'a>) -> Option<Self> {
        let flags = table.flags(peer::FLAGS);
        let remove_me = flags & peer_flag::REMOVE_ME != 0;
        Some(Self {
            public_key: table.bytes(peer::PUBLIC_KEY)?,
            preshared_key: table.bytes(peer::PRESHARED_KEY),
            remove_me,
            replace_allowed_ips: flags & peer_flag::REPLACE_ALLOWED_IPS != 0,
            update_only: flags & peer_flag::UPDATE_ONLY != 0,
            endpoint: table
                .get(peer::ENDPOINT)
                .and_then(|attr| Endpoint::from_sockaddr(attr.payload())),
            persistent_keepalive: table.u16(peer::PERSISTENT_KEEPALIVE_INTERVAL),
            // Nobody looks at the prefixes of a peer that goes, not even for what they mean.
            allowed_ips: table.get(peer::ALLOWEDIPS).copied().filter(|_| !remove_me),
        })
    }

    /// The allowed IPs in message order; none for a peer that is to be removed.
    pub fn allowed_ips(&self) -> AllowedIps<'a> {
        AllowedIps::new(self.allowed_ips.as_ref().map(Attr::attrs))
    }
}

/// The peers of a message that has been checked.
#[derive(Clone)]
pub struct Peers<'a>(Option<Attrs<'a>>);

impl<'a> Peers<'a> {
    pub(super) const fn new(elements: Option<Attrs<'a>>) -> Self {
        Self(elements)
    }
}

impl<'a> Iterator for Peers<'a> {
    type Item = SetPeer<'a>;

    fn next(&mut self) -> Option<SetPeer<'a>> {
        let element = self.0.as_mut()?.next()?;
        SetPeer::read(&PeerTable::collect(element.attrs()))
    }
}
