// SPDX-License-Identifier: GPL-2.0

//! RCU: read sections, objects that die after a grace period, and slots that publish them.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h); helpers: `sync.c`.

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem::{ManuallyDrop, MaybeUninit},
    ops::Deref,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{
    alloc::Flags,
    prelude::*,
    sync::{Arc, ArcBorrow},
};

/// A read section: what was published when it began, or since, lives until it ends.
///
/// # Invariants
///
/// The context that has the guard, which cannot leave it, is in the section.
///
/// # Examples
///
/// See [`RcuSlot`].
pub(crate) struct RcuGuard(PhantomData<*mut ()>);

impl RcuGuard {
    /// Begins a read section.
    #[inline]
    pub(crate) fn new() -> Self {
        // SAFETY: may be called in any context; ended by `Drop`.
        unsafe { bindings::wg_rcu_read_lock() };
        // INVARIANT: begun just above.
        RcuGuard(PhantomData)
    }
}

impl Drop for RcuGuard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `new()` began the section, and the guard cannot leave its context.
        unsafe { bindings::wg_rcu_read_unlock() };
    }
}

/// Waits until no packet that is now being handled still sees what was unpublished before.
/// Sleeps.
pub(crate) fn synchronize_net() {
    // SAFETY: the callers are in process context, outside of read sections (the guard is not
    // `Send` and every caller's is dropped).
    unsafe { bindings::wg_synchronize_net() };
}

/// Waits for every `call_rcu()` callback so far. Sleeps.
pub(crate) fn barrier() {
    // SAFETY: as above.
    unsafe { bindings::wg_rcu_barrier() };
}

/// The kernel's handle on an object that waits for its grace period.
#[repr(C)]
struct Inner<T> {
    head: UnsafeCell<MaybeUninit<bindings::rcu_head>>,
    value: T,
}

// SAFETY: `head` is only touched by the one owner that ends the object.
unsafe impl<T: Send> Send for Inner<T> {}
// SAFETY: as above; readers reach `value` only.
unsafe impl<T: Sync> Sync for Inner<T> {}

/// A counted object that can be published by RCU. Clones are ordinary counted references.
///
/// # Examples
///
/// ```ignore
/// let owned = RcuOwned::new(keypair, GFP_KERNEL)?;
/// let shared = owned.share(); // outlives read sections, and does not end the publication
/// drop(slot.swap(Some(owned)));
/// assert!(slot.holds(&shared));
/// ```
pub(crate) struct RcuArc<T>(Arc<Inner<T>>);

impl<T> Clone for RcuArc<T> {
    fn clone(&self) -> Self {
        RcuArc(self.0.clone())
    }
}

impl<T> Deref for RcuArc<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.0.value
    }
}

/// The one reference that may be published. Its drop takes effect after a grace period.
///
/// # Invariants
///
/// There is one `RcuOwned` for each object in its lifetime, so its `rcu_head` is used once.
///
/// # Examples
///
/// See [`RcuArc`] and [`RcuSlot`].
pub(crate) struct RcuOwned<T: Send + Sync + 'static>(ManuallyDrop<RcuArc<T>>);

impl<T: Send + Sync + 'static> RcuOwned<T> {
    /// Allocates an object to publish.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(value: T, flags: Flags) -> Result<Self> {
        let inner = Arc::new(
            Inner {
                head: UnsafeCell::new(MaybeUninit::zeroed()),
                value,
            },
            flags,
        )?;
        // INVARIANT: the object is new.
        Ok(RcuOwned(ManuallyDrop::new(RcuArc(inner))))
    }

    /// An ordinary reference to the same object.
    pub(crate) fn share(&self) -> RcuArc<T> {
        RcuArc::clone(&self.0)
    }

    fn into_raw(self) -> *mut Inner<T> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: taken once: `this` is not used again, nor dropped.
        let arc = unsafe { ManuallyDrop::take(&mut this.0) };
        Arc::into_raw(arc.0).cast_mut()
    }

    /// # Safety
    ///
    /// `ptr` came from `into_raw()` and this is its only way back.
    unsafe fn from_raw(ptr: *mut Inner<T>) -> Option<Self> {
        if ptr.is_null() {
            return None;
        }
        // SAFETY: by this function's contract.
        let arc = RcuArc(unsafe { Arc::from_raw(ptr) });
        Some(RcuOwned(ManuallyDrop::new(arc)))
    }
}

