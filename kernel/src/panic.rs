// SPDX-License-Identifier: GPL-2.0
//! What happens on a panic: the message, then the trap that `BUG()` is made of.
//!
//! There is one panic handler in the module. It must end in an instruction that does not return:
//! objtool does not know our functions, and would take a call at the end for a missing return.

use core::panic::PanicInfo;

use crate::print::Level;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    crate::print_macro!(Level::Emerg, "{}\n", info);
    // SAFETY: the trap ends this thread of execution, and nothing is expected of it.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!("ud2", options(noreturn))
    }
    // SAFETY: as above; the number is that of the kernel's `BUG()`.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!("brk #0x800", options(noreturn))
    }
}
