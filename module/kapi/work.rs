// SPDX-License-Identifier: GPL-2.0

//! Deferred work on a chosen CPU.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h); helpers: `work.c`.

use super::embedded::{Contains, Embedded};
use core::{ffi::CStr, ptr::NonNull};
use kernel::{prelude::*, sync::Arc};

/// A work item inside of a counted object, which is what the work is done on.
///
/// While it is queued it holds a reference on that object.
///
/// # Examples
///
/// ```ignore
/// struct Worker {
///     work: Work<Self>,
/// }
/// impl_has_work!(Worker, work, Worker::run);
///
/// let worker = Arc::new(Worker { work: Work::new() }, GFP_KERNEL)?;
/// Work::init(&worker);
/// let queue = WorkQueue::crypt(c"crypt")?;
/// queue.queue_on(1, worker.clone()); // `Worker::run` is called with a reference of its own
/// ```
pub(crate) type Work<T> = Embedded<bindings::work_struct, T>;

/// An object with a [`Work`] in it. Implemented by [`impl_has_work`].
pub(crate) trait HasWork: Contains<bindings::work_struct> {
    /// Does the work; never at the same time twice.
    fn run(this: Arc<Self>);
}

/// Says which field of a type is its work, and which function does it.
macro_rules! impl_has_work {
    ($type:ty, $field:ident, $run:path) => {
        $crate::kapi::embedded::impl_contains!($type, $field, bindings::work_struct);
        impl $crate::kapi::work::HasWork for $type {
            fn run(this: kernel::sync::Arc<Self>) {
                $run(this)
            }
        }
    };
}
pub(crate) use impl_has_work;

impl<T: HasWork> Work<T> {
    /// Readies the work of an object that has just found its place. Once, before it is shared.
    pub(crate) fn init(this: &Arc<T>) {
        Self::init_with(this, |work| {
            // SAFETY: not in use yet, and it stays where it is.
            unsafe { bindings::wg_work_init(work, Some(trampoline::<T>)) };
        });
    }
}

/// # Safety
///
/// `work` is the initialised work of a `T` on which it holds a reference.
unsafe extern "C" fn trampoline<T: HasWork>(work: *mut bindings::work_struct) {
    // SAFETY: by the contract the work lies in a `T`, whose reference becomes ours.
    T::run(unsafe { Work::<T>::take_back(work) });
}

/// A workqueue; ended, and waited for, when dropped.
///
/// # Invariants
///
/// The pointer is that of a workqueue that belongs to this object.
///
/// # Examples
///
/// See [`Work`].
pub(crate) struct WorkQueue(NonNull<bindings::workqueue_struct>);

// SAFETY: the workqueue code does its own locking.
unsafe impl Send for WorkQueue {}
// SAFETY: as above.
unsafe impl Sync for WorkQueue {}

impl WorkQueue {
    /// For cryptography: bound to CPUs, and able to work when memory is short.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn crypt(name: &CStr) -> Result<Self> {
        // SAFETY: a string that ends.
        let queue = unsafe { bindings::wg_workqueue_crypt(name.as_ptr().cast()) };
        // INVARIANT: just made, for us.
        NonNull::new(queue).map(WorkQueue).ok_or(ENOMEM)
    }

    /// For handshakes: bound to CPUs, stopped while the machine sleeps.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn kex(name: &CStr) -> Result<Self> {
        // SAFETY: a string that ends.
        let queue = unsafe { bindings::wg_workqueue_kex(name.as_ptr().cast()) };
        // INVARIANT: as above.
        NonNull::new(queue).map(WorkQueue).ok_or(ENOMEM)
    }

    /// Queues the work of `this` on `cpu`; false if it was queued already. If that CPU goes
    /// offline, another does the work.
    #[inline]
    pub(crate) fn queue_on<T: HasWork>(&self, cpu: usize, this: Arc<T>) -> bool {
        Work::lend(this, |work| {
            // SAFETY: both are valid and initialised.
            unsafe { bindings::wg_work_queue_on(cpu as u32, self.0.as_ptr(), work) }
        })
    }

    /// Queues the work of `this` on any CPU.
    pub(crate) fn queue<T: HasWork>(&self, this: Arc<T>) -> bool {
        Work::lend(this, |work| {
            // SAFETY: both are valid and initialised.
            unsafe { bindings::wg_work_queue(self.0.as_ptr(), work) }
        })
    }

    /// Waits for what is queued now. Sleeps.
    pub(crate) fn flush(&self) {
        // SAFETY: valid; the callers are in process context.
        unsafe { bindings::wg_workqueue_flush(self.0.as_ptr()) };
    }
}

impl Drop for WorkQueue {
    fn drop(&mut self) {
        // SAFETY: valid, and nobody queues any more.
        unsafe { bindings::wg_workqueue_destroy(self.0.as_ptr()) };
    }
}
