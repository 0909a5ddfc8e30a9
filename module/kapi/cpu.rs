// SPDX-License-Identifier: GPL-2.0

//! CPUs by their numbers, and what goes on undisturbed on one of them.
//!
//! C headers: [`include/linux/cpumask.h`](srctree/include/linux/cpumask.h),
//! [`include/linux/bottom_half.h`](srctree/include/linux/bottom_half.h); helpers: `sync.c`.

use core::marker::PhantomData;

/// One more than the greatest number a CPU can have.
pub(crate) fn count() -> usize {
    // SAFETY: reads a constant of the boot.
    unsafe { bindings::wg_nr_cpus() as usize }
}

/// How many CPUs are online.
pub(crate) fn online_count() -> usize {
    // SAFETY: may be called in any context.
    unsafe { bindings::wg_online_cpus() as usize }
}

/// The CPU that this runs on; it may change at once unless preemption or bottom halves are off.
/// Only ever used as a hint.
#[inline]
pub(crate) fn current() -> usize {
    // SAFETY: may be called in any context.
    unsafe { bindings::wg_this_cpu() as usize }
}

/// The online CPU after `cpu`, round and round.
#[inline]
pub(crate) fn next_online(cpu: usize) -> usize {
    // SAFETY: may be called in any context.
    unsafe { bindings::wg_next_online_cpu(cpu as u32) as usize }
}

/// Lets others run, in a long loop in process context.
pub(crate) fn cond_resched() {
    // SAFETY: the callers are workers without locks or read sections.
    unsafe { bindings::wg_cond_resched() };
}

/// Bottom halves are off on this CPU while this exists.
///
/// # Invariants
///
/// This context switched bottom halves off once for the guard, and has not switched them on again.
///
/// # Examples
///
/// ```ignore
/// let bh = BhGuard::new();
/// count_here(cpu::current()); // no softirq comes between
/// drop(bh);
/// ```
pub(crate) struct BhGuard(PhantomData<*mut ()>);

impl BhGuard {
    /// Switches them off.
    pub(crate) fn new() -> Self {
        // SAFETY: may be called outside of hard interrupts, where the driver never runs.
        unsafe { bindings::wg_bh_disable() };
        // INVARIANT: switched off just above.
        BhGuard(PhantomData)
    }
}

impl Drop for BhGuard {
    fn drop(&mut self) {
        // SAFETY: by the invariant they are off, by this context, which the guard cannot leave.
        unsafe { bindings::wg_bh_enable() };
    }
}

/// Something is done at once on this CPU, where a worker could have done it: bottom halves are off,
/// and nothing else is done at once within.
///
/// # Invariants
///
/// There is one on a CPU at most, and its context stays there.
///
/// # Examples
///
/// ```ignore
/// match AtOnce::begin() {
///     Some(_at_once) => bundle.run(),
///     None => queue.push(bundle), // sending led back here: a worker goes on with it
/// }
/// ```
pub(crate) struct AtOnce(PhantomData<*mut ()>);

impl AtOnce {
    /// Begins; `None` from within.
    #[inline]
    pub(crate) fn begin() -> Option<Self> {
        // SAFETY: may be called outside of hard interrupts, where the driver never runs.
        let begun = unsafe { bindings::wg_at_once_begin() };
        // INVARIANT: C says whether it is the first on this CPU. Not made in vain: it would end what
        // goes on around it.
        begun.then(|| AtOnce(PhantomData))
    }
}

impl Drop for AtOnce {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `begin()` began it in this context, which stayed on its CPU.
        unsafe { bindings::wg_at_once_end() };
    }
}
