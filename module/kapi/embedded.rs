// SPDX-License-Identifier: GPL-2.0

//! A C object that lies inside of a counted object, and calls back with a reference on it.
//!
//! What [`timer`](super::timer) and [`work`](super::work) have in common.

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem::MaybeUninit,
    sync::atomic::{AtomicBool, Ordering},
};
use kernel::sync::Arc;

/// A `C` of the kernel's inside of a `T`.
///
/// # Invariants
///
/// `object` is initialised, at the address where it stays, if `ready`. While the kernel holds it
/// (armed, queued) it holds a reference on the `T` it lies in.
#[repr(C)]
pub(crate) struct Embedded<C, T> {
    object: UnsafeCell<MaybeUninit<C>>,
    ready: AtomicBool,
    _of: PhantomData<fn(T)>,
}

// SAFETY: the kernel's code for such objects does its own locking.
unsafe impl<C, T> Send for Embedded<C, T> {}
// SAFETY: as above.
unsafe impl<C, T> Sync for Embedded<C, T> {}

/// An object with an [`Embedded`] `C` in it. Implemented by [`impl_contains`].
///
/// # Safety
///
/// `OFFSET` is that of a field of type `Embedded<C, Self>`.
pub(crate) unsafe trait Contains<C>: Sized + Send + Sync + 'static {
    /// Where the field lies.
    const OFFSET: usize;
}

/// Says which field of a type is its `C`.
macro_rules! impl_contains {
    ($type:ty, $field:ident, $c:ty) => {
        // SAFETY: the offset is that of the field, whose type the function below checks.
        unsafe impl $crate::kapi::embedded::Contains<$c> for $type {
            const OFFSET: usize = {
                const fn check(this: &$type) -> &$crate::kapi::embedded::Embedded<$c, $type> {
                    &this.$field
                }
                let _ = check;
                core::mem::offset_of!($type, $field)
            };
        }
    };
}
pub(crate) use impl_contains;

impl<C, T: Contains<C>> Embedded<C, T> {
    /// One that is not initialised, and that the kernel is not shown.
    pub(crate) const fn new() -> Self {
        Embedded {
            object: UnsafeCell::new(MaybeUninit::zeroed()),
            ready: AtomicBool::new(false),
            _of: PhantomData,
        }
    }

    fn of(this: &Arc<T>) -> &Self {
        let base: *const T = &**this;
        // SAFETY: `Contains` says that the field is there.
        unsafe { &*base.byte_add(T::OFFSET).cast::<Self>() }
    }

    /// Has `init` initialise the one of an object that has just found its place, which it keeps: what
    /// an `Arc` holds does not move. Once, before the object is shared.
    pub(super) fn init_with(this: &Arc<T>, init: impl FnOnce(*mut C)) {
        let embedded = Self::of(this);
        if embedded.ready.load(Ordering::Relaxed) {
            return;
        }
        init(embedded.object.get().cast());
        // INVARIANT: initialised just above.
        embedded.ready.store(true, Ordering::Release);
    }

    /// Where it lies, for the kernel's functions; nothing before it is initialised.
    pub(super) fn get(this: &Arc<T>) -> Option<*mut C> {
        let embedded = Self::of(this);
        embedded
            .ready
            .load(Ordering::Acquire)
            .then(|| embedded.object.get().cast())
    }

    /// Gives a reference to the kernel along with the object, if `take` says that it has taken that.
    pub(super) fn lend(this: Arc<T>, take: impl FnOnce(*mut C) -> bool) -> bool {
        let Some(object) = Self::get(&this) else {
            return false;
        };
        // Before it is taken: its callback may run at once.
        let raw = Arc::into_raw(this);
        let taken = take(object);
        if !taken {
            // SAFETY: made just above, and nobody else has it.
            drop(unsafe { Arc::from_raw(raw) });
        }
        taken
    }

    /// The reference that was lent.
    ///
    /// # Safety
    ///
    /// `object` lies in a `T`, and the kernel has given it back with the reference that it held.
    pub(super) unsafe fn take_back(object: *mut C) -> Arc<T> {
        // SAFETY: by the contract.
        unsafe { Arc::from_raw(object.cast::<T>().byte_sub(T::OFFSET).cast_const()) }
    }
}
