// SPDX-License-Identifier: GPL-2.0
//! X25519 (RFC 7748 section 5): our Montgomery ladder over the formally verified field arithmetic of
//! the fiat-crypto crate (`field`), and a ladder with a table for the base point (`base`).
//!
//! Time and addresses do not depend on the scalar or the point. Both ladders keep their state in one
//! struct that is zeroed when dropped.
//!
//! This is the code that every processor can run. What is written for some of them (`wg-adx`) comes
//! in as another [`Curve`], made by those who know that the processor is one of them.
use core::hint::black_box;

mod base;
mod field;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroize;

use field::{
    add, from_bytes, invert, mul, relax, square, sub, times_121666, to_bytes, Loose, Tight, ONE,
    ZERO,
};

use crate::{Secret, KEY_LEN};

/// The u coordinate of the base point.
const BASE: [u8; KEY_LEN] = {
    let mut base = [0; KEY_LEN];
    base[0] = 9;
    base
};

/// Makes 32 random bytes a private key (RFC 7748 section 5, `decodeScalar25519`).
pub fn clamp(secret: &mut [u8; 32]) {
    secret[0] &= 0xf8;
    secret[31] = (secret[31] & 0x7f) | 0x40;
}

/// The two multiplications that X25519 consists of, by the code of one implementation.
#[derive(Clone, Copy)]
pub struct Curve {
    name: &'static str,
    base: fn(&[u8; 32]) -> [u8; 32],
    multiply: fn(&[u8; 32], &[u8; 32]) -> [u8; 32],
}

impl Curve {
    /// The code of this module.
    pub const PORTABLE: Self = Self::new("portable", multiply_base, multiply);

    /// The code of `base`, which multiplies the base point by a scalar, and of `multiply`, which
    /// takes a scalar and a point. Both clamp the scalar, ignore the point's last bit, give the
    /// canonical coordinate and take a time that depends on neither.
    #[must_use]
    pub const fn new(
        name: &'static str,
        base: fn(&[u8; 32]) -> [u8; 32],
        multiply: fn(&[u8; 32], &[u8; 32]) -> [u8; 32],
    ) -> Self {
        Self {
            name,
            base,
            multiply,
        }
    }

    /// What it is called in the log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The public key of a private key; the private key is clamped first if it is not yet.
    #[must_use]
    pub fn public_key(&self, secret: &[u8; 32]) -> [u8; 32] {
        (self.base)(secret)
    }

    /// The secret shared with the owner of `public`, or `None` if that is a point of low order and
    /// the product therefore all zero; only this one bit comes out early.
    #[must_use]
    pub fn shared(&self, secret: &[u8; 32], public: &[u8; 32]) -> Option<Secret> {
        let mut product = (self.multiply)(secret, public);
        let zero: bool = product.ct_eq(&[0; KEY_LEN]).into();
        let shared = Secret::new(product);
        product.zeroize();
        (!zero).then_some(shared)
    }
}

/// Two points in projective coordinates.
struct Ladder {
    x2: Tight,
    z2: Tight,
    x3: Tight,
    z3: Tight,
}

impl Ladder {
    /// Exchanges the points if told to, in constant time.
    #[inline(always)]
    fn swap(&mut self, choice: Choice) {
        let (x2, z2) = (self.x2.0.iter_mut(), self.z2.0.iter_mut());
        let (x3, z3) = (self.x3.0.iter_mut(), self.z3.0.iter_mut());
        for (a, b) in x2.zip(x3).chain(z2.zip(z3)) {
            u64::conditional_swap(a, b, choice);
        }
    }

    /// A step of the Montgomery ladder: the first point becomes the double of itself, or of the
    /// second one if told so, and the second the sum of both; `x1` is their difference.
    ///
    /// The sum does not care which is which, so that only what is doubled is chosen, where other
    /// ladders exchange the points.
    #[inline(always)]
    fn step(&mut self, x1: &Loose, second: Choice) {
        let a = add(&self.x2, &self.z2);
        let b = sub(&self.x2, &self.z2);
        let c = add(&self.x3, &self.z3);
        let d = sub(&self.x3, &self.z3);
        let da = mul(&d, &a);
        let cb = mul(&c, &b);
        let aa = square(&select(&a, &c, second));
        let bb = square(&select(&b, &d, second));
        let e = sub(&aa, &bb);
        self.x3 = square(&add(&da, &cb));
        self.z3 = mul(x1, &relax(&square(&sub(&da, &cb))));
        self.x2 = mul(&relax(&aa), &relax(&bb));
        self.z2 = mul(&e, &add(&bb, &times_121666(&e)));
    }
}

