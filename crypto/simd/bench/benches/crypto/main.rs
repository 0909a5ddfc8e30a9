// SPDX-License-Identifier: GPL-2.0
//! WireGuard's cryptography beside the libraries people would pick, all in one run: `make bench`,
//! or `make bench ARGS=FILTER` for a part of it (`ARGS=seal/1420`, `ARGS=avx512`).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod aead;
mod blake2s;
mod peers;
mod x25519;

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};

use wg_bench::machine;
use wg_bench::page::{self, Goal};
use wg_bench::record::{Records, Task, Who, SHORTEST};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Has criterion time a call, and notes the times of slices: of the two threads of a core each may
/// slow the other down by half, and a short slice finds its moment between what else runs.
fn measure(
    group: &mut Group<'_>,
    records: &Records,
    task: Task,
    who: Who,
    mut call: impl FnMut(u64) -> Duration,
) {
    clean_upper_registers();
    group.bench_function(who.name, |bencher| {
        bencher.iter_custom(|calls| {
            let (mut total, mut left, mut slice) = (Duration::ZERO, calls, 1);
            while left > 0 {
                let now = left.min(slice);
                let time = call(now);
                records.add(task, who, now * task.count as u64, time);
                total += time;
                left -= now;
                if time < SHORTEST {
                    slice *= 2;
                }
            }
            total
        });
    });
}

/// Leaves nothing in vector registers where only AVX and AVX-512 reach. After one library that does,
/// everybody's code for older processors runs at half its speed.
fn clean_upper_registers() {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has them, and the compiler is told of each.
        unsafe {
            std::arch::asm!(
                "vpxord %zmm16, %zmm16, %zmm16", "vpxord %zmm17, %zmm17, %zmm17",
                "vpxord %zmm18, %zmm18, %zmm18", "vpxord %zmm19, %zmm19, %zmm19",
                "vpxord %zmm20, %zmm20, %zmm20", "vpxord %zmm21, %zmm21, %zmm21",
                "vpxord %zmm22, %zmm22, %zmm22", "vpxord %zmm23, %zmm23, %zmm23",
                "vpxord %zmm24, %zmm24, %zmm24", "vpxord %zmm25, %zmm25, %zmm25",
                "vpxord %zmm26, %zmm26, %zmm26", "vpxord %zmm27, %zmm27, %zmm27",
                "vpxord %zmm28, %zmm28, %zmm28", "vpxord %zmm29, %zmm29, %zmm29",
                "vpxord %zmm30, %zmm30, %zmm30", "vpxord %zmm31, %zmm31, %zmm31",
                "vzeroupper",
                out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _,
                out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
                out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _,
                out("zmm28") _, out("zmm29") _, out("zmm30") _, out("zmm31") _,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                options(att_syntax, nostack)
            );
        }
    }
}

/// The time of so many calls.
fn repeat(calls: u64, mut call: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        call();
    }
    start.elapsed()
}

fn library(name: &'static str) -> Who {
    Who { name, ours: false }
}

fn ours(name: &'static str) -> Who {
    Who { name, ours: true }
}

/// What the project set out to reach, on a processor with AVX-512 and IFMA and on one without.
fn goals() -> Vec<Goal> {
    let goal = |kind, len, count, ours, peer, ratio| Goal {
        task: aead::task(kind, len, count),
        ours,
        peer,
        ratio,
    };
    let agreement = |ours, ratio| Goal {
        task: x25519::task("shared secret"),
        ours,
        peer: "ring",
        ratio,
    };
    vec![
        goal("seal", 1420, 1, "avx512", "ring", 0.55),
        goal("seal", 1420, 1, "avx512", "openssl", 0.75),
        goal("seal", 64, 1, "avx512", "ring", 0.8),
        goal("seal", 64, 16, "avx512", "ring", 0.4),
        goal("seal", 1420, 1, "avx2", "ring", 0.95),
        goal("open", 1420, 1, "avx2", "ring", 0.95),
        goal("seal", 64, 1, "avx2", "ring", 0.8),
        goal("seal", 64, 16, "avx2", "ring", 0.4),
        agreement("portable", 1.2),
        agreement("adx", 0.8),
    ]
}

fn main() {
    let records = Records::default();
    let clock = machine::clock();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(500))
        .sample_size(20)
        .nresamples(1000)
        .configure_from_args();
    for kind in ["seal", "open"] {
        aead::bench(&mut criterion, &records, kind);
    }
    x25519::bench(&mut criterion, &records);
    blake2s::bench(&mut criterion, &records);

    let clock = clock.max(machine::clock());
    let version = machine::version;
    let machine = [
        format!("{}, {clock:.2} GHz while it ran", machine::processor()),
        format!(
            "ring {}, aws-lc-rs {}, chacha20poly1305 {} (RustCrypto), {}, x25519-dalek {}, blake2 {} (RustCrypto), blake2s_simd {}",
            version("ring"),
            version("aws-lc-rs"),
            version("chacha20poly1305"),
            openssl::version::version(),
            version("x25519-dalek"),
            version("blake2"),
            version("blake2s_simd")
        ),
    ];
    let goals = goals();
    print!("{}", page::table(&records));
    print!("\n{}", page::goals(&records, &goals));
    for line in &machine {
        println!("{line}");
    }
    // A part of a run is no page.
    let whole = records.tasks("seal").len() == aead::SHAPES.len()
        && records.tasks("open").len() == aead::SHAPES.len()
        && !records.tasks("x25519").is_empty()
        && !records.tasks("blake2s").is_empty();
    if whole {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/crypto-speed");
        let name = machine::slug();
        page::write(Path::new(folder), &name, &records, &goals, &machine, clock).unwrap();
        println!("written: docs/crypto-speed/{name}.md");
    }
}
