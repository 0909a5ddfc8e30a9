// SPDX-License-Identifier: GPL-2.0

//! `vm matrix`: every kernel of the table by every scenario there is, and the configurations that
//! are only built against.
//!
//! What a run finds is kept in `tests/matrix`, a file per kernel and world, so that the run may be done in
//! parts, on several machines, or end early: a test that is run again takes the place of what it found
//! before. The page ([`crate::matrix_page`]) is written from all that is there, each finding with its
//! revision.

use crate::build;
use crate::kernel::{self, Kernel, KERNELS};
use crate::matrix_page;
use crate::plan::{Plan, Show};
use crate::progress::output;
use crate::source;
use crate::suite::{self, Done, Fate};
use crate::workplace::{self, World};
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What `names` may ask for beside scenarios.
const CONFIGURATIONS: &str = "configurations";

/// A kernel and the world of the module on it: a column of the table.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    /// The kernel.
    pub(crate) kernel: &'static Kernel,
    /// The world.
    pub(crate) world: World,
}

impl Column {
    /// The kernel's columns.
    fn of(kernel: &'static Kernel) -> impl Iterator<Item = Self> {
        let worlds = kernel.worlds().iter();
        worlds.map(move |&world| Self { kernel, world })
    }

    /// What it is called in the table, and its file.
    pub(crate) fn name(&self) -> String {
        match self.kernel.worlds() {
            [_] => self.kernel.vehicle.to_owned(),
            _ => format!("{} {}", self.kernel.vehicle, self.world.name()),
        }
    }

    fn file(&self) -> String {
        self.name().replace(' ', "-")
    }
}

/// What was found on one kernel.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Found {
    /// What `uname -r` says.
    pub(crate) release: String,
    /// The compiler that the kernel was built by.
    pub(crate) compiler: String,
    /// How the build of our module ended: empty if without a warning.
    pub(crate) complaint: String,
    /// Lines of the module's modinfo: world and Rust compiler.
    pub(crate) world: String,
    /// See `world`.
    pub(crate) rustc: String,
    /// Bytes of the module's code.
    pub(crate) text: u64,
    /// Revision of the repository that the module was built of.
    pub(crate) revision: String,
    /// The tests, by their names: SCENARIO or SCENARIO/CASE.
    #[serde(default)]
    pub(crate) tests: BTreeMap<String, Noted>,
}

/// What became of a test, and at which revision; a line of text in the file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Noted {
    /// Revision of the repository that the module was built of.
    pub(crate) revision: String,
    /// What became of it.
    pub(crate) fate: Fate,
}

/// Between the things that were wrong.
const AND: &str = "; ";

impl From<Noted> for String {
    fn from(noted: Noted) -> Self {
        let what = match noted.fate {
            Fate::Passed => "passed".to_owned(),
            Fate::Failed(problems) => format!("failed: {}", problems.join(AND)),
            Fate::Skipped(reason) => format!("skipped: {reason}"),
        };
        format!("{} {what}", noted.revision)
    }
}

impl TryFrom<String> for Noted {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let strange = || format!("not REVISION and what became of a test: {text}");
        let (revision, what) = text.split_once(' ').ok_or_else(strange)?;
        let fate = match what.split_once(": ") {
            None if what == "passed" => Fate::Passed,
            Some(("failed", problems)) => {
                Fate::Failed(problems.split(AND).map(str::to_owned).collect())
            }
            Some(("skipped", reason)) => Fate::Skipped(reason.to_owned()),
            _ => return Err(strange()),
        };
        let revision = revision.to_owned();
        Ok(Self { revision, fate })
    }
}

/// A configuration that our module was built against.
#[derive(Serialize, Deserialize)]
pub(crate) struct Configured {
    /// Its name: the fragment's in `tests/configurations`.
    pub(crate) name: String,
    /// The kernel's version.
    pub(crate) version: String,
    /// The fragment's first line: what it is.
    pub(crate) about: String,
    /// The revision.
    pub(crate) revision: String,
    /// What became of it.
    pub(crate) fate: Fate,
}

/// All configurations.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Configurations {
    /// In the order of their names.
    #[serde(default)]
    pub(crate) built: Vec<Configured>,
}

