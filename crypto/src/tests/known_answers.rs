// SPDX-License-Identifier: GPL-2.0
//! The digests of the self test, computed again with independent libraries.
use std::vec::Vec;

use blake2::digest::{Digest, KeyInit, Mac};
use chacha20poly1305::aead::{Aead, Payload};

use crate::self_test::*;

fn plaintext(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

fn digest_of(lengths: &[usize]) -> [u8; 32] {
    let cipher = chacha20poly1305::ChaCha20Poly1305::new(&KEY.into());
    let mut digest = blake2::Blake2s256::new();
    for &len in lengths {
        for (number, aad) in [(0, &AD[..len % 17]), (1, &[])] {
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&counter(len, number).to_le_bytes());
            let msg = plaintext(len);
            let payload = Payload { msg: &msg, aad };
            digest.update(cipher.encrypt(&nonce.into(), payload).unwrap());
        }
    }
    digest.finalize().into()
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = hmac::SimpleHmac::<blake2::Blake2s256>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// HKDF as the paper writes it.
fn kdf(ck: &[u8], input: &[u8], n: u8) -> Vec<[u8; 32]> {
    let key = hmac(ck, input);
    let mut out: Vec<[u8; 32]> = Vec::new();
    for i in 1..=n {
        let mut data = out.last().map(|t| t.to_vec()).unwrap_or_default();
        data.push(i);
        out.push(hmac(&key, &data));
    }
    out
}

#[test]
fn of_the_aead() {
    assert_eq!(
        digest_of(&SHORT),
        SHORT_DIGEST,
        "{:02x?}",
        digest_of(&SHORT)
    );
    assert_eq!(digest_of(&LONG), LONG_DIGEST, "{:02x?}", digest_of(&LONG));
}

#[test]
fn of_the_extended_nonce() {
    let cipher = chacha20poly1305::XChaCha20Poly1305::new(&KEY.into());
    let payload = Payload {
        msg: &KEY,
        aad: &AD,
    };
    let sealed = cipher
        .encrypt(&(*b"a nonce for XChaCha, 24B").into(), payload)
        .unwrap();
    let digest: [u8; 32] = blake2::Blake2s256::digest(sealed).into();
    assert_eq!(digest, X_DIGEST, "{digest:02x?}");
}

#[test]
fn of_the_key_derivation() {
    let k1 = kdf(&KEY, &AD, 1);
    let k2 = kdf(&k1[0], &[], 2);
    let k3 = kdf(&k2[0], &KEY, 3);
    let mut mac = blake2::Blake2sMac::<blake2::digest::consts::U16>::new_from_slice(&KEY).unwrap();
    for part in [&AD[..], &KEY, &KEY] {
        Mac::update(&mut mac, part);
    }
    let mac: [u8; 16] = mac.finalize().into_bytes().into();
    let hmac = hmac(&AD, &[&KEY[..], &mac].concat());

    let mut digest = blake2::Blake2s256::new();
    digest.update(mac);
    for part in [hmac, k2[1], k3[0], k3[1], k3[2]] {
        digest.update(part);
    }
    let digest: [u8; 32] = digest.finalize().into();
    assert_eq!(digest, KDF_DIGEST, "{digest:02x?}");
}

#[test]
fn self_test_passes() {
    assert_eq!(self_test(), Ok(()));
    assert_eq!(
        self_test_of(&crate::Portable, &mut [0; SCRATCH_LEN]),
        Ok(())
    );
}
