// SPDX-License-Identifier: GPL-2.0
//! Every level this processor has beside ring, alone and in batches; prints times and ratios.
//!
//! A plain program: what counts is the ratio, so both are timed alternately and the shortest time
//! of each is taken. Messages are sealed in place; `open` opens into another buffer.
#![allow(missing_docs, clippy::unwrap_used)]

use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, CHACHA20_POLY1305};
use wg_crypto::aead::{Bytes, Job, Key, Verdict};
use wg_crypto::{Backend, Portable, TAG_LEN};
use wg_simd as _;
use wg_simd_link::{Level, Vector};

const LENGTHS: [(usize, usize); 8] = [
    (64, 1),
    (64, 16),
    (576, 1),
    (576, 16),
    (1420, 1),
    (1420, 2),
    (1420, 16),
    (16384, 1),
];

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn ours(backend: &dyn Backend, key: &Key, jobs: &mut [Job<'_>]) {
    backend.seal(key, jobs);
    assert!(jobs.iter().all(|job| job.verdict == Verdict::Good));
}

fn rings(key: &LessSafeKey, buffers: &mut [Vec<u8>]) {
    for (i, buffer) in buffers.iter_mut().enumerate() {
        let len = buffer.len() - TAG_LEN;
        let (body, tag) = buffer.split_at_mut(len);
        let made = key
            .seal_in_place_separate_tag(nonce(i as u64), Aad::empty(), body)
            .unwrap();
        tag.copy_from_slice(made.as_ref());
    }
}

/// The shortest time of one call of each.
fn times(len: usize, count: usize, backends: &[&dyn Backend]) -> Vec<f64> {
    let ring_key = UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).unwrap();
    let (key, ring_key) = (Key::new([7; 32]), LessSafeKey::new(ring_key));
    let mut buffers = vec![vec![0; len + TAG_LEN]; count];
    let mut ours_too = buffers.clone();
    let spans: Vec<([Bytes<'_>; 1], [Bytes<'_>; 1])> = ours_too
        .iter_mut()
        .map(|buffer| {
            let sealed = Cell::from_mut(&mut buffer[..]).as_slice_of_cells();
            ([&sealed[..len]], [sealed])
        })
        .collect();
    let job = |(i, (src, dst))| Job::new(i as u64, &[], src as &[_], dst as &[_]);
    let spans = spans.iter().map(|(src, dst)| (src, dst));
    let mut jobs: Vec<Job<'_>> = spans.enumerate().map(job).collect();
    let rounds = (100_000 / (count * (len + 100))).max(5) as u32;
    let mut best = vec![Duration::MAX; backends.len() + 1];
    for _ in 0..300 {
        for (backend, best) in backends.iter().zip(&mut best[1..]) {
            let start = Instant::now();
            for _ in 0..rounds {
                ours(*backend, &key, black_box(&mut jobs));
            }
            *best = (*best).min(start.elapsed() / rounds);
        }
        let start = Instant::now();
        for _ in 0..rounds {
            rings(&ring_key, black_box(&mut buffers));
        }
        best[0] = best[0].min(start.elapsed() / rounds);
    }
    let each = |time: &Duration| time.as_nanos() as f64 / count as f64;
    best.iter().map(each).collect()
}

fn main() {
    let mut backends: Vec<Box<dyn Backend>> = vec![Box::new(Portable)];
    for level in Level::ALL {
        let usable = match level {
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
        if usable {
            // SAFETY: the processor has what the level needs, and a process may always use it.
            backends.push(Box::new(unsafe { Vector::new(*level) }));
        }
    }
    let backends: Vec<&dyn Backend> = backends.iter().map(|b| &**b).collect();
    print!("{:>6} {:>5} {:>9}", "bytes", "batch", "ring ns");
    for backend in &backends {
        print!(" {:>9} {:>5}", backend.name(), "ratio");
    }
    println!();
    for (len, count) in LENGTHS {
        let times = times(len, count, &backends);
        print!("{len:>6} {count:>5} {:>9.0}", times[0]);
        for time in &times[1..] {
            print!(" {time:>9.0} {:>5.2}", time / times[0]);
        }
        println!();
    }
}
