// SPDX-License-Identifier: GPL-2.0

//! Programs of a newer Debian that run here: a kernel's build tools (modpost, objtool and others of
//! linux-kbuild) and its compiler, where they want a newer C library than this machine's.
//!
//! The compiler uses the assembler of its own suite: an older one does not read all that it writes.
//!
//! Such a program is started by the loader of its own suite, with that suite's libraries, which are
//! unpacked beside it and seen by nothing else. The program's place is taken by a script.

use crate::apt::{Apt, Package};
use crate::progress::{output, Progress};
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where libraries and compiler are unpacked.
const FOREIGN: &str = "foreign";

/// Makes type information for modules; the kernel's build looks for it in the search path.
const PAHOLE: &str = "pahole";
/// What Debian's compilers are called, and their assembler, by its full name and nowhere else.
const PREFIX: &str = "x86_64-linux-gnu-";
/// Starts what the compiler starts, but for the assembler, which is the compiler's own.
const WRAPPER: &str = "foreign/wrapper";

/// A folder with it alone.
pub(crate) const PATH: &str = "foreign/path";

/// Makes the build tools among `packages`, unpacked in `root`, run on this machine, and gives the
/// path in `root` of the compiler that `headers` (a folder) name, if it is newer than this machine's:
/// an older one's flags are known to a newer one, not the other way round. All will be found under
/// `place` later.
pub(crate) fn adapt(
    apt: &Apt,
    packages: &[Package],
    (root, place): (&Path, &Path),
    headers: &Path,
    progress: &mut Progress,
) -> Result<Option<PathBuf>> {
    let tools = packages
        .iter()
        .find(|package| package.name.starts_with("linux-kbuild-"))
        .context("headers without linux-kbuild")?;
    let mut strangers = Vec::new();
    collect(&root.join("usr/lib").join(&tools.name), &mut strangers)?;
    let compiler = newer_compiler(headers)?;
    if strangers.is_empty() && compiler.is_none() {
        return Ok(None);
    }
    let mut wanted = apt.depends(tools)?;
    wanted.retain(|name| name.starts_with("lib") || name == "zlib1g" || name == PAHOLE);
    wanted.extend(compiler.clone());
    progress.step(&format!("{} of its own suite", wanted.join(", ")));
    apt.unpack_closure(&wanted, &root.join(FOREIGN), progress)?;
    for dir in ["usr/bin", "usr/libexec"] {
        let dir = root.join(FOREIGN).join(dir);
        if dir.exists() {
            collect(&dir, &mut strangers)?;
        }
    }
    for path in strangers {
        let own = path.with_extension(extension(&path));
        fs::rename(&path, &own)?;
        let own = place.join(own.strip_prefix(root)?);
        let libraries = place.join(FOREIGN);
        let (own, libraries) = (own.display(), libraries.display());
        let driver = compiler.as_ref().map(|name| format!("{PREFIX}{name}"));
        let wrapper = match driver {
            Some(name) if path.ends_with(&name) => {
                format!(" -wrapper {}", place.join(WRAPPER).display())
            }
            _ => String::new(),
        };
        let text = format!(
            "# A program of a newer Debian, with the C library that it wants.\n\
             exec {libraries}/usr/lib64/ld-linux-x86-64.so.2 --argv0 \"$0\" \
             --library-path {libraries}/usr/lib/x86_64-linux-gnu {own}{wrapper} \"$@\"\n"
        );
        script(&path, &text)?;
    }
    if compiler.is_some() {
        let own = place.join(FOREIGN).join("usr/bin");
        let text = format!(
            "# Debian's gcc starts the assembler by its full name, which is that of this machine's.\n\
             program=$1\n\
             shift\n\
             [ \"$program\" != /usr/bin/{PREFIX}as ] || program={}/{PREFIX}as\n\
             exec \"$program\" \"$@\"\n",
            own.display()
        );
        script(&root.join(WRAPPER), &text)?;
    }
    let alone = root.join(PATH);
    fs::create_dir_all(&alone)?;
    if wanted.iter().any(|name| name == PAHOLE) {
        symlink(format!("../usr/bin/{PAHOLE}"), alone.join(PAHOLE))?;
    }
    Ok(compiler.map(|name| Path::new(FOREIGN).join("usr/bin").join(name)))
}

/// Writes a shell script that can be started.
fn script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{text}"))?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o755),
    )?)
}

/// The compiler that Debian's headers were made for, if this machine's is older.
fn newer_compiler(headers: &Path) -> Result<Option<String>> {
    let path = headers.join(".kernelvariables");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let theirs = text
        .split(|end: char| end.is_whitespace() || end == ')')
        .find(|word| word.starts_with("gcc-"));
    let Some(name) = theirs else {
        return Ok(None);
    };
    let number = |text: &str| text.trim().split('.').next()?.parse::<u32>().ok();
    let theirs = number(name.trim_start_matches("gcc-"));
    let ours = number(&output(Command::new("gcc").arg("-dumpversion"))?);
    Ok((theirs > ours).then(|| name.to_owned()))
}

/// What `path` ends in once a script has its name.
fn extension(path: &Path) -> String {
    let own = path.extension().unwrap_or_default().to_string_lossy();
    if own.is_empty() {
        "elf".to_owned()
    } else {
        format!("{own}.elf")
    }
}

/// Programs below `dir` that this machine's loader refuses.
fn collect(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    for entry in entries.flatten() {
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            collect(&path, found)?;
        } else if kind.is_file() && is_program(&path) && refused(&path)? {
            found.push(path);
        }
    }
    Ok(())
}

fn is_program(path: &Path) -> bool {
    let mut head = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == *b"\x7fELF"
}

/// Whether libraries, or versions of them, are missing here.
fn refused(path: &Path) -> Result<bool> {
    // A missing version is said on the second stream, and is no failure of ldd.
    let told = Command::new("ldd").arg(path).output().context("ldd")?;
    let missing = |text: &[u8]| String::from_utf8_lossy(text).contains("not found");
    Ok(missing(&told.stdout) || missing(&told.stderr))
}
