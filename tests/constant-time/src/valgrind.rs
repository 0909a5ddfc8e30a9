// SPDX-License-Identifier: GPL-2.0
//! The requests of memcheck that the check needs: marking memory, and asking how it is marked.
//!
//! A request is a sequence of instructions that does nothing on a processor and that valgrind
//! knows (valgrind's manual, section 3.1; its numbers are those of memcheck's header).
use core::arch::asm;

/// The numbers of memcheck's requests begin with its two letters.
const MEMCHECK: u64 = 0x4d43_0000;
const RUNNING_ON_VALGRIND: u64 = 0x1001;
const COUNT_ERRORS: u64 = 0x1201;
const MAKE_MEM_UNDEFINED: u64 = MEMCHECK + 1;
const MAKE_MEM_DEFINED: u64 = MEMCHECK + 2;
const GET_VBITS: u64 = MEMCHECK + 8;

/// Makes a request; outside of valgrind the answer is 0.
fn request(number: u64, args: [u64; 3]) -> u64 {
    let [a, b, c] = args;
    let block = [number, a, b, c, 0, 0];
    let mut answer = 0u64;
    // SAFETY: the rotations of rdi come to 128 bits, which leaves it as it was, and exchanging a
    // register with itself is nothing. Valgrind reads the six words at rax, and the memory they
    // name, which the callers below borrow for as long; it writes rdx and, for GET_VBITS, the
    // buffer that its caller borrowed mutably.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") block.as_ptr(),
            inout("rdx") answer,
            options(nostack),
        );
    }
    answer
}

/// Whether this process runs under valgrind.
pub(crate) fn present() -> bool {
    request(RUNNING_ON_VALGRIND, [0; 3]) != 0
}

/// How many errors were reported so far.
pub(crate) fn errors() -> u64 {
    request(COUNT_ERRORS, [0; 3])
}

/// From here on, a branch or an address that depends on these bytes is an error.
pub(crate) fn secret<T: ?Sized>(value: &mut T) {
    let len = size_of_val(value) as u64;
    request(
        MAKE_MEM_UNDEFINED,
        [(value as *mut T).cast::<u8>() as u64, len, 0],
    );
}

/// These bytes may be known to all.
pub(crate) fn public<T: ?Sized>(value: &T) {
    let len = size_of_val(value) as u64;
    request(
        MAKE_MEM_DEFINED,
        [(value as *const T).cast::<u8>() as u64, len, 0],
    );
}

/// How many of these bytes depend on a secret. Asking is no error.
pub(crate) fn tainted(bytes: &[u8]) -> usize {
    let mut bits = vec![0u8; bytes.len()];
    let (from, to) = (bytes.as_ptr() as u64, bits.as_mut_ptr() as u64);
    let answer = request(GET_VBITS, [from, to, bytes.len() as u64]);
    assert_eq!(answer, 1, "memcheck does not say what is defined");
    bits.iter().filter(|bits| **bits != 0).count()
}
