// SPDX-License-Identifier: GPL-2.0
//! The replay window: which counters of a session have been seen.
//!
//! One per receiving key, owned by the keypair and asked after decryption, in order of arrival.
//! The algorithm is RFC 6479's: a ring of words in which the word that is being filled costs one
//! word of window and spares all shifting. Section 5.4.6 of the WireGuard paper.

use crate::lifetime::REJECT_AFTER_MESSAGES;

const WORD_BITS: u64 = u64::BITS as u64;
const WORDS: usize = 128;

/// How far behind the greatest counter one may come late.
pub const SIZE: u64 = WORDS as u64 * WORD_BITS - WORD_BITS;

/// A window of 8192 bits, of which [`SIZE`] are usable at any time.
pub struct Window {
    /// One more than the greatest counter accepted; 0 before the first.
    greatest: u64,
    /// Bit `n % 8192` stands for the number `n`, which is a counter plus one.
    seen: [u64; WORDS],
}

impl Window {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        Self {
            greatest: 0,
            seen: [0; WORDS],
        }
    }

    /// One more than the greatest counter accepted so far.
    pub const fn greatest(&self) -> u64 {
        self.greatest
    }

    /// Whether `counter` is new and not too old; if so it is old from now on.
    pub fn accept(&mut self, counter: u64) -> bool {
        if self.greatest > REJECT_AFTER_MESSAGES || counter >= REJECT_AFTER_MESSAGES {
            return false;
        }
        // Counting from one, an empty window (greatest 0) needs no case of its own.
        let number = counter.wrapping_add(1);
        if self.greatest.saturating_sub(number) > SIZE {
            return false;
        }
        let word = number / WORD_BITS;
        if number > self.greatest {
            let newest = self.greatest / WORD_BITS;
            let fresh = word.wrapping_sub(newest).min(WORDS as u64);
            for ahead in 1..=fresh {
                *self.slot(newest.wrapping_add(ahead)) = 0;
            }
            self.greatest = number;
        }
        let bit = 1 << (number % WORD_BITS);
        let slot = self.slot(word);
        let new = *slot & bit == 0;
        *slot |= bit;
        new
    }

    fn slot(&mut self, word: u64) -> &mut u64 {
        // The mask keeps the index inside the array, which the compiler sees too.
        &mut self.seen[(word % WORDS as u64) as usize]
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}
