// SPDX-License-Identifier: GPL-2.0
//! What is run with its secrets marked: every primitive, and the AEAD on every level.
//!
//! Each subject also makes sure that the marks have reached its output, before it takes them off:
//! a check through which no secret flows would pass always.
use std::cell::Cell;

use wg_crypto::aead::{xopen_slice, xseal_slice, Bytes, Job, Key, Verdict};
use wg_crypto::x25519::Curve;
use wg_crypto::{blake2s, Backend, Portable, TAG_LEN};
use wg_simd as _;
use wg_simd_link::{Level, Vector};

use crate::valgrind::{public, secret, tainted};

/// A subject: what it is called, what it needs that this processor may lack, and the run.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) usable: fn() -> bool,
    /// With false what can only make, with true what can also refuse.
    pub(crate) run: fn(bool),
}

/// All of them.
pub(crate) const SUBJECTS: &[Subject] = &[
    subject("AEAD, portable", |refusing| aead(&Portable, refusing)),
    Subject {
        name: "AEAD, SSSE3",
        usable: || is_x86_feature_detected!("ssse3"),
        // SAFETY: `usable` has looked.
        run: |refusing| aead(&unsafe { Vector::new(Level::Ssse3) }, refusing),
    },
    Subject {
        name: "AEAD, AVX2",
        usable: || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2"),
        // SAFETY: `usable` has looked.
        run: |refusing| aead(&unsafe { Vector::new(Level::Avx2) }, refusing),
    },
    subject("XChaCha20-Poly1305", xchacha),
    subject("X25519, portable", |agreeing| {
        x25519(Curve::PORTABLE, agreeing);
    }),
    Subject {
        name: "X25519, BMI2 and ADX",
        // Valgrind knows the instructions of ADX, but does not announce them: `answers` in crypto/adx
        // is for what the processor has.
        usable: || is_x86_feature_detected!("bmi2"),
        // SAFETY: under valgrind, as `main` has made sure; and `usable` has looked.
        run: |agreeing| x25519(unsafe { wg_adx::curve() }, agreeing),
    },
    subject("BLAKE2s, keyed, HMAC and key derivation", blake2s),
    subject("comparison", comparison),
];

const fn subject(name: &'static str, run: fn(bool)) -> Subject {
    Subject {
        name,
        usable: || true,
        run,
    }
}

/// Bytes that differ from call to call of the same length only by `seed`.
fn bytes(len: usize, seed: u8) -> Vec<u8> {
    (0..len)
        .map(|i| (i as u8).wrapping_mul(167) ^ seed)
        .collect()
}

fn cells(bytes: &mut [u8]) -> Bytes<'_> {
    Cell::from_mut(bytes).as_slice_of_cells()
}

fn key() -> Key {
    let mut key = [0x42; 32];
    secret(&mut key);
    Key::new(key)
}

/// All of these bytes must carry the mark; then it is taken off.
fn declassify(bytes: &[u8], what: &str) {
    let marked = tainted(bytes);
    assert_eq!(marked, bytes.len(), "{what}: the secret did not get there");
    public(bytes);
}

/// Lengths around blocks and lanes; alone, cut in three, and in lists.
fn aead(backend: &impl Backend, opening: bool) {
    let list = |lengths: &[usize], cut| {
        let key = key();
        if opening {
            open(backend, &key, lengths, cut);
        } else {
            seal(backend, &key, lengths, cut);
        }
    };
    let lengths = [
        0, 1, 15, 16, 63, 64, 65, 128, 255, 256, 511, 512, 576, 1024, 1420, 2100,
    ];
    for len in lengths {
        list(&[len], false);
        list(&[len], true);
    }
    list(&lengths, true);
    list(&[64; 16], false);
    list(&[1420; 5], false);
}

/// Seals messages of these lengths, and returns what everybody may see.
fn seal(backend: &impl Backend, key: &Key, lengths: &[usize], cut: bool) -> Vec<Vec<u8>> {
    let mut plain: Vec<Vec<u8>> = lengths.iter().map(|len| bytes(*len, 3)).collect();
    let mut sealed: Vec<Vec<u8>> = lengths.iter().map(|len| bytes(len + TAG_LEN, 5)).collect();
    plain.iter_mut().for_each(|bytes| secret(&mut bytes[..]));
    run(&mut plain, &mut sealed, cut, Verdict::Good, |jobs| {
        backend.seal(key, jobs);
    });
    sealed
        .iter()
        .for_each(|bytes| declassify(bytes, "ciphertext"));
    sealed
}

