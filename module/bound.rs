// SPDX-License-Identifier: GPL-2.0

//! How many packets of one device may be in flight, in each direction.
//!
//! Each peer has a limit of its own; without one for the device, thousands of overloaded peers
//! could fill the memory. The C module bounds a device by a ring of 1,024 entries.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

/// What a peer may have in flight while the device is full: a peer with little traffic is served
/// beside peers that flood.
const SHARE: u32 = 16;

/// The packets of a device in one direction, in bundles that wait for a CPU or for their turn.
/// (A lone packet of a peer that is handled inline is not counted.)
#[repr(align(64))]
pub(crate) struct Bound {
    packets: AtomicU32,
    per_device: u32,
    per_peer: u32,
}

impl Bound {
    /// No packets yet.
    pub(crate) const fn new(per_device: u32, per_peer: u32) -> Self {
        Bound {
            packets: AtomicU32::new(0),
            per_device,
            per_peer,
        }
    }

    /// What one peer may have in flight now.
    #[inline]
    pub(crate) fn peer_limit(&self) -> u32 {
        let packets = self.packets.load(Ordering::Relaxed);
        if packets < self.per_device {
            self.per_peer
        } else if packets < self.per_device.saturating_mul(2) {
            SHARE
        } else {
            1
        }
    }

    /// Counts packets of a bundle.
    #[inline]
    pub(crate) fn charge(&self, packets: u32) {
        self.packets.fetch_add(packets, Ordering::Relaxed);
    }

    /// Counts them no more.
    #[inline]
    pub(crate) fn release(&self, packets: u32) {
        self.packets.fetch_sub(packets, Ordering::Relaxed);
    }
}
