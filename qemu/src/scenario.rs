// SPDX-License-Identifier: GPL-2.0

//! The description of a test: `tests/scenarios/NAME/scenario.toml`.
//!
//! ```toml
//! about = "one sentence"
//! timeout = 60                      # seconds for the scripts (three times that in QEMU)
//! crates = ["boringtun-cli"]        # programs of the table in program.rs, for /vm
//! from_source = ["tools/x.sh"]      # files of Linux 7.2's own source, for /vm
//! from_own_source = ["tools/x.sh"]  # the same files of each machine's own version, as /vm/own-x.sh
//! skip = { "qemu-5.10" = "why" }    # where it cannot run; the reason is printed (cases, too)
//! programs = ["conformance"]        # programs of this repository, for /vm: tests/NAME has NAME
//! unnamed_on = ["uml-7.2"]          # run there only, unless asked for by name
//! travels = true                    # for machines whose clock jumps (uml-7.2-time), and only there
//!
//! [machine.a]                       # each machine runs /vm/a.sh, the file a.sh beside this one
//! [machine.b]
//! module = "c"                      # "ours" (default), "c", or "none"
//! parameters = "ipv6.disable=1"     # more words for the kernel's command line
//!
//! [[link]]                          # a cable; its ends become net0, net1, ... of the machines
//! ends = { a = ["192.168.7.1/24", "fd07::1/64"], b = ["192.168.7.2/24", "fd07::2/64"] }
//!
//! [[case]]                          # without any, there is one case without a name
//! name = "responder"
//! module = { a = "c", b = "ours" }  # over the machines' own
//! env = { PSK = "1" }
//! expect = "text"                   # the case must fail, and a problem must contain this
//! blames = "function"               # ... and the kernel's report that has this text must name that one
//! ```
//!
//! All files of the directory, and those of `tests/common`, are in `/vm` of every machine.

use anyhow::{bail, Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which WireGuard a machine is to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Which {
    /// The module of this repository.
    Ours,
    /// The kernel's own.
    C,
    /// None.
    None,
}

impl std::str::FromStr for Which {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "ours" => Self::Ours,
            "c" => Self::C,
            "none" => Self::None,
            _ => bail!("a module is \"ours\", \"c\" or \"none\", not {text}"),
        })
    }
}

/// A machine of a scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MachineToml {
    /// Which WireGuard it runs.
    #[serde(default = "ours")]
    pub(crate) module: Which,
    /// Megabytes of memory.
    #[serde(default = "memory")]
    pub(crate) memory: u32,
    /// CPUs.
    #[serde(default = "cpus")]
    pub(crate) cpus: u32,
    /// Words for the kernel's command line.
    #[serde(default)]
    pub(crate) parameters: String,
}

fn ours() -> Which {
    Which::Ours
}

fn memory() -> u32 {
    512
}

fn cpus() -> u32 {
    2
}

/// A cable between two machines.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    /// Addresses of each end, by the name of its machine.
    pub(crate) ends: BTreeMap<String, Vec<String>>,
}

/// One way to run a scenario.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// Its name.
    #[serde(default)]
    pub(crate) name: String,
    /// Modules of machines, over their own.
    #[serde(default)]
    pub(crate) module: BTreeMap<String, Which>,
    /// Environment of the scripts.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// A text that must be in one of the problems: the case must fail in this way.
    pub(crate) expect: Option<String>,
    /// A name that the kernel's report of it must have.
    pub(crate) blames: Option<String>,
    /// Seconds for the scripts, over the scenario's.
    pub(crate) timeout: Option<u64>,
    /// Not part of `vm test` without names.
    #[serde(default)]
    pub(crate) by_name_only: bool,
    /// Vehicles on which it cannot run, each with the reason.
    #[serde(default)]
    pub(crate) skip: BTreeMap<String, String>,
}

/// A whole scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it shows.
    pub(crate) about: String,
    /// Seconds for the scripts.
    #[serde(default = "timeout")]
    pub(crate) timeout: u64,
    /// Mostly waits: it is started first, and beside others.
    #[serde(default)]
    pub(crate) patient: bool,
    /// Not part of `vm test` without names.
    #[serde(default)]
    pub(crate) by_name_only: bool,
    /// Files that the machines get from the source of [`crate::kernel::SOURCE`], by their paths there.
    #[serde(default)]
    pub(crate) from_source: Vec<PathBuf>,
    /// Programs that the machines get, of [`crate::program::PROGRAMS`].
    #[serde(default)]
    pub(crate) crates: Vec<String>,
    /// Such files of the source of each machine's own kernel; `own-` is put before their names.
    #[serde(default)]
    pub(crate) from_own_source: Vec<PathBuf>,
    /// Vehicles on which it cannot run, each with the reason.
    #[serde(default)]
    pub(crate) skip: BTreeMap<String, String>,
    /// Programs that the machines get: NAME of `tests/NAME`, built before the tests begin.
    #[serde(default)]
    pub(crate) programs: Vec<String>,
    /// The vehicles on which it is part of `vm test` without names; all, if there are none.
    #[serde(default)]
    pub(crate) unnamed_on: Vec<String>,
    /// For machines whose clock jumps over idle time, and for no others.
    #[serde(default)]
    pub(crate) travels: bool,
    /// The machines, by name.
    #[serde(rename = "machine")]
    pub(crate) machines: BTreeMap<String, MachineToml>,
    /// The cables.
    #[serde(default, rename = "link")]
    pub(crate) links: Vec<Link>,
    /// The cases.
    #[serde(default, rename = "case")]
    pub(crate) cases: Vec<Case>,
    /// The directory it was read from.
    #[serde(skip)]
    pub(crate) dir: PathBuf,
    /// Its name: that of the directory.
    #[serde(skip)]
    pub(crate) name: String,
}

