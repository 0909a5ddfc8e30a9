// SPDX-License-Identifier: GPL-2.0

//! Errors of a network device that Rust-for-Linux's `kernel::error::code` does not list.
//!
//! C header: `include/uapi/asm-generic/errno.h`

use kernel::prelude::*;

/// Why a packet does not go out; converts to an [`Error`].
///
/// # Examples
///
/// ```ignore
/// fn route(destination: Option<IpAddr>) -> Result<IpAddr> {
///     destination.ok_or(NetError::NoKey.into())
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NetError {
    /// `EPROTONOSUPPORT`: neither IPv4 nor IPv6.
    ProtocolNotSupported,
    /// `EDESTADDRREQ`: the address to send to is not known.
    DestinationRequired,
    /// `ENOKEY`: there is no key for this destination.
    NoKey,
}

impl From<NetError> for Error {
    #[inline]
    fn from(error: NetError) -> Self {
        let number = match error {
            NetError::ProtocolNotSupported => bindings::EPROTONOSUPPORT,
            NetError::DestinationRequired => bindings::EDESTADDRREQ,
            NetError::NoKey => bindings::ENOKEY,
        };
        Error::from_errno(-(number as c_int))
    }
}
