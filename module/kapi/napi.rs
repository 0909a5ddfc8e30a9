// SPDX-License-Identifier: GPL-2.0

//! NAPI: where received packets enter the stack.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h); helpers: `netdev.c`.

use super::{netdev::NetDev, rcu, rcu::RcuGuard, skb::Skb};
use core::{
    ffi::{c_int, c_void},
    mem::ManuallyDrop,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{prelude::*, sync::Arc};

/// The NAPI instance of an object that polls.
///
/// # Invariants
///
/// Null, or an enabled instance whose context is a counted reference to the object.
///
/// # Examples
///
/// ```ignore
/// Napi::enable(&queue, &dev.net)?; // `CpuQueue` is `Poll`
/// queue.napi.schedule(); // its `poll` is called soon, on this CPU
/// Napi::disable(&queue);
/// ```
pub(crate) struct Napi(AtomicPtr<bindings::wg_napi>);

/// An object with a [`Napi`].
pub(crate) trait Poll: Sized + Send + Sync + 'static {
    /// What is to happen when the stack has all packets of a poll.
    type Ended;
    /// Its instance, always the same one.
    fn napi(&self) -> &Napi;
    /// Hands up to `budget` packets to the stack; how many there were, more for more work. All of
    /// the budget means that there may be more.
    fn poll(this: &Arc<Self>, budget: usize) -> usize;
    /// At the end of a poll that left some of its budget: takes what [`Poll::go_on`] gets.
    fn ended(&self) -> Self::Ended;
    /// The stack has all packets that were handed to it: none is held back by GRO any more.
    fn go_on(&self, ended: Self::Ended);
}

impl Napi {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Napi(AtomicPtr::new(ptr::null_mut()))
    }

    /// Makes the instance. It keeps `this` alive until [`Napi::disable`].
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn enable<T: Poll>(this: &Arc<T>, dev: &NetDev) -> Result {
        let ctx = Arc::into_raw(this.clone());
        // SAFETY: `dev` is valid; the context is what `wg_rs_poll()` expects, and outlives the
        // instance.
        let napi = unsafe { bindings::wg_napi_new(dev.as_ptr(), ctx.cast_mut().cast()) };
        if napi.is_null() {
            // SAFETY: made just above.
            drop(unsafe { Arc::from_raw(ctx) });
            return Err(ENOMEM);
        }
        // INVARIANT: enabled, with a reference as its context.
        this.napi().0.store(napi, Ordering::Release);
        Ok(())
    }

    /// Waits for a poll that is running and ends the instance. Sleeps.
    pub(crate) fn disable<T: Poll>(this: &Arc<T>) {
        let napi = this.napi().0.swap(ptr::null_mut(), Ordering::AcqRel);
        if napi.is_null() {
            return;
        }
        // Whoever is just scheduling it does so in a read section.
        rcu::synchronize_net();
        // SAFETY: nobody can reach the instance any more.
        unsafe { bindings::wg_napi_free(napi) };
        let ctx: *const T = &**this;
        // SAFETY: by the invariant the instance had a reference, which is ours to drop now.
        drop(unsafe { Arc::from_raw(ctx) });
    }

    /// Waits until no poll runs or is due. Sleeps. Under rtnl, which [`Napi::disable`] needs, too.
    pub(crate) fn synchronize(&self) {
        let napi = self.0.load(Ordering::Acquire);
        if !napi.is_null() {
            // SAFETY: an enabled instance, by the invariant, and nobody disables it meanwhile.
            unsafe { bindings::wg_napi_synchronize(napi) };
        }
    }

    /// Has the object polled, soon and on this CPU.
    pub(crate) fn schedule(&self) {
        let _section = RcuGuard::new();
        let napi = self.0.load(Ordering::Acquire);
        if !napi.is_null() {
            // SAFETY: by the invariant an enabled instance, which `disable()` frees only after
            // this read section.
            unsafe { bindings::wg_napi_schedule(napi) };
        }
    }

    /// Gives a packet to the stack, by way of GRO. Within the poll only.
    pub(crate) fn receive(&self, skb: Skb) {
        let napi = self.0.load(Ordering::Relaxed);
        if !napi.is_null() {
            // SAFETY: within its poll the instance exists; the packet is given away.
            unsafe { bindings::wg_napi_receive(napi, skb.into_raw()) };
        }
    }
}

/// A poll: what the object does, and then the end of the poll if there was budget left.
///
/// # Safety
///
/// `ctx` is the context of `napi`, an instance of a `T`, and this is within its poll.
pub(crate) unsafe fn poll<T: Poll>(
    napi: *mut bindings::wg_napi,
    ctx: *mut c_void,
    budget: c_int,
) -> c_int {
    // SAFETY: by the contract; the instance holds a reference. It lets go of it a grace period
    // after its last poll began, so the object is there to the end of this function, which runs
    // with bottom halves off.
    let object = ManuallyDrop::new(unsafe { Arc::from_raw(ctx.cast::<T>().cast_const()) });
    let budget = usize::try_from(budget).unwrap_or(0);
    let done = T::poll(&object, budget).min(budget);
    if done < budget {
        let ended = object.ended();
        // SAFETY: within its poll, which ends here.
        unsafe { bindings::wg_napi_complete(napi, done as u32) };
        object.go_on(ended);
    }
    done as c_int
}
