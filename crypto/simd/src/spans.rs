// SPDX-License-Identifier: GPL-2.0
//! A position in a list of spans; each message has one in what it reads and one in what it writes.
use core::ptr;

use crate::abi::Span;

/// A position in a list of spans.
///
/// # Invariants
///
/// `at` and the `len` bytes from there, and the spans at `next`, are those of a task whose caller
/// promised that they are valid.
#[derive(Clone, Copy)]
pub(crate) struct Cursor {
    at: *mut u8,
    len: usize,
    next: *const Span,
    spans: usize,
}

impl Cursor {
    /// Nowhere.
    pub(crate) const EMPTY: Self = Self {
        at: ptr::null_mut(),
        len: 0,
        next: ptr::null(),
        spans: 0,
    };

    /// The beginning of a list.
    ///
    /// # Safety
    ///
    /// There are `spans` spans at `next`, all valid while the cursor lives.
    pub(crate) unsafe fn new(next: *const Span, spans: usize) -> Self {
        Self {
            at: ptr::null_mut(),
            len: 0,
            next,
            spans,
        }
    }

    /// How many bytes come next in one span.
    #[inline(always)]
    pub(crate) fn in_one_span(&mut self) -> usize {
        if self.len == 0 {
            self.advance();
        }
        self.len
    }

    /// Goes beyond the next bytes; returns where they begin.
    ///
    /// # Safety
    ///
    /// That many come next in one span.
    #[inline(always)]
    pub(crate) unsafe fn skip(&mut self, len: usize) -> *mut u8 {
        let at = self.at;
        // SAFETY: the caller's.
        self.at = unsafe { at.add(len) };
        self.len = self.len.wrapping_sub(len);
        at
    }

    /// Copies the next bytes to `to`.
    ///
    /// # Safety
    ///
    /// `to` is valid for writing `len` bytes.
    pub(crate) unsafe fn read(&mut self, mut to: *mut u8, mut len: usize) {
        while len > 0 {
            let run = self.run(len);
            if run == 0 {
                return;
            }
            // SAFETY: `run` bytes are valid from `at` on by the invariant, and at `to` because the
            // caller says so and `run <= len`. Stack memory of ours does not overlap a task's.
            unsafe {
                ptr::copy_nonoverlapping(self.at, to, run);
                to = to.add(run);
                self.at = self.at.add(run);
            }
            self.len = self.len.wrapping_sub(run);
            len = len.wrapping_sub(run);
        }
    }

    /// Copies bytes from `from` to here.
    ///
    /// # Safety
    ///
    /// `from` is valid for reading `len` bytes.
    pub(crate) unsafe fn write(&mut self, mut from: *const u8, mut len: usize) {
        while len > 0 {
            let run = self.run(len);
            if run == 0 {
                return;
            }
            // SAFETY: as in `read`, the other way round.
            unsafe {
                ptr::copy_nonoverlapping(from, self.at, run);
                from = from.add(run);
                self.at = self.at.add(run);
            }
            self.len = self.len.wrapping_sub(run);
            len = len.wrapping_sub(run);
        }
    }

    /// Reads a tag; it mostly lies in one span.
    ///
    /// # Safety
    ///
    /// 16 bytes come next.
    #[inline(always)]
    pub(crate) unsafe fn read_tag(&mut self) -> u128 {
        let mut tag = [0; 16];
        // SAFETY: by the invariant; else as `read` says.
        unsafe {
            if self.len >= 16 {
                return u128::from_le(self.at.cast::<u128>().read_unaligned());
            }
            self.read(tag.as_mut_ptr(), 16);
        }
        u128::from_le_bytes(tag)
    }

    /// Writes a tag.
    ///
    /// # Safety
    ///
    /// There is room for 16 bytes.
    #[inline(always)]
    pub(crate) unsafe fn write_tag(&mut self, tag: u128) {
        // SAFETY: by the invariant; else as `write` says.
        unsafe {
            if self.len >= 16 {
                self.at.cast::<u128>().write_unaligned(tag.to_le());
            } else {
                self.write(tag.to_le_bytes().as_ptr(), 16);
            }
        }
    }

    /// Writes zeros to the end of the list.
    pub(crate) fn wipe(&mut self) {
        loop {
            if self.len == 0 {
                self.advance();
            }
            if self.len == 0 {
                return;
            }
            // SAFETY: by the invariant.
            unsafe { ptr::write_bytes(self.at, 0, self.len) };
            self.len = 0;
        }
    }

    /// How many of the next `limit` bytes lie in one span; 0 only at the end of the list.
    fn run(&mut self, limit: usize) -> usize {
        if self.len == 0 {
            self.advance();
        }
        if self.len < limit {
            self.len
        } else {
            limit
        }
    }

    /// Goes on to the next span that is not empty.
    fn advance(&mut self) {
        while self.len == 0 && self.spans > 0 {
            // SAFETY: by the invariant there are `spans` more spans.
            let span = unsafe { self.next.read() };
            // SAFETY: as above; one beyond the last at most.
            self.next = unsafe { self.next.add(1) };
            self.spans = self.spans.wrapping_sub(1);
            self.at = span.start;
            self.len = span.len;
        }
    }
}
