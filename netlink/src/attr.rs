// SPDX-License-Identifier: GPL-2.0
//! One netlink attribute, and the walk over a run of them (`struct nlattr`, `nla_for_each_attr`).
//!
//! An attribute is a `u16` length (header included) and a `u16` type, both in the machine's byte
//! order, then its payload; the next one begins at the next multiple of four. The two top bits of
//! the type are flags. The walk is total: it ends at the first header that is cut off or whose
//! length is shorter than a header or longer than what is left, and [`Attrs::leftover`] tells that
//! end from the proper one.
//!
//! Both types are views that borrow from the message; any number may exist.

/// Bytes of an attribute's header (`NLA_HDRLEN`).
pub const HEADER_LEN: usize = 4;
/// Flag in the type: the payload is attributes again.
pub const F_NESTED: u16 = 1 << 15;
/// Flag in the type: the payload is in network byte order. No attribute of WireGuard uses it, and
/// like the kernel we do not look at it.
pub const F_NET_BYTEORDER: u16 = 1 << 14;
/// The bits of the type that are not flags.
pub const TYPE_MASK: u16 = !(F_NESTED | F_NET_BYTEORDER);

/// `length` rounded up to the alignment of attributes (`NLA_ALIGN`).
pub const fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// One attribute of a message.
#[derive(Clone, Copy)]
pub struct Attr<'a> {
    raw_type: u16,
    offset: usize,
    payload: &'a [u8],
}

impl<'a> Attr<'a> {
    /// The type without its flags.
    pub const fn kind(&self) -> u16 {
        self.raw_type & TYPE_MASK
    }

    /// Does the type carry the flag of a nest?
    pub const fn is_nested(&self) -> bool {
        self.raw_type & F_NESTED != 0
    }

    /// Where the header begins, counted from the first byte of the outermost run.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What follows the header.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The attributes inside a nest.
    pub const fn attrs(&self) -> Attrs<'a> {
        Attrs {
            rest: self.payload,
            offset: self.offset.saturating_add(HEADER_LEN),
        }
    }

    /// The payload, if it has exactly `N` bytes.
    pub fn bytes<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.payload.try_into().ok()
    }

    /// The payload as an integer of one byte.
    pub fn u8(&self) -> Option<u8> {
        self.bytes().map(|bytes| u8::from_ne_bytes(*bytes))
    }

    /// The payload as an integer of two bytes.
    pub fn u16(&self) -> Option<u16> {
        self.bytes().map(|bytes| u16::from_ne_bytes(*bytes))
    }

    /// The payload as an integer of four bytes.
    pub fn u32(&self) -> Option<u32> {
        self.bytes().map(|bytes| u32::from_ne_bytes(*bytes))
    }
}

/// The walk over a run of attributes.
#[derive(Clone)]
pub struct Attrs<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Attrs<'a> {
    /// A walk over the outermost run of a message: what follows its genl header.
    pub const fn new(attrs: &'a [u8]) -> Self {
        Self {
            rest: attrs,
            offset: 0,
        }
    }

    /// Where bytes are left that are no attribute, once the walk has ended. Always `None` for a
    /// run that ends with an attribute, padded or not.
    pub const fn leftover(&self) -> Option<usize> {
        if self.rest.is_empty() {
            None
        } else {
            Some(self.offset)
        }
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Attr<'a>;

    fn next(&mut self) -> Option<Attr<'a>> {
        let [l0, l1, t0, t1] = *self.rest.first_chunk::<HEADER_LEN>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let attr = Attr {
            raw_type: u16::from_ne_bytes([t0, t1]),
            offset: self.offset,
            payload: self.rest.get(HEADER_LEN..length)?,
        };
        let step = align(length);
        // The padding after the last attribute may be missing.
        self.rest = self.rest.get(step..).unwrap_or_default();
        self.offset = self.offset.saturating_add(step);
        Some(attr)
    }
}

impl core::iter::FusedIterator for Attrs<'_> {}
