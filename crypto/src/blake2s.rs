// SPDX-License-Identifier: GPL-2.0
//! BLAKE2s (RFC 7693): the hash of the handshake, and keyed, the authenticator of its messages
//! (WireGuard paper sections 5.4 and 5.4.4). HMAC and the key derivation built on it are in a file
//! of their own and named here.
use zeroize::Zeroize;

pub use crate::kdf::{hmac, kdf1, kdf2, kdf3};

/// Length of the longest digest, and of the digest of [`hash`].
pub const HASH_LEN: usize = 32;
/// Length of a block of input.
pub(crate) const BLOCK_LEN: usize = 64;

const IV: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Which message word each step of each round takes (RFC 7693 section 2.7).
const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// A hash in the making; zeroed when dropped.
#[derive(Clone)]
pub struct Blake2s {
    h: [u32; 8],
    /// Bytes compressed so far.
    done: u64,
    /// Input not compressed yet: the last block can only be told from the others at the end.
    buffer: [u8; BLOCK_LEN],
    buffered: usize,
    out_len: usize,
}

impl Blake2s {
    /// A hash with a digest of `out_len` bytes: 1 to 32, other lengths become the nearest.
    #[must_use]
    pub fn new(out_len: usize) -> Self {
        Self::keyed(out_len, &[])
    }

    /// A keyed hash. A key has at most 32 bytes; what a longer one has beyond is not used.
    #[must_use]
    pub fn keyed(out_len: usize, key: &[u8]) -> Self {
        let out_len = out_len.clamp(1, HASH_LEN);
        let key = key.get(..HASH_LEN).unwrap_or(key);
        let mut h = IV;
        h[0] ^= 0x0101_0000 | ((key.len() as u32) << 8) | out_len as u32;
        let mut buffer = [0; BLOCK_LEN];
        for (to, from) in buffer.iter_mut().zip(key) {
            *to = *from;
        }
        Self {
            h,
            done: 0,
            buffer,
            buffered: if key.is_empty() { 0 } else { BLOCK_LEN },
            out_len,
        }
    }

    /// Takes more input.
    pub fn update(&mut self, mut input: &[u8]) {
        while !input.is_empty() {
            self.make_room();
            let Some(free) = self.buffer.get_mut(self.buffered..) else {
                return;
            };
            let (now, later) = input.split_at(free.len().min(input.len()));
            for (to, from) in free.iter_mut().zip(now) {
                *to = *from;
            }
            self.buffered = self.buffered.wrapping_add(now.len());
            input = later;
        }
    }

    /// Hashes a full buffer, which is not the last one: more input follows.
    fn make_room(&mut self) {
        if self.buffered == BLOCK_LEN {
            self.done = self.done.wrapping_add(BLOCK_LEN as u64);
            compress(&mut self.h, &self.buffer, self.done, false);
            self.buffered = 0;
        }
    }

    /// Writes the digest: as much of it as `out` holds.
    pub fn finish(mut self, out: &mut [u8]) {
        if let Some(unused) = self.buffer.get_mut(self.buffered..) {
            unused.fill(0);
        }
        self.done = self.done.wrapping_add(self.buffered as u64);
        compress(&mut self.h, &self.buffer, self.done, true);
        let digest = self.h.iter().flat_map(|word| word.to_le_bytes());
        for (to, from) in out.iter_mut().zip(digest.take(self.out_len)) {
            *to = from;
        }
    }
}

/// A key under which many messages are authenticated: its own block is hashed once, and not for
/// each of them. It is for keys that are no secret, as that of mac1, and wipes nothing.
pub struct MacKey {
    key: [u8; 32],
    /// After the key's block.
    h: [u32; 8],
}

impl MacKey {
    /// Readies a key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let mut state = Blake2s::keyed(16, key);
        state.make_room();
        Self {
            key: *key,
            h: state.h,
        }
    }

    /// The keyed 16-byte hash of a message.
    #[must_use]
    pub fn mac16(&self, message: &[u8]) -> [u8; 16] {
        if message.is_empty() {
            // The key's block is the last one, too.
            return mac16(&self.key, &[]);
        }
        let mut h = self.h;
        let mut done = BLOCK_LEN as u64;
        let mut rest = message;
        while let Some((block, more)) = rest.split_first_chunk::<BLOCK_LEN>() {
            if more.is_empty() {
                break;
            }
            done = done.wrapping_add(BLOCK_LEN as u64);
            compress(&mut h, block, done, false);
            rest = more;
        }
        let mut last = [0; BLOCK_LEN];
        if let Some(start) = last.get_mut(..rest.len()) {
            start.copy_from_slice(rest);
        }
        compress(&mut h, &last, done.wrapping_add(rest.len() as u64), true);
        let mut out = [0; 16];
        for (bytes, word) in out.chunks_exact_mut(4).zip(h) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        out
    }
}

