// SPDX-License-Identifier: GPL-2.0
//! Fuzz targets on the code that ships. Each module is one target and has one entry, `run`, that
//! takes any bytes and panics where the code under test does something that it must not.
//!
//! Most targets read their input as a script of actions ([`Script`]), so that a fuzzer's changes
//! of single bytes are changes of single actions. What must come of an action is said by a model
//! or by an independent library. Models that the crates' own tests have are taken from there.
//!
//! An oracle that cannot fail is none: each has faults that can be planted ([`planted`]), which
//! `tests/fuzz/run --self-check` does one by one; the target must find them.
#![allow(missing_docs)]

// Shared with the crates' tests, under the names that these files know each other by.
#[path = "../../../crypto/adx/tests/usable/mod.rs"]
mod adx;
#[path = "../../../protocol/tests/common/mod.rs"]
mod common;
#[allow(dead_code)]
#[path = "../../../protocol/tests/network/device/mod.rs"]
mod device;
#[allow(dead_code)]
#[path = "../../../crypto/tests/common/mod.rs"]
mod library;
#[allow(dead_code)]
#[path = "../../../protocol/tests/network/monitor.rs"]
mod monitor;
#[path = "../../../netlink/tests/common/mod.rs"]
mod netlink;
#[allow(dead_code)]
#[path = "../../../protocol/tests/network/peer.rs"]
mod peer;
#[path = "../../../crypto/simd/link/tests/usable/mod.rs"]
mod usable;

pub mod aead;
pub mod allowed_ips;
pub mod blake2s;
pub mod dump_resume;
pub mod handshake;
pub mod netlink_dump;
pub mod netlink_request;
pub mod packet;
pub mod ratelimiter;
pub mod replay;
mod script;
pub mod x25519;
pub mod xchacha;

pub use script::Script;

/// Whether the environment asks for this fault, `target/what`, to be planted (`FUZZ_FAULT`).
pub fn planted(fault: &str) -> bool {
    static WANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let wanted = WANTED.get_or_init(|| std::env::var("FUZZ_FAULT").ok());
    wanted.as_deref() == Some(fault)
}
