// SPDX-License-Identifier: GPL-2.0

//! Numbers that may be used again only after a grace period.
//!
//! A reader can hold the number of something that has just been removed (a node of the trie, a
//! peer). Given to something else at once, the reader would find the wrong thing under it.
#![forbid(unsafe_code)]

use super::rcu::RcuOwned;
use core::sync::atomic::{AtomicBool, Ordering};
use kernel::{alloc::flags::GFP_KERNEL, prelude::*, sync::Arc};

/// Told, by its end, that a grace period is over.
struct Grace(Arc<AtomicBool>);

impl Drop for Grace {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Numbers on their way from one use to the next. One writer.
///
/// # Invariants
///
/// A number is in one of the lists at most. No reader knows a number in `free`; those in `waiting` were
/// retired before the grace period began whose end sets `over`.
///
/// # Examples
///
/// ```ignore
/// let number = limbo.take().map_or_else(|| table.add(), Ok)?;
/// unpublish(number);
/// limbo.retire(number); // `take()` gives it again when no reader can know it any more
/// ```
pub(crate) struct Limbo {
    free: KVVec<u32>,
    waiting: KVVec<u32>,
    retired: KVVec<u32>,
    over: Option<Arc<AtomicBool>>,
}

impl Limbo {
    /// No numbers.
    pub(crate) const fn new() -> Self {
        Limbo {
            free: KVVec::new(),
            waiting: KVVec::new(),
            retired: KVVec::new(),
            over: None,
        }
    }

    /// A number that nobody uses, if there is one.
    pub(crate) fn take(&mut self) -> Option<u32> {
        self.settle();
        self.free.pop()
    }

    /// Whether `take()` has at least `count` to give.
    pub(crate) fn has(&mut self, count: usize) -> bool {
        self.settle();
        self.free.len() >= count
    }

    /// A number that was never seen by a reader.
    pub(crate) fn give(&mut self, number: u32) -> Result {
        self.free.push(number, GFP_KERNEL)?;
        Ok(())
    }

    /// A number that readers may still see. Without memory to note it, it stays unused for good.
    pub(crate) fn retire(&mut self, number: u32) {
        if self.retired.push(number, GFP_KERNEL).is_ok() {
            self.settle();
        }
    }

    /// Moves on what has waited long enough.
    fn settle(&mut self) {
        if let Some(over) = &self.over {
            if !over.load(Ordering::Acquire) {
                return;
            }
            self.over = None;
            while let Some(number) = self.waiting.pop() {
                if self.free.push(number, GFP_KERNEL).is_err() {
                    break;
                }
            }
        }
        if self.retired.is_empty() {
            return;
        }
        let Ok(over) = Arc::new(AtomicBool::new(false), GFP_KERNEL) else {
            return;
        };
        // The end of the grace period is the drop of this object.
        let Ok(grace) = RcuOwned::new(Grace(over.clone()), GFP_KERNEL) else {
            return;
        };
        core::mem::swap(&mut self.waiting, &mut self.retired);
        self.over = Some(over);
        drop(grace);
    }
}
