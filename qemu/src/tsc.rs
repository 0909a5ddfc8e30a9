// SPDX-License-Identifier: GPL-2.0

//! How fast the machine's time stamp counter counts, which is what an emulated machine has for one.
//!
//! A kernel finds that out at boot by timers of its own. On a busy host these come late, and it may
//! take a counter of 2,596 MHz for one of 34 MHz: its clock then runs 77 times too fast, and it sees
//! soft lockups everywhere. So it is told.

/// What kernels are to be told of the counter; nothing where it is not known.
pub(crate) fn parameters() -> String {
    match khz() {
        Some(khz) => format!("tsc=reliable tsc_early_khz={khz}"),
        None => String::new(),
    }
}

/// Counts a millisecond, as seen in this process.
#[cfg(target_arch = "x86_64")]
fn khz() -> Option<u64> {
    use std::time::{Duration, Instant};

    /// A moment by both clocks: the closest of several looks, in case something came between.
    fn moment() -> Option<(Instant, u64)> {
        let looks = (0..16).map(|_| {
            let before = Instant::now();
            // SAFETY: every processor of this architecture has the instruction.
            let count = unsafe { core::arch::x86_64::_rdtsc() };
            (before.elapsed(), before, count)
        });
        let (_, time, count) = looks.min_by_key(|(took, ..)| *took)?;
        Some((time, count))
    }

    let (began, first) = moment()?;
    std::thread::sleep(Duration::from_millis(20));
    let (ended, last) = moment()?;
    let nanos = u64::try_from(ended.duration_since(began).as_nanos()).ok()?;
    let count = last.checked_sub(first)?;
    count.checked_mul(1_000_000)?.checked_div(nanos)
}

#[cfg(not(target_arch = "x86_64"))]
fn khz() -> Option<u64> {
    None
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    #[test]
    fn the_same_twice() {
        let (one, two) = (super::khz().unwrap_or(0), super::khz().unwrap_or(0));
        assert!(one > 100_000, "{one} kHz");
        assert!(one.abs_diff(two) < one / 500, "{one} kHz, {two} kHz");
    }
}
