// SPDX-License-Identifier: GPL-2.0
//! What is wrong with a request: the reason, its errno, a line for the user, and the attribute to
//! blame (`struct netlink_ext_ack`).
//!
//! Made where a request is checked, handed to the driver by value, turned there into a negative
//! errno and the extended acknowledgement.
use core::ffi::CStr;

use crate::uapi::errno;

/// Why a request was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// A type that is not defined at this level, or type 0.
    UnknownAttribute,
    /// Bytes that are no attribute at the end of a run.
    TrailingBytes,
    /// A nest without the flag that says so.
    NestedFlagMissing,
    /// The flag of a nest on something else.
    NestedFlagUnexpected,
    /// An integer of the wrong width.
    IntegerWidth,
    /// A payload longer or shorter than it may be.
    SizeOutOfRange,
    /// An interface name without a NUL in its first 16 bytes.
    NameUnterminated,
    /// An interface name that ends early and goes on behind its end.
    NameTooLong,
    /// A flag that is not defined, found by the policy.
    ReservedFlag,
    /// A flag that is not defined, found by the older way of looking.
    UnsupportedFlag,
    /// Not exactly one of index and name.
    Selector,
    /// A peer without a public key.
    PublicKeyMissing,
    /// A protocol version other than 1.
    ProtocolVersion,
    /// An allowed IP without family, address or mask.
    AllowedIpIncomplete,
    /// An allowed IP of a family that is neither IPv4 nor IPv6.
    AllowedIpFamily,
    /// An address that is not as long as its family's addresses are.
    AllowedIpLength,
    /// A mask longer than an address of its family.
    AllowedIpMask,
}

impl Reason {
    /// The positive error number.
    pub const fn errno(self) -> i32 {
        match self {
            Self::UnknownAttribute
            | Self::TrailingBytes
            | Self::NestedFlagMissing
            | Self::NestedFlagUnexpected
            | Self::IntegerWidth
            | Self::NameUnterminated
            | Self::ReservedFlag
            | Self::PublicKeyMissing
            | Self::AllowedIpIncomplete
            | Self::AllowedIpFamily
            | Self::AllowedIpLength
            | Self::AllowedIpMask => errno::EINVAL,
            Self::SizeOutOfRange | Self::NameTooLong => errno::ERANGE,
            Self::UnsupportedFlag => errno::EOPNOTSUPP,
            Self::Selector => errno::EBADR,
            Self::ProtocolVersion => errno::EPFNOSUPPORT,
        }
    }

    /// A line for the user, with the NUL that C wants.
    pub const fn message(self) -> &'static CStr {
        match self {
            Self::UnknownAttribute => c"attribute is not known here",
            Self::TrailingBytes => c"bytes after the last attribute",
            Self::NestedFlagMissing => c"nest lacks its flag",
            Self::NestedFlagUnexpected => c"attribute is no nest",
            Self::IntegerWidth => c"integer has the wrong width",
            Self::SizeOutOfRange => c"attribute is too short or too long",
            Self::NameUnterminated => c"interface name has no end",
            Self::NameTooLong => c"interface name is too long",
            Self::ReservedFlag | Self::UnsupportedFlag => c"flag is not defined",
            Self::Selector => c"give either the index or the name of the interface",
            Self::PublicKeyMissing => c"peer has no public key",
            Self::ProtocolVersion => c"protocol version is not spoken",
            Self::AllowedIpIncomplete => c"allowed IP lacks family, address or mask",
            Self::AllowedIpFamily => c"allowed IP is neither IPv4 nor IPv6",
            Self::AllowedIpLength => c"allowed IP has the wrong length for its family",
            Self::AllowedIpMask => c"allowed IP has too long a mask",
        }
    }
}

/// A refused request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestError {
    reason: Reason,
    offset: Option<usize>,
}

impl RequestError {
    /// The attribute whose header is at `offset` is to blame.
    pub(crate) const fn at(reason: Reason, offset: usize) -> Self {
        Self {
            reason,
            offset: Some(offset),
        }
    }

    /// No one attribute is to blame.
    pub(crate) const fn of(reason: Reason) -> Self {
        Self {
            reason,
            offset: None,
        }
    }

    /// What was wrong.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The positive error number.
    pub const fn errno(&self) -> i32 {
        self.reason.errno()
    }

    /// A line for the user, with the NUL that C wants.
    pub const fn message(&self) -> &'static CStr {
        self.reason.message()
    }

    /// Where the header of the attribute to blame begins (or the bytes that are none), counted
    /// from the first byte after the genl header. Always within the message.
    pub const fn offset(&self) -> Option<usize> {
        self.offset
    }
}
