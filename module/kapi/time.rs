// SPDX-License-Identifier: GPL-2.0

//! The three clocks of the protocol.
//!
//! Helpers: `work.c`.

use wg_protocol::{Instant, Moment};

/// The clock of timers: stands still while the machine sleeps, as its timers do.
pub(crate) fn timers() -> Instant {
    // SAFETY: may be called in any context.
    Instant(unsafe { bindings::wg_jiffies_ns() })
}

/// The clock of keys: goes on while the machine sleeps, so that keys grow old all the same.
pub(crate) fn keys() -> Instant {
    // SAFETY: may be called in any context.
    Instant(unsafe { bindings::wg_boottime_ns() })
}

/// Now, by both.
pub(crate) fn now() -> Moment {
    Moment {
        timers: timers(),
        keys: keys(),
    }
}

/// The wall clock: seconds and nanoseconds since 1970.
pub(crate) fn wall() -> (u64, u32) {
    let (mut secs, mut nanos) = (0, 0);
    // SAFETY: both point to writable numbers.
    unsafe { bindings::wg_realtime(&mut secs, &mut nanos) };
    (secs, nanos)
}
