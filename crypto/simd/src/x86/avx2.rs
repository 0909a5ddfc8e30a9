// SPDX-License-Identifier: GPL-2.0
//! Eight lanes of 32 bits in AVX2 registers, woven with scalar Poly1305: the vector units turn the
//! rounds while the multiplier, which they do not need, authenticates.
#![allow(unsafe_op_in_unsafe_fn)]
use core::arch::x86_64::*;

use super::poly1305_avx2::Mac;
use super::{align_stack, rows};
use crate::engine::{Generator, Lanes, Words};
use crate::poly1305::{absorb, Poly1305};

pub(crate) struct Avx2;

impl Generator for Avx2 {
    const LANES: usize = 8;
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
        let mac = &mut mac.0;
        let (each, more) = (blocks / 10, blocks % 10);
        // SAFETY: the caller's; at most 32 blocks wait, those of a whole pass.
        unsafe {
            match (used > 4, each) {
                (true, 0) => pass::<0, 1>(key, lanes, stream, mac, data, more),
                (true, 1) => pass::<1, 2>(key, lanes, stream, mac, data, more),
                (true, 2) => pass::<2, 3>(key, lanes, stream, mac, data, more),
                (true, _) => pass::<3, 4>(key, lanes, stream, mac, data, more),
                (false, 0) => rows::avx2::<0, 1>(key, lanes, stream, mac, data, more),
                (false, 1) => rows::avx2::<1, 2>(key, lanes, stream, mac, data, more),
                (false, 2) => rows::avx2::<2, 3>(key, lanes, stream, mac, data, more),
                (false, _) => rows::avx2::<3, 4>(key, lanes, stream, mac, data, more),
            }
        }
    }

    unsafe fn mix<const SEAL: bool>(src: *const u8, stream: *mut u8, dst: *mut u8, blocks: usize) {
        // SAFETY: the caller's.
        unsafe { mix::<SEAL>(src, stream, dst, blocks) }
    }
}

/// Two quarter rounds side by side: all of the registers that are not theirs stay where they are,
/// and few must go to memory.
macro_rules! two_quarters {
    ($x:ident, $by16:ident, $by8:ident, $a0:literal, $b0:literal, $c0:literal, $d0:literal,
     $a1:literal, $b1:literal, $c1:literal, $d1:literal) => {
        $x[$a0] = _mm256_add_epi32($x[$a0], $x[$b0]);
        $x[$a1] = _mm256_add_epi32($x[$a1], $x[$b1]);
        $x[$d0] = _mm256_shuffle_epi8(_mm256_xor_si256($x[$d0], $x[$a0]), $by16);
        $x[$d1] = _mm256_shuffle_epi8(_mm256_xor_si256($x[$d1], $x[$a1]), $by16);
        $x[$c0] = _mm256_add_epi32($x[$c0], $x[$d0]);
        $x[$c1] = _mm256_add_epi32($x[$c1], $x[$d1]);
        $x[$b0] = rotate::<12, 20>(_mm256_xor_si256($x[$b0], $x[$c0]));
        $x[$b1] = rotate::<12, 20>(_mm256_xor_si256($x[$b1], $x[$c1]));
        $x[$a0] = _mm256_add_epi32($x[$a0], $x[$b0]);
        $x[$a1] = _mm256_add_epi32($x[$a1], $x[$b1]);
        $x[$d0] = _mm256_shuffle_epi8(_mm256_xor_si256($x[$d0], $x[$a0]), $by8);
        $x[$d1] = _mm256_shuffle_epi8(_mm256_xor_si256($x[$d1], $x[$a1]), $by8);
        $x[$c0] = _mm256_add_epi32($x[$c0], $x[$d0]);
        $x[$c1] = _mm256_add_epi32($x[$c1], $x[$d1]);
        $x[$b0] = rotate::<7, 25>(_mm256_xor_si256($x[$b0], $x[$c0]));
        $x[$b1] = rotate::<7, 25>(_mm256_xor_si256($x[$b1], $x[$c1]));
    };
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(x: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_slli_epi32::<LEFT>(x), _mm256_srli_epi32::<RIGHT>(x))
}

/// The same value, of which the compiler knows nothing. It would turn byte shuffles by a known
/// pattern into two of words, or move them to both sides of an exclusive or.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn opaque(mut x: __m256i) -> __m256i {
    core::arch::asm!("/* {0} */", inout(ymm_reg) x, options(pure, nomem, nostack, preserves_flags));
    x
}

