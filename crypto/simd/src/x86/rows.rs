// SPDX-License-Identifier: GPL-2.0
//! Up to four blocks of key stream in half the time of eight: a register holds one row of the
//! states of two blocks, and the rounds on diagonals turn the rows against each other.
//!
//! This is for a short message alone and for what is left after whole passes. It waits for its own
//! results most of the time, which leaves room for two pairs of blocks side by side and for scalar
//! Poly1305 between them.
#![allow(unsafe_op_in_unsafe_fn)]
use core::arch::x86_64::*;

use super::avx2::{opaque, rotate};
use crate::engine::Lanes;
use crate::poly1305::{absorb, Poly1305};

/// One round on both pairs of blocks.
macro_rules! round {
    ($x:ident, $y:ident, $by16:expr, $by12:expr, $by8:expr, $by7:expr) => {
        round!(@half $x, $y, 0, 1, 3, $by16);
        round!(@half $x, $y, 2, 3, 1, $by12);
        round!(@half $x, $y, 0, 1, 3, $by8);
        round!(@half $x, $y, 2, 3, 1, $by7);
    };
    (@half $x:ident, $y:ident, $a:literal, $b:literal, $d:literal, $rotate:expr) => {
        $x[$a] = _mm256_add_epi32($x[$a], $x[$b]);
        $y[$a] = _mm256_add_epi32($y[$a], $y[$b]);
        $x[$d] = $rotate(_mm256_xor_si256($x[$d], $x[$a]));
        $y[$d] = $rotate(_mm256_xor_si256($y[$d], $y[$a]));
    };
}

/// Turns the rows so that diagonals stand in columns, or back. The row whose values come last stays
/// where it is: nobody waits for the turning of the others.
macro_rules! turn {
    ($x:ident, $a:literal, $c:literal) => {
        $x[0] = _mm256_shuffle_epi32::<$a>($x[0]);
        $x[2] = _mm256_shuffle_epi32::<$c>($x[2]);
        $x[3] = _mm256_shuffle_epi32::<0x4e>($x[3]);
    };
}

/// The states of two lanes, row by row.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn start(key: *const u8, lanes: &Lanes, lane: usize) -> [__m256i; 4] {
    let row = |at: usize| {
        _mm256_broadcastsi128_si256(_mm_loadu_si128(key.wrapping_add(at).cast::<__m128i>()))
    };
    let word = |words: &[u32; 32], lane: usize| *words.get_unchecked(lane) as i32;
    let last = |lane: usize| {
        let (low, high) = (word(&lanes.low, lane), word(&lanes.high, lane));
        _mm_setr_epi32(word(&lanes.counter, lane), 0, low, high)
    };
    let sigma = _mm_setr_epi32(0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574);
    [
        _mm256_broadcastsi128_si256(sigma),
        row(0),
        row(16),
        _mm256_set_m128i(last(lane.wrapping_add(1)), last(lane)),
    ]
}

/// Adds the first state to the last and writes two blocks.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn finish(mut x: [__m256i; 4], start: [__m256i; 4], to: *mut u8) {
    for i in 0..4 {
        x[i] = _mm256_add_epi32(x[i], start[i]);
    }
    let put = |at: usize, value| _mm256_store_si256(to.wrapping_add(at).cast::<__m256i>(), value);
    put(0, _mm256_permute2x128_si256::<0x20>(x[0], x[1]));
    put(32, _mm256_permute2x128_si256::<0x20>(x[2], x[3]));
    put(64, _mm256_permute2x128_si256::<0x31>(x[0], x[1]));
    put(96, _mm256_permute2x128_si256::<0x31>(x[2], x[3]));
}

/// The first four lanes with AVX2; meanwhile `MORE` blocks are authenticated in each of the first
/// `more` double rounds and `EACH` in the others.
///
/// # Safety
///
/// That of [`Generator::pass`](crate::engine::Generator::pass).
#[target_feature(enable = "avx2,bmi2")]
pub(super) unsafe fn avx2<const EACH: usize, const MORE: usize>(
    key: *const u8,
    lanes: &Lanes,
    stream: *mut u8,
    mac: &mut Poly1305,
    mut data: *const u8,
    more: usize,
) {
    let by16 = opaque(_mm256_broadcastsi128_si256(_mm_setr_epi8(
        2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,
    )));
    let by8 = opaque(_mm256_broadcastsi128_si256(_mm_setr_epi8(
        3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14,
    )));
    let by16 = |x| _mm256_shuffle_epi8(x, by16);
    let by8 = |x| _mm256_shuffle_epi8(x, by8);
    let (by12, by7) = (|x| rotate::<12, 20>(x), |x| rotate::<7, 25>(x));
    let (x_start, y_start) = (start(key, lanes, 0), start(key, lanes, 2));
    let (mut x, mut y) = (x_start, y_start);
    let r = mac.r;
    let mut h = mac.h;
    for i in 0..10 {
        round!(x, y, by16, by12, by8, by7);
        turn!(x, 0x93, 0x39);
        turn!(y, 0x93, 0x39);
        round!(x, y, by16, by12, by8, by7);
        turn!(x, 0x39, 0x93);
        turn!(y, 0x39, 0x93);
        for j in 0..EACH {
            absorb(&mut h, r, data.add(16 * j));
        }
        data = data.add(16 * EACH);
        if MORE > EACH && i < more {
            absorb(&mut h, r, data);
            data = data.add(16);
        }
    }
    mac.h = h;
    finish(x, x_start, stream);
    finish(y, y_start, stream.add(128));
}

/// The first four lanes with the rotations of AVX-512VL.
///
/// # Safety
///
/// That of [`Generator::pass`](crate::engine::Generator::pass).
#[cfg(feature = "avx512")]
#[target_feature(enable = "avx512f,avx512vl")]
pub(super) unsafe fn avx512(key: *const u8, lanes: &Lanes, stream: *mut u8) {
    let by16 = |x| _mm256_rol_epi32::<16>(x);
    let by12 = |x| _mm256_rol_epi32::<12>(x);
    let by8 = |x| _mm256_rol_epi32::<8>(x);
    let by7 = |x| _mm256_rol_epi32::<7>(x);
    let (x_start, y_start) = (start(key, lanes, 0), start(key, lanes, 2));
    let (mut x, mut y) = (x_start, y_start);
    for _ in 0..10 {
        round!(x, y, by16, by12, by8, by7);
        turn!(x, 0x93, 0x39);
        turn!(y, 0x93, 0x39);
        round!(x, y, by16, by12, by8, by7);
        turn!(x, 0x39, 0x93);
        turn!(y, 0x39, 0x93);
    }
    finish(x, x_start, stream);
    finish(y, y_start, stream.add(128));
}
