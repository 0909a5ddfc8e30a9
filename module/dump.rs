// SPDX-License-Identifier: GPL-2.0

//! GET: the device as `wg_netlink` wants to see it for a dump. Under rtnl.
#![forbid(unsafe_code)]

use crate::{
    device::{Config, Device},
    kapi::rtnl::Rtnl,
    peer::Peer,
};
use core::{cell::Cell, sync::atomic::Ordering};
use kernel::{prelude::*, sync::Arc};
use wg_netlink::{
    address::Address,
    get::{AllowedIp, Cursor, DeviceInfo, Dump, PeerInfo, Progress, Source, Writer},
};
use wg_protocol::allowedips::{self, Prefix, NONE};

/// Padding of 64-bit attributes: only where loads must be aligned, which no supported
/// architecture asks for.
const PAD_U64: bool = false;

struct View<'a> {
    dev: &'a Device,
    config: &'a Config,
    /// Where the peer was that was asked for last: the next question is about it, or the one after.
    last: Cell<usize>,
}

/// Lays one message out. Bytes written, the cursor for the next, and whether there is a next.
///
/// # Errors
///
/// `EMSGSIZE` if nothing fits.
pub(crate) fn fill(
    dev: &Device,
    rtnl: &mut Rtnl,
    room: &mut [u8],
    cursor: [u64; 4],
) -> Result<(usize, [u64; 4], bool, u32)> {
    let config = dev.config.get(rtnl);
    let generation = config.generation;
    let view = View {
        dev,
        config,
        last: Cell::new(0),
    };
    let mut writer = Writer::new(room, PAD_U64);
    let mut dump = Dump::resume(Cursor::from_words(cursor));
    let progress = dump.fill(&mut writer, &view).map_err(|_| EMSGSIZE)?;
    Ok((
        writer.len(),
        dump.cursor().to_words(),
        matches!(progress, Progress::More),
        generation,
    ))
}

impl View<'_> {
    fn at(&self, id: u64) -> core::result::Result<usize, usize> {
        let last = self.last.get();
        if self
            .config
            .peers
            .get(last)
            .is_some_and(|peer| peer.id == id)
        {
            return Ok(last);
        }
        self.config.peers.binary_search_by_key(&id, |peer| peer.id)
    }
}

impl<'a> Source for View<'a> {
    type Peer = &'a Arc<Peer>;

    fn device(&self) -> DeviceInfo {
        DeviceInfo {
            listen_port: self.dev.sockets.port(),
            fwmark: self.dev.sockets.fwmark(),
            ifindex: self.dev.net.ifindex(),
            ifname: self.dev.net.name(),
            public_key: self.dev.identity().map(|identity| *identity.public()),
        }
    }

    fn private_key(&self, out: &mut [u8; 32]) {
        if let Some(identity) = self.dev.identity() {
            *out = *identity.private_bytes();
        }
    }

    fn peer_after(&self, last: Option<u64>) -> Option<Self::Peer> {
        let at = match last.map(|id| self.at(id)) {
            None => 0,
            Some(Ok(at)) => at + 1,
            Some(Err(at)) => at,
        };
        self.last.set(at);
        self.config.peers.get(at)
    }

    fn peer(&self, id: u64) -> Option<Self::Peer> {
        self.config.peers.get(self.at(id).ok()?)
    }

    fn id(&self, peer: &Self::Peer) -> u64 {
        peer.id
    }

    fn info(&self, peer: &Self::Peer) -> PeerInfo {
        let contact = peer.contact();
        let (secs, nanos) = contact.last_handshake;
        PeerInfo {
            public_key: peer.public,
            last_handshake_secs: secs as i64,
            last_handshake_nanos: nanos.into(),
            persistent_keepalive: peer.keepalive_secs(),
            tx_bytes: peer.tx_bytes.load(Ordering::Relaxed),
            rx_bytes: peer.rx_bytes.load(Ordering::Relaxed),
            endpoint: contact.endpoint.address(),
        }
    }

    fn preshared_key(&self, peer: &Self::Peer, out: &mut [u8; 32]) {
        *out = *peer.handshake.lock().psk();
    }

    // The opaque number is the node of the entry after the one that is given back.
    fn next_allowed_ip(&self, peer: &Self::Peer, after: Option<u64>) -> Option<(AllowedIp, u64)> {
        let writer = &self.config.writer;
        let mut entries = match after {
            None => writer.entries(&self.dev.trie, &peer.allowed),
            Some(node) => {
                let at = allowedips::Cursor {
                    node: node as u32,
                    generation: writer.generation(),
                };
                if at.node == NONE {
                    return None;
                }
                writer.resume(&self.dev.trie, at)?
            }
        };
        let entry = match entries.next()? {
            Prefix::V4 { addr, cidr } => AllowedIp {
                addr: Address::V4(addr),
                cidr,
            },
            Prefix::V6 { addr, cidr } => AllowedIp {
                addr: Address::V6(addr),
                cidr,
            },
        };
        Some((entry, entries.cursor().node.into()))
    }

    fn generation(&self) -> u64 {
        self.config.writer.generation()
    }
}