impl Drop for Blake2s {
    fn drop(&mut self) {
        self.h.zeroize();
        self.buffer.zeroize();
    }
}

impl core::fmt::Debug for Blake2s {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Blake2s(..)")
    }
}

/// The 32-byte hash of the parts, one after the other.
#[must_use]
pub fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut state = Blake2s::new(HASH_LEN);
    for part in parts {
        state.update(part);
    }
    let mut out = [0; HASH_LEN];
    state.finish(&mut out);
    out
}

/// The keyed 16-byte hash of the parts: mac1, mac2 and cookies.
#[must_use]
pub fn mac16(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut state = Blake2s::keyed(16, key);
    for part in parts {
        state.update(part);
    }
    let mut out = [0; 16];
    state.finish(&mut out);
    out
}

#[inline(always)]
fn mix(v: &mut [u32; 16], a: usize, b: usize, c: usize, d: usize, x: u32, y: u32) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(12);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(8);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(7);
}

/// One round; the round's number is known when compiling, so each message word is a fixed one.
#[inline(always)]
fn round<const R: usize>(v: &mut [u32; 16], m: &[u32; 16]) {
    let s = &SIGMA[R];
    mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
    mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
    mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
    mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
    mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
    mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
    mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
    mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
}

/// The compression function F (RFC 7693 section 3.2).
fn compress(h: &mut [u32; 8], block: &[u8; BLOCK_LEN], counter: u64, last: bool) {
    let mut m = [0; 16];
    for (word, bytes) in m.iter_mut().zip(block.chunks_exact(4)) {
        if let Ok(bytes) = bytes.try_into() {
            *word = u32::from_le_bytes(bytes);
        }
    }
    let mut v = [0; 16];
    let (low, high) = v.split_at_mut(8);
    low.copy_from_slice(h);
    high.copy_from_slice(&IV);
    v[12] ^= counter as u32;
    v[13] ^= (counter >> 32) as u32;
    if last {
        v[14] = !v[14];
    }

    round::<0>(&mut v, &m);
    round::<1>(&mut v, &m);
    round::<2>(&mut v, &m);
    round::<3>(&mut v, &m);
    round::<4>(&mut v, &m);
    round::<5>(&mut v, &m);
    round::<6>(&mut v, &m);
    round::<7>(&mut v, &m);
    round::<8>(&mut v, &m);
    round::<9>(&mut v, &m);

    let (low, high) = v.split_at(8);
    for ((word, low), high) in h.iter_mut().zip(low).zip(high) {
        *word ^= low ^ high;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The deterministic bytes of RFC 7693, appendix E.
    fn sequence(len: usize, seed: u32) -> std::vec::Vec<u8> {
        let mut a = 0xDEAD_4BADu32.wrapping_mul(seed);
        let mut b = 1u32;
        let mut next = || {
            let t = a.wrapping_add(b);
            a = b;
            b = t;
            (t >> 24) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn a_ready_key_makes_the_same_macs() {
        let key = [7; 32];
        let ready = MacKey::new(&key);
        for len in [0, 1, 60, 63, 64, 65, 116, 128, 129] {
            let message = sequence(len, 3);
            assert_eq!(ready.mac16(&message), mac16(&key, &[&message]), "{len}");
        }
    }

    // RFC 7693, appendix E: a hash over digests of all shapes.
    #[test]
    fn self_test_of_the_rfc() {
        let expected = [
            0x6A, 0x41, 0x1F, 0x08, 0xCE, 0x25, 0xAD, 0xCD, 0xFB, 0x02, 0xAB, 0xA6, 0x41, 0x45,
            0x1C, 0xEC, 0x53, 0xC5, 0x98, 0xB2, 0x4F, 0x4F, 0xC7, 0x87, 0xFB, 0xDC, 0x88, 0x79,
            0x7F, 0x4C, 0x1D, 0xFE,
        ];
        let mut all = Blake2s::new(32);
        for out_len in [16usize, 20, 28, 32] {
            for in_len in [0usize, 3, 64, 65, 255, 1024] {
                let input = sequence(in_len, in_len as u32);
                let key = sequence(out_len, out_len as u32);
                for key in [&[][..], &key] {
                    let mut digest = [0; 32];
                    let mut state = Blake2s::keyed(out_len, key);
                    state.update(&input);
                    state.finish(&mut digest);
                    all.update(&digest[..out_len]);
                }
            }
        }
        let mut digest = [0; 32];
        all.finish(&mut digest);
        assert_eq!(digest, expected);
    }
}
