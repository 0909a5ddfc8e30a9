// SPDX-License-Identifier: GPL-2.0
//! Known answers for every primitive, checked whenever a module is loaded: a miscompiled or
//! wrongly dispatched build must not encrypt anything.
//!
//! The published vectors stand here as they are. Where none exist (64-bit counters, split and
//! batched messages), all outputs go into one BLAKE2s digest; the tests compute the same digest
//! with an independent library.
use core::cell::Cell;

use crate::aead::{self, Bytes, Job, Key, Verdict};
use crate::backend::{Backend, Portable};
use crate::blake2s::{self, Blake2s};
use crate::x25519::Curve;
use crate::TAG_LEN;

/// Lengths that fit on a small stack.
pub(crate) const SHORT: [usize; 12] = [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 192, 255];
/// Lengths that fill vector lanes, and lie beside such lengths.
pub(crate) const LONG: [usize; 12] = [
    256, 319, 320, 448, 511, 512, 513, 576, 1023, 1024, 1420, 2000,
];
/// How much memory [`self_test_of`] needs.
pub const SCRATCH_LEN: usize = 2 * (2000 + TAG_LEN);

/// The digest over [`SHORT`].
pub(crate) const SHORT_DIGEST: [u8; 32] = [
    0xdd, 0x3f, 0xa4, 0x51, 0xa4, 0xe8, 0x8b, 0xa2, 0x59, 0x47, 0x75, 0xd1, 0x12, 0x48, 0x18, 0x42,
    0x13, 0xde, 0xa2, 0x4a, 0x3c, 0x01, 0x14, 0x06, 0xa6, 0x60, 0xcc, 0x25, 0xbb, 0xfa, 0x67, 0x1d,
];
/// The digest over [`LONG`].
pub(crate) const LONG_DIGEST: [u8; 32] = [
    0x45, 0x75, 0xdd, 0x22, 0x30, 0x64, 0xae, 0xd9, 0xda, 0x2c, 0xb2, 0x21, 0x6c, 0xaf, 0x51, 0xcc,
    0x79, 0x49, 0x4b, 0xc5, 0x53, 0x8e, 0x0a, 0x28, 0xbb, 0x90, 0x9a, 0x66, 0xfc, 0x88, 0x8a, 0xc3,
];
/// What [`x_digest`] must give.
pub(crate) const X_DIGEST: [u8; 32] = [
    0x1a, 0xec, 0xc2, 0x92, 0x8f, 0xc4, 0x39, 0x5d, 0x79, 0xac, 0x40, 0xd0, 0x36, 0x8c, 0x89, 0x2e,
    0x5b, 0xa6, 0x5a, 0x74, 0x1c, 0x48, 0x38, 0x53, 0xb0, 0xc4, 0x5d, 0x13, 0x2f, 0x6e, 0x4a, 0xaa,
];
/// What [`kdf_digest`] must give.
pub(crate) const KDF_DIGEST: [u8; 32] = [
    0x78, 0x3c, 0x89, 0x7d, 0x51, 0x97, 0x50, 0x96, 0xf9, 0xce, 0x9a, 0xc7, 0xcc, 0x3a, 0xee, 0x9c,
    0x9b, 0xef, 0x4d, 0x71, 0xfc, 0x8c, 0x13, 0xf8, 0x19, 0x5a, 0xc5, 0x30, 0x5c, 0x17, 0x18, 0x4c,
];

/// The key of all messages here.
pub(crate) const KEY: [u8; 32] = *b"a key for tests: thirty-two byte";
/// Associated data is a prefix of this.
pub(crate) const AD: [u8; 16] = *b"associated data.";
/// The counter of a message, from its length and number; both halves of it vary.
pub(crate) const fn counter(len: usize, number: u64) -> u64 {
    (len as u64)
        .wrapping_mul(0x0001_0000_0001_0001)
        .wrapping_add(number)
}

