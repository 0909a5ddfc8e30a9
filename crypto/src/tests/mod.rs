// SPDX-License-Identifier: GPL-2.0
//! Tests that need the inside of the crate: whole nonces, and the digests of the self test.
#![allow(clippy::unwrap_used)]

mod known_answers;
mod rfc;
mod wycheproof;
