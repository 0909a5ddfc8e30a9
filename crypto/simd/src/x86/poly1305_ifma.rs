// SPDX-License-Identifier: GPL-2.0
//! Poly1305 in eight lanes of AVX-512 with 52-bit multiply-add: limbs of 44, 44 and 42 bits.
//!
//! Eight blocks are a group. Lane sums are multiplied by r^8 and the next group added, or by r^16 and
//! the next two groups, the first of them times r^8, which waits for nothing. At the end each lane is
//! multiplied by its own power of r, from r^8 for the first block of a group to r for the last. A group
//! of fewer blocks has zeros before them, and is added after multiplying by r to as many. Short
//! messages, and those with associated data (which WireGuard's data messages never have), go the
//! scalar way.
//!
//! # Invariants
//!
//! Between groups the limbs of `h` and those of powers are below 2^45; so every factor has less than
//! 52 bits, and no sum of products reaches 2^64.
#![allow(unsafe_op_in_unsafe_fn)]
use core::arch::x86_64::*;

use crate::engine::Authenticator;
use crate::poly1305::{reduce, Poly1305};

/// From how many blocks on the powers of r pay for themselves.
const MANY: usize = 14;

/// Three limbs in eight lanes.
type Limbs = [__m512i; 3];

/// A multiplier: its limbs, and 20 times the upper two, for what comes back from above 2^130.
#[derive(Clone, Copy)]
pub(crate) struct Multiplier {
    r: Limbs,
    s1: __m512i,
    s2: __m512i,
}

/// What a pair of groups is multiplied by, as numbers that are spread over lanes where they are used:
/// in vectors they would fill a tenth of the stack that all of this may use.
pub(crate) struct Multipliers {
    r16: [u64; 5],
    r8: [u64; 5],
}

/// The running state of one message's tag.
pub(crate) struct Mac {
    scalar: Poly1305,
    /// The message goes the vector way.
    vector: bool,
    /// It has taken no block yet, and `h` is zero.
    fresh: bool,
    pub(crate) h: Limbs,
    /// r^8 to r, in the order in which a group's blocks lie in lanes.
    powers: Limbs,
    pub(crate) multipliers: Multipliers,
}

impl Mac {
    /// Takes the blocks that make no whole pairs of groups. What is left, and must be taken before
    /// anything else, are so many pairs at the address returned. A message that goes the scalar way
    /// leaves nothing.
    ///
    /// # Safety
    ///
    /// The level's; `data` has 16 bytes for each block.
    pub(crate) unsafe fn whole_pairs(
        &mut self,
        data: *const u8,
        blocks: usize,
    ) -> (*const u8, usize) {
        // SAFETY: the caller's.
        unsafe {
            if !self.vector {
                self.scalar.blocks(data, blocks);
                return (data, 0);
            }
            let few = blocks & 7;
            let mut data = data.wrapping_add(few.wrapping_mul(16));
            if few > 0 {
                few_blocks(self, data, few);
            }
            if blocks & 8 > 0 {
                one_group(self, data);
                data = data.wrapping_add(128);
            }
            self.fresh &= blocks == 0;
            (data, blocks / 16)
        }
    }
}

impl Authenticator for Mac {
    unsafe fn empty() -> Self {
        // SAFETY: the level's, which is all that making zero vectors needs.
        unsafe {
            let zero = zero();
            Self {
                scalar: Poly1305::EMPTY,
                vector: false,
                fresh: false,
                h: [zero; 3],
                powers: [zero; 3],
                multipliers: Multipliers {
                    r16: [0; 5],
                    r8: [0; 5],
                },
            }
        }
    }

    unsafe fn begin(&mut self, key: *const u8, ad: *const u8, ad_len: usize, blocks: usize) {
        // SAFETY: the caller's.
        unsafe {
            self.scalar = Poly1305::new(key);
            self.scalar.padded(ad, ad_len);
            self.vector = ad_len == 0 && blocks >= MANY;
            if self.vector {
                self.fresh = true;
                self.h = [zero(); 3];
                self.powers = powers(self.scalar.r);
                self.multipliers = multipliers(&self.powers);
            }
        }
    }

