// SPDX-License-Identifier: GPL-2.0

//! Programs that run in guests and that no Debian package brings: built once from the crate
//! registry, at a version of our choice, with the dependencies that its authors locked.
//!
//! [`PROGRAMS`] is the table. A scenario names what it wants (`crates = ["boringtun-cli"]`) and
//! finds it in `/vm`.

use crate::cache::Thing;
use crate::progress::Progress;
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A program and where it comes from.
pub(crate) struct Program {
    /// Its name: that of the crate and that of the executable.
    pub(crate) name: &'static str,
    /// The crate's version.
    version: &'static str,
}

/// All programs.
pub(crate) static PROGRAMS: [Program; 1] = [Program {
    name: "boringtun-cli",
    version: "0.7.1",
}];

/// The program of this name.
pub(crate) fn find(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.name == name)
}

impl Program {
    /// The thing in the cache. The compiler is no part of it: any will do.
    pub(crate) fn thing(&self) -> Thing {
        Thing::new(self.name, &[self.version, "1"])
    }

    /// The executable.
    pub(crate) fn file(&self) -> Result<PathBuf> {
        Ok(self.thing().need()?.join("bin").join(self.name))
    }

    /// Builds it, if needed, and gives its directory.
    pub(crate) fn prepare(&self, refresh: bool) -> Result<PathBuf> {
        let label = format!("{} {}", self.name, self.version);
        self.thing().prepare(
            refresh,
            || Ok(label.clone()),
            |temp, _| {
                let mut progress = Progress::new(self.name);
                progress.step(&format!("compiling {label}"));
                let target = temp.join("target");
                let mut command = Command::new("cargo");
                command.args([
                    "install",
                    "--locked",
                    "--no-track",
                    "--version",
                    self.version,
                ]);
                command
                    .arg("--root")
                    .arg(temp)
                    .arg("--target-dir")
                    .arg(&target);
                // Neither our own settings nor flags for our own code.
                command.arg(self.name).current_dir(temp);
                command
                    .env_remove("RUSTFLAGS")
                    .env_remove("CARGO_TARGET_DIR");
                progress.run(&mut command)?;
                fs::remove_dir_all(&target).with_context(|| target.display().to_string())
            },
        )
    }
}