/// Checks every primitive, the AEAD and X25519 by the portable code.
///
/// # Errors
///
/// The name of the first primitive that gave a wrong answer.
pub fn self_test() -> Result<(), &'static str> {
    check(blake2s_vector(), "BLAKE2s")?;
    check(kdf_digest() == KDF_DIGEST, "HMAC or key derivation")?;
    check(x25519_vectors(Curve::PORTABLE), "X25519")?;
    check(x_digest() == Some(X_DIGEST), "XChaCha20-Poly1305")?;
    let mut memory = [0; 2 * (255 + TAG_LEN)];
    let digest = aead_digest(&Portable, &SHORT, &mut memory);
    check(digest == Some(SHORT_DIGEST), "ChaCha20-Poly1305")
}

/// Checks the AEAD of a back end; `memory` has [`SCRATCH_LEN`] bytes and is overwritten.
///
/// # Errors
///
/// Which lengths gave a wrong answer.
pub fn self_test_of(
    backend: &impl Backend,
    memory: &mut [u8; SCRATCH_LEN],
) -> Result<(), &'static str> {
    let digest = aead_digest(backend, &SHORT, memory);
    check(digest == Some(SHORT_DIGEST), "short messages")?;
    let digest = aead_digest(backend, &LONG, memory);
    check(digest == Some(LONG_DIGEST), "long messages")
}

/// Checks X25519 by another code than the portable one.
///
/// # Errors
///
/// What gave a wrong answer.
pub fn self_test_of_curve(curve: Curve) -> Result<(), &'static str> {
    check(x25519_vectors(curve), "known answers")?;
    check(agrees(curve), "answers beside the portable code")
}

