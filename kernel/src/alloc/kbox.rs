// SPDX-License-Identifier: GPL-2.0
//! [`Box`]: one value in memory of its own.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};

use super::{AllocError, Allocator, Flags};

/// The kernel's box: owns one value, allocated with `A`.
///
/// # Examples
///
/// ```ignore
/// let mut b = KBox::new([0; 4], GFP_KERNEL)?;
/// b[0] = 7;
/// ```
///
/// # Invariants
///
/// `ptr` is aligned and points to an initialised `T`, in a block of `A` that belongs to this box; for
/// a `T` without size it dangles.
pub struct Box<T, A: Allocator> {
    ptr: NonNull<T>,
    _owns: PhantomData<(T, A)>,
}

// SAFETY: a box owns its value, and the allocators work from anywhere.
unsafe impl<T: Send, A: Allocator> Send for Box<T, A> {}

// SAFETY: a shared box gives out shared references only.
unsafe impl<T: Sync, A: Allocator> Sync for Box<T, A> {}

impl<T, A: Allocator> Box<T, A> {
    /// Creates a new box with a value.
    ///
    /// # Errors
    ///
    /// [`AllocError`]; the value is dropped then.
    #[inline]
    pub fn new(x: T, flags: Flags) -> Result<Self, AllocError> {
        Ok(Self::new_uninit(flags)?.write(x))
    }

    /// Creates a new box whose content is not initialised.
    ///
    /// # Errors
    ///
    /// [`AllocError`]
    #[inline]
    pub fn new_uninit(flags: Flags) -> Result<Box<MaybeUninit<T>, A>, AllocError> {
        let layout = Layout::new::<MaybeUninit<T>>();
        let ptr = if layout.size() == 0 {
            NonNull::dangling()
        } else {
            A::alloc(layout, flags)?.cast()
        };
        // INVARIANT: the block fits, is ours, and an uninitialised value is a valid `MaybeUninit`.
        Ok(Box {
            ptr,
            _owns: PhantomData,
        })
    }

    /// Consumes the box and returns a raw pointer.
    #[inline]
    #[must_use = "the value is leaked otherwise"]
    pub fn into_raw(b: Self) -> *mut T {
        ManuallyDrop::new(b).ptr.as_ptr()
    }

    /// Creates a new box from a raw pointer.
    ///
    /// # Safety
    ///
    /// `raw` came from [`Box::into_raw`] with the same allocator and nobody else owns it.
    #[inline]
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        // INVARIANT: the caller gives back what a box was.
        Self {
            // SAFETY: a box's pointer is not null.
            ptr: unsafe { NonNull::new_unchecked(raw) },
            _owns: PhantomData,
        }
    }

    /// Gives the value up to live for ever.
    #[inline]
    pub(crate) fn leak<'a>(b: Self) -> &'a mut T
    where
        T: 'a,
    {
        // SAFETY: by the invariant it is a valid value, and nobody owns it any more.
        unsafe { &mut *Self::into_raw(b) }
    }
}

impl<T, A: Allocator> Box<MaybeUninit<T>, A> {
    /// Writes a value into the box.
    #[inline]
    pub fn write(mut self, value: T) -> Box<T, A> {
        (*self).write(value);
        // SAFETY: it was just written.
        unsafe { self.assume_init() }
    }

    /// Takes the content for initialised.
    ///
    /// # Safety
    ///
    /// It must be.
    #[inline]
    unsafe fn assume_init(self) -> Box<T, A> {
        let raw = Self::into_raw(self);
        // SAFETY: it is a box's pointer, and the caller promises that the value is initialised.
        unsafe { Box::from_raw(raw.cast()) }
    }
}

/// Frees the block of a box whose value is gone.
///
/// # Safety
///
/// `ptr` is that of a `Box<T, A>`, which is used no more.
#[inline]
unsafe fn free<T, A: Allocator>(ptr: NonNull<T>) {
    if size_of::<T>() != 0 {
        // SAFETY: by the invariant of a box the block came from `A`.
        unsafe { A::free(ptr.cast(), Layout::new::<T>()) }
    }
}

impl<T, A: Allocator> Drop for Box<T, A> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: by the invariant the value is valid and ours; it is used no more.
        unsafe { ptr::drop_in_place(self.ptr.as_ptr()) };
        // SAFETY: the value is gone.
        unsafe { free::<T, A>(self.ptr) };
    }
}

impl<T, A: Allocator> Deref for Box<T, A> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: by the invariant the value is valid.
        unsafe { self.ptr.as_ref() }
    }
}

impl<T, A: Allocator> DerefMut for Box<T, A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the invariant the value is valid and ours.
        unsafe { self.ptr.as_mut() }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use crate::alloc::{flags::*, Box, KBox, KVmalloc};

    #[test]
    fn owns_its_value() {
        let count = Rc::new(());
        let mut b = KBox::new((count.clone(), 5u64), GFP_KERNEL).unwrap();
        b.1 += 1;
        assert_eq!((Rc::strong_count(&count), b.1), (2, 6));
        let raw = KBox::into_raw(b);
        // SAFETY: just taken apart.
        let b = unsafe { KBox::from_raw(raw) };
        assert_eq!((Rc::strong_count(&count), b.1), (2, 6));
        drop(b);
        assert_eq!(Rc::strong_count(&count), 1);
    }

    #[test]
    fn aligned_and_empty() {
        #[repr(align(64))]
        struct Wide([u8; 192]);
        let b = Box::<_, KVmalloc>::new(Wide([7; 192]), GFP_KERNEL).unwrap();
        assert_eq!((&raw const *b).addr() % 64, 0);
        assert!(b.0.iter().all(|x| *x == 7));
        drop(KBox::new((), GFP_ATOMIC | __GFP_NOWARN).unwrap());
    }
}
