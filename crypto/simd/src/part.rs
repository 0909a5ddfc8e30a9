// SPDX-License-Identifier: GPL-2.0
//! The bytes at the end of a message that fill no register, in general registers: a vector load of
//! what narrow stores have just written would have to wait for them.

/// Mixes `len` bytes with key stream and puts the ciphertext in its place, filled up with zeros to
/// whole blocks of 16 bytes. What is mixed and what is authenticated come of the same reading.
///
/// # Safety
///
/// There are `len` bytes at `src` and `dst`, which are the same or do not overlap, and at `stream`
/// as many, rounded up to 16.
#[inline(always)]
pub(crate) unsafe fn mix<const SEAL: bool>(
    mut src: *const u8,
    mut stream: *mut u8,
    mut dst: *mut u8,
    mut len: usize,
) {
    // SAFETY: the caller's, piece by piece.
    unsafe {
        while len >= 16 {
            for half in [0, 8] {
                let input = src.add(half).cast::<u64>().read_unaligned();
                let place = stream.add(half).cast::<u64>();
                let output = input ^ place.read_unaligned();
                place.write_unaligned(if SEAL { output } else { input });
                dst.add(half).cast::<u64>().write_unaligned(output);
            }
            (src, stream, dst) = (src.add(16), stream.add(16), dst.add(16));
            len = len.wrapping_sub(16);
        }
        if len > 0 {
            let present = u128::MAX.wrapping_shr(128u32.wrapping_sub((len as u32).wrapping_mul(8)));
            let input = read(src, len);
            let output = (input ^ u128::from_le(stream.cast::<u128>().read_unaligned())) & present;
            let cipher = if SEAL { output } else { input };
            stream.cast::<u128>().write_unaligned(cipher.to_le());
            write(dst, len, output);
        }
    }
}

/// Reads 1 to 15 bytes, the first as the lowest; above them are zeros.
///
/// # Safety
///
/// There are `len` bytes at `from`.
#[inline(always)]
unsafe fn read(from: *const u8, len: usize) -> u128 {
    // Two words that overlap where they must.
    // SAFETY: both lie within `len` bytes.
    unsafe {
        if len >= 8 {
            let above = len.wrapping_sub(8);
            let low = u64::from_le(from.cast::<u64>().read_unaligned());
            let high = u64::from_le(from.add(above).cast::<u64>().read_unaligned());
            return u128::from(low) | u128::from(high) << above.wrapping_mul(8);
        }
        if len >= 4 {
            let above = len.wrapping_sub(4);
            let low = u32::from_le(from.cast::<u32>().read_unaligned());
            let high = u32::from_le(from.add(above).cast::<u32>().read_unaligned());
            return u128::from(u64::from(low) | u64::from(high) << above.wrapping_mul(8));
        }
        // One to three bytes: the first, the middle, the last.
        let byte = |i: usize| u64::from(*from.add(i)) << i.wrapping_mul(8);
        u128::from(byte(0) | byte(len / 2) | byte(len.wrapping_sub(1)))
    }
}

/// Writes the lowest 1 to 15 bytes.
///
/// # Safety
///
/// There are `len` bytes at `to`.
#[inline(always)]
unsafe fn write(to: *mut u8, len: usize, value: u128) {
    let after = |bytes: usize| (value >> bytes.wrapping_mul(8)) as u64;
    // SAFETY: as in `read`.
    unsafe {
        if len >= 8 {
            let above = len.wrapping_sub(8);
            to.cast::<u64>().write_unaligned(after(0).to_le());
            let high = to.add(above).cast::<u64>();
            high.write_unaligned(after(above).to_le());
        } else if len >= 4 {
            let above = len.wrapping_sub(4);
            to.cast::<u32>().write_unaligned((after(0) as u32).to_le());
            let high = to.add(above).cast::<u32>();
            high.write_unaligned((after(above) as u32).to_le());
        } else {
            for i in [0, len / 2, len.wrapping_sub(1)] {
                to.add(i).write(after(i) as u8);
            }
        }
    }
}
