// SPDX-License-Identifier: GPL-2.0
//! [`Vec`]: values in a row, in memory of their own.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::slice;

use super::{AllocError, Allocator, Flags};

/// The kernel's vector: owns values in a row, allocated with `A`.
///
/// # Examples
///
/// ```ignore
/// let mut v = KVec::with_capacity(2, GFP_KERNEL)?;
/// v.push(1, GFP_KERNEL)?;
/// assert_eq!(v.pop(), Some(1));
/// ```
///
/// # Invariants
///
/// - `ptr` is aligned; unless `cap` is 0 or `T` has no size, it is a block of `A` with room for `cap`
///   values that belongs to this vector.
/// - The first `len` values are initialised, and `len <= self.capacity()`.
pub struct Vec<T, A: Allocator> {
    ptr: NonNull<T>,
    cap: usize,
    len: usize,
    _owns: PhantomData<(T, A)>,
}

/// The index given to [`Vec::remove`] is not in the vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RemoveError;

impl From<RemoveError> for crate::error::Error {
    fn from(_: RemoveError) -> Self {
        crate::error::code::EINVAL
    }
}

// SAFETY: a vector owns its values, and the allocators work from anywhere.
unsafe impl<T: Send, A: Allocator> Send for Vec<T, A> {}

// SAFETY: a shared vector gives out shared references only.
unsafe impl<T: Sync, A: Allocator> Sync for Vec<T, A> {}

impl<T, A: Allocator> Vec<T, A> {
    /// Creates a new, empty vector, without memory.
    #[inline]
    pub const fn new() -> Self {
        // INVARIANT: nothing is allocated, nothing is initialised.
        Self {
            ptr: NonNull::dangling(),
            cap: 0,
            len: 0,
            _owns: PhantomData,
        }
    }

    /// Creates a new vector with at least the given capacity.
    ///
    /// # Errors
    ///
    /// [`AllocError`]
    pub fn with_capacity(capacity: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut vec = Self::new();
        vec.reserve(capacity, flags)?;
        Ok(vec)
    }

    /// Returns the number of values that fit without another allocation.
    #[inline]
    const fn capacity(&self) -> usize {
        if size_of::<T>() == 0 {
            usize::MAX
        } else {
            self.cap
        }
    }

    /// Returns the number of values in the vector.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns `true` if the vector has no values.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns a slice of all values.
    #[inline]
    fn as_slice(&self) -> &[T] {
        // SAFETY: by the invariant the first `len` values are initialised.
        unsafe { slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }

    /// Returns a mutable slice of all values.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: by the invariant the first `len` values are initialised, and they are ours.
        unsafe { slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }

    /// Ensures that there is room for at least `additional` more values.
    ///
    /// # Errors
    ///
    /// [`AllocError`]; the vector is unchanged then.
    pub fn reserve(&mut self, additional: usize, flags: Flags) -> Result<(), AllocError> {
        let needed = self.len.checked_add(additional).ok_or(AllocError)?;
        if needed <= self.capacity() {
            return Ok(());
        }
        let cap = needed.max(self.cap.saturating_mul(2));
        let layout = Layout::array::<T>(cap).map_err(|_| AllocError)?;
        let new = A::alloc(layout, flags)?.cast::<T>();
        // SAFETY: the first `len` values are initialised, the new block has room for them and is
        // another one. They move: the old ones are forgotten.
        unsafe { ptr::copy_nonoverlapping(self.ptr.as_ptr(), new.as_ptr(), self.len) };
        // SAFETY: by the invariant this is our old block.
        unsafe { free::<T, A>(self.ptr, self.cap) };
        // INVARIANT: the new block fits `cap` values, and the first `len` of it are initialised.
        self.ptr = new;
        self.cap = cap;
        Ok(())
    }

    /// Appends an element to the back of the [`Vec`] instance.
    ///
    /// # Errors
    ///
    /// [`AllocError`]; the value is dropped then.
    #[inline]
    pub fn push(&mut self, v: T, flags: Flags) -> Result<(), AllocError> {
        self.reserve(1, flags)?;
        // SAFETY: there is room for one more.
        unsafe { self.push_within_capacity_unchecked(v) };
        Ok(())
    }

    /// Appends an element without looking for room.
    ///
    /// # Safety
    ///
    /// `self.len() < self.capacity()`.
    #[inline]
    unsafe fn push_within_capacity_unchecked(&mut self, v: T) {
        // SAFETY: by the contract there is room for one more value behind the first `len`.
        unsafe { self.ptr.as_ptr().add(self.len).write(v) };
        // INVARIANT: one more is initialised.
        self.len += 1;
    }

    /// Removes the last value and returns it, or `None` if there is none.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        // INVARIANT: fewer values are initialised; the taken one is read just once.
        self.len = self.len.checked_sub(1)?;
        // SAFETY: it was initialised, and is no longer counted.
        Some(unsafe { self.ptr.as_ptr().add(self.len).read() })
    }

    /// Removes the value at the given index; those behind it move up.
    ///
    /// # Errors
    ///
    /// [`RemoveError`] if there is no such value.
    pub fn remove(&mut self, i: usize) -> Result<T, RemoveError> {
        if i >= self.len {
            return Err(RemoveError);
        }
        // SAFETY: `i` is below `len`, so the value and all behind it are initialised; each is
        // moved once.
        unsafe {
            let at = self.ptr.as_ptr().add(i);
            let value = at.read();
            ptr::copy(at.add(1), at, self.len - i - 1);
            // INVARIANT: one less, and they are in a row again.
            self.len -= 1;
            Ok(value)
        }
    }

