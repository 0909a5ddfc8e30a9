// SPDX-License-Identifier: GPL-2.0

//! A value that all devices share, from the module's beginning to its end.

use core::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::prelude::*;

/// A value that is set once and read by all.
///
/// # Invariants
///
/// Null, or a box leaked by `set()`; `clear()` takes it back when no device is left.
///
/// # Examples
///
/// ```ignore
/// static LIMITS: Global<Limits> = Global::new();
///
/// LIMITS.set(KBox::new(Limits::new()?, GFP_KERNEL)?); // the module begins
/// let limits = LIMITS.get().ok_or(ENODEV)?; // any device
/// // SAFETY: the module ends, and no device is left.
/// unsafe { LIMITS.clear() };
/// ```
pub(crate) struct Global<T: Sync>(AtomicPtr<T>);

impl<T: Sync> Global<T> {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Global(AtomicPtr::new(ptr::null_mut()))
    }

    /// Sets the value, at the module's beginning.
    pub(crate) fn set(&self, value: KBox<T>) {
        let old = self.0.swap(KBox::into_raw(value), Ordering::AcqRel);
        debug_assert!(old.is_null());
    }

    /// The value.
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: by the invariant null or valid; see `clear()`.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// Drops the value.
    ///
    /// # Safety
    ///
    /// Nobody has a reference from `get()` or can get one: the module is about to go, and no
    /// device, worker or callback of it is left.
    pub(crate) unsafe fn clear(&self) {
        let old = self.0.swap(ptr::null_mut(), Ordering::AcqRel);
        if !old.is_null() {
            // SAFETY: by the invariant a leaked box, by the contract ours alone.
            drop(unsafe { KBox::from_raw(old) });
        }
    }
}
