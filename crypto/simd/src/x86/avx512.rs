// SPDX-License-Identifier: GPL-2.0
//! Sixteen lanes of 32 bits in AVX-512 registers, or eight in the lower halves of as many when few
//! blocks are left, woven with Poly1305 in eight lanes of 52-bit multipliers.
#![allow(unsafe_op_in_unsafe_fn)]
use core::arch::x86_64::*;

use super::poly1305_ifma::{group, Mac};
use super::rows;
use crate::engine::{Authenticator, Generator, Lanes};

pub(crate) struct Avx512;

impl Generator for Avx512 {
    const LANES: usize = 16;
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
            if used <= 4 {
                mac.blocks(data, blocks);
                rows::avx512(key, lanes, stream);
                return;
            }
            let (data, groups) = mac.whole_groups(data, blocks);
            let woven = groups.min(10);
            sixteen(key, lanes, stream, mac, data, woven);
        }
    }

    unsafe fn mix<const SEAL: bool>(src: *const u8, stream: *mut u8, dst: *mut u8, blocks: usize) {
        // SAFETY: the caller's.
        unsafe { mix::<SEAL>(src, stream, dst, blocks) }
    }
}

/// A column or diagonal round: four quarter rounds side by side.
macro_rules! round {
    ($x:ident, $add:ident, $xor:ident, $rol:ident,
     $b0:literal, $b1:literal, $b2:literal, $b3:literal,
     $c0:literal, $c1:literal, $c2:literal, $c3:literal,
     $d0:literal, $d1:literal, $d2:literal, $d3:literal) => {
        round!(@half $x, $add, $xor, $rol, 0, 1, 2, 3, $b0, $b1, $b2, $b3, $d0, $d1, $d2, $d3, 16);
        round!(@half $x, $add, $xor, $rol, $c0, $c1, $c2, $c3, $d0, $d1, $d2, $d3,
               $b0, $b1, $b2, $b3, 12);
        round!(@half $x, $add, $xor, $rol, 0, 1, 2, 3, $b0, $b1, $b2, $b3, $d0, $d1, $d2, $d3, 8);
        round!(@half $x, $add, $xor, $rol, $c0, $c1, $c2, $c3, $d0, $d1, $d2, $d3,
               $b0, $b1, $b2, $b3, 7);
    };
    (@half $x:ident, $add:ident, $xor:ident, $rol:ident,
     $a0:literal, $a1:literal, $a2:literal, $a3:literal,
     $b0:literal, $b1:literal, $b2:literal, $b3:literal,
     $d0:literal, $d1:literal, $d2:literal, $d3:literal, $n:literal) => {
        $x[$a0] = $add($x[$a0], $x[$b0]);
        $x[$a1] = $add($x[$a1], $x[$b1]);
        $x[$a2] = $add($x[$a2], $x[$b2]);
        $x[$a3] = $add($x[$a3], $x[$b3]);
        $x[$d0] = $rol::<$n>($xor($x[$d0], $x[$a0]));
        $x[$d1] = $rol::<$n>($xor($x[$d1], $x[$a1]));
        $x[$d2] = $rol::<$n>($xor($x[$d2], $x[$a2]));
        $x[$d3] = $rol::<$n>($xor($x[$d3], $x[$a3]));
    };
}

/// The first state of all lanes.
macro_rules! start {
    ($key:ident, $lanes:ident, $set:ident, $load:ident) => {{
        let key = $key.cast::<i32>();
        let word = |i: usize| $set(key.add(i).read_unaligned());
        [
            $set(0x6170_7865),
            $set(0x3320_646e),
            $set(0x7962_2d32),
            $set(0x6b20_6574),
            word(0),
            word(1),
            word(2),
            word(3),
            word(4),
            word(5),
            word(6),
            word(7),
            $load($lanes.counter.as_ptr().cast()),
            $set(0),
            $load($lanes.low.as_ptr().cast()),
            $load($lanes.high.as_ptr().cast()),
        ]
    }};
}

/// A column round and a diagonal round.
macro_rules! double_round {
    ($x:ident, $add:ident, $xor:ident, $rol:ident) => {
        round!($x, $add, $xor, $rol, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        round!($x, $add, $xor, $rol, 5, 6, 7, 4, 10, 11, 8, 9, 15, 12, 13, 14);
    };
}

/// Sixteen blocks of key stream; a group of eight blocks is authenticated in each of the first
/// `groups` double rounds.
#[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
unsafe fn sixteen(
    key: *const u8,
    lanes: &Lanes,
    stream: *mut u8,
    mac: &mut Mac,
    mut data: *const u8,
    groups: usize,
) {
    let mut x = start!(key, lanes, _mm512_set1_epi32, _mm512_load_si512);
    let multiplier = mac.multiplier();
    let mut h = mac.h;
    for _ in 0..groups {
        group(&mut h, &multiplier, data);
        double_round!(x, _mm512_add_epi32, _mm512_xor_si512, _mm512_rol_epi32);
        data = data.add(128);
    }
    mac.h = h;
    for _ in groups..10 {
        double_round!(x, _mm512_add_epi32, _mm512_xor_si512, _mm512_rol_epi32);
    }
    let start = start!(key, lanes, _mm512_set1_epi32, _mm512_load_si512);
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
        let [a, b, c, d] = [y[i], y[4 + i], y[8 + i], y[12 + i]];
        let (ab0, ab1) = (
            _mm512_shuffle_i32x4::<0x88>(a, b),
            _mm512_shuffle_i32x4::<0xdd>(a, b),
        );
        let (cd0, cd1) = (
            _mm512_shuffle_i32x4::<0x88>(c, d),
            _mm512_shuffle_i32x4::<0xdd>(c, d),
        );
        let put = |lane: usize, value| _mm512_store_si512(stream.add(64 * lane).cast(), value);
        put(i, _mm512_shuffle_i32x4::<0x88>(ab0, cd0));
        put(4 + i, _mm512_shuffle_i32x4::<0x88>(ab1, cd1));
        put(8 + i, _mm512_shuffle_i32x4::<0xdd>(ab0, cd0));
        put(12 + i, _mm512_shuffle_i32x4::<0xdd>(ab1, cd1));
    }
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
