// SPDX-License-Identifier: GPL-2.0
//! The Poly1305 authenticator over 64-bit limbs (RFC 8439 section 2.5).
//!
//! One lives for one message. The AEAD pads everything it authenticates to 16 bytes, so only whole
//! blocks exist here.
//!
//! # Invariants
//!
//! Between blocks `h` is below 5 * 2^128, which keeps every sum of products below 2^128. The second
//! limb of the clamped `r` is a multiple of 4, so what lies above 2^128 folds back exactly when
//! multiplied by `s = r1 * 5 / 4`.
use zeroize::Zeroize;

use crate::chacha20::Block;

/// The running state of one message's tag.
pub(crate) struct Poly1305 {
    h: [u64; 3],
    r: [u64; 2],
    pad: [u64; 2],
}

impl Poly1305 {
    /// Keys the authenticator with the first half of a key stream block; the rest is not used.
    pub(crate) fn new(block: &Block) -> Self {
        let [r0, r1, pad0, pad1, ..] = *block;
        Self {
            h: [0; 3],
            r: [r0 & 0x0fff_fffc_0fff_ffff, r1 & 0x0fff_fffc_0fff_fffc],
            pad: [pad0, pad1],
        }
    }

    /// Absorbs four blocks of 16 bytes.
    #[inline(always)]
    pub(crate) fn four(&mut self, data: &Block) {
        let mut h = self.h;
        absorb(&mut h, self.r, data[0], data[1]);
        absorb(&mut h, self.r, data[2], data[3]);
        absorb(&mut h, self.r, data[4], data[5]);
        absorb(&mut h, self.r, data[6], data[7]);
        self.h = h;
    }

    /// Absorbs one block of 16 bytes.
    #[inline(always)]
    pub(crate) fn one(&mut self, low: u64, high: u64) {
        absorb(&mut self.h, self.r, low, high);
    }

    /// Absorbs bytes, filled up with zeros to a whole number of blocks.
    pub(crate) fn padded(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(16) {
            let mut block = [0; 16];
            for (to, from) in block.iter_mut().zip(chunk) {
                *to = *from;
            }
            let both = u128::from_le_bytes(block);
            self.one(both as u64, (both >> 64) as u64);
        }
    }

    /// The tag.
    pub(crate) fn finish(self) -> u128 {
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

impl Drop for Poly1305 {
    fn drop(&mut self) {
        self.h.zeroize();
        self.r.zeroize();
        self.pad.zeroize();
    }
}

#[inline(always)]
fn wide(a: u64, b: u64) -> u128 {
    u128::from(a).wrapping_mul(u128::from(b))
}

/// h = (h + block + 2^128) * r mod 2^130 - 5, partially reduced.
#[inline(always)]
fn absorb(h: &mut [u64; 3], r: [u64; 2], low: u64, high: u64) {
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

    // 2^130 = 5: the bits from there on come back as (d2 / 4) * 5 = d2 / 4 + (d2 / 4) * 4.
    let fold = (d2 >> 2).wrapping_add(d2 & !3);
    let low128 = u128::from(d0 as u64) | (u128::from(d1 as u64) << 64);
    let (folded, carry) = low128.overflowing_add(u128::from(fold));
    // INVARIANT: d2 & 3 plus a carry is at most 4.
    *h = [
        folded as u64,
        (folded >> 64) as u64,
        (d2 & 3).wrapping_add(u64::from(carry)),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::words_of;

    fn tag(key: [u8; 32], data: &[u8]) -> [u8; 16] {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&key);
        let mut mac = Poly1305::new(&words_of(&block));
        mac.padded(data);
        mac.finish().to_le_bytes()
    }

    fn key(r: u8, pad: u8) -> [u8; 32] {
        let mut key = [0; 32];
        key[0] = r;
        key[16..].fill(pad);
        key
    }

    fn small(value: u8) -> [u8; 16] {
        let mut out = [0; 16];
        out[0] = value;
        out
    }

    // RFC 8439, appendix A.3, vectors 7 to 11: carries and reductions at their edges.
    #[test]
    fn edges_of_the_rfc() {
        assert_eq!(tag(key(2, 0), &[0xff; 16]), small(3));
        let mut two = key(2, 0);
        two[16..].fill(0xff);
        assert_eq!(tag(two, &small(2)), small(3));

        let mut data = [0xff; 48];
        data[16] = 0xf0;
        data[32..].copy_from_slice(&small(0x11));
        assert_eq!(tag(key(1, 0), &data), small(5));

        let mut data = [0xff; 48];
        data[16] = 0xfb;
        data[17..32].fill(0xfe);
        data[32..].fill(1);
        assert_eq!(tag(key(1, 0), &data), small(0));

        let mut expected = [0xff; 16];
        expected[0] = 0xfa;
        let mut data = [0xff; 16];
        data[0] = 0xfd;
        assert_eq!(tag(key(2, 0), &data), expected);
    }
}
