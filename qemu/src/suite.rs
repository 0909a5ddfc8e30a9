// SPDX-License-Identifier: GPL-2.0

//! `vm test` and `vm demo`: runs many tests at a time and says what became of them.

use crate::kernel;
use crate::plan::{Plan, Show};
use crate::scenario::{Case, Scenario};
use crate::trial::{Test, Verdict};
use crate::workplace;
use anyhow::{bail, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of output and log that are shown of a failed test.
const TAIL: usize = 25;
/// Tests at a time among those that mostly wait; they run beside the others.
const PATIENT_JOBS: usize = 4;
/// More failures than this are no bad luck.
const MOST_UNLUCKY: usize = 4;

/// What became of a test.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// It passed.
    Passed,
    /// It did not; this was wrong.
    Failed(Vec<String>),
    /// It cannot run here, for this reason.
    Skipped(String),
}

/// A test that was run, or not.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    /// Its scenario.
    pub(crate) scenario: String,
    /// Its case; empty if the scenario has only one.
    pub(crate) case: String,
    /// What became of it.
    pub(crate) fate: Fate,
}

impl Done {
    fn new(scenario: &Scenario, case: &Case, fate: Fate) -> Self {
        Self {
            scenario: scenario.name.clone(),
            case: case.name.clone(),
            fate,
        }
    }

    /// SCENARIO, or SCENARIO/CASE.
    pub(crate) fn name(&self) -> String {
        match self.case.as_str() {
            "" => self.scenario.clone(),
            case => format!("{}/{case}", self.scenario),
        }
    }
}

/// Runs all tests of the plan; the last line counts them.
pub(crate) fn run(plan: &Plan) -> Result<ExitCode> {
    let done = results(plan, &|_| ())?;
    let ran = done.iter().any(|one| one.fate == Fate::Passed);
    let failed = done.iter().any(|one| matches!(one.fate, Fate::Failed(_)));
    Ok(ExitCode::from(u8::from(failed || !ran)))
}

/// Runs all tests of the plan, prints what becomes of each, and tells it: to `note` as soon as it is
/// certain, and all together in the end.
pub(crate) fn results(plan: &Plan, note: &(dyn Fn(&Done) + Sync)) -> Result<Vec<Done>> {
    let start = Instant::now();
    let scenarios = Scenario::load_all(&workplace::repository().join("tests"))?;
    let (tests, mut done) = choose(plan, &scenarios)?;
    let skipped = done.len();
    done.iter().for_each(note);
    let programs = tests.iter().flat_map(|test| &test.scenario.programs);
    for name in programs.collect::<BTreeSet<_>>() {
        workplace::build_program(name)?;
    }
    let total = tests.len();
    let (patient, busy): (Vec<_>, Vec<_>) = tests
        .into_iter()
        .partition(|test| test.scenario.patient && !test.debugs());
    let finished = Mutex::new(Vec::new());
    let unlucky = Mutex::new(Vec::new());
    let print = Mutex::new(());
    std::thread::scope(|scope| {
        for (pool, jobs) in [(&patient, PATIENT_JOBS), (&busy, plan.jobs)] {
            let next = std::sync::Arc::new(AtomicUsize::new(0));
            for _ in 0..jobs.min(pool.len()) {
                let (next, finished, unlucky, print) = (next.clone(), &finished, &unlucky, &print);
                scope.spawn(move || {
                    while let Some(test) = pool.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let clock = Instant::now();
                        let verdict = test.run(plan);
                        let _print = print.lock().unwrap_or_else(PoisonError::into_inner);
                        let passed = report(plan, test, &verdict, clock.elapsed());
                        if !passed && verdict.only_exit_codes && plan.second_attempt {
                            unlucky
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .push((test, verdict));
                        } else {
                            let one = test.done(&verdict);
                            note(&one);
                            finished
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .push(one);
                        }
                    }
                });
            }
        }
    });
    let unlucky = unlucky.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.extend(
        finished
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner),
    );
    let settled = done.len();
    let again = attempt_again(plan, &unlucky, &mut done);
    done.iter().skip(settled).for_each(note);
    let failed = done
        .iter()
        .filter(|one| matches!(one.fate, Fate::Failed(_)))
        .count();
    println!("all tests took {:.1} s", start.elapsed().as_secs_f64());
    if !again.is_empty() {
        println!("passed only at the second attempt: {}", again.join(", "));
    }
    let skipped = match skipped {
        0 => String::new(),
        count => format!(", {count} skipped"),
    };
    println!("{} passed, {failed} failed{skipped}", total - failed);
    Ok(done)
}

