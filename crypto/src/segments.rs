// SPDX-License-Identifier: GPL-2.0
//! A reading or writing position in a list of byte segments.
//!
//! A packet's bytes may be cut anywhere (linear part, page fragments, padding, tag). Each pass over
//! a message owns one position in its source and one in its destination; both move once, forwards.
use core::cell::Cell;

use crate::aead::Bytes;
use crate::chacha20::Block;

/// The total length of a list, or `None` if it does not fit.
pub(crate) fn total(segments: &[Bytes<'_>]) -> Option<usize> {
    segments
        .iter()
        .try_fold(0usize, |sum, segment| sum.checked_add(segment.len()))
}

/// A position in a list of segments.
pub(crate) struct Cursor<'a> {
    segment: Bytes<'a>,
    rest: core::slice::Iter<'a, Bytes<'a>>,
}

impl<'a> Cursor<'a> {
    /// The beginning of the list.
    pub(crate) fn new(segments: &'a [Bytes<'a>]) -> Self {
        Self {
            segment: &[],
            rest: segments.iter(),
        }
    }

    /// Reads a block; bytes beyond the end of the list read as zero.
    #[inline(always)]
    pub(crate) fn read_block(&mut self) -> Block {
        match self.run() {
            Some(cells) => load(cells),
            None => {
                let mut bytes = [0; 64];
                self.read(&mut bytes);
                words_of(&bytes)
            }
        }
    }

    /// Writes a block.
    #[inline(always)]
    pub(crate) fn write_block(&mut self, block: &Block) {
        match self.run() {
            Some(cells) => store(block, cells),
            None => self.write(&bytes_of(block)),
        }
    }

    /// Reads into `out`, as far as the list goes.
    pub(crate) fn read(&mut self, mut out: &mut [u8]) {
        while !out.is_empty() {
            let cells = self.take(out.len());
            if cells.is_empty() {
                return;
            }
            let (now, later) = out.split_at_mut(cells.len());
            for (to, from) in now.iter_mut().zip(cells) {
                *to = from.get();
            }
            out = later;
        }
    }

    /// Writes `bytes`, as far as the list goes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let cells = self.take(bytes.len());
            if cells.is_empty() {
                return;
            }
            let (now, later) = bytes.split_at(cells.len());
            for (to, from) in cells.iter().zip(now) {
                to.set(*from);
            }
            bytes = later;
        }
    }

    /// The next whole block, if it lies in one segment.
    #[inline(always)]
    fn run(&mut self) -> Option<&'a [Cell<u8>; 64]> {
        if self.segment.is_empty() {
            self.advance();
        }
        let (cells, rest) = self.segment.split_first_chunk()?;
        self.segment = rest;
        Some(cells)
    }

    /// The next bytes of one segment, at most `limit`; none only at the end of the list.
    fn take(&mut self, limit: usize) -> Bytes<'a> {
        if self.segment.is_empty() {
            self.advance();
        }
        let (cells, rest) = self.segment.split_at(limit.min(self.segment.len()));
        self.segment = rest;
        cells
    }

    /// Goes on to the next segment that is not empty.
    fn advance(&mut self) {
        for segment in self.rest.by_ref() {
            self.segment = segment;
            if !segment.is_empty() {
                return;
            }
        }
    }
}

/// The words of 64 bytes.
pub(crate) fn words_of(bytes: &[u8; 64]) -> Block {
    let mut block = [0; 8];
    for (word, bytes) in block.iter_mut().zip(bytes.chunks_exact(8)) {
        if let Ok(bytes) = bytes.try_into() {
            *word = u64::from_le_bytes(bytes);
        }
    }
    block
}

/// The bytes of eight words.
pub(crate) fn bytes_of(block: &Block) -> [u8; 64] {
    let mut bytes = [0; 64];
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(block) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Reads cells as words. Spelled byte by byte for want of a safe wider access; the compiler makes
/// one load of each word.
#[inline(always)]
fn load(cells: &[Cell<u8>; 64]) -> Block {
    let mut block = [0; 8];
    for (i, word) in block.iter_mut().enumerate() {
        let mut bytes = [0; 8];
        for (j, byte) in bytes.iter_mut().enumerate() {
            *byte = cells[8 * i + j].get();
        }
        *word = u64::from_le_bytes(bytes);
    }
    block
}

/// Writes words to cells, one store for each word.
#[inline(always)]
fn store(block: &Block, cells: &[Cell<u8>; 64]) {
    for (i, word) in block.iter().enumerate() {
        for (j, byte) in word.to_le_bytes().iter().enumerate() {
            cells[8 * i + j].set(*byte);
        }
    }
}
