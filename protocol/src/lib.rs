// SPDX-License-Identifier: GPL-2.0
//! WireGuard itself, without I/O.
//!
//! Everything that the WireGuard paper (Donenfeld, NDSS 2017) says about bytes, keys and time lives
//! here: [`message`] layouts, the [`noise`] handshake, [`cookie`]s and the [`ratelimiter`] behind
//! them, [`timers`] as decisions, a peer's [`keypairs`] and their [`lifetime`]s, the [`replay`]
//! window, the order of a peer's packets in a [`lane`] and [`allowedips`].
//!
//! Nothing here sleeps, allocates or looks at a clock: time is an [`Instant`] argument, randomness
//! is bytes in an argument, memory and locks are traits that the caller implements. So the
//! same code runs in a kernel module and in a test that plays three minutes in a microsecond.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod allowedips;
pub mod cookie;
pub mod keypairs;
pub mod lane;
pub mod lifetime;
pub mod load;
pub mod message;
pub mod noise;
pub mod ratelimiter;
pub mod replay;
pub mod siphash;
mod sync;
mod time;
pub mod timers;

pub use sync::Lock;
pub use time::{Instant, Moment, SECOND};
