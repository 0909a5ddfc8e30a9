// SPDX-License-Identifier: GPL-2.0
//! Twenty-four lanes in AVX-512 registers, woven with Poly1305 in eight lanes of 52-bit multipliers.
//!
//! Sixteen lanes lie in columns: a register holds one word of each of sixteen states, and a round is
//! four chains that wait for their own results half of the time. Eight more lie in rows: a register
//! holds one row of each of four states, and the rounds on diagonals turn the rows against each
//! other. They fill the gaps that the columns leave, and both together the 32 registers. A packet of
//! full length is twenty-three blocks and the one that keys its authenticator: a single pass.
#![allow(unsafe_op_in_unsafe_fn)]
use core::arch::x86_64::*;

use super::align_stack;
use super::poly1305_ifma::{pair, Mac};
use crate::engine::{Authenticator, Generator, Lanes, Words};

pub(crate) struct Avx512;

impl Generator for Avx512 {
    const LANES: usize = 24;
    type Mac = Mac;

    unsafe fn pass(
        key: *const u8,
        lanes: &Lanes,
        used: usize,
        stream: *mut u8,
        mac: &mut Mac,
        data: *const u8,
        blocks: usize,
    ) {
        // SAFETY: the caller's.
        unsafe {
            if used <= 8 {
                mac.blocks(data, blocks);
                if used <= 4 {
                    four(key, lanes, stream);
                } else {
                    eight(key, lanes, stream);
                }
                return;
            }
            let (data, pairs) = mac.whole_pairs(data, blocks);
            if used <= 16 {
                sixteen(key, lanes, stream, mac, data, pairs);
            } else {
                twenty_four(key, lanes, stream, mac, data, pairs);
            }
        }
    }

    unsafe fn mix<const SEAL: bool>(src: *const u8, stream: *mut u8, dst: *mut u8, blocks: usize) {
        // SAFETY: the caller's.
        unsafe { mix::<SEAL>(src, stream, dst, blocks) }
    }
}

/// Half of a round on columns: four quarter rounds side by side.
macro_rules! columns {
    ($x:ident, $n:literal,
     $a0:literal, $a1:literal, $a2:literal, $a3:literal,
     $b0:literal, $b1:literal, $b2:literal, $b3:literal,
     $d0:literal, $d1:literal, $d2:literal, $d3:literal) => {
        $x[$a0] = _mm512_add_epi32($x[$a0], $x[$b0]);
        $x[$a1] = _mm512_add_epi32($x[$a1], $x[$b1]);
        $x[$a2] = _mm512_add_epi32($x[$a2], $x[$b2]);
        $x[$a3] = _mm512_add_epi32($x[$a3], $x[$b3]);
        $x[$d0] = _mm512_rol_epi32::<$n>(_mm512_xor_si512($x[$d0], $x[$a0]));
        $x[$d1] = _mm512_rol_epi32::<$n>(_mm512_xor_si512($x[$d1], $x[$a1]));
        $x[$d2] = _mm512_rol_epi32::<$n>(_mm512_xor_si512($x[$d2], $x[$a2]));
        $x[$d3] = _mm512_rol_epi32::<$n>(_mm512_xor_si512($x[$d3], $x[$a3]));
    };
}

/// The same of states in rows, for each of some groups of four.
macro_rules! rows {
    ($a:literal, $b:literal, $d:literal, $n:literal, $($y:ident),*) => {
        $($y[$a] = _mm512_add_epi32($y[$a], $y[$b]);)*
        $($y[$d] = _mm512_rol_epi32::<$n>(_mm512_xor_si512($y[$d], $y[$a]));)*
    };
}

/// Turns the rows so that diagonals stand in columns, or back. The row whose values come last stays
/// where it is: nobody waits for the turning of the others.
macro_rules! turn {
    ($a:literal, $c:literal, $($y:ident),*) => {
        $($y[0] = _mm512_shuffle_epi32::<$a>($y[0]);)*
        $($y[2] = _mm512_shuffle_epi32::<$c>($y[2]);)*
        $($y[3] = _mm512_shuffle_epi32::<0x4e>($y[3]);)*
    };
}