/// A double round, and `WOVEN` blocks authenticated at the end of its quarters.
macro_rules! double_round {
    ($x:ident, $by16:ident, $by8:ident, $woven:ident, $h:ident, $r:ident, $data:ident) => {
        two_quarters!($x, $by16, $by8, 0, 4, 8, 12, 1, 5, 9, 13);
        if $woven > 0 {
            absorb(&mut $h, $r, $data);
        }
        two_quarters!($x, $by16, $by8, 2, 6, 10, 14, 3, 7, 11, 15);
        if $woven > 1 {
            absorb(&mut $h, $r, $data.add(16));
        }
        two_quarters!($x, $by16, $by8, 0, 5, 10, 15, 1, 6, 11, 12);
        if $woven > 2 {
            absorb(&mut $h, $r, $data.add(32));
        }
        two_quarters!($x, $by16, $by8, 2, 7, 8, 13, 3, 4, 9, 14);
        if $woven > 3 {
            absorb(&mut $h, $r, $data.add(48));
        }
        $data = $data.add(16 * $woven);
    };
}

/// Eight blocks of key stream; meanwhile `MORE` blocks are authenticated in each of the first
/// `more` double rounds and `EACH` in the others.
#[target_feature(enable = "avx2,bmi2")]
unsafe fn pass<const EACH: usize, const MORE: usize>(
    key: *const u8,
    lanes: &Lanes,
    stream: *mut u8,
    mac: &mut Poly1305,
    mut data: *const u8,
    more: usize,
) {
    align_stack::<__m256i>();
    let by16 = opaque(_mm256_broadcastsi128_si256(_mm_setr_epi8(
        2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,
    )));
    let by8 = opaque(_mm256_broadcastsi128_si256(_mm_setr_epi8(
        3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14,
    )));
    let key = key.cast::<i32>();
    let word = |i: usize| _mm256_set1_epi32(key.add(i).read_unaligned());
    let row = |words: &Words| _mm256_loadu_si256(words.as_ptr().cast());
    let start = [
        _mm256_set1_epi32(0x6170_7865),
        _mm256_set1_epi32(0x3320_646e),
        _mm256_set1_epi32(0x7962_2d32),
        _mm256_set1_epi32(0x6b20_6574),
        word(0),
        word(1),
        word(2),
        word(3),
        word(4),
        word(5),
        word(6),
        word(7),
        row(&lanes.counter),
        _mm256_setzero_si256(),
        row(&lanes.low),
        row(&lanes.high),
    ];
    let mut x = start;
    let r = mac.r;
    let mut h = mac.h;
    for _ in 0..more {
        double_round!(x, by16, by8, MORE, h, r, data);
    }
    for _ in more..10 {
        double_round!(x, by16, by8, EACH, h, r, data);
    }
    mac.h = h;
    for i in 0..16 {
        x[i] = _mm256_add_epi32(x[i], start[i]);
    }
    let [x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15] = x;
    transpose([x0, x1, x2, x3, x4, x5, x6, x7], stream);
    transpose([x8, x9, x10, x11, x12, x13, x14, x15], stream.add(32));
}

/// Writes eight words of each of eight lanes, the lanes 64 bytes apart.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose(x: [__m256i; 8], to: *mut u8) {
    let pair = |a, b| (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let (a0, a1) = pair(x[0], x[1]);
    let (a2, a3) = pair(x[2], x[3]);
    let (a4, a5) = pair(x[4], x[5]);
    let (a6, a7) = pair(x[6], x[7]);
    let quad = |a, b| (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    let (b0, b1) = quad(a0, a2);
    let (b2, b3) = quad(a1, a3);
    let (b4, b5) = quad(a4, a6);
    let (b6, b7) = quad(a5, a7);
    let put = |lane: usize, value| _mm256_store_si256(to.add(64 * lane).cast(), value);
    for (lane, low, high) in [(0, b0, b4), (1, b1, b5), (2, b2, b6), (3, b3, b7)] {
        put(lane, _mm256_permute2x128_si256::<0x20>(low, high));
        put(lane + 4, _mm256_permute2x128_si256::<0x31>(low, high));
    }
}

#[target_feature(enable = "avx2")]
unsafe fn mix<const SEAL: bool>(src: *const u8, stream: *mut u8, dst: *mut u8, blocks: usize) {
    for i in 0..blocks.wrapping_mul(2) {
        let at = i.wrapping_mul(32);
        let input = _mm256_loadu_si256(src.add(at).cast());
        let output = _mm256_xor_si256(input, _mm256_load_si256(stream.add(at).cast()));
        let cipher = if SEAL { output } else { input };
        _mm256_store_si256(stream.add(at).cast(), cipher);
        _mm256_storeu_si256(dst.add(at).cast(), output);
    }
}
