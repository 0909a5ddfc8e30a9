// SPDX-License-Identifier: GPL-2.0
//! The crate every `no_std` crate links by name, empty on purpose: the kernel exports the memory
//! routines, and whatever else the compiler might call is meant to fail the build as an undefined symbol.
#![allow(internal_features)]
#![feature(compiler_builtins)]
#![compiler_builtins]
#![no_builtins]
#![no_std]
