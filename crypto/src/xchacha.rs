// SPDX-License-Identifier: GPL-2.0
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha section 2), which seals cookies under a random nonce
//! (WireGuard paper section 5.4.7).
use zeroize::Zeroize;

use crate::aead::{open_contiguous, seal_contiguous, Key};
use crate::chacha20::hchacha20;

/// Seals one contiguous message under a 192-bit nonce. False, and `out` untouched, unless `out` is
/// 16 bytes longer than `plaintext`.
#[must_use]
pub fn xseal_slice(
    key: &Key,
    nonce: &[u8; 24],
    ad: &[u8],
    plaintext: &[u8],
    out: &mut [u8],
) -> bool {
    let (key, nonce) = derive(key, nonce);
    seal_contiguous(&key, nonce, ad, plaintext, out)
}

/// Opens one contiguous message under a 192-bit nonce. False if `out` is not 16 bytes shorter than
/// `ciphertext` (and is then untouched) or if the message is not authentic (`out` is then zeroed).
#[must_use]
pub fn xopen_slice(
    key: &Key,
    nonce: &[u8; 24],
    ad: &[u8],
    ciphertext: &[u8],
    out: &mut [u8],
) -> bool {
    let (key, nonce) = derive(key, nonce);
    open_contiguous(&key, nonce, ad, ciphertext, out)
}

/// The key and nonce words that the extended nonce stands for.
fn derive(key: &Key, nonce: &[u8; 24]) -> (Key, [u32; 3]) {
    let [n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15, last @ ..] = *nonce;
    let first = [
        n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15,
    ];
    let rest = u64::from_le_bytes(last);
    let mut subkey = hchacha20(key.as_bytes(), &first);
    let derived = Key::new(subkey);
    subkey.zeroize();
    (derived, [0, rest as u32, (rest >> 32) as u32])
}
