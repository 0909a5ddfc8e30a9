// SPDX-License-Identifier: GPL-2.0

//! The choice of the code that computes X25519, made once, at load.
//!
//! It needs no FPU section. Where the module parameter `simd` forbids AVX2, which processors had
//! before they had ADX, the portable code is taken as it would be there.
//!
//! Helpers: `fpu.c`.

use core::sync::atomic::{AtomicBool, Ordering};
use kernel::prelude::*;
use wg_crypto::x25519::Curve;

/// Whether it is the code for BMI2 and ADX.
static ADX: AtomicBool = AtomicBool::new(false);

/// The code for BMI2 and ADX, if it is a part of this module and can run here.
fn adx() -> Option<Curve> {
    #[cfg(wg_adx)]
    // SAFETY: reads what the processor has.
    if unsafe { bindings::wg_cpu_adx() } {
        // SAFETY: it has both, and so has every other of this machine.
        return Some(unsafe { wg_adx::curve() });
    }
    None
}

/// The code in use.
pub(crate) fn curve() -> Curve {
    let adx = ADX.load(Ordering::Relaxed).then(adx).flatten();
    adx.unwrap_or(Curve::PORTABLE)
}

/// Chooses, after the code has given known answers.
///
/// # Errors
///
/// `EINVAL` for an unknown value of the parameter; `ENODEV` if an answer was wrong.
pub(crate) fn init() -> Result {
    let allowed = super::fpu::allowed()? > wg_simd_link::Level::Avx2 as usize;
    let Some(curve) = adx().filter(|_| allowed) else {
        return Ok(());
    };
    if let Err(what) = wg_crypto::self_test_of_curve(curve) {
        pr_err!(
            "self-test of X25519 by {} failed ({}): not loading\n",
            curve.name(),
            what
        );
        return Err(ENODEV);
    }
    ADX.store(true, Ordering::Relaxed);
    Ok(())
}
