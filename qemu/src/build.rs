// SPDX-License-Identifier: GPL-2.0

//! `vm build`: our module for a kernel of the table, by the repository's own build, with the
//! compiler that this kernel wants.

use crate::kernel::{self, Kernel, Runs};
use crate::workplace::{self, World};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What came out.
pub(crate) struct Built {
    /// The module, if it was built without a warning.
    pub(crate) module: Option<PathBuf>,
    /// The last lines that the build printed.
    pub(crate) tail: String,
}

/// The build for `kernel`, in `world` or in that which the build chooses.
fn build(kernel: &Kernel, world: Option<World>) -> Result<Command> {
    let parts = kernel.parts()?;
    let mut command = Command::new("bash");
    command.arg(workplace::repository().join("module/build/build.sh"));
    command.env("KDIR", parts.kdir);
    if let Some(world) = world {
        command.env("WORLD", world.name());
    }
    match (parts.compiler, kernel.runs) {
        (Some(compiler), _) => command.env("CC", compiler),
        (None, Runs::Qemu) => command.env("CC", "gcc"),
        (None, _) => command.env_remove("CC"),
    };
    if let Some(first) = parts.path {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(first).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(all)?);
    }
    Ok(command)
}

/// Builds for `kernel`, in `world` or in that which the build chooses; the build's own check refuses any
/// warning of rustc, gcc, objtool or modpost.
pub(crate) fn run(kernel: &Kernel, world: Option<World>) -> Result<Built> {
    let mut command = build(kernel, world)?;
    let output = command.output().context("module/build/build.sh")?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    let tail = lines
        .get(lines.len().saturating_sub(12)..)
        .unwrap_or_default();
    Ok(Built {
        module: output
            .status
            .success()
            .then(|| workplace::module(kernel, world))
            .transpose()?,
        tail: tail.join("\n"),
    })
}

/// A line of `modinfo`.
pub(crate) fn info(module: &Path, field: &str) -> String {
    let mut command = Command::new("modinfo");
    command.args(["-F", field]).arg(module);
    let text = crate::progress::output(&mut command).unwrap_or_default();
    text.trim().to_owned()
}

/// Bytes of the module's text, as `size` counts them.
pub(crate) fn text_size(module: &Path) -> u64 {
    let text = crate::progress::output(Command::new("size").arg(module)).unwrap_or_default();
    let line = text.lines().nth(1).unwrap_or_default();
    let first = line.split_whitespace().next().unwrap_or_default();
    first.parse().unwrap_or_default()
}

/// The C compiler that a kernel was built by, as its configuration says.
pub(crate) fn kernel_compiler(kdir: &Path) -> String {
    let text = fs::read_to_string(kdir.join("include/config/auto.conf")).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("CONFIG_CC_VERSION_TEXT="));
    line.unwrap_or_default().trim_matches('"').to_owned()
}

/// `vm build`: all these kernels; what the builds say is seen as it comes.
pub(crate) fn all(kernels: &[String], world: Option<World>) -> Result<ExitCode> {
    let mut failed = false;
    for name in kernels {
        let mut command = build(kernel::find(name)?, world)?;
        let status = command.status().context("module/build/build.sh")?;
        failed |= !status.success();
    }
    Ok(ExitCode::from(u8::from(failed)))
}
