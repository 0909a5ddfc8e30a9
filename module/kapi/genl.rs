// SPDX-License-Identifier: GPL-2.0

//! Requests over generic netlink, as `genl.c` passes them on.

use super::rtnl::Rtnl;
use crate::{config, device::Device, dump};
use core::{ffi::c_void, ptr, ptr::NonNull};
use kernel::{ffi, prelude::*, sync::ArcBorrow};
use wg_netlink::{
    error::RequestError,
    get::{ExtraAttributes, GetDevice},
    set::{self, Policy, Selector, SetDevice},
};

/// A net_device of ours with a reference on it.
///
/// # Invariants
///
/// One of the device's references is ours.
struct Held(NonNull<bindings::net_device>);

impl Held {
    /// # Errors
    ///
    /// `ENODEV`, or `EOPNOTSUPP` if the interface is of another kind.
    fn find(net: *mut bindings::net, selector: Selector<'_>) -> Result<Self> {
        let (index, name) = match selector {
            Selector::Index(index) => (index, ptr::null()),
            Selector::Name(name) => (0, name.as_ptr().cast()),
        };
        let mut error = 0;
        // SAFETY: `net` is the caller's, the name ends, `error` is writable.
        let dev = unsafe { bindings::wg_genl_device(net, index, name, &mut error) };
        NonNull::new(dev)
            // INVARIANT: `wg_genl_device()` took a reference for us.
            .map(Held)
            .ok_or_else(|| Error::from_errno(error))
    }

    fn into_raw(self) -> *mut bindings::net_device {
        let dev = self.0.as_ptr();
        core::mem::forget(self);
        dev
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: `find()` took the reference.
        unsafe { bindings::wg_dev_put(self.0.as_ptr()) };
    }
}

/// Notes where and why a request was refused; the error for the caller.
fn refuse(error: &RequestError, out: &mut bindings::wg_genl_error) -> Error {
    out.msg = error.message().as_ptr().cast();
    out.offset = error
        .offset()
        .and_then(|offset| u32::try_from(offset).ok())
        .unwrap_or(u32::MAX);
    Error::from_errno(-error.errno())
}

/// Zeroes the keys in a message on every way out.
struct Secrets<'a>(&'a mut [u8]);

impl Drop for Secrets<'_> {
    fn drop(&mut self) {
        set::secrets(self.0);
    }
}

fn answer(result: Result) -> ffi::c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// `attrs` is `len` writable bytes, or `len` is 0; rtnl is held; `error` is writable.
#[no_mangle]
unsafe extern "C" fn wg_rs_genl_set(
    net: *mut bindings::net,
    attrs: *mut u8,
    len: u32,
    error: *mut bindings::wg_genl_error,
) -> ffi::c_int {
    // SAFETY: by the contract.
    let (attrs, error, mut rtnl) = unsafe {
        (
            core::slice::from_raw_parts_mut(attrs, len as usize),
            &mut *error,
            Rtnl::assume_held(),
        )
    };
    let message = Secrets(attrs);
    let mut apply = || {
        let request = SetDevice::parse(message.0, Policy::default())
            .map_err(|refused| refuse(&refused, error))?;
        let held = Held::find(net, request.selector)?;
        // SAFETY: an interface of ours that is registered (it was found, under rtnl) has its device
        // until its destructor, which the reference holds off.
        let dev = unsafe {
            let device = (*bindings::wg_priv_of(held.0.as_ptr())).device;
            ArcBorrow::from_raw(device.cast::<Device>().cast_const())
        };
        config::set(&dev.into(), &mut rtnl, &request)
    };
    answer(apply())
}

/// # Safety
///
/// `attrs` is `len` readable bytes; `dev` and `error` are writable.
#[no_mangle]
unsafe extern "C" fn wg_rs_genl_dump_start(
    net: *mut bindings::net,
    attrs: *const u8,
    len: u32,
    dev: *mut *mut bindings::net_device,
    error: *mut bindings::wg_genl_error,
) -> ffi::c_int {
    // SAFETY: by the contract.
    let (attrs, error) = unsafe {
        (
            core::slice::from_raw_parts(attrs, len as usize),
            &mut *error,
        )
    };
    let mut start = || {
        let request = GetDevice::parse(attrs, ExtraAttributes::default())
            .map_err(|refused| refuse(&refused, error))?;
        let held = Held::find(net, request.selector)?;
        // SAFETY: by the contract; the reference goes with it.
        unsafe { *dev = held.into_raw() };
        Ok(())
    };
    answer(start())
}

/// 1: there is more; 0: done; or an errno.
///
/// # Safety
///
/// `device` is that of a registered interface; rtnl is held; `buf` is `len` writable bytes, the
/// others are writable.
#[no_mangle]
unsafe extern "C" fn wg_rs_genl_dump(
    device: *mut c_void,
    buf: *mut u8,
    len: u32,
    cursor: *mut u64,
    used: *mut u32,
    seq: *mut u32,
) -> ffi::c_int {
    // SAFETY: by the contract.
    let (dev, room, cursor, mut rtnl) = unsafe {
        // The room may never have been written: give it a value.
        ptr::write_bytes(buf, 0, len as usize);
        (
            &*device.cast::<Device>(),
            core::slice::from_raw_parts_mut(buf, len as usize),
            &mut *cursor.cast::<[u64; 4]>(),
            Rtnl::assume_held(),
        )
    };
    match dump::fill(dev, &mut rtnl, room, *cursor) {
        Ok((written, next, more, generation)) => {
            *cursor = next;
            // SAFETY: by the contract.
            unsafe {
                *used = written as u32;
                *seq = generation;
            }
            ffi::c_int::from(more)
        }
        Err(error) => error.to_errno(),
    }
}
