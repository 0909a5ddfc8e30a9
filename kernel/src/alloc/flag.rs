// SPDX-License-Identifier: GPL-2.0
//! Allocation flags.
//!
//! The numbers of C's `GFP_*` differ between kernels and are no constants here; the bits below are
//! this crate's own, and `kernel/helpers.c` translates them.

use core::ops::BitOr;

/// Flags to be used when allocating memory.
///
/// They can be combined with the operator `|`.
///
/// # Examples
///
/// ```ignore
/// let quiet = GFP_ATOMIC | __GFP_NOWARN;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(u32);

impl Flags {
    /// The bits, as `kernel/helpers.c` knows them.
    #[inline]
    pub(crate) const fn as_raw(self) -> u32 {
        self.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    #[inline]
    fn bitor(self, rhs: Self) -> Self {
        Self(self.0 | rhs.0)
    }
}

/// Allocation flags: bases, and modifiers that begin with two underscores.
pub mod flags {
    use super::Flags;

    /// Users can not sleep and need the allocation to succeed: it may use reserves.
    pub const GFP_ATOMIC: Flags = Flags(1 << 0);
    /// The usual one: the caller may sleep.
    pub const GFP_KERNEL: Flags = Flags(1 << 1);
    /// Suppresses allocation failure reports.
    pub const __GFP_NOWARN: Flags = Flags(1 << 2);
}
