// SPDX-License-Identifier: GPL-2.0
//! X25519 for x86-64 processors with BMI2 and ADX: half the time of the portable code for a shared secret,
//! a quarter for a public key.
//!
//! The machine code is that of s2n-bignum, which is proved in HOL Light to compute X25519 and to touch
//! nothing but its result and its stack. The package graviola has it as inline assembly, one function to
//! a file. Two of these files, and the one with the macros that they are written in, are compiled here
//! as they are: `graviola.in` names them. That what comes out are the instructions of the proof is seen
//! by `compare.sh`. Why in this way:
//!
//! - graviola as a crate wants the standard library, a source of random numbers and more of the
//!   processor; the functions want nothing.
//! - Around inline assembly it is the compiler that enters and returns, by the kernel's rules (return
//!   thunks, landing pads for indirect calls), and nothing in it calls, returns or jumps elsewhere. The
//!   stack pointer moves by `push`, `pop` and constants, which objtool follows. (The landing pad that
//!   either function begins with is no instruction's target here, and does nothing.) A file of
//!   assembly, as aws-lc-sys has them, would need all that to be changed.
//! - Only general registers are used: there is no FPU section around it.
//!
//! What the processor has is not asked here: see [`curve()`].
#![no_std]

#[cfg(test)]
extern crate std;

#[cfg(target_arch = "x86_64")]
mod curve;

/// The files of graviola. They name their macros by this path.
#[cfg(target_arch = "x86_64")]
#[allow(warnings, clippy::all)]
mod low {
    include!(concat!(env!("OUT_DIR"), "/graviola.rs"));
}

#[cfg(target_arch = "x86_64")]
pub use curve::curve;
