// SPDX-License-Identifier: GPL-2.0
//! Every level this processor has, against an independent library: the tests of the portable AEAD,
//! run on the vector code that ships.
#![allow(missing_docs, clippy::expect_used)]

#[path = "../../../tests/common/mod.rs"]
#[allow(dead_code)]
mod common;

mod usable;

use usable::levels;
use wg_crypto::{self_test_of, Backend, Portable, SCRATCH_LEN};
use wg_simd as _;

#[test]
fn some_level_runs_here() {
    for level in levels() {
        println!("{}", level.name());
    }
    assert!(levels().count() > 0);
}

#[test]
fn self_test() {
    for level in levels() {
        assert_eq!(
            self_test_of(&level, &mut [0; SCRATCH_LEN]),
            Ok(()),
            "{}",
            level.name()
        );
    }
}

#[test]
fn every_length() {
    for level in levels() {
        common::lengths(&level, 0..=2100);
    }
}

/// Every length at every alignment; the portable back end as well, which is compiled without
/// checks here. With them, which is how sanitizers run it, one length of seven.
#[test]
fn every_alignment() {
    let lengths = (0..=2100).step_by(if cfg!(debug_assertions) { 7 } else { 1 });
    common::place::alignments(&Portable, lengths.clone(), 0..64);
    for level in levels() {
        common::place::alignments(&level, lengths.clone(), 0..64);
    }
}

#[test]
fn ciphertext_of_extremes() {
    for level in levels() {
        common::extremes(&level);
    }
}

#[test]
fn any_list_of_jobs() {
    for level in levels() {
        common::lists(&level, 31, 4000);
    }
}

#[test]
fn changed_messages_are_refused() {
    for level in levels() {
        common::corruptions(&level);
    }
}

#[test]
fn cut_and_extended_messages_are_refused() {
    for level in levels() {
        common::truncations(&level);
    }
}

#[test]
fn lengths_that_do_not_fit() {
    for level in levels() {
        common::bad_lengths(&level);
    }
}

#[test]
fn long_messages() {
    for level in levels() {
        common::lengths(&level, [4096, 9000, 16384, 65535, 65536].into_iter());
    }
}