/// A column round and a diagonal round on sixteen states in columns, and on groups of four in rows.
macro_rules! double_round {
    ($x:ident $(, $y:ident)*) => {
        columns!($x, 16, 0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15);
        rows!(0, 1, 3, 16, $($y),*);
        columns!($x, 12, 8, 9, 10, 11, 12, 13, 14, 15, 4, 5, 6, 7);
        rows!(2, 3, 1, 12, $($y),*);
        columns!($x, 8, 0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15);
        rows!(0, 1, 3, 8, $($y),*);
        columns!($x, 7, 8, 9, 10, 11, 12, 13, 14, 15, 4, 5, 6, 7);
        rows!(2, 3, 1, 7, $($y),*);
        turn!(0x93, 0x39, $($y),*);
        columns!($x, 16, 0, 1, 2, 3, 5, 6, 7, 4, 15, 12, 13, 14);
        rows!(0, 1, 3, 16, $($y),*);
        columns!($x, 12, 10, 11, 8, 9, 15, 12, 13, 14, 5, 6, 7, 4);
        rows!(2, 3, 1, 12, $($y),*);
        columns!($x, 8, 0, 1, 2, 3, 5, 6, 7, 4, 15, 12, 13, 14);
        rows!(0, 1, 3, 8, $($y),*);
        columns!($x, 7, 10, 11, 8, 9, 15, 12, 13, 14, 5, 6, 7, 4);
        rows!(2, 3, 1, 7, $($y),*);
        turn!(0x39, 0x93, $($y),*);
    };
}

/// Ten double rounds; a pair of groups is authenticated in each of the last `pairs`, before which the
/// powers of r may still be in the making.
macro_rules! woven {
    ($mac:ident, $data:ident, $pairs:ident, $($x:ident),+) => {
        let mut h = $mac.h;
        for _ in $pairs..10 {
            double_round!($($x),+);
        }
        for i in 0..$pairs {
            pair(&mut h, &$mac.multipliers, $data.wrapping_add(i.wrapping_mul(256)));
            double_round!($($x),+);
        }
        $mac.h = h;
    };
}

/// Ten double rounds on states in rows alone.
macro_rules! rows_alone {
    ($($y:ident),*) => {
        for _ in 0..10 {
            rows!(0, 1, 3, 16, $($y),*);
            rows!(2, 3, 1, 12, $($y),*);
            rows!(0, 1, 3, 8, $($y),*);
            rows!(2, 3, 1, 7, $($y),*);
            turn!(0x93, 0x39, $($y),*);
            rows!(0, 1, 3, 16, $($y),*);
            rows!(2, 3, 1, 12, $($y),*);
            rows!(0, 1, 3, 8, $($y),*);
            rows!(2, 3, 1, 7, $($y),*);
            turn!(0x39, 0x93, $($y),*);
        }
    };
}

/// The first states of the first sixteen lanes, in columns.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn columns_start(key: *const u8, lanes: &Lanes) -> [__m512i; 16] {
    let key = key.cast::<i32>();
    let word = |i: usize| _mm512_set1_epi32(key.wrapping_add(i).read_unaligned());
    let row = |words: &Words| _mm512_load_si512(words.as_ptr().cast());
    [
        _mm512_set1_epi32(0x6170_7865),
        _mm512_set1_epi32(0x3320_646e),
        _mm512_set1_epi32(0x7962_2d32),
        _mm512_set1_epi32(0x6b20_6574),
        word(0),
        word(1),
        word(2),
        word(3),
        word(4),
        word(5),
        word(6),
        word(7),
        row(&lanes.counter),
        _mm512_setzero_si512(),
        row(&lanes.low),
        row(&lanes.high),
    ]
}

/// States in rows: all but the last row are the same.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn rows_start(key: *const u8, last: __m512i) -> [__m512i; 4] {
    let row =
        |at: usize| _mm512_broadcast_i32x4(_mm_loadu_si128(key.wrapping_add(at).cast::<__m128i>()));
    let sigma = _mm_setr_epi32(0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574);
    [_mm512_broadcast_i32x4(sigma), row(0), row(16), last]
}

