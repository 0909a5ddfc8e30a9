// SPDX-License-Identifier: GPL-2.0
//! One short message, alone and in one piece, with AVX-512: as `short` does it, but four blocks are as
//! quick as two, and a mask stands for the bytes that fill no register.
#![allow(unsafe_op_in_unsafe_fn)]
use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::avx512::{eight_blocks, four_blocks};
use super::rows::two_blocks;
use super::short::conclude;
use crate::abi::Task;
use crate::engine::wipe;

/// The longest: seven blocks, beside the one that keys the authenticator.
pub(super) const LONGEST: usize = 7 * 64;

/// The key of the tag, and then ciphertext.
#[repr(C, align(64))]
struct Memory([u8; 64 + LONGEST]);

/// Seals or opens a message.
///
/// # Safety
///
/// That of [`abi::Function`](crate::abi::Function), for one task of at most [`LONGEST`] bytes in one
/// span on each side, without associated data.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx2,bmi2")]
pub(super) unsafe fn work<const SEAL: bool>(key: *const u8, task: *mut Task) {
    let (len, counter) = ((*task).len, (*task).counter);
    let (src, dst) = ((*(*task).src).start, (*(*task).dst).start);
    let mut memory = MaybeUninit::<Memory>::uninit();
    let memory: *mut u8 = memory.as_mut_ptr().cast();
    let text = memory.wrapping_add(64);
    if len <= 64 {
        // Registers of half the size have shorter ways.
        let [r, s, low, high] = two_blocks(key, counter);
        _mm256_store_si256(memory.cast(), r);
        _mm256_store_si256(memory.wrapping_add(32).cast(), s);
        let stream = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
        mix::<SEAL, 1>([stream], src, text, dst, len);
    } else if len <= 3 * 64 {
        let [keys, stream @ ..] = four_blocks(key, counter);
        _mm512_store_si512(memory.cast(), keys);
        mix::<SEAL, 3>(stream, src, text, dst, len);
    } else {
        let [keys, stream @ ..] = eight_blocks(key, counter);
        _mm512_store_si512(memory.cast(), keys);
        mix::<SEAL, 7>(stream, src, text, dst, len);
    }

    conclude::<SEAL>(task, memory);
    wipe(memory, 64);
}

/// Mixes a text with its key stream; the ciphertext goes to `text` too, filled up to a whole block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn mix<const SEAL: bool, const BLOCKS: usize>(
    stream: [__m512i; BLOCKS],
    src: *const u8,
    text: *mut u8,
    dst: *mut u8,
    len: usize,
) {
    for (i, stream) in stream.into_iter().enumerate() {
        let at = 64 * i;
        if len <= at {
            return;
        }
        let left = len.wrapping_sub(at);
        let (src, dst) = (src.wrapping_add(at), dst.wrapping_add(at));
        if left >= 64 {
            let input = _mm512_loadu_si512(src.cast());
            let output = _mm512_xor_si512(input, stream);
            _mm512_store_si512(
                text.wrapping_add(at).cast(),
                if SEAL { output } else { input },
            );
            _mm512_storeu_si512(dst.cast(), output);
        } else {
            // What is masked out is neither read nor written.
            let present = _bzhi_u64(u64::MAX, left as u32);
            let input = _mm512_maskz_loadu_epi8(present, src.cast());
            let output = _mm512_maskz_mov_epi8(present, _mm512_xor_si512(input, stream));
            _mm512_store_si512(
                text.wrapping_add(at).cast(),
                if SEAL { output } else { input },
            );
            _mm512_mask_storeu_epi8(dst.cast(), present, output);
        }
    }
}
