// SPDX-License-Identifier: GPL-2.0
//! Which levels of the vector code run here, and why the others do not.
use std::io::Write;
use std::sync::Once;

use wg_simd_link::{Level, Vector};

/// The first thing a level needs that this processor lacks.
fn missing(level: Level) -> Option<&'static str> {
    macro_rules! lack {
        ($($feature:tt),*) => {
            [$((is_x86_feature_detected!($feature), $feature)),*]
                .into_iter()
                .find_map(|(there, feature)| (!there).then_some(feature))
        };
    }
    match level {
        Level::Ssse3 => lack!("ssse3"),
        Level::Avx2 => lack!("avx2", "bmi2"),
        #[cfg(feature = "avx512")]
        Level::Avx512 => lack!(
            "avx2",
            "bmi2",
            "avx512f",
            "avx512vl",
            "avx512bw",
            "avx512ifma"
        ),
    }
}

/// The levels that can run here. Those that cannot are named once for each test program, past the
/// test harness, which keeps what successful tests print to itself.
pub(crate) fn levels() -> impl Iterator<Item = Vector> {
    static SAY: Once = Once::new();
    SAY.call_once(|| {
        let mut lines = String::new();
        for level in Level::ALL {
            if let Some(feature) = missing(*level) {
                let name = level.name();
                lines += &format!("SKIPPED: {name}: this processor has no {feature}\n");
            }
        }
        if cfg!(not(feature = "avx512")) {
            lines += "SKIPPED: avx512: built without it (feature `avx512`)\n";
        }
        // A test that cannot say so still fails or passes by what it tests.
        let _ = std::io::stderr().write_all(lines.as_bytes());
    });
    // SAFETY: the processor has what the level needs, and a process may always use it.
    let vouch = |level: &Level| unsafe { Vector::new(*level) };
    let usable = |level: &&Level| missing(**level).is_none();
    Level::ALL.iter().filter(usable).map(vouch)
}
