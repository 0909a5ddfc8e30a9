// SPDX-License-Identifier: GPL-2.0

//! `vm test` and `vm demo`: runs many tests at a time and says what became of them.

use crate::kernel;
use crate::plan::{Plan, Show};
use crate::scenario::Scenario;
use crate::trial::{Test, Verdict};
use crate::workplace;
use anyhow::{bail, Result};
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
const MOST_UNLUCKY: usize = 2;

/// Runs all tests of the plan; the last line counts them.
pub(crate) fn run(plan: &Plan) -> Result<ExitCode> {
    let start = Instant::now();
    let scenarios = Scenario::load_all(&workplace::repository().join("tests"))?;
    let tests = choose(plan, &scenarios)?;
    let total = tests.len();
    let (patient, busy): (Vec<_>, Vec<_>) =
        tests.into_iter().partition(|test| test.scenario.patient);
    let failed = AtomicUsize::new(0);
    let unlucky = Mutex::new(Vec::new());
    let print = Mutex::new(());
    std::thread::scope(|scope| {
        for (pool, jobs) in [(&patient, PATIENT_JOBS), (&busy, plan.jobs)] {
            let next = std::sync::Arc::new(AtomicUsize::new(0));
            for _ in 0..jobs.min(pool.len()) {
                let (next, failed, unlucky, print) = (next.clone(), &failed, &unlucky, &print);
                scope.spawn(move || {
                    while let Some(test) = pool.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let clock = Instant::now();
                        let verdict = test.run(plan);
                        let _print = print.lock().unwrap_or_else(PoisonError::into_inner);
                        if report(plan, test, &verdict, clock.elapsed()) {
                            continue;
                        }
                        if verdict.only_exit_codes && plan.second_attempt {
                            unlucky
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .push(test);
                        } else {
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        }
    });
    let unlucky = unlucky.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (again, still) = attempt_again(plan, &unlucky);
    let failed = failed.into_inner() + still;
    println!("all tests took {:.1} s", start.elapsed().as_secs_f64());
    if !again.is_empty() {
        println!("passed only at the second attempt: {}", again.join(", "));
    }
    println!("{} passed, {failed} failed", total - failed);
    Ok(ExitCode::from(u8::from(failed > 0 || total == 0)))
}

/// The second attempt of tests whose script found something amiss while others ran beside it: alone,
/// and with no third one. What a kernel log says gets no second attempt. Returns the titles of those
/// that passed now, and how many did not.
fn attempt_again(plan: &Plan, tests: &[&Test<'_>]) -> (Vec<String>, usize) {
    let mut passed = Vec::new();
    if tests.len() > MOST_UNLUCKY {
        return (passed, tests.len());
    }
    for test in tests {
        println!("note {}: a second attempt, alone", test.title);
        let clock = Instant::now();
        let verdict = test.run(plan);
        if report(plan, test, &verdict, clock.elapsed()) {
            passed.push(test.title.clone());
        }
    }
    let failed = tests.len() - passed.len();
    (passed, failed)
}

/// The tests of the plan.
fn choose<'a>(plan: &'a Plan, scenarios: &'a [Scenario]) -> Result<Vec<Test<'a>>> {
    let mut tests = Vec::new();
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
                for round in 1..=plan.repeat {
                    let mut test = Test::new(scenario, case, vehicle);
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
        if !tests.iter().any(|test| test.scenario.name == base) {
            bail!("no test for this vehicle is called {name}");
        }
    }
    Ok(tests)
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
