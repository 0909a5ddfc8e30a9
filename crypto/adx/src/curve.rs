// SPDX-License-Identifier: GPL-2.0
//! The machine code as a [`Curve`], and what it leaves on the stack.
use core::arch::asm;

use wg_crypto::x25519::Curve;
use zeroize::Zeroize;

use crate::low::curve25519_x25519::curve25519_x25519;
use crate::low::curve25519_x25519base::curve25519_x25519base;

/// How far below its caller the machine code may have written: the deeper of the two functions takes
/// 536 bytes of the stack, and where it is a function of its own, the compiler saves registers before.
const STACK: usize = 536 + 128;

/// X25519 by this code.
///
/// # Safety
///
/// The processor has BMI2 and ADX wherever the value, or a copy of it, is used.
#[must_use]
pub const unsafe fn curve() -> Curve {
    Curve::new("adx", base, multiply)
}

/// The base point times the scalar. Reached only by way of [`curve()`], as is [`multiply`].
fn base(scalar: &[u8; 32]) -> [u8; 32] {
    let mut scalar = words(scalar);
    let mut product = [0; 4];
    curve25519_x25519base(&mut product, &scalar);
    wipe_stack();
    scalar.zeroize();
    bytes(&mut product)
}

fn multiply(scalar: &[u8; 32], point: &[u8; 32]) -> [u8; 32] {
    let mut scalar = words(scalar);
    let mut product = [0; 4];
    curve25519_x25519(&mut product, &scalar, &words(point));
    wipe_stack();
    scalar.zeroize();
    bytes(&mut product)
}

/// Overwrites what the machine code has left below its caller: the scalar and points on the way.
#[inline(always)]
fn wipe_stack() {
    // SAFETY: below the stack pointer there is nothing of anybody's, and the stack is deep enough, as
    // it has just been used (the rest of it is less than an interrupt takes). The direction flag is clear.
    unsafe {
        asm!(
            "sub rsp, {stack}",
            "mov rdi, rsp",
            "rep stosq",
            "add rsp, {stack}",
            stack = const STACK,
            inout("rcx") STACK / 8 => _,
            inout("rax") 0u64 => _,
            out("rdi") _,
        );
    }
}

/// Little-endian words, as the processor has them.
fn words(bytes: &[u8; 32]) -> [u64; 4] {
    // SAFETY: of the same size, and any bytes are integers.
    unsafe { core::mem::transmute(*bytes) }
}

/// The words as bytes; the words are wiped.
fn bytes(words: &mut [u64; 4]) -> [u8; 32] {
    // SAFETY: of the same size, and made of bytes.
    let bytes = unsafe { core::mem::transmute::<[u64; 4], [u8; 32]>(*words) };
    words.zeroize();
    bytes
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::vec::Vec;

    use super::*;

    /// Words looked at below the caller: 4 KiB.
    const WORDS: usize = 512;
    /// What is there before.
    const FILL: u64 = 0xa5c3_96e1_5a3c_691e;

    /// Calls `work` with a known stack below it, and returns what is there afterwards.
    #[inline(never)]
    fn left_by(work: &dyn Fn()) -> Vec<u64> {
        let mut seen = [0u64; WORDS];
        // SAFETY: writes below where the stack pointer was, which it moves there for so long.
        unsafe {
            asm!(
                "sub rsp, {size}", "mov rdi, rsp", "rep stosq", "add rsp, {size}",
                size = const WORDS * 8,
                inout("rcx") WORDS => _, inout("rax") FILL => _, out("rdi") _,
            );
        }
        work();
        // SAFETY: as above, but reads, into an array of as many words.
        unsafe {
            asm!(
                "sub rsp, {size}", "mov rsi, rsp", "rep movsq", "add rsp, {size}",
                size = const WORDS * 8,
                inout("rcx") WORDS => _, inout("rdi") seen.as_mut_ptr() => _, out("rsi") _,
            );
        }
        seen.to_vec()
    }

    /// How many words on the stack depend on the scalar, other than the words of the product: those
    /// that two runs with one scalar have in common, and a run with another scalar has not.
    fn traces(function: fn(&[u8; 32]) -> [u8; 32]) -> usize {
        let scalars = [0x5a, 0x5a, 0x6b]
            .map(|seed: u8| core::array::from_fn(|i| seed.wrapping_mul(i as u8 * 2 + 1)));
        let mut seen = Vec::new();
        for scalar in black_box(&scalars) {
            let scalar = *scalar;
            seen.push(left_by(&|| {
                black_box(function(black_box(&scalar)));
            }));
        }
        let product = words(&function(&scalars[0]));
        let depends = |at: &usize| {
            let [one, same, other] = core::array::from_fn(|run| seen[run][*at]);
            one == same && one != other && !product.contains(&one)
        };
        assert!(
            seen[0].contains(&FILL),
            "it has used more than what is looked at"
        );
        (0..WORDS).filter(depends).count()
    }

    fn unwiped_base(scalar: &[u8; 32]) -> [u8; 32] {
        let mut product = [0; 4];
        curve25519_x25519base(&mut product, &words(scalar));
        bytes(&mut product)
    }

    fn unwiped_multiply(scalar: &[u8; 32]) -> [u8; 32] {
        let mut product = [0; 4];
        curve25519_x25519(&mut product, &words(scalar), &[9, 0, 0, 0]);
        bytes(&mut product)
    }

    #[test]
    fn nothing_is_left_on_the_stack() {
        if !std::is_x86_feature_detected!("bmi2") || !std::is_x86_feature_detected!("adx") {
            return;
        }
        let nine =
            |scalar: &[u8; 32]| multiply(scalar, &core::array::from_fn(|i| 9 * u8::from(i == 0)));
        assert_eq!(traces(base), 0, "base point");
        assert_eq!(traces(nine), 0, "any point");
        // What is found where it is not wiped.
        assert!(traces(unwiped_base) > 20);
        assert!(traces(unwiped_multiply) > 20);
    }
}
