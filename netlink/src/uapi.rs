// SPDX-License-Identifier: GPL-2.0
//! The numbers of the interface (`include/uapi/linux/wireguard.h`), fixed for ever.
//!
//! Three attribute spaces, one for each level of nesting: the device, a peer in it, an allowed IP
//! of that peer. Number 0 of each space means "unspecified": it is the type of array elements, of
//! padding in a dump, and an error anywhere else in a request.
use core::ffi::CStr;

/// Name of the generic netlink family.
pub const GENL_NAME: &CStr = c"wireguard";
/// Version of the family, the third byte of a request's genl header.
pub const GENL_VERSION: u8 = 1;
/// Command that dumps a device; refused without `NLM_F_DUMP`.
pub const CMD_GET_DEVICE: u8 = 0;
/// Command that changes a device; refused with `NLM_F_DUMP`.
pub const CMD_SET_DEVICE: u8 = 1;

/// Bytes of a private, public or preshared key.
pub const KEY_LEN: usize = 32;
/// Bytes of an interface name with its NUL (`IFNAMSIZ`).
pub const IFNAMSIZ: usize = 16;
/// Bytes of a `struct __kernel_timespec`.
pub const TIMESPEC_LEN: usize = 16;
/// Bytes of a `struct sockaddr_in`, the smallest endpoint.
pub const SOCKADDR_IN_LEN: usize = 16;
/// Bytes of a `struct sockaddr_in6`.
pub const SOCKADDR_IN6_LEN: usize = 28;
/// The only value of [`peer::PROTOCOL_VERSION`].
pub const PROTOCOL_VERSION: u32 = 1;

/// Address family of IPv4.
pub const AF_INET: u16 = 2;
/// Address family of IPv6.
pub const AF_INET6: u16 = 10;

/// Type of array elements and of padding.
pub const UNSPEC: u16 = 0;

/// `enum wgdevice_attribute`: the outermost level.
pub mod device {
    /// `u32`: the device by index.
    pub const IFINDEX: u16 = 1;
    /// NUL-terminated string of at most 15 characters: the device by name.
    pub const IFNAME: u16 = 2;
    /// 32 bytes; all zero removes the identity. Dumped only where there is an identity.
    pub const PRIVATE_KEY: u16 = 3;
    /// 32 bytes; dumped, and ignored in a SET.
    pub const PUBLIC_KEY: u16 = 4;
    /// `u32` of [`device_flag`](super::device_flag).
    pub const FLAGS: u16 = 5;
    /// `u16`; 0 lets the kernel choose.
    pub const LISTEN_PORT: u16 = 6;
    /// `u32`; 0 is off.
    pub const FWMARK: u16 = 7;
    /// Array of peers; the types of the elements mean nothing.
    pub const PEERS: u16 = 8;
    /// The last one.
    pub const MAX: u16 = PEERS;
}

/// `enum wgpeer_attribute`: in one element of [`device::PEERS`].
pub mod peer {
    /// 32 bytes; every peer in a SET has one.
    pub const PUBLIC_KEY: u16 = 1;
    /// 32 bytes; all zero is none. Always dumped.
    pub const PRESHARED_KEY: u16 = 2;
    /// `u32` of [`peer_flag`](super::peer_flag).
    pub const FLAGS: u16 = 3;
    /// A `struct sockaddr_in` or `struct sockaddr_in6`.
    pub const ENDPOINT: u16 = 4;
    /// `u16` seconds; 0 is off.
    pub const PERSISTENT_KEEPALIVE_INTERVAL: u16 = 5;
    /// A `struct __kernel_timespec` of wall-clock time; dump only.
    pub const LAST_HANDSHAKE_TIME: u16 = 6;
    /// `u64`; dump only.
    pub const RX_BYTES: u16 = 7;
    /// `u64`; dump only.
    pub const TX_BYTES: u16 = 8;
    /// Array of allowed IPs; the types of the elements mean nothing.
    pub const ALLOWEDIPS: u16 = 9;
    /// `u32`, which must be [`PROTOCOL_VERSION`](super::PROTOCOL_VERSION).
    pub const PROTOCOL_VERSION: u16 = 10;
    /// The last one.
    pub const MAX: u16 = PROTOCOL_VERSION;
}

/// `enum wgallowedip_attribute`: in one element of [`peer::ALLOWEDIPS`].
pub mod allowed_ip {
    /// `u16`: [`AF_INET`](super::AF_INET) or [`AF_INET6`](super::AF_INET6).
    pub const FAMILY: u16 = 1;
    /// 4 or 16 bytes, as the family has it.
    pub const IPADDR: u16 = 2;
    /// `u8`: at most 32 or 128.
    pub const CIDR_MASK: u16 = 3;
    /// `u32` of [`allowed_ip_flag`](super::allowed_ip_flag); Linux 6.16 added it.
    pub const FLAGS: u16 = 4;
    /// The last one.
    pub const MAX: u16 = FLAGS;
}

/// `enum wgdevice_flag`.
pub mod device_flag {
    /// Remove all peers before those in the message are applied.
    pub const REPLACE_PEERS: u32 = 1 << 0;
    /// All that are defined.
    pub const ALL: u32 = REPLACE_PEERS;
}

/// `enum wgpeer_flag`.
pub mod peer_flag {
    /// Remove this peer.
    pub const REMOVE_ME: u32 = 1 << 0;
    /// Remove all allowed IPs of the peer before those in the message are added.
    pub const REPLACE_ALLOWED_IPS: u32 = 1 << 1;
    /// Change the peer if it exists; do not create it.
    pub const UPDATE_ONLY: u32 = 1 << 2;
    /// All that are defined.
    pub const ALL: u32 = REMOVE_ME | REPLACE_ALLOWED_IPS | UPDATE_ONLY;
}

/// `enum wgallowedip_flag`.
pub mod allowed_ip_flag {
    /// Remove this prefix, if this peer owns it.
    pub const REMOVE_ME: u32 = 1 << 0;
    /// All that are defined.
    pub const ALL: u32 = REMOVE_ME;
}

/// Positive error numbers, the same on x86, arm and every architecture with the generic table.
pub mod errno {
    /// Invalid argument.
    pub const EINVAL: i32 = 22;
    /// A size out of range.
    pub const ERANGE: i32 = 34;
    /// Not exactly one selector of the device.
    pub const EBADR: i32 = 53;
    /// The message is too small for what has to go in.
    pub const EMSGSIZE: i32 = 90;
    /// A flag that is not defined, as kernels up to 6.15 report it.
    pub const EOPNOTSUPP: i32 = 95;
    /// A protocol version that is not spoken.
    pub const EPFNOSUPPORT: i32 = 96;
}
