// SPDX-License-Identifier: GPL-2.0
//! BLAKE2s, HMAC and X25519 against independent libraries.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod common;

use blake2::digest::{Digest, KeyInit, Mac};
use common::Rng;
use wg_crypto::{blake2s, ct_eq, x25519, Secret};

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
        assert_eq!(&x25519::public_key(&secret), public.as_bytes());
        let shared = theirs.diffie_hellman(&point.into());
        assert_eq!(
            x25519::shared(&secret, &point).unwrap().as_bytes(),
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
    assert_eq!(x25519::public_key(&secret), x25519::public_key(&clamped));
}

#[test]
fn comparison() {
    assert!(ct_eq(b"same", b"same"));
    assert!(!ct_eq(b"same", b"sama"));
    assert!(!ct_eq(b"same", b"sam"));
    assert_eq!(Secret::new([1; 32]), Secret::new([1; 32]));
    assert_ne!(Secret::new([1; 32]), Secret::new([2; 32]));
}
