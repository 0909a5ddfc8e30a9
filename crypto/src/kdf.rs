// SPDX-License-Identifier: GPL-2.0
//! HMAC over BLAKE2s (RFC 2104) and the key derivation of the handshake (WireGuard paper section
//! 5.4, `Kdf_n`), which is HKDF (RFC 5869) without a fixed info.
use zeroize::Zeroize;

use crate::blake2s::{Blake2s, BLOCK_LEN, HASH_LEN};
use crate::{Secret, KEY_LEN};

/// A keyed HMAC. Both halves have taken their block of key, so that a clone for the next message
/// under the same key costs nothing.
#[derive(Clone)]
struct Hmac {
    inner: Blake2s,
    outer: Blake2s,
}

impl Hmac {
    fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK_LEN];
        if key.len() > BLOCK_LEN {
            let mut state = Blake2s::new(HASH_LEN);
            state.update(key);
            state.finish(&mut block);
        } else {
            for (to, from) in block.iter_mut().zip(key) {
                *to = *from;
            }
        }
        let half = |block: &mut [u8; BLOCK_LEN], pad: u8| {
            block.iter_mut().for_each(|byte| *byte ^= pad);
            let mut state = Blake2s::new(HASH_LEN);
            state.update(block);
            state
        };
        let inner = half(&mut block, 0x36);
        let outer = half(&mut block, 0x36 ^ 0x5c);
        block.zeroize();
        Self { inner, outer }
    }

    fn finish(mut self, parts: &[&[u8]]) -> [u8; HASH_LEN] {
        let mut out = [0; HASH_LEN];
        for part in parts {
            self.inner.update(part);
        }
        self.inner.finish(&mut out);
        self.outer.update(&out);
        self.outer.finish(&mut out);
        out
    }
}

/// HMAC-BLAKE2s-256 of the parts, one after the other.
#[must_use]
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    Hmac::new(key).finish(parts)
}

/// Derives one secret from a chaining key and an input.
#[must_use]
pub fn kdf1(ck: &[u8; 32], input: &[u8]) -> [Secret; 1] {
    derive(ck, input)
}

/// Derives two secrets from a chaining key and an input.
#[must_use]
pub fn kdf2(ck: &[u8; 32], input: &[u8]) -> [Secret; 2] {
    derive(ck, input)
}

/// Derives three secrets from a chaining key and an input.
#[must_use]
pub fn kdf3(ck: &[u8; 32], input: &[u8]) -> [Secret; 3] {
    derive(ck, input)
}

fn derive<const N: usize>(ck: &[u8; KEY_LEN], input: &[u8]) -> [Secret; N] {
    let mut extracted = hmac(ck, &[input]);
    let keyed = Hmac::new(&extracted);
    extracted.zeroize();

    let mut previous = [0; HASH_LEN];
    let mut number = 0u8;
    let out = core::array::from_fn(|_| {
        number = number.wrapping_add(1);
        let before: &[u8] = if number == 1 { &[] } else { &previous };
        previous = keyed.clone().finish(&[before, &[number]]);
        Secret::new(previous)
    });
    previous.zeroize();
    out
}
