// SPDX-License-Identifier: GPL-2.0

//! Builds a kernel from Debian's kernel source package: User-Mode Linux, or x86-64 for QEMU.
//!
//! The tree stays, stripped of what no module build reads: it is the build folder (KDIR) of
//! this kernel (User-Mode Linux wants `ARCH=um`).

use crate::apt::Apt;
use crate::kernel::{Kernel, Parts, Runs};
use crate::progress::{output, Progress};
use crate::{clang, debian, rootfs, rust_kernel};
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes the kernel, if needed, its configuration being `fragments` over what `make BASE` gives.
pub(crate) fn prepare(
    kernel: &Kernel,
    base: &str,
    (version, suites, fragments): (&str, &[&str], &[&str]),
    refresh: bool,
) -> Result<PathBuf> {
    let thing = kernel.thing();
    if let Some(dir) = thing.find()?.filter(|_| !refresh) {
        return Ok(dir);
    }
    let mut progress = Progress::new(kernel.name);
    let apt = Apt::open(kernel.name, suites, &mut progress)?;
    let package = apt.newest(&format!("linux-source-{version}"))?;
    let mut packages = vec![package.clone()];
    if kernel.runs == Runs::Qemu {
        packages.push(apt.newest("busybox-static")?);
    }
    let debug = kernel.debugs();
    let rust = kernel.has_rust();
    let mut settings = Vec::new();
    if rust {
        settings = rust_kernel::settings()?;
    }
    let mut compiler = "gcc".to_owned();
    if debug {
        let version = clang::newest()?;
        settings.push(("LLVM", format!("-{version}")));
        compiler = format!("clang-{version}");
    }
    let builder = Builder {
        arch: match kernel.runs {
            Runs::Uml => "um",
            Runs::Qemu => "x86_64",
        },
        settings,
    };
    let compiler = output(Command::new(compiler).arg("--version"))?;
    let compiler = compiler.lines().next().unwrap_or_default().to_owned();
    let versions = || {
        let mut lines: Vec<String> = packages
            .iter()
            .map(|package| format!("{} {}", package.name, package.version))
            .collect();
        lines.push(compiler);
        if rust {
            lines.push(rust_kernel::compiler());
        }
        Ok(lines.join("\n"))
    };
    thing.prepare(refresh, versions, |temp, _| {
        progress.step(&format!("{} {}", package.name, package.version));
        let unpacked = temp.join("package");
        apt.unpack(&packages, &unpacked, &mut progress)?;
        let archive = unpacked.join(format!("usr/src/{}.tar.xz", package.name));
        let tree = temp.join("tree");
        fs::create_dir_all(&tree)?;
        let mut tar = Command::new("tar");
        tar.arg("-xf")
            .arg(archive)
            .args(["--strip-components=1", "-C"])
            .arg(&tree);
        progress.run(&mut tar)?;

        if debug && kernel.runs == Runs::Uml {
            clang::mend(&tree, kernel.runs)?;
        }
        progress.step("configuration");
        builder.configure(&tree, base, fragments, &mut progress)?;
        progress.step("compiling, up to 2,800 steps");
        let jobs = std::thread::available_parallelism().map_or(2, usize::from);
        progress.run(builder.make(&tree).arg(format!("-j{jobs}")))?;
        let release = fs::read_to_string(tree.join("include/config/kernel.release"))?;
        let release = release.trim().to_owned();
        let root = match kernel.runs {
            Runs::Uml => temp.join("modules"),
            Runs::Qemu => unpacked.join("thin"),
        };
        let install = format!("INSTALL_MOD_PATH={}", root.display());
        progress.run(
            builder
                .make(&tree)
                .args([install.as_str(), "modules_install"]),
        )?;
        // It leads to the temporary place, and nothing needs it.
        let _ = fs::remove_file(root.join(format!("lib/modules/{release}/build")));
        let mut parts = Parts {
            release,
            image: PathBuf::from("linux"),
            modules: PathBuf::from("modules/lib/modules"),
            initrd: None,
            kdir: PathBuf::from("tree"),
            compiler: None,
            path: None,
        };
        match kernel.runs {
            Runs::Uml => fs::rename(tree.join("linux"), temp.join("linux"))?,
            Runs::Qemu => {
                parts.image = PathBuf::from("vmlinux");
                parts.modules = PathBuf::from("modules.squashfs");
                parts.initrd = Some(PathBuf::from("initrd"));
                fs::rename(tree.join("vmlinux"), temp.join("vmlinux"))?;
                debian::initrd(&unpacked, &root, &parts.release)?;
                fs::rename(unpacked.join("initrd"), temp.join("initrd"))?;
                let modules = root.join("lib/modules");
                rootfs::squash(&modules, &temp.join("modules.squashfs"), &mut progress)?;
            }
        }
        fs::remove_dir_all(&unpacked)?;
        strip(&tree)?;
        parts.store(temp)
    })
}

