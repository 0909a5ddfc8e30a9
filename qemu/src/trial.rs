// SPDX-License-Identifier: GPL-2.0

//! One test: a case of a scenario on a vehicle, run in fresh machines, with its verdict.

use crate::group::{Audience, Group, Outcome, Task};
use crate::kernel;
use crate::log_check;
use crate::machine::{Cable, Spec};
use crate::payload;
use crate::plan::{Plan, Show};
use crate::program;
use crate::scenario::{Case, Scenario};
use crate::source;
use crate::workplace;
use anyhow::{Context, Result};
use nix::sys::socket::{setsockopt, socketpair, sockopt, AddressFamily, SockFlag, SockType};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest time for a machine to clean up after its script.
const FINISH_PATIENCE: Duration = Duration::from_secs(40);
/// How often a test is run again when the emulator was at fault.
const EMULATOR_RETRIES: usize = 2;
/// How much longer scripts may take in an emulated machine; if its kernel looks at each access, by both factors.
const EMULATED: u32 = 3;
/// How much longer everything may take, and how much more memory it may need, where a kernel looks at each access.
const DEBUGGED: u32 = 5;
const DEBUGGED_MEMORY: u32 = 2;

/// A machine's ends of the cables, and the settings that tell it what they are.
type Cables = (Vec<Cable>, Vec<String>);

/// One test: a case of a scenario on a vehicle.
pub(crate) struct Test<'a> {
    /// The scenario.
    pub(crate) scenario: &'a Scenario,
    /// The case of it.
    pub(crate) case: &'a Case,
    /// What all machines run on that have no vehicle of their own.
    pub(crate) vehicle: &'a str,
    /// What people call it.
    pub(crate) title: String,
}

/// What a test came to.
pub(crate) struct Verdict {
    /// All that went wrong; empty if it passed.
    pub(crate) problems: Vec<String>,
    /// Slowest boot of its machines.
    pub(crate) boot: Duration,
    /// Its files.
    pub(crate) dir: PathBuf,
    emulator: Option<String>,
    /// Only a script's exit code speaks against it, nothing that a kernel or the tool said.
    pub(crate) only_exit_codes: bool,
}

impl<'a> Test<'a> {
    /// The test of one case.
    pub(crate) fn new(scenario: &'a Scenario, case: &'a Case, vehicle: &'a str) -> Self {
        let name = match case.name.as_str() {
            "" => scenario.name.clone(),
            case => format!("{}/{case}", scenario.name),
        };
        Self {
            scenario,
            case,
            vehicle,
            title: format!("{name} on {vehicle}"),
        }
    }

    /// Runs it. What goes wrong is in the verdict's problems, the tool's own troubles included.
    /// A fault of the emulator itself is no verdict: the test is run again, loudly.
    pub(crate) fn run(&self, plan: &Plan) -> Verdict {
        let mut verdict = self.run_once(plan);
        for _ in 0..EMULATOR_RETRIES {
            let Some(fault) = &verdict.emulator else {
                break;
            };
            println!("note {}: {fault}; running the test again", self.title);
            verdict = self.run_once(plan);
        }
        verdict
    }

    fn run_once(&self, plan: &Plan) -> Verdict {
        let name = self.title.replace([' ', '/', '#', ','], "-");
        let mut verdict = Verdict {
            problems: Vec::new(),
            boot: Duration::ZERO,
            emulator: None,
            only_exit_codes: false,
            dir: PathBuf::new(),
        };
        match workplace::fresh(&name) {
            Ok(dir) => verdict.dir = dir,
            Err(error) => {
                verdict.problems.push(format!("{error:#}"));
                return verdict;
            }
        }
        if let Err(error) = self.run_in(plan, &mut verdict) {
            verdict.problems.push(format!("{error:#}"));
        }
        self.turn_expected(&mut verdict);
        if verdict.problems.is_empty() {
            // The logs stay; what went in can be had again.
            for machine in self.scenario.machines.keys() {
                let _ = fs::remove_dir_all(verdict.dir.join(machine).join("payload"));
                let _ = fs::remove_file(verdict.dir.join(machine).join("payload.tar"));
            }
        }
        verdict
    }

