// SPDX-License-Identifier: GPL-2.0

//! The UDP sockets of an interface, the endpoints of its peers, and the routes to them.
//!
//! Helpers: `socket.c`.

use super::{skb::Chain, skb::Skb};
use core::{cell::UnsafeCell, mem::MaybeUninit, ptr::NonNull};
use kernel::{error::to_result, prelude::*};
use wg_netlink::address::Endpoint as Address;

const AF_INET: u16 = wg_netlink::uapi::AF_INET;
const AF_INET6: u16 = wg_netlink::uapi::AF_INET6;

/// Where a peer is reached, and from which of our addresses.
///
/// # Examples
///
/// ```ignore
/// let endpoint = skb.endpoint();
/// if endpoint.is_known() && endpoint != peer.endpoint() {
///     peer.set_endpoint(endpoint); // it roamed
/// }
/// ```
#[derive(Clone, Copy)]
pub(crate) struct Endpoint(bindings::wg_endpoint);

// SAFETY: plain bytes.
unsafe impl Send for Endpoint {}

impl Endpoint {
    /// Not known.
    pub(crate) fn new() -> Self {
        // SAFETY: all zeroes is a valid value of each member.
        Endpoint(unsafe { MaybeUninit::zeroed().assume_init() })
    }

    /// An address as configured; the source is free to choose.
    pub(crate) fn from_address(address: Address) -> Self {
        let mut out = Self::new();
        match address {
            Address::V4 { addr, port } => {
                let mut sin = bindings::sockaddr_in {
                    sin_family: AF_INET,
                    sin_port: port.to_be(),
                    ..Default::default()
                };
                sin.sin_addr.s_addr = u32::from_ne_bytes(addr);
                out.0.__bindgen_anon_1.addr4 = sin;
            }
            Address::V6 {
                addr,
                port,
                flowinfo,
                scope,
            } => {
                let mut sin6 = bindings::sockaddr_in6 {
                    sin6_family: AF_INET6,
                    sin6_port: port.to_be(),
                    sin6_flowinfo: flowinfo.to_be(),
                    sin6_scope_id: scope,
                    ..Default::default()
                };
                sin6.sin6_addr.in6_u.u6_addr8 = addr;
                out.0.__bindgen_anon_1.addr6 = sin6;
            }
        }
        out
    }

    fn family(&self) -> u16 {
        // SAFETY: every member of the union begins with the family, and any bytes are valid.
        unsafe { self.0.__bindgen_anon_1.addr4.sin_family }
    }

    /// Whether there is an address.
    pub(crate) fn is_known(&self) -> bool {
        matches!(self.family(), AF_INET | AF_INET6)
    }

    /// The address, for a dump.
    pub(crate) fn address(&self) -> Option<Address> {
        match self.family() {
            AF_INET => {
                // SAFETY: any bytes are valid.
                let sin = unsafe { &self.0.__bindgen_anon_1.addr4 };
                Some(Address::V4 {
                    addr: sin.sin_addr.s_addr.to_ne_bytes(),
                    port: u16::from_be(sin.sin_port),
                })
            }
            AF_INET6 => {
                // SAFETY: any bytes are valid.
                let (sin6, addr) = unsafe {
                    let sin6 = &self.0.__bindgen_anon_1.addr6;
                    (sin6, sin6.sin6_addr.in6_u.u6_addr8)
                };
                Some(Address::V6 {
                    addr,
                    port: u16::from_be(sin6.sin6_port),
                    flowinfo: u32::from_be(sin6.sin6_flowinfo),
                    scope: sin6.sin6_scope_id,
                })
            }
            _ => None,
        }
    }

    /// Address and port in network order, as cookies and the rate limiter see a sender: the length
    /// of the address, and the bytes.
    pub(crate) fn source_bytes(&self) -> (usize, [u8; 18]) {
        let mut out = [0; 18];
        let (len, port) = match self.address() {
            Some(Address::V4 { addr, port }) => {
                for (to, from) in out.iter_mut().zip(addr) {
                    *to = from;
                }
                (4, port)
            }
            Some(Address::V6 { addr, port, .. }) => {
                for (to, from) in out.iter_mut().zip(addr) {
                    *to = from;
                }
                (16, port)
            }
            None => (0, 0),
        };
        for (to, from) in out.iter_mut().skip(len).zip(port.to_be_bytes()) {
            *to = from;
        }
        (len, out)
    }

