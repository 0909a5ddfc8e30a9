// SPDX-License-Identifier: GPL-2.0
//! Sealing and opening beside ring's, message lengths as on a wire; prints the ratio at the end.
//!
//! Both work in place on one buffer; the ratio is ours by theirs, the smaller the better.
#![allow(missing_docs, clippy::unwrap_used)]

use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, CHACHA20_POLY1305};
use wg_crypto::aead::{self, Job, Key, Verdict};
use wg_crypto::TAG_LEN;

const LENGTHS: [usize; 4] = [64, 576, 1420, 16384];

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn ours(key: &Key, counter: u64, buffer: &mut [u8]) {
    let len = buffer.len() - TAG_LEN;
    let sealed = Cell::from_mut(buffer).as_slice_of_cells();
    let (src, dst) = ([&sealed[..len]], [sealed]);
    let mut jobs = [Job::new(counter, &[], &src, &dst)];
    aead::seal(key, &mut jobs);
    assert_eq!(jobs[0].verdict, Verdict::Good);
}

fn rings(key: &LessSafeKey, counter: u64, buffer: &mut [u8]) {
    let (body, tag) = buffer.split_at_mut(buffer.len() - TAG_LEN);
    let made = key
        .seal_in_place_separate_tag(nonce(counter), Aad::empty(), body)
        .unwrap();
    tag.copy_from_slice(made.as_ref());
}

/// The shortest time of one call, measured alternately with the other's so that both see the same
/// machine.
fn ratio(len: usize) -> (f64, f64) {
    let (our_key, ring_key) = keys();
    let mut buffer = vec![0; len + TAG_LEN];
    let rounds = (200_000 / (len + 100)).max(10) as u32;
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..200 {
        let start = Instant::now();
        for i in 0..rounds {
            ours(&our_key, u64::from(i), black_box(&mut buffer));
        }
        best.0 = best.0.min(start.elapsed() / rounds);
        let start = Instant::now();
        for i in 0..rounds {
            rings(&ring_key, u64::from(i), black_box(&mut buffer));
        }
        best.1 = best.1.min(start.elapsed() / rounds);
    }
    (best.0.as_nanos() as f64, best.1.as_nanos() as f64)
}

fn keys() -> (Key, LessSafeKey) {
    let ring_key = UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).unwrap();
    (Key::new([7; 32]), LessSafeKey::new(ring_key))
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for len in LENGTHS {
        let (our_key, ring_key) = keys();
        let mut buffer = vec![0; len + TAG_LEN];
        let mut group = criterion.benchmark_group(format!("seal {len}"));
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(wg_crypto::backend(), |b| {
            b.iter(|| ours(&our_key, 1, black_box(&mut buffer)));
        });
        group.bench_function("ring", |b| {
            b.iter(|| rings(&ring_key, 1, black_box(&mut buffer)));
        });
        group.finish();
    }
    criterion.final_summary();

    println!(
        "{:>6} {:>10} {:>10} {:>6}",
        "bytes", "ours ns", "ring ns", "ratio"
    );
    for len in LENGTHS {
        let (ours, rings) = ratio(len);
        println!("{len:>6} {ours:>10.0} {rings:>10.0} {:>6.2}", ours / rings);
    }
}
