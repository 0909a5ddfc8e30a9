// SPDX-License-Identifier: GPL-2.0
//! The C types as the kernel means them.
//!
//! They differ from `core::ffi` in two points, as Rust-for-Linux's do: `char` is unsigned (the
//! kernel is built with `-funsigned-char`), and `long` is the size of a pointer and says so.

pub use core::ffi::c_void;

macro_rules! c_types {
    ($($(#[$doc:meta])* $name:ident = $rust:ty;)*) => {
        $(
            $(#[$doc])*
            #[allow(non_camel_case_types)]
            pub type $name = $rust;
            const _: () = assert!(size_of::<$name>() == size_of::<core::ffi::$name>());
        )*
    };
}

c_types! {
    /// `char`
    c_char = u8;
    /// `signed char`
    c_schar = i8;
    /// `unsigned char`
    c_uchar = u8;
    /// `short`
    c_short = i16;
    /// `unsigned short`
    c_ushort = u16;
    /// `int`
    c_int = i32;
    /// `unsigned int`
    c_uint = u32;
    /// `long`
    c_long = isize;
    /// `unsigned long`
    c_ulong = usize;
    /// `long long`
    c_longlong = i64;
    /// `unsigned long long`
    c_ulonglong = u64;
}
