// SPDX-License-Identifier: GPL-2.0
//! Writing attributes into a buffer (`nla_put`, `nla_nest_start`, `nla_put_64bit`).
//!
//! One writer for one message; the driver makes it over the room that is left in a socket buffer
//! and tells the buffer afterwards how much was written. Whatever does not fit leaves the writer as
//! it was. What is taken back is zeroed, because there may have been a key in it.
use crate::address::Endpoint;
use crate::attr::{align, F_NESTED, HEADER_LEN};
use crate::uapi::{errno, UNSPEC};

/// Something did not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl Full {
    /// The positive error number.
    pub const fn errno(self) -> i32 {
        errno::EMSGSIZE
    }
}

/// A nest that was begun; [`Writer::end`] or [`Writer::cancel`] takes it.
#[derive(Debug)]
#[must_use = "a nest has no length until it is ended"]
pub struct Nest {
    start: usize,
}

/// Writes attributes one behind the other.
///
/// # Invariants
///
/// `len` is at most `buf.len()`, which is at most [`Writer::MAX_LEN`], and a multiple of four.
pub struct Writer<'b> {
    buf: &'b mut [u8],
    len: usize,
    pad_u64: bool,
}

impl<'b> Writer<'b> {
    /// No more of a buffer is used, so that the length of every nest fits in its header.
    pub const MAX_LEN: usize = u16::MAX as usize & !3;

    /// A writer over `buf`, which begins where an attribute may begin.
    ///
    /// `pad_u64` is for machines that read unaligned memory slowly (the kernel was built without
    /// `CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS`): there a 64-bit integer is put at an address that
    /// is a multiple of eight.
    pub fn new(buf: &'b mut [u8], pad_u64: bool) -> Self {
        let room = buf.len().min(Self::MAX_LEN);
        Self {
            buf: buf.get_mut(..room).unwrap_or_default(),
            len: 0,
            pad_u64,
        }
    }

    /// How many bytes have been written, a multiple of four.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Has nothing been written?
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an attribute.
    #[inline]
    pub fn put(&mut self, kind: u16, payload: &[u8]) -> Result<(), Full> {
        self.reserve(kind, payload.len())?.copy_from_slice(payload);
        Ok(())
    }

    /// Puts an attribute of `N` bytes, zero as `fill` gets them.
    #[inline]
    pub fn put_with<const N: usize>(
        &mut self,
        kind: u16,
        fill: impl FnOnce(&mut [u8; N]),
    ) -> Result<(), Full> {
        let payload = self.reserve(kind, N)?;
        payload.fill(0);
        fill(payload.try_into().map_err(|_| Full)?);
        Ok(())
    }

    /// Puts an integer of one byte.
    #[inline]
    pub fn put_u8(&mut self, kind: u16, value: u8) -> Result<(), Full> {
        self.put(kind, &value.to_ne_bytes())
    }

    /// Puts an integer of two bytes.
    #[inline]
    pub fn put_u16(&mut self, kind: u16, value: u16) -> Result<(), Full> {
        self.put(kind, &value.to_ne_bytes())
    }

    /// Puts an integer of four bytes.
    #[inline]
    pub fn put_u32(&mut self, kind: u16, value: u32) -> Result<(), Full> {
        self.put(kind, &value.to_ne_bytes())
    }

    /// Puts an integer of eight bytes, on a machine that wants it so behind an empty attribute that
    /// brings it to an aligned address. There it takes the room of both even if it needs only one.
    #[inline]
    pub fn put_u64(&mut self, kind: u16, value: u64) -> Result<(), Full> {
        self.align_u64()?;
        self.put(kind, &value.to_ne_bytes())
    }

    /// Makes sure of the room for the number, too, so that what is put here is never left alone.
    #[inline]
    fn align_u64(&mut self) -> Result<(), Full> {
        if !self.pad_u64 {
            return Ok(());
        }
        let room = self.buf.len().saturating_sub(self.len);
        if room < HEADER_LEN + HEADER_LEN + size_of::<u64>() {
            return Err(Full);
        }
        let address = self.buf.as_ptr().addr().wrapping_add(self.len);
        if address % size_of::<u64>() == 0 {
            self.put(UNSPEC, &[])?;
        }
        Ok(())
    }

    /// Puts a string and its NUL; `string` ends at its first NUL or with its last byte.
    pub fn put_string(&mut self, kind: u16, string: &[u8]) -> Result<(), Full> {
        let characters = string.iter().position(|byte| *byte == 0);
        let string = characters
            .and_then(|end| string.get(..end))
            .unwrap_or(string);
        let payload = self.reserve(kind, string.len().saturating_add(1))?;
        let (nul, characters) = payload.split_last_mut().ok_or(Full)?;
        characters.copy_from_slice(string);
        *nul = 0;
        Ok(())
    }

    /// Puts a socket address.
    pub fn put_endpoint(&mut self, kind: u16, endpoint: &Endpoint) -> Result<(), Full> {
        let payload = self.reserve(kind, endpoint.sockaddr_len())?;
        endpoint.write_sockaddr(payload);
        Ok(())
    }

    /// Begins a nest.
    #[inline]
    pub fn nest(&mut self, kind: u16) -> Result<Nest, Full> {
        let start = self.len;
        self.put(kind | F_NESTED, &[])?;
        Ok(Nest { start })
    }

    /// Ends a nest: what was put since it was begun is in it.
    pub fn end(&mut self, nest: Nest) {
        let length = self.len.saturating_sub(nest.start);
        // By the invariant it always fits.
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        let header = self.buf.get_mut(nest.start..);
        if let Some(slot) = header.and_then(|header| header.first_chunk_mut()) {
            *slot = length.to_ne_bytes();
        }
    }

    /// Takes a nest back with all that was put since it was begun.
    pub fn cancel(&mut self, nest: Nest) {
        self.truncate(nest.start);
    }

    /// Takes back all that was put since [`len`](Self::len) was `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        if let Some(taken_back) = self.buf.get_mut(len..self.len) {
            taken_back.fill(0);
            self.len = len;
        }
    }

    /// A header, and room for a payload before its padding of zeros. The caller writes all of it.
    // Inlined: the size is known wherever this is called often, and most of it comes to nothing.
    #[inline]
    fn reserve(&mut self, kind: u16, size: usize) -> Result<&mut [u8], Full> {
        let length = size.saturating_add(HEADER_LEN);
        let end = self.len.saturating_add(align(length));
        let attr = self.buf.get_mut(self.len..end).ok_or(Full)?;
        let (header, rest) = attr.split_first_chunk_mut::<HEADER_LEN>().ok_or(Full)?;
        let (payload, padding) = rest.split_at_mut_checked(size).ok_or(Full)?;
        let [l0, l1] = u16::try_from(length).map_err(|_| Full)?.to_ne_bytes();
        let [t0, t1] = kind.to_ne_bytes();
        *header = [l0, l1, t0, t1];
        padding.fill(0);
        // INVARIANT: `end` is a multiple of four in the buffer.
        self.len = end;
        Ok(payload)
    }
}
