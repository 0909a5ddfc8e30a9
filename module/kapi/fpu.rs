// SPDX-License-Identifier: GPL-2.0

//! FPU sections, and the choice of the vector code that runs in them.
//!
//! The level is chosen once, at load, from what processor and kernel allow and the module parameter
//! `simd` does not forbid. Each level has to give known answers before any is chosen.
//!
//! Helpers: `fpu.c`.

use core::{
    ffi::CStr,
    marker::PhantomData,
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::{alloc::flags::GFP_KERNEL, prelude::*};
use wg_crypto::{self_test_of, Backend, Portable, SCRATCH_LEN};
use wg_simd_link::{Level, Vector};

/// How many of [`Level::ALL`] may be used; the last of them is.
static USABLE: AtomicUsize = AtomicUsize::new(0);

/// Bottom halves are off and vector registers are ours, on this CPU, while this exists.
///
/// Inside there is no lock, no allocation and no packet function; the callers bound the bytes.
///
/// # Invariants
///
/// `wg_fpu_begin()` was called on this CPU, and `wg_fpu_end()` not yet: sections do not nest.
///
/// # Examples
///
/// ```ignore
/// match FpuSection::enter() {
///     // SAFETY: the processor was found to have AVX2.
///     Some(section) => unsafe { section.vector(Level::Avx2) }.seal(key, jobs),
///     None => Portable.seal(key, jobs),
/// }
/// ```
struct FpuSection(PhantomData<*mut ()>);

impl FpuSection {
    /// Begins a section; `None` where that is not possible now.
    #[inline]
    fn enter() -> Option<Self> {
        // SAFETY: may be called in any context.
        if !unsafe { bindings::wg_fpu_usable() } {
            return None;
        }
        // SAFETY: usable, and sections do not nest: nothing that runs in one enters another.
        unsafe { bindings::wg_fpu_begin() };
        // INVARIANT: begun just above.
        Some(FpuSection(PhantomData))
    }

    /// The vector code of a level, as long as the section lasts.
    ///
    /// # Safety
    ///
    /// The processor has what the level needs.
    #[inline]
    unsafe fn vector(&self, level: Level) -> Vector {
        // SAFETY: by the contract; the section is there, and `Vector` is not `Send`. The callers
        // below do not use it after they drop the section.
        unsafe { Vector::new(level) }
    }
}

impl Drop for FpuSection {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `enter()` began the section, on this CPU: nothing in it sleeps.
        unsafe { bindings::wg_fpu_end() };
    }
}

/// The level in use.
#[inline]
fn level() -> Option<Level> {
    let usable = USABLE.load(Ordering::Relaxed);
    Level::ALL.get(usable.checked_sub(1)?).copied()
}

/// Its name, for the log.
pub(crate) fn name() -> &'static str {
    level().map_or_else(|| Portable.name(), Level::name)
}

/// Calls `f` with the code that is in use, in one section: what `f` may do is said at
/// [`FpuSection`].
pub(crate) fn with_backend(f: impl FnOnce(&dyn Backend)) {
    match level().and_then(|level| Some((level, FpuSection::enter()?))) {
        Some((level, section)) => {
            // SAFETY: `init()` found that the processor has what the level needs.
            let vector = unsafe { section.vector(level) };
            f(&vector);
            drop(section);
        }
        None => f(&Portable),
    }
}

/// What the parameter allows: how many of [`Level::ALL`].
pub(super) fn allowed() -> Result<usize> {
    // SAFETY: a string that ends and stays while the module is loaded.
    let limit = unsafe { CStr::from_ptr(bindings::wg_simd_limit().cast()) };
    let limit = limit.to_bytes();
    if limit == b"auto" {
        return Ok(Level::ALL.len());
    }
    if limit == b"none" {
        return Ok(0);
    }
    let at = Level::ALL
        .iter()
        .position(|level| level.name().as_bytes() == limit);
    match at {
        Some(at) => Ok(at + 1),
        None => {
            pr_err!("parameter simd: auto, avx512, avx2, ssse3 or none\n");
            Err(EINVAL)
        }
    }
}

/// Chooses the level, after every usable one has given known answers.
///
/// # Errors
///
/// `EINVAL` for an unknown value of the parameter; `ENODEV` if an answer was wrong.
pub(crate) fn init() -> Result {
    // SAFETY: reads what the processor has.
    let has = unsafe { bindings::wg_cpu_levels() } as usize;
    let usable = allowed()?.min(has).min(Level::ALL.len());
    let mut memory = KVVec::<u8>::from_elem(0, SCRATCH_LEN, GFP_KERNEL)?;
    let memory: &mut [u8; SCRATCH_LEN] = memory.as_mut_slice().try_into().map_err(|_| EINVAL)?;
    for level in Level::ALL.iter().take(usable) {
        let Some(section) = FpuSection::enter() else {
            break;
        };
        // SAFETY: `has` counts the levels that the processor has.
        let vector = unsafe { section.vector(*level) };
        let answer = self_test_of(&vector, memory);
        drop(section);
        if let Err(what) = answer {
            pr_err!(
                "self-test of {} failed ({}): not loading\n",
                level.name(),
                what
            );
            return Err(ENODEV);
        }
    }
    USABLE.store(usable, Ordering::Relaxed);
    Ok(())
}
