// SPDX-License-Identifier: GPL-2.0

//! NAPI: where received packets enter the stack.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h); helpers: `netdev.c`.

use super::{netdev::NetDev, rcu, rcu::RcuGuard, rtnl::Rtnl, skb::Skb};
use core::{
    ffi::{c_int, c_void},
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{prelude::*, sync::Arc};

/// The NAPI instance of a `T`, which is what is polled.
///
/// # Invariants
///
/// `instance` is null, or an instance whose context is a counted reference to a `T` and which is
/// freed a grace period after it was taken out of here. Both pointers change under rtnl only.
///
/// # Examples
///
/// ```ignore
/// Napi::enable(&queue, &dev.net, rtnl)?; // `CpuQueue` is `Poll`
/// queue.napi.schedule(); // its `poll` is called soon, on this CPU
/// Napi::disable_all(&queues, rtnl);
/// ```
pub(crate) struct Napi<T> {
    instance: AtomicPtr<bindings::wg_napi>,
    /// The instance, between being taken out and being freed.
    dying: AtomicPtr<bindings::wg_napi>,
    _of: PhantomData<fn(T)>,
}

/// An object with a [`Napi`].
pub(crate) trait Poll: Sized + Send + Sync + 'static {
    /// Its instance, always the same one.
    fn napi(&self) -> &Napi<Self>;
    /// Hands up to `budget` packets to the stack, and returns how many there were. All of the
    /// budget means that there may be more.
    fn poll(this: &Arc<Self>, budget: usize, polling: &Polling) -> usize;
}

/// The poll of an instance is running. Only [`Poll::poll`] gets one.
///
/// # Invariants
///
/// An enabled instance, within its poll.
pub(crate) struct Polling(*mut bindings::wg_napi);

impl Polling {
    /// Gives a packet to the stack, by way of GRO.
    pub(crate) fn receive(&self, skb: Skb) {
        // SAFETY: by the invariant; the packet is given away.
        unsafe { bindings::wg_napi_receive(self.0, skb.into_raw()) };
    }
}

impl<T: Poll> Napi<T> {
    /// An object without an instance.
    pub(crate) const fn new() -> Self {
        Napi {
            instance: AtomicPtr::new(ptr::null_mut()),
            dying: AtomicPtr::new(ptr::null_mut()),
            _of: PhantomData,
        }
    }

    /// Makes the instance of an object that has none. It keeps `this` alive until
    /// [`Napi::disable_all`].
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn enable(this: &Arc<T>, dev: &NetDev, _rtnl: &mut Rtnl) -> Result {
        if !this.napi().instance.load(Ordering::Relaxed).is_null() {
            return Ok(());
        }
        let ctx = Arc::into_raw(this.clone());
        // SAFETY: `dev` is valid; the context is what `poll::<T>` expects, and outlives the
        // instance.
        let napi =
            unsafe { bindings::wg_napi_new(dev.as_ptr(), ctx.cast_mut().cast(), Some(poll::<T>)) };
        if napi.is_null() {
            // SAFETY: made just above.
            drop(unsafe { Arc::from_raw(ctx) });
            return Err(ENOMEM);
        }
        // INVARIANT: enabled, with a reference as its context.
        this.napi().instance.store(napi, Ordering::Release);
        Ok(())
    }

    /// Ends the instances of objects, after polls that are running, with one grace period for all.
    /// Sleeps.
    pub(crate) fn disable_all(objects: &[Arc<T>], _rtnl: &mut Rtnl) {
        let mut any = false;
        for object in objects {
            let napi = object.napi();
            let instance = napi.instance.load(Ordering::Acquire);
            if instance.is_null() {
                continue;
            }
            any = true;
            // SAFETY: an enabled instance; under rtnl no other caller disables it.
            unsafe { bindings::wg_napi_disable(instance) };
            napi.dying.store(instance, Ordering::Relaxed);
            napi.instance.store(ptr::null_mut(), Ordering::Release);
        }
        if !any {
            return;
        }
        // Callers of `schedule()`, and the softirq that ran the last poll, may still use them.
        rcu::synchronize_net();
        for object in objects {
            let instance = object.napi().dying.swap(ptr::null_mut(), Ordering::Relaxed);
            if instance.is_null() {
                continue;
            }
            // SAFETY: disabled, and no longer reachable since before the grace period.
            unsafe { bindings::wg_napi_free(instance) };
            let ctx: *const T = &**object;
            // SAFETY: by the invariant the instance had a reference, which is ours to drop now.
            drop(unsafe { Arc::from_raw(ctx) });
        }
    }

    /// Waits until no poll runs or is due. Sleeps.
    pub(crate) fn synchronize(&self, _rtnl: &mut Rtnl) {
        let napi = self.instance.load(Ordering::Acquire);
        if !napi.is_null() {
            // SAFETY: an enabled instance, by the invariant; disabling it takes rtnl.
            unsafe { bindings::wg_napi_synchronize(napi) };
        }
    }

    /// Has the object polled, soon and on this CPU.
    pub(crate) fn schedule(&self) {
        let _section = RcuGuard::new();
        let napi = self.instance.load(Ordering::Acquire);
        if !napi.is_null() {
            // SAFETY: by the invariant an instance, which is freed only after this read section.
            unsafe { bindings::wg_napi_schedule(napi) };
        }
    }
}

/// Polls an object, and ends the poll if there was budget left.
///
/// # Safety
///
/// `ctx` is the context of `napi`, an instance of a `T`, and this is within its poll.
unsafe extern "C" fn poll<T: Poll>(
    napi: *mut bindings::wg_napi,
    ctx: *mut c_void,
    budget: c_int,
) -> c_int {
    // SAFETY: by the contract; the instance holds a reference, which it gives up a grace period
    // after its last poll at the earliest. This runs with bottom halves off, which such a grace
    // period waits for on every kernel that the module builds for (all have consolidated RCU, as
    // of 4.20); and nothing below uses the object after `wg_napi_complete()`.
    let object = ManuallyDrop::new(unsafe { Arc::from_raw(ctx.cast::<T>().cast_const()) });
    let budget = usize::try_from(budget).unwrap_or(0);
    // INVARIANT: within the poll, which ends below.
    let done = T::poll(&object, budget, &Polling(napi)).min(budget);
    if done < budget {
        // SAFETY: within its poll, which ends here.
        unsafe { bindings::wg_napi_complete(napi, done as u32) };
    }
    done as c_int
}
