// SPDX-License-Identifier: GPL-2.0

//! The kernel's random numbers.
//!
//! C header: [`include/linux/random.h`](srctree/include/linux/random.h); helpers: `work.c`.

/// `N` random bytes. Whether the pool is seeded yet is the caller's to ask.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    // SAFETY: `out` is `N` writable bytes.
    unsafe { bindings::wg_random_bytes(out.as_mut_ptr(), N) };
    out
}

/// A random number.
pub(crate) fn u32() -> u32 {
    u32::from_ne_bytes(bytes())
}

/// A random number.
pub(crate) fn u64() -> u64 {
    u64::from_ne_bytes(bytes())
}

/// Whether the pool has been seeded.
pub(crate) fn ready() -> bool {
    // SAFETY: may be called in any context.
    unsafe { bindings::wg_random_ready() }
}
