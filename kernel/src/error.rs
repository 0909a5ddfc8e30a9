// SPDX-License-Identifier: GPL-2.0
//! Kernel errors.
//!
//! C header: `include/uapi/asm-generic/errno-base.h`, `include/uapi/asm-generic/errno.h`,
//! `include/linux/errno.h`

use core::fmt;
use core::num::NonZeroI32;

use crate::alloc::AllocError;
use crate::ffi::c_int;

/// The largest error number: `MAX_ERRNO` of `include/linux/err.h`.
const MAX_ERRNO: i32 = 4095;

macro_rules! errors {
    ($($name:ident = $number:literal, $doc:literal;)*) => {
        /// The C error codes.
        pub mod code {
            use super::Error;
            $(
                #[doc = $doc]
                pub const $name: Error = Error::of($number);
            )*
        }

        impl Error {
            /// Returns the name of the C constant, if this crate knows it.
            fn name(self) -> Option<&'static str> {
                match -self.to_errno() {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

errors! {
    EPERM = 1, "Operation not permitted.";
    ENOENT = 2, "No such file or directory.";
    ENOMEM = 12, "Out of memory.";
    EBUSY = 16, "Device or resource busy.";
    EEXIST = 17, "File exists.";
    ENODEV = 19, "No such device.";
    EINVAL = 22, "Invalid argument.";
    ENOSPC = 28, "No space left on device.";
    EMSGSIZE = 90, "Message too long.";
}

/// Generic integer kernel error.
///
/// # Invariants
///
/// The value is a valid negative `errno`: `-MAX_ERRNO <= value < 0`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(NonZeroI32);

/// A [`Result`](core::result::Result) with a kernel error, and with nothing else unless said.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

impl Error {
    /// The error of a positive number, known when compiling.
    const fn of(number: i32) -> Self {
        assert!(number > 0 && number <= MAX_ERRNO);
        match NonZeroI32::new(-number) {
            // INVARIANT: just checked.
            Some(value) => Self(value),
            None => panic!("unreachable: the number is not 0"),
        }
    }

    /// Creates an [`Error`] from a kernel error code.
    ///
    /// It is a bug to pass an out-of-range `errno`; `EINVAL` is returned then.
    pub fn from_errno(errno: c_int) -> Self {
        match NonZeroI32::new(errno) {
            // INVARIANT: the range is checked.
            Some(value) if (-MAX_ERRNO..0).contains(&errno) => Self(value),
            _ => code::EINVAL,
        }
    }

    /// Returns the kernel error code (a negative number).
    #[inline]
    pub fn to_errno(self) -> c_int {
        self.0.get()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => f.debug_tuple("Error").field(&-self.to_errno()).finish(),
        }
    }
}

impl From<AllocError> for Error {
    #[inline]
    fn from(_: AllocError) -> Self {
        code::ENOMEM
    }
}

/// Converts an integer as returned from a C kernel function to an error if it is negative, and to
/// `Ok(())` otherwise.
#[inline]
pub fn to_result(err: c_int) -> Result {
    if err < 0 {
        Err(Error::from_errno(err))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{code::*, *};

    #[test]
    fn errno_and_back() {
        assert_eq!(ENOMEM.to_errno(), -12);
        assert_eq!(Error::from_errno(-17), EEXIST);
        for wrong in [0, 1, 12, -4096, i32::MIN] {
            assert_eq!(Error::from_errno(wrong), EINVAL);
        }
        assert_eq!(
            format!("{:?} {:?}", ENOSPC, Error::from_errno(-4000)),
            "ENOSPC Error(4000)"
        );
    }

    #[test]
    fn results() {
        assert_eq!(to_result(0), Ok(()));
        assert_eq!(to_result(7), Ok(()));
        assert_eq!(to_result(-17), Err(EEXIST));
    }
}
