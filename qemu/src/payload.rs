// SPDX-License-Identifier: GPL-2.0

//! What a guest sees as `/vm`: this program, its helper commands, the scripts, the module.
//!
//! User-Mode Linux mounts the directory itself; QEMU gets it as a tar archive on a disk.

use crate::{fail_nth, flood, fuzz_netlink, fuzz_packets, helper, rogue};
use anyhow::{bail, Context, Result};
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::process::Command;

/// Name of our module's file in the payload.
const MODULE: &str = "wireguard.ko";

/// Which WireGuard module a machine loads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Module {
    /// None at all.
    None,
    /// The kernel's own, written in C.
    C,
    /// A file: ours.
    File(std::path::PathBuf),
}

impl Module {
    /// What `guest/start` calls it.
    fn word(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::C => "c".to_owned(),
            Self::File(_) => format!("/vm/{MODULE}"),
        }
    }

    /// The words before a command that load this module first.
    pub(crate) fn starter(&self) -> Vec<String> {
        vec!["/vm/bin/start".to_owned(), self.word()]
    }
}

/// Fills the directory `dir` for a machine that loads `module` and finds `extra` files (host path)
/// under `/vm`.
pub(crate) fn fill(dir: &Path, module: &Module, extra: &[&Path]) -> Result<()> {
    let bin = dir.join("bin");
    fs::create_dir_all(&bin)?;
    let myself = std::env::current_exe().context("own program")?;
    copy(&myself, &bin.join("vm"))?;
    let programs = [
        flood::NAME,
        rogue::NAME,
        fuzz_netlink::NAME,
        fail_nth::NAME,
        fuzz_packets::NAME,
    ];
    for name in helper::NAMES.into_iter().chain(programs) {
        symlink("vm", bin.join(name))?;
    }
    script(
        &bin.join("load-module"),
        include_str!("../guest/load-module"),
    )?;
    script(&bin.join("start"), include_str!("../guest/start"))?;
    script(&bin.join("finish"), include_str!("../guest/finish"))?;
    if let Module::File(path) = module {
        copy(path, &dir.join(MODULE))?;
    }
    for path in extra {
        let name = path.file_name().context("a payload file without a name")?;
        copy(path, &dir.join(name))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| from.display().to_string())?;
    Ok(())
}

fn script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o755),
    )?)
}

/// Adds `file` (host path) to the payload in `dir`, called `name` there.
pub(crate) fn add(dir: &Path, file: &Path, name: &str) -> Result<()> {
    copy(file, &dir.join(name))
}

/// Packs `dir` into `archive`, padded to whole sectors.
pub(crate) fn pack(dir: &Path, archive: &Path) -> Result<()> {
    let status = Command::new("tar")
        .args(["--format=gnu", "-b", "2048", "-C"])
        .arg(dir)
        .arg("-cf")
        .arg(archive)
        .arg(".")
        .status()
        .context("tar")?;
    if !status.success() {
        bail!("tar {}: {status}", dir.display());
    }
    Ok(())
}
