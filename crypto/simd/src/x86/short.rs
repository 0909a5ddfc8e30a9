// SPDX-License-Identifier: GPL-2.0
//! One short message, alone and in one piece: keepalives apart, most of what a quiet tunnel carries.
//!
//! Its tag's key and its text are two to six blocks of key stream, which are made side by side. The
//! engine's lists and positions would cost as much as the text does.
#![allow(unsafe_op_in_unsafe_fn)]
use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::rows;
use crate::abi::Task;
use crate::engine::{judge, wipe};
use crate::part;
use crate::poly1305::Poly1305;

/// The longest: five blocks, beside the one that keys the authenticator.
pub(super) const LONGEST: usize = 5 * 64;

/// The key of the tag, then key stream, and then ciphertext in its place.
#[repr(C, align(32))]
struct Memory([u8; 64 + LONGEST]);

/// Seals or opens a message.
///
/// # Safety
///
/// That of [`abi::Function`](crate::abi::Function), for one task of at most [`LONGEST`] bytes in one
/// span on each side, without associated data.
#[inline(never)]
#[target_feature(enable = "avx2,bmi2")]
pub(super) unsafe fn work<const SEAL: bool>(key: *const u8, task: *mut Task) {
    let (len, counter) = ((*task).len, (*task).counter);
    let (src, dst) = ((*(*task).src).start, (*(*task).dst).start);
    let mut memory = MaybeUninit::<Memory>::uninit();
    let stream: *mut u8 = memory.as_mut_ptr().cast();
    let text = stream.add(64);
    let at = if len <= 64 {
        let [r, s, pieces @ ..] = rows::two_blocks(key, counter);
        put([r, s], stream);
        put(pieces, text);
        mix_whole::<SEAL, 2>(pieces, src, text, dst, len)
    } else if len <= 3 * 64 {
        let [r, s, pieces @ ..] = rows::four_blocks(key, counter);
        put([r, s], stream);
        put(pieces, text);
        mix_whole::<SEAL, 6>(pieces, src, text, dst, len)
    } else {
        let [r, s, pieces @ ..] = rows::six_blocks(key, counter);
        put([r, s], stream);
        put(pieces, text);
        mix_whole::<SEAL, 10>(pieces, src, text, dst, len)
    };
    let rest = len.wrapping_sub(at);
    if rest > 0 {
        part::mix::<SEAL>(src.add(at), text.add(at), dst.add(at), rest);
    }

    conclude::<SEAL>(task, stream);
    wipe(stream, 128);
    if len > 64 {
        wipe(text.add(64), LONGEST - 64);
    }
}

/// Writes or checks the tag of a message that is in one piece on each side and whose ciphertext lies,
/// filled up to whole blocks, 64 bytes behind the key of its tag.
///
/// # Safety
///
/// The task is the caller's; there are its bytes at `keys`.
#[inline(always)]
pub(super) unsafe fn conclude<const SEAL: bool>(task: *mut Task, keys: *const u8) {
    let len = (*task).len;
    let mut mac = Poly1305::new(keys);
    mac.blocks(keys.wrapping_add(64), len.div_ceil(16));
    let lengths = (u128::from(len as u64) << 64).to_le_bytes();
    mac.blocks(lengths.as_ptr(), 1);
    let tag = mac.finish();
    if SEAL {
        let place = (*(*task).dst).start.wrapping_add(len).cast::<u128>();
        place.write_unaligned(tag.to_le());
        (*task).good = 1;
    } else {
        let place = (*(*task).src).start.wrapping_add(len).cast::<u128>();
        judge(task, tag ^ u128::from_le(place.read_unaligned()) == 0);
    }
}

/// Stores pieces of key stream one after the other.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn put<const PIECES: usize>(pieces: [__m256i; PIECES], to: *mut u8) {
    for (i, piece) in pieces.into_iter().enumerate() {
        _mm256_store_si256(to.cast::<__m256i>().add(i), piece);
    }
}

/// Mixes whole pieces, and puts the ciphertext in the place of the key stream; returns how many
/// bytes these were. The key stream need not come back from memory.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn mix_whole<const SEAL: bool, const PIECES: usize>(
    pieces: [__m256i; PIECES],
    src: *const u8,
    stream: *mut u8,
    dst: *mut u8,
    len: usize,
) -> usize {
    for (i, piece) in pieces.into_iter().enumerate() {
        let at = 32 * i;
        if len < at.wrapping_add(32) {
            return at;
        }
        let input = _mm256_loadu_si256(src.add(at).cast());
        let output = _mm256_xor_si256(input, piece);
        _mm256_store_si256(stream.add(at).cast(), if SEAL { output } else { input });
        _mm256_storeu_si256(dst.add(at).cast(), output);
    }
    32 * PIECES
}
