// SPDX-License-Identifier: GPL-2.0

//! Packages of other Debian releases, fetched without touching the machine's own apt.
//!
//! An [`Apt`] is a private apt root (own source list, own lists, empty package database) in the
//! cache. The mirror is the one that the machine's apt uses, and signatures are checked with
//! Debian's archive keyring. Environment:
//!
//! | variable | meaning |
//! |---|---|
//! | `WG_MIRROR`, `WG_MIRROR_SECURITY` | mirrors, instead of the machine's own |
//! | `WG_SUITES_NAME` | suites for thing NAME (upper case, `_` for what is no letter or digit) |

use crate::cache;
use crate::progress::{output, Progress};
use anyhow::{bail, Context, Result};
use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Lists older than this are fetched again before something is made.
const LISTS_AGE: Duration = Duration::from_secs(12 * 60 * 60);

/// A package in reach.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
}

impl Package {
    fn exact(&self) -> String {
        format!("{}={}", self.name, self.version)
    }
}

/// A private apt root.
pub(crate) struct Apt {
    config: PathBuf,
}

/// The suites for `thing`: those of the environment, or `default`.
fn suites(thing: &str, default: &[&str]) -> Vec<String> {
    let upper = |byte: char| match byte.to_ascii_uppercase() {
        letter if letter.is_ascii_alphanumeric() => letter,
        _ => '_',
    };
    let variable = format!("WG_SUITES_{}", thing.chars().map(upper).collect::<String>());
    match std::env::var(&variable) {
        Ok(value) if !value.trim().is_empty() => {
            value.split_whitespace().map(str::to_owned).collect()
        }
        _ => default.iter().map(|suite| (*suite).to_owned()).collect(),
    }
}

/// The mirrors for releases and for security updates.
fn mirrors() -> Result<(String, String)> {
    let from = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut command = Command::new("apt-get");
    command.args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(LABEL)",
        "Created-By: Packages",
    ]);
    let text = output(&mut command).unwrap_or_default();
    let find = |security: bool| {
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let right = |(uri, label): &(&str, &str)| {
            // Before the first `apt-get update` there are no labels: go by the address.
            let label = label.trim();
            let of_debian = matches!(label, "Debian" | "Debian-Security") || label.starts_with('$');
            let named = uri.contains("/debian");
            of_debian && named && uri.contains("security") == security
        };
        lines
            .find(right)
            .map(|(uri, _)| uri.trim_end_matches('/').to_owned())
    };
    let main = from("WG_MIRROR")
        .or_else(|| find(false))
        .context("this machine's apt has no Debian mirror; set WG_MIRROR")?;
    let security = from("WG_MIRROR_SECURITY")
        .or_else(|| find(true))
        .unwrap_or_else(|| format!("{main}-security"));
    Ok((main, security))
}

impl Apt {
    /// Opens the root for the suites of `thing`, with fresh lists.
    pub(crate) fn open(thing: &str, default: &[&str], progress: &mut Progress) -> Result<Self> {
        let suites = suites(thing, default);
        let (main, security) = mirrors()?;
        let sources: String = suites
            .iter()
            .map(|suite| {
                let mirror = if suite.ends_with("-security") {
                    &security
                } else {
                    &main
                };
                format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n")
            })
            .collect();
        let dir = cache::root()?.join("apt").join(cache::hash(&[&sources]));
        for sub in [
            "lists/partial",
            "archives/partial",
            "etc/apt.conf.d",
            "etc/preferences.d",
        ] {
            fs::create_dir_all(dir.join(sub))?;
        }
        fs::create_dir_all(dir.join("etc/trusted.gpg.d"))?;
        // Another process may be fetching the same lists; apt itself gives up at once then.
        let _lock = cache::lock(&dir.join("vm.lock"))?;
        fs::write(dir.join("status"), "")?;
        fs::write(dir.join("etc/sources.list"), &sources)?;
        let config = dir.join("apt.conf");
        fs::write(&config, configuration(&dir))?;
        let apt = Self { config };
        apt.update(&dir, &suites, progress)?;
        Ok(apt)
    }

    fn update(&self, dir: &Path, suites: &[String], progress: &mut Progress) -> Result<()> {
        let stamp = dir.join("updated");
        let age = fs::metadata(&stamp).and_then(|meta| meta.modified()).ok();
        if age
            .and_then(|time| time.elapsed().ok())
            .is_some_and(|age| age < LISTS_AGE)
        {
            return Ok(());
        }
        progress.step(&format!("package lists of {}", suites.join(", ")));
        // A suite that has left the mirror is no reason to stop while others are there.
        match progress.run(self.command("apt-get").arg("update")) {
            Ok(()) => fs::write(&stamp, "")?,
            Err(error) => progress.warn(&format!(
                "not all suites are on the mirror any more; going on with those that are.\n{error}"
            )),
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &self.config).env("LC_ALL", "C");
        command
    }

    /// All packages whose name matches the regular expression.
    pub(crate) fn search(&self, pattern: &str) -> Result<Vec<String>> {
        let mut command = self.command("apt-cache");
        let text = output(command.args(["search", "--names-only", pattern]))?;
        let names = text.lines().filter_map(|line| line.split(" - ").next());
        Ok(names.map(|name| name.trim().to_owned()).collect())
    }

