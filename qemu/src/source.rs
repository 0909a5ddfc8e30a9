// SPDX-License-Identifier: GPL-2.0

//! Sources of Linux as Debian packages them, unpacked: tests take files of a kernel's own version
//! from them, and kernels that are only built against are configured in them.
//!
//! What no configuration and no test reads is left out, which is half of it.

use crate::apt::Apt;
use crate::cache::Thing;
use crate::kernel::{Kernel, Source};
use crate::progress::Progress;
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What of the tree is not unpacked. Configuration files stay everywhere.
const USELESS: [&str; 9] = [
    "Documentation/*/*",
    "arch/[a-tv-wy-z]*.[chS]",
    "arch/*/boot/dts/*",
    "drivers/gpu/drm/*.[ch]",
    "drivers/media/*.[ch]",
    "drivers/net/wireless/*.[ch]",
    "drivers/staging/*.[ch]",
    "fs/*/*.[ch]",
    "sound/*.[ch]",
];
/// Where each version is looked for; the first suite that has it gives the newest.
const SUITES: [(&str, &[&str]); 4] = [
    ("5.10", &["bullseye", "bullseye-security"]),
    ("6.1", &["bookworm", "bookworm-security"]),
    ("6.12", &["trixie", "trixie-security"]),
    ("7.2", &["sid", "testing", "trixie-backports"]),
];

/// The source tree of a version ("6.12"), fetched if needed.
pub(crate) fn prepare(version: &str) -> Result<PathBuf> {
    let known = SUITES.iter().find(|(known, _)| *known == version);
    let (_, suites) = known.with_context(|| format!("no suites are known for Linux {version}"))?;
    let name = format!("source-{version}");
    let thing = Thing::new(&name, &[USELESS.join(" "), suites.join(" ")]);
    if let Some(dir) = thing.find()? {
        return Ok(dir.join("tree"));
    }
    let mut progress = Progress::new(&name);
    let apt = Apt::open(&name, suites, &mut progress)?;
    let package = apt.newest(&format!("linux-source-{version}"))?;
    let versions = || Ok(format!("{} {}", package.name, package.version));
    let dir = thing.prepare(false, versions, |temp, _| {
        progress.step(&format!("{} {}", package.name, package.version));
        let unpacked = temp.join("package");
        apt.unpack(std::slice::from_ref(&package), &unpacked, &mut progress)?;
        let archive = unpacked.join(format!("usr/src/{}.tar.xz", package.name));
        let tree = temp.join("tree");
        fs::create_dir_all(&tree)?;
        let mut tar = Command::new("tar");
        tar.args(["--strip-components=1", "--wildcards", "--anchored"]);
        // From the top: other folders have an `arch`, too, whose files a configuration needs.
        tar.args(USELESS.map(|pattern| format!("--exclude={}/{pattern}", package.name)));
        tar.arg("-C").arg(&tree).arg("-xf").arg(archive);
        progress.run(&mut tar)?;
        Ok(fs::remove_dir_all(&unpacked)?)
    })?;
    Ok(dir.join("tree"))
}

/// The tree that holds the source of `kernel`.
pub(crate) fn of(kernel: &Kernel) -> Result<PathBuf> {
    match kernel.source {
        Source::Debian { version, .. } => {
            let mut numbers = version.split('.');
            let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
                bail!("{version} is no version");
            };
            prepare(&format!("{major}.{minor}"))
        }
        // Its build folder is its source.
        _ => Ok(kernel.parts()?.kdir),
    }
}
