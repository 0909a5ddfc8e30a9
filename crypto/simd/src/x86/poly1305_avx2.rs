// SPDX-License-Identifier: GPL-2.0
//! Poly1305 for AVX2. Woven into a pass it is scalar; where nothing goes on beside it, at the end of a
//! message, four lanes of 32-bit multipliers take blocks by fours, on limbs of 26 bits.
//!
//! The lanes of the sum are multiplied by r^4 from group to group, and at the end by r^4, r^3, r^2 and
//! r, which are made while the first few blocks go the scalar way.
//!
//! # Invariants
//!
//! Between groups the limbs of the sum are below 2^28 and those of powers below 2^27, five times which
//! is below 2^30: every factor has at most 32 bits, and no sum of five products reaches 2^62.
#![allow(unsafe_op_in_unsafe_fn)]
use core::arch::x86_64::*;

use super::avx2::opaque;
use crate::engine::Authenticator;
use crate::poly1305::{reduce, Poly1305};

/// From how many blocks on the powers of r pay for themselves.
const MANY: usize = 16;
/// At least so many blocks go the scalar way while the powers are made.
const MEANWHILE: usize = 4;

/// Five limbs in four lanes.
type Limbs = [__m256i; 5];

/// The running state of one message's tag.
pub(crate) struct Mac(pub(crate) Poly1305);

impl Authenticator for Mac {
    #[inline(always)]
    unsafe fn empty() -> Self {
        Self(Poly1305::EMPTY)
    }

    #[inline(always)]
    unsafe fn begin(&mut self, key: *const u8, ad: *const u8, ad_len: usize, blocks: usize) {
        // SAFETY: the caller's.
        unsafe { self.0.begin(key, ad, ad_len, blocks) }
    }

    #[inline(always)]
    unsafe fn blocks(&mut self, data: *const u8, blocks: usize) {
        // SAFETY: the caller's.
        unsafe {
            if blocks < MANY {
                self.0.blocks(data, blocks);
            } else {
                many_blocks(&mut self.0, data, blocks);
            }
        }
    }

    #[inline(always)]
    unsafe fn finish(&mut self, last: &[u8; 16]) -> u128 {
        // SAFETY: the caller's.
        unsafe { Authenticator::finish(&mut self.0, last) }
    }
}

/// A multiplier: its limbs, and five times those above the lowest, for what comes back from 2^130 on.
struct Multiplier {
    r: Limbs,
    s: Limbs,
}

