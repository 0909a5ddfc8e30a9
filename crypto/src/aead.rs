// SPDX-License-Identifier: GPL-2.0
//! ChaCha20-Poly1305 (RFC 8439 section 2.8) over lists of jobs, as the data path and the handshake
//! use it (WireGuard paper section 5.4: 32 zero bits, then the 64-bit counter, make the nonce).
//!
//! A job is one message. Its bytes are shared cells, so that the same safe code works from a source
//! to a fresh buffer and in place, and they may be cut into segments anywhere. Every source byte is
//! read once: what was authenticated is what was decrypted, even if someone else writes meanwhile.
use core::cell::Cell;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::backend::{Backend, Portable};
use crate::chacha20::ChaCha20;
use crate::poly1305::Poly1305;
use crate::segments::{bytes_of, total, words_of, Cursor};
use crate::{KEY_LEN, TAG_LEN};

pub use crate::xchacha::{xopen_slice, xseal_slice};

/// The longest message: its blocks number one less than 2^32, the first being the tag's key.
const MAX_LEN: u64 = 0xffff_ffff * 64;

/// A key of the AEAD; zeroed when dropped.
#[derive(Clone)]
pub struct Key([u8; KEY_LEN]);

impl Key {
    /// Takes the bytes over. The caller's own copy, if it keeps one, stays the caller's to zero.
    #[must_use]
    pub const fn new(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Bytes as shared cells: source and destination may be the very same memory.
pub type Bytes<'a> = &'a [Cell<u8>];

/// What became of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Not worked on yet.
    Pending,
    /// Sealed, or opened and authentic.
    Good,
    /// Not authentic; the destination holds zeros.
    Forged,
    /// The lengths do not fit each other; nothing was written.
    BadLength,
}

/// One message to seal or to open.
///
/// `src` and `dst` are the same memory position by position, or do not overlap at all.
#[derive(Debug)]
pub struct Job<'a> {
    /// The nonce: 32 zero bits, then this in little endian.
    pub counter: u64,
    /// The associated data.
    pub ad: &'a [u8],
    /// What is read: plaintext to seal, ciphertext and tag to open.
    pub src: &'a [Bytes<'a>],
    /// What is written: ciphertext and tag, or plaintext.
    pub dst: &'a [Bytes<'a>],
    /// The outcome; [`Verdict::Pending`] before.
    pub verdict: Verdict,
}