    unsafe fn blocks(&mut self, data: *const u8, blocks: usize) {
        // SAFETY: the caller's.
        unsafe {
            let (data, pairs) = self.whole_pairs(data, blocks);
            if pairs > 0 {
                many_pairs(self, data, pairs);
            }
        }
    }

    unsafe fn finish(&mut self, last: &[u8; 16]) -> u128 {
        // SAFETY: the level's; one block is there.
        unsafe {
            if self.vector {
                self.scalar.h = sum(&self.h, &self.powers);
            }
            self.scalar.blocks(last.as_ptr(), 1);
        }
        self.scalar.finish()
    }
}

impl Multiplier {
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    unsafe fn new(r: Limbs) -> Self {
        let twenty = _mm512_set1_epi64(20);
        let times20 = |x| _mm512_madd52lo_epu64(_mm512_setzero_si512(), x, twenty);
        Self {
            r,
            s1: times20(r[1]),
            s2: times20(r[2]),
        }
    }

    /// One whose lanes are all the same.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn spread(numbers: &[u64; 5]) -> Self {
        let all = |i: usize| _mm512_set1_epi64(numbers[i] as i64);
        Self {
            r: [all(0), all(1), all(2)],
            s1: all(3),
            s2: all(4),
        }
    }

    /// The first lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn numbers(&self) -> [u64; 5] {
        let number = |limb| _mm_cvtsi128_si64(_mm512_castsi512_si128(limb)) as u64;
        let [r0, r1, r2] = self.r;
        [r0, r1, r2, self.s1, self.s2].map(number)
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn zero() -> __m512i {
    _mm512_setzero_si512()
}

/// a * b mod 2^130 - 5, partially reduced.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn multiply(a: &Limbs, b: &Multiplier) -> Limbs {
    Sums::of([_mm512_setzero_si512(); 3]).add(a, b).reduce()
}

/// Sums of products: for each limb that of the lower halves and that of the upper, which stands 52
/// bits above.
#[derive(Clone, Copy)]
struct Sums {
    low: Limbs,
    high: Limbs,
}

impl Sums {
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn of(limbs: Limbs) -> Self {
        Self {
            low: limbs,
            high: [_mm512_setzero_si512(); 3],
        }
    }

    /// Adds a * b.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    unsafe fn add(self, a: &Limbs, b: &Multiplier) -> Self {
        let [r0, r1, r2] = b.r;
        let low = |sum, i: usize, factor| _mm512_madd52lo_epu64(sum, a[i], factor);
        let high = |sum, i: usize, factor| _mm512_madd52hi_epu64(sum, a[i], factor);
        let ([l0, l1, l2], [h0, h1, h2]) = (self.low, self.high);
        Self {
            low: [
                low(low(low(l0, 2, b.s1), 1, b.s2), 0, r0),
                low(low(low(l1, 2, b.s2), 1, r0), 0, r1),
                low(low(low(l2, 2, r0), 1, r1), 0, r2),
            ],
            high: [
                high(high(high(h0, 2, b.s1), 1, b.s2), 0, r0),
                high(high(high(h1, 2, b.s2), 1, r0), 0, r1),
                high(high(high(h2, 2, r0), 1, r1), 0, r2),
            ],
        }
    }

    /// Their value mod 2^130 - 5, partially reduced.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn reduce(self) -> Limbs {
        let ([l0, l1, l2], [h0, h1, h2]) = (self.low, self.high);
        let mask44 = _mm512_set1_epi64((1 << 44) - 1);
        let mask42 = _mm512_set1_epi64((1 << 42) - 1);
        let add = |x, y| _mm512_add_epi64(x, y);
        let times5 = |x| add(x, _mm512_slli_epi64::<2>(x));
        // The upper halves stand 8 bits into the next limb, 10 in the last. With them a limb is below
        // 2^56, and what it carries below 2^14: once is enough, and none waits for another's carry.
        let l0 = add(l0, times5(_mm512_slli_epi64::<10>(h2)));
        let l1 = add(l1, _mm512_slli_epi64::<8>(h0));
        let l2 = add(l2, _mm512_slli_epi64::<8>(h1));
        [
            add(
                _mm512_and_si512(l0, mask44),
                times5(_mm512_srli_epi64::<42>(l2)),
            ),
            add(_mm512_and_si512(l1, mask44), _mm512_srli_epi64::<44>(l0)),
            add(_mm512_and_si512(l2, mask42), _mm512_srli_epi64::<44>(l1)),
        ]
    }
}