    /// A case that must fail passes if it failed as it should.
    fn turn_expected(&self, verdict: &mut Verdict) {
        let Some(expected) = &self.case.expect else {
            return;
        };
        let failed = verdict
            .problems
            .iter()
            .any(|problem| problem.contains(expected));
        let text = match &self.case.blames {
            _ if !failed => format!("it had to fail with \"{expected}\", and did not"),
            Some(who) if !self.log_blames(&verdict.dir, expected, who) => {
                format!("no report of \"{expected}\" in a kernel log names {who}")
            }
            _ => return verdict.problems.clear(),
        };
        verdict.problems.push(text);
    }

    fn log_blames(&self, dir: &Path, what: &str, who: &str) -> bool {
        self.scenario.machines.keys().any(|name| {
            let log = fs::read(dir.join(name).join("kernel.log")).unwrap_or_default();
            log_check::blames(&String::from_utf8_lossy(&log), what, who)
        })
    }

    fn run_in(&self, plan: &Plan, verdict: &mut Verdict) -> Result<()> {
        let (mut cables, _ends) = self.cables()?;
        let mut specs = Vec::new();
        let mut tasks = Vec::new();
        let seconds = self.case.timeout.unwrap_or(self.scenario.timeout);
        let mut slowness = 1;
        let mut finish_patience = FINISH_PATIENCE;
        for (name, toml) in &self.scenario.machines {
            let kernel = plan.kernel(self.vehicle, name)?;
            let mut factor = 1;
            if kernel.runs == kernel::Runs::Qemu {
                factor *= EMULATED;
            }
            if kernel.debugs() {
                factor *= DEBUGGED;
                finish_patience = DEBUGGED * FINISH_PATIENCE;
            }
            slowness = slowness.max(factor);
            let module = plan.module(self.scenario, self.case, name, kernel)?;
            let spec = Spec {
                name: name.clone(),
                kernel,
                dir: verdict.dir.join(name),
                cables: Vec::new(),
                memory: if kernel.debugs() {
                    DEBUGGED_MEMORY * toml.memory
                } else {
                    toml.memory
                },
                cpus: toml.cpus,
                icount: false,
                parameters: toml.parameters.clone(),
            };
            fs::create_dir_all(&spec.dir)?;
            let files = self.files()?;
            let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
            payload::fill(&spec.payload(), &module, &files)?;
            for path in &self.scenario.from_own_source {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let file = source::of(kernel)?.join(path);
                payload::add(&spec.payload(), &file, &format!("own-{name}"))?;
            }
            let (own, mut settings) = cables.remove(name).unwrap_or_default();
            settings.push(format!("MACHINE={name}"));
            settings.push(format!("VEHICLE={}", kernel.vehicle));
            settings.push(format!("CASE={}", self.case.name));
            settings.extend(
                self.case
                    .env
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            );
            settings.extend(plan.env.iter().cloned());
            let mut arguments = module.starter();
            arguments.extend(["bash", "-euo", "pipefail"].map(str::to_owned));
            arguments.push(format!("/vm/{name}.sh"));
            tasks.push(Task {
                terminal: None,
                arguments,
                settings,
            });
            specs.push(Spec {
                cables: own,
                ..spec
            });
        }
        let patience = slowness * Duration::from_secs(seconds) + plan.longer;
        let mut files = Files::open(&verdict.dir, self.scenario, plan.show)?;
        let mut group = Group::boot(specs)?;
        verdict.boot = group
            .outcomes()
            .map(|(_, outcome)| outcome.boot)
            .max()
            .unwrap_or_default();
        let mut codes = Vec::new();
        if group.is_up() {
            group.run(&tasks, patience, &mut files, || None);
            codes = self.codes(&group);
            let finish = |_: &Task| Task {
                terminal: None,
                arguments: vec!["/vm/bin/finish".to_owned()],
                settings: Vec::new(),
            };
            // A machine whose script still runs cannot be asked for more.
            if codes.iter().all(|(_, code)| code.is_some()) && group.is_up() {
                let finishes: Vec<_> = tasks.iter().map(finish).collect();
                group.run(&finishes, finish_patience, &mut files, || None);
                for (name, code) in self.codes(&group) {
                    if code.is_some_and(|code| code != 0) {
                        let text = format!("{name}: cleaning up failed: the module stays loaded");
                        verdict.problems.push(text);
                    }
                }
            }
        }
        verdict.only_exit_codes = verdict.problems.is_empty();
        for (name, code) in codes {
            if let Some(code) = code.filter(|code| *code != 0) {
                verdict.problems.push(format!("{name}: exit code {code}"));
            }
        }
        for (name, outcome) in group.finish(&mut files) {
            verdict.emulator = verdict.emulator.take().or(outcome.emulator);
            verdict.only_exit_codes &= outcome.problems.is_empty();
            let problems = outcome.problems.into_iter();
            verdict
                .problems
                .extend(problems.map(|problem| format!("{name}: {problem}")));
        }
        Ok(())
    }