impl Multiplier {
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn new(r: Limbs) -> Self {
        let r = r.map(|limb| opaque(limb));
        Self {
            r,
            s: r.map(|limb| opaque(times5(limb))),
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn times5(x: __m256i) -> __m256i {
    _mm256_add_epi64(x, _mm256_slli_epi64::<2>(x))
}

/// The limbs of four numbers, whose lower and upper 64 bits these are; what stands above is left to
/// the caller.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn split(low: __m256i, high: __m256i) -> Limbs {
    let mask = _mm256_set1_epi64x((1 << 26) - 1);
    let middle = _mm256_or_si256(_mm256_srli_epi64::<52>(low), _mm256_slli_epi64::<12>(high));
    [
        _mm256_and_si256(low, mask),
        _mm256_and_si256(_mm256_srli_epi64::<26>(low), mask),
        _mm256_and_si256(middle, mask),
        _mm256_and_si256(_mm256_srli_epi64::<14>(high), mask),
        _mm256_srli_epi64::<40>(high),
    ]
}

/// The limbs of four blocks. Lane by lane these are blocks 0, 2, 1 and 3.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn group(data: *const u8) -> Limbs {
    let (a, b) = (
        _mm256_loadu_si256(data.cast()),
        _mm256_loadu_si256(data.wrapping_add(32).cast()),
    );
    let mut limbs = split(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    limbs[4] = _mm256_or_si256(limbs[4], _mm256_set1_epi64x(1 << 24));
    limbs
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn add(a: Limbs, b: Limbs) -> Limbs {
    let sum = |i: usize| _mm256_add_epi64(a[i], b[i]);
    [sum(0), sum(1), sum(2), sum(3), sum(4)]
}

/// a * b mod 2^130 - 5, the limbs below 2^26 + 2^13.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn product(a: Limbs, b: &Multiplier) -> Limbs {
    let a = a.map(|limb| opaque(limb));
    let by = |i: usize, factor| _mm256_mul_epu32(a[i], factor);
    let sum = |v, w, x, y, z| {
        let (vw, xy) = (_mm256_add_epi64(v, w), _mm256_add_epi64(x, y));
        _mm256_add_epi64(_mm256_add_epi64(vw, xy), z)
    };
    let ([r0, r1, r2, r3, r4], [_, s1, s2, s3, s4]) = (b.r, b.s);
    let limbs = [
        sum(by(0, r0), by(1, s4), by(2, s3), by(3, s2), by(4, s1)),
        sum(by(0, r1), by(1, r0), by(2, s4), by(3, s3), by(4, s2)),
        sum(by(0, r2), by(1, r1), by(2, r0), by(3, s4), by(4, s3)),
        sum(by(0, r3), by(1, r2), by(2, r1), by(3, r0), by(4, s4)),
        sum(by(0, r4), by(1, r3), by(2, r2), by(3, r1), by(4, r0)),
    ];
    // All at once and none waits for another's; the second time what is left is small.
    carry(carry(limbs))
}

/// Each limb keeps 26 bits and gives the next one what is above.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn carry(x: Limbs) -> Limbs {
    let mask = _mm256_set1_epi64x((1 << 26) - 1);
    let rest = |i: usize| _mm256_and_si256(x[i], mask);
    let above = |i: usize| _mm256_srli_epi64::<26>(x[i]);
    [
        _mm256_add_epi64(rest(0), times5(above(4))),
        _mm256_add_epi64(rest(1), above(0)),
        _mm256_add_epi64(rest(2), above(1)),
        _mm256_add_epi64(rest(3), above(2)),
        _mm256_add_epi64(rest(4), above(3)),
    ]
}

/// r^4, r^2, r^3 and r, in the order in which a group's blocks lie in lanes.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn powers(r: [u64; 2]) -> Limbs {
    let [low, high] = r.map(|word| _mm256_set1_epi64x(word as i64));
    let r1 = split(low, high);
    let r2 = product(r1, &Multiplier::new(r1));
    // r^2 times r^2, 1 and r, and r times 1: lanes are pairs of words of 32 bits.
    let one = |i: usize| _mm256_set1_epi64x(i64::from(i == 0));
    let left = |i: usize| _mm256_blend_epi32::<0b1100_0000>(r2[i], r1[i]);
    let right = |i: usize| {
        let more = _mm256_blend_epi32::<0b0011_0000>(r2[i], r1[i]);
        _mm256_blend_epi32::<0b1100_1100>(more, one(i))
    };
    let (left, right) = ([0, 1, 2, 3, 4].map(left), [0, 1, 2, 3, 4].map(right));
    product(left, &Multiplier::new(right))
}

/// The sum over lanes, as 64-bit limbs below 5 * 2^128.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn sum(x: Limbs) -> [u64; 3] {
    let total = |i: usize| {
        let two = _mm_add_epi64(
            _mm256_castsi256_si128(x[i]),
            _mm256_extracti128_si256::<1>(x[i]),
        );
        let one = _mm_add_epi64(two, _mm_unpackhi_epi64(two, two));
        u128::from(_mm_cvtsi128_si64(one) as u64)
    };
    // Each has less than 2^29.
    let low = total(0)
        .wrapping_add(total(1) << 26)
        .wrapping_add(total(2) << 52)
        .wrapping_add(total(3) << 78);
    let top = total(4);
    let (low, carry) = low.overflowing_add(top << 104);
    reduce(low, ((top >> 24) as u64).wrapping_add(u64::from(carry)))
}

/// Absorbs at least [`MANY`] blocks.
#[target_feature(enable = "avx2,bmi2")]
unsafe fn many_blocks(mac: &mut Poly1305, mut data: *const u8, blocks: usize) {
    let powers = powers(mac.r);
    mac.blocks(data, MEANWHILE);
    data = data.wrapping_add(16 * MEANWHILE);
    let groups = blocks.wrapping_sub(MEANWHILE) / 4;

    let first = |limb| _mm256_broadcastq_epi64(_mm256_castsi256_si128(limb));
    let r4 = Multiplier::new(powers.map(first));
    let [h0, h1, h2] = mac.h.map(|limb| _mm256_set_epi64x(0, 0, 0, limb as i64));
    let mut h = split(h0, h1);
    h[4] = _mm256_or_si256(h[4], _mm256_slli_epi64::<24>(h2));
    h = add(h, group(data));
    for i in 1..groups {
        h = add(
            product(h, &r4),
            group(data.wrapping_add(i.wrapping_mul(64))),
        );
    }
    mac.h = sum(product(h, &Multiplier::new(powers)));
    mac.blocks(data.wrapping_add(groups.wrapping_mul(64)), blocks % 4);
}
