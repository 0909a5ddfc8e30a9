// SPDX-License-Identifier: GPL-2.0

//! Directories of the repository that the tool reads and writes.

use crate::kernel::Kernel;
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository: where this program was built from.
pub(crate) fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where the build of this repository leaves the module for a kernel.
pub(crate) fn module(kernel: &Kernel) -> Result<PathBuf> {
    let release = kernel.parts()?.release;
    Ok(repository().join("out").join(release).join("wireguard.ko"))
}

/// Where a program for the machines is, once it has been built.
pub(crate) fn program(name: &str) -> PathBuf {
    repository().join("target/release").join(name)
}

/// Builds the program NAME of `tests/NAME`.
pub(crate) fn build_program(name: &str) -> Result<()> {
    let manifest = repository().join("tests").join(name).join("Cargo.toml");
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(repository().join("target"))
        .current_dir(repository())
        .status()
        .context("cargo")?;
    if !status.success() {
        bail!("{name}: cargo build: {status}");
    }
    Ok(())
}

/// An empty directory `target/vm/NAME`.
pub(crate) fn fresh(name: &str) -> Result<PathBuf> {
    let dir = repository().join("target/vm").join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
    }
    fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    Ok(dir)
}
