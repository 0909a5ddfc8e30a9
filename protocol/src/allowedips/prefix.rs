// SPDX-License-Identifier: GPL-2.0
//! A prefix as users write it: address and length. A value; whoever needs one makes one.

use super::bits::Bits;

/// An IPv4 or IPv6 prefix. The constructors see to it that the length fits and that the bits after
/// it are zero; a value made by hand is brought into that form where it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prefix {
    /// At most 32 bits.
    V4 {
        /// The address, in network order.
        addr: [u8; 4],
        /// The length.
        cidr: u8,
    },
    /// At most 128 bits.
    V6 {
        /// The address, in network order.
        addr: [u8; 16],
        /// The length.
        cidr: u8,
    },
}

impl Prefix {
    /// The prefix of an IPv4 address; `None` if longer than the address.
    pub fn v4(addr: [u8; 4], cidr: u8) -> Option<Self> {
        (cidr <= u32::WIDTH).then(|| Self::V4 {
            addr: u32::from_be_bytes(addr).masked(cidr).to_be_bytes(),
            cidr,
        })
    }

    /// The prefix of an IPv6 address; `None` if longer than the address.
    pub fn v6(addr: [u8; 16], cidr: u8) -> Option<Self> {
        (cidr <= u128::WIDTH).then(|| Self::V6 {
            addr: u128::from_be_bytes(addr).masked(cidr).to_be_bytes(),
            cidr,
        })
    }
}