/// What was asked for.
pub(crate) struct Wish {
    /// Kernels or vehicles; without any, all.
    pub(crate) on: Vec<String>,
    /// World of our module; without it, all that a kernel can have.
    pub(crate) world: Option<World>,
    /// Scenarios, SCENARIO/CASE, or [`CONFIGURATIONS`]; without any, all.
    pub(crate) names: Vec<String>,
    /// Tests at a time.
    pub(crate) jobs: usize,
    /// The modules that are there are taken.
    pub(crate) built: bool,
    /// Time that scripts get beyond what their scenario gives them.
    pub(crate) longer: Duration,
}

/// Runs what was asked for and writes the page.
pub(crate) fn run(wish: &Wish, page_only: bool) -> Result<ExitCode> {
    let Wish { on, names, .. } = wish;
    let mut bad = false;
    if !page_only {
        let kernels: Vec<&'static Kernel> = if on.is_empty() {
            // (what looks for faults has pages of its own: docs/reliability)
            KERNELS.iter().filter(|kernel| !kernel.debugs()).collect()
        } else {
            on.iter()
                .map(|name| kernel::find(name))
                .collect::<Result<_>>()?
        };
        let asked = |name: &str| names.iter().any(|one| one == name);
        let scenarios: Vec<String> = names
            .iter()
            .filter(|name| *name != CONFIGURATIONS)
            .cloned()
            .collect();
        let only_configurations = scenarios.is_empty() && asked(CONFIGURATIONS);
        if !only_configurations {
            for column in kernels.into_iter().flat_map(Column::of) {
                if wish.world.is_none_or(|world| world == column.world) {
                    bad |= !on_kernel(column, wish, &scenarios)?;
                }
            }
        }
        if asked(CONFIGURATIONS) || (on.is_empty() && scenarios.is_empty()) {
            bad |= !configurations(&revision()?)?;
        }
    }
    let page = matrix_page::write(&load_all()?, &load(CONFIGURATIONS)?)?;
    let path = workplace::repository().join("docs/compatibility.md");
    fs::write(&path, &page).with_context(|| path.display().to_string())?;
    println!("\n{page}");
    Ok(ExitCode::from(u8::from(bad)))
}

/// What earlier runs found, in the order of the table.
fn load_all() -> Result<Vec<(Column, Found)>> {
    let columns = KERNELS
        .iter()
        .filter(|kernel| !kernel.debugs())
        .flat_map(Column::of);
    columns
        .map(|column| Ok((column, load(&column.file())?)))
        .collect()
}

fn path(name: &str) -> PathBuf {
    let dir = workplace::repository().join("tests/matrix");
    dir.join(format!("{name}.toml"))
}

fn load<T: Default + DeserializeOwned>(name: &str) -> Result<T> {
    match fs::read_to_string(path(name)) {
        Ok(text) => toml::from_str(&text).with_context(|| path(name).display().to_string()),
        Err(_) => Ok(T::default()),
    }
}

fn store<T: Serialize>(name: &str, value: &T) -> Result<()> {
    let path = path(name);
    fs::create_dir_all(path.parent().context("a path without a parent")?)?;
    Ok(fs::write(path, toml::to_string(value)?)?)
}

/// The repository's revision, as the module's build writes it.
fn revision() -> Result<String> {
    let mut command = Command::new("bash");
    command.arg(workplace::repository().join("module/build/build.sh"));
    Ok(output(command.arg("revision"))?.trim().to_owned())
}