/// What every call of the kernel's make is told.
struct Builder {
    arch: &'static str,
    settings: Vec<(&'static str, String)>,
}

impl Builder {
    fn make(&self, tree: &Path) -> Command {
        let mut command = Command::new("make");
        command
            .arg("-C")
            .arg(tree)
            .arg(format!("ARCH={}", self.arch));
        command.args(["KBUILD_BUILD_USER=vm", "KBUILD_BUILD_HOST=vm"]);
        for (name, value) in &self.settings {
            command.arg(format!("{name}={value}")).env(name, value);
        }
        command
    }

    /// The configuration that `make BASE` gives with our fragments over it, all of them in force, but
    /// where a later one says otherwise.
    fn configure(
        &self,
        tree: &Path,
        base: &str,
        fragments: &[&str],
        progress: &mut Progress,
    ) -> Result<()> {
        progress.run(self.make(tree).arg(base))?;
        let path = tree.join(".config");
        let mut config = fs::read_to_string(&path)?;
        for fragment in fragments {
            config.push_str(fragment);
        }
        fs::write(&path, config)?;
        progress.run(self.make(tree).arg("olddefconfig"))?;
        let config = fs::read_to_string(&path)?;
        let lines: Vec<_> = fragments
            .iter()
            .flat_map(|fragment| fragment.lines())
            .collect();
        let ignored: Vec<_> = last_words(&lines)
            .filter(|line| !in_force(&config, line))
            .collect();
        if !ignored.is_empty() {
            bail!(
                "this kernel ignores parts of its configuration:\n{}",
                ignored.join("\n")
            );
        }
        Ok(())
    }
}

/// The option that a line of a fragment sets, or says not to be set.
fn option(line: &str) -> Option<&str> {
    let name = match line.strip_prefix("# ") {
        Some(rest) => rest.strip_suffix(" is not set"),
        None => line.split_once('=').map(|(name, _)| name),
    };
    name.filter(|name| name.starts_with("CONFIG_"))
}

/// The lines that no later one contradicts.
fn last_words<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let later = |at: usize| lines.iter().skip(at + 1);
    lines.iter().enumerate().filter_map(move |(at, line)| {
        let name = option(line);
        let overruled = name.is_some() && later(at).any(|other| option(other) == name);
        (!overruled).then_some(*line)
    })
}

/// Whether a line of a fragment holds in the final configuration.
fn in_force(config: &str, line: &str) -> bool {
    let unset = line
        .strip_prefix("# ")
        .and_then(|rest| rest.strip_suffix(" is not set"));
    match unset {
        Some(name) => {
            let set = format!("{name}=");
            !config.lines().any(|line| line.starts_with(&set))
        }
        None if line.starts_with("CONFIG_") => config.lines().any(|have| have == line),
        None => true,
    }
}

/// Removes what no module build reads: objects, and the sources of other parts of the kernel.
fn strip(tree: &Path) -> Result<()> {
    for dir in ["Documentation", "drivers", "fs", "samples", "sound"] {
        fs::remove_dir_all(tree.join(dir)).with_context(|| format!("removing {dir}"))?;
    }
    for dir in [
        "arch", "block", "crypto", "init", "kernel", "lib", "mm", "net", "security",
    ] {
        remove_objects(&tree.join(dir))?;
    }
    for entry in fs::read_dir(tree.join("arch"))?.flatten() {
        let ours = ["um", "x86"].iter().any(|keep| entry.file_name() == *keep);
        if !ours && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path()).context("removing another architecture")?;
        }
    }
    for name in ["vmlinux", "vmlinux.o", "vmlinux.unstripped"] {
        let _ = fs::remove_file(tree.join(name));
    }
    Ok(())
}

/// Removes compiled files below `dir`.
fn remove_objects(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)
        .with_context(|| dir.display().to_string())?
        .flatten()
    {
        let path = entry.path();
        let compiled = path
            .extension()
            .is_some_and(|kind| kind == "o" || kind == "a");
        if entry.file_type()?.is_dir() {
            remove_objects(&path)?;
        } else if compiled {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{in_force, last_words};

    #[test]
    fn later_fragments_win() {
        let lines = ["# Why", "CONFIG_A=y", "CONFIG_B=m", "# CONFIG_A is not set"];
        let left: Vec<_> = last_words(&lines).collect();
        assert_eq!(left, ["# Why", "CONFIG_B=m", "# CONFIG_A is not set"]);
    }

    #[test]
    fn fragments_are_checked() {
        let config = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\n";
        assert!(in_force(config, "CONFIG_A=y"));
        assert!(in_force(config, "# CONFIG_B is not set"));
        assert!(in_force(config, "# CONFIG_GONE is not set"));
        assert!(in_force(config, "# What our kernel has"));
        assert!(!in_force(config, "CONFIG_C=y"));
        assert!(!in_force(config, "# CONFIG_C is not set"));
    }
}