/// The first, or the second if told so, in constant time.
///
/// Limb by limb, and no other way: what the compiler made of it by itself cost up to half of the
/// ladder's time, depending on who called.
#[inline(always)]
fn select(first: &Loose, second: &Loose, choice: Choice) -> Loose {
    let mut out = *first;
    for (limb, other) in out.0.iter_mut().zip(second.0) {
        *limb = black_box(u64::conditional_select(limb, &other, choice));
    }
    out
}

impl Drop for Ladder {
    fn drop(&mut self) {
        for element in [&mut self.x2, &mut self.z2, &mut self.x3, &mut self.z3] {
            element.0.zeroize();
        }
    }
}

/// The clamped scalar times the base point.
fn multiply_base(scalar: &[u8; 32]) -> [u8; 32] {
    let mut scalar = *scalar;
    clamp(&mut scalar);
    let product = base::multiply(&scalar);
    scalar.zeroize();
    product
}

/// The clamped scalar times the point.
fn multiply(scalar: &[u8; 32], point: &[u8; 32]) -> [u8; 32] {
    let mut scalar = *scalar;
    clamp(&mut scalar);
    let mut point = *point;
    // RFC 7748: the unused bit of a received coordinate is ignored.
    point[31] &= 0x7f;

    let start = from_bytes(&point);
    let x1 = relax(&start);
    let mut ladder = Ladder {
        x2: ONE,
        z2: ZERO,
        x3: start,
        z3: ONE,
    };

    // With n what the bits so far say, the points are n and n + 1 times the given one; the first is
    // the one of these that was doubled last: n + 1 if that bit was set.
    let mut last = 0;
    // Bit 255 is clear, and so are the last three.
    for at in (3..255usize).rev() {
        let bit = (scalar[(at >> 3) & 31] >> (at & 7)) & 1;
        ladder.step(&x1, Choice::from(bit ^ last));
        last = bit;
    }
    ladder.swap(Choice::from(last));
    scalar.zeroize();
    for _ in 0..3 {
        (ladder.x2, ladder.z2) = double(&ladder.x2, &ladder.z2);
    }
    finish(&ladder)
}

/// Twice a point.
#[inline(always)]
const fn double(x: &Tight, z: &Tight) -> (Tight, Tight) {
    let aa = square(&add(x, z));
    let bb = square(&sub(x, z));
    let e = sub(&aa, &bb);
    (
        mul(&relax(&aa), &relax(&bb)),
        mul(&e, &add(&bb, &times_121666(&e))),
    )
}

/// The u coordinate of the first point.
fn finish(points: &Ladder) -> [u8; 32] {
    to_bytes(&mul(&relax(&points.x2), &relax(&invert(&points.z2))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ladders_agree() {
        let bit = |at: usize| core::array::from_fn(|i| u8::from(i == at / 8) << (at % 8));
        let single = (0..256).map(bit);
        let same = [0, 0x55, 0xaa, 0xff].map(|byte| [byte; 32]);
        for secret in single.chain(same) {
            assert_eq!(multiply_base(&secret), multiply(&secret, &BASE));
        }
    }

    // RFC 7748, section 5.2: the iterated vector, after 1 and after 1,000 rounds.
    #[test]
    fn iterated() {
        let mut k = BASE;
        let mut u = BASE;
        for round in 1..=1000 {
            let next = multiply(&k, &u);
            u = k;
            k = next;
            if round == 1 {
                assert_eq!(k[..4], [0x42, 0x2c, 0x8e, 0x7a]);
                assert_eq!(k[28..], [0x11, 0xae, 0x30, 0x79][..]);
            }
        }
        assert_eq!(k[..4], [0x68, 0x4c, 0xf5, 0x9b]);
        assert_eq!(k[28..], [0x99, 0x53, 0x2c, 0x51][..]);
    }
}
