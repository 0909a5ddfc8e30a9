// SPDX-License-Identifier: GPL-2.0
//! The one notion of time: nanoseconds of a monotonic clock that the caller reads.
//!
//! The kernel driver has two such clocks. Keys and cookies go by boot time, which goes on while the
//! machine sleeps, so that they grow old all the same; timers go by one that stands still then, as
//! the kernel's timers do. Tests give whatever they like. Arithmetic saturates: the far future is
//! "never".

/// A second, in the unit of all durations of this crate.
pub const SECOND: u64 = 1_000_000_000;

/// Nanoseconds since some fixed moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant(pub u64);

impl Instant {
    /// The moment `nanos` later.
    pub const fn plus(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// How long ago `earlier` was; 0 if it is yet to come.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One moment by both clocks, for what is measured by either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// By the clock of timers.
    pub timers: Instant,
    /// By the clock of keys.
    pub keys: Instant,
}

impl Moment {
    /// The moment `nanos` later.
    pub const fn plus(self, nanos: u64) -> Self {
        Self {
            timers: self.timers.plus(nanos),
            keys: self.keys.plus(nanos),
        }
    }

    /// Whether this moment has been reached by at least one of the clocks.
    pub const fn is_past(self, now: Self) -> bool {
        self.timers.0 <= now.timers.0 || self.keys.0 <= now.keys.0
    }
}
