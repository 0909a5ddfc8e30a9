// SPDX-License-Identifier: GPL-2.0

//! Turns on the feature `avx512` where the compiler has the intrinsics (stable from rustc 1.89 on). What
//! goes into a kernel is not built by cargo: module/build/rust.mk does the same there.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=RUSTC");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = match Command::new(rustc).arg("--version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => panic!("rustc --version: {error}"),
    };
    // "rustc 1.85.1 (...)"
    let minor = text.split('.').nth(1).and_then(|word| word.parse().ok());
    let minor: u32 = minor.unwrap_or_else(|| panic!("rustc --version says {text:?}"));
    if minor >= 89 {
        println!("cargo:rustc-cfg=feature=\"avx512\"");
    }
}
