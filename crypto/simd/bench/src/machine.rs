// SPDX-License-Identifier: GPL-2.0
//! The machine that a run was made on, and what it was made with.
use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// What the kernel says of the processor.
fn said(what: &str) -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut pairs = info.lines().filter_map(|line| line.split_once(':'));
    let found = pairs.find(|(name, _)| name.trim() == what);
    found
        .map_or("unknown", |(_, value)| value.trim())
        .to_owned()
}

/// The processor's own name, and its family and model: a virtual machine may say only half.
#[must_use]
pub fn processor() -> String {
    let (family, model) = (said("cpu family"), said("model"));
    format!("{} (family {family}, model {model})", said("model name"))
}

/// The same as the name of a file: maker, family, model.
#[must_use]
pub fn slug() -> String {
    let maker = match said("vendor_id").as_str() {
        "AuthenticAMD" => "amd",
        "GenuineIntel" => "intel",
        _ => "other",
    };
    format!("{maker}-{}-{}", said("cpu family"), said("model"))
}

/// The clock at which code runs now, in GHz: a chain of multiplications (three cycles each) and
/// exclusive ors (one), of which no processor can do the next before the last. A time stamp counter
/// would give the nominal clock instead.
#[must_use]
pub fn clock() -> f64 {
    const STEPS: u32 = 1_000_000;
    let mut best = Duration::MAX;
    for _ in 0..40 {
        let start = Instant::now();
        let mut x = black_box(3u64);
        for _ in 0..STEPS {
            x = x.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 1;
        }
        black_box(x);
        best = best.min(start.elapsed());
    }
    4.0 * f64::from(STEPS) / best.as_nanos() as f64
}

/// The version of a crate in this workspace's lock file.
#[must_use]
pub fn version(name: &str) -> String {
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock");
    let lock = fs::read_to_string(lock).unwrap_or_default();
    let wanted = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != wanted).skip(1);
    let version = lines.next().and_then(|line| line.split('"').nth(1));
    version.unwrap_or("?").to_string()
}
