// SPDX-License-Identifier: GPL-2.0

//! A group of machines that run together: one test, one demo, or one machine of a developer.
//!
//! The group boots them, starts a command in each, passes values and barriers between them, and
//! judges the end: exit codes, kernel logs, taint, and whether a machine died. All state is held by
//! the thread that calls [`Group::run`]; each machine has a thread that only reads its channel.

use crate::frame::{Kind, Message};
use crate::log_check;
use crate::machine::{run_message, Event, Machine, Spec};
use crate::stale_code;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long a machine may take until its agent speaks: seconds, but for a host with much else to do.
const BOOT_PATIENCE: Duration = Duration::from_secs(300);
/// How long a machine may take to power off; one that looks for leaks before takes its time.
const HALT_PATIENCE: Duration = Duration::from_secs(120);
/// How often it is asked whether the emulator is at fault for a script that takes so long.
const EMULATOR_CHECK: Duration = Duration::from_secs(15);

/// How long the others may go on when one machine has failed.
const FAILURE_PATIENCE: Duration = Duration::from_secs(3);

/// What a group does with what its machines say.
pub(crate) trait Audience {
    /// Bytes from the command's output, or (`error`) error output.
    fn output(&mut self, machine: &str, error: bool, bytes: &[u8]);
    /// A line of the story.
    fn say(&mut self, machine: &str, text: &str);
}

/// A command for one machine.
pub(crate) struct Task {
    /// Rows and columns, if it wants a terminal.
    pub(crate) terminal: Option<(u16, u16)>,
    /// Program and arguments.
    pub(crate) arguments: Vec<String>,
    /// Environment settings, NAME=VALUE.
    pub(crate) settings: Vec<String>,
}

/// What became of one machine.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Exit code of its command, if it ended.
    pub(crate) code: Option<i32>,
    /// Everything that is wrong, in words.
    pub(crate) problems: Vec<String>,
    /// From power on to the agent's first word.
    pub(crate) boot: Duration,
    /// Kernel release.
    pub(crate) release: String,
    /// What the emulator itself did wrong: no verdict about the guest.
    pub(crate) emulator: Option<String>,
}

struct Member {
    machine: Machine,
    dir: PathBuf,
    outcome: Outcome,
    taint: u64,
    alive: bool,
    said_bye: bool,
}

/// Machines that run together.
pub(crate) struct Group {
    members: Vec<Member>,
    events: Receiver<Event>,
    values: BTreeMap<String, String>,
    wanted: BTreeMap<String, BTreeSet<usize>>,
    barriers: BTreeMap<String, BTreeSet<usize>>,
}

impl Group {
    /// Boots all machines and waits until their agents speak. A machine that does not come up is
    /// reported as its problem.
    pub(crate) fn boot(specs: Vec<Spec>) -> Result<Self> {
        let (sender, events) = channel();
        let start = Instant::now();
        let mut members = Vec::new();
        for (index, spec) in specs.into_iter().enumerate() {
            let dir = spec.dir.clone();
            let machine = spec.boot(index, &sender)?;
            members.push(Member {
                machine,
                dir,
                outcome: Outcome::default(),
                taint: 0,
                alive: true,
                said_bye: false,
            });
        }
        let mut group = Self {
            members,
            events,
            values: BTreeMap::new(),
            wanted: BTreeMap::new(),
            barriers: BTreeMap::new(),
        };
        group.await_hello(start);
        Ok(group)
    }

    fn await_hello(&mut self, start: Instant) {
        while self
            .members
            .iter()
            .any(|member| member.alive && member.outcome.release.is_empty())
        {
            let left = BOOT_PATIENCE.saturating_sub(start.elapsed());
            let Ok(event) = self.events.recv_timeout(left) else {
                break;
            };
            let Some(member) = self.members.get_mut(event.index) else {
                continue;
            };
            match event.message {
                Some(message) if message.kind == Kind::Hello => {
                    member.outcome.boot = start.elapsed();
                    member.outcome.release = message.text(0);
                    member.taint = message.number(1).unwrap_or(0);
                }
                Some(_) => {}
                None => member.alive = false,
            }
        }
        for member in &mut self.members {
            if member.outcome.release.is_empty() {
                member.alive = false;
                let seconds = start.elapsed().as_secs();
                member.outcome.emulator = member.machine.emulator_crash();
                let end = member.machine.end();
                let text = format!("did not boot: no word of its agent in {seconds} s; {end}");
                member.outcome.problems.push(text);
            }
        }
    }

