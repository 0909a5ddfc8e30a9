// SPDX-License-Identifier: GPL-2.0
//! [`Vec`]: values in a row, in memory of their own.

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::slice;

use super::{AllocError, Allocator, Flags};

/// The kernel's vector: owns values in a row, allocated with `A`.
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

/// The value given to [`Vec::push_within_capacity`] found no room.
pub struct PushError<T>(pub T);

impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room in the vector")
    }
}

impl<T> From<PushError<T>> for crate::error::Error {
    /// The memory is not exhausted, only the vector is.
    fn from(_: PushError<T>) -> Self {
        crate::error::code::EINVAL
    }
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
    /// Creates a vector without values, and without memory.
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

    /// Creates a vector with room for at least `capacity` values.
    ///
    /// # Errors
    ///
    /// [`AllocError`]
    pub fn with_capacity(capacity: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut vec = Self::new();
        vec.reserve(capacity, flags)?;
        Ok(vec)
    }

    /// How many values fit without another allocation.
    #[inline]
    pub const fn capacity(&self) -> usize {
        if size_of::<T>() == 0 {
            usize::MAX
        } else {
            self.cap
        }
    }

    /// How many values there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The values.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: by the invariant the first `len` values are initialised.
        unsafe { slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }

    /// The values, to change them.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: by the invariant the first `len` values are initialised, and they are ours.
        unsafe { slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }

    /// The first value's address.
    #[inline]
    pub const fn as_ptr(&self) -> *const T {
        self.ptr.as_ptr()
    }

    /// The first value's address, to change it.
    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.ptr.as_ptr()
    }

    /// Makes room for at least `additional` more values.
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

    /// Appends a value.
    ///
    /// # Errors
    ///
    /// [`AllocError`]; the value is dropped then.
    #[inline]
    pub fn push(&mut self, value: T, flags: Flags) -> Result<(), AllocError> {
        self.reserve(1, flags)?;
        self.push_within_capacity(value).map_err(|_| AllocError)
    }

    /// Appends a value if there is room, and gives it back if not.
    ///
    /// # Errors
    ///
    /// [`PushError`], with the value.
    #[inline]
    pub fn push_within_capacity(&mut self, value: T) -> Result<(), PushError<T>> {
        if self.len == self.capacity() {
            return Err(PushError(value));
        }
        // SAFETY: there is room for one more value behind the first `len`.
        unsafe { self.ptr.as_ptr().add(self.len).write(value) };
        // INVARIANT: one more is initialised.
        self.len += 1;
        Ok(())
    }

    /// Takes the last value.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        // INVARIANT: fewer values are initialised; the taken one is read just once.
        self.len = self.len.checked_sub(1)?;
        // SAFETY: it was initialised, and is no longer counted.
        Some(unsafe { self.ptr.as_ptr().add(self.len).read() })
    }

    /// Takes the value at an index; those behind it move up.
    ///
    /// # Errors
    ///
    /// [`RemoveError`] if there is no such value.
    pub fn remove(&mut self, index: usize) -> Result<T, RemoveError> {
        if index >= self.len {
            return Err(RemoveError);
        }
        // SAFETY: `index` is below `len`, so the value and all behind it are initialised; each is
        // moved once.
        unsafe {
            let at = self.ptr.as_ptr().add(index);
            let value = at.read();
            ptr::copy(at.add(1), at, self.len - index - 1);
            // INVARIANT: one less, and they are in a row again.
            self.len -= 1;
            Ok(value)
        }
    }

    /// Drops all values but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        if let Some(count) = self.len.checked_sub(len) {
            // INVARIANT: fewer values are counted; a panic while dropping leaks at most.
            self.len = len;
            // SAFETY: these were initialised and are no longer counted.
            unsafe {
                ptr::drop_in_place(ptr::slice_from_raw_parts_mut(
                    self.ptr.as_ptr().add(len),
                    count,
                ))
            };
        }
    }

    /// Drops all values and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Takes the vector apart into pointer, length and capacity.
    #[inline]
    #[must_use = "the values are leaked otherwise"]
    pub fn into_raw_parts(self) -> (*mut T, usize, usize) {
        let mut this = ManuallyDrop::new(self);
        (this.as_mut_ptr(), this.len, this.capacity())
    }

    /// Puts a vector together again.
    ///
    /// # Safety
    ///
    /// The three came from [`Vec::into_raw_parts`] with the same allocator, nobody else owns them, and
    /// the first `len` values are initialised.
    #[inline]
    pub unsafe fn from_raw_parts(ptr: *mut T, len: usize, cap: usize) -> Self {
        let cap = if size_of::<T>() == 0 { 0 } else { cap };
        // INVARIANT: the caller gives back what a vector was.
        Self {
            // SAFETY: a vector's pointer is not null.
            ptr: unsafe { NonNull::new_unchecked(ptr) },
            cap,
            len,
            _owns: PhantomData,
        }
    }
}

