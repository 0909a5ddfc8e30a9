// SPDX-License-Identifier: GPL-2.0

//! What `vm test` was asked to run: which tests, on which vehicles, with which modules.

use crate::kernel::{self, Kernel};
use crate::payload::Module;
use crate::scenario::{Case, Scenario, Which};
use crate::workplace::{self, World};
use anyhow::{bail, Result};
use std::path::PathBuf;
use std::time::Duration;

/// What of the machines' output is printed as it comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// Nothing.
    Verdicts,
    /// The lines that scripts `say`.
    Story,
    /// Everything.
    All,
}

/// What is to be run, and how.
pub(crate) struct Plan {
    /// Scenario or scenario/case names; empty for all.
    pub(crate) names: Vec<String>,
    /// Vehicles, each for one run of all tests, and MACHINE=VEHICLE for single machines.
    pub(crate) on: Vec<String>,
    /// Module for all machines, or MACHINE=MODULE.
    pub(crate) modules: Vec<String>,
    /// World of our module; without it, that which was built last.
    pub(crate) world: Option<World>,
    /// File of our module, instead of what the build left.
    pub(crate) file: Option<PathBuf>,
    /// Tests at a time.
    pub(crate) jobs: usize,
    /// What is printed as it comes.
    pub(crate) show: Show,
    /// How often each test is run.
    pub(crate) repeat: usize,
    /// A test whose script failed, and nothing else did, is run once more, alone.
    pub(crate) second_attempt: bool,
    /// NAME=VALUE for the environment of all scripts.
    pub(crate) env: Vec<String>,
    /// Time that scripts get beyond what their scenario gives them.
    pub(crate) longer: Duration,
    /// Also what is left out on some vehicles for its length.
    pub(crate) thorough: bool,
}

impl Plan {
    /// The value for `machine` among settings like "all" and "machine=one".
    fn pick<'a>(settings: &'a [String], machine: &str) -> Option<&'a str> {
        Self::own(settings, machine).or_else(|| {
            let all = settings.iter().rev().find(|setting| !setting.contains('='));
            all.map(String::as_str)
        })
    }

    /// The value for `machine` alone.
    fn own<'a>(settings: &'a [String], machine: &str) -> Option<&'a str> {
        settings.iter().rev().find_map(|setting| {
            let (name, value) = setting.split_once('=')?;
            (name == machine).then_some(value)
        })
    }

    /// The vehicles that are not for a single machine.
    pub(crate) fn vehicles(&self) -> impl Iterator<Item = &str> {
        let all = self.on.iter().filter(|setting| !setting.contains('='));
        all.map(String::as_str)
    }

    /// The kernel of a machine in a test on `vehicle`.
    pub(crate) fn kernel(&self, vehicle: &str, machine: &str) -> Result<&'static Kernel> {
        kernel::find(Self::own(&self.on, machine).unwrap_or(vehicle))
    }

    /// The module that a machine loads in a case.
    pub(crate) fn module(
        &self,
        scenario: &Scenario,
        case: &Case,
        machine: &str,
        kernel: &Kernel,
    ) -> Result<Module> {
        let own = scenario
            .machines
            .get(machine)
            .map_or(Which::Ours, |toml| toml.module);
        let which = match Self::pick(&self.modules, machine) {
            // What a scenario wants without WireGuard stays so.
            Some(text) if own != Which::None => text.parse()?,
            _ => case.module.get(machine).copied().unwrap_or(own),
        };
        Ok(match which {
            Which::None => Module::None,
            Which::C => Module::C,
            Which::Ours => {
                let built = workplace::module(kernel, self.world)?;
                let path = self.file.clone().unwrap_or(built);
                if !path.exists() {
                    bail!(
                        "{} is not there: build it, or use --module c",
                        path.display()
                    );
                }
                Module::File(path)
            }
        })
    }

    /// Whether a case is to be run on a vehicle.
    pub(crate) fn wants(&self, scenario: &Scenario, case: &Case, vehicle: &str) -> bool {
        let full = format!("{}/{}", scenario.name, case.name);
        let named = |name: &String| *name == scenario.name || *name == full;
        let here = self.thorough
            || scenario.unnamed_on.is_empty()
            || scenario.unnamed_on.iter().any(|on| on == vehicle);
        let unasked = self.names.is_empty() && !scenario.by_name_only;
        self.names.contains(&full)
            || !case.by_name_only && (self.names.iter().any(named) || unasked && here)
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;

    #[test]
    fn settings_for_one_and_for_all() {
        let settings = ["uml-7.2", "b=qemu-5.10"].map(str::to_owned);
        assert_eq!(Plan::pick(&settings, "a"), Some("uml-7.2"));
        assert_eq!(Plan::pick(&settings, "b"), Some("qemu-5.10"));
        assert_eq!(Plan::pick(&[], "b"), None);
        assert_eq!(Plan::own(&settings, "a"), None);
    }
}
