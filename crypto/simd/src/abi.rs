// SPDX-License-Identifier: GPL-2.0
//! The data types that cross the C interface. Both sides compile this file: the vector code and,
//! soft-float, the crate that calls it.

/// A run of bytes in memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Span {
    /// Where it begins.
    pub start: *mut u8,
    /// How many bytes it has.
    pub len: usize,
}

/// One message.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Task {
    /// The nonce: 32 zero bits, then this in little endian.
    pub counter: u64,
    /// Length of the plaintext.
    pub len: usize,
    /// The associated data.
    pub ad: *const u8,
    /// Its length.
    pub ad_len: usize,
    /// What is read: `len` bytes when sealing, `len + 16` when opening.
    pub src: *const Span,
    /// The number of spans at `src`.
    pub src_count: usize,
    /// What is written: `len + 16` bytes when sealing, `len` when opening.
    pub dst: *const Span,
    /// The number of spans at `dst`.
    pub dst_count: usize,
    /// Set to 1 when sealed, or opened and authentic; otherwise to 0.
    pub good: u64,
}

/// The form of every exported function.
///
/// # Safety
///
/// The processor has the features of the function's level and the caller may use vector registers.
/// `key` points to 32 bytes, `tasks` to `count` tasks whose spans are as described there and
/// belong to the caller; `src` and `dst` of a task are the same memory position by position or do
/// not overlap.
pub type Function = unsafe extern "C" fn(key: *const u8, tasks: *mut Task, count: usize);
