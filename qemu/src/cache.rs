// SPDX-License-Identifier: GPL-2.0

//! The cache of prepared things: kernels, the root file system, library sources.
//!
//! A thing is a directory `NAME-KEY`, where the key is a hash of what made it: its recipe (file
//! contents, package names, the code's own version number of the recipe) and the versions of the
//! packages that were in reach. It is built beside its place and renamed when complete, so a
//! directory of that name is always whole. A link `current/NAME-RECIPE` leads from the recipe,
//! which is known without a network, to the newest thing made by it.

use anyhow::{bail, Context, Result};
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Where everything is kept: `$WG_CACHE`, `$XDG_CACHE_HOME/wireguard-rs` or `~/.cache/wireguard-rs`.
pub(crate) fn root() -> Result<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let root = if let Some(dir) = from("WG_CACHE") {
        PathBuf::from(dir)
    } else if let Some(dir) = from("XDG_CACHE_HOME") {
        Path::new(&dir).join("wireguard-rs")
    } else {
        let home = from("HOME").context("none of WG_CACHE, XDG_CACHE_HOME and HOME is set")?;
        Path::new(&home).join(".cache/wireguard-rs")
    };
    if root.is_relative() || root.to_string_lossy().contains(char::is_whitespace) {
        bail!(
            "{}: the cache needs an absolute path without blanks",
            root.display()
        );
    }
    fs::create_dir_all(&root).with_context(|| root.display().to_string())?;
    Ok(root)
}

/// Waits until no other process has this lock; it is ours until the returned file is dropped.
pub(crate) fn lock(path: &Path) -> Result<Flock<File>> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    Ok(Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno)?)
}

/// Twelve hexadecimal digits that stand for all of `parts`.
pub(crate) fn hash<P: AsRef<[u8]>>(parts: &[P]) -> String {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update(part.as_ref().len().to_le_bytes());
        sum.update(part);
    }
    let digest = sum.finalize();
    digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Something that is made once: its name and the hash of its recipe.
pub(crate) struct Thing {
    name: String,
    recipe: String,
}

impl Thing {
    /// A thing called `name`, made as all of `recipe` says.
    pub(crate) fn new<P: AsRef<[u8]>>(name: &str, recipe: &[P]) -> Self {
        Self {
            name: name.to_owned(),
            recipe: hash(recipe),
        }
    }

    fn pointer(&self) -> Result<PathBuf> {
        let name = format!("{}-{}", self.name, self.recipe);
        Ok(root()?.join("current").join(name))
    }

    /// The directory, if the thing has been made.
    pub(crate) fn find(&self) -> Result<Option<PathBuf>> {
        // The link may lead nowhere when someone tidied the cache.
        Ok(fs::canonicalize(self.pointer()?).ok())
    }

    /// The directory; an error that says how to make it if it is not there.
    pub(crate) fn need(&self) -> Result<PathBuf> {
        let name = &self.name;
        self.find()?
            .with_context(|| format!("{name} is not prepared: run `vm prepare {name}`"))
    }

    /// Makes the thing unless it is there. `versions` says what goes into it; `build` fills the
    /// empty directory that it is given first, to be found later under the path given second.
    pub(crate) fn prepare(
        &self,
        refresh: bool,
        versions: impl FnOnce() -> Result<String>,
        build: impl FnOnce(&Path, &Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let root = root()?;
        let _lock = lock(&root.join(format!("{}.lock", self.name)))?;
        if let Some(dir) = self.find()?.filter(|_| !refresh) {
            return Ok(dir);
        }
        let versions = versions()?;
        let key = hash(&[self.recipe.as_bytes(), versions.as_bytes()]);
        let dir = root.join(format!("{}-{key}", self.name));
        if !dir.exists() {
            let start = Instant::now();
            let temp = root.join(format!("tmp-{}-{key}", self.name));
            if temp.exists() {
                fs::remove_dir_all(&temp)?;
            }
            fs::create_dir_all(&temp)?;
            fs::write(temp.join("made-of"), &versions)?;
            build(&temp, &dir).with_context(|| format!("making {}", self.name))?;
            fs::rename(&temp, &dir)?;
            let seconds = start.elapsed().as_secs();
            eprintln!(
                "vm: {} is ready in {} ({seconds} s)",
                self.name,
                dir.display()
            );
        }
        let pointer = self.pointer()?;
        let fresh = pointer.with_extension("new");
        fs::create_dir_all(root.join("current"))?;
        let _ = fs::remove_file(&fresh);
        std::os::unix::fs::symlink(&dir, &fresh)?;
        fs::rename(&fresh, &pointer)?;
        Ok(dir)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_one_owner() {
        let path = std::env::temp_dir().join(format!("wg-vm-lock-{}", std::process::id()));
        let held = lock(&path).unwrap();
        let other = || Flock::lock(File::open(&path).unwrap(), FlockArg::LockExclusiveNonblock);
        assert!(other().is_err());
        drop(held);
        assert!(other().is_ok());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn hash_tells_parts_apart() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_eq!(hash(&["ab", "c"]), hash(&["ab", "c"]));
        assert_eq!(hash(&["x"]).len(), 12);
    }
}
