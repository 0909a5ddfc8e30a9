// SPDX-License-Identifier: GPL-2.0

//! Where `ethtool` and the interface's statistics ask for the counters.
//!
//! C header: [`include/linux/ethtool.h`](srctree/include/linux/ethtool.h); table: `ethtool.c`.

use crate::{counters, device::Device};
use core::ffi::c_void;

/// Room for a counter's name, with the zero byte that ends it.
pub(crate) const NAME_LEN: usize = bindings::WG_COUNTER_NAME_LEN as usize;

#[no_mangle]
extern "C" fn wg_rs_counter_count() -> u32 {
    counters::COUNT as u32
}

/// # Safety
///
/// `out` has room for as many names as there are counters, `NAME_LEN` bytes each.
#[no_mangle]
unsafe extern "C" fn wg_rs_counter_names(out: *mut u8) {
    // SAFETY: by the contract.
    let out = unsafe { core::slice::from_raw_parts_mut(out, counters::COUNT * NAME_LEN) };
    out.fill(0);
    for (room, name) in out.chunks_exact_mut(NAME_LEN).zip(counters::names()) {
        for (to, from) in room.iter_mut().take(NAME_LEN - 1).zip(name.bytes()) {
            *to = from;
        }
    }
}

/// # Safety
///
/// `device` is that of a registered interface; `out` has room for as many numbers as there are
/// counters.
#[no_mangle]
unsafe extern "C" fn wg_rs_counters(device: *mut c_void, out: *mut u64) {
    // SAFETY: by the contract; the interface stays while it is asked.
    let (dev, out) = unsafe {
        (
            &*device.cast::<Device>(),
            core::slice::from_raw_parts_mut(out, counters::COUNT),
        )
    };
    for (to, from) in out.iter_mut().zip(dev.counters.sums()) {
        *to = from;
    }
}

/// # Safety
///
/// `device` is that of a registered interface; `out` is valid, but need not be aligned: it may be the
/// contents of a netlink attribute, which are aligned to 4 bytes.
#[no_mangle]
unsafe extern "C" fn wg_rs_statistics(device: *mut c_void, out: *mut bindings::rtnl_link_stats64) {
    // SAFETY: by the contract; the interface stays while it is asked.
    let (dev, mut sums) = unsafe { (&*device.cast::<Device>(), out.read_unaligned()) };
    let ours = dev.counters.statistics();
    sums.rx_dropped += ours.rx_dropped;
    sums.rx_errors += ours.rx_length + ours.rx_frame;
    sums.rx_length_errors += ours.rx_length;
    sums.rx_frame_errors += ours.rx_frame;
    sums.tx_dropped += ours.tx_dropped;
    sums.tx_errors += ours.tx_errors;
    // SAFETY: as above.
    unsafe { out.write_unaligned(sums) };
}
