// SPDX-License-Identifier: GPL-2.0
//! Whether the code runs here, and why it does not.
use std::io::Write;
use std::sync::Once;

use wg_crypto::x25519::Curve;

/// The curve. A processor that lacks what it needs is named once for each test program, past the test
/// harness, which keeps what successful tests print to itself.
pub(crate) fn curve() -> Option<Curve> {
    static SAY: Once = Once::new();
    if !is_x86_feature_detected!("bmi2") || !is_x86_feature_detected!("adx") {
        // A test that cannot say so still fails or passes by what it tests.
        SAY.call_once(|| {
            let line = b"SKIPPED: X25519: this processor has no ADX or no BMI2\n";
            let _ = std::io::stderr().write_all(line);
        });
        return None;
    }
    // SAFETY: it has what is needed.
    Some(unsafe { wg_adx::curve() })
}
