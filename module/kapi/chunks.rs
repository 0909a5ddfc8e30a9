// SPDX-License-Identifier: GPL-2.0

//! An array that grows while readers look into it: its elements never move.
//!
//! Chunk `k` holds `FIRST << k` elements, so that a small array is small and twenty-odd pointers
//! are enough for any. Chunks are freed with the whole only.

use core::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicU32, Ordering},
};
use kernel::{alloc::Flags, prelude::*};

const FIRST: u32 = 16;
const CHUNKS: usize = 24;

/// An array of elements that stay where they are.
///
/// # Invariants
///
/// Chunk `k` is null, or `FIRST << k` elements leaked from a `KVec` of just that capacity; once
/// set it does not change before the drop. The first `len` elements exist.
///
/// # Examples
///
/// ```ignore
/// let nodes = Chunks::<Node>::new();
/// while nodes.len() <= id {
///     nodes.grow(GFP_KERNEL)?;
/// }
/// let node = nodes.get(id); // as long as `nodes`, whoever lets it grow
/// ```
pub(crate) struct Chunks<T> {
    chunks: [AtomicPtr<T>; CHUNKS],
    len: AtomicU32,
}

// SAFETY: the array owns its elements.
unsafe impl<T: Send> Send for Chunks<T> {}
// SAFETY: sharing it shares references to the elements.
unsafe impl<T: Send + Sync> Sync for Chunks<T> {}

/// Chunk and place within it of element `id`.
fn place(id: u32) -> Option<(usize, usize)> {
    let above = (id / FIRST).checked_add(1)?;
    let chunk = above.ilog2();
    let first = FIRST.checked_mul(1u32.checked_shl(chunk)?.wrapping_sub(1))?;
    Some((chunk as usize, id.checked_sub(first)? as usize))
}

impl<T: Default> Chunks<T> {
    /// An array without elements.
    pub(crate) const fn new() -> Self {
        Chunks {
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            len: AtomicU32::new(0),
        }
    }

    /// How many elements there are.
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Acquire)
    }

    /// Element `id`.
    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        if id >= self.len() {
            return None;
        }
        let (chunk, at) = place(id)?;
        let base = self.chunks.get(chunk)?.load(Ordering::Acquire);
        // SAFETY: `id` is below `len`, so by the type's invariant the chunk is set and holds it,
        // initialised, for as long as `self` lives.
        unsafe { base.add(at).as_ref() }
    }

    /// Adds one chunk of default elements. One caller at a time.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is no memory or the array is as large as it can be.
    pub(crate) fn grow(&self, flags: Flags) -> Result {
        let len = self.len();
        let (chunk, _) = place(len).ok_or(ENOMEM)?;
        let slot = self.chunks.get(chunk).ok_or(ENOMEM)?;
        let count = FIRST.checked_shl(chunk as u32).ok_or(ENOMEM)?;
        let more = len.checked_add(count).ok_or(ENOMEM)?;
        let mut elements = KVVec::with_capacity(count as usize, flags)?;
        for _ in 0..count {
            elements.push(T::default(), flags)?;
        }
        let (base, _, _) = elements.into_raw_parts();
        if slot
            .compare_exchange(ptr::null_mut(), base, Ordering::Release, Ordering::Relaxed)
            .is_err()
        {
            // SAFETY: just taken apart, and published nowhere.
            drop(unsafe { KVVec::from_raw_parts(base, count as usize, count as usize) });
            return Err(EBUSY);
        }
        // INVARIANT: the chunk of the new elements is set.
        self.len.store(more, Ordering::Release);
        Ok(())
    }
}

impl<T> Drop for Chunks<T> {
    fn drop(&mut self) {
        for (k, chunk) in self.chunks.iter_mut().enumerate() {
            let base = *chunk.get_mut();
            let count = (FIRST as usize) << k;
            if !base.is_null() {
                // SAFETY: by the type's invariant these are the parts of a `KVec`; nobody else can
                // reach them any more.
                drop(unsafe { KVVec::from_raw_parts(base, count, count) });
            }
        }
    }
}
