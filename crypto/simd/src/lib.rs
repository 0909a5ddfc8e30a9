// SPDX-License-Identifier: GPL-2.0
//! The vector code of ChaCha20-Poly1305 (RFC 8439), one exported pair of functions per processor
//! level.
//!
//! In the kernel this crate is an object of its own, compiled hard-float, that runs only between
//! the beginning and the end of an FPU section; on a host it is an ordinary crate, so tests and
//! benches run the code that ships. It therefore exports `extern "C"` functions of pointers and
//! integers, cannot panic (no checked index, no checked arithmetic), and calls nothing but memcpy,
//! memset and memmove.
//!
//! How it works: each message is a row of 64-byte blocks, the first of which keys the
//! authenticator. The `engine` lays the blocks of all messages one after the other over the
//! lanes of a generator, so lanes are full whatever the lengths are; then it mixes key stream and
//! data, and leaves the ciphertext of each message to be authenticated while the next lanes turn.
#![no_std]
// The feature `avx512` asks for more than the declared version of rustc, and says so.
#![cfg_attr(feature = "avx512", allow(clippy::incompatible_msrv))]

pub mod abi;
mod engine;
mod part;
mod poly1305;
mod spans;

#[cfg(target_arch = "x86_64")]
mod x86;
