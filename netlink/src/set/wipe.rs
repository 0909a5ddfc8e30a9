// SPDX-License-Identifier: GPL-2.0
//! Wiping the keys out of a request (the key hygiene of `drivers/net/wireguard/netlink.c`).
//!
//! The driver calls this on every way out, a message that was refused included: the kernel sends
//! a refused request back with its error, and frees the buffer of any other without clearing it.
use crate::attr::{align, HEADER_LEN, TYPE_MASK};
use crate::uapi::{device, peer};

/// How far down a run of attributes is.
#[derive(Clone, Copy)]
enum Level {
    Device,
    Peers,
    Peer,
}

/// What is to be done with a payload.
enum Action {
    Leave,
    Wipe,
    Descend(Level),
}

impl Level {
    const fn action(self, kind: u16) -> Action {
        match (self, kind) {
            (Self::Device, device::PRIVATE_KEY) | (Self::Peer, peer::PRESHARED_KEY) => Action::Wipe,
            (Self::Device, device::PEERS) => Action::Descend(Self::Peers),
            // The type of an element means nothing.
            (Self::Peers, _) => Action::Descend(Self::Peer),
            (Self::Device | Self::Peer, _) => Action::Leave,
        }
    }
}

/// Zeroes the payload of every private key and every preshared key in the attributes of a SET,
/// repeated ones included, and leaves all else of a well-formed message alone.
///
/// The walk never fails. Where a length makes no sense, all that is left of that run cannot be told
/// apart any more and is zeroed: nobody is going to read it, and there may be a key in it.
///
/// The stores are not volatile: the memory belongs to the message, which outlives the call, so they
/// cannot be left out.
pub fn secrets(attrs: &mut [u8]) {
    wipe(attrs, Level::Device);
}

/// Recurses at most twice, as there are three levels.
fn wipe(mut rest: &mut [u8], level: Level) {
    while let Some([l0, l1, t0, t1]) = rest.first_chunk::<HEADER_LEN>().copied() {
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let kind = u16::from_ne_bytes([t0, t1]) & TYPE_MASK;
        if length < HEADER_LEN || length > rest.len() {
            break;
        }
        let step = align(length).min(rest.len());
        let Some((attr, next)) = rest.split_at_mut_checked(step) else {
            return;
        };
        // With the padding, which a length that is a little too short would leave a key's end in.
        if let Some(payload) = attr.get_mut(HEADER_LEN..) {
            match level.action(kind) {
                Action::Leave => {}
                Action::Wipe => payload.fill(0),
                Action::Descend(level) => wipe(payload, level),
            }
        }
        rest = next;
    }
    rest.fill(0);
}