    /// Clears the vector, removing all values; the memory stays.
    pub fn clear(&mut self) {
        let values: *mut [T] = self.as_mut_slice();
        // INVARIANT: none is counted; a panic while dropping leaks at most.
        self.len = 0;
        // SAFETY: these were initialised and are no longer counted.
        unsafe { ptr::drop_in_place(values) };
    }

    /// Decomposes the vector into pointer, length and capacity.
    #[inline]
    #[must_use = "the values are leaked otherwise"]
    pub fn into_raw_parts(self) -> (*mut T, usize, usize) {
        let this = ManuallyDrop::new(self);
        (this.ptr.as_ptr(), this.len, this.capacity())
    }

    /// Creates a vector from pointer, length and capacity.
    ///
    /// # Safety
    ///
    /// The three came from [`Vec::into_raw_parts`] with the same allocator, nobody else owns them, and
    /// the first `len` values are initialised.
    #[inline]
    pub unsafe fn from_raw_parts(ptr: *mut T, length: usize, capacity: usize) -> Self {
        let cap = if size_of::<T>() == 0 { 0 } else { capacity };
        // INVARIANT: the caller gives back what a vector was.
        Self {
            // SAFETY: a vector's pointer is not null.
            ptr: unsafe { NonNull::new_unchecked(ptr) },
            cap,
            len: length,
            _owns: PhantomData,
        }
    }
}

impl<T: Clone, A: Allocator> Vec<T, A> {
    /// Creates a vector of `n` clones of `value`.
    ///
    /// # Errors
    ///
    /// [`AllocError`]
    pub fn from_elem(value: T, n: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut vec = Self::with_capacity(n, flags)?;
        for _ in 0..n {
            // SAFETY: there is room for `n`.
            unsafe { vec.push_within_capacity_unchecked(value.clone()) };
        }
        Ok(vec)
    }
}

/// Frees a vector's block whose values are gone.
///
/// # Safety
///
/// These are `ptr` and `cap` of a `Vec<T, A>`, which does not use the block any more.
#[inline]
unsafe fn free<T, A: Allocator>(ptr: NonNull<T>, cap: usize) {
    if cap != 0 && size_of::<T>() != 0 {
        // SAFETY: by the invariant of a vector the block came from `A`, for just this layout, which
        // is therefore a valid one.
        unsafe {
            let size = cap.unchecked_mul(size_of::<T>());
            let layout = Layout::from_size_align_unchecked(size, align_of::<T>());
            A::free(ptr.cast(), layout)
        }
    }
}

impl<T, A: Allocator> Drop for Vec<T, A> {
    fn drop(&mut self) {
        self.clear();
        // SAFETY: the vector is used no more.
        unsafe { free::<T, A>(self.ptr, self.cap) };
    }
}

impl<T, A: Allocator> Default for Vec<T, A> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl<T, A: Allocator> Deref for Vec<T, A> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T, A: Allocator> DerefMut for Vec<T, A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        self.as_mut_slice()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::RemoveError;
    use crate::alloc::{flags::*, AllocError, KVVec, KVec};

    #[test]
    fn grows_and_shrinks() {
        let mut v = KVec::new();
        for i in 0..100 {
            v.push(i, GFP_KERNEL).unwrap();
        }
        assert_eq!(v.len(), 100);
        assert_eq!(v.remove(10), Ok(10));
        assert_eq!(v.remove(99), Err(RemoveError));
        assert_eq!(v.pop(), Some(99));
        assert_eq!(v.len(), 98);
        assert!(v.windows(2).all(|w| w[0] < w[1]));
        v.clear();
        assert!(v.is_empty() && v.capacity() > 0 && v.pop().is_none());
        let v: KVVec<_> = KVVec::from_elem(9, 3, GFP_KERNEL).unwrap();
        assert_eq!(v.as_slice(), [9, 9, 9]);
    }

    #[test]
    fn drops_each_value_once() {
        let count = Rc::new(());
        let mut v = KVVec::from_elem(count.clone(), 10, GFP_KERNEL).unwrap();
        assert_eq!(Rc::strong_count(&count), 11);
        drop(v.remove(0));
        assert_eq!(Rc::strong_count(&count), 10);
        drop(v.pop());
        assert_eq!(Rc::strong_count(&count), 9);
        v.clear();
        assert_eq!(Rc::strong_count(&count), 1);
        v.push(count.clone(), GFP_KERNEL).unwrap();
        drop(v);
        assert_eq!(Rc::strong_count(&count), 1);
    }

    #[test]
    fn parts_and_zero_sizes() {
        let mut v = KVec::with_capacity(4, GFP_KERNEL).unwrap();
        v.push(1u8, GFP_ATOMIC).unwrap();
        let (ptr, len, cap) = v.into_raw_parts();
        // SAFETY: just taken apart.
        let v = unsafe { KVec::from_raw_parts(ptr, len, cap) };
        assert_eq!((v.len(), v.capacity()), (1, 4));
        let mut units = KVec::new();
        units.push((), GFP_KERNEL).unwrap();
        assert_eq!((units.len(), units.capacity()), (1, usize::MAX));
        assert_eq!(units.pop(), Some(()));
        assert_eq!(
            KVec::<u64>::with_capacity(usize::MAX, GFP_KERNEL).err(),
            Some(AllocError)
        );
    }
}
