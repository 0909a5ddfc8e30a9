// SPDX-License-Identifier: GPL-2.0
//! The cryptography of WireGuard (paper section 5.4; RFC 8439, 7748, 7693), in safe portable Rust.
//!
//! Nothing here allocates, knows a kernel, or keeps global state. Secrets are zeroed when dropped,
//! and no branch or address depends on one. The vector back ends live in a crate of their own and
//! come in through [`Backend`], and so does faster X25519 through [`x25519::Curve`]; the code here is
//! the one that every processor can run, and the one they are tested against.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod aead;
mod backend;
pub mod blake2s;
mod chacha20;
mod kdf;
mod poly1305;
mod secret;
mod segments;
mod self_test;
pub mod x25519;
mod xchacha;

#[cfg(test)]
mod tests;

pub use backend::{Backend, Portable};
pub use secret::Secret;
pub use self_test::{self_test, self_test_of, self_test_of_curve, SCRATCH_LEN};

/// Length of every key of the protocol: symmetric, private and public.
pub const KEY_LEN: usize = 32;

/// Length of an authentication tag of the AEAD.
pub const TAG_LEN: usize = 16;

/// Compares two byte strings in a time that depends on their lengths only.
#[must_use]
pub fn ct_eq(a: &[u8], b: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(a, b).into()
}

/// The name of the back end that [`aead::seal`] and [`aead::open`] use.
#[must_use]
pub fn backend() -> &'static str {
    Backend::name(&Portable)
}
