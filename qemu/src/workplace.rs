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

/// Whose Rust crates a module is built with (module/build/world.sh).
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum World {
    /// Our own core and our stand-in for the kernel's crate.
    Standalone,
    /// The kernel's own.
    Rfl,
}

impl World {
    /// All worlds.
    pub(crate) const ALL: [Self; 2] = [Self::Standalone, Self::Rfl];

    /// As people type it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Rfl => "rfl",
        }
    }

    /// Where the build leaves the module of this world for a kernel release.
    fn module(self, release: &str) -> PathBuf {
        let folder = match self {
            Self::Standalone => release.to_owned(),
            Self::Rfl => format!("{release}-rfl"),
        };
        repository().join("out").join(folder).join("wireguard.ko")
    }
}

/// The module that the build of this repository has left for a kernel: that of `world`, or else the
/// one that was built last.
pub(crate) fn module(kernel: &Kernel, world: Option<World>) -> Result<PathBuf> {
    let release = kernel.parts()?.release;
    let worlds = world.map_or(World::ALL.to_vec(), |world| vec![world]);
    let modules = worlds.iter().map(|world| world.module(&release));
    let built = |path: &PathBuf| fs::metadata(path).and_then(|data| data.modified()).ok();
    modules
        .max_by_key(built)
        .context("there is at least one world")
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
