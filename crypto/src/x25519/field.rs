// SPDX-License-Identifier: GPL-2.0
//! The field of 2^255 - 19: the formally verified arithmetic of the fiat-crypto crate, with results
//! returned. All of it can run when compiling as well, for tables.
use fiat_crypto::curve25519_64 as fiat;

/// A field element as additions take it and multiplications give it.
pub(super) type Tight = fiat::fiat_25519_tight_field_element;
/// A field element as multiplications take it and additions give it.
pub(super) type Loose = fiat::fiat_25519_loose_field_element;

pub(super) const ZERO: Tight = fiat::fiat_25519_tight_field_element([0; 5]);
pub(super) const ONE: Tight = fiat::fiat_25519_tight_field_element([1, 0, 0, 0, 0]);

/// The element with this little-endian representation, whose last bit is clear.
pub(super) const fn from_bytes(bytes: &[u8; 32]) -> Tight {
    let mut out = ZERO;
    fiat::fiat_25519_from_bytes(&mut out, bytes);
    out
}

/// The canonical representation.
pub(super) fn to_bytes(a: &Tight) -> [u8; 32] {
    let mut out = [0; 32];
    fiat::fiat_25519_to_bytes(&mut out, a);
    out
}

/// z^(p - 2), which is 1 / z, or 0 for 0. The exponent is 2^255 - 21.
pub(super) const fn invert(z: &Tight) -> Tight {
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

const fn square_times(a: &Tight, times: u32) -> Tight {
    let mut out = *a;
    let mut done = 0;
    while done < times {
        out = square(&relax(&out));
        done = done.wrapping_add(1);
    }
    out
}

#[inline(always)]
pub(super) const fn relax(a: &Tight) -> Loose {
    fiat::fiat_25519_loose_field_element(a.0)
}

#[inline(always)]
pub(super) const fn add(a: &Tight, b: &Tight) -> Loose {
    let mut out = relax(&ZERO);
    fiat::fiat_25519_add(&mut out, a, b);
    out
}

#[inline(always)]
pub(super) const fn sub(a: &Tight, b: &Tight) -> Loose {
    let mut out = relax(&ZERO);
    fiat::fiat_25519_sub(&mut out, a, b);
    out
}

pub(super) const fn mul(a: &Loose, b: &Loose) -> Tight {
    let mut out = ZERO;
    fiat::fiat_25519_carry_mul(&mut out, a, b);
    out
}

pub(super) const fn square(a: &Loose) -> Tight {
    let mut out = ZERO;
    fiat::fiat_25519_carry_square(&mut out, a);
    out
}

/// A loose element as a tight one.
#[inline(always)]
pub(super) const fn carry(a: &Loose) -> Tight {
    let mut out = ZERO;
    fiat::fiat_25519_carry(&mut out, a);
    out
}

#[inline(always)]
pub(super) const fn times_121666(a: &Loose) -> Tight {
    let mut out = ZERO;
    fiat::fiat_25519_carry_scmul_121666(&mut out, a);
    out
}
