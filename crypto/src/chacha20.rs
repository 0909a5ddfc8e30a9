// SPDX-License-Identifier: GPL-2.0
//! The ChaCha20 key stream, one block at a time, and HChaCha20 (RFC 8439 section 2.3,
//! draft-irtf-cfrg-xchacha section 2.2).
//!
//! One generator lives for one message. Blocks come out as eight little-endian 64-bit words, the
//! form in which both the data is mixed and Poly1305 reads it.
use zeroize::Zeroize;

use crate::poly1305::Poly1305;

/// "expand 32-byte k", the constant first row.
const SIGMA: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// A 64-byte block as words.
pub(crate) type Block = [u64; 8];

/// The key stream of one key and nonce.
pub(crate) struct ChaCha20 {
    state: [u32; 16],
}

impl ChaCha20 {
    /// The stream from its block 0 on; `nonce` is the 96-bit nonce of RFC 8439.
    pub(crate) fn new(key: &[u8; 32], nonce: [u32; 3]) -> Self {
        let mut state = [0; 16];
        let (head, tail) = state.split_at_mut(12);
        let (constants, key_words) = head.split_at_mut(4);
        constants.copy_from_slice(&SIGMA);
        load_words(key, key_words);
        if let [_, words @ ..] = tail {
            words.copy_from_slice(&nonce);
        }
        Self { state }
    }

    /// The next block of key stream.
    pub(crate) fn block(&mut self) -> Block {
        let mut x = self.state;
        rounds(&mut x);
        self.finish(x)
    }

    /// The next block of key stream; meanwhile four blocks of `data` are authenticated. The rounds
    /// wait for each other's results most of the time, and so do the multiplications.
    pub(crate) fn block_woven(&mut self, mac: &mut Poly1305, data: &Block) -> Block {
        let mut x = self.state;
        let mut pairs = data.chunks_exact(2);
        for _ in 0..5 {
            double_round(&mut x);
            if let Some([low, high]) = pairs.next() {
                mac.one(*low, *high);
            }
            double_round(&mut x);
        }
        self.finish(x)
    }

    /// Adds the first state to the last, and goes on to the next block.
    #[inline(always)]
    fn finish(&mut self, x: [u32; 16]) -> Block {
        let mut out = [0; 8];
        for (i, word) in out.iter_mut().enumerate() {
            let low = x[2 * i].wrapping_add(self.state[2 * i]);
            let high = x[2 * i + 1].wrapping_add(self.state[2 * i + 1]);
            *word = u64::from(low) | (u64::from(high) << 32);
        }
        self.state[12] = self.state[12].wrapping_add(1);
        out
    }
}

impl Drop for ChaCha20 {
    fn drop(&mut self) {
        self.state.zeroize();
    }
}

/// Derives the key under which the rest of an extended nonce is used.
pub(crate) fn hchacha20(key: &[u8; 32], nonce: &[u8; 16]) -> [u8; 32] {
    let mut x = [0; 16];
    let (head, tail) = x.split_at_mut(12);
    let (constants, key_words) = head.split_at_mut(4);
    constants.copy_from_slice(&SIGMA);
    load_words(key, key_words);
    load_words(nonce, tail);
    rounds(&mut x);

    let mut out = [0; 32];
    let (first, last) = (x.iter().take(4), x.iter().skip(12));
    for (bytes, word) in out.chunks_exact_mut(4).zip(first.chain(last)) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    x.zeroize();
    out
}

/// Reads little-endian words; both sides have the same length in bytes.
fn load_words(bytes: &[u8], words: &mut [u32]) {
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        if let Ok(bytes) = bytes.try_into() {
            *word = u32::from_le_bytes(bytes);
        }
    }
}

#[inline(always)]
fn quarter(x: &mut [u32; 16], a: usize, b: usize, c: usize, d: usize) {
    x[a] = x[a].wrapping_add(x[b]);
    x[d] = (x[d] ^ x[a]).rotate_left(16);
    x[c] = x[c].wrapping_add(x[d]);
    x[b] = (x[b] ^ x[c]).rotate_left(12);
    x[a] = x[a].wrapping_add(x[b]);
    x[d] = (x[d] ^ x[a]).rotate_left(8);
    x[c] = x[c].wrapping_add(x[d]);
    x[b] = (x[b] ^ x[c]).rotate_left(7);
}

/// The twenty rounds, without the final addition.
#[inline(always)]
fn rounds(x: &mut [u32; 16]) {
    for _ in 0..10 {
        double_round(x);
    }
}

/// A round on columns and one on diagonals.
#[inline(always)]
fn double_round(x: &mut [u32; 16]) {
    quarter(x, 0, 4, 8, 12);
    quarter(x, 1, 5, 9, 13);
    quarter(x, 2, 6, 10, 14);
    quarter(x, 3, 7, 11, 15);
    quarter(x, 0, 5, 10, 15);
    quarter(x, 1, 6, 11, 12);
    quarter(x, 2, 7, 8, 13);
    quarter(x, 3, 4, 9, 14);
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8439, section 2.3.2.
    #[test]
    fn block_of_the_rfc() {
        let key = core::array::from_fn(|i| i as u8);
        let mut cipher = ChaCha20::new(&key, [0x0900_0000, 0x4a00_0000, 0]);
        cipher.block();
        let bytes: std::vec::Vec<u8> = cipher
            .block()
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        assert_eq!(bytes[..8], [0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15]);
        assert_eq!(
            bytes[56..],
            [0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e][..]
        );
    }

    // draft-irtf-cfrg-xchacha, section 2.2.1.
    #[test]
    fn subkey_of_the_draft() {
        let key = core::array::from_fn(|i| i as u8);
        let nonce = [
            0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0, 0x31, 0x41, 0x59, 0x27,
        ];
        let out = hchacha20(&key, &nonce);
        assert_eq!(out[..8], [0x82, 0x41, 0x3b, 0x42, 0x27, 0xb2, 0x7b, 0xfe]);
        assert_eq!(
            out[24..],
            [0xc1, 0x2e, 0xc4, 0x13, 0x26, 0xd3, 0xec, 0xdc][..]
        );
    }
}
