// SPDX-License-Identifier: GPL-2.0

//! The sources of Rust's library, which the standalone build compiles for the kernel.
//!
//! They must be those of exactly the compiler in use. Whoever has them already (rustup's rust-src
//! component, a distribution's package) needs nothing from here; for others Debian packages
//! them, and only the `library` directory is kept.

use crate::apt::{Apt, Package};
use crate::cache::Thing;
use crate::progress::{output, Progress};
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "rust-src";
/// Where matching sources may be, as package and suite: rust-src, and rust-web-src in stable
/// releases.
const SUITES: [&str; 6] = [
    "trixie-backports",
    "testing",
    "sid",
    "trixie",
    "bookworm",
    "bookworm-security",
];
const PACKAGES: [&str; 2] = ["rust-src", "rust-web-src"];

/// Version of the compiler, as "1.95.0".
fn compiler() -> Result<String> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let text = output(Command::new(rustc).arg("--version"))?;
    let version = text.split(' ').nth(1);
    version
        .map(|word| word.trim().to_owned())
        .context("rustc --version says nothing")
}

fn sysroot() -> Result<PathBuf> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let text = output(Command::new(rustc).args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(text.trim()))
}

fn is_library(dir: &Path) -> bool {
    dir.join("core/src/lib.rs").exists()
}

fn thing(version: &str) -> Thing {
    Thing::new(NAME, &[version, "1"])
}

/// The directory, if it is there already.
pub(crate) fn find() -> Result<Option<PathBuf>> {
    let version = compiler()?;
    let installed = [
        sysroot()?.join("lib/rustlib/src/rust/library"),
        PathBuf::from(format!("/usr/src/rustc-{version}/library")),
    ];
    if let Some(dir) = installed.into_iter().find(|dir| is_library(dir)) {
        return Ok(Some(dir));
    }
    Ok(thing(&version).find()?.map(|dir| dir.join("library")))
}

/// The `library` directory for the compiler in use; fetched if needed.
pub(crate) fn prepare(refresh: bool) -> Result<PathBuf> {
    if let Some(dir) = find()?.filter(|_| !refresh) {
        return Ok(dir);
    }
    let version = compiler()?;
    let mut progress = Progress::new(NAME);
    let apt = Apt::open(NAME, &SUITES, &mut progress)?;
    let package = choose(&apt, &version)?;
    let dir = thing(&version).prepare(
        refresh,
        || Ok(format!("{} {}", package.name, package.version)),
        |temp, _| {
            progress.step(&format!("{} {}", package.name, package.version));
            let root = temp.join("root");
            apt.unpack(std::slice::from_ref(&package), &root, &mut progress)?;
            let library = unpacked_library(&root).context("no library in the package")?;
            fs::rename(library, temp.join("library"))?;
            Ok(fs::remove_dir_all(root)?)
        },
    )?;
    Ok(dir.join("library"))
}

fn choose(apt: &Apt, version: &str) -> Result<Package> {
    let mut seen = Vec::new();
    for name in PACKAGES {
        for package in apt.versions(name)? {
            if matches(&package.version, version) {
                return Ok(package);
            }
            seen.push(format!("{name} {}", package.version));
        }
    }
    bail!(
        "no package has the library sources of rustc {version} (there are {}). \
         Install them with rustup (`rustup component add rust-src`), or use a rustc of one of \
         these versions",
        seen.join(", ")
    )
}

/// Whether a package version is that of the compiler version: "1.95.0+dfsg1-2" is "1.95.0".
fn matches(package: &str, compiler: &str) -> bool {
    let rest = package.strip_prefix(compiler);
    rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit() || next == '.'))
}

fn unpacked_library(root: &Path) -> Option<PathBuf> {
    let sources = fs::read_dir(root.join("usr/src")).ok()?;
    let mut dirs = sources.flatten().map(|entry| entry.path().join("library"));
    dirs.find(|dir| is_library(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_version_matches() {
        assert!(matches("1.95.0+dfsg1-2~bpo13+1", "1.95.0"));
        assert!(matches("1.85.0-1", "1.85.0"));
        assert!(!matches("1.95.01", "1.95.0"));
        assert!(!matches("1.96.1+dfsg1-2", "1.95.0"));
    }
}
