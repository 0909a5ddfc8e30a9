// SPDX-License-Identifier: GPL-2.0
//! Kernel errors.
//!
//! C header: `include/uapi/asm-generic/errno-base.h`, `include/uapi/asm-generic/errno.h`,
//! `include/linux/errno.h`

use core::convert::Infallible;
use core::fmt;
use core::num::{NonZeroI32, TryFromIntError};
use core::str::Utf8Error;

use crate::alloc::AllocError;
use crate::ffi::{c_int, c_void};

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
            /// The name of the C constant, if this crate knows it.
            pub fn name(self) -> Option<&'static str> {
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
    EINTR = 4, "Interrupted system call.";
    EIO = 5, "I/O error.";
    E2BIG = 7, "Argument list too long.";
    EBADF = 9, "Bad file number.";
    EAGAIN = 11, "Try again.";
    ENOMEM = 12, "Out of memory.";
    EACCES = 13, "Permission denied.";
    EFAULT = 14, "Bad address.";
    EBUSY = 16, "Device or resource busy.";
    EEXIST = 17, "File exists.";
    ENODEV = 19, "No such device.";
    EINVAL = 22, "Invalid argument.";
    ENOSPC = 28, "No space left on device.";
    EPIPE = 32, "Broken pipe.";
    EDOM = 33, "Math argument out of domain of function.";
    ERANGE = 34, "Math result not representable.";
    ENOSYS = 38, "Invalid system call number.";
    EBADR = 53, "Invalid request descriptor.";
    ENODATA = 61, "No data available.";
    ENONET = 64, "Machine is not on the network.";
    EPROTO = 71, "Protocol error.";
    EBADMSG = 74, "Not a data message.";
    EOVERFLOW = 75, "Value too large for defined data type.";
    EDESTADDRREQ = 89, "Destination address required.";
    EMSGSIZE = 90, "Message too long.";
    EPROTONOSUPPORT = 93, "Protocol not supported.";
    EOPNOTSUPP = 95, "Operation not supported on transport endpoint.";
    EPFNOSUPPORT = 96, "Protocol family not supported.";
    EAFNOSUPPORT = 97, "Address family not supported by protocol.";
    EADDRINUSE = 98, "Address already in use.";
    EADDRNOTAVAIL = 99, "Cannot assign requested address.";
    ENETDOWN = 100, "Network is down.";
    ENETUNREACH = 101, "Network is unreachable.";
    ENOBUFS = 105, "No buffer space available.";
    ENOTCONN = 107, "Transport endpoint is not connected.";
    ETIMEDOUT = 110, "Connection timed out.";
    EHOSTUNREACH = 113, "No route to host.";
    EALREADY = 114, "Operation already in progress.";
    EINPROGRESS = 115, "Operation now in progress.";
    ECANCELED = 125, "Operation cancelled.";
    ENOKEY = 126, "Required key not available.";
    EKEYEXPIRED = 127, "Key has expired.";
    EKEYREVOKED = 128, "Key has been revoked.";
    EKEYREJECTED = 129, "Key was rejected by service.";
    ENOTSUPP = 524, "Operation is not supported.";
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
    pub const fn to_errno(self) -> c_int {
        self.0.get()
    }

    /// Returns the error encoded as a pointer, as `ERR_PTR()` does.
    #[inline]
    pub fn to_ptr<T>(self) -> *mut T {
        core::ptr::without_provenance_mut(self.0.get() as isize as usize)
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

impl From<TryFromIntError> for Error {
    fn from(_: TryFromIntError) -> Self {
        code::EINVAL
    }
}

impl From<Utf8Error> for Error {
    fn from(_: Utf8Error) -> Self {
        code::EINVAL
    }
}

impl From<fmt::Error> for Error {
    fn from(_: fmt::Error) -> Self {
        code::EINVAL
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
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

/// Transforms a pointer that may carry an error, as `IS_ERR()` and `PTR_ERR()` do.
pub fn from_err_ptr<T>(ptr: *mut T) -> Result<*mut T> {
    let address = ptr.cast::<c_void>().addr() as isize;
    if (-(MAX_ERRNO as isize)..0).contains(&address) {
        Err(Error::from_errno(address as c_int))
    } else {
        Ok(ptr)
    }
}

/// Calls a closure that returns a [`Result`], and converts the error to a C integer.
///
/// For the functions that C calls: the last step out of Rust.
#[inline]
pub fn from_result<T, F>(f: F) -> T
where
    T: From<i16>,
    F: FnOnce() -> Result<T>,
{
    match f() {
        Ok(value) => value,
        // The number is at least `-MAX_ERRNO`, which an `i16` holds.
        Err(e) => T::from(e.to_errno() as i16),
    }
}

#[cfg(test)]
mod tests {
    use super::{code::*, *};

    #[test]
    fn errno_and_back() {
        assert_eq!(ENOMEM.to_errno(), -12);
        assert_eq!(Error::from_errno(-126), ENOKEY);
        for wrong in [0, 1, 12, -4096, i32::MIN] {
            assert_eq!(Error::from_errno(wrong), EINVAL);
        }
        assert_eq!(
            format!("{:?} {:?}", EPFNOSUPPORT, Error::from_errno(-4000)),
            "EPFNOSUPPORT Error(4000)"
        );
    }

    #[test]
    fn results() {
        assert_eq!(to_result(0), Ok(()));
        assert_eq!(to_result(7), Ok(()));
        assert_eq!(to_result(-17), Err(EEXIST));
        assert_eq!(from_result::<i32, _>(|| Err(ENOTSUPP)), -524);
        assert_eq!(from_result::<i32, _>(|| Ok(3)), 3);
    }

    #[test]
    fn error_pointers() {
        assert_eq!(from_err_ptr(ENODEV.to_ptr::<u8>()), Err(ENODEV));
        let mut x = 1;
        assert!(from_err_ptr(&raw mut x).is_ok());
        assert!(from_err_ptr(core::ptr::null_mut::<u8>()).is_ok());
    }
}
