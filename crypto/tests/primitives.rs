// SPDX-License-Identifier: GPL-2.0
//! BLAKE2s, HMAC and X25519 against independent libraries.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod common;

use blake2::digest::{Digest, KeyInit, Mac};
use common::Rng;
use wg_crypto::aead::{xopen_slice, xseal_slice, Key};
use wg_crypto::x25519::{self, Curve};
use wg_crypto::{blake2s, ct_eq, Secret};

#[test]
fn blake2s_of_every_length() {
    let mut rng = Rng::new(21);
    for len in 0..=300 {
        let input = rng.bytes(len);
        let (head, tail) = input.split_at(rng.below(len + 1));
        let expected: [u8; 32] = blake2::Blake2s256::digest(&input).into();
        assert_eq!(blake2s::hash(&[head, tail]), expected, "{len} bytes");

        let key_len = 1 + rng.below(32);
        let key = rng.bytes(key_len);
        let mut mac =
            blake2::Blake2sMac::<blake2::digest::consts::U16>::new_from_slice(&key).unwrap();
        Mac::update(&mut mac, &input);
        let expected: [u8; 16] = mac.finalize().into_bytes().into();
        assert_eq!(
            blake2s::mac16(&key, &[head, tail]),
            expected,
            "{len} bytes, keyed"
        );
    }
}

#[test]
fn hmac_of_any_key() {
    let mut rng = Rng::new(22);
    for key_len in [0, 1, 31, 32, 33, 63, 64, 65, 128, 200] {
        let data_len = rng.below(200);
        let (key, data) = (rng.bytes(key_len), rng.bytes(data_len));
        let mut mac = hmac::SimpleHmac::<blake2::Blake2s256>::new_from_slice(&key).unwrap();
        mac.update(&data);
        let expected: [u8; 32] = mac.finalize().into_bytes().into();
        assert_eq!(blake2s::hmac(&key, &[&data]), expected);
    }
}

#[test]
fn x25519_of_random_points() {
    let mut rng = Rng::new(23);
    for _ in 0..60 {
        let (secret, point) = (rng.array(), rng.array());
        let theirs = x25519_dalek::StaticSecret::from(secret);
        let public = x25519_dalek::PublicKey::from(&theirs);
        assert_eq!(&Curve::PORTABLE.public_key(&secret), public.as_bytes());
        let shared = theirs.diffie_hellman(&point.into());
        assert_eq!(
            Curve::PORTABLE.shared(&secret, &point).unwrap().as_bytes(),
            shared.as_bytes()
        );
    }
}

#[test]
fn clamping_is_idempotent_and_implied() {
    let mut rng = Rng::new(24);
    let secret = rng.array();
    let mut clamped = secret;
    x25519::clamp(&mut clamped);
    assert_eq!(clamped[0] & 7, 0);
    assert_eq!(clamped[31] & 0xc0, 0x40);
    assert_eq!(
        Curve::PORTABLE.public_key(&secret),
        Curve::PORTABLE.public_key(&clamped)
    );
}

#[test]
fn comparison() {
    assert!(ct_eq(b"same", b"same"));
    assert!(!ct_eq(b"same", b"sama"));
    assert!(!ct_eq(b"same", b"sam"));
    assert_eq!(Secret::new([1; 32]), Secret::new([1; 32]));
    assert_ne!(Secret::new([1; 32]), Secret::new([2; 32]));
}

#[test]
fn derived_keys_of_any_input() {
    let hmac = |key: &[u8], data: &[u8]| -> [u8; 32] {
        let mut mac = hmac::SimpleHmac::<blake2::Blake2s256>::new_from_slice(key).unwrap();
        mac.update(data);
        mac.finalize().into_bytes().into()
    };
    let mut rng = Rng::new(25);
    for len in 0..=200 {
        let (ck, input) = (rng.array(), rng.bytes(len));
        let key = hmac(&ck, &input);
        let first = hmac(&key, &[1]);
        let second = hmac(&key, &[&first[..], &[2]].concat());
        let third = hmac(&key, &[&second[..], &[3]].concat());
        let expected = [first, second, third].map(Secret::new);
        assert_eq!(blake2s::kdf1(&ck, &input)[..], expected[..1]);
        assert_eq!(blake2s::kdf2(&ck, &input)[..], expected[..2]);
        assert_eq!(blake2s::kdf3(&ck, &input), expected);
    }
}

#[test]
fn extended_nonces_of_every_length() {
    use chacha20poly1305::aead::{Aead, Payload};
    let mut rng = Rng::new(26);
    for len in 0..=300 {
        let (key, nonce) = (rng.array(), rng.array());
        let nonce: [u8; 24] = nonce[..24].try_into().unwrap();
        let (msg, aad) = (rng.bytes(len), rng.bytes(len % 37));
        let payload = Payload {
            msg: &msg,
            aad: &aad,
        };
        let theirs = chacha20poly1305::XChaCha20Poly1305::new(&key.into());
        let expected = theirs.encrypt(&nonce.into(), payload).unwrap();
        let key = Key::new(key);
        let mut sealed = vec![0; len + 16];
        assert!(xseal_slice(&key, &nonce, &aad, &msg, &mut sealed));
        assert_eq!(sealed, expected, "{len} bytes");
        let mut opened = vec![0; len];
        assert!(xopen_slice(&key, &nonce, &aad, &sealed, &mut opened));
        assert_eq!(opened, msg, "{len} bytes");

        let mut refused = |nonce: &[u8; 24], aad: &[u8], sealed: &[u8]| {
            opened.fill(0xa5);
            assert!(!xopen_slice(&key, nonce, aad, sealed, &mut opened));
            assert!(opened.iter().all(|byte| *byte == 0));
        };
        let bit = rng.below(192);
        let mut other = nonce;
        other[bit / 8] ^= 1 << (bit % 8);
        refused(&other, &aad, &sealed);
        refused(&nonce, &[&aad[..], &[0]].concat(), &sealed);
        let bit = rng.below(8 * sealed.len());
        sealed[bit / 8] ^= 1 << (bit % 8);
        refused(&nonce, &aad, &sealed);
        // Lengths that do not fit leave the destination alone.
        let mut other = vec![7; len + 1];
        assert!(!xopen_slice(&key, &nonce, &aad, &sealed, &mut other));
        assert!(!xseal_slice(&key, &nonce, &aad, &msg, &mut other));
        assert!(other.iter().all(|byte| *byte == 7));
    }
}

/// The points that every secret takes to zero (RFC 7748, section 6.1), with the bit that is to be
/// ignored and without.
#[test]
fn points_of_low_order_are_refused() {
    let mut eight = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ];
    let mut prime = [0xffu8; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let near = |by: i8| {
        let mut point = prime;
        point[0] = point[0].wrapping_add_signed(by);
        point
    };
    let one = std::array::from_fn(|i| u8::from(i == 0));
    let mut rng = Rng::new(27);
    for mut point in [[0; 32], one, eight, near(-1), near(0), near(1)] {
        let secret = rng.array();
        assert!(Curve::PORTABLE.shared(&secret, &point).is_none());
        point[31] |= 0x80;
        assert!(Curve::PORTABLE.shared(&secret, &point).is_none());
    }
    eight[0] ^= 1;
    assert!(Curve::PORTABLE.shared(&rng.array(), &eight).is_some());
}
