// SPDX-License-Identifier: GPL-2.0

//! A spinlock that keeps bottom halves off: `spin_lock_bh()`.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h); helpers: `sync.c`.

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
};

/// Which of the driver's locks this is, so that lockdep knows each kind by name.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Class {
    Staged = bindings::wg_lock_class_WG_LOCK_STAGED,
    Lane = bindings::wg_lock_class_WG_LOCK_LANE,
    CpuQueue = bindings::wg_lock_class_WG_LOCK_CPU_QUEUE,
    Arrived = bindings::wg_lock_class_WG_LOCK_ARRIVED,
    Scratch = bindings::wg_lock_class_WG_LOCK_SCRATCH,
    Handshake = bindings::wg_lock_class_WG_LOCK_HANDSHAKE,
    Cookie = bindings::wg_lock_class_WG_LOCK_COOKIE,
    Keypairs = bindings::wg_lock_class_WG_LOCK_KEYPAIRS,
    Replay = bindings::wg_lock_class_WG_LOCK_REPLAY,
    Endpoint = bindings::wg_lock_class_WG_LOCK_ENDPOINT,
    Timers = bindings::wg_lock_class_WG_LOCK_TIMERS,
    Identity = bindings::wg_lock_class_WG_LOCK_IDENTITY,
    Table = bindings::wg_lock_class_WG_LOCK_TABLE,
    KexQueue = bindings::wg_lock_class_WG_LOCK_KEX_QUEUE,
    Limiter = bindings::wg_lock_class_WG_LOCK_LIMITER,
    Statics = bindings::wg_lock_class_WG_LOCK_STATICS,
}

/// Data that only the holder of the lock can reach.
///
/// # Invariants
///
/// `lock` was initialised by `wg_spin_init()`. An unlocked `spinlock_t` holds no pointer to itself
/// on any kernel (also with lockdep and `PREEMPT_RT`), so moving the whole before it is first
/// shared is harmless; after that a lock is only reached by reference and does not move.
///
/// # Examples
///
/// ```ignore
/// let waiting = SpinLock::new(Queue::new(), Class::Staged);
/// waiting.lock().push(bundle);
/// let first = waiting.lock().pop(); // the lock is given back at the end of the statement
/// ```
pub(crate) struct SpinLock<T> {
    lock: UnsafeCell<bindings::spinlock_t>,
    data: UnsafeCell<T>,
}

// SAFETY: the data moves with the lock.
unsafe impl<T: Send> Send for SpinLock<T> {}
// SAFETY: the lock lets one context at a time reach the data.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A lock that nobody holds.
    pub(crate) fn new(data: T, class: Class) -> Self {
        let mut lock = MaybeUninit::<bindings::spinlock_t>::zeroed();
        // SAFETY: `lock` is writable memory of the right type; the function initialises it.
        unsafe { bindings::wg_spin_init(lock.as_mut_ptr(), class as u32) };
        // INVARIANT: initialised just above.
        SpinLock {
            // SAFETY: zeroed, then initialised by C.
            lock: UnsafeCell::new(unsafe { lock.assume_init() }),
            data: UnsafeCell::new(data),
        }
    }

    /// Waits for the lock. Bottom halves stay off on this CPU until the guard is dropped.
    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        // SAFETY: by the type's invariant the lock is initialised.
        unsafe { bindings::wg_spin_lock_bh(self.lock.get()) };
        // INVARIANT: taken just above.
        Guard {
            lock: self,
            _not_send: PhantomData,
        }
    }

    /// The data, where nobody else can have the lock.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T> wg_protocol::Lock<T> for SpinLock<T> {
    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.lock())
    }
}

/// Proof that the lock is held; gives it back when dropped.
///
/// # Invariants
///
/// The context that has the guard, which cannot leave it, holds the lock.
pub(crate) struct Guard<'a, T> {
    lock: &'a SpinLock<T>,
    _not_send: PhantomData<*mut ()>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard exists, so this context holds the lock.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard exists, so this context alone holds the lock.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard exists, so this context holds the lock.
        unsafe { bindings::wg_spin_unlock_bh(self.lock.lock.get()) };
    }
}
