// SPDX-License-Identifier: GPL-2.0
//! X25519, by each code that runs here, against curve25519-dalek: public keys, shared secrets, points
//! of low order.
use wg_crypto::x25519::{clamp, Curve};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::{adx, planted, Script};

/// The points of small order, and what is above the field's prime (RFC 7748 section 5 and 6.1).
const SPECIAL: [[u8; 32]; 4] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    // The prime less 1, and 2^256 - 1.
    {
        let mut point = [0xff; 32];
        point[0] = 0xec;
        point[31] = 0x7f;
        point
    },
    [0xff; 32],
];

/// A scalar, a point, and some of their bits.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut point = match script.below(8) {
        at @ 0..4 => SPECIAL[at],
        4 => script.key(),
        _ => script.bytes(),
    };
    let mut secret: [u8; 32] = match script.below(4) {
        0 => script.key(),
        _ => script.bytes(),
    };
    if script.bool() {
        point[script.below(32)] ^= 1 << script.below(8);
        secret[script.below(32)] ^= 1 << script.below(8);
    }

    for curve in [Some(Curve::PORTABLE), adx::curve()].into_iter().flatten() {
        compare(curve, secret, point);
    }

    let mut clamped = secret;
    clamp(&mut clamped);
    let again = clamped;
    clamp(&mut clamped);
    assert_eq!(clamped, again);
}

fn compare(curve: Curve, secret: [u8; 32], point: [u8; 32]) {
    let theirs = StaticSecret::from(secret);
    let mut public = curve.public_key(&secret);
    if planted("x25519/public") && secret[0] & 7 == 7 {
        public[0] ^= 1;
    }
    assert_eq!(&public, PublicKey::from(&theirs).as_bytes());

    let expected = theirs.diffie_hellman(&point.into());
    let ours = curve.shared(&secret, &point);
    let mut zero = !expected.was_contributory();
    if planted("x25519/low-order") && point[1..] == [0; 31] {
        zero = false;
    }
    assert_eq!(ours.is_none(), zero, "low order");
    if let Some(ours) = ours {
        assert_eq!(ours.as_bytes(), expected.as_bytes());
    }
}
