// SPDX-License-Identifier: GPL-2.0
//! Atomic reference counting.
//!
//! C header: `include/linux/refcount.h`. The same rules, inline: a count that overflows, or is used
//! after it has ended, becomes saturated and never ends again. That leaks the object, which is
//! better than freeing it under somebody's feet.

use core::sync::atomic::{fence, AtomicI32, Ordering};

use crate::helpers;

/// Far from both ends, so that no number of concurrent steps leads out of saturation.
const SATURATED: i32 = i32::MIN / 2;

/// A reference count that saturates.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct Refcount(AtomicI32);

impl Refcount {
    /// A count of `value`.
    #[inline]
    pub(super) const fn new(value: i32) -> Self {
        Self(AtomicI32::new(value))
    }

    /// Counts one reference more. The caller has one, so no ordering is needed.
    #[inline]
    pub(super) fn inc(&self) {
        let old = self.0.fetch_add(1, Ordering::Relaxed);
        if old <= 0 || old == i32::MAX {
            self.saturate();
        }
    }

    /// Counts one reference less; `true` if it was the last.
    ///
    /// What others did with the object before they gave up theirs is visible to the last one.
    #[inline]
    #[must_use]
    pub(super) fn dec_and_test(&self) -> bool {
        let old = self.0.fetch_sub(1, Ordering::Release);
        if old == 1 {
            fence(Ordering::Acquire);
            return true;
        }
        if old <= 0 {
            self.saturate();
        }
        false
    }

    #[cold]
    fn saturate(&self) {
        self.0.store(SATURATED, Ordering::Relaxed);
        // SAFETY: it may be called from anywhere.
        unsafe { helpers::rust_kernel_refcount_warn() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let count = Refcount::new(1);
        count.inc();
        assert!(!count.dec_and_test());
        assert!(count.dec_and_test());
    }

    #[test]
    fn saturates_for_good() {
        for start in [i32::MAX, 0] {
            let count = Refcount::new(start);
            count.inc();
            assert_eq!(count.0.load(Ordering::Relaxed), SATURATED);
            assert!(!count.dec_and_test());
            count.inc();
            assert_eq!(count.0.load(Ordering::Relaxed), SATURATED);
        }
        let count = Refcount::new(0);
        assert!(!count.dec_and_test());
        assert_eq!(count.0.load(Ordering::Relaxed), SATURATED);
    }
}
