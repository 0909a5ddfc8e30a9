// SPDX-License-Identifier: GPL-2.0
//! A fuzzer's bytes, read as numbers from front to back. One per run; at its end all is zero.

/// What is left to be read.
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// From the beginning.
    pub const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// Whether there is nothing left.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So many bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let (now, later) = self.0.split_at(N.min(self.0.len()));
        out[..now.len()].copy_from_slice(now);
        self.0 = later;
        out
    }

    pub fn byte(&mut self) -> u8 {
        self.bytes::<1>()[0]
    }

    pub fn bool(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    /// A number below `bound`, from as many bytes as that takes.
    pub fn below(&mut self, bound: usize) -> usize {
        match bound {
            0 | 1 => 0,
            2..=0x100 => usize::from(self.byte()) % bound,
            _ => usize::from(self.u16()) % bound,
        }
    }

    /// One of these.
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// At most so many bytes, as they are.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (now, later) = self.0.split_at(len.min(self.0.len()));
        self.0 = later;
        now
    }

    /// So many bytes that a number stands for: a script need not spell out what matters little.
    pub fn noise(&mut self, len: usize) -> Vec<u8> {
        let mut state = u64::from(self.u16()) | 1 << 32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    /// A key that a number stands for.
    pub fn key(&mut self) -> [u8; 32] {
        std::array::from_fn({
            let bytes = self.noise(32);
            move |i| bytes[i]
        })
    }
}
