// SPDX-License-Identifier: GPL-2.0
//! Faults that only a sanitizer sees. It must stop the program at each, or its silence about the
//! other tests says nothing; `make test-sanitizers` looks.
#![allow(missing_docs)]

use std::ptr::null;

use wg_simd as _;
use wg_simd_link::abi::{Span, Task};

extern "C" {
    fn wg_seal_ssse3(key: *const u8, tasks: *mut Task, count: usize);
}

#[test]
#[ignore = "a read beyond the end of a buffer"]
fn read() {
    seal(100, 117);
}

#[test]
#[ignore = "a write beyond the end of a buffer"]
fn write() {
    seal(101, 116);
}

/// Seals 101 bytes, of which so many are there, to so much room.
fn seal(there: usize, room: usize) {
    assert!(is_x86_feature_detected!("ssse3"), "needs SSSE3");
    let (mut from, mut to) = (vec![0u8; there], vec![0u8; room]);
    let src = Span {
        start: from.as_mut_ptr(),
        len: 101,
    };
    let dst = Span {
        start: to.as_mut_ptr(),
        len: 117,
    };
    let mut task = Task {
        counter: 0,
        len: 101,
        ad: null(),
        ad_len: 0,
        src: &src,
        src_count: 1,
        dst: &dst,
        dst_count: 1,
        good: 0,
    };
    // SAFETY: none. One of the buffers is shorter than its span by a byte, which is the fault.
    unsafe { wg_seal_ssse3([0; 32].as_ptr(), &mut task, 1) };
}
