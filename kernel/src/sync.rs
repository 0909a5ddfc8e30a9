// SPDX-License-Identifier: GPL-2.0
//! Synchronisation primitives: reference-counted objects.

mod arc;
mod refcount;

pub use self::arc::{Arc, ArcBorrow};
use self::refcount::Refcount;
