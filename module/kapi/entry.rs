// SPDX-License-Identifier: GPL-2.0

//! Where C calls in: the module's beginning and end, and the operations of an interface.
//!
//! `wg_priv.device` is an `Arc<Device>` turned into a pointer, from `wg_rs_newlink()` to
//! `wg_rs_destroy()`; everything in between borrows it.

use super::{crypt, curve, fpu, netdev::NetDev, rtnl::Rtnl, skb::Skb, socket::Sockets};
use crate::{device::Device, limits, receive, transmit};
use core::{ffi::c_void, ptr::NonNull};
use kernel::{
    ffi,
    prelude::*,
    sync::{Arc, ArcBorrow},
};

fn answer(result: Result) -> ffi::c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// The device behind a pointer of `wg_priv.device`.
///
/// # Safety
///
/// The pointer came from `wg_rs_newlink()` and `wg_rs_destroy()` has not been called with it.
unsafe fn device(ptr: *mut c_void) -> Arc<Device> {
    // SAFETY: by the contract the reference in the pointer is still there.
    unsafe { ArcBorrow::from_raw(ptr.cast::<Device>().cast_const()) }.into()
}

#[no_mangle]
extern "C" fn wg_rs_init() -> ffi::c_int {
    if let Err(what) = wg_crypto::self_test() {
        pr_err!("self-test of {} failed: not loading\n", what);
        return ENODEV.to_errno();
    }
    if let Err(error) = fpu::init().and_then(|()| curve::init()) {
        return error.to_errno();
    }
    pr_info!(
        "in Rust; ChaCha20-Poly1305: {}; X25519: {}\n",
        fpu::name(),
        curve::curve().name()
    );
    #[cfg(wg_plant)]
    if let Err(error) = super::plant::at_load() {
        return error.to_errno();
    }
    if let Err(error) = crypt::init() {
        return error.to_errno();
    }
    answer(limits::init().inspect_err(|_| {
        // SAFETY: the module does not load: there is no device.
        unsafe { crypt::exit() };
    }))
}

/// # Safety
///
/// No device, and nothing else of the module, is left.
#[no_mangle]
unsafe extern "C" fn wg_rs_exit() {
    // SAFETY: by the contract.
    unsafe {
        limits::LIMITS.clear();
        crypt::exit();
    }
}

/// # Safety
///
/// `dev` is a new net_device of ours, not yet registered; `out` is writable; rtnl is held.
#[no_mangle]
unsafe extern "C" fn wg_rs_newlink(
    dev: *mut bindings::net_device,
    out: *mut *mut c_void,
) -> ffi::c_int {
    // SAFETY: by the contract the device is valid, and so is its private area.
    let side = unsafe { NonNull::new(bindings::wg_priv_of(dev)) };
    let (Some(net), Some(side)) = (NonNull::new(dev), side) else {
        return EINVAL.to_errno();
    };
    // SAFETY: the core frees the device after `wg_rs_destroy()`.
    let (net, sockets, mut rtnl) = unsafe {
        (
            NetDev::from_raw(net),
            Sockets::from_raw(side),
            Rtnl::assume_held(),
        )
    };
    match Device::new(net, sockets, &mut rtnl) {
        Ok(device) => {
            // SAFETY: by the contract.
            unsafe { *out = Arc::into_raw(device).cast_mut().cast() };
            0
        }
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// `device` came from `wg_rs_newlink()`; the sockets are closed and nobody uses the interface any
/// more; rtnl is held.
#[no_mangle]
unsafe extern "C" fn wg_rs_destroy(device: *mut c_void) {
    // SAFETY: by the contract; the reference in the pointer becomes ours.
    let (dev, mut rtnl) = unsafe {
        (
            Arc::from_raw(device.cast::<Device>().cast_const()),
            Rtnl::assume_held(),
        )
    };
    Device::destroy(&dev, &mut rtnl);
}

/// # Safety
///
/// `device` is that of a registered interface; rtnl is held.
#[no_mangle]
unsafe extern "C" fn wg_rs_open(ptr: *mut c_void) -> ffi::c_int {
    // SAFETY: by the contract.
    let (dev, mut rtnl) = unsafe { (device(ptr), Rtnl::assume_held()) };
    answer(Device::open(&dev, &mut rtnl))
}

/// # Safety
///
/// `device` is that of a registered interface; rtnl is held.
#[no_mangle]
unsafe extern "C" fn wg_rs_stop(ptr: *mut c_void) {
    // SAFETY: by the contract.
    let (dev, mut rtnl) = unsafe { (device(ptr), Rtnl::assume_held()) };
    Device::stop(&dev, &mut rtnl);
}

/// # Safety
///
/// `device` is that of a registered interface; rtnl is held.
#[no_mangle]
unsafe extern "C" fn wg_rs_net_exit(ptr: *mut c_void) {
    // SAFETY: by the contract.
    let (dev, mut rtnl) = unsafe { (device(ptr), Rtnl::assume_held()) };
    dev.release_routes(&mut rtnl);
}

/// # Safety
///
/// `device` is that of a registered interface; rtnl is held.
#[no_mangle]
unsafe extern "C" fn wg_rs_end_sessions(ptr: *mut c_void) {
    // SAFETY: by the contract.
    let (dev, mut rtnl) = unsafe { (device(ptr), Rtnl::assume_held()) };
    dev.end_sessions(&mut rtnl);
}

/// # Safety
///
/// `device` is that of a registered interface; rtnl is held.
#[no_mangle]
unsafe extern "C" fn wg_rs_expire_sessions(ptr: *mut c_void) {
    // SAFETY: by the contract.
    let (dev, mut rtnl) = unsafe { (device(ptr), Rtnl::assume_held()) };
    dev.expire_sessions(&mut rtnl);
}

/// # Safety
///
/// `device` is that of a registered interface; the packet is given away.
#[no_mangle]
unsafe extern "C" fn wg_rs_xmit(ptr: *mut c_void, skb: *mut bindings::sk_buff) -> ffi::c_int {
    // SAFETY: by the contract; the interface stays while it sends.
    let (dev, skb) = unsafe { (&*ptr.cast::<Device>(), Skb::from_raw(skb)) };
    match skb {
        Some(skb) => answer(transmit::xmit(dev, skb)),
        None => 0,
    }
}

/// # Safety
///
/// `device` is that of an interface whose socket received the packet, within the receive hook; the
/// packet is given away, data at the message unless there was an error.
#[no_mangle]
unsafe extern "C" fn wg_rs_receive(
    ptr: *mut c_void,
    skb: *mut bindings::sk_buff,
    error: ffi::c_int,
) {
    // SAFETY: by the contract; the sockets are closed, and their hooks waited for, before the
    // device ends.
    let (dev, skb) = unsafe { (&*ptr.cast::<Device>(), Skb::from_raw(skb)) };
    match skb {
        Some(skb) if error == 0 => receive::hook(dev, skb),
        Some(skb) => receive::unreadable(dev, skb, error == ENOMEM.to_errno()),
        None => {}
    }
}
