// SPDX-License-Identifier: GPL-2.0

//! What keeps handshakes from taking the processor (paper, sections 5.3 and 5.4.7). There is one
//! for all devices, since there is one machine to protect.
#![forbid(unsafe_code)]

use crate::kapi::{
    global::Global,
    lock::{Class, SpinLock},
    netdev::{self, NetDev},
    random,
    socket::Endpoint,
    time,
};
use kernel::{alloc::flags::GFP_KERNEL, prelude::*};
use wg_netlink::address::Endpoint as Address;
use wg_protocol::{
    load::Load,
    ratelimiter::{places_for, Entry, RateLimiter},
    siphash,
};

/// See the head of this file.
pub(crate) struct Limits {
    load: Load,
    /// Made with the first device.
    limiter: SpinLock<Option<RateLimiter<KVVec<Entry>>>>,
}

pub(crate) static LIMITS: Global<Limits> = Global::new();

/// At the module's beginning.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn init() -> Result {
    let limits = Limits {
        load: Load::new(),
        limiter: SpinLock::new(None, Class::Limiter),
    };
    LIMITS.set(KBox::new(limits, GFP_KERNEL)?);
    Ok(())
}

/// A device is made: the table of sources is needed from now on.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn ready() -> Result {
    let limits = LIMITS.get().ok_or(EINVAL)?;
    if limits.limiter.lock().is_some() {
        return Ok(());
    }
    let count = places_for(netdev::memory_bytes());
    let mut storage = KVVec::with_capacity(count, GFP_KERNEL)?;
    for _ in 0..count {
        storage.push(Entry::new(), GFP_KERNEL)?;
    }
    let key = siphash::Key(random::u64(), random::u64());
    let limiter = RateLimiter::new(storage, key);
    let unused = {
        let mut place = limits.limiter.lock();
        if place.is_none() {
            place.replace(limiter)
        } else {
            Some(limiter)
        }
    };
    drop(unused);
    Ok(())
}

/// Whether the machine is under load, with `queued` handshake messages waiting.
pub(crate) fn under_load(queued: usize) -> bool {
    LIMITS
        .get()
        .is_some_and(|limits| limits.load.under_load(queued, time::keys()))
}

/// Whether a handshake from this source, whose cookie was right, may be answered now.
pub(crate) fn allow(dev: &NetDev, source: &Endpoint) -> bool {
    let Some(limits) = LIMITS.get() else {
        return false;
    };
    let namespace = dev.namespace();
    let mut limiter = limits.limiter.lock();
    match (limiter.as_mut(), source.address()) {
        (Some(limiter), Some(Address::V4 { addr, .. })) => {
            limiter.allow4(namespace, addr, time::keys())
        }
        (Some(limiter), Some(Address::V6 { addr, .. })) => {
            limiter.allow6(namespace, addr, time::keys())
        }
        _ => false,
    }
}