    /// Whether all machines came up.
    pub(crate) fn is_up(&self) -> bool {
        self.members.iter().all(|member| member.alive)
    }

    /// What is known of each machine so far.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (&str, &Outcome)> {
        let pair = |member| {
            let member: &Member = member;
            (member.machine.name.as_str(), &member.outcome)
        };
        self.members.iter().map(pair)
    }

    /// Sends bytes to the command of machine `index`.
    pub(crate) fn input(&mut self, index: usize, bytes: &[u8]) {
        if let Some(member) = self.members.get_mut(index) {
            member.machine.send(&Message::new(Kind::Input, &[bytes]));
        }
    }

    /// Runs one command in each machine until all have ended or the time is up.
    pub(crate) fn run(
        &mut self,
        tasks: &[Task],
        patience: Duration,
        audience: &mut dyn Audience,
        mut input: impl FnMut() -> Option<Vec<u8>>,
    ) {
        for (member, task) in self.members.iter_mut().zip(tasks) {
            member.outcome.code = None;
            let message = run_message(task.terminal, &task.arguments, &task.settings);
            member.machine.send(&message);
        }
        let mut end = Instant::now() + patience;
        let mut failed = false;
        let mut looked = Instant::now();
        loop {
            let mut running = self.members.iter().zip(tasks);
            if !running.any(|(member, _)| member.alive && member.outcome.code.is_none()) {
                return;
            }
            if !failed && self.members.iter().any(Member::has_failed) {
                // The others may wait for it for ever; let them print what they have to say.
                failed = true;
                end = end.min(Instant::now() + FAILURE_PATIENCE);
            }
            if looked.elapsed() > EMULATOR_CHECK {
                looked = Instant::now();
                if self.members.iter_mut().any(Member::is_in_stale_code) {
                    return;
                }
            }
            while let Some(bytes) = input() {
                self.input(0, &bytes);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                if !failed {
                    self.time_out(patience);
                }
                return;
            }
            match self
                .events
                .recv_timeout(left.min(Duration::from_millis(20)))
            {
                Ok(event) => self.handle(event, audience),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn time_out(&mut self, patience: Duration) {
        for member in &mut self.members {
            if member.alive && member.outcome.code.is_none() {
                let seconds = patience.as_secs();
                let text = format!("timeout: its script still ran after {seconds} s");
                member.outcome.problems.push(text);
            }
        }
        for (name, who) in &self.barriers {
            let there: Vec<_> = who.iter().filter_map(|index| self.name(*index)).collect();
            eprintln!("vm: only {} reached {name}", there.join(", "));
        }
        for (name, who) in &self.wanted {
            let there: Vec<_> = who.iter().filter_map(|index| self.name(*index)).collect();
            eprintln!("vm: {} waited for the value {name}", there.join(", "));
        }
    }

    fn name(&self, index: usize) -> Option<&str> {
        self.members
            .get(index)
            .map(|member| member.machine.name.as_str())
    }

    fn handle(&mut self, event: Event, audience: &mut dyn Audience) {
        let index = event.index;
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        let Some(message) = event.message else {
            member.alive = false;
            if !member.said_bye {
                member.outcome.emulator = member.machine.emulator_crash();
                let text = format!("the machine died; {}", member.machine.end());
                member.outcome.problems.push(text);
            }
            return;
        };
        let name = member.machine.name.as_str();
        match message.kind {
            Kind::Output => audience.output(name, false, message.bytes(0)),
            Kind::Error => audience.output(name, true, message.bytes(0)),
            Kind::Say => audience.say(name, &message.text(0)),
            Kind::Exit => member.outcome.code = message.number(0).or(Some(255)),
            Kind::Bye => {
                member.said_bye = true;
                let after = message.number(0).unwrap_or(u64::MAX);
                let taint = log_check::check_taint(member.taint, after);
                member.outcome.problems.extend(taint);
                let leaks = message.text(1);
                if !leaks.is_empty() {
                    member.outcome.problems.push(format!("kmemleak: {leaks}"));
                }
            }
            Kind::File => {
                if let Err(error) = append(&member.dir, &message) {
                    member.outcome.problems.push(format!("{error:#}"));
                }
            }
            Kind::Put => self.put(message.text(0), message.text(1)),
            Kind::Get => self.get(index, message.text(0)),
            Kind::Barrier => self.barrier(index, message.text(0)),
            _ => {}
        }
    }

    fn put(&mut self, name: String, value: String) {
        for index in self.wanted.remove(&name).unwrap_or_default() {
            self.answer(index, &name, &value);
        }
        self.values.insert(name, value);
    }

    fn get(&mut self, index: usize, name: String) {
        match self.values.get(&name).cloned() {
            Some(value) => self.answer(index, &name, &value),
            None => {
                self.wanted.entry(name).or_default().insert(index);
            }
        }
    }

    fn barrier(&mut self, index: usize, name: String) {
        let there = self.barriers.entry(name.clone()).or_default();
        there.insert(index);
        if there.len() == self.members.len() {
            self.barriers.remove(&name);
            for index in 0..self.members.len() {
                self.answer(index, &name, "");
            }
        }
    }

    fn answer(&mut self, index: usize, name: &str, value: &str) {
        if let Some(member) = self.members.get_mut(index) {
            member
                .machine
                .send(&Message::new(Kind::Answer, &[name, value]));
        }
    }

    /// Powers the machines off and judges them.
    pub(crate) fn finish(mut self, audience: &mut dyn Audience) -> Vec<(String, Outcome)> {
        for member in &mut self.members {
            if member.alive {
                member.machine.send(&Message::new::<&str>(Kind::Halt, &[]));
            }
        }
        let end = Instant::now() + HALT_PATIENCE;
        while self
            .members
            .iter()
            .any(|member| member.alive && !member.said_bye)
        {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(event) = self.events.recv_timeout(left) else {
                break;
            };
            self.handle(event, audience);
        }
        self.members.into_iter().map(Member::judge).collect()
    }
}

impl Member {
    /// Whether one of its processors is stuck by a fault of the emulator; remembered in the outcome.
    fn is_in_stale_code(&mut self) -> bool {
        let emulated = self.machine.emulated && self.outcome.emulator.is_none();
        let log = emulated.then(|| fs::read(&self.machine.log).unwrap_or_default());
        let log = String::from_utf8_lossy(log.as_deref().unwrap_or_default()).into_owned();
        let Some(place) = stale_code::find(&log) else {
            return false;
        };
        let text = format!("QEMU executes at {place} what is not there any more");
        self.outcome.problems.push(text.clone());
        self.outcome.emulator = Some(text);
        true
    }

    fn has_failed(&self) -> bool {
        !self.alive || self.outcome.code.is_some_and(|code| code != 0)
    }

    fn judge(mut self) -> (String, Outcome) {
        if self.alive && !self.said_bye {
            self.outcome
                .problems
                .push("its agent does not answer any more".to_owned());
        } else if self.machine.wait(HALT_PATIENCE).is_none() {
            self.outcome
                .problems
                .push("it does not power off".to_owned());
        }
        match fs::read(&self.machine.log) {
            Ok(bytes) => {
                let log = String::from_utf8_lossy(&bytes);
                if log_check::card_failed(&log) {
                    let text = "User-Mode Linux's own network card failed".to_owned();
                    self.outcome.emulator = Some(text);
                }
                let found = log_check::check(&log);
                let count = found.len();
                for finding in found.into_iter().take(5) {
                    let text = format!("kernel log, line {}: {}", finding.line, finding.text);
                    self.outcome.problems.push(text);
                }
                if count > 5 {
                    let text = format!("kernel log: {} more lines like these", count - 5);
                    self.outcome.problems.push(text);
                }
                if bytes.is_empty() {
                    self.outcome
                        .problems
                        .push("the kernel log is empty".to_owned());
                }
            }
            Err(error) => self
                .outcome
                .problems
                .push(format!("no kernel log: {error}")),
        }
        (self.machine.name.clone(), self.outcome)
    }
}

/// Appends a piece of a result file.
fn append(dir: &Path, message: &Message) -> Result<()> {
    let name = message.text(0);
    let name = Path::new(&name)
        .file_name()
        .context("a result file without a name")?;
    let dir = dir.join("results");
    fs::create_dir_all(&dir)?;
    let path = dir.join(name);
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    Ok(file.write_all(message.bytes(1))?)
}