    /// All versions of a package that are in reach, newest first.
    pub(crate) fn versions(&self, name: &str) -> Result<Vec<Package>> {
        let text = output(self.command("apt-cache").args(["madison", name]))?;
        let mut packages: Vec<Package> = text
            .lines()
            .filter_map(|line| {
                let mut columns = line.split('|').map(str::trim);
                let name = columns.next()?.to_owned();
                let version = columns.next()?.to_owned();
                Some(Package { name, version })
            })
            .filter(|package| package.name == name)
            .collect();
        packages.sort_by(|a, b| compare(&b.version, &a.version));
        packages.dedup();
        Ok(packages)
    }

    /// The newest version of a package.
    pub(crate) fn newest(&self, name: &str) -> Result<Package> {
        let first = self.versions(name)?.into_iter().next();
        first.with_context(|| format!("package {name} is in none of the suites"))
    }

    /// Names of packages that a package depends on directly.
    pub(crate) fn depends(&self, package: &Package) -> Result<Vec<String>> {
        let text = output(self.command("apt-cache").args(["show", &package.exact()]))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Depends:"));
        let names = line.unwrap_or_default().split(',');
        let name = |item: &str| item.split_whitespace().next().map(str::to_owned);
        Ok(names.filter_map(name).collect())
    }

    /// The packages that installing `names` would bring, as archive file names with versions.
    pub(crate) fn closure(&self, names: &[String]) -> Result<String> {
        let mut command = self.install(names);
        let text = output(command.arg("--print-uris"))?;
        let mut files: Vec<_> = text
            .lines()
            .filter_map(|line| line.split(' ').nth(1))
            .collect();
        files.sort_unstable();
        Ok(files.join("\n"))
    }

    fn install(&self, names: &[String]) -> Command {
        let mut command = self.command("apt-get");
        command.args([
            "install",
            "-qq",
            "-y",
            "--download-only",
            "--no-install-recommends",
        ]);
        command.args(names);
        command
    }

    /// Downloads `names` and all that they need, and unpacks them into `root`.
    pub(crate) fn unpack_closure(
        &self,
        names: &[String],
        root: &Path,
        progress: &mut Progress,
    ) -> Result<()> {
        let debs = root.with_extension("debs");
        fs::create_dir_all(debs.join("partial"))?;
        let mut command = self.install(names);
        command
            .arg("-o")
            .arg(format!("Dir::Cache::archives={}", debs.display()));
        progress.run(&mut command)?;
        unpack_all(&debs, root, progress)
    }

    /// Downloads exactly these packages and unpacks them into `root`.
    pub(crate) fn unpack(
        &self,
        packages: &[Package],
        root: &Path,
        progress: &mut Progress,
    ) -> Result<()> {
        let debs = root.with_extension("debs");
        fs::create_dir_all(&debs)?;
        let mut command = self.command("apt-get");
        command
            .arg("download")
            .args(packages.iter().map(Package::exact));
        progress.run(command.current_dir(&debs))?;
        unpack_all(&debs, root, progress)
    }
}

/// Unpacks every archive in `debs` into `root`, and removes them.
fn unpack_all(debs: &Path, root: &Path, progress: &mut Progress) -> Result<()> {
    fs::create_dir_all(root)?;
    let mut files: Vec<_> = fs::read_dir(debs)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
    // base-files makes the links /bin, /lib, /sbin that the others are unpacked through.
    files.sort_by_key(|path| !path.to_string_lossy().contains("/base-files_"));
    if files.is_empty() {
        bail!("nothing was downloaded");
    }
    for file in files {
        progress.run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(root))?;
    }
    Ok(fs::remove_dir_all(debs)?)
}

/// Order of two version numbers, by Debian's rules.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let less = |a: &str, b: &str| {
        let mut command = Command::new("dpkg");
        command.args(["--compare-versions", a, "lt", b]);
        command.status().is_ok_and(|status| status.success())
    };
    if a == b {
        Ordering::Equal
    } else if less(a, b) {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "Dir \"{dir}\";\n\
         Dir::State \"{dir}\";\n\
         Dir::State::status \"{dir}/status\";\n\
         Dir::State::lists \"{dir}/lists\";\n\
         Dir::Cache \"{dir}\";\n\
         Dir::Cache::archives \"{dir}/archives\";\n\
         Dir::Etc \"{dir}/etc\";\n\
         APT::Architecture \"amd64\";\n\
         APT::Architectures {{ \"amd64\"; }};\n\
         APT::Sandbox::User \"\";\n\
         Acquire::GzipIndexes \"true\";\n\
         Acquire::Languages \"none\";\n\
         # A mirror may be a frozen copy. Signatures are checked all the same.\n\
         Acquire::Check-Valid-Until \"false\";\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_debian_order() {
        assert_eq!(compare("5.10.262-1", "5.10.223-1"), Ordering::Greater);
        assert_eq!(compare("7.2.12-1~bpo13+1", "7.2.12-1"), Ordering::Less);
        assert_eq!(compare("1.2", "1.2"), Ordering::Equal);
    }

    #[test]
    fn suites_by_default() {
        assert_eq!(suites("debian-0.0", &["a", "b"]), ["a", "b"]);
    }
}
