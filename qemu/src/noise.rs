// SPDX-License-Identifier: GPL-2.0

//! Numbers that look random and are the same in every run with the same seed.

/// Xorshift: cheap.
pub(crate) struct Noise(u64);

impl Noise {
    /// The numbers of a seed; any will do.
    pub(crate) fn new(seed: u64) -> Self {
        // Seeds beside each other are to give numbers far from each other, and zero gives none at all.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end.max(1)
    }

    /// True once in `times`, on the average.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        let at = self.below(among.len() as u64) as usize;
        among.get(at).copied()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 32) as u8).collect()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| (self.next() >> 32) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::Noise;

    #[test]
    fn seeds_differ_and_repeat() {
        let first = |seed| Noise::new(seed).array::<8>();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        assert_ne!(first(0), [0; 8]);
        let mut noise = Noise::new(3);
        assert!((0..1000).all(|_| noise.below(7) < 7));
    }
}
