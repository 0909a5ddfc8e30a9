// SPDX-License-Identifier: GPL-2.0

//! Faults, made on purpose, one at a load: `insmod wireguard.ko plant=leak`.
//!
//! They show that the detectors of a debug kernel see what this module's Rust does. The file is a part
//! of builds with `PLANT=1` alone, which only a kernel with the address sanitizer gets, and whose
//! products lie in a folder of their own (module/build/build.sh); check.sh sees to it that no other
//! module has any of this. The functions have C's kind of names so that reports name them.

use super::{
    fpu,
    lock::{Class, SpinLock},
    rcu::{self, RcuGuard},
};
use core::{cell::Cell, ffi::CStr, hint::black_box, mem::MaybeUninit, slice};
use kernel::prelude::*;
use wg_crypto::aead::{Job, Key};

/// What a fault is planted in.
type Block = [u8; 512];

/// Plants the fault that the module's parameter names; none, if it names none.
///
/// # Errors
///
/// `EINVAL` for an unknown name; `ENOMEM`.
pub(crate) fn at_load() -> Result {
    // SAFETY: a string that ends and stays while the module is loaded.
    let name = unsafe { CStr::from_ptr(bindings::wg_plant().cast()) };
    match name.to_bytes() {
        b"none" => Ok(()),
        b"use-after-free" => wg_rs_plant_use_after_free(),
        b"vector-overrun" => wg_rs_plant_vector_overrun(),
        b"leak" => wg_rs_plant_leak(),
        b"sleep" => wg_rs_plant_sleep(),
        b"inversion" => wg_rs_plant_inversion(),
        b"rcu" => wg_rs_plant_rcu(),
        b"timer" => wg_rs_plant_timer(),
        _ => Err(EINVAL),
    }
}

/// Reads a block of memory that was given back.
#[no_mangle]
#[inline(never)]
fn wg_rs_plant_use_after_free() -> Result {
    let block: *mut Block = KBox::into_raw(KBox::new([7; 512], GFP_KERNEL)?);
    // SAFETY: made just above.
    drop(unsafe { KBox::from_raw(black_box(block)) });
    // SAFETY: there is none: this is the fault. (The memory is still mapped.)
    let byte = unsafe { black_box(block).cast::<u8>().add(17).read_volatile() };
    pr_info!("plant: read {} from what was freed\n", byte);
    Ok(())
}

/// Has the vector code write beyond the end of a block: by a tag's length, as with a tag forgotten.
#[no_mangle]
#[inline(never)]
fn wg_rs_plant_vector_overrun() -> Result {
    const ROOM: usize = 1024;
    let room = KVec::<u8>::from_elem(0, ROOM, GFP_KERNEL)?;
    let text = KVec::<u8>::from_elem(0, ROOM, GFP_KERNEL)?;
    // SAFETY: `Cell<u8>` has the layout of `u8`, and the memory is this function's.
    let text = unsafe { slice::from_raw_parts(text.as_ptr().cast::<Cell<u8>>(), ROOM) };
    // SAFETY: there is none: the slice is longer than the block by 16 bytes. This is the fault. (They
    // lie in what the sanitizer leaves free around each block.)
    let beyond = unsafe { slice::from_raw_parts(room.as_ptr().cast::<Cell<u8>>(), ROOM + 16) };
    let (text, beyond) = ([text], [beyond]);
    let key = Key::new([0; 32]);
    fpu::with_backend(|backend| backend.seal(&key, &mut [Job::new(0, &[], &text, &beyond)]));
    Ok(())
}

/// Forgets blocks of memory. So many, since the allocator's own lists (the sheaves of its processor)
/// still name the last few dozens that it gave out, and kmemleak takes that for a use.
#[no_mangle]
#[inline(never)]
fn wg_rs_plant_leak() -> Result {
    for _ in 0..96 {
        let _ = black_box(KBox::into_raw(KBox::<Block>::new([7; 512], GFP_KERNEL)?));
    }
    Ok(())
}

/// Allocates, which may sleep, under a spinlock.
#[no_mangle]
#[inline(never)]
fn wg_rs_plant_sleep() -> Result {
    let lock = SpinLock::new((), Class::Handshake);
    let guard = lock.lock();
    let block = KBox::<Block>::new([7; 512], GFP_KERNEL);
    drop(guard);
    drop(black_box(block)?);
    Ok(())
}

/// Takes two locks in either order.
#[no_mangle]
#[inline(never)]
fn wg_rs_plant_inversion() -> Result {
    let one = SpinLock::new((), Class::Handshake);
    let other = SpinLock::new((), Class::Endpoint);
    for (first, second) in [(&one, &other), (&other, &one)] {
        let first = first.lock();
        drop(second.lock());
        drop(first);
    }
    Ok(())
}

/// Waits for all readers, being one.
#[no_mangle]
#[inline(never)]
fn wg_rs_plant_rcu() -> Result {
    let reader = RcuGuard::new();
    rcu::synchronize_net();
    drop(reader);
    Ok(())
}

/// Gives back the memory of a timer that is armed. (The detector disarms it.)
#[no_mangle]
#[inline(never)]
fn wg_rs_plant_timer() -> Result {
    // SAFETY: all zeroes is a valid value of each member.
    let blank: bindings::timer_list = unsafe { MaybeUninit::zeroed().assume_init() };
    let timer = KBox::into_raw(KBox::new(blank, GFP_KERNEL)?);
    // SAFETY: a place of its own, and the callback is never called: the time is an hour.
    unsafe {
        bindings::wg_timer_init(timer, Some(never));
        bindings::wg_timer_arm(timer, 3_600_000_000_000);
    }
    // SAFETY: there is none: the timer is armed. This is the fault.
    drop(unsafe { KBox::from_raw(timer) });
    Ok(())
}

unsafe extern "C" fn never(_timer: *mut bindings::timer_list) {}
