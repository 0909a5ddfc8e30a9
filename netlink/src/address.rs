// SPDX-License-Identifier: GPL-2.0
//! Addresses as they stand in messages: of a prefix, and of a peer's endpoint
//! (`struct sockaddr_in`, `struct sockaddr_in6`).
//!
//! Plain values. In the structures of C the family and the scope are in the machine's byte order
//! and port and flow information in the network's; here all of them are numbers.
use crate::uapi::{AF_INET, AF_INET6, SOCKADDR_IN6_LEN, SOCKADDR_IN_LEN};

/// An address without a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Address {
    /// IPv4, in network order.
    V4([u8; 4]),
    /// IPv6, in network order.
    V6([u8; 16]),
}

impl Address {
    /// The address family.
    pub const fn family(&self) -> u16 {
        match self {
            Self::V4(_) => AF_INET,
            Self::V6(_) => AF_INET6,
        }
    }

    /// The bytes in network order.
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }

    /// The longest mask.
    pub const fn bits(&self) -> u8 {
        match self {
            Self::V4(_) => 32,
            Self::V6(_) => 128,
        }
    }
}

/// Where a peer is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// Over IPv4.
    V4 {
        /// The address in network order.
        addr: [u8; 4],
        /// The UDP port.
        port: u16,
    },
    /// Over IPv6.
    V6 {
        /// The address in network order.
        addr: [u8; 16],
        /// The UDP port.
        port: u16,
        /// Traffic class and flow label.
        flowinfo: u32,
        /// Interface of a link-local address, or 0.
        scope: u32,
    },
}

impl Endpoint {
    /// Reads a socket address. `None` unless length and family belong together, which a SET
    /// ignores without a word.
    pub fn from_sockaddr(bytes: &[u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first_chunk::<2>()?;
        let (port, rest) = rest.split_first_chunk::<2>()?;
        let port = u16::from_be_bytes(*port);
        match (u16::from_ne_bytes(*family), bytes.len()) {
            (AF_INET, SOCKADDR_IN_LEN) => Some(Self::V4 {
                addr: *rest.first_chunk()?,
                port,
            }),
            (AF_INET6, SOCKADDR_IN6_LEN) => {
                let (flowinfo, rest) = rest.split_first_chunk::<4>()?;
                let (addr, rest) = rest.split_first_chunk::<16>()?;
                Some(Self::V6 {
                    addr: *addr,
                    port,
                    flowinfo: u32::from_be_bytes(*flowinfo),
                    scope: u32::from_ne_bytes(*rest.first_chunk()?),
                })
            }
            _ => None,
        }
    }

    /// How long the socket address is.
    pub const fn sockaddr_len(&self) -> usize {
        match self {
            Self::V4 { .. } => SOCKADDR_IN_LEN,
            Self::V6 { .. } => SOCKADDR_IN6_LEN,
        }
    }

    /// Writes the socket address over the beginning of `out`, which is
    /// [`sockaddr_len`](Self::sockaddr_len) bytes long.
    #[inline]
    pub fn write_sockaddr(&self, out: &mut [u8]) {
        match self {
            Self::V4 { addr, port } => {
                let words = [AF_INET.to_ne_bytes(), port.to_be_bytes()];
                copy(out, [words.as_flattened(), addr, &[0; 8]]);
            }
            Self::V6 {
                addr,
                port,
                flowinfo,
                scope,
            } => {
                let words = [AF_INET6.to_ne_bytes(), port.to_be_bytes()];
                let (flowinfo, scope) = (flowinfo.to_be_bytes(), scope.to_ne_bytes());
                copy(out, [words.as_flattened(), &flowinfo, addr, &scope]);
            }
        }
    }
}

/// Puts the parts one behind the other, as far as there is room.
#[inline]
fn copy<const N: usize>(mut out: &mut [u8], parts: [&[u8]; N]) {
    for part in parts {
        let Some((room, rest)) = out.split_at_mut_checked(part.len()) else {
            return;
        };
        room.copy_from_slice(part);
        out = rest;
    }
}
