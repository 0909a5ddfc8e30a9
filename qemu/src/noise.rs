// SPDX-License-Identifier: GPL-2.0

//! Numbers that look random and are the same in every run with the same seed, and how many of something
//! are made of them.

use anyhow::Result;
use clap::Args;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the programs that send at random are told: how much, from which seed.
#[derive(Args)]
pub(crate) struct Amount {
    /// So many are sent
    #[arg(long, required_unless_present = "seconds")]
    count: Option<u64>,
    /// Seconds to send for
    #[arg(long)]
    seconds: Option<u64>,
    /// Where the numbers begin; from the clock, if not given
    #[arg(long)]
    seed: Option<u64>,
}

impl Amount {
    /// The numbers of the seed, which is printed.
    pub(crate) fn noise(&self) -> Noise {
        // (a clock before 1970 is as good as any)
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = clock.unwrap_or_default().as_nanos() as u64;
        let seed = self.seed.unwrap_or(now);
        println!("seed {seed}");
        Noise::new(seed)
    }

    /// Calls `send` as often, or for as long, with the number of calls before; how often it was.
    pub(crate) fn repeat(&self, mut send: impl FnMut(u64) -> Result<()>) -> Result<u64> {
        let count = self.count.unwrap_or(u64::MAX);
        let end = self.seconds.map(Duration::from_secs);
        let start = Instant::now();
        let mut sent = 0;
        while sent < count && end.is_none_or(|end| start.elapsed() < end) {
            send(sent)?;
            sent += 1;
        }
        Ok(sent)
    }
}

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
    use super::{Amount, Noise};

    #[test]
    fn seeds_differ_and_repeat() {
        let first = |seed| Noise::new(seed).array::<8>();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        assert_ne!(first(0), [0; 8]);
        let mut noise = Noise::new(3);
        assert!((0..1000).all(|_| noise.below(7) < 7));
    }

    #[test]
    fn as_many_as_asked_or_as_long() {
        let amount = |count, seconds| Amount {
            count,
            seconds,
            seed: Some(1),
        };
        let mut seen = Vec::new();
        let times = amount(Some(3), None).repeat(|sent| {
            seen.push(sent);
            Ok(())
        });
        assert_eq!((times.ok(), seen), (Some(3), vec![0, 1, 2]));
        assert_eq!(amount(None, Some(0)).repeat(|_| Ok(())).ok(), Some(0));
        let fails = amount(Some(3), None).repeat(|_| anyhow::bail!("no"));
        assert!(fails.is_err());
    }
}
