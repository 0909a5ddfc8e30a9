// SPDX-License-Identifier: GPL-2.0
//! Printing to the kernel log: [`pr_info!`](crate::pr_info) and its relatives.
//!
//! `%pA`, through which Rust-for-Linux prints, is not in kernels built without Rust. The text is
//! therefore put together in a buffer on the stack and handed over in one piece, so that one call is
//! one line. What does not fit is cut off.
//!
//! C header: `include/linux/printk.h`

use core::fmt::{self, Write};

use crate::ffi::c_int;
use crate::helpers;

/// The longest text of one call, in bytes.
const LINE: usize = 400;

/// A text of at most [`LINE`] bytes.
///
/// # Invariants
///
/// `len <= LINE`.
struct Line {
    bytes: [u8; LINE],
    len: usize,
}

impl Line {
    const fn new() -> Self {
        // INVARIANT: 0 <= LINE.
        Self {
            bytes: [0; LINE],
            len: 0,
        }
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = self.bytes.get_mut(self.len..).unwrap_or(&mut []);
        let count = text.len().min(free.len());
        for (to, from) in free.iter_mut().zip(text.as_bytes()) {
            *to = *from;
        }
        // INVARIANT: `count` is at most what was free.
        self.len += count;
        if count < text.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

/// How important a line is: the numbers of `include/linux/kern_levels.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Level {
    /// The system is unusable.
    Emerg = 0,
    /// An error.
    Err = 3,
    /// For information.
    Info = 6,
}

/// Prints one line, after the name of the module and a colon. Called by the macros.
///
/// `module` ends in a null byte, as Rust-for-Linux's does; it is not printed.
#[doc(hidden)]
#[cold]
#[inline(never)]
pub fn print(level: Level, module: &[u8], args: fmt::Arguments<'_>) {
    let mut line = Line::new();
    if line.write_fmt(args).is_err() {
        // Cut off: the line still has to end.
        if let Some(last) = line.bytes.last_mut() {
            *last = b'\n';
        }
    }
    let text = line.text();
    let module = module.strip_suffix(b"\0").unwrap_or(module);
    // SAFETY: both are readable for their lengths, which an `int` holds.
    unsafe {
        helpers::rust_kernel_printk(
            level as c_int,
            module.as_ptr(),
            module.len() as c_int,
            text.as_ptr(),
            text.len() as c_int,
        )
    }
}

/// Formats, and prints under the name that the crate has given itself in `__LOG_PREFIX`.
#[doc(hidden)]
#[macro_export]
#[expect(clippy::crate_in_macro_def)]
macro_rules! print_macro {
    ($level:expr, $($arg:tt)*) => {
        $crate::print::print($level, crate::__LOG_PREFIX, ::core::format_args!($($arg)*))
    };
}

/// Prints an error-level message (level 3).
#[macro_export]
macro_rules! pr_err {
    ($($arg:tt)*) => { $crate::print_macro!($crate::print::Level::Err, $($arg)*) };
}

/// Prints an info-level message (level 6).
#[macro_export]
macro_rules! pr_info {
    ($($arg:tt)*) => { $crate::print_macro!($crate::print::Level::Info, $($arg)*) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_what_fits() {
        let mut line = Line::new();
        assert!(write!(line, "{}-{:?}", 1, Some(2)).is_ok());
        assert_eq!(line.text(), b"1-Some(2)");
        assert!(line.write_str(&"x".repeat(LINE)).is_err());
        assert_eq!(line.text().len(), LINE);
        assert!(line.write_str("y").is_err());
        assert!(line.write_str("").is_ok());
    }

    #[test]
    fn macros_print() {
        pr_info!("hello {}\n", 1);
        pr_err!("{}\n", "z".repeat(2 * LINE));
    }
}
