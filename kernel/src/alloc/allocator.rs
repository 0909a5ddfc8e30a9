// SPDX-License-Identifier: GPL-2.0
//! The kernel's allocators as types.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::{AllocError, Flags};
use crate::ffi::c_void;
use crate::helpers;

/// The alignment that every block of `kmalloc()` has.
const MINIMUM_ALIGN: usize = 8;
/// The largest alignment that can be had.
const PAGE: usize = 4096;

/// The kernel's allocators: each is a type, and has no values.
///
/// # Safety
///
/// A block given by `alloc` fits the layout, is owned by the caller alone, and stays valid until it
/// is given to `free`.
pub unsafe trait Allocator {
    /// Allocates memory based on `layout`, which is not empty, and `flags`.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there is no memory, or the layout cannot be had.
    fn alloc(layout: Layout, flags: Flags) -> Result<NonNull<[u8]>, AllocError>;

    /// Frees an existing memory allocation.
    ///
    /// # Safety
    ///
    /// `ptr` came from `alloc` of the same allocator with the same `layout`, and was not freed since.
    unsafe fn free(ptr: NonNull<u8>, layout: Layout);
}

/// What C allocated for a size, or the error for null.
fn block(ptr: *mut c_void, size: usize) -> Result<NonNull<[u8]>, AllocError> {
    let ptr = NonNull::new(ptr.cast()).ok_or(AllocError)?;
    Ok(NonNull::slice_from_raw_parts(ptr, size))
}

/// `kmalloc()`: contiguous physically.
pub struct Kmalloc;

/// `kvmalloc()`: as [`Kmalloc`], but large blocks may be contiguous only virtually.
pub struct KVmalloc;

/// The size to ask for. `kmalloc()` aligns a block to its size only where that is a power of two.
fn size_for(layout: Layout) -> Result<usize, AllocError> {
    if layout.align() <= MINIMUM_ALIGN {
        Ok(layout.size())
    } else if layout.align() <= PAGE {
        layout
            .size()
            .max(layout.align())
            .checked_next_power_of_two()
            .ok_or(AllocError)
    } else {
        Err(AllocError)
    }
}

// SAFETY: a block of `kmalloc()` is as large as asked for, aligned to 8 or (if that is a power of
// two) to its size, and nobody else's until `kfree()`.
unsafe impl Allocator for Kmalloc {
    #[inline]
    fn alloc(layout: Layout, flags: Flags) -> Result<NonNull<[u8]>, AllocError> {
        let size = size_for(layout)?;
        // SAFETY: `kmalloc()` may be called with any size.
        block(
            unsafe { helpers::rust_kernel_kmalloc(size, flags.as_raw()) },
            size,
        )
    }

    #[inline]
    unsafe fn free(ptr: NonNull<u8>, _layout: Layout) {
        // SAFETY: the caller promises that it is a block of `kmalloc()`.
        unsafe { helpers::rust_kernel_kfree(ptr.as_ptr().cast()) }
    }
}

// SAFETY: as for `Kmalloc`; a block that is not from `kmalloc()` begins at a page.
unsafe impl Allocator for KVmalloc {
    #[inline]
    fn alloc(layout: Layout, flags: Flags) -> Result<NonNull<[u8]>, AllocError> {
        let size = size_for(layout)?;
        // SAFETY: `kvmalloc()` may be called with any size.
        block(
            unsafe { helpers::rust_kernel_kvmalloc(size, flags.as_raw()) },
            size,
        )
    }

    #[inline]
    unsafe fn free(ptr: NonNull<u8>, _layout: Layout) {
        // SAFETY: the caller promises that it is a block of `kvmalloc()`.
        unsafe { helpers::rust_kernel_kvfree(ptr.as_ptr().cast()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_carry_the_alignment() {
        let size = |size, align| size_for(Layout::from_size_align(size, align).unwrap());
        assert_eq!(size(24, 8), Ok(24));
        assert_eq!(size(192, 64), Ok(256));
        assert_eq!(size(16, 4096), Ok(4096));
        assert_eq!(size(16, 8192), Err(AllocError));
    }
}