impl<T: Send + Sync + 'static> Deref for RcuOwned<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> Drop for RcuOwned<T> {
    fn drop(&mut self) {
        // SAFETY: taken once: the drop is the end of `self`.
        let arc = unsafe { ManuallyDrop::take(&mut self.0) };
        let ptr = Arc::into_raw(arc.0).cast_mut();
        // SAFETY: `ptr` is valid: it carries the reference just released into it. By the type's
        // invariant the head is not in use. The callback takes that reference back.
        unsafe { bindings::wg_call_rcu((*ptr).head.get().cast(), Some(reclaim::<T>)) };
    }
}

/// # Safety
///
/// `head` is that of an `Inner<T>` whose reference `RcuOwned::drop` let go.
unsafe extern "C" fn reclaim<T>(head: *mut bindings::rcu_head) {
    // `head` is the first member of a `repr(C)` struct.
    let ptr = head.cast::<Inner<T>>();
    // SAFETY: the reference was released into the pointer by `RcuOwned::drop`.
    drop(unsafe { Arc::<Inner<T>>::from_raw(ptr) });
}

/// A place that readers load from while one writer at a time exchanges what is in it.
///
/// # Invariants
///
/// The pointer is null or that of an `RcuOwned<T>` which the slot owns.
///
/// # Examples
///
/// ```ignore
/// let slot = RcuSlot::new();
/// // The writer, under a lock of its own:
/// let old = slot.swap(Some(RcuOwned::new(keypair, GFP_KERNEL)?));
/// drop(old); // takes effect after a grace period: readers may still look at it
/// // A reader, anywhere:
/// let section = RcuGuard::new();
/// if let Some(keypair) = slot.load(&section) {
///     keypair.count(); // valid until `section` ends
/// }
/// ```
pub(crate) struct RcuSlot<T: Send + Sync + 'static> {
    ptr: AtomicPtr<Inner<T>>,
    _owns: PhantomData<T>,
}

impl<T: Send + Sync + 'static> RcuSlot<T> {
    /// An empty place.
    pub(crate) const fn new() -> Self {
        RcuSlot {
            ptr: AtomicPtr::new(ptr::null_mut()),
            _owns: PhantomData,
        }
    }

    /// What is there now; valid as long as the read section.
    #[inline]
    pub(crate) fn load<'g>(&self, _section: &'g RcuGuard) -> Option<&'g T> {
        let ptr = self.ptr.load(Ordering::Acquire);
        // SAFETY: null, or an object that the slot owned within the read section: whoever took it
        // out since drops it after a grace period, which waits for this section.
        unsafe { ptr.as_ref() }.map(|inner| &inner.value)
    }

    /// The same as a counted reference.
    #[inline]
    pub(crate) fn get(&self, _section: &RcuGuard) -> Option<RcuArc<T>> {
        let ptr = self.ptr.load(Ordering::Acquire);
        if ptr.is_null() {
            return None;
        }
        // SAFETY: as in `load()`; the object came from `Arc::into_raw()` and its count is not zero
        // before the grace period has passed.
        let borrowed = unsafe { ArcBorrow::from_raw(ptr.cast_const()) };
        Some(RcuArc(borrowed.into()))
    }

    /// Publishes `new` and gives back what was there.
    pub(crate) fn swap(&self, new: Option<RcuOwned<T>>) -> Option<RcuOwned<T>> {
        let new = new.map_or(ptr::null_mut(), RcuOwned::into_raw);
        // INVARIANT: the slot gives up the old object and owns the new one.
        let old = self.ptr.swap(new, Ordering::AcqRel);
        // SAFETY: by the invariant the slot owned it, and no longer does.
        unsafe { RcuOwned::from_raw(old) }
    }

    /// Whether `object` is what is there now.
    #[inline]
    pub(crate) fn holds(&self, object: &RcuArc<T>) -> bool {
        ptr::eq(self.ptr.load(Ordering::Acquire), &*object.0)
    }
}

impl<T: Send + Sync + 'static> Drop for RcuSlot<T> {
    fn drop(&mut self) {
        drop(self.swap(None));
    }
}
