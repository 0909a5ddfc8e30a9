// SPDX-License-Identifier: GPL-2.0
//! X25519 (RFC 7748 section 5): our Montgomery ladder over the formally verified field arithmetic of
//! the fiat-crypto crate.
//!
//! Time and addresses do not depend on the scalar or the point. The ladder keeps its state in one
//! struct that is zeroed when dropped.
use fiat_crypto::curve25519_64 as fiat;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroize;

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

/// The public key of a private key; the private key is clamped first if it is not yet.
#[must_use]
pub fn public_key(secret: &[u8; 32]) -> [u8; 32] {
    multiply(secret, &BASE)
}

/// The secret shared with the owner of `public`, or `None` if that is a point of low order and the
/// product therefore all zero; only this one bit comes out early.
#[must_use]
pub fn shared(secret: &[u8; 32], public: &[u8; 32]) -> Option<Secret> {
    let mut product = multiply(secret, public);
    let zero: bool = product.ct_eq(&[0; KEY_LEN]).into();
    let shared = Secret::new(product);
    product.zeroize();
    (!zero).then_some(shared)
}

/// A field element as additions take it and multiplications give it.
type Tight = fiat::fiat_25519_tight_field_element;
/// A field element as multiplications take it and additions give it.
type Loose = fiat::fiat_25519_loose_field_element;

const ZERO: Tight = fiat::fiat_25519_tight_field_element([0; 5]);
const ONE: Tight = fiat::fiat_25519_tight_field_element([1, 0, 0, 0, 0]);

/// The two points of a Montgomery ladder in projective coordinates.
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

    /// Doubles the first point and makes the second the sum of both; `x1` is their difference.
    #[inline(always)]
    fn step(&mut self, x1: &Loose) {
        let a = add(&self.x2, &self.z2);
        let b = sub(&self.x2, &self.z2);
        let c = add(&self.x3, &self.z3);
        let d = sub(&self.x3, &self.z3);
        let aa = square(&a);
        let bb = square(&b);
        let e = sub(&aa, &bb);
        let da = mul(&d, &a);
        let cb = mul(&c, &b);
        self.x3 = square(&add(&da, &cb));
        self.z3 = mul(x1, &square_loose(&sub(&da, &cb)));
        self.x2 = mul(&relax(&aa), &relax(&bb));
        self.z2 = mul(&e, &add(&bb, &times_121666(&e)));
    }
}

impl Drop for Ladder {
    fn drop(&mut self) {
        for element in [&mut self.x2, &mut self.z2, &mut self.x3, &mut self.z3] {
            element.0.zeroize();
        }
    }
}

/// The clamped scalar times the point.
fn multiply(scalar: &[u8; 32], point: &[u8; 32]) -> [u8; 32] {
    let mut scalar = *scalar;
    clamp(&mut scalar);
    let mut point = *point;
    // RFC 7748: the unused bit of a received coordinate is ignored.
    point[31] &= 0x7f;

    let mut start = ZERO;
    fiat::fiat_25519_from_bytes(&mut start, &point);
    let x1 = relax(&start);
    let mut ladder = Ladder {
        x2: ONE,
        z2: ZERO,
        x3: start,
        z3: ONE,
    };

    let mut swapped = 0;
    for (i, byte) in scalar.iter().enumerate().rev() {
        // Bit 255 is always clear.
        let bits = if i == 31 { 7 } else { 8 };
        for shift in (0..bits).rev() {
            let bit = (byte >> shift) & 1;
            ladder.swap(Choice::from(bit ^ swapped));
            swapped = bit;
            ladder.step(&x1);
        }
    }
    ladder.swap(Choice::from(swapped));
    scalar.zeroize();

    let quotient = mul(&relax(&ladder.x2), &relax(&invert(&ladder.z2)));
    let mut out = [0; KEY_LEN];
    fiat::fiat_25519_to_bytes(&mut out, &quotient);
    out
}

/// z^(p - 2), which is 1 / z, or 0 for 0. The exponent is 2^255 - 21.
fn invert(z: &Tight) -> Tight {
    let z1 = relax(z);
    let z2 = square(&z1);
    let z9 = mul(&z1, &relax(&square_times(&z2, 2)));
    let z11 = mul(&relax(&z2), &relax(&z9));
    // From here on the names say: all ones, so many bits.
    let ones5 = mul(&relax(&square_times(&z11, 1)), &relax(&z9));
    let ones10 = mul(&relax(&square_times(&ones5, 5)), &relax(&ones5));
    let ones20 = mul(&relax(&square_times(&ones10, 10)), &relax(&ones10));
    let ones40 = mul(&relax(&square_times(&ones20, 20)), &relax(&ones20));
    let ones50 = mul(&relax(&square_times(&ones40, 10)), &relax(&ones10));
    let ones100 = mul(&relax(&square_times(&ones50, 50)), &relax(&ones50));
    let ones200 = mul(&relax(&square_times(&ones100, 100)), &relax(&ones100));
    let ones250 = mul(&relax(&square_times(&ones200, 50)), &relax(&ones50));
    mul(&relax(&square_times(&ones250, 5)), &relax(&z11))
}

fn square_times(a: &Tight, times: u32) -> Tight {
    let mut out = *a;
    for _ in 0..times {
        out = square(&relax(&out));
    }
    out
}

#[inline(always)]
fn relax(a: &Tight) -> Loose {
    fiat::fiat_25519_loose_field_element(a.0)
}

#[inline(always)]
fn add(a: &Tight, b: &Tight) -> Loose {
    let mut out = relax(&ZERO);
    fiat::fiat_25519_add(&mut out, a, b);
    out
}

#[inline(always)]
fn sub(a: &Tight, b: &Tight) -> Loose {
    let mut out = relax(&ZERO);
    fiat::fiat_25519_sub(&mut out, a, b);
    out
}

fn mul(a: &Loose, b: &Loose) -> Tight {
    let mut out = ZERO;
    fiat::fiat_25519_carry_mul(&mut out, a, b);
    out
}

fn square(a: &Loose) -> Tight {
    let mut out = ZERO;
    fiat::fiat_25519_carry_square(&mut out, a);
    out
}

#[inline(always)]
fn square_loose(a: &Loose) -> Loose {
    relax(&square(a))
}

#[inline(always)]
fn times_121666(a: &Loose) -> Tight {
    let mut out = ZERO;
    fiat::fiat_25519_carry_scmul_121666(&mut out, a);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
