// SPDX-License-Identifier: GPL-2.0
//! The levels of x86-64 and the functions they export.
// The exported names are what links to them; no Rust path leads here.
#![allow(unreachable_pub)]
mod avx2;
#[cfg(feature = "avx512")]
mod avx512;
mod poly1305_avx2;
#[cfg(feature = "avx512")]
mod poly1305_ifma;
mod rows;
mod short;
#[cfg(feature = "avx512")]
mod short_avx512;
mod ssse3;

use crate::abi::Task;
use crate::engine::run;

/// Has the compiler align the stack of the function around it to `T`'s alignment. Left to itself it
/// aligns a frame for what the source puts there, but not for the registers that it puts there
/// itself, and such a register across two cache lines costs twice.
#[inline(always)]
unsafe fn align_stack<T>() {
    let mut place = core::mem::MaybeUninit::<T>::uninit();
    // SAFETY: no instruction at all; a place that is looked at must be there.
    unsafe {
        core::arch::asm!("/* {0} */", in(reg) place.as_mut_ptr(), options(nostack, preserves_flags));
    }
}

/// Whether a list is one message of at most so many bytes, in one piece and without associated data.
///
/// # Safety
///
/// There are `count` tasks at `tasks`.
#[inline(always)]
unsafe fn takes(tasks: *const Task, count: usize, longest: usize) -> bool {
    if count != 1 {
        return false;
    }
    // SAFETY: there is one.
    let task = unsafe { &*tasks };
    let whole = task.src_count == 1 && task.dst_count == 1;
    whole && task.len <= longest && task.ad_len == 0
}

/// Exports the two functions of a level. The engine is inlined, and so compiled for the level as well.
macro_rules! export {
    ($seal:ident, $open:ident, $generator:ty, $lanes:literal, $features:literal, $needs:literal
     $(, $short:ident)?) => {
        #[doc = concat!("Seals tasks. Needs ", $needs, ".")]
        ///
        /// # Safety
        ///
        /// That of [`abi::Function`](crate::abi::Function).
        #[no_mangle]
        #[target_feature(enable = $features)]
        pub unsafe extern "C" fn $seal(key: *const u8, tasks: *mut Task, count: usize) {
            // SAFETY: the caller's promise is the same.
            $(unsafe {
                if takes(tasks, count, $short::LONGEST) {
                    return $short::work::<true>(key, tasks);
                }
            })?
            // SAFETY: as above.
            unsafe { run::<$generator, true, { 64 * $lanes }>(key, tasks, count) }
        }

        #[doc = concat!("Opens tasks. Needs ", $needs, ".")]
        ///
        /// # Safety
        ///
        /// That of [`abi::Function`](crate::abi::Function).
        #[no_mangle]
        #[target_feature(enable = $features)]
        pub unsafe extern "C" fn $open(key: *const u8, tasks: *mut Task, count: usize) {
            // SAFETY: the caller's promise is the same.
            $(unsafe {
                if takes(tasks, count, $short::LONGEST) {
                    return $short::work::<false>(key, tasks);
                }
            })?
            // SAFETY: as above.
            unsafe { run::<$generator, false, { 64 * $lanes }>(key, tasks, count) }
        }
    };
}

export!(
    wg_seal_ssse3,
    wg_open_ssse3,
    ssse3::Ssse3,
    4,
    "ssse3",
    "SSSE3"
);
export!(
    wg_seal_avx2,
    wg_open_avx2,
    avx2::Avx2,
    8,
    "avx2,bmi2",
    "AVX2 and BMI2",
    short
);
#[cfg(feature = "avx512")]
export!(
    wg_seal_avx512,
    wg_open_avx512,
    avx512::Avx512,
    24,
    "avx512f,avx512vl,avx512bw,avx512ifma,avx2,bmi2",
    "AVX-512 F, VL, BW and IFMA, AVX2 and BMI2",
    short_avx512
);
