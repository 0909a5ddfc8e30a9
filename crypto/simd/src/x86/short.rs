// SPDX-License-Identifier: GPL-2.0
//! One short message, alone and in one piece: keepalives apart, most of what a quiet tunnel carries.
//!
//! Its tag's key and its text are two to four blocks of key stream, which are made side by side. The
//! engine's lists and positions would cost as much as the text does.
#![allow(unsafe_op_in_unsafe_fn)]
use core::arch::x86_64::*;
use core::mem::MaybeUninit;
use core::ptr;

use super::rows;
use crate::abi::Task;
use crate::engine::{judge, wipe};
use crate::poly1305::Poly1305;

/// The longest: three blocks, beside the one that keys the authenticator.
const LONGEST: usize = 192;

/// Memory for a message.
#[repr(C, align(32))]
struct Memory {
    /// The key of the tag, then key stream, and then ciphertext in its place.
    stream: [u8; 64 + LONGEST],
    /// The bytes at the end that fill no register.
    cut: [u8; 32],
}

/// Whether a list is one message that [`work`] takes.
///
/// # Safety
///
/// There are `count` tasks at `tasks`.
#[inline(always)]
pub(super) unsafe fn takes(tasks: *const Task, count: usize) -> bool {
    if count != 1 {
        return false;
    }
    let task = &*tasks;
    let whole = task.src_count == 1 && task.dst_count == 1;
    whole && task.len <= LONGEST && task.ad_len == 0
}

/// Seals or opens a message.
///
/// # Safety
///
/// That of [`abi::Function`](crate::abi::Function), for one task that [`takes`] has agreed to.
#[inline]
#[target_feature(enable = "avx2,bmi2")]
pub(super) unsafe fn work<const SEAL: bool>(key: *const u8, task: *mut Task) {
    let (len, counter) = ((*task).len, (*task).counter);
    let (src, dst) = ((*(*task).src).start, (*(*task).dst).start);
    let mut memory = MaybeUninit::<Memory>::uninit();
    let memory = memory.as_mut_ptr();
    let stream: *mut u8 = (&raw mut (*memory).stream).cast();
    let cut: *mut u8 = (&raw mut (*memory).cut).cast();
    let text = stream.add(64);
    let at = if len <= 64 {
        let [r, s, pieces @ ..] = rows::two_blocks(key, counter);
        put([r, s], stream);
        put(pieces, text);
        mix_whole::<SEAL, 2>(pieces, src, text, dst, len)
    } else {
        let [r, s, pieces @ ..] = rows::four_blocks(key, counter);
        put([r, s], stream);
        put(pieces, text);
        mix_whole::<SEAL, 6>(pieces, src, text, dst, len)
    };
    let rest = len.wrapping_sub(at);
    if rest > 0 {
        // Ones for the bytes that are there.
        let all = _mm256_set1_epi8(rest as i8);
        let present = _mm256_cmpgt_epi8(all, _mm256_load_si256(PLACES.0.as_ptr().cast()));
        let (text, cut) = (text.add(at).cast::<__m256i>(), cut.cast::<__m256i>());
        _mm256_store_si256(cut, _mm256_setzero_si256());
        ptr::copy_nonoverlapping(src.add(at), cut.cast(), rest);
        let input = _mm256_load_si256(cut);
        let output = _mm256_xor_si256(input, _mm256_load_si256(text));
        let cipher = if SEAL { output } else { input };
        _mm256_store_si256(text, _mm256_and_si256(cipher, present));
        _mm256_store_si256(cut, output);
        ptr::copy_nonoverlapping(cut.cast(), dst.add(at), rest);
        wipe(cut.cast(), 32);
    }

    let mut mac = Poly1305::new(stream);
    mac.blocks(text, len.div_ceil(16));
    let lengths = (u128::from(len as u64) << 64).to_le_bytes();
    mac.blocks(lengths.as_ptr(), 1);
    let tag = mac.finish();
    if SEAL {
        dst.add(len).cast::<u128>().write_unaligned(tag.to_le());
        (*task).good = 1;
    } else {
        let received = u128::from_le(src.add(len).cast::<u128>().read_unaligned());
        judge(task, (tag ^ received) == 0);
    }
    wipe(stream, 128);
    if len > 64 {
        wipe(text.add(64), LONGEST - 64);
    }
}

/// The number of each byte.
#[repr(C, align(32))]
struct Places([u8; 32]);

static PLACES: Places = {
    let mut places = [0; 32];
    let mut i = 0;
    while i < 32 {
        places[i] = i as u8;
        i += 1;
    }
    Places(places)
};

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
