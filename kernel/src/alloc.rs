// SPDX-License-Identifier: GPL-2.0
//! Fallible allocation: boxes and vectors over the kernel's allocators.
//!
//! Every allocation takes [`Flags`] and may fail. There is no global allocator.
//!
//! C header: `include/linux/slab.h`

mod allocator;
mod flag;
mod kbox;
mod kvec;

pub use self::allocator::{Allocator, KVmalloc, Kmalloc};
pub use self::flag::{flags, Flags};
pub use self::kbox::Box;
pub use self::kvec::{RemoveError, Vec};

/// A [`Box`] in memory that is contiguous physically.
pub type KBox<T> = Box<T, Kmalloc>;
/// A [`Vec`] in memory that is contiguous physically.
pub type KVec<T> = Vec<T, Kmalloc>;
/// A [`Vec`] in memory that, if large, is contiguous only virtually.
pub type KVVec<T> = Vec<T, KVmalloc>;

/// Indicates an allocation error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AllocError;
