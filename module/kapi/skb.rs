// SPDX-License-Identifier: GPL-2.0

//! Packets that the driver owns, and chains of them.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h); helpers: `skb.c`.

use super::{netdev::NetDev, socket::Endpoint};
use core::{marker::PhantomData, mem::MaybeUninit, ptr, ptr::NonNull};
use kernel::prelude::*;

pub(crate) use bindings::wg_cb as Note;

/// Where an inner packet goes to (on the way out) or claims to come from (on the way in).
#[derive(Clone, Copy)]
pub(crate) enum InnerAddress {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl InnerAddress {
    fn from_c(inner: &bindings::wg_inner) -> Self {
        match inner.addr {
            [a, b, c, d, ..] if inner.version == 4 => InnerAddress::V4([a, b, c, d]),
            addr => InnerAddress::V6(addr),
        }
    }

    /// The version of IP.
    pub(crate) fn version(&self) -> u8 {
        match self {
            InnerAddress::V4(_) => 4,
            InnerAddress::V6(_) => 6,
        }
    }
}

/// Why an opened packet cannot be delivered.
pub(crate) enum BadPacket {
    Length,
    Type,
}

/// Why a packet ends: what the kernel's drop monitors are told.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Why {
    NotSpecified = bindings::wg_why_WG_WHY_NOT_SPECIFIED,
    Malformed = bindings::wg_why_WG_WHY_MALFORMED,
    QueueFull = bindings::wg_why_WG_WHY_QUEUE_FULL,
    NoMemory = bindings::wg_why_WG_WHY_NO_MEMORY,
    NotReady = bindings::wg_why_WG_WHY_NOT_READY,
    InnerHeader = bindings::wg_why_WG_WHY_INNER_HEADER,
    UnallowedSource = bindings::wg_why_WG_WHY_UNALLOWED_SOURCE,
    NoRoute = bindings::wg_why_WG_WHY_NO_ROUTE,
    /// No drop: the packet did what it was for.
    Consumed = bindings::wg_why_WG_WHY_CONSUMED,
}

/// A packet.
///
/// # Invariants
///
/// The pointer is that of an `sk_buff` which nobody else holds a reference to, and which is in no
/// list.
///
/// # Examples
///
/// ```ignore
/// match skb.destination() {
///     Some(inner) => send(skb, inner),
///     None => skb.free(Why::Malformed), // dropped without a reason if it goes out of scope
/// }
/// ```
#[repr(transparent)]
pub(crate) struct Skb(NonNull<bindings::sk_buff>);

// SAFETY: a packet belongs to whoever holds it, on any CPU.
unsafe impl Send for Skb {}

impl Skb {
    /// # Safety
    ///
    /// `ptr` is a valid packet whose one reference the caller gives away.
    pub(crate) unsafe fn from_raw(ptr: *mut bindings::sk_buff) -> Option<Self> {
        // INVARIANT: by the contract.
        NonNull::new(ptr).map(Skb)
    }

    pub(crate) fn into_raw(self) -> *mut bindings::sk_buff {
        let ptr = self.0.as_ptr();
        core::mem::forget(self);
        ptr
    }

    pub(crate) fn as_ptr(&self) -> *mut bindings::sk_buff {
        self.0.as_ptr()
    }

