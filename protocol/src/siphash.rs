// SPDX-License-Identifier: GPL-2.0
//! SipHash-2-4 over whole 64-bit words: the keyed hash of tables that an attacker can fill.
//!
//! Aumasson and Bernstein, "SipHash: a fast short-input PRF". A message here is always a multiple
//! of eight bytes, read as little-endian words. There is no state but the key, which the owner of
//! the table draws at random.

/// The two halves of a random 128-bit key, as little-endian words.
#[derive(Clone, Copy)]
pub struct Key(pub u64, pub u64);

/// The hash of `words` under `key`.
pub fn hash(key: Key, words: &[u64]) -> u64 {
    let mut state = [
        key.0 ^ 0x736f_6d65_7073_6575,
        key.1 ^ 0x646f_7261_6e64_6f6d,
        key.0 ^ 0x6c79_6765_6e65_7261,
        key.1 ^ 0x7465_6462_7974_6573,
    ];
    for &word in words {
        absorb(&mut state, word);
    }
    // The last word of the padded message: no bytes left over, and the length modulo 256.
    absorb(&mut state, (words.len() as u64).wrapping_mul(8) << 56);
    state[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut state);
    }
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

fn absorb(state: &mut [u64; 4], word: u64) {
    state[3] ^= word;
    round(state);
    round(state);
    state[0] ^= word;
}

fn round([a, b, c, d]: &mut [u64; 4]) {
    *a = a.wrapping_add(*b);
    *c = c.wrapping_add(*d);
    *b = b.rotate_left(13) ^ *a;
    *d = d.rotate_left(16) ^ *c;
    *a = a.rotate_left(32).wrapping_add(*d);
    *c = c.wrapping_add(*b);
    *b = b.rotate_left(17) ^ *c;
    *d = d.rotate_left(21) ^ *a;
    *c = c.rotate_left(32);
}