fn timeout() -> u64 {
    60
}

impl Scenario {
    /// Reads the scenario in `dir`.
    pub(crate) fn load(dir: &Path) -> Result<Self> {
        let path = dir.join("scenario.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut scenario = Self::parse(&text).with_context(|| path.display().to_string())?;
        scenario.dir = dir.to_owned();
        let name = dir.file_name().context("a scenario without a directory")?;
        scenario.name = name.to_string_lossy().into_owned();
        for machine in scenario.machines.keys() {
            let script = dir.join(format!("{machine}.sh"));
            if !script.exists() {
                bail!("{} is missing", script.display());
            }
        }
        Ok(scenario)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut scenario: Self = toml::from_str(text)?;
        if scenario.machines.is_empty() {
            bail!("a scenario needs a machine");
        }
        if scenario.cases.is_empty() {
            scenario.cases.push(Case::default());
        }
        let known = |name: &String| {
            if scenario.machines.contains_key(name) {
                return Ok(());
            }
            bail!("no machine is called {name}")
        };
        for link in &scenario.links {
            if link.ends.len() != 2 {
                bail!("a link has two ends on two machines");
            }
            link.ends.keys().try_for_each(known)?;
        }
        for case in &scenario.cases {
            case.module.keys().try_for_each(known)?;
            if case.blames.is_some() && case.expect.is_none() {
                bail!("{}: who is to blame for nothing?", case.name);
            }
        }
        Ok(scenario)
    }

    /// Why a case of it cannot run on a vehicle.
    pub(crate) fn skip<'a>(&'a self, case: &'a Case, vehicle: &str) -> Option<&'a str> {
        let reason = case.skip.get(vehicle).or_else(|| self.skip.get(vehicle));
        reason.map(String::as_str)
    }

    /// All scenarios under `tests`, by name.
    pub(crate) fn load_all(tests: &Path) -> Result<Vec<Self>> {
        let dir = tests.join("scenarios");
        let entries = fs::read_dir(&dir).with_context(|| dir.display().to_string())?;
        let mut dirs: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        dirs.retain(|dir| dir.join("scenario.toml").exists());
        dirs.sort();
        dirs.iter().map(|dir| Self::load(dir)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FULL: &str = r#"
        about = "a tunnel"
        timeout = 7
        [machine.a]
        [machine.b]
        module = "c"
        memory = 256
        [[link]]
        ends = { a = ["192.0.2.1/24"], b = ["192.0.2.2/24", "2001:db8::2/64"] }
        [[case]]
        name = "turned"
        module = { a = "c", b = "ours" }
        env = { X = "1" }
        expect = "kernel log"
    "#;

    #[test]
    fn everything_is_read() {
        let scenario = Scenario::parse(FULL).unwrap();
        assert_eq!(scenario.timeout, 7);
        assert_eq!(scenario.machines["a"].module, Which::Ours);
        assert_eq!(scenario.machines["a"].memory, 512);
        assert_eq!(scenario.machines["b"].module, Which::C);
        assert_eq!(scenario.links[0].ends["b"].len(), 2);
        assert_eq!(scenario.cases[0].module["b"], Which::Ours);
        assert_eq!(scenario.cases[0].expect.as_deref(), Some("kernel log"));
    }

    #[test]
    fn one_case_without_cases() {
        let scenario = Scenario::parse("about = \"x\"\n[machine.a]").unwrap();
        assert_eq!(scenario.cases.len(), 1);
        assert_eq!(scenario.cases[0].name, "");
    }

    #[test]
    fn mistakes_are_found() {
        for text in [
            "[machine.a]",
            "about = \"no machine\"\nmachine = {}",
            "about = \"x\"\nabuot = 1\n[machine.a]",
            "about = \"x\"\n[machine.a]\nmodule = \"rust\"",
            "about = \"x\"\n[machine.a]\n[[link]]\nends = { a = [] }",
            "about = \"x\"\n[machine.a]\n[[link]]\nends = { a = [], z = [] }",
            "about = \"x\"\n[machine.a]\n[[case]]\nmodule = { z = \"c\" }",
            "about = \"x\"\n[machine.a]\n[[case]]\nblames = \"f\"",
        ] {
            assert!(Scenario::parse(text).is_err(), "{text}");
        }
    }
}
