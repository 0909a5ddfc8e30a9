// SPDX-License-Identifier: GPL-2.0
//! Addresses as numbers, most significant bit first: what a binary trie asks of its keys.

/// An address of a fixed width. Positions and lengths are at most `WIDTH`.
pub(super) trait Bits: Copy + Eq {
    /// Bits in the address.
    const WIDTH: u8;

    /// How many leading bits two addresses have in common.
    fn common(self, other: Self) -> u8;

    /// The address with all but the first `length` bits cleared.
    fn masked(self, length: u8) -> Self;

    /// The bit at `position`, the first being 0.
    fn bit(self, position: u8) -> bool;
}

macro_rules! bits {
    ($number:ident, |$value:ident, $at:ident| $bit:expr) => {
        impl Bits for $number {
            const WIDTH: u8 = $number::BITS as u8;

            #[inline]
            fn common(self, other: Self) -> u8 {
                // At most 128.
                (self ^ other).leading_zeros() as u8
            }

            fn masked(self, length: u8) -> Self {
                let cleared = u32::from(Self::WIDTH.saturating_sub(length));
                self & $number::MAX.checked_shl(cleared).unwrap_or(0)
            }

            #[inline]
            fn bit(self, position: u8) -> bool {
                let ($value, $at) = (self, u32::from(position));
                $bit
            }
        }
    };
}

bits!(u32, |value, at| value.wrapping_shl(at) >> 31 != 0);
// On the half that the bit is in: shifting both takes three times as long.
bits!(u128, |value, at| {
    let half = if at < 64 { value >> 64 } else { value } as u64;
    half.wrapping_shl(at) >> 63 != 0
});
