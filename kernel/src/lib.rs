// SPDX-License-Identifier: GPL-2.0
//! The stand-in for Rust-for-Linux's `kernel` crate, for kernels that have none.
//!
//! Same names, same meaning, and only what WireGuard uses: errors, fallible allocation, reference
//! counting, printing and the C types. A driver written against this crate compiles against the
//! kernel's own as well. What a network driver needs beyond that lives with the driver, because
//! Rust-for-Linux lacks it, too.
//!
//! The few C functions underneath are in `kernel/helpers.c` and are declared nowhere else.

#![cfg_attr(not(test), no_std)]
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alloc;
pub mod error;
pub mod ffi;
mod helpers;
#[cfg(not(test))]
mod panic;
pub mod prelude;
pub mod print;
pub mod sync;

/// The name under which this crate itself prints; every crate that prints has one.
const __LOG_PREFIX: &[u8] = b"rust_kernel\0";