/// The first states of four lanes, in rows; `FIRST` is divisible by 4.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn rows_of<const FIRST: usize>(key: *const u8, lanes: &Lanes) -> [__m512i; 4] {
    let four = |words: &Words| _mm_load_si128(words.as_ptr().wrapping_add(FIRST).cast());
    let (counter, low, high) = (four(&lanes.counter), four(&lanes.low), four(&lanes.high));
    let zero = _mm_setzero_si128();
    let (block0, block2) = (
        _mm_unpacklo_epi32(counter, zero),
        _mm_unpackhi_epi32(counter, zero),
    );
    let (nonce0, nonce2) = (_mm_unpacklo_epi32(low, high), _mm_unpackhi_epi32(low, high));
    let last = _mm512_castsi128_si512(_mm_unpacklo_epi64(block0, nonce0));
    let last = _mm512_inserti32x4::<1>(last, _mm_unpackhi_epi64(block0, nonce0));
    let last = _mm512_inserti32x4::<2>(last, _mm_unpacklo_epi64(block2, nonce2));
    let last = _mm512_inserti32x4::<3>(last, _mm_unpackhi_epi64(block2, nonce2));
    rows_start(key, last)
}

/// Four rows of quarters, turned into four blocks.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn quarters(a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> [__m512i; 4] {
    let (ab0, ab1) = (
        _mm512_shuffle_i32x4::<0x88>(a, b),
        _mm512_shuffle_i32x4::<0xdd>(a, b),
    );
    let (cd0, cd1) = (
        _mm512_shuffle_i32x4::<0x88>(c, d),
        _mm512_shuffle_i32x4::<0xdd>(c, d),
    );
    [
        _mm512_shuffle_i32x4::<0x88>(ab0, cd0),
        _mm512_shuffle_i32x4::<0x88>(ab1, cd1),
        _mm512_shuffle_i32x4::<0xdd>(ab0, cd0),
        _mm512_shuffle_i32x4::<0xdd>(ab1, cd1),
    ]
}

/// Adds the first states to the last; gives four blocks.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn rows_finish(y: [__m512i; 4], start: [__m512i; 4]) -> [__m512i; 4] {
    let row = |i: usize| _mm512_add_epi32(y[i], start[i]);
    quarters(row(0), row(1), row(2), row(3))
}

/// Stores blocks one after the other.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn put(blocks: [__m512i; 4], to: *mut u8) {
    for (i, block) in blocks.into_iter().enumerate() {
        _mm512_store_si512(to.wrapping_add(64 * i).cast(), block);
    }
}

/// Adds the first states to the last and stores sixteen blocks.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn columns_finish(mut x: [__m512i; 16], start: [__m512i; 16], stream: *mut u8) {
    for i in 0..16 {
        x[i] = _mm512_add_epi32(x[i], start[i]);
    }
    // Rows of 4 x 4 words within each quarter of a register, then the quarters among registers.
    let mut y = x;
    for i in 0..4 {
        let [a, b, c, d] = [x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]];
        let (ab0, ab1) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (cd0, cd1) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        y[4 * i] = _mm512_unpacklo_epi64(ab0, cd0);
        y[4 * i + 1] = _mm512_unpackhi_epi64(ab0, cd0);
        y[4 * i + 2] = _mm512_unpacklo_epi64(ab1, cd1);
        y[4 * i + 3] = _mm512_unpackhi_epi64(ab1, cd1);
    }
    for i in 0..4 {
        let blocks = quarters(y[i], y[4 + i], y[8 + i], y[12 + i]);
        for (j, block) in blocks.into_iter().enumerate() {
            _mm512_store_si512(stream.wrapping_add(64 * (i + 4 * j)).cast(), block);
        }
    }
}

/// Four blocks of key stream from the beginning of a message.
///
/// # Safety
///
/// The processor has AVX-512F; `key` has 32 bytes.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn four_blocks(key: *const u8, counter: u64) -> [__m512i; 4] {
    let start = rows_start(key, last_row(counter, 0));
    let mut y = start;
    rows_alone!(y);
    rows_finish(y, start)
}

