// SPDX-License-Identifier: GPL-2.0

//! The net_device as the driver sees it: a handle for statistics and buffers.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h); helpers: `netdev.c`.

use core::ptr::NonNull;

/// The machine's memory.
pub(crate) fn memory_bytes() -> u64 {
    // SAFETY: reads a number.
    unsafe { bindings::wg_memory_bytes() }
}

/// A net_device.
///
/// # Invariants
///
/// The device is valid for as long as the handle is used: handles live in a `Device` and are made
/// by `wg_create()`; `wg_destruct()` ends, and waits for, everything that could use them (timers,
/// workers, NAPI, read sections) before the core frees the device.
///
/// # Examples
///
/// ```ignore
/// pr_info!("interface {} received\n", dev.net.ifindex());
/// dev.net.count_received(1, u64::from(skb.len()));
/// ```
pub(crate) struct NetDev(NonNull<bindings::net_device>);

// SAFETY: what is done through the handle may be done on any CPU.
unsafe impl Send for NetDev {}
// SAFETY: as above, at once.
unsafe impl Sync for NetDev {}

impl NetDev {
    /// # Safety
    ///
    /// See the type's invariant.
    pub(crate) unsafe fn from_raw(dev: NonNull<bindings::net_device>) -> Self {
        // INVARIANT: by the contract.
        NetDev(dev)
    }

    pub(crate) fn as_ptr(&self) -> *mut bindings::net_device {
        self.0.as_ptr()
    }

    /// The interface's number.
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: valid by the type's invariant.
        unsafe { (*self.as_ptr()).ifindex as u32 }
    }

    /// The interface's name, as the kernel keeps it. Under rtnl, where names do not change.
    pub(crate) fn name(&self) -> [u8; 16] {
        // SAFETY: valid by the type's invariant.
        unsafe { (*self.as_ptr()).name }
    }

    /// A number for the namespace that it is in.
    pub(crate) fn namespace(&self) -> u64 {
        // SAFETY: valid by the type's invariant.
        unsafe { bindings::wg_net_id(self.as_ptr()) }
    }

    /// Counts delivered packets. From softirq.
    pub(crate) fn count_received(&self, packets: u32, bytes: u64) {
        // SAFETY: valid by the type's invariant.
        unsafe { bindings::wg_stats_rx(self.as_ptr(), packets, bytes) };
    }
}
