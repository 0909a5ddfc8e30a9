// SPDX-License-Identifier: GPL-2.0
//! The one notion of time: nanoseconds of a monotonic clock that the caller reads.
//!
//! The kernel driver gives boot time (which goes on during suspend, so that keys age while a
//! laptop sleeps); tests give whatever they like. Arithmetic saturates: the far future is "never".

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
