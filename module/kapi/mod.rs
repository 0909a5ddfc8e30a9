// SPDX-License-Identifier: GPL-2.0

//! Abstractions over what a network driver needs of the kernel and Rust-for-Linux lacks.
//!
//! This is the only part of the module with `unsafe` in it: the driver's own files, beside this
//! folder, are safe Rust. Each file is one abstraction, stands alone, and wraps the C helpers of
//! the file in `module/c/` that its head names.
//!
//! Abstractions that any network driver could use: [`chunks`], [`cpu`], [`embedded`], [`global`], [`limbo`], [`lock`],
//! [`napi`], [`netdev`], [`queue`], [`random`], [`rcu`], [`rtnl`], [`skb`], [`socket`], [`table`], [`time`], [`timer`]
//! and [`work`]. Glue of this driver, where it meets C and cryptography: [`crypt`], [`curve`], [`debug`],
//! [`entry`], [`errno`], [`ethtool`], [`fpu`], [`genl`] and [`places`].

pub(crate) mod chunks;
pub(crate) mod cpu;
pub(crate) mod crypt;
pub(crate) mod curve;
pub(crate) mod debug;
pub(crate) mod embedded;
pub(crate) mod entry;
pub(crate) mod errno;
pub(crate) mod ethtool;
pub(crate) mod fpu;
pub(crate) mod genl;
pub(crate) mod global;
pub(crate) mod limbo;
pub(crate) mod lock;
pub(crate) mod napi;
pub(crate) mod netdev;
mod places;
#[cfg(wg_plant)]
pub(crate) mod plant;
pub(crate) mod queue;
pub(crate) mod random;
pub(crate) mod rcu;
pub(crate) mod rtnl;
pub(crate) mod skb;
pub(crate) mod socket;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod timer;
pub(crate) mod work;
