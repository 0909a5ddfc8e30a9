// SPDX-License-Identifier: GPL-2.0
//! The C functions of `kernel/helpers.c`; in tests, the same from the standard library.

#[cfg(test)]
pub(crate) use host::*;
#[cfg(not(test))]
pub(crate) use kernel::*;

#[cfg(not(test))]
mod kernel {
    use crate::ffi::{c_int, c_void};

    extern "C" {
        /// `kmalloc()`; `flags` are those of [`crate::alloc::Flags`]. Null if there is no memory.
        pub(crate) fn rust_kernel_kmalloc(size: usize, flags: u32) -> *mut c_void;
        /// `kfree()`
        pub(crate) fn rust_kernel_kfree(ptr: *mut c_void);
        /// `kvmalloc()`
        pub(crate) fn rust_kernel_kvmalloc(size: usize, flags: u32) -> *mut c_void;
        /// `kvfree()`
        pub(crate) fn rust_kernel_kvfree(ptr: *mut c_void);
        /// `printk()` of a text at a level, after the module's name.
        pub(crate) fn rust_kernel_printk(
            level: c_int,
            module: *const u8,
            module_len: c_int,
            text: *const u8,
            len: c_int,
        );
        /// Warns, once, of a reference count that was used after it had ended or overflowed.
        pub(crate) fn rust_kernel_refcount_warn();
    }
}

#[cfg(test)]
mod host {
    use std::alloc::{alloc, dealloc, Layout};

    use crate::ffi::{c_int, c_void};

    /// Each block has its size in front, because `kfree()` is not told.
    const FRONT: usize = 64;

    pub(crate) unsafe fn rust_kernel_kmalloc(size: usize, _flags: u32) -> *mut c_void {
        let Ok(layout) = Layout::from_size_align(size.saturating_add(FRONT), FRONT) else {
            return core::ptr::null_mut();
        };
        // SAFETY: the layout is not empty; the block has room for the size in front.
        unsafe {
            let base = alloc(layout);
            if base.is_null() {
                return base.cast();
            }
            base.cast::<usize>().write(size);
            base.add(FRONT).cast()
        }
    }

    pub(crate) unsafe fn rust_kernel_kfree(ptr: *mut c_void) {
        // SAFETY: the pointer came from the function above.
        unsafe {
            let base = ptr.cast::<u8>().sub(FRONT);
            let size = base.cast::<usize>().read();
            dealloc(base, Layout::from_size_align_unchecked(size + FRONT, FRONT));
        }
    }

    pub(crate) use rust_kernel_kfree as rust_kernel_kvfree;
    pub(crate) use rust_kernel_kmalloc as rust_kernel_kvmalloc;

    pub(crate) unsafe fn rust_kernel_printk(
        level: c_int,
        module: *const u8,
        module_len: c_int,
        text: *const u8,
        len: c_int,
    ) {
        // SAFETY: the caller gives as many readable bytes.
        let (module, text) = unsafe {
            (
                core::slice::from_raw_parts(module, module_len as usize),
                core::slice::from_raw_parts(text, len as usize),
            )
        };
        let [module, text] = [module, text].map(String::from_utf8_lossy);
        print!("<{level}>{module}: {text}");
    }

    pub(crate) unsafe fn rust_kernel_refcount_warn() {
        eprintln!("reference count saturated");
    }
}
