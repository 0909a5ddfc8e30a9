// SPDX-License-Identifier: GPL-2.0
//! Allocation flags.
//!
//! The numbers of C's `GFP_*` differ between kernels and are no constants here; the bits below are
//! this crate's own, and `kernel/helpers.c` translates them.

use core::ops::{BitAnd, BitOr, Not};

/// Flags to be used when allocating memory; combine them with `|`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(u32);

impl Flags {
    /// The bits, as `kernel/helpers.c` knows them.
    #[inline]
    pub(crate) const fn as_raw(self) -> u32 {
        self.0
    }

    /// Whether all of `flags` are among these.
    #[inline]
    pub fn contains(self, flags: Flags) -> bool {
        (self & flags) == flags
    }
}

impl BitOr for Flags {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Flags {
    type Output = Self;

    #[inline]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Flags {
    type Output = Self;

    #[inline]
    fn not(self) -> Self {
        Self(!self.0)
    }
}

/// The flags: bases, and modifiers that begin with two underscores.
pub mod flags {
    use super::Flags;

    /// May not sleep, and may use reserves.
    pub const GFP_ATOMIC: Flags = Flags(1 << 0);
    /// The usual one: may sleep.
    pub const GFP_KERNEL: Flags = Flags(1 << 1);
    /// As [`GFP_KERNEL`], charged to the user's memory group.
    pub const GFP_KERNEL_ACCOUNT: Flags = Flags(GFP_KERNEL.0 | 1 << 3);
    /// May not sleep, and leaves reserves alone.
    pub const GFP_NOWAIT: Flags = Flags(1 << 2);
    /// Zeroes the memory.
    pub const __GFP_ZERO: Flags = Flags(1 << 4);
    /// Does not log a failure.
    pub const __GFP_NOWARN: Flags = Flags(1 << 5);
}