impl<'a> Job<'a> {
    /// A job not worked on yet.
    #[must_use]
    pub fn new(counter: u64, ad: &'a [u8], src: &'a [Bytes<'a>], dst: &'a [Bytes<'a>]) -> Self {
        Self {
            counter,
            ad,
            src,
            dst,
            verdict: Verdict::Pending,
        }
    }
}

/// Seals each job on the portable back end: `dst` must be 16 bytes longer than `src`.
pub fn seal(key: &Key, jobs: &mut [Job<'_>]) {
    Portable.seal(key, jobs);
}

/// Opens each job on the portable back end: `dst` must be 16 bytes shorter than `src`. Where the
/// verdict is [`Verdict::Forged`], `dst` is zeroed.
pub fn open(key: &Key, jobs: &mut [Job<'_>]) {
    Portable.open(key, jobs);
}

/// Seals one contiguous message. False, and `out` untouched, unless `out` is 16 bytes longer than
/// `plaintext`.
#[must_use]
pub fn seal_slice(key: &Key, counter: u64, ad: &[u8], plaintext: &[u8], out: &mut [u8]) -> bool {
    seal_contiguous(key, nonce_words(counter), ad, plaintext, out)
}

/// Opens one contiguous message. False if `out` is not 16 bytes shorter than `ciphertext` (and is
/// then untouched) or if the message is not authentic (`out` is then zeroed).
#[must_use]
pub fn open_slice(key: &Key, counter: u64, ad: &[u8], ciphertext: &[u8], out: &mut [u8]) -> bool {
    open_contiguous(key, nonce_words(counter), ad, ciphertext, out)
}

/// The three nonce words of a counter.
pub(crate) fn nonce_words(counter: u64) -> [u32; 3] {
    [0, counter as u32, (counter >> 32) as u32]
}

pub(crate) fn seal_contiguous(
    key: &Key,
    nonce: [u32; 3],
    ad: &[u8],
    plaintext: &[u8],
    out: &mut [u8],
) -> bool {
    if plaintext.len().checked_add(TAG_LEN) != Some(out.len()) {
        return false;
    }
    let (body, _) = out.split_at_mut(plaintext.len());
    body.copy_from_slice(plaintext);
    let cells: Bytes<'_> = Cell::from_mut(out).as_slice_of_cells();
    let (body, _) = cells.split_at(plaintext.len());
    seal_segments(key, nonce, ad, &[body], &[cells]) == Verdict::Good
}

pub(crate) fn open_contiguous(
    key: &Key,
    nonce: [u32; 3],
    ad: &[u8],
    ciphertext: &[u8],
    out: &mut [u8],
) -> bool {
    let Some((body, tag)) = ciphertext.split_last_chunk::<TAG_LEN>() else {
        return false;
    };
    if body.len() != out.len() {
        return false;
    }
    out.copy_from_slice(body);
    let mut tag = *tag;
    let tag: Bytes<'_> = Cell::from_mut(&mut tag[..]).as_slice_of_cells();
    let out: Bytes<'_> = Cell::from_mut(out).as_slice_of_cells();
    open_segments(key, nonce, ad, &[out, tag], &[out]) == Verdict::Good
}

/// Seals one message, portably.
pub(crate) fn seal_segments(
    key: &Key,
    nonce: [u32; 3],
    ad: &[u8],
    src: &[Bytes<'_>],
    dst: &[Bytes<'_>],
) -> Verdict {
    let Some(len) = body_len(src, dst) else {
        return Verdict::BadLength;
    };
    let mut from = Cursor::new(src);
    let mut to = Cursor::new(dst);
    let tag = pass::<true>(key, nonce, ad, len, &mut from, &mut to);
    to.write(&tag);
    Verdict::Good
}

/// Opens one message, portably.
pub(crate) fn open_segments(
    key: &Key,
    nonce: [u32; 3],
    ad: &[u8],
    src: &[Bytes<'_>],
    dst: &[Bytes<'_>],
) -> Verdict {
    let Some(len) = body_len(dst, src) else {
        return Verdict::BadLength;
    };
    let mut from = Cursor::new(src);
    let mut to = Cursor::new(dst);
    let tag = pass::<false>(key, nonce, ad, len, &mut from, &mut to);
    let mut received = [0; TAG_LEN];
    from.read(&mut received);
    if tag.ct_eq(&received).into() {
        return Verdict::Good;
    }
    for cell in dst.iter().copied().flatten() {
        cell.set(0);
    }
    Verdict::Forged
}

/// The length of the plaintext, if the sealed side is longer by a tag.
fn body_len(plain: &[Bytes<'_>], sealed: &[Bytes<'_>]) -> Option<usize> {
    let len = total(plain)?;
    let fits = len.checked_add(TAG_LEN) == total(sealed) && len as u64 <= MAX_LEN;
    fits.then_some(len)
}

/// Ciphers `len` bytes and authenticates the ciphertext in one pass; returns the tag.
fn pass<const SEAL: bool>(
    key: &Key,
    nonce: [u32; 3],
    ad: &[u8],
    len: usize,
    from: &mut Cursor<'_>,
    to: &mut Cursor<'_>,
) -> [u8; TAG_LEN] {
    let mut cipher = ChaCha20::new(key.as_bytes(), nonce);
    let mut mac = Poly1305::new(&cipher.block());
    mac.padded(ad);

    let mut left = len;
    // When sealing, the ciphertext of one block is authenticated while the next one's key stream is
    // made; when opening, that of the same block.
    let mut sealed = None;
    while left >= 64 {
        let mut data = from.read_block();
        let known = if SEAL { sealed } else { Some(data) };
        let stream = match known {
            Some(data) => cipher.block_woven(&mut mac, &data),
            None => cipher.block(),
        };
        for (word, stream) in data.iter_mut().zip(stream) {
            *word ^= stream;
        }
        to.write_block(&data);
        if SEAL {
            sealed = Some(data);
        }
        left = left.wrapping_sub(64);
    }
    if let Some(data) = sealed {
        mac.four(&data);
    }

    let mut bytes = [0; 64];
    if let Some(tail) = bytes.get_mut(..left).filter(|tail| !tail.is_empty()) {
        from.read(tail);
        if !SEAL {
            mac.padded(tail);
        }
        let stream = bytes_of(&cipher.block());
        for (byte, stream) in tail.iter_mut().zip(stream) {
            *byte ^= stream;
        }
        if SEAL {
            mac.padded(tail);
        }
        to.write(tail);
        // What was decrypted may be secret.
        let mut words = words_of(&bytes);
        words.zeroize();
    }

    mac.one(ad.len() as u64, len as u64);
    mac.finish().to_le_bytes()
}