impl<T: Clone, A: Allocator> Vec<T, A> {
    /// Creates a vector of `n` equal values.
    ///
    /// # Errors
    ///
    /// [`AllocError`]
    pub fn from_elem(value: T, n: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut vec = Self::new();
        vec.extend_with(n, value, flags)?;
        Ok(vec)
    }

    /// Appends `n` equal values.
    ///
    /// # Errors
    ///
    /// [`AllocError`]; nothing is appended then.
    pub fn extend_with(&mut self, n: usize, value: T, flags: Flags) -> Result<(), AllocError> {
        self.reserve(n, flags)?;
        for _ in 0..n {
            self.push_within_capacity(value.clone())
                .map_err(|_| AllocError)?;
        }
        Ok(())
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
        // SAFETY: by the invariant of a vector the block came from `A`.
        unsafe { A::free(ptr.cast()) }
    }
}

impl<T, A: Allocator> Drop for Vec<T, A> {
    fn drop(&mut self) {
        self.truncate(0);
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

impl<T: fmt::Debug, A: Allocator> fmt::Debug for Vec<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a Vec<T, A> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a mut Vec<T, A> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T, A: Allocator> IntoIterator for Vec<T, A> {
    type Item = T;
    type IntoIter = IntoIter<T, A>;

    #[inline]
    fn into_iter(self) -> IntoIter<T, A> {
        let this = ManuallyDrop::new(self);
        // INVARIANT: all values are there, and the block is the vector's.
        IntoIter {
            block: this.ptr,
            cap: this.cap,
            next: 0,
            end: this.len,
            _owns: PhantomData,
        }
    }
}

/// The values of a vector, one by one.
///
/// # Invariants
///
/// `block` and `cap` are those of a vector; its values from `next` to `end` are initialised.
pub struct IntoIter<T, A: Allocator> {
    block: NonNull<T>,
    cap: usize,
    next: usize,
    end: usize,
    _owns: PhantomData<(T, A)>,
}

// SAFETY: as for the vector.
unsafe impl<T: Send, A: Allocator> Send for IntoIter<T, A> {}

// SAFETY: as for the vector.
unsafe impl<T: Sync, A: Allocator> Sync for IntoIter<T, A> {}

impl<T, A: Allocator> Iterator for IntoIter<T, A> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.next == self.end {
            return None;
        }
        let at = self.next;
        // INVARIANT: the one that is taken is left out.
        self.next += 1;
        // SAFETY: it was initialised, and is no longer counted.
        Some(unsafe { self.block.as_ptr().add(at).read() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        (left, Some(left))
    }
}

impl<T, A: Allocator> ExactSizeIterator for IntoIter<T, A> {}

impl<T, A: Allocator> Drop for IntoIter<T, A> {
    fn drop(&mut self) {
        self.for_each(drop);
        // SAFETY: the values are gone, and so is the vector.
        unsafe { free::<T, A>(self.block, self.cap) };
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
        v.truncate(3);
        v.extend_with(2, 9, GFP_KERNEL).unwrap();
        assert_eq!(&v[..], [0, 1, 2, 9, 9]);
        v.clear();
        assert!(v.is_empty() && v.capacity() > 0 && v.pop().is_none());
    }

    #[test]
    fn drops_each_value_once() {
        let count = Rc::new(());
        let mut v = KVVec::from_elem(count.clone(), 10, GFP_KERNEL).unwrap();
        assert_eq!(Rc::strong_count(&count), 11);
        v.truncate(8);
        drop(v.remove(0));
        assert_eq!(Rc::strong_count(&count), 8);
        let mut iter = v.into_iter();
        assert_eq!(iter.len(), 7);
        drop(iter.next());
        assert_eq!(Rc::strong_count(&count), 7);
        drop(iter);
        assert_eq!(Rc::strong_count(&count), 1);
    }

    #[test]
    fn parts_and_zero_sizes() {
        let mut v = KVec::with_capacity(4, GFP_KERNEL).unwrap();
        v.push_within_capacity(1u8).unwrap();
        let (ptr, len, cap) = v.into_raw_parts();
        // SAFETY: just taken apart.
        let v = unsafe { KVec::from_raw_parts(ptr, len, cap) };
        assert_eq!((v.len(), v.capacity()), (1, 4));
        let mut units = KVec::new();
        units.push((), GFP_KERNEL).unwrap();
        assert_eq!((units.len(), units.capacity()), (1, usize::MAX));
        assert_eq!(units.into_iter().count(), 1);
        assert_eq!(
            KVec::<u64>::with_capacity(usize::MAX, GFP_KERNEL).err(),
            Some(AllocError)
        );
    }

    #[test]
    fn full() {
        let mut v = KVec::<u32>::with_capacity(1, GFP_KERNEL).unwrap();
        assert_eq!(v.push(6, GFP_KERNEL), Ok(()));
        assert_eq!(v.push_within_capacity(7).unwrap_err().0, 7);
    }
}