    fn codes(&self, group: &Group) -> Vec<(String, Option<i32>)> {
        let code = |(name, outcome): (&str, &Outcome)| (name.to_owned(), outcome.code);
        group.outcomes().map(code).collect()
    }

    /// All files that the guests get.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for dir in [
            workplace::repository().join("tests/common"),
            self.scenario.dir.clone(),
        ] {
            let entries = fs::read_dir(&dir).with_context(|| dir.display().to_string())?;
            files.extend(
                entries
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| path.is_file()),
            );
        }
        for path in &self.scenario.from_source {
            files.push(kernel::find(self.vehicle)?.test_source()?.join(path));
        }
        for name in &self.scenario.crates {
            let program = program::find(name).with_context(|| format!("no program {name}"))?;
            files.push(program.file()?);
        }
        files.extend(
            self.scenario
                .programs
                .iter()
                .map(|name| workplace::program(name)),
        );
        Ok(files)
    }

    /// The cables of all machines, by name, and their ends once more: a cable stays whole when a machine at
    /// one end is gone. (Else User-Mode Linux's card takes empty packets without end at the other.)
    fn cables(&self) -> Result<(BTreeMap<String, Cables>, Vec<OwnedFd>)> {
        let mut all: BTreeMap<String, Cables> = BTreeMap::new();
        let mut ends = Vec::new();
        for (number, link) in self.scenario.links.iter().enumerate() {
            let (one, other) = socketpair(
                AddressFamily::Unix,
                SockType::SeqPacket,
                None,
                SockFlag::SOCK_CLOEXEC,
            )?;
            for socket in [&one, &other] {
                // Room for a good burst; beyond that the sender waits. Only root may have so much.
                let size = 4 << 20;
                if setsockopt(socket, sockopt::SndBufForce, &size).is_err() {
                    setsockopt(socket, sockopt::SndBuf, &size)?;
                }
            }
            ends.extend([one.try_clone()?, other.try_clone()?]);
            let sockets = [one, other];
            for (end, ((name, addresses), socket)) in link.ends.iter().zip(sockets).enumerate() {
                let (cables, settings) = all.entry(name.clone()).or_default();
                let mac = format!("02:57:47:00:{number:02x}:{end:02x}");
                let addresses = addresses.join(" ");
                settings.push(format!("NET{}={mac} {addresses}", cables.len()));
                cables.push(Cable { socket, mac });
            }
        }
        Ok((all, ends))
    }
}

/// Keeps what the machines print, and shows it if wanted.
struct Files {
    outputs: BTreeMap<String, File>,
    start: Instant,
    show: Show,
}

impl Files {
    fn open(dir: &Path, scenario: &Scenario, show: Show) -> Result<Self> {
        let open = |name: &String| {
            let path = dir.join(name).join("output.log");
            let file = File::create(&path).with_context(|| path.display().to_string());
            file.map(|file| (name.clone(), file))
        };
        Ok(Self {
            outputs: scenario.machines.keys().map(open).collect::<Result<_>>()?,
            start: Instant::now(),
            show,
        })
    }
}

impl Audience for Files {
    fn output(&mut self, machine: &str, _error: bool, bytes: &[u8]) {
        if let Some(file) = self.outputs.get_mut(machine) {
            let _ = file.write_all(bytes);
        }
        if self.show == Show::All {
            let _ = std::io::stdout().write_all(bytes);
        }
    }

    fn say(&mut self, machine: &str, text: &str) {
        let seconds = self.start.elapsed().as_secs_f64();
        if let Some(file) = self.outputs.get_mut(machine) {
            let _ = writeln!(file, "[{seconds:6.2}] {text}");
        }
        if self.show != Show::Verdicts {
            println!("{text}");
        }
    }
}