/// The limbs of eight blocks, whose halves come as 8 + 8 words.
///
/// Lane by lane these are blocks 0, 4, 1, 5, 2, 6, 3 and 7; those in `present` are not zeros.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn split(a: __m512i, b: __m512i, present: u8) -> Limbs {
    let (low, high) = (_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    let mask44 = _mm512_set1_epi64((1 << 44) - 1);
    let middle = _mm512_or_si512(_mm512_srli_epi64::<44>(low), _mm512_slli_epi64::<20>(high));
    let end = _mm512_maskz_set1_epi64(present, 1 << 40);
    [
        _mm512_and_si512(low, mask44),
        _mm512_and_si512(middle, mask44),
        _mm512_or_si512(_mm512_srli_epi64::<24>(high), end),
    ]
}

/// The limbs of eight blocks.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn group(data: *const u8) -> Limbs {
    let (a, b) = (
        _mm512_loadu_si512(data.cast()),
        _mm512_loadu_si512(data.wrapping_add(64).cast()),
    );
    split(a, b, 0xff)
}

/// h = h * r^16 + eight blocks * r^8 + eight blocks: one reduction for two groups, and the second
/// product waits for nothing.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) unsafe fn pair(h: &mut Limbs, multipliers: &Multipliers, data: *const u8) {
    let second = Sums::of(group(data.wrapping_add(128)));
    // Anew each time, for the compiler would keep the vectors.
    let mut numbers: *const Multipliers = multipliers;
    core::arch::asm!("/* {0} */", inout(reg) numbers, options(readonly, nostack, preserves_flags));
    let sums = second.add(&group(data), &Multiplier::spread(&(*numbers).r8));
    *h = sums.add(h, &Multiplier::spread(&(*numbers).r16)).reduce();
}

#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn many_pairs(mac: &mut Mac, data: *const u8, pairs: usize) {
    let mut h = mac.h;
    for i in 0..pairs {
        pair(
            &mut h,
            &mac.multipliers,
            data.wrapping_add(i.wrapping_mul(256)),
        );
    }
    mac.h = h;
}

/// h = h * r^8 + eight blocks
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn one_group(mac: &mut Mac, data: *const u8) {
    let r8 = Multiplier::spread(&mac.multipliers.r8);
    mac.h = Sums::of(group(data)).add(&mac.h, &r8).reduce();
}

/// h = h * r^few + few blocks, which end at `end`
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn few_blocks(mac: &mut Mac, end: *const u8, few: usize) {
    let absent = 8u32.wrapping_sub(few as u32);
    // Two words of each block; a word that is masked out is not read.
    let words = 0xffffu32.wrapping_shl(absent.wrapping_mul(2));
    let start = end.wrapping_sub(128).cast::<i64>();
    let a = _mm512_maskz_loadu_epi64(words as u8, start);
    let b = _mm512_maskz_loadu_epi64((words >> 8) as u8, start.wrapping_add(8));
    let blocks = split(a, b, lanes(0xffu32.wrapping_shl(absent) as u8));
    if mac.fresh {
        mac.h = blocks;
        return;
    }

    /// Which lane holds which power of r, from the first.
    const LANES: [u8; 8] = [7, 5, 3, 1, 6, 4, 2, 0];
    let lane = *LANES.get_unchecked(few.wrapping_sub(1));
    let lane = _mm512_set1_epi64(i64::from(lane));
    let power = |i: usize| _mm512_permutexvar_epi64(lane, mac.powers[i]);
    let by = Multiplier::new([power(0), power(1), power(2)]);
    mac.h = Sums::of(blocks).add(&mac.h, &by).reduce();
}

