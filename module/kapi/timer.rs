// SPDX-License-Identifier: GPL-2.0

//! A kernel timer inside of a counted object.
//!
//! C header: [`include/linux/timer.h`](srctree/include/linux/timer.h); helpers: `work.c`.

use super::embedded::{Contains, Embedded};
use kernel::sync::Arc;

/// A timer inside of a counted object, which is what its callback gets.
///
/// While it is armed it holds a reference on that object: arming an idle timer takes one, the callback
/// or the cancelling gives it back.
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
pub(crate) type Timer<T> = Embedded<bindings::timer_list, T>;

/// An object with a [`Timer`] in it. Implemented by [`impl_has_timer`].
pub(crate) trait HasTimer: Contains<bindings::timer_list> {
    /// The time has come. In softirq.
    fn expired(this: Arc<Self>);
}

/// Says which field of a type is its timer, and which function it calls.
macro_rules! impl_has_timer {
    ($type:ty, $field:ident, $expired:path) => {
        $crate::kapi::embedded::impl_contains!($type, $field, bindings::timer_list);
        impl $crate::kapi::timer::HasTimer for $type {
            fn expired(this: kernel::sync::Arc<Self>) {
                $expired(this)
            }
        }
    };
}
pub(crate) use impl_has_timer;

impl<T: HasTimer> Timer<T> {
    /// Readies the timer of an object that has just found its place. Once, before it is shared.
    pub(crate) fn init(this: &Arc<T>) {
        Self::init_with(this, |timer| {
            // SAFETY: not in use yet, and it stays where it is.
            unsafe { bindings::wg_timer_init(timer, Some(trampoline::<T>)) };
        });
    }

    /// Arms the timer, or moves it if it was armed. `delay` in nanoseconds.
    pub(crate) fn arm(this: &Arc<T>, delay: u64) {
        // (one that was armed has its reference already)
        Self::lend(this.clone(), |timer| {
            // SAFETY: initialised by the type's invariant.
            unsafe { bindings::wg_timer_arm(timer, delay) }
        });
    }

    /// Disarms the timer and waits for a callback that is running. Not from the callback.
    pub(crate) fn cancel(this: &Arc<T>) {
        let Some(timer) = Self::get(this) else {
            return;
        };
        // SAFETY: initialised by the type's invariant.
        if unsafe { bindings::wg_timer_cancel_sync(timer) } {
            // SAFETY: the timer was armed, so it held a reference, which is ours now.
            drop(unsafe { Self::take_back(timer) });
        }
    }
}

/// # Safety
///
/// `timer` is the initialised timer of a `T` on which it holds a reference.
unsafe extern "C" fn trampoline<T: HasTimer>(timer: *mut bindings::timer_list) {
    // SAFETY: by the contract the timer lies in a `T`, whose reference becomes ours.
    T::expired(unsafe { Timer::<T>::take_back(timer) });
}
