// SPDX-License-Identifier: GPL-2.0
//! Multiples of the base point, from a table of its doublings: half the work of a ladder.
//!
//! Oliveira, Lopez, Hisil, Faz-Hernandez and Rodriguez-Henriquez, "How to (pre-)compute a ladder"
//! (SAC 2017): Joye's ladder goes through the scalar from its low end, so the points that it adds
//! are 2^i times the base point whatever the scalar is. All of them stand in a table, which is
//! read from one end to the other: no address depends on the scalar.
//!
//! With P the base point, S a point of order four and n what the bits so far say, the two points
//! are A = S + nP and B = 2^i P - A. A bit that is set adds 2^i P to A, and B stays as it is;
//! one that is not set adds it to B, and A stays. Either way the other point is the difference
//! that the addition must know. S keeps both away from the points for which the formula fails; a
//! clamped scalar is a multiple of eight, and the doublings that come of it take S away again.
use subtle::Choice;

use super::field::{add, carry, from_bytes, invert, mul, relax, square, sub, Tight, ONE, ZERO};
use super::{double, finish, Ladder, BASE};

/// Bits 3 to 254 of a scalar.
const BITS: usize = 252;

/// The u coordinate of P - S, where S has the u coordinate 1.
const BASE_LESS_S: [u8; 32] = [
    0x90, 0x82, 0xd4, 0x37, 0x01, 0x1e, 0x6b, 0x81, 0x07, 0x12, 0x4d, 0xeb, 0x51, 0x6a, 0x0f, 0x44,
    0x1d, 0xb7, 0xa2, 0xdc, 0x46, 0x5f, 0x38, 0x52, 0xcb, 0x54, 0x83, 0x1d, 0x11, 0x32, 0x51, 0x21,
];

/// (u + 1) / (u - 1) for the u coordinates of 2^i times the base point.
static TABLE: [Tight; BITS] = table();

/// The public key of a clamped scalar.
pub(super) fn multiply(scalar: &[u8; 32]) -> [u8; 32] {
    let mut points = Ladder {
        x2: ONE,
        z2: ONE,
        x3: from_bytes(&BASE_LESS_S),
        z3: ONE,
    };
    let mut last = 1;
    for (i, mu) in TABLE.iter().enumerate() {
        let at = i.wrapping_add(3) & 0xff;
        let bit = (scalar[at >> 3] >> (at & 7)) & 1;
        points.swap(Choice::from(bit ^ last));
        last = bit;
        points.add_to_first(mu);
    }
    // Bit 254 is set, so that A is where it was.
    for _ in 0..3 {
        (points.x2, points.z2) = double(&points.x2, &points.z2);
    }
    finish(&points)
}

impl Ladder {
    /// Adds the point of a table entry to the first point; the second is their difference.
    #[inline(always)]
    fn add_to_first(&mut self, mu: &Tight) {
        let sum = add(&self.x2, &self.z2);
        let difference = sub(&self.x2, &self.z2);
        let scaled = mul(&relax(mu), &difference);
        let sum = carry(&sum);
        let plus = square(&add(&scaled, &sum));
        let minus = square(&sub(&scaled, &sum));
        self.x2 = mul(&relax(&self.z3), &relax(&plus));
        self.z2 = mul(&relax(&self.x3), &relax(&minus));
    }
}

const fn table() -> [Tight; BITS] {
    let mut upper = [relax(&ZERO); BITS];
    let mut lower = upper;
    // The product of all that is in `lower` before.
    let mut before = [ONE; BITS];
    let mut product = ONE;
    let (mut x, mut z) = (from_bytes(&BASE), ONE);
    let mut i = 0;
    while i < BITS {
        upper[i] = add(&x, &z);
        lower[i] = sub(&x, &z);
        before[i] = product;
        product = mul(&relax(&product), &lower[i]);
        (x, z) = double(&x, &z);
        i += 1;
    }
    // One inversion serves all.
    let mut inverse = invert(&product);
    let mut out = before;
    while i > 0 {
        i -= 1;
        let this = mul(&relax(&inverse), &relax(&before[i]));
        out[i] = mul(&relax(&this), &upper[i]);
        inverse = mul(&relax(&inverse), &lower[i]);
    }
    out
}
