// SPDX-License-Identifier: GPL-2.0
//! The probe of the rfl world: what the driver uses of Rust-for-Linux's `kernel` crate, and no more.
//!
//! It is compiled, never run, against the metadata of the target kernel: if that fails, this
//! kernel's crate is not the one that the driver was written for, and world.sh says so. Whoever
//! makes the driver use more of the crate adds it here, and to the stand-in (`kernel/`).

#![no_std]

use core::mem::MaybeUninit;
use kernel::{
    alloc::{flags::*, Flags},
    error::to_result,
    ffi,
    prelude::*,
    sync::{Arc, ArcBorrow},
};

const __LOG_PREFIX: &[u8] = b"probe\0";

/// Numbers that come out of C, and go back.
pub fn errors(number: ffi::c_int) -> Result<c_int> {
    to_result(number)?;
    let error = Error::from_errno(number);
    if error == EEXIST {
        return Err(ENODEV);
    }
    pr_err!("{}\n", error.to_errno());
    let known = [EBUSY, EINVAL, EMSGSIZE, ENOENT, ENOMEM, ENOSPC, EPERM];
    Ok(known[number as usize % known.len()].to_errno())
}

/// One value in memory of its own.
pub fn boxes(flags: Flags) -> Result<KBox<[u64; 4]>> {
    let uninit: KBox<MaybeUninit<u32>> = KBox::new_uninit(flags)?;
    let raw = KBox::into_raw(KBox::write(uninit, 7));
    // SAFETY: just taken apart.
    drop(unsafe { KBox::from_raw(raw) });
    let mut array = KBox::new([0; 4], GFP_KERNEL)?;
    array[0] = 7;
    Ok(array)
}

/// Values in a row.
pub fn vectors(flags: Flags) -> Result<usize> {
    let mut small = KVec::new();
    small.push(1u32, GFP_ATOMIC | __GFP_NOWARN)?;
    small.reserve(4, flags)?;
    let _ = (small.pop(), small.len(), small.is_empty());
    small.clear();
    let mut large: KVVec<u8> = KVVec::from_elem(0, 4096, flags)?;
    large.as_mut_slice().fill(1);
    large.remove(0)?;
    drop(KVVec::<u64>::with_capacity(4, flags)?);
    let (pointer, length, capacity) = large.into_raw_parts();
    // SAFETY: just taken apart.
    let large = unsafe { KVVec::from_raw_parts(pointer, length, capacity) };
    Ok(large.len())
}

/// Objects that are counted.
pub fn counted(object: Arc<u64>, flags: Flags) -> Result<bool> {
    let other = Arc::new(1u64, flags)?;
    let raw = Arc::into_raw(object.clone());
    // SAFETY: the reference is put together again below, and not before.
    let borrowed: Arc<u64> = unsafe { ArcBorrow::from_raw(raw) }.into();
    // SAFETY: just taken apart.
    drop(unsafe { Arc::from_raw(raw) });
    pr_info!("{}\n", *borrowed);
    Ok(Arc::ptr_eq(&borrowed, &other))
}
