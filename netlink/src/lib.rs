// SPDX-License-Identifier: GPL-2.0
//! The genetlink interface of WireGuard as data (`include/uapi/linux/wireguard.h`, `net/netlink.h`).
//!
//! Pure functions over byte slices: no kernel, no allocation, no lock, no clock. The driver owns the
//! socket buffers and the device; this crate knows what the bytes mean.
//!
//! | module | what it answers |
//! |---|---|
//! | [`uapi`] | which number means what |
//! | [`attr`] | where one attribute ends and the next begins |
//! | [`rules`] | which attributes may stand where, and how long they are |
//! | [`set`] | what a SET message asks for, checked to its very end before anything is applied |
//! | [`get`] | which device a GET names, and how its dump is laid out over many messages |
//! | [`address`] | the socket address in an endpoint and the address of a prefix |
//! | [`error`] | what was wrong, where, and which errno that is |
//!
//! The kernel validates the outermost attributes of a request with its own policy before the driver
//! sees them; everything is checked here again, because the nests are not validated by every kernel
//! and because a test or a fuzzer stands where the kernel does.
//!
//! A message may hold keys. Nothing here copies them: a parsed request borrows from the message, a
//! dump lets the driver write them straight into it, and [`set::secrets`] wipes a request.
#![no_std]
#![forbid(unsafe_code)]

pub mod address;
pub mod attr;
pub mod error;
pub mod get;
pub mod rules;
pub mod set;
pub mod uapi;
