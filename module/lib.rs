// SPDX-License-Identifier: GPL-2.0

//! WireGuard for Linux: the driver.
//!
//! `kapi/` holds the abstractions over the kernel, and all `unsafe`; every other file is safe Rust.
//! What WireGuard *is* stands in `wg_protocol`, `wg_crypto` and `wg_netlink`, which know no kernel;
//! this crate moves packets and answers system calls.
//!
//! # The way of a packet
//!
//! ```text
//! out: transmit::xmit -> peer's staged chain -> Bundle -> worker (seal) -> Lane -> UDP
//! in:  receive::hook  -> CpuQueue gathers    -> Bundle -> worker (open) -> Lane -> NAPI -> GRO
//! ```
//!
//! Small amounts of work run inline instead of in a worker: a lone packet is sealed where it is
//! sent, and a few gathered ones are opened in the NAPI poll that delivers them. Any CPU seals and
//! opens; one CPU at a time, the lane's home, sends or delivers the packets of a peer.
//!
//! # Lock order
//!
//! rtnl, then staged, then lane; timers, and under it the kernel's timer base; scratch, and under
//! it what the kernel takes to allocate and free packets. All others (handshake, cookie, keypairs,
//! replay, endpoint, identity, queues, tables) are leaves: nothing is taken under them but a
//! table's own lock under keypairs.

#![no_std]
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs, unreachable_pub, rust_2018_idioms)]
#![warn(clippy::undocumented_unsafe_blocks)]

mod allowed;
mod bound;
mod bundle;
mod config;
mod counters;
mod cpu_queue;
mod device;
mod dump;
mod handshake;
mod kapi;
mod keypair;
mod lane;
mod limits;
mod peer;
mod receive;
mod transmit;
mod worker;

/// The module's name in the kernel log, as Rust-for-Linux's printing macros look for it.
const __LOG_PREFIX: &[u8] = b"wireguard\0";
