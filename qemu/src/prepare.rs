// SPDX-License-Identifier: GPL-2.0

//! `vm prepare`, `vm list` and `vm setup`: what must be there before machines can boot.

use crate::kernel::{self, KERNELS};
use crate::program::{self, PROGRAMS};
use crate::{clang, rootfs, rust_kernel, rust_src};
use anyhow::{bail, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What the tests of this repository need.
const USUAL: [&str; 6] = [
    "rust-src",
    "debian-5.10",
    "rootfs",
    "uml-7.2",
    "uml-7.2-time",
    "boringtun-cli",
];

/// Host tools that are looked for, and the packages that bring them.
const TOOLS: [(&str, &str); 21] = [
    ("bc", "bc"),
    ("bindgen", "bindgen"),
    ("bison", "bison"),
    ("c++", "g++"),
    ("cpio", "cpio"),
    ("depmod", "kmod"),
    ("flex", "flex"),
    ("gcc", "gcc"),
    ("ld", "binutils"),
    ("make", "make"),
    ("mksquashfs", "squashfs-tools"),
    ("perl", "perl-base"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("setpriv", "util-linux"),
    ("tar", "tar"),
    ("valgrind", "valgrind"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
    ("/usr/include/libelf.h", "libelf-dev"),
    ("/usr/include/openssl/opensslv.h", "libssl-dev"),
    (
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "debian-archive-keyring",
    ),
];

/// Makes the named things, or the usual ones.
pub(crate) fn prepare(things: &[String], refresh: bool) -> Result<ExitCode> {
    let missing = missing_packages();
    if !missing.is_empty() {
        eprintln!(
            "vm: not installed here: {}; see `vm setup`",
            missing.join(", ")
        );
    }
    let usual: Vec<String> = USUAL.map(str::to_owned).to_vec();
    for name in if things.is_empty() { &usual } else { things } {
        make(name, refresh)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn make(name: &str, refresh: bool) -> Result<PathBuf> {
    match name {
        "rootfs" => rootfs::prepare(refresh),
        "rust-src" => rust_src::prepare(refresh),
        _ => match program::find(name) {
            Some(program) => program.prepare(refresh),
            None => kernel::find(name)?.prepare(refresh),
        },
    }
}

/// Shows all things.
pub(crate) fn list() -> Result<ExitCode> {
    let mut lines = String::new();
    let mut state = |name: &str, dir: Option<PathBuf>| {
        lines += &match dir {
            Some(dir) => format!("{name:14} {}\n", dir.display()),
            None => format!("{name:14} - (vm prepare {name})\n"),
        };
    };
    for kernel in &KERNELS {
        state(kernel.name, kernel.thing().find()?);
    }
    state("rootfs", rootfs::thing().find()?);
    for program in &PROGRAMS {
        state(program.name, program.thing().find()?);
    }
    state("rust-src", rust_src::find().unwrap_or_default());
    match std::io::stdout().write_all(lines.as_bytes()) {
        // Who reads only the first lines (`vm list | head`) has what they want.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn missing_packages() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // A user's path may lack these, where some of the tools are.
    dirs.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let has = |tool: &str| {
        Path::new(tool).exists() && tool.starts_with('/')
            || dirs.iter().any(|dir| dir.join(tool).exists())
    };
    let missing = TOOLS.iter().filter(|(tool, _)| !has(tool));
    missing.map(|(_, package)| *package).collect()
}

/// Installs what is missing, also of what these kernels are built with, or says how.
pub(crate) fn setup(kernels: &[String]) -> Result<ExitCode> {
    let mut missing = missing_packages();
    if !has_libclang() {
        missing.push(libclang_package());
    }
    for name in kernels {
        let kernel = kernel::find(name)?;
        if kernel.has_rust() && rust_kernel::libclang().is_none() {
            missing.push(rust_kernel::PACKAGE);
        }
        if kernel.debugs() && clang::newest().is_err() {
            missing.extend(clang::PACKAGES);
        }
    }
    if missing.is_empty() {
        eprintln!("vm: all host packages are installed");
        return Ok(ExitCode::SUCCESS);
    }
    let list = missing.join(" ");
    let line = format!("apt-get install -y --no-install-recommends {list}");
    if !nix::unistd::geteuid().is_root() {
        bail!("missing host packages; as root: {line}");
    }
    eprintln!("vm: {line}");
    let wait = "DPkg::Lock::Timeout=600";
    for arguments in [vec!["update"], {
        let mut words = vec!["install", "-y", "--no-install-recommends"];
        words.extend(&missing);
        words
    }] {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["-q", "-o", wait]);
        if !command.args(arguments).status()?.success() {
            bail!("apt-get failed");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Debian 12's bindgen understands no libclang later than this.
const OLD_LIBCLANG: (&str, &str) = ("/usr/lib/llvm-14/lib/libclang-14.so.1", "libclang1-14");

fn is_bookworm() -> bool {
    std::fs::read_to_string("/etc/os-release")
        .unwrap_or_default()
        .contains("VERSION_CODENAME=bookworm")
}

/// The package of a libclang that the distribution's bindgen understands.
fn libclang_package() -> &'static str {
    if is_bookworm() {
        OLD_LIBCLANG.1
    } else {
        "libclang-dev"
    }
}

/// Bindgen, in the build of the module, loads this library.
fn has_libclang() -> bool {
    if is_bookworm() {
        return Path::new(OLD_LIBCLANG.0).exists();
    }
    let dirs = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten();
    let mut llvm = dirs.filter(|dir| dir.file_name().to_string_lossy().starts_with("llvm-"));
    let found = llvm.any(|dir| {
        let entries = std::fs::read_dir(dir.path().join("lib"))
            .into_iter()
            .flatten()
            .flatten();
        let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        // Not the C++ interface, libclang-cpp.so.
        names.any(|name| {
            let rest = name.strip_prefix("libclang");
            rest.is_some_and(|rest| {
                rest.starts_with(".so")
                    || rest.starts_with('-') && rest[1..].starts_with(|c: char| c.is_ascii_digit())
            })
        })
    });
    found || std::env::var_os("LIBCLANG_PATH").is_some()
}