    /// Length in bytes.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        // SAFETY: by the type's invariant the packet is valid.
        unsafe { (*self.0.as_ptr()).len }
    }

    /// Our note on the packet, in `skb->cb`.
    #[inline]
    pub(crate) fn note(&self) -> &Note {
        // SAFETY: the packet is ours, and so is its `cb`, which is aligned to 8 and larger than the
        // note; any bytes make a note.
        unsafe { &*ptr::addr_of!((*self.0.as_ptr()).cb).cast::<Note>() }
    }

    /// The same, to write.
    #[inline]
    pub(crate) fn note_mut(&mut self) -> &mut Note {
        // SAFETY: as in `note()`.
        unsafe { &mut *ptr::addr_of_mut!((*self.0.as_ptr()).cb).cast::<Note>() }
    }

    /// Where an outgoing packet goes; `None` if it is not what its protocol says.
    pub(crate) fn destination(&self) -> Option<InnerAddress> {
        let mut inner = MaybeUninit::<bindings::wg_inner>::zeroed();
        // SAFETY: the packet is valid, `inner` is writable.
        let known = unsafe { bindings::wg_tx_inner(self.as_ptr(), inner.as_mut_ptr()) };
        // SAFETY: all bytes were zeroed, which is a valid value.
        known.then(|| InnerAddress::from_c(unsafe { &inner.assume_init() }))
    }

    /// Tells the sender that its destination cannot be reached, by ICMP.
    pub(crate) fn send_unreachable(&mut self, version: u8) {
        // SAFETY: the packet is valid, and on its way out of the device as the function expects.
        unsafe { bindings::wg_tx_unreachable(self.as_ptr(), version) };
    }

    /// Cuts a packet that was to be segmented by hardware into packets that fit the tunnel. Those,
    /// and the number of packets that were lost for want of memory.
    pub(crate) fn segment(self, dev: &NetDev) -> (Chain, usize) {
        let mut lost = 0;
        // SAFETY: gives the packet away; `dev` is valid, `lost` is writable.
        let head = unsafe { bindings::wg_tx_segment(self.into_raw(), dev.as_ptr(), &mut lost) };
        // SAFETY: the function gives back a chain of packets that only we hold.
        (unsafe { Chain::from_raw(head) }, lost as usize)
    }

    /// The end of the packet, for a reason.
    pub(crate) fn free(self, why: Why) {
        // SAFETY: by the type's invariant this is the last reference, and it is given away.
        unsafe { bindings::wg_skb_free(self.into_raw(), why as u32) };
    }

    /// An empty packet, which sealed is a keepalive.
    pub(crate) fn keepalive(dev: &NetDev) -> Option<Self> {
        // SAFETY: `dev` is valid; the packet is new.
        unsafe { Skb::from_raw(bindings::wg_keepalive_new(dev.as_ptr())) }
    }

    /// Releases the sender's account of this packet, because it may have to wait for long.
    pub(crate) fn orphan(&mut self) {
        // SAFETY: the packet is valid.
        unsafe { bindings::wg_skb_orphan(self.as_ptr()) };
    }

    /// The first bytes of a received message: the 16 that the receive hook made linear.
    #[inline]
    pub(crate) fn prefix(&self) -> &[u8] {
        // SAFETY: the packet is valid; `len - data_len` bytes from `data` are linear.
        unsafe {
            let skb = &*self.as_ptr();
            let linear = skb.len.saturating_sub(skb.data_len) as usize;
            core::slice::from_raw_parts(skb.data, linear)
        }
    }

    /// All bytes of a received message, made linear.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn bytes(&mut self) -> Result<&[u8]> {
        if self.prefix().len() == self.len() as usize {
            return Ok(self.prefix());
        }
        let (mut data, mut len) = (ptr::null(), 0);
        // SAFETY: the packet is valid and ours alone.
        let ret = unsafe { bindings::wg_skb_bytes(self.as_ptr(), &mut data, &mut len) };
        if ret != 0 || data.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: the function says so, and the packet is borrowed.
        Ok(unsafe { core::slice::from_raw_parts(data, len as usize) })
    }

    /// Where a received datagram came from, and to which of our addresses.
    pub(crate) fn endpoint(&self) -> Endpoint {
        let mut endpoint = Endpoint::new();
        // SAFETY: the packet is valid; its outer headers are still in place.
        unsafe { bindings::wg_skb_endpoint(self.as_ptr(), endpoint.as_mut_ptr()) };
        endpoint
    }

    /// Whether two received datagrams have the same endpoint.
    pub(crate) fn same_outer(&self, other: &Skb) -> bool {
        // SAFETY: both packets are valid; their outer headers are still in place.
        unsafe { bindings::wg_skb_same_outer(self.as_ptr(), other.as_ptr()) }
    }

    /// Makes an opened packet one for the stack, as received by `dev`. Where it claims to come
    /// from.
    ///
    /// # Errors
    ///
    /// What is wrong with the packet inside.
    pub(crate) fn finish_receive(&mut self, dev: &NetDev) -> Result<InnerAddress, BadPacket> {
        let mut inner = MaybeUninit::<bindings::wg_inner>::zeroed();
        // SAFETY: the packet is ours alone, `dev` is valid, `inner` is writable.
        let status =
            unsafe { bindings::wg_rx_finish(self.as_ptr(), dev.as_ptr(), inner.as_mut_ptr()) };
        match status {
            bindings::wg_rx_status_WG_RX_OK => {
                // SAFETY: all bytes were zeroed, which is a valid value.
                let inner = unsafe { inner.assume_init() };
                Ok(InnerAddress::from_c(&inner))
            }
            bindings::wg_rx_status_WG_RX_BAD_LENGTH => Err(BadPacket::Length),
            _ => Err(BadPacket::Type),
        }
    }
}

impl Drop for Skb {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant this is the last reference.
        unsafe { bindings::wg_skb_free(self.as_ptr(), Why::NotSpecified as u32) };
    }
}

