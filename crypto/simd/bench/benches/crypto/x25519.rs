// SPDX-License-Identifier: GPL-2.0
//! X25519: the public key of a private one, and the secret shared with another's public key.
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use wg_bench::record::{Records, Task};
use wg_crypto::x25519::Curve;

use crate::{library, measure, ours, repeat, Group};

const SECRET: [u8; 32] = [0x5a; 32];

pub fn task(variant: &'static str) -> Task {
    Task {
        kind: "x25519",
        variant,
        len: 0,
        count: 1,
    }
}

pub fn bench(criterion: &mut Criterion, records: &Records) {
    let mut group = criterion.benchmark_group("x25519/public key");
    publics(&mut group, records, task("public key"));
    group.finish();
    let mut group = criterion.benchmark_group("x25519/shared secret");
    shareds(&mut group, records, task("shared secret"));
    group.finish();
}

/// Every code of ours that runs on this processor.
fn curves() -> Vec<Curve> {
    let mut curves = vec![Curve::PORTABLE];
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("adx") {
        // SAFETY: it has what is needed.
        curves.push(unsafe { wg_adx::curve() });
    }
    curves
}

/// ring's private keys serve once, so they are made outside of the time.
fn ring_keys(count: u64) -> Vec<ring::agreement::EphemeralPrivateKey> {
    use ring::agreement::{EphemeralPrivateKey, X25519};
    let random = ring::rand::SystemRandom::new();
    let key = |_| EphemeralPrivateKey::generate(&X25519, &random).unwrap();
    (0..count).map(key).collect()
}

fn publics(group: &mut Group<'_>, records: &Records, task: Task) {
    for curve in curves() {
        measure(group, records, task, ours(curve.name()), |calls| {
            repeat(calls, || {
                black_box(curve.public_key(black_box(&SECRET)));
            })
        });
    }
    let ring = ring_keys(1).pop().unwrap();
    measure(group, records, task, library("ring"), |calls| {
        repeat(calls, || {
            black_box(black_box(&ring).compute_public_key().unwrap());
        })
    });
    measure(group, records, task, library("aws-lc-rs"), |calls| {
        use aws_lc_rs::agreement::{PrivateKey, X25519};
        // It computes the public key when it takes on the private one.
        repeat(calls, || {
            let key = PrivateKey::from_private_key(&X25519, black_box(&SECRET)).unwrap();
            black_box(key.compute_public_key().unwrap());
        })
    });
    let dalek = x25519_dalek::StaticSecret::from(SECRET);
    measure(group, records, task, library("dalek"), |calls| {
        repeat(calls, || {
            black_box(x25519_dalek::PublicKey::from(black_box(&dalek)));
        })
    });
}

fn shareds(group: &mut Group<'_>, records: &Records, task: Task) {
    let theirs = Curve::PORTABLE.public_key(&[0x33; 32]);
    for curve in curves() {
        measure(group, records, task, ours(curve.name()), |calls| {
            repeat(calls, || {
                black_box(
                    curve
                        .shared(black_box(&SECRET), black_box(&theirs))
                        .unwrap(),
                );
            })
        });
    }
    measure(group, records, task, library("ring"), |calls| {
        use ring::agreement::{agree_ephemeral, UnparsedPublicKey, X25519};
        let public = UnparsedPublicKey::new(&X25519, &theirs);
        let mut time = Duration::ZERO;
        // Few at a time, so that all of them fit into a cache.
        for start in (0..calls).step_by(64) {
            let keys = ring_keys((calls - start).min(64));
            let before = Instant::now();
            for key in keys {
                black_box(agree_ephemeral(key, black_box(&public), |k| k[0]).unwrap());
            }
            time += before.elapsed();
        }
        time
    });
    measure(group, records, task, library("aws-lc-rs"), |calls| {
        use aws_lc_rs::agreement::{agree, PrivateKey, UnparsedPublicKey, X25519};
        let secret = PrivateKey::from_private_key(&X25519, &SECRET).unwrap();
        let public = UnparsedPublicKey::new(&X25519, &theirs);
        repeat(calls, || {
            black_box(agree(black_box(&secret), black_box(&public), (), |k| Ok(k[0])).unwrap());
        })
    });
    let dalek = x25519_dalek::StaticSecret::from(SECRET);
    let public = x25519_dalek::PublicKey::from(theirs);
    measure(group, records, task, library("dalek"), |calls| {
        repeat(calls, || {
            black_box(black_box(&dalek).diffie_hellman(black_box(&public)));
        })
    });
}
