// SPDX-License-Identifier: GPL-2.0
//! The libraries, each through its cheapest interface: the key is set up before, sealing is in
//! place with the tag apart, opening goes from one part of a buffer to the other.
use crate::aead::KEY;

/// A library that seals and opens single messages.
pub trait Peer {
    fn seal(&mut self, nonce: [u8; 12], body: &mut [u8], tag: &mut [u8; 16]);

    /// `both` is room for the text, and then ciphertext and tag.
    fn open(&mut self, nonce: [u8; 12], both: &mut [u8]);
}

type Make = fn() -> Box<dyn Peer>;

pub const ALL: [(&str, Make); 4] = [
    ("ring", || Box::new(Ring::new())),
    ("aws-lc-rs", || Box::new(AwsLc::new())),
    ("rustcrypto", || Box::new(RustCrypto::new())),
    ("openssl", || Box::new(OpenSsl::new())),
];

/// Room for the text, ciphertext, tag.
fn parts(both: &mut [u8]) -> (&mut [u8], &[u8], &[u8; 16]) {
    let (plain, sealed) = both.split_at_mut((both.len() - 16) / 2);
    let (body, tag) = sealed.split_last_chunk().unwrap();
    (plain, body, tag)
}

struct Ring(ring::aead::LessSafeKey);

impl Ring {
    fn new() -> Self {
        let key = ring::aead::UnboundKey::new(&ring::aead::CHACHA20_POLY1305, &KEY).unwrap();
        Self(ring::aead::LessSafeKey::new(key))
    }
}

impl Peer for Ring {
    fn seal(&mut self, nonce: [u8; 12], body: &mut [u8], tag: &mut [u8; 16]) {
        use ring::aead::{Aad, Nonce};
        let nonce = Nonce::assume_unique_for_key(nonce);
        let made = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::empty(), body)
            .unwrap();
        tag.copy_from_slice(made.as_ref());
    }

    fn open(&mut self, nonce: [u8; 12], both: &mut [u8]) {
        use ring::aead::{Aad, Nonce};
        let nonce = Nonce::assume_unique_for_key(nonce);
        let len = (both.len() - 16) / 2;
        self.0
            .open_within(nonce, Aad::empty(), both, len..)
            .unwrap();
    }
}

struct AwsLc(aws_lc_rs::aead::LessSafeKey);

impl AwsLc {
    fn new() -> Self {
        use aws_lc_rs::aead::{LessSafeKey, UnboundKey, CHACHA20_POLY1305};
        Self(LessSafeKey::new(
            UnboundKey::new(&CHACHA20_POLY1305, &KEY).unwrap(),
        ))
    }
}

impl Peer for AwsLc {
    fn seal(&mut self, nonce: [u8; 12], body: &mut [u8], tag: &mut [u8; 16]) {
        use aws_lc_rs::aead::{Aad, Nonce};
        let nonce = Nonce::assume_unique_for_key(nonce);
        let made = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::empty(), body)
            .unwrap();
        tag.copy_from_slice(made.as_ref());
    }

    fn open(&mut self, nonce: [u8; 12], both: &mut [u8]) {
        use aws_lc_rs::aead::{Aad, Nonce};
        let nonce = Nonce::assume_unique_for_key(nonce);
        let (plain, body, tag) = parts(both);
        self.0
            .open_separate_gather(nonce, Aad::empty(), body, tag, plain)
            .unwrap();
    }
}

struct RustCrypto(chacha20poly1305::ChaCha20Poly1305);

impl RustCrypto {
    fn new() -> Self {
        use chacha20poly1305::KeyInit;
        Self(chacha20poly1305::ChaCha20Poly1305::new(&KEY.into()))
    }
}

impl Peer for RustCrypto {
    fn seal(&mut self, nonce: [u8; 12], body: &mut [u8], tag: &mut [u8; 16]) {
        use chacha20poly1305::aead::AeadInOut;
        let made = self
            .0
            .encrypt_inout_detached(&nonce.into(), &[], body.into())
            .unwrap();
        tag.copy_from_slice(&made);
    }

    fn open(&mut self, nonce: [u8; 12], both: &mut [u8]) {
        use chacha20poly1305::aead::{inout::InOutBuf, AeadInOut};
        let (plain, body, tag) = parts(both);
        let buffer = InOutBuf::new(body, plain).unwrap();
        self.0
            .decrypt_inout_detached(&nonce.into(), &[], buffer, &(*tag).into())
            .unwrap();
    }
}

/// EVP, with one context for each direction that keeps the key; a message sets only its nonce.
struct OpenSsl {
    sealing: openssl::cipher_ctx::CipherCtx,
    opening: openssl::cipher_ctx::CipherCtx,
}

impl OpenSsl {
    fn new() -> Self {
        use openssl::{cipher::Cipher, cipher_ctx::CipherCtx};
        let mut sealing = CipherCtx::new().unwrap();
        let mut opening = CipherCtx::new().unwrap();
        let cipher = Some(Cipher::chacha20_poly1305());
        sealing.encrypt_init(cipher, Some(&KEY), None).unwrap();
        opening.decrypt_init(cipher, Some(&KEY), None).unwrap();
        Self { sealing, opening }
    }
}

impl Peer for OpenSsl {
    fn seal(&mut self, nonce: [u8; 12], body: &mut [u8], tag: &mut [u8; 16]) {
        let ctx = &mut self.sealing;
        ctx.encrypt_init(None, None, Some(&nonce)).unwrap();
        ctx.cipher_update_inplace(body, body.len()).unwrap();
        ctx.cipher_final(&mut []).unwrap();
        ctx.tag(tag).unwrap();
    }

    fn open(&mut self, nonce: [u8; 12], both: &mut [u8]) {
        let ctx = &mut self.opening;
        let (plain, body, tag) = parts(both);
        ctx.decrypt_init(None, None, Some(&nonce)).unwrap();
        ctx.set_tag(tag).unwrap();
        ctx.cipher_update(body, Some(plain)).unwrap();
        ctx.cipher_final(&mut []).unwrap();
    }
}
