// SPDX-License-Identifier: GPL-2.0
//! Poly1305 on 64-bit limbs (RFC 8439 section 2.5), as a step that vector code can be woven with.
//!
//! # Invariants
//!
//! Between blocks `h` is below 5 * 2^128. The second limb of the clamped `r` is a multiple of 4, so
//! what lies above 2^128 folds back exactly when multiplied by `s = r1 * 5 / 4`.
use crate::engine::Authenticator;

/// The running state of one message's tag.
#[derive(Clone, Copy)]
pub(crate) struct Poly1305 {
    pub(crate) h: [u64; 3],
    pub(crate) r: [u64; 2],
    pad: [u64; 2],
}

impl Poly1305 {
    /// No key yet.
    pub(crate) const EMPTY: Self = Self {
        h: [0; 3],
        r: [0; 2],
        pad: [0; 2],
    };

    /// Keys the authenticator.
    ///
    /// # Safety
    ///
    /// There are 32 bytes at `key`.
    #[inline(always)]
    pub(crate) unsafe fn new(key: *const u8) -> Self {
        let word = |i: usize| {
            // SAFETY: 8 bytes at 0, 8, 16 or 24 of 32.
            u64::from_le(unsafe { key.add(8 * i).cast::<u64>().read_unaligned() })
        };
        Self {
            h: [0; 3],
            r: [
                word(0) & 0x0fff_fffc_0fff_ffff,
                word(1) & 0x0fff_fffc_0fff_fffc,
            ],
            pad: [word(2), word(3)],
        }
    }

    /// Absorbs blocks of 16 bytes.
    ///
    /// # Safety
    ///
    /// There are `16 * count` bytes at `data`.
    #[inline(always)]
    pub(crate) unsafe fn blocks(&mut self, data: *const u8, count: usize) {
        let mut h = self.h;
        for i in 0..count {
            // SAFETY: the caller's.
            unsafe { absorb(&mut h, self.r, data.wrapping_add(i.wrapping_mul(16))) };
        }
        self.h = h;
    }

    /// Absorbs bytes filled up with zeros to whole blocks.
    ///
    /// # Safety
    ///
    /// There are `len` bytes at `data`.
    pub(crate) unsafe fn padded(&mut self, data: *const u8, len: usize) {
        let whole = len / 16;
        // SAFETY: whole blocks of the caller's bytes, then a copy of the rest.
        unsafe {
            self.blocks(data, whole);
            let rest = len % 16;
            if rest > 0 {
                let mut block = [0u8; 16];
                core::ptr::copy_nonoverlapping(data.add(16 * whole), block.as_mut_ptr(), rest);
                self.blocks(block.as_ptr(), 1);
            }
        }
    }

    /// The tag.
    #[inline(always)]
    pub(crate) fn finish(&self) -> u128 {
        let [h0, h1, h2] = self.h;
        let low = u128::from(h0) | (u128::from(h1) << 64);
        // h - p is h + 5 - 2^130: it is the canonical value exactly if h + 5 reaches 2^130. Only
        // the low 128 bits matter from here on.
        let (plus, carry) = low.overflowing_add(5);
        let reached = h2.wrapping_add(u64::from(carry)) >> 2;
        let mask = 0u128.wrapping_sub(u128::from(reached & 1));
        let canonical = low ^ (mask & (low ^ plus));
        canonical.wrapping_add(u128::from(self.pad[0]) | (u128::from(self.pad[1]) << 64))
    }
}

impl Authenticator for Poly1305 {
    #[inline(always)]
    unsafe fn empty() -> Self {
        Self::EMPTY
    }

    #[inline(always)]
    unsafe fn begin(&mut self, key: *const u8, ad: *const u8, ad_len: usize, _blocks: usize) {
        // SAFETY: the caller's.
        unsafe {
            *self = Self::new(key);
            if ad_len > 0 {
                self.padded(ad, ad_len);
            }
        }
    }

    #[inline(always)]
    unsafe fn blocks(&mut self, data: *const u8, blocks: usize) {
        // SAFETY: the caller's.
        unsafe { Poly1305::blocks(self, data, blocks) }
    }

    #[inline(always)]
    unsafe fn finish(&mut self, last: &[u8; 16]) -> u128 {
        // SAFETY: one block is there.
        unsafe { Poly1305::blocks(self, last.as_ptr(), 1) };
        Poly1305::finish(self)
    }
}

#[inline(always)]
fn wide(a: u64, b: u64) -> u128 {
    u128::from(a).wrapping_mul(u128::from(b))
}

/// h = (h + block + 2^128) * r mod 2^130 - 5, partially reduced.
///
/// # Safety
///
/// There are 16 bytes at `block`.
#[inline(always)]
pub(crate) unsafe fn absorb(h: &mut [u64; 3], r: [u64; 2], block: *const u8) {
    // SAFETY: the caller's.
    let (low, high) = unsafe {
        (
            u64::from_le(block.cast::<u64>().read_unaligned()),
            u64::from_le(block.add(8).cast::<u64>().read_unaligned()),
        )
    };
    let [r0, r1] = r;
    let s1 = r1.wrapping_add(r1 >> 2);

    let sum = u128::from(h[0]) | (u128::from(h[1]) << 64);
    let block = u128::from(low) | (u128::from(high) << 64);
    let (sum, carry) = sum.overflowing_add(block);
    let (h0, h1) = (sum as u64, (sum >> 64) as u64);
    let h2 = h[2].wrapping_add(1).wrapping_add(u64::from(carry));

    let d0 = wide(h0, r0).wrapping_add(wide(h1, s1));
    let d1 = wide(h0, r1)
        .wrapping_add(wide(h1, r0))
        .wrapping_add(u128::from(h2.wrapping_mul(s1)))
        .wrapping_add(d0 >> 64);
    let d2 = h2.wrapping_mul(r0).wrapping_add((d1 >> 64) as u64);

    *h = reduce(u128::from(d0 as u64) | (u128::from(d1 as u64) << 64), d2);
}

/// The number of these 128 bits and what stands above them, below 5 * 2^128; `high` is below 2^62.
#[inline(always)]
pub(crate) fn reduce(low: u128, high: u64) -> [u64; 3] {
    // 2^130 = 5: the bits from there on come back as (high / 4) * 5 = high / 4 + (high / 4) * 4.
    let fold = (high >> 2).wrapping_add(high & !3);
    let (folded, carry) = low.overflowing_add(u128::from(fold));
    // INVARIANT: high & 3 plus a carry is at most 4.
    [
        folded as u64,
        (folded >> 64) as u64,
        (high & 3).wrapping_add(u64::from(carry)),
    ]
}