/// Eight blocks of key stream from the beginning of a message.
///
/// # Safety
///
/// The processor has AVX-512F; `key` has 32 bytes.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn eight_blocks(key: *const u8, counter: u64) -> [__m512i; 8] {
    let y_start = rows_start(key, last_row(counter, 0));
    let z_start = rows_start(key, last_row(counter, 4));
    let (mut y, mut z) = (y_start, z_start);
    rows_alone!(y, z);
    let ([a, b, c, d], [e, f, g, h]) = (rows_finish(y, y_start), rows_finish(z, z_start));
    [a, b, c, d, e, f, g, h]
}

/// The last rows of a message's blocks from `block` on.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn last_row(counter: u64, block: i32) -> __m512i {
    let nonce = _mm512_maskz_set1_epi64(0b1010_1010, counter as i64);
    let block = |i: i32| block.wrapping_add(i);
    let blocks = _mm512_setr_epi32(
        block(0),
        0,
        0,
        0,
        block(1),
        0,
        0,
        0,
        block(2),
        0,
        0,
        0,
        block(3),
        0,
        0,
        0,
    );
    _mm512_or_si512(nonce, blocks)
}

/// Blocks of key stream in the first four lanes.
#[target_feature(enable = "avx512f")]
unsafe fn four(key: *const u8, lanes: &Lanes, stream: *mut u8) {
    let start = rows_of::<0>(key, lanes);
    let mut y = start;
    rows_alone!(y);
    put(rows_finish(y, start), stream);
}

/// Blocks of key stream in the first eight lanes.
#[target_feature(enable = "avx512f")]
unsafe fn eight(key: *const u8, lanes: &Lanes, stream: *mut u8) {
    let (y_start, z_start) = (rows_of::<0>(key, lanes), rows_of::<4>(key, lanes));
    let (mut y, mut z) = (y_start, z_start);
    rows_alone!(y, z);
    put(rows_finish(y, y_start), stream);
    put(rows_finish(z, z_start), stream.wrapping_add(256));
}

/// Blocks of key stream in the first sixteen lanes, and `pairs` pairs of groups authenticated.
#[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
unsafe fn sixteen(
    key: *const u8,
    lanes: &Lanes,
    stream: *mut u8,
    mac: &mut Mac,
    data: *const u8,
    pairs: usize,
) {
    align_stack::<__m512i>();
    let mut x = columns_start(key, lanes);
    woven!(mac, data, pairs, x);
    columns_finish(x, columns_start(key, lanes), stream);
}

/// The same in all lanes.
#[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
unsafe fn twenty_four(
    key: *const u8,
    lanes: &Lanes,
    stream: *mut u8,
    mac: &mut Mac,
    data: *const u8,
    pairs: usize,
) {
    align_stack::<__m512i>();
    let mut x = columns_start(key, lanes);
    let mut y = rows_of::<16>(key, lanes);
    let mut z = rows_of::<20>(key, lanes);
    woven!(mac, data, pairs, x, y, z);
    put(
        rows_finish(y, rows_of::<16>(key, lanes)),
        stream.wrapping_add(64 * 16),
    );
    put(
        rows_finish(z, rows_of::<20>(key, lanes)),
        stream.wrapping_add(64 * 20),
    );
    columns_finish(x, columns_start(key, lanes), stream);
}

#[target_feature(enable = "avx512f")]
unsafe fn mix<const SEAL: bool>(src: *const u8, stream: *mut u8, dst: *mut u8, blocks: usize) {
    for i in 0..blocks {
        let at = i.wrapping_mul(64);
        let input = _mm512_loadu_si512(src.add(at).cast());
        let output = _mm512_xor_si512(input, _mm512_load_si512(stream.add(at).cast()));
        let cipher = if SEAL { output } else { input };
        _mm512_store_si512(stream.add(at).cast(), cipher);
        _mm512_storeu_si512(dst.add(at).cast(), output);
    }
}
