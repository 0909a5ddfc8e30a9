// SPDX-License-Identifier: GPL-2.0

//! Programs for the kernel's virtual machine, written by hand, and the one call that loads them.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::libc;
use std::os::fd::{FromRawFd, OwnedFd};

/// What a program is for (`enum bpf_prog_type`).
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Kind {
    /// A classifier of traffic control, whose result is what becomes of the packet.
    Classifier = 3,
    /// A program of the express data path.
    Express = 6,
}

/// One instruction (`struct bpf_insn`).
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// An instruction from its parts: operation, destination and source register, offset, immediate.
const fn op(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction {
        code,
        registers: from << 4 | to,
        offset,
        immediate,
    }
}

const MOVE: u8 = 0xbf;
const SET: u8 = 0xb7;
const ADD: u8 = 0x07;
const LOAD_WORD: u8 = 0x61;
const LOAD_BYTE: u8 = 0x71;
const IF_GREATER: u8 = 0x2d;
const IF_EQUAL: u8 = 0x15;
const CALL: u8 = 0x85;
const EXIT: Instruction = op(0x95, 0, 0, 0, 0);

/// `yes` for packets that begin with the first byte of an IPv4 header, `no` for others; `at` is where
/// the context has the first byte's address, and, four bytes on, that of the end.
pub(crate) fn begins_with_ip(at: i16, yes: i32, no: i32) -> Vec<Instruction> {
    vec![
        op(LOAD_WORD, 2, 1, at, 0),
        op(LOAD_WORD, 3, 1, at + 4, 0),
        op(SET, 0, 0, 0, no),
        op(MOVE, 4, 2, 0, 0),
        op(ADD, 4, 0, 0, 20),
        op(IF_GREATER, 4, 3, 3, 0),
        op(LOAD_BYTE, 5, 2, 0, 0),
        op(IF_EQUAL, 5, 0, 2, 0x45),
        EXIT,
        EXIT,
        op(SET, 0, 0, 0, yes),
        EXIT,
    ]
}

/// Sends the packet out by another interface (`bpf_redirect`).
pub(crate) fn redirect(index: u32) -> Vec<Instruction> {
    const REDIRECT: i32 = 23;
    vec![
        op(SET, 1, 0, 0, i32::from_ne_bytes(index.to_ne_bytes())),
        op(SET, 2, 0, 0, 0),
        op(CALL, 0, 0, 0, REDIRECT),
        EXIT,
    ]
}

/// The part of `union bpf_attr` that BPF_PROG_LOAD reads.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    /// Level of the log, its size and its place: none.
    log: [u64; 2],
    version: u32,
    flags: u32,
}

/// Loads a program.
///
/// # Errors
///
/// What the kernel says; `ENOSYS` if it has no virtual machine.
pub(crate) fn load(kind: Kind, program: &[Instruction]) -> Result<OwnedFd, Errno> {
    const PROG_LOAD: libc::c_int = 5;
    let attr = Load {
        kind: kind as u32,
        count: u32::try_from(program.len()).map_err(|_| Errno::E2BIG)?,
        instructions: program.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        log: [0; 2],
        version: 0,
        flags: 0,
    };
    // SAFETY: the kernel reads `attr`, whose size it is told, the instructions, whose number it is
    // told, and the licence up to its NUL; all live until the call returns. It writes nothing.
    let number = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            PROG_LOAD,
            std::ptr::from_ref(&attr),
            size_of::<Load>(),
        )
    };
    let number = Errno::result(number)?;
    let descriptor = libc::c_int::try_from(number).map_err(|_| Errno::EBADF)?;
    // SAFETY: the call has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