/// The lanes of blocks: bit k of `blocks` stands for block k.
const fn lanes(blocks: u8) -> u8 {
    const fn spread(x: u8) -> u8 {
        (x & 1) | (x & 2) << 1 | (x & 4) << 2 | (x & 8) << 3
    }
    spread(blocks) | spread(blocks >> 4) << 1
}

/// The powers of r in the order of lanes: 8, 4, 7, 3, 6, 2, 5, 1.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn powers(r: [u64; 2]) -> Limbs {
    let limb = |x: u64| _mm512_set1_epi64((x & ((1 << 44) - 1)) as i64);
    let r1 = [limb(r[0]), limb(r[0] >> 44 | r[1] << 20), limb(r[1] >> 24)];
    let times_r = Multiplier::new(r1);
    let r2 = multiply(&r1, &times_r);
    // Lanes of r^3 take r once more, those from r^4 on r^2; r^2 and r stay.
    let choose = |mask, no: &Limbs, yes: &Limbs| -> Limbs {
        let blend = |i: usize| _mm512_mask_blend_epi64(mask, no[i], yes[i]);
        [blend(0), blend(1), blend(2)]
    };
    const ONE: u8 = 1 << 7;
    const TWO: u8 = 1 << 5;
    const THREE: u8 = 1 << 3;
    const FOUR: u8 = 1 << 1;
    const FIVE: u8 = 1 << 6;
    const SIX: u8 = 1 << 4;
    const SEVEN: u8 = 1 << 2;
    let third = multiply(&r2, &Multiplier::new(choose(THREE, &r2, &r1)));
    let up_to_four = choose(ONE, &choose(TWO, &third, &r2), &r1);
    // r^4 stands in the lanes of 5 to 8; they take r, r^2, r^3 and r^4 more.
    let r3 = {
        let lane = _mm512_set1_epi64(3);
        [
            _mm512_permutexvar_epi64(lane, third[0]),
            _mm512_permutexvar_epi64(lane, third[1]),
            _mm512_permutexvar_epi64(lane, third[2]),
        ]
    };
    let more = choose(FIVE, &choose(SIX, &choose(SEVEN, &third, &r3), &r2), &r1);
    let upper = multiply(&third, &Multiplier::new(more));
    choose(ONE | TWO | THREE | FOUR, &upper, &up_to_four)
}

/// r^16 and r^8, which is the first lane's power.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn multipliers(powers: &Limbs) -> Multipliers {
    let first = |limb| _mm512_broadcastq_epi64(_mm512_castsi512_si128(limb));
    let r8 = [first(powers[0]), first(powers[1]), first(powers[2])];
    let r8 = Multiplier::new(r8);
    let r16 = Multiplier::new(multiply(&r8.r, &r8));
    Multipliers {
        r16: r16.numbers(),
        r8: r8.numbers(),
    }
}

/// The sum over lanes of h times its power, as 64-bit limbs below 5 * 2^128.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn sum(h: &Limbs, powers: &Limbs) -> [u64; 3] {
    let product = multiply(h, &Multiplier::new(*powers));
    let total = |i: usize| u128::from(_mm512_reduce_add_epi64(product[i]) as u64);
    // Each total has less than 2^49.
    let low = total(0).wrapping_add(total(1) << 44);
    let (low, carry) = low.overflowing_add(total(2) << 88);
    let high = ((total(2) >> 40) as u64).wrapping_add(u64::from(carry));
    reduce(low, high)
}
