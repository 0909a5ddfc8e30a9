// SPDX-License-Identifier: GPL-2.0
//! Host tool: reads the target kernel's headers with libclang and writes the `bindings` crate.
//!
//! `wg-bindgen HEADER OUT.rs ALLOW... -- COMPILER FLAGS...`
//!
//! The flags are those the kernel's own build gives its C compiler. Only those that decide what the
//! headers say (paths, macros, character signedness and the like) are handed on: the rest belongs
//! to one compiler and one code generator, and libclang may not know it.

use std::process::ExitCode;
use std::{env, fs};

/// Flags that take their value in the next argument and say something about the headers.
const WITH_VALUE: &[&str] = &[
    "-include",
    "-isystem",
    "-I",
    "-D",
    "-U",
    "-iquote",
    "-idirafter",
];

/// Beginnings of flags that decide what the headers mean or how C types are laid out.
const KEPT: &[&str] = &[
    "-I",
    "-D",
    "-U",
    "-isystem",
    "-iquote",
    "-include",
    "-nostdinc",
    "-std=",
    "-m64",
    "-m32",
    "-fshort-wchar",
    "-fno-short-wchar",
    "-funsigned-char",
    "-fsigned-char",
    "-fms-extensions",
    "-fshort-enums",
    "-fno-short-enums",
    "-fno-strict-aliasing",
    "-mabi=lp64",
    "-mregparm=",
];

fn kept_flags(flags: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut flags = flags;
    while let Some(flag) = flags.next() {
        if WITH_VALUE.contains(&flag.as_str()) {
            kept.push(flag);
            kept.extend(flags.next());
        } else if KEPT.iter().any(|start| flag.starts_with(start)) {
            kept.push(flag);
        }
    }
    kept
}

/// One allowlist line: `fn|type|var|opaque PATTERN`, or `alias NEW OLD` for a name that C makes with
/// a macro; `#` begins a comment.
fn allow(builder: bindgen::Builder, line: &str) -> Result<bindgen::Builder, String> {
    let line = line.split('#').next().unwrap_or("").trim();
    if line.is_empty() {
        return Ok(builder);
    }
    match line
        .split_once(char::is_whitespace)
        .map(|(kind, name)| (kind, name.trim()))
    {
        Some(("fn", name)) => Ok(builder.allowlist_function(name)),
        Some(("type", name)) => Ok(builder.allowlist_type(name)),
        Some(("var", name)) => Ok(builder.allowlist_var(name)),
        Some(("opaque", name)) => Ok(builder.opaque_type(name)),
        Some(("alias", names)) => match names.split_once(char::is_whitespace) {
            Some((new, old)) => Ok(builder.raw_line(format!("pub type {new} = {};", old.trim()))),
            None => Err(format!("an alias needs two names: {line}")),
        },
        _ => Err(format!("not an allowlist line: {line}")),
    }
}

fn run() -> Result<(), String> {
    let mut args = env::args().skip(1);
    let own: Vec<String> = args.by_ref().take_while(|arg| arg != "--").collect();
    let [header, out, lists @ ..] = own.as_slice() else {
        return Err("usage: wg-bindgen HEADER OUT.rs ALLOW... -- FLAGS...".into());
    };
    let mut builder = bindgen::builder()
        .header(header)
        .use_core()
        .ctypes_prefix("kernel::ffi")
        .rust_target(bindgen::RustTarget::stable(85, 0).map_err(|e| e.to_string())?)
        .rust_edition(bindgen::RustEdition::Edition2021)
        .layout_tests(false)
        .derive_default(true)
        .no_debug(".*")
        .generate_comments(false)
        .enable_function_attribute_detection()
        .default_enum_style(bindgen::EnumVariation::Consts)
        .formatter(bindgen::Formatter::None)
        .raw_line("//! Bindings to the target kernel, written by bindgen from its own headers.")
        .raw_line("#![no_std]")
        .raw_line("#![allow(warnings, clippy::all)]")
        .clang_args(kept_flags(args))
        .clang_args(["-w", "-fno-builtin", "-D__BINDGEN__", "-DMODULE"]);
    for list in lists {
        let text = fs::read_to_string(list).map_err(|e| format!("{list}: {e}"))?;
        for line in text.lines() {
            builder = allow(builder, line).map_err(|e| format!("{list}: {e}"))?;
        }
    }
    let bindings = builder.generate().map_err(|e| e.to_string())?;
    bindings
        .write_to_file(out)
        .map_err(|e| format!("{out}: {e}"))
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("wg-bindgen: {message}");
            ExitCode::FAILURE
        }
    }
}
