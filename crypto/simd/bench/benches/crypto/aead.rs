// SPDX-License-Identifier: GPL-2.0
//! Sealing and opening: every back end of ours that this processor has, and every peer.
use std::cell::Cell;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wg_bench::record::{Records, Task};
use wg_crypto::aead::{Bytes, Job, Key, Verdict};
use wg_crypto::{Backend, Portable, TAG_LEN};
use wg_simd as _;
use wg_simd_link::{Level, Vector};

use crate::{library, measure, ours, peers, repeat};

pub const KEY: [u8; 32] = [7; 32];

/// Message lengths and how many are in one call.
pub const SHAPES: [(usize, usize); 16] = [
    (0, 1),
    (64, 1),
    (64, 4),
    (64, 16),
    (128, 1),
    (256, 1),
    (576, 1),
    (576, 4),
    (576, 16),
    (1024, 1),
    (1420, 1),
    (1420, 4),
    (1420, 16),
    (4096, 1),
    (16384, 1),
    (65536, 1),
];

pub fn task(kind: &'static str, len: usize, count: usize) -> Task {
    Task {
        kind,
        variant: "",
        len,
        count,
    }
}

fn backends() -> Vec<Box<dyn Backend>> {
    let usable = |level: &Level| match level {
        Level::Ssse3 => is_x86_feature_detected!("ssse3"),
        Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2"),
        Level::Avx512 => {
            is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512ifma")
        }
    };
    let mut backends: Vec<Box<dyn Backend>> = vec![Box::new(Portable)];
    for level in Level::ALL {
        if usable(level) {
            // SAFETY: the processor has what the level needs, and a process may always use it.
            backends.push(Box::new(unsafe { Vector::new(*level) }));
        } else {
            println!("skipped: {} (this processor lacks it)", level.name());
        }
    }
    backends
}

/// The nonce of a counter, as libraries want it.
pub fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce
}

pub fn bench(criterion: &mut Criterion, records: &Records, kind: &'static str) {
    for (len, count) in SHAPES {
        let task = task(kind, len, count);
        let mut group = criterion.benchmark_group(task.name());
        group.throughput(Throughput::Bytes((len * count) as u64));
        for backend in backends() {
            let mut messages = Messages::new(len, count);
            let (key, seal) = (Key::new(KEY), kind == "seal");
            let views = messages.views(seal);
            let mut jobs: Vec<Job<'_>> = views
                .iter()
                .enumerate()
                .map(|(i, (src, dst))| Job::new(i as u64, &[], src, dst))
                .collect();
            measure(&mut group, records, task, ours(backend.name()), |calls| {
                repeat(calls, || {
                    let jobs = black_box(&mut jobs[..]);
                    if seal {
                        backend.seal(&key, jobs);
                    } else {
                        backend.open(&key, jobs);
                    }
                    assert!(jobs.iter().all(|job| job.verdict == Verdict::Good));
                })
            });
        }
        for (name, make) in peers::ALL {
            let mut messages = Messages::new(len, count);
            let mut peer = make();
            measure(&mut group, records, task, library(name), |calls| {
                repeat(calls, || {
                    let messages = black_box(&mut messages);
                    if kind == "seal" {
                        for (i, sealed) in messages.sealed.iter_mut().enumerate() {
                            let (body, tag) = sealed.split_last_chunk_mut().unwrap();
                            peer.seal(nonce(i as u64), body, tag);
                        }
                    } else {
                        for (i, both) in messages.opening.iter_mut().enumerate() {
                            peer.open(nonce(i as u64), both);
                        }
                    }
                })
            });
        }
        group.finish();
    }
}

/// Buffers for every way of working.
struct Messages {
    /// To be sealed in place: text and room for the tag.
    sealed: Vec<Vec<u8>>,
    /// To be opened: room for the text, and behind it ciphertext and tag.
    opening: Vec<Vec<u8>>,
}

/// What a job reads and what it writes.
type View<'a> = ([Bytes<'a>; 1], [Bytes<'a>; 1]);

impl Messages {
    fn new(len: usize, count: usize) -> Self {
        let sealed = vec![vec![5; len + TAG_LEN]; count];
        let opening = (0..count).map(|i| {
            let mut both = vec![0; len];
            let mut sealed = vec![0; len + TAG_LEN];
            let key = Key::new(KEY);
            assert!(wg_crypto::aead::seal_slice(
                &key,
                i as u64,
                &[],
                &vec![5; len],
                &mut sealed
            ));
            both.append(&mut sealed);
            both
        });
        Self {
            sealed,
            opening: opening.collect(),
        }
    }

    fn views(&mut self, seal: bool) -> Vec<View<'_>> {
        let buffers = if seal {
            &mut self.sealed
        } else {
            &mut self.opening
        };
        let cells = buffers
            .iter_mut()
            .map(|buffer| Cell::from_mut(&mut buffer[..]).as_slice_of_cells());
        if seal {
            cells
                .map(|all| ([&all[..all.len() - TAG_LEN]], [all]))
                .collect()
        } else {
            cells
                .map(|all| {
                    let (plain, sealed) = all.split_at((all.len() - TAG_LEN) / 2);
                    ([sealed], [plain])
                })
                .collect()
        }
    }
}
