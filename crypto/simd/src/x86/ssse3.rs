// SPDX-License-Identifier: GPL-2.0
//! Four lanes of 32 bits in SSE registers, woven with scalar Poly1305: for processors without AVX2.
#![allow(unsafe_op_in_unsafe_fn)]
use core::arch::x86_64::*;

use crate::engine::{Generator, Lanes, Words};
use crate::poly1305::{absorb, Poly1305};

pub(crate) struct Ssse3;

impl Generator for Ssse3 {
    const LANES: usize = 4;
    type Mac = Poly1305;

    unsafe fn pass(
        key: *const u8,
        lanes: &Lanes,
        _used: usize,
        stream: *mut u8,
        mac: &mut Poly1305,
        data: *const u8,
        blocks: usize,
    ) {
        let (each, more) = (blocks / 10, blocks % 10);
        // SAFETY: the caller's; at most 16 blocks wait, those of a whole pass.
        unsafe {
            match each {
                0 => pass::<0, 1>(key, lanes, stream, mac, data, more),
                _ => pass::<1, 2>(key, lanes, stream, mac, data, more),
            }
        }
    }

    unsafe fn mix<const SEAL: bool>(src: *const u8, stream: *mut u8, dst: *mut u8, blocks: usize) {
        for i in 0..blocks.wrapping_mul(4) {
            let at = i.wrapping_mul(16);
            // SAFETY: the caller's.
            unsafe {
                let input = _mm_loadu_si128(src.add(at).cast());
                let output = _mm_xor_si128(input, _mm_load_si128(stream.add(at).cast()));
                let cipher = if SEAL { output } else { input };
                _mm_store_si128(stream.add(at).cast(), cipher);
                _mm_storeu_si128(dst.add(at).cast(), output);
            }
        }
    }
}

/// Two quarter rounds side by side.
macro_rules! two_quarters {
    ($x:ident, $by16:ident, $by8:ident, $a0:literal, $b0:literal, $c0:literal, $d0:literal,
     $a1:literal, $b1:literal, $c1:literal, $d1:literal) => {
        $x[$a0] = _mm_add_epi32($x[$a0], $x[$b0]);
        $x[$a1] = _mm_add_epi32($x[$a1], $x[$b1]);
        $x[$d0] = _mm_shuffle_epi8(_mm_xor_si128($x[$d0], $x[$a0]), $by16);
        $x[$d1] = _mm_shuffle_epi8(_mm_xor_si128($x[$d1], $x[$a1]), $by16);
        $x[$c0] = _mm_add_epi32($x[$c0], $x[$d0]);
        $x[$c1] = _mm_add_epi32($x[$c1], $x[$d1]);
        $x[$b0] = rotate::<12, 20>(_mm_xor_si128($x[$b0], $x[$c0]));
        $x[$b1] = rotate::<12, 20>(_mm_xor_si128($x[$b1], $x[$c1]));
        $x[$a0] = _mm_add_epi32($x[$a0], $x[$b0]);
        $x[$a1] = _mm_add_epi32($x[$a1], $x[$b1]);
        $x[$d0] = _mm_shuffle_epi8(_mm_xor_si128($x[$d0], $x[$a0]), $by8);
        $x[$d1] = _mm_shuffle_epi8(_mm_xor_si128($x[$d1], $x[$a1]), $by8);
        $x[$c0] = _mm_add_epi32($x[$c0], $x[$d0]);
        $x[$c1] = _mm_add_epi32($x[$c1], $x[$d1]);
        $x[$b0] = rotate::<7, 25>(_mm_xor_si128($x[$b0], $x[$c0]));
        $x[$b1] = rotate::<7, 25>(_mm_xor_si128($x[$b1], $x[$c1]));
    };
}