/// The second attempt of tests whose script found something amiss while others ran beside it: alone,
/// and with no third one. What a kernel log says gets no second attempt. Returns the titles of those
/// that passed now.
fn attempt_again(plan: &Plan, tests: &[(&Test<'_>, Verdict)], done: &mut Vec<Done>) -> Vec<String> {
    let mut passed = Vec::new();
    if tests.len() > MOST_UNLUCKY {
        done.extend(tests.iter().map(|(test, verdict)| test.done(verdict)));
        return passed;
    }
    for (test, _) in tests {
        println!("note {}: a second attempt, alone", test.title);
        let clock = Instant::now();
        let verdict = test.run(plan);
        if report(plan, test, &verdict, clock.elapsed()) {
            passed.push(test.title.clone());
        }
        done.push(test.done(&verdict));
    }
    passed
}

/// The tests of the plan, and those that cannot run, whose reasons are printed.
fn choose<'a>(plan: &'a Plan, scenarios: &'a [Scenario]) -> Result<(Vec<Test<'a>>, Vec<Done>)> {
    let mut tests = Vec::new();
    let mut skipped = Vec::new();
    for vehicle in plan.vehicles() {
        let travels = kernel::find(vehicle)?.travels();
        for scenario in scenarios {
            if scenario.travels != travels {
                continue;
            }
            for case in scenario
                .cases
                .iter()
                .filter(|case| plan.wants(scenario, case, vehicle))
            {
                if let Some(reason) = scenario.skip(case, vehicle) {
                    let test = Test::new(scenario, case, vehicle);
                    println!("skip {}: {reason}", test.title);
                    let fate = Fate::Skipped(reason.to_owned());
                    skipped.push(Done::new(scenario, case, fate));
                    continue;
                }
                for round in 1..=plan.repeat {
                    let mut test = Test::new(scenario, case, vehicle);
                    if let Some(world) = plan.world {
                        test.title = format!("{}, {}", test.title, world.name());
                    }
                    if plan.repeat > 1 {
                        test.title = format!("{} #{round}", test.title);
                    }
                    tests.push(test);
                }
            }
        }
    }
    for name in &plan.names {
        let base = name.split('/').next().unwrap_or_default();
        let known = tests.iter().any(|test| test.scenario.name == base)
            || skipped.iter().any(|one| one.scenario == base);
        if !known {
            bail!("no test for this vehicle is called {name}");
        }
    }
    Ok((tests, skipped))
}

impl Test<'_> {
    /// Whether its kernel looks for faults: such a machine is busy even when its scripts wait.
    fn debugs(&self) -> bool {
        kernel::find(self.vehicle).is_ok_and(kernel::Kernel::debugs)
    }

    fn done(&self, verdict: &Verdict) -> Done {
        let fate = if verdict.problems.is_empty() {
            Fate::Passed
        } else {
            Fate::Failed(verdict.problems.clone())
        };
        Done::new(self.scenario, self.case, fate)
    }
}

/// Prints what became of it; whether it passed.
fn report(plan: &Plan, test: &Test<'_>, verdict: &Verdict, time: Duration) -> bool {
    let passed = verdict.problems.is_empty();
    let word = if passed { "ok  " } else { "FAIL" };
    let (time, boot) = (time.as_secs_f64(), verdict.boot.as_secs_f64());
    if passed && plan.show == Show::Story {
        println!("\n== Both kernel logs are clean, and both modules could be removed\n");
    }
    println!("{word} {} ({time:.1} s, boot {boot:.1} s)", test.title);
    if passed {
        return true;
    }
    println!("     ({})", test.scenario.about);
    for problem in &verdict.problems {
        println!("     {problem}");
    }
    for name in test.scenario.machines.keys() {
        for file in ["output.log", "kernel.log", "qemu.log"] {
            let path = verdict.dir.join(name).join(file);
            let text = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<_> = text.lines().collect();
            let tail = lines
                .get(lines.len().saturating_sub(TAIL)..)
                .unwrap_or_default();
            if !tail.is_empty() {
                println!("     --- end of {}", path.display());
                tail.iter().for_each(|line| println!("     | {line}"));
            }
        }
    }
    println!("     --- all files: {}", verdict.dir.display());
    false
}
