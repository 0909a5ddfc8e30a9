// SPDX-License-Identifier: GPL-2.0
//! Every level this processor has, against an independent library: the tests of the portable AEAD,
//! run on the vector code that ships.
#![allow(missing_docs, clippy::expect_used)]

#[path = "../../../tests/common/mod.rs"]
#[allow(dead_code)]
mod common;

use wg_crypto::{self_test_of, Backend, SCRATCH_LEN};
use wg_simd as _;
use wg_simd_link::{Level, Vector};

/// The levels that can run here.
fn levels() -> impl Iterator<Item = Vector> {
    let usable = |level: &Level| match level {
        Level::Ssse3 => is_x86_feature_detected!("ssse3"),
        Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2"),
        #[cfg(feature = "avx512")]
        Level::Avx512 => {
            is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512ifma")
        }
    };
    // SAFETY: the processor has what the level needs, and a process may always use it.
    let vouch = |level: &Level| unsafe { Vector::new(*level) };
    Level::ALL.iter().filter(move |l| usable(l)).map(vouch)
}

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

#[test]
fn any_list_of_jobs() {
    for level in levels() {
        common::lists(&level, 31, 600);
    }
}

#[test]
fn changed_messages_are_refused() {
    for level in levels() {
        common::corruptions(&level);
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