fn check(good: bool, what: &'static str) -> Result<(), &'static str> {
    good.then_some(()).ok_or(what)
}

/// RFC 7693, appendix B.
fn blake2s_vector() -> bool {
    let expected = [
        0x50, 0x8c, 0x5e, 0x8c, 0x32, 0x7c, 0x14, 0xe2, 0xe1, 0xa7, 0x2b, 0xa3, 0x4e, 0xeb, 0x45,
        0x2f, 0x37, 0x45, 0x8b, 0x20, 0x9e, 0xd6, 0x3a, 0x29, 0x4d, 0x99, 0x9b, 0x4c, 0x86, 0x67,
        0x59, 0x82,
    ];
    blake2s::hash(&[b"a", b"", b"bc"]) == expected
}

/// RFC 7748, section 6.1, and a point of low order.
fn x25519_vectors(curve: Curve) -> bool {
    let alice = [
        0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66,
        0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9,
        0x2c, 0x2a,
    ];
    let bob_public = [
        0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61, 0xc2, 0xec, 0xe4, 0x35,
        0x37, 0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78, 0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88,
        0x2b, 0x4f,
    ];
    let alice_public = [
        0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7,
        0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b,
        0x4e, 0x6a,
    ];
    let both = [
        0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72, 0x8e, 0x3b, 0xf4, 0x80, 0x35, 0x0f,
        0x25, 0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1, 0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16,
        0x17, 0x42,
    ];
    let shared = curve.shared(&alice, &bob_public);
    curve.public_key(&alice) == alice_public
        && shared.is_some_and(|secret| secret.as_bytes() == &both)
        && curve.shared(&alice, &[0; 32]).is_none()
}

/// Whether a few answers are those of the portable code, each of them the next question. Half of
/// the points have the bit set that is to be ignored.
fn agrees(curve: Curve) -> bool {
    let (mut secret, mut point) = (KEY, [0xff; 32]);
    for round in 0..8u8 {
        point[31] ^= round << 7;
        let public = Curve::PORTABLE.public_key(&secret);
        let Some(shared) = Curve::PORTABLE.shared(&secret, &point) else {
            return false;
        };
        if curve.public_key(&secret) != public
            || curve.shared(&secret, &point).as_ref() != Some(&shared)
        {
            return false;
        }
        (secret, point) = (*shared.as_bytes(), public);
    }
    true
}

/// A digest over the keyed hash, HMAC and each derived secret.
fn kdf_digest() -> [u8; 32] {
    let [k1] = blake2s::kdf1(&KEY, &AD);
    let [k2, k3] = blake2s::kdf2(k1.as_bytes(), &[]);
    let [k4, k5, k6] = blake2s::kdf3(k2.as_bytes(), &KEY);
    let mac = blake2s::mac16(&KEY, &[&AD, &KEY, &KEY]);
    let hmac = blake2s::hmac(&AD, &[&KEY, &mac]);
    let [k3, k4, k5, k6] = [k3, k4, k5, k6].map(|key| *key.as_bytes());
    blake2s::hash(&[&mac, &hmac, &k3, &k4, &k5, &k6])
}

/// A digest over one sealed message, if it opens again.
fn x_digest() -> Option<[u8; 32]> {
    let key = Key::new(KEY);
    let nonce = *b"a nonce for XChaCha, 24B";
    let mut sealed = [0; 32 + TAG_LEN];
    let mut opened = [0; 32];
    let good = aead::xseal_slice(&key, &nonce, &AD, &KEY, &mut sealed)
        && aead::xopen_slice(&key, &nonce, &AD, &sealed, &mut opened);
    (good && opened == KEY).then(|| blake2s::hash(&[&sealed]))
}

/// A digest over two sealed messages of each length, one whole and one cut in three, if both open
/// again and do not when changed.
fn aead_digest(backend: &impl Backend, lengths: &[usize], memory: &mut [u8]) -> Option<[u8; 32]> {
    let key = Key::new(KEY);
    let mut digest = Blake2s::new(32);
    for &len in lengths {
        let (first, rest) = memory.split_at_mut_checked(len.checked_add(TAG_LEN)?)?;
        let (second, _) = rest.split_at_mut_checked(first.len())?;
        fill(first);
        fill(second);
        two_messages(backend, &key, len, first, second, &mut digest)?;
    }
    let mut out = [0; 32];
    digest.finish(&mut out);
    Some(out)
}

/// The plaintext: byte i is i mod 251.
fn fill(bytes: &mut [u8]) {
    for (byte, value) in bytes.iter_mut().zip((0..251).cycle()) {
        *byte = value;
    }
}

fn two_messages(
    backend: &impl Backend,
    key: &Key,
    len: usize,
    first: &mut [u8],
    second: &mut [u8],
    digest: &mut Blake2s,
) -> Option<()> {
    let whole: Bytes<'_> = Cell::from_mut(&mut *first).as_slice_of_cells();
    let cut: Bytes<'_> = Cell::from_mut(&mut *second).as_slice_of_cells();
    let (body, _) = whole.split_at_checked(len)?;
    let (a, rest) = cut.split_at_checked(len / 3)?;
    let (b, tag) = rest.split_at_checked(len.checked_sub(a.len())?)?;
    let ad = AD.get(..len % 17)?;
    let (short, long) = ([body], [whole]);
    let (open_cut, sealed_cut) = ([a, b], [a, b, tag]);
    let both = |jobs: &[Job<'_>], verdict| jobs.iter().all(|job| job.verdict == verdict);

    let mut jobs = [
        Job::new(counter(len, 0), ad, &short, &long),
        Job::new(counter(len, 1), &[], &open_cut, &sealed_cut),
    ];
    backend.seal(key, &mut jobs);
    let sealed = both(&jobs, Verdict::Good);
    for cells in [whole, cut] {
        for chunk in cells.chunks(64) {
            let mut bytes = [0; 64];
            for (to, from) in bytes.iter_mut().zip(chunk) {
                *to = from.get();
            }
            digest.update(bytes.get(..chunk.len())?);
        }
    }

    let mut jobs = [
        Job::new(counter(len, 0), ad, &long, &short),
        Job::new(counter(len, 1), &[], &sealed_cut, &open_cut),
    ];
    backend.open(key, &mut jobs);
    let opened = both(&jobs, Verdict::Good)
        && [body, a].iter().all(|cells| {
            let expected = (0..251u8).cycle();
            cells
                .iter()
                .zip(expected)
                .all(|(cell, value)| cell.get() == value)
        });

    // The tags are still there, and do not belong to the plaintext.
    backend.open(key, &mut jobs);
    let refused = len == 0 || both(&jobs, Verdict::Forged) && body.iter().all(|c| c.get() == 0);
    (sealed && opened && refused).then_some(())
}