/// A double round, and `WOVEN` blocks authenticated between its quarters.
macro_rules! double_round {
    ($x:ident, $by16:ident, $by8:ident, $woven:ident, $h:ident, $r:ident, $data:ident) => {
        two_quarters!($x, $by16, $by8, 0, 4, 8, 12, 1, 5, 9, 13);
        if $woven > 0 {
            absorb(&mut $h, $r, $data);
        }
        two_quarters!($x, $by16, $by8, 2, 6, 10, 14, 3, 7, 11, 15);
        two_quarters!($x, $by16, $by8, 0, 5, 10, 15, 1, 6, 11, 12);
        if $woven > 1 {
            absorb(&mut $h, $r, $data.add(16));
        }
        two_quarters!($x, $by16, $by8, 2, 7, 8, 13, 3, 4, 9, 14);
        $data = $data.add(16 * $woven);
    };
}

#[inline]
#[target_feature(enable = "ssse3")]
unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(x: __m128i) -> __m128i {
    _mm_or_si128(_mm_slli_epi32::<LEFT>(x), _mm_srli_epi32::<RIGHT>(x))
}

/// The same value, of which the compiler knows nothing, so that it leaves byte shuffles alone.
#[inline]
#[target_feature(enable = "ssse3")]
unsafe fn opaque(mut x: __m128i) -> __m128i {
    core::arch::asm!("/* {0} */", inout(xmm_reg) x, options(pure, nomem, nostack, preserves_flags));
    x
}

/// Four blocks of key stream; meanwhile `MORE` blocks are authenticated in each of the first
/// `more` double rounds and `EACH` in the others.
#[target_feature(enable = "ssse3")]
unsafe fn pass<const EACH: usize, const MORE: usize>(
    key: *const u8,
    lanes: &Lanes,
    stream: *mut u8,
    mac: &mut Poly1305,
    mut data: *const u8,
    more: usize,
) {
    let by16 = opaque(_mm_setr_epi8(
        2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,
    ));
    let by8 = opaque(_mm_setr_epi8(
        3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14,
    ));
    let mut x = start(key, lanes);
    let r = mac.r;
    let mut h = mac.h;
    for _ in 0..more {
        double_round!(x, by16, by8, MORE, h, r, data);
    }
    for _ in more..10 {
        double_round!(x, by16, by8, EACH, h, r, data);
    }
    mac.h = h;
    let start = start(key, lanes);
    for i in 0..16 {
        x[i] = _mm_add_epi32(x[i], start[i]);
    }
    for i in 0..4 {
        let [a, b, c, d] = [x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]];
        let (ab0, ab1) = (_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
        let (cd0, cd1) = (_mm_unpacklo_epi32(c, d), _mm_unpackhi_epi32(c, d));
        let put =
            |lane: usize, value| _mm_store_si128(stream.add(64 * lane + 16 * i).cast(), value);
        put(0, _mm_unpacklo_epi64(ab0, cd0));
        put(1, _mm_unpackhi_epi64(ab0, cd0));
        put(2, _mm_unpacklo_epi64(ab1, cd1));
        put(3, _mm_unpackhi_epi64(ab1, cd1));
    }
}

/// The first state of all lanes.
#[inline]
#[target_feature(enable = "ssse3")]
unsafe fn start(key: *const u8, lanes: &Lanes) -> [__m128i; 16] {
    let key = key.cast::<i32>();
    let word = |i: usize| _mm_set1_epi32(key.add(i).read_unaligned());
    let row = |words: &Words| _mm_loadu_si128(words.as_ptr().cast());
    [
        _mm_set1_epi32(0x6170_7865),
        _mm_set1_epi32(0x3320_646e),
        _mm_set1_epi32(0x7962_2d32),
        _mm_set1_epi32(0x6b20_6574),
        word(0),
        word(1),
        word(2),
        word(3),
        word(4),
        word(5),
        word(6),
        word(7),
        row(&lanes.counter),
        _mm_setzero_si128(),
        row(&lanes.low),
        row(&lanes.high),
    ]
}
