// SPDX-License-Identifier: GPL-2.0
//! [`Box`]: one value in memory of its own.

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};

use super::{AllocError, Allocator, Flags};

/// The kernel's box: owns one value, allocated with `A`.
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
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        Ok(Self::new_uninit(flags)?.write(value))
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

    /// Takes the box apart into a raw pointer.
    #[inline]
    #[must_use = "the value is leaked otherwise"]
    pub fn into_raw(this: Self) -> *mut T {
        ManuallyDrop::new(this).ptr.as_ptr()
    }

    /// Puts a box together again.
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
    pub fn leak<'a>(this: Self) -> &'a mut T
    where
        T: 'a,
    {
        // SAFETY: by the invariant it is a valid value, and nobody owns it any more.
        unsafe { &mut *Self::into_raw(this) }
    }

    /// Moves the value out of the box.
    #[inline]
    pub fn into_inner(this: Self) -> T {
        let this = ManuallyDrop::new(this);
        // SAFETY: by the invariant the value is valid; it is read once, because `this` is not dropped.
        let value = unsafe { this.ptr.read() };
        // SAFETY: the block is ours, and its value is gone.
        unsafe { free::<T, A>(this.ptr) };
        value
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
    pub unsafe fn assume_init(self) -> Box<T, A> {
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
        unsafe { A::free(ptr.cast()) }
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

impl<T: fmt::Debug, A: Allocator> fmt::Debug for Box<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use crate::alloc::{flags::*, KBox, KVBox};

    #[test]
    fn owns_its_value() {
        let count = Rc::new(());
        let mut b = KBox::new((count.clone(), 5u64), GFP_KERNEL).unwrap();
        b.1 += 1;
        assert_eq!((Rc::strong_count(&count), b.1), (2, 6));
        let raw = KBox::into_raw(b);
        // SAFETY: just taken apart.
        let b = unsafe { KBox::from_raw(raw) };
        let inner = KBox::into_inner(b);
        assert_eq!(Rc::strong_count(&count), 2);
        drop(KBox::new(inner, GFP_ATOMIC | __GFP_ZERO).unwrap());
        assert_eq!(Rc::strong_count(&count), 1);
    }

    #[test]
    fn aligned_and_empty() {
        #[repr(align(64))]
        struct Wide([u8; 192]);
        let b = KVBox::new(Wide([7; 192]), GFP_KERNEL).unwrap();
        assert_eq!((&raw const *b).addr() % 64, 0);
        assert!(b.0.iter().all(|x| *x == 7));
        let unit = KBox::new((), GFP_KERNEL).unwrap();
        KBox::into_inner(unit);
    }
}
