// SPDX-License-Identifier: GPL-2.0

//! A kernel timer inside of a counted object.
//!
//! C header: [`include/linux/timer.h`](srctree/include/linux/timer.h); helpers: `work.c`.

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem::MaybeUninit,
    sync::atomic::{AtomicBool, Ordering},
};
use kernel::sync::Arc;

/// A timer inside of a counted object, which is what its callback gets.
///
/// # Invariants
///
/// `timer` is initialised, at the address where it stays, if `ready`. While it is armed it holds a
/// reference on the object it lies in: arming an idle timer takes one, the callback or the
/// cancelling gives it back.
///
/// # Examples
///
/// ```ignore
/// impl_has_timer!(Peer, timer, Peer::expired);
///
/// Timer::init(&peer);
/// Timer::arm(&peer, 5_000_000_000); // `Peer::expired` in five seconds, in softirq
/// Timer::cancel(&peer); // and now it does not run, and will not
/// ```
#[repr(C)]
pub(crate) struct Timer<T> {
    timer: UnsafeCell<MaybeUninit<bindings::timer_list>>,
    ready: AtomicBool,
    _of: PhantomData<fn(T)>,
}

// SAFETY: the timer code does its own locking.
unsafe impl<T> Send for Timer<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Timer<T> {}

/// An object with a [`Timer`] in it. Implemented by [`impl_has_timer`].
///
/// # Safety
///
/// `OFFSET` is that of a field of type `Timer<Self>`.
pub(crate) unsafe trait HasTimer: Sized + Send + Sync + 'static {
    /// Where the timer lies.
    const OFFSET: usize;

    /// The time has come. In softirq.
    fn expired(this: Arc<Self>);
}

/// Says which field of a type is its timer, and which function it calls.
macro_rules! impl_has_timer {
    ($type:ty, $field:ident, $expired:path) => {
        // SAFETY: the offset is that of the field, whose type the function below checks.
        unsafe impl $crate::kapi::timer::HasTimer for $type {
            const OFFSET: usize = {
                const fn check(this: &$type) -> &$crate::kapi::timer::Timer<$type> {
                    &this.$field
                }
                let _ = check;
                core::mem::offset_of!($type, $field)
            };

            fn expired(this: kernel::sync::Arc<Self>) {
                $expired(this)
            }
        }
    };
}
pub(crate) use impl_has_timer;

impl<T: HasTimer> Timer<T> {
    /// A timer that cannot be armed yet.
    pub(crate) const fn new() -> Self {
        Timer {
            timer: UnsafeCell::new(MaybeUninit::zeroed()),
            ready: AtomicBool::new(false),
            _of: PhantomData,
        }
    }

    fn of(this: &Arc<T>) -> &Self {
        let base: *const T = &**this;
        // SAFETY: `HasTimer` says that the field is there.
        unsafe { &*base.byte_add(T::OFFSET).cast::<Self>() }
    }

    /// Readies the timer of an object that has just found its place. Once, before it is shared.
    pub(crate) fn init(this: &Arc<T>) {
        let timer = Self::of(this);
        if timer.ready.load(Ordering::Relaxed) {
            return;
        }
        // SAFETY: not in use yet. What an `Arc` holds does not move.
        unsafe { bindings::wg_timer_init(timer.timer.get().cast(), Some(trampoline::<T>)) };
        // INVARIANT: initialised just above.
        timer.ready.store(true, Ordering::Release);
    }

    /// Arms the timer, or moves it if it was armed. `delay` in nanoseconds.
    pub(crate) fn arm(this: &Arc<T>, delay: u64) {
        let timer = Self::of(this);
        if !timer.ready.load(Ordering::Acquire) {
            return;
        }
        let raw = Arc::into_raw(this.clone());
        // SAFETY: initialised by the type's invariant.
        let was_idle = unsafe { bindings::wg_timer_arm(timer.timer.get().cast(), delay) };
        if !was_idle {
            // SAFETY: made just above; the armed timer has its reference already.
            drop(unsafe { Arc::from_raw(raw) });
        }
    }

    /// Disarms the timer and waits for a callback that is running. Not from the callback.
    pub(crate) fn cancel(this: &Arc<T>) {
        let timer = Self::of(this);
        if !timer.ready.load(Ordering::Acquire) {
            return;
        }
        // SAFETY: initialised by the type's invariant.
        if unsafe { bindings::wg_timer_cancel_sync(timer.timer.get().cast()) } {
            let base: *const T = &**this;
            // SAFETY: the timer was armed, so it held a reference, which is ours to drop now.
            drop(unsafe { Arc::from_raw(base) });
        }
    }
}

/// # Safety
///
/// `timer` is the initialised timer of a `T` on which it holds a reference.
unsafe extern "C" fn trampoline<T: HasTimer>(timer: *mut bindings::timer_list) {
    // SAFETY: by the contract the timer lies in a `T`, whose reference becomes ours.
    let this = unsafe { Arc::from_raw(timer.cast::<T>().byte_sub(T::OFFSET).cast_const()) };
    T::expired(this);
}
