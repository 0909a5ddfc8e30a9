// SPDX-License-Identifier: GPL-2.0
//! The atomics of this crate, in one place so that a model checker can stand in for them, and what
//! a lock is to it.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicU8, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicU8, Ordering};

/// Data that one at a time reaches: a spinlock in a kernel, a mutex in a test, the model checker's in
/// a model.
pub trait Lock<T> {
    /// Runs `f` on the data, with the lock held.
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R;
}

/// A constructor that is `const` except under the model checker, whose atomics register at run time.
macro_rules! constructor {
    ($(#[$attribute:meta])* $visible:vis const fn $name:ident($($argument:ident: $kind:ty),*) -> Self $body:block) => {
        $(#[$attribute])*
        #[cfg(not(loom))]
        $visible const fn $name($($argument: $kind),*) -> Self $body

        $(#[$attribute])*
        #[cfg(loom)]
        $visible fn $name($($argument: $kind),*) -> Self $body
    };
}
pub(crate) use constructor;
