// SPDX-License-Identifier: GPL-2.0
//! A reference-counted pointer.
//!
//! [`Arc`] is the standard library's in use, and the kernel's in nature: creating one may fail, the
//! count saturates (see `refcount.rs`), there are no weak references, and what C holds of an object
//! can be borrowed ([`ArcBorrow`]) and made a reference of one's own.

use core::marker::PhantomData;
use core::mem::{offset_of, ManuallyDrop};
use core::ops::Deref;
use core::ptr::{self, NonNull};

use super::Refcount;
use crate::alloc::{AllocError, Flags, KBox};

#[repr(C)]
struct ArcInner<T> {
    count: Refcount,
    data: T,
}

/// A reference-counted pointer to a `T`.
///
/// # Examples
///
/// ```ignore
/// let object = Arc::new(Counter::new(), GFP_KERNEL)?;
/// let other = object.clone();
/// assert!(Arc::ptr_eq(&object, &other));
/// ```
///
/// # Invariants
///
/// `ptr` is that of a leaked `KBox`, which lives as long as its count is not zero; one of the count
/// belongs to this object.
pub struct Arc<T> {
    ptr: NonNull<ArcInner<T>>,
    _owns: PhantomData<ArcInner<T>>,
}

// SAFETY: an `Arc` shares its `T` with whoever holds another one, and the last one drops it.
unsafe impl<T: Sync + Send> Send for Arc<T> {}

// SAFETY: as above: a shared `Arc` can be cloned.
unsafe impl<T: Sync + Send> Sync for Arc<T> {}

impl<T> Arc<T> {
    /// Constructs a new reference-counted instance of `T`.
    ///
    /// # Errors
    ///
    /// [`AllocError`]; the value is dropped then.
    pub fn new(contents: T, flags: Flags) -> Result<Self, AllocError> {
        let inner = KBox::new(
            ArcInner {
                count: Refcount::new(1),
                data: contents,
            },
            flags,
        )?;
        // INVARIANT: the box is leaked just now, and its one count is ours.
        Ok(Self {
            ptr: NonNull::from(KBox::leak(inner)),
            _owns: PhantomData,
        })
    }

    /// Converts the [`Arc`] into a raw pointer to the object.
    #[inline]
    #[must_use = "the reference is leaked otherwise"]
    pub fn into_raw(self) -> *const T {
        let this = ManuallyDrop::new(self);
        // SAFETY: by the invariant the object is there.
        unsafe { &raw const (*this.ptr.as_ptr()).data }
    }

    /// Recreates an [`Arc`] instance previously deconstructed via [`Arc::into_raw`].
    ///
    /// # Safety
    ///
    /// `ptr` came from [`Arc::into_raw`], and each is given back at most once.
    #[inline]
    pub unsafe fn from_raw(ptr: *const T) -> Self {
        // INVARIANT: the count that was leaked is ours again.
        Self {
            ptr: inner_of(ptr),
            _owns: PhantomData,
        }
    }

    /// Compares whether two [`Arc`] pointers reference the same object.
    #[inline]
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        ptr::eq(this.ptr.as_ptr(), other.ptr.as_ptr())
    }
}

/// The allocation around an object.
#[inline]
fn inner_of<T>(raw: *const T) -> NonNull<ArcInner<T>> {
    let inner = raw
        .wrapping_byte_sub(offset_of!(ArcInner<T>, data))
        .cast::<ArcInner<T>>();
    // SAFETY: every pointer that comes here is that of an object in an allocation.
    unsafe { NonNull::new_unchecked(inner.cast_mut()) }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: by the invariant the object is there, and only shared references to it exist.
        unsafe { &self.ptr.as_ref().data }
    }
}

impl<T> Clone for Arc<T> {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: by the invariant the object is there.
        unsafe { self.ptr.as_ref() }.count.inc();
        // INVARIANT: the count just made belongs to the new one.
        Self {
            ptr: self.ptr,
            _owns: PhantomData,
        }
    }
}

impl<T> Drop for Arc<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: by the invariant the object is there, and one of the count is ours.
        if unsafe { self.ptr.as_ref() }.count.dec_and_test() {
            // SAFETY: it came from a leaked box, and nobody can reach it any more.
            drop(unsafe { KBox::from_raw(self.ptr.as_ptr()) });
        }
    }
}

/// A borrowed reference to a reference-counted object.
///
/// It is a pointer, where `&Arc<T>` is a pointer to one; and it can be made of what C handed back.
///
/// # Examples
///
/// ```ignore
/// // SAFETY: `ptr` came from `Arc::into_raw()`, and C gives it back later.
/// let object: Arc<Counter> = unsafe { ArcBorrow::from_raw(ptr) }.into();
/// ```
///
/// # Invariants
///
/// The object's count is not zero during `'a`.
pub struct ArcBorrow<'a, T> {
    inner: NonNull<ArcInner<T>>,
    _borrow: PhantomData<&'a T>,
}

impl<T> ArcBorrow<'_, T> {
    /// Creates an [`ArcBorrow`] to an [`Arc`] that has been deconstructed with [`Arc::into_raw`].
    ///
    /// # Safety
    ///
    /// That reference is not put together again while the borrow lives.
    #[inline]
    pub unsafe fn from_raw(ptr: *const T) -> Self {
        // INVARIANT: the reference that was taken apart keeps the count above zero.
        Self {
            inner: inner_of(ptr),
            _borrow: PhantomData,
        }
    }
}

impl<T> From<ArcBorrow<'_, T>> for Arc<T> {
    #[inline]
    fn from(b: ArcBorrow<'_, T>) -> Self {
        // SAFETY: by the invariant the object is there.
        unsafe { b.inner.as_ref() }.count.inc();
        // INVARIANT: the count just made belongs to the new one.
        Self {
            ptr: b.inner,
            _owns: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::alloc::flags::GFP_KERNEL;

    struct Counted<'a>(&'a Cell<usize>, #[allow(dead_code)] u64);

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn last_one_drops() {
        let drops = Cell::new(0);
        let a = Arc::new(Counted(&drops, 1), GFP_KERNEL).unwrap();
        let b = a.clone();
        assert!(Arc::ptr_eq(&a, &b));
        let raw = b.into_raw();
        // SAFETY: `raw` is given back below, after the borrow.
        let c = Arc::from(unsafe { ArcBorrow::from_raw(raw) });
        assert!(ptr::eq(&*c, raw));
        drop(a);
        // SAFETY: just taken apart.
        drop(unsafe { Arc::from_raw(raw) });
        assert_eq!(drops.get(), 0);
        assert_eq!(c.1, 1);
        drop(c);
        assert_eq!(drops.get(), 1);
    }

    #[test]
    fn aligned_object() {
        #[repr(align(32))]
        struct Wide(u8);
        let a = Arc::new(Wide(3), GFP_KERNEL).unwrap();
        let raw = a.into_raw();
        assert_eq!(raw.addr() % 32, 0);
        // SAFETY: just taken apart.
        assert_eq!(unsafe { Arc::from_raw(raw) }.0, 3);
    }

    #[test]
    fn shared_by_threads() {
        let a = Arc::new(AtomicUsize::new(0), GFP_KERNEL).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let mine = a.clone();
                scope.spawn(move || {
                    for _ in 0..100 {
                        mine.clone().fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(a.load(Ordering::Relaxed), 400);
    }
}