/// Packets in order, linked through `skb->next`.
///
/// # Invariants
///
/// `head` starts a chain of `len` packets that the chain owns and that ends in `tail`; both are
/// null when it is empty.
///
/// # Examples
///
/// ```ignore
/// let (mut packets, lost) = skb.segment(&dev.net);
/// packets.for_each(|skb| skb.orphan());
/// while let Some(skb) = packets.pop() {
///     queue.push(skb);
/// }
/// ```
pub(crate) struct Chain {
    head: *mut bindings::sk_buff,
    tail: *mut bindings::sk_buff,
    len: usize,
    _owns: PhantomData<Skb>,
}

// SAFETY: the chain owns its packets.
unsafe impl Send for Chain {}

/// The link of a packet.
///
/// # Safety
///
/// `skb` is a valid packet that the caller owns.
#[inline]
unsafe fn next(skb: *mut bindings::sk_buff) -> *mut *mut bindings::sk_buff {
    // SAFETY: by the contract. `next` is the first member, of the first struct of the first union.
    unsafe { ptr::addr_of_mut!((*skb).__bindgen_anon_1.__bindgen_anon_1.next) }
}

impl Chain {
    /// No packets.
    pub(crate) const fn new() -> Self {
        Chain {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
            len: 0,
            _owns: PhantomData,
        }
    }

    /// # Safety
    ///
    /// `head` is null or starts a chain of packets that the caller gives away.
    unsafe fn from_raw(head: *mut bindings::sk_buff) -> Self {
        let mut chain = Chain::new();
        let mut at = head;
        while !at.is_null() {
            // SAFETY: by the contract.
            let following = unsafe { *next(at) };
            // SAFETY: as above; the packet leaves the old chain here.
            if let Some(skb) = unsafe { Skb::from_raw(at) } {
                chain.push(skb);
            }
            at = following;
        }
        chain
    }

    /// Gives the packets to C, as a chain.
    pub(crate) fn into_raw(mut self) -> *mut bindings::sk_buff {
        let head = self.head;
        self.head = ptr::null_mut();
        head
    }

    /// The end of all of them, for a reason.
    pub(crate) fn free(self, why: Why) {
        // SAFETY: a chain that only we held, and it is given away.
        unsafe { bindings::wg_chain_free(self.into_raw(), why as u32) };
    }

    /// How many there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Adds at the end.
    #[inline]
    pub(crate) fn push(&mut self, skb: Skb) {
        let skb = skb.into_raw();
        // SAFETY: the packet is valid and now ours, and so is the tail.
        unsafe {
            *next(skb) = ptr::null_mut();
            if self.tail.is_null() {
                self.head = skb;
            } else {
                *next(self.tail) = skb;
            }
        }
        self.tail = skb;
        self.len = self.len.wrapping_add(1);
    }

    /// Takes from the front.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Skb> {
        let skb = NonNull::new(self.head)?;
        // SAFETY: by the invariant.
        unsafe {
            self.head = *next(skb.as_ptr());
            *next(skb.as_ptr()) = ptr::null_mut();
        }
        if self.head.is_null() {
            self.tail = ptr::null_mut();
        }
        self.len = self.len.wrapping_sub(1);
        // INVARIANT: the packet left the chain.
        Some(Skb(skb))
    }

    /// Adds all of `other` at the end.
    pub(crate) fn append(&mut self, mut other: Chain) {
        if other.head.is_null() {
            return;
        }
        if self.tail.is_null() {
            self.head = other.head;
        } else {
            // SAFETY: by the invariant.
            unsafe { *next(self.tail) = other.head };
        }
        self.tail = other.tail;
        self.len = self.len.wrapping_add(other.len);
        // INVARIANT: `other` owns nothing any more.
        other.head = ptr::null_mut();
    }

    /// The packets, to change but not to take.
    pub(crate) fn for_each(&mut self, mut f: impl FnMut(&mut Skb)) {
        let mut at = self.head;
        while let Some(packet) = NonNull::new(at) {
            // SAFETY: by the invariant.
            at = unsafe { *next(packet.as_ptr()) };
            // INVARIANT: borrowed from the chain, and never dropped.
            let mut skb = core::mem::ManuallyDrop::new(Skb(packet));
            f(&mut skb);
        }
    }

    /// The first packet.
    pub(crate) fn first(&self) -> Option<&Skb> {
        // SAFETY: `Skb` is a non-null pointer to a packet, and by the invariant so is `head`
        // unless it is null; it is borrowed as long as the chain.
        unsafe { (*ptr::addr_of!(self.head).cast::<Option<Skb>>()).as_ref() }
    }
}

impl Default for Chain {
    fn default() -> Self {
        Chain::new()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}