/// Builds for one kernel and runs the tests; whether all is well.
fn on_kernel(column: Column, wish: &Wish, scenarios: &[String]) -> Result<bool> {
    let Column { kernel, world } = column;
    println!("== {}", column.name());
    kernel.prepare(false)?;
    let parts = kernel.parts()?;
    let mut found: Found = load(&column.file())?;
    found.release = parts.release;
    found.compiler = build::kernel_compiler(&parts.kdir);
    let mut module =
        Some(workplace::module(kernel, Some(world))?).filter(|path| wish.built && path.exists());
    if module.is_none() {
        let outcome = build::run(kernel, Some(world))?;
        module = outcome.module;
        found.complaint = outcome.tail;
    }
    let Some(module) = module else {
        println!("{}", found.complaint);
        found.revision = revision()?;
        store(&column.file(), &found)?;
        return Ok(false);
    };
    found.complaint = String::new();
    found.world = build::info(&module, "world");
    found.rustc = build::info(&module, "rustc");
    found.text = build::text_size(&module);
    found.revision = build::info(&module, "revision");
    let plan = Plan {
        names: scenarios.to_vec(),
        on: vec![kernel.vehicle.to_owned()],
        modules: Vec::new(),
        world: Some(world),
        file: None,
        jobs: wish.jobs,
        show: Show::Verdicts,
        repeat: 1,
        second_attempt: true,
        env: Vec::new(),
        longer: wish.longer,
        thorough: true,
    };
    store(&column.file(), &found)?;
    let keeping = Mutex::new(());
    let results = suite::results(&plan, &|done| {
        let _keeping = keeping.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = keep(&column.file(), &found.revision, done) {
            println!("note: {error:#}");
        }
    })?;
    Ok(!results
        .iter()
        .any(|done| matches!(done.fate, Fate::Failed(_))))
}

/// Adds what became of a test to what is kept by now: another run may have added to it meanwhile.
fn keep(file: &str, revision: &str, done: &Done) -> Result<()> {
    let mut found: Found = load(file)?;
    let noted = Noted {
        revision: revision.to_owned(),
        fate: done.fate.clone(),
    };
    found.tests.insert(done.name(), noted);
    store(file, &found)
}

/// Builds against every configuration of `tests/configurations`; whether all is well.
fn configurations(revision: &str) -> Result<bool> {
    let dir = workplace::repository().join("tests/configurations");
    let mut paths: Vec<_> = fs::read_dir(&dir)
        .with_context(|| dir.display().to_string())?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "config"))
        .collect();
    paths.sort();
    let mut all: Configurations = load(CONFIGURATIONS)?;
    let mut bad = false;
    for path in &paths {
        let text = fs::read_to_string(path)?;
        let comment = |start: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(start));
            line.unwrap_or_default().trim().to_owned()
        };
        for version in comment("# versions:").split_whitespace() {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let fate = configure(&dir.join("run"), path, version)?;
            let word = if fate == Fate::Passed { "ok  " } else { "FAIL" };
            println!("{word} configuration {name} of {version}");
            bad |= fate != Fate::Passed;
            all.built
                .retain(|old| (old.name.as_str(), old.version.as_str()) != (&name, version));
            all.built.push(Configured {
                name: name.into_owned(),
                version: version.to_owned(),
                about: comment("# about:"),
                revision: revision.to_owned(),
                fate,
            });
            store(CONFIGURATIONS, &all)?;
        }
    }
    Ok(!bad)
}

fn configure(script: &Path, fragment: &Path, version: &str) -> Result<Fate> {
    let tree = source::prepare(version)?;
    let mut command = Command::new("bash");
    command.arg(script).arg(fragment).arg(&tree);
    let ended = command.output().context("tests/configurations/run")?;
    let text = [ended.stdout, ended.stderr].concat();
    if ended.status.success() {
        return Ok(Fate::Passed);
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let tail = lines
        .get(lines.len().saturating_sub(8)..)
        .unwrap_or_default();
    tail.iter().for_each(|line| println!("     | {line}"));
    Ok(Fate::Failed(tail.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::{Fate, Noted};

    #[test]
    fn findings_as_lines() {
        for (line, fate) in [
            ("1f passed", Fate::Passed),
            (
                "1f failed: a: b; c",
                Fate::Failed(vec!["a: b".to_owned(), "c".to_owned()]),
            ),
            ("1f skipped: no IPv6", Fate::Skipped("no IPv6".to_owned())),
        ] {
            let noted = Noted::try_from(line.to_owned());
            assert!(
                noted.as_ref().is_ok_and(|noted| noted.fate == fate),
                "{line}"
            );
            assert_eq!(noted.map(String::from), Ok(line.to_owned()));
        }
        for line in ["passed", "1f", "1f other: x", "1f failed"] {
            assert!(Noted::try_from(line.to_owned()).is_err(), "{line}");
        }
    }
}