/// Opens messages, and opens them once more when one bit of each has changed.
fn open(backend: &impl Backend, key: &Key, lengths: &[usize], cut: bool) {
    let mut sealed = seal(backend, key, lengths, cut);
    let mut plain: Vec<Vec<u8>> = lengths.iter().map(|len| vec![0; *len]).collect();
    run(&mut sealed, &mut plain, cut, Verdict::Good, |jobs| {
        backend.open(key, jobs);
    });
    for (opened, len) in plain.iter().zip(lengths) {
        declassify(opened, "plaintext");
        assert_eq!(*opened, bytes(*len, 3));
    }

    for bytes in &mut sealed {
        let at = bytes.len() / 2;
        bytes[at] ^= 0x10;
    }
    run(&mut sealed, &mut plain, cut, Verdict::Forged, |jobs| {
        backend.open(key, jobs);
    });
    for wiped in &plain {
        // Nothing of the secret is left, not even in the marks.
        assert_eq!(tainted(wiped), 0, "a refused message left something");
        assert!(wiped.iter().all(|byte| *byte == 0));
    }
}

fn run(
    from: &mut [Vec<u8>],
    to: &mut [Vec<u8>],
    cut: bool,
    verdict: Verdict,
    work: impl Fn(&mut [Job<'_>]),
) {
    let segments: Vec<_> = from
        .iter_mut()
        .zip(to)
        .map(|(from, to)| (segments(from, cut), segments(to, cut)))
        .collect();
    let mut jobs: Vec<Job<'_>> = segments
        .iter()
        .map(|(from, to)| Job::new(77, b"associated", from, to))
        .collect();
    work(&mut jobs);
    for job in &jobs {
        // Whether a message was authentic shows in what happens next.
        public(&job.verdict);
        assert_eq!(job.verdict, verdict);
    }
}

fn segments(bytes: &mut [u8], cut: bool) -> Vec<Bytes<'_>> {
    let all = cells(bytes);
    let (head, tail) = all.split_at(if cut { all.len() / 3 } else { 0 });
    let (middle, tail) = tail.split_at(if cut { tail.len() / 2 } else { 0 });
    vec![head, middle, tail]
}

fn xchacha(opening: bool) {
    let key = key();
    for len in [0, 16, 100] {
        let mut plain = bytes(len, 9);
        secret(&mut plain[..]);
        let mut sealed = vec![0; len + TAG_LEN];
        assert!(xseal_slice(&key, &[7; 24], b"ad", &plain, &mut sealed));
        declassify(&sealed, "sealed");
        if !opening {
            continue;
        }
        let mut opened = vec![0; len];
        let good = xopen_slice(&key, &[7; 24], b"ad", &sealed, &mut opened);
        public(&good);
        assert!(good);
        declassify(&opened, "opened");
        sealed[len / 2] ^= 1;
        let good = xopen_slice(&key, &[7; 24], b"ad", &sealed, &mut opened);
        public(&good);
        assert!(!good);
    }
}

fn x25519(curve: Curve, agreeing: bool) {
    for seed in [0x11, 0x77] {
        let mut private: [u8; 32] = bytes(32, seed).try_into().expect("32 bytes");
        secret(&mut private);
        let public_key = curve.public_key(&private);
        declassify(&public_key, "public key");

        if !agreeing {
            continue;
        }
        // An ephemeral key of the other side came encrypted at times; it is no one's to know.
        let mut point = public_key;
        secret(&mut point);
        let shared = curve.shared(&private, &point);
        let shared = shared.expect("no point of low order");
        declassify(shared.as_bytes(), "shared secret");

        let zero = curve.shared(&private, &[0; 32]);
        assert!(zero.is_none());
    }
}

/// None of these refuses anything.
fn blake2s(_: bool) {
    for len in [0, 1, 63, 64, 65, 148, 300] {
        let mut key: [u8; 32] = bytes(32, 1).try_into().expect("32 bytes");
        let mut input = bytes(len, 2);
        secret(&mut key);
        secret(&mut input[..]);
        declassify(&blake2s::mac16(&key, &[&input]), "keyed hash");
        declassify(&blake2s::hash(&[&key, &input]), "hash");
        declassify(&blake2s::hmac(&key, &[&input, &input]), "HMAC");
        let mut long = bytes(100, 4);
        secret(&mut long[..]);
        declassify(&blake2s::hmac(&long, &[&input]), "HMAC with a long key");
        for derived in blake2s::kdf3(&key, &input) {
            declassify(derived.as_bytes(), "derived key");
        }
        let [a, b] = blake2s::kdf2(&key, &input);
        declassify(a.as_bytes(), "derived key");
        let [only] = blake2s::kdf1(b.as_bytes(), &[]);
        declassify(only.as_bytes(), "derived key");
    }
}

fn comparison(_: bool) {
    let (mut a, mut b) = ([1u8; 32], [1u8; 32]);
    b[31] = 2;
    for array in [&mut a, &mut b] {
        secret(array);
    }
    let equal = std::hint::black_box(wg_crypto::ct_eq(&a, &b));
    public(&equal);
    assert!(!equal);
}
