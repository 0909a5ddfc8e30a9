// SPDX-License-Identifier: GPL-2.0
//! BLAKE2s: the keyed tag over a handshake's 116 bytes, and hashes of three lengths.
use std::hint::black_box;

use criterion::Criterion;
use wg_bench::record::{Records, Task};

use crate::{library, measure, ours, repeat};

pub fn bench(criterion: &mut Criterion, records: &Records) {
    for (variant, len) in [("mac", 116), ("hash", 64), ("hash", 1024), ("hash", 16384)] {
        let task = Task {
            kind: "blake2s",
            variant,
            len,
            count: 1,
        };
        let data = vec![5u8; len];
        let key = [7u8; 32];
        let mac = variant == "mac";
        let mut group = criterion.benchmark_group(task.name());
        measure(&mut group, records, task, ours("ours"), |calls| {
            repeat(calls, || {
                let data = black_box(&data[..]);
                if mac {
                    black_box(wg_crypto::blake2s::mac16(&key, &[data]));
                } else {
                    black_box(wg_crypto::blake2s::hash(&[data]));
                }
            })
        });
        measure(&mut group, records, task, library("rustcrypto"), |calls| {
            use blake2::digest::{consts::U16, Digest, KeyInit, Mac};
            repeat(calls, || {
                let data = black_box(&data[..]);
                if mac {
                    let mut state = blake2::Blake2sMac::<U16>::new_from_slice(&key).unwrap();
                    Mac::update(&mut state, data);
                    black_box(state.finalize());
                } else {
                    black_box(blake2::Blake2s256::digest(data));
                }
            })
        });
        measure(
            &mut group,
            records,
            task,
            library("blake2s_simd"),
            |calls| {
                let mut params = blake2s_simd::Params::new();
                if mac {
                    params.hash_length(16).key(&key);
                }
                repeat(calls, || {
                    black_box(params.hash(black_box(&data[..])));
                })
            },
        );
        group.finish();
    }
}
