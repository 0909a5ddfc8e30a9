// SPDX-License-Identifier: GPL-2.0
//! The atomics of this crate, in one place so that a model checker can stand in for them.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, AtomicU8, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicU8, Ordering};

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
