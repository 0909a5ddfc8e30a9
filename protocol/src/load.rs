// SPDX-License-Identifier: GPL-2.0
//! Whether the host is under load, which is when handshakes have to show a cookie.
//!
//! Section 5.3 of the WireGuard paper leaves the measure open; here it is the length of the queue
//! of incoming handshake messages, and load lasts a second longer than the queue. How many there
//! are (one for each device, or one for all) is the driver's choice: shared by reference.

use crate::message::MAX_QUEUED_HANDSHAKES;
use crate::sync::{constructor, AtomicU64, Ordering};
use crate::{Instant, SECOND};

/// A queue of this many handshake messages is load.
pub const THRESHOLD: usize = MAX_QUEUED_HANDSHAKES / 8;
/// Load is remembered for this long.
pub const LINGER: u64 = SECOND;

/// The memory of the last moment of load.
pub struct Load {
    /// When the queue was last seen long, plus one; 0 is never.
    last: AtomicU64,
}

impl Load {
    constructor! {
        /// Never under load so far.
        pub const fn new() -> Self {
            Self { last: AtomicU64::new(0) }
        }
    }

    /// Whether a host with `queued` handshake messages waiting counts as under load.
    pub fn under_load(&self, queued: usize, now: Instant) -> bool {
        if queued >= THRESHOLD {
            self.last.store(now.0.saturating_add(1), Ordering::Relaxed);
            return true;
        }
        match self.last.load(Ordering::Relaxed) {
            0 => false,
            last => now.since(Instant(last.saturating_sub(1))) < LINGER,
        }
    }
}

impl Default for Load {
    fn default() -> Self {
        Self::new()
    }
}
