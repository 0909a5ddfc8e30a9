// SPDX-License-Identifier: GPL-2.0
//! Faults that the check must find, or it finds nothing.
use std::hint::black_box;

use crate::valgrind::secret;

/// A branch that depends on one bit of a key.
pub(crate) fn branch() {
    let mut key = [0x42u8; 32];
    secret(&mut key);
    // A call on either side, so that no compiler makes a selection of it.
    if black_box(&key)[7] & 4 == 0 {
        black_box(one());
    } else {
        black_box(two());
    }
}

#[inline(never)]
fn one() -> u64 {
    black_box(1)
}

#[inline(never)]
fn two() -> u64 {
    black_box(2)
}

/// A table that is looked into at a place that depends on a key.
pub(crate) fn index() {
    let table: [u8; 256] = std::array::from_fn(|i| (i as u8).wrapping_mul(7));
    let mut key = [0x42u8; 32];
    secret(&mut key);
    let at = usize::from(black_box(&key)[7]);
    black_box(black_box(&table)[at]);
}