    /// The local side of a received datagram or a route: compared to see whether anything moved.
    fn same(&self, other: &Endpoint) -> bool {
        // SAFETY: any bytes are valid.
        let sources = unsafe {
            (
                self.0.__bindgen_anon_2.src6.in6_u.u6_addr8,
                other.0.__bindgen_anon_2.src6.in6_u.u6_addr8,
            )
        };
        self.address() == other.address() && sources.0 == sources.1
    }

    /// Frees the choice of the source. Whether there had been one.
    pub(crate) fn clear_source(&mut self) {
        self.0.__bindgen_anon_2.src6.in6_u.u6_addr8 = [0; 16];
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut bindings::wg_endpoint {
        &mut self.0
    }

    pub(crate) fn as_ptr(&self) -> *const bindings::wg_endpoint {
        &self.0
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

/// The routes a peer was last reached by, one for each CPU.
///
/// # Invariants
///
/// Initialised by `wg_dst_cache_init()`; does not move once shared, though it could.
///
/// # Examples
///
/// ```ignore
/// let routes = RouteCache::new()?;
/// sockets.send(&endpoint, &routes, packets); // looked up
/// sockets.send(&endpoint, &routes, more); // remembered
/// routes.reset(); // the endpoint is another: look up anew
/// ```
pub(crate) struct RouteCache(UnsafeCell<bindings::dst_cache>);

// SAFETY: the cache is per-CPU inside and made to be used from everywhere.
unsafe impl Send for RouteCache {}
// SAFETY: as above.
unsafe impl Sync for RouteCache {}

impl RouteCache {
    /// An empty cache.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let mut cache = MaybeUninit::<bindings::dst_cache>::zeroed();
        // SAFETY: `cache` is writable.
        to_result(unsafe { bindings::wg_dst_cache_init(cache.as_mut_ptr()) })?;
        // INVARIANT: initialised just above.
        // SAFETY: as above.
        Ok(RouteCache(UnsafeCell::new(unsafe { cache.assume_init() })))
    }

    /// What is in it is not used again.
    pub(crate) fn reset(&self) {
        // SAFETY: initialised by the type's invariant.
        unsafe { bindings::wg_dst_cache_reset(self.0.get()) };
    }

    /// What is in it is released at once, so that no device or namespace waits for it. Only when
    /// the sockets are closed: nobody may be sending.
    pub(crate) fn reset_now(&self) {
        // SAFETY: initialised by the type's invariant.
        unsafe { bindings::wg_dst_cache_reset_now(self.0.get()) };
    }
}

impl Drop for RouteCache {
    fn drop(&mut self) {
        // SAFETY: initialised by the type's invariant, and nobody uses it any more.
        unsafe { bindings::wg_dst_cache_destroy(self.0.get()) };
    }
}

/// What became of a run of packets.
pub(crate) struct Sent {
    /// Bytes of the messages that went out.
    pub(crate) bytes: u64,
    /// Packets that did not.
    pub(crate) failed: usize,
    /// The endpoint's source address was not ours any more: forget it.
    pub(crate) source_stale: bool,
}

/// The sockets of one interface: the C side of the device.
///
/// # Invariants
///
/// The pointer is that of the `wg_priv` in the private area of a valid net_device (see `NetDev`).
///
/// # Examples
///
/// ```ignore
/// sockets.set_fwmark(0x5167);
/// sockets.open(51820)?;
/// let sent = sockets.send(&endpoint, &peer.routes, packets);
/// assert_eq!(sent.failed, 0);
/// sockets.close();
/// ```
pub(crate) struct Sockets(NonNull<bindings::wg_priv>);

// SAFETY: the C side does its own locking.
unsafe impl Send for Sockets {}
// SAFETY: as above.
unsafe impl Sync for Sockets {}

impl Sockets {
    /// # Safety
    ///
    /// See the type's invariant.
    pub(crate) unsafe fn from_raw(ptr: NonNull<bindings::wg_priv>) -> Self {
        // INVARIANT: by the contract.
        Sockets(ptr)
    }

    /// Opens both sockets at the port; 0 has the kernel choose. Those open until now are closed
    /// when the new ones are in their place. Sleeps.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE`, or `ENONET` when the namespace of the sockets is gone.
    pub(crate) fn open(&self, port: u16) -> Result {
        // SAFETY: valid by the type's invariant.
        to_result(unsafe { bindings::wg_sockets_open(self.0.as_ptr(), port) })
    }

    /// Closes them; the port is remembered. Sleeps.
    pub(crate) fn close(&self) {
        // SAFETY: valid by the type's invariant.
        unsafe { bindings::wg_sockets_close(self.0.as_ptr()) };
    }

    /// The port, as set or as chosen.
    pub(crate) fn port(&self) -> u16 {
        // SAFETY: valid by the type's invariant; the number is written whole.
        unsafe { core::ptr::addr_of!((*self.0.as_ptr()).port).read_volatile() }
    }

    /// Notes the port for the next opening.
    pub(crate) fn set_port(&self, port: u16) {
        // SAFETY: as in `port()`.
        unsafe { core::ptr::addr_of_mut!((*self.0.as_ptr()).port).write_volatile(port) };
    }

    /// The mark of outgoing packets.
    pub(crate) fn fwmark(&self) -> u32 {
        // SAFETY: valid by the type's invariant; the number is written whole.
        unsafe { core::ptr::addr_of!((*self.0.as_ptr()).fwmark).read_volatile() }
    }

    /// Sets it.
    pub(crate) fn set_fwmark(&self, mark: u32) {
        // SAFETY: as in `fwmark()`.
        unsafe { core::ptr::addr_of_mut!((*self.0.as_ptr()).fwmark).write_volatile(mark) };
    }

    /// Whether the caller of a system call may change port and mark.
    pub(crate) fn may_change(&self) -> bool {
        // SAFETY: valid by the type's invariant.
        unsafe { bindings::wg_may_change_sockets(self.0.as_ptr()) }
    }

    /// Sends sealed packets to one endpoint; the route is looked up once.
    pub(crate) fn send(&self, to: &Endpoint, cache: &RouteCache, packets: Chain) -> Sent {
        let mut endpoint = *to;
        let mut sent = Sent {
            bytes: 0,
            failed: 0,
            source_stale: false,
        };
        // SAFETY: all pointers are valid; the packets are given away.
        sent.failed = unsafe {
            bindings::wg_send_run(
                self.0.as_ptr(),
                endpoint.as_mut_ptr(),
                cache.0.get(),
                packets.into_raw(),
                &mut sent.source_stale,
                &mut sent.bytes,
            )
        } as usize;
        sent
    }

    /// Sends one handshake message.
    pub(crate) fn send_message(
        &self,
        to: &Endpoint,
        cache: &RouteCache,
        message: &[u8],
        tos: u8,
    ) -> Sent {
        let mut endpoint = *to;
        let mut source_stale = false;
        // SAFETY: all pointers are valid; the message is copied.
        let ret = unsafe {
            bindings::wg_send_buffer(
                self.0.as_ptr(),
                endpoint.as_mut_ptr(),
                cache.0.get(),
                message.as_ptr(),
                message.len() as u32,
                tos,
                &mut source_stale,
            )
        };
        Sent {
            bytes: if ret == 0 { message.len() as u64 } else { 0 },
            failed: usize::from(ret != 0),
            source_stale,
        }
    }

    /// Answers a received datagram, whoever sent it. Whether that was possible.
    pub(crate) fn reply(&self, to: &Skb, message: &[u8]) -> bool {
        // SAFETY: all pointers are valid; the message is copied.
        let ret = unsafe {
            bindings::wg_send_reply(
                self.0.as_ptr(),
                to.as_ptr(),
                message.as_ptr(),
                message.len() as u32,
            )
        };
        ret == 0
    }
}
