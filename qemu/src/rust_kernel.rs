// SPDX-License-Identifier: GPL-2.0

//! What a kernel with CONFIG_RUST asks of the machine that builds it: rustc's library sources,
//! libclang, and bindgen's command, which is compiled once and kept in the cache.
//!
//! A kernel's Rust metadata binds to exactly one compiler, whose version is therefore a part of the
//! kernel's recipe.

use crate::cache::Thing;
use crate::progress::{output, Progress};
use crate::rust_src;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of bindgen that kernels are built with; the module's own build has the same.
const BINDGEN: &str = "0.72.1";
/// The oldest libclang with which a 7.x kernel is built (its scripts/min-tool-version.sh).
const LIBCLANG: u32 = 17;
/// The package that brings one, on Debian 12 and 13.
pub(crate) const PACKAGE: &str = "libclang1-19";

/// The compiler in use, as it names itself; nothing if there is none.
pub(crate) fn compiler() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let text = output(Command::new(rustc).arg("--version")).unwrap_or_default();
    text.trim().to_owned()
}

/// The settings that the kernel's make needs for Rust, everything being there or made.
pub(crate) fn settings() -> Result<Vec<(&'static str, String)>> {
    let library = rust_src::prepare(false)?;
    let bindgen = bindgen()?;
    let mut settings = vec![
        ("RUST_LIB_SRC", library.display().to_string()),
        ("BINDGEN", bindgen.display().to_string()),
    ];
    let library = libclang().with_context(|| {
        format!(
            "a kernel with Rust needs libclang {LIBCLANG} or later: install {PACKAGE}, or another"
        )
    })?;
    settings.push(("LIBCLANG_PATH", library.display().to_string()));
    Ok(settings)
}

/// The command `bindgen`, compiled if it is not there. It runs for seconds: some optimisation pays,
/// all of it does not.
fn bindgen() -> Result<PathBuf> {
    let thing = Thing::new("bindgen", &[BINDGEN, "1"]);
    let mut progress = Progress::new("bindgen");
    let versions = || Ok(format!("bindgen-cli {BINDGEN}"));
    let dir = thing.prepare(false, versions, |temp, _| {
        progress.step(&format!("compiling bindgen-cli {BINDGEN}"));
        let mut cargo = Command::new("cargo");
        cargo.args(["install", "--locked", "--version", BINDGEN]);
        cargo.arg("--root").arg(temp);
        cargo.arg("--target-dir").arg(temp.join("target"));
        cargo.arg("bindgen-cli");
        let profile = [("OPT_LEVEL", "1"), ("LTO", "off"), ("CODEGEN_UNITS", "16")];
        for (name, value) in profile {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
        }
        progress.run(&mut cargo)?;
        std::fs::remove_dir_all(temp.join("target")).context("removing bindgen's objects")
    })?;
    Ok(dir.join("bin/bindgen"))
}

/// The libclang that bindgen is to load: that of the environment, or the newest one installed,
/// which must be one that the kernel takes.
pub(crate) fn libclang() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("LIBCLANG_PATH") {
        return Some(PathBuf::from(path));
    }
    let versions = entries(Path::new("/usr/lib"))
        .into_iter()
        .filter_map(|dir| {
            let name = dir.file_name()?.to_string_lossy().into_owned();
            let version = name.strip_prefix("llvm-")?.parse::<u32>().ok()?;
            (version >= LIBCLANG).then(|| (version, dir.join("lib")))
        });
    let libraries = versions.filter_map(|(version, dir)| {
        let file = entries(&dir).into_iter().find(|file| is_libclang(file))?;
        Some((version, file))
    });
    libraries.max().map(|(_, file)| file)
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Not the C++ interface, libclang-cpp.so.
fn is_libclang(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix("libclang").is_some_and(|rest| {
        rest.starts_with(".so")
            || rest
                .strip_prefix('-')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_by_their_names() {
        for name in ["libclang.so", "libclang.so.1", "libclang-16.so.1"] {
            assert!(is_libclang(Path::new(name)), "{name}");
        }
        for name in ["libclang-cpp.so.14", "libclangBasic.a", "libLLVM.so"] {
            assert!(!is_libclang(Path::new(name)), "{name}");
        }
    }
}
