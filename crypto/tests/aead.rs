// SPDX-License-Identifier: GPL-2.0
//! The portable AEAD against an independent library.
#![allow(clippy::expect_used)]

#[allow(dead_code)]
mod common;

use common::place::alignments;
use common::{bad_lengths, corruptions, extremes, lengths, lists, reference, truncations, Rng};
use wg_crypto::aead::{open_slice, seal_slice, Key};
use wg_crypto::Portable;

#[test]
fn every_length() {
    lengths(&Portable, 0..=2100);
}

/// Here with checks of overflow; without them, and for every pair, in the tests of the vector code.
#[test]
fn every_alignment() {
    alignments(&Portable, (0..=2100).step_by(83), 0..64);
    alignments(&Portable, 0..=130, (0..64).step_by(9));
}

#[test]
fn cut_and_extended_messages_are_refused() {
    truncations(&Portable);
}

#[test]
fn ciphertext_of_extremes() {
    extremes(&Portable);
}

#[test]
fn any_list_of_jobs() {
    lists(&Portable, 11, 600);
}

#[test]
fn changed_messages_are_refused() {
    corruptions(&Portable);
}

#[test]
fn lengths_that_do_not_fit() {
    bad_lengths(&Portable);
}

#[test]
fn one_shots() {
    let mut rng = Rng::new(5);
    let key = Key::new(rng.array());
    for len in [0, 12, 32, 48, 64, 200] {
        let (plain, ad) = (rng.bytes(len), rng.bytes(32));
        let sealed = reference(&key, 9, &ad, &plain);
        let mut out = vec![0; len + 16];
        assert!(seal_slice(&key, 9, &ad, &plain, &mut out));
        assert_eq!(out, sealed);
        let mut opened = vec![0; len];
        assert!(open_slice(&key, 9, &ad, &sealed, &mut opened));
        assert_eq!(opened, plain);

        assert!(!open_slice(&key, 8, &ad, &sealed, &mut opened));
        assert!(opened.iter().all(|byte| *byte == 0));
        let mut longer = vec![7; len + 17];
        assert!(!seal_slice(&key, 9, &ad, &plain, &mut longer));
        assert!(!open_slice(&key, 9, &ad, &sealed, &mut longer));
        assert!(longer.iter().all(|byte| *byte == 7));
    }
}
