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
use crate::engine::{Lanes, Words};
use crate::poly1305::{absorb, Poly1305};

/// One round on one pair of blocks, or on two.
macro_rules! round {
    ($by16:expr, $by12:expr, $by8:expr, $by7:expr, $($x:ident),+) => {
        round!(@half 0, 1, 3, $by16, $($x),+);
        round!(@half 2, 3, 1, $by12, $($x),+);
        round!(@half 0, 1, 3, $by8, $($x),+);
        round!(@half 2, 3, 1, $by7, $($x),+);
    };
    (@half $a:literal, $b:literal, $d:literal, $rotate:expr, $($x:ident),+) => {
        $($x[$a] = _mm256_add_epi32($x[$a], $x[$b]);)+
        $($x[$d] = $rotate(_mm256_xor_si256($x[$d], $x[$a]));)+
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

/// All rounds on one pair of blocks or on several, with nothing woven in.
macro_rules! rounds_alone {
    ($($x:ident),+) => {
        let (by16, by8) = shuffles();
        let by16 = |x| _mm256_shuffle_epi8(x, by16);
        let by8 = |x| _mm256_shuffle_epi8(x, by8);
        let (by12, by7) = (|x| rotate::<12, 20>(x), |x| rotate::<7, 25>(x));
        for _ in 0..10 {
            round!(by16, by12, by8, by7, $($x),+);
            $(turn!($x, 0x93, 0x39);)+
            round!(by16, by12, by8, by7, $($x),+);
            $(turn!($x, 0x39, 0x93);)+
        }
    };
}

/// The states of two blocks, row by row: all but the last row are the same.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn states(key: *const u8, last: __m256i) -> [__m256i; 4] {
    let row = |at: usize| {
        _mm256_broadcastsi128_si256(_mm_loadu_si128(key.wrapping_add(at).cast::<__m128i>()))
    };
    let sigma = _mm_setr_epi32(0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574);
    [_mm256_broadcastsi128_si256(sigma), row(0), row(16), last]
}

/// The states of two lanes.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn start(key: *const u8, lanes: &Lanes, lane: usize) -> [__m256i; 4] {
    let word = |words: &Words, lane: usize| *words.get_unchecked(lane) as i32;
    let last = |lane: usize| {
        let (low, high) = (word(&lanes.low, lane), word(&lanes.high, lane));
        _mm_setr_epi32(word(&lanes.counter, lane), 0, low, high)
    };
    states(
        key,
        _mm256_set_m128i(last(lane.wrapping_add(1)), last(lane)),
    )
}

/// The states of a message's block `block` and the one after it.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn start_alone(key: *const u8, counter: u64, block: i32) -> [__m256i; 4] {
    let nonce = _mm256_setr_epi64x(0, counter as i64, 0, counter as i64);
    let blocks = _mm256_setr_epi32(block, 0, 0, 0, block.wrapping_add(1), 0, 0, 0);
    states(key, _mm256_or_si256(nonce, blocks))
}

/// Adds the first state to the last and writes two blocks.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn finish(x: [__m256i; 4], start: [__m256i; 4], to: *mut u8) {
    for (i, piece) in pieces(x, start).into_iter().enumerate() {
        _mm256_store_si256(to.wrapping_add(32 * i).cast(), piece);
    }
}

/// Adds the first state to the last; gives two blocks in pieces of 32 bytes.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn pieces(mut x: [__m256i; 4], start: [__m256i; 4]) -> [__m256i; 4] {
    for i in 0..4 {
        x[i] = _mm256_add_epi32(x[i], start[i]);
    }
    [
        _mm256_permute2x128_si256::<0x20>(x[0], x[1]),
        _mm256_permute2x128_si256::<0x20>(x[2], x[3]),
        _mm256_permute2x128_si256::<0x31>(x[0], x[1]),
        _mm256_permute2x128_si256::<0x31>(x[2], x[3]),
    ]
}

/// The byte shuffles that rotate words by 16 and by 8.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn shuffles() -> (__m256i, __m256i) {
    let by16 = opaque(_mm256_broadcastsi128_si256(_mm_setr_epi8(
        2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,
    )));
    let by8 = opaque(_mm256_broadcastsi128_si256(_mm_setr_epi8(
        3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14,
    )));
    (by16, by8)
}

/// The first two blocks of a message's key stream, in pieces of 32 bytes: one chain alone is a sixth
/// quicker than two, which compete for the shifters.
///
/// # Safety
///
/// The processor has AVX2; `key` has 32 bytes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn two_blocks(key: *const u8, counter: u64) -> [__m256i; 4] {
    let start = start_alone(key, counter, 0);
    let mut x = start;
    rounds_alone!(x);
    pieces(x, start)
}

/// The first four blocks, in pieces of 32 bytes.
///
/// # Safety
///
/// The processor has AVX2; `key` has 32 bytes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn four_blocks(key: *const u8, counter: u64) -> [__m256i; 8] {
    let (x_start, y_start) = (start_alone(key, counter, 0), start_alone(key, counter, 2));
    let (mut x, mut y) = (x_start, y_start);
    rounds_alone!(x, y);
    let ([a, b, c, d], [e, f, g, h]) = (pieces(x, x_start), pieces(y, y_start));
    [a, b, c, d, e, f, g, h]
}

/// The first six blocks, in pieces of 32 bytes: their states just fit into the registers.
///
/// # Safety
///
/// The processor has AVX2; `key` has 32 bytes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn six_blocks(key: *const u8, counter: u64) -> [__m256i; 12] {
    let (x_start, y_start) = (start_alone(key, counter, 0), start_alone(key, counter, 2));
    let z_start = start_alone(key, counter, 4);
    let (mut x, mut y, mut z) = (x_start, y_start, z_start);
    rounds_alone!(x, y, z);
    let ([a, b, c, d], [e, f, g, h]) = (pieces(x, x_start), pieces(y, y_start));
    let [i, j, k, l] = pieces(z, z_start);
    [a, b, c, d, e, f, g, h, i, j, k, l]
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
    let (by16, by8) = shuffles();
    let by16 = |x| _mm256_shuffle_epi8(x, by16);
    let by8 = |x| _mm256_shuffle_epi8(x, by8);
    let (by12, by7) = (|x| rotate::<12, 20>(x), |x| rotate::<7, 25>(x));
    let (x_start, y_start) = (start(key, lanes, 0), start(key, lanes, 2));
    let (mut x, mut y) = (x_start, y_start);
    let r = mac.r;
    let mut h = mac.h;
    for i in 0..10 {
        round!(by16, by12, by8, by7, x, y);
        turn!(x, 0x93, 0x39);
        turn!(y, 0x93, 0x39);
        round!(by16, by12, by8, by7, x, y);
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
