// SPDX-License-Identifier: GPL-2.0
//! The check that the cryptography runs in constant time: no branch and no address may depend on a
//! key, a plaintext or what comes of them.
//!
//! Without an argument the program runs itself under valgrind. Secrets are marked as undefined, and
//! memcheck reports every conditional jump and every address that depends on undefined bits. What
//! only makes something (seals, hashes, multiplies) may have none. Where a message may be refused,
//! the branch on that one bit is allowed, in the functions that `verdicts.supp` names. Two planted
//! faults must be found.
use std::process::{Command, ExitCode};

mod planted;
mod subjects;
mod valgrind;

/// What valgrind is to return when it has found something.
const FOUND: i32 = 99;

fn main() -> ExitCode {
    let mode = std::env::args().nth(1);
    match mode.as_deref() {
        None => supervise(),
        Some("making") => run(|| subjects(false)),
        Some("refusing") => run(|| subjects(true)),
        Some("branch") => run(planted::branch),
        Some("index") => run(planted::index),
        Some(other) => {
            eprintln!(
                "constant-time: there is no `{other}`; making, refusing, branch, index, or nothing"
            );
            ExitCode::FAILURE
        }
    }
}

/// Runs a mode, in which marks mean something only under valgrind.
fn run(mode: impl FnOnce()) -> ExitCode {
    if !valgrind::present() {
        eprintln!("constant-time: not under valgrind, where marks have no meaning");
        return ExitCode::FAILURE;
    }
    mode();
    ExitCode::SUCCESS
}

fn subjects(refusing: bool) {
    for subject in subjects::SUBJECTS {
        if !(subject.usable)() {
            println!(
                "  SKIPPED  {}: not under this valgrind or processor",
                subject.name
            );
            continue;
        }
        let before = valgrind::errors();
        (subject.run)(refusing);
        let found = valgrind::errors() - before;
        let word = if found == 0 { "ok" } else { "FAILED" };
        println!(
            "  {word:7}  {}: {found} dependences on a secret",
            subject.name
        );
    }
}

/// Runs the program under valgrind in each mode and judges what comes of it.
fn supervise() -> ExitCode {
    match try_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("constant-time: {what}");
            ExitCode::FAILURE
        }
    }
}

fn try_all() -> Result<(), String> {
    let version = Command::new("valgrind")
        .arg("--version")
        .output()
        .map_err(|e| format!("valgrind does not run ({e}): apt-get install valgrind"))?;
    let version = String::from_utf8_lossy(&version.stdout);
    println!("constant time, by {}", version.trim());
    for (mode, what) in [
        ("making", "that make: no branch, no address"),
        ("refusing", "that refuse as well: no branch but the refusal"),
    ] {
        println!(" functions {what}");
        if under_valgrind(mode, Errors::Shown)? != 0 {
            return Err("a branch or an address depends on a secret, or a subject failed".into());
        }
    }
    println!("  SKIPPED  AEAD, AVX-512: this valgrind does not know the instructions");
    for fault in ["branch", "index"] {
        if under_valgrind(fault, Errors::Hidden)? != FOUND {
            return Err(format!(
                "the planted {fault} was not found: the check is blind"
            ));
        }
        println!("  ok       planted {fault}: found");
    }
    Ok(())
}

/// Whether memcheck's reports are for the user.
#[derive(PartialEq, Eq)]
enum Errors {
    Shown,
    Hidden,
}

/// The exit code of a mode under valgrind.
fn under_valgrind(mode: &str, errors: Errors) -> Result<i32, String> {
    let here = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--error-limit=no", "--read-inline-info=yes"])
        .arg(format!("--error-exitcode={FOUND}"));
    if mode == "refusing" {
        let allowed = concat!(env!("CARGO_MANIFEST_DIR"), "/verdicts.supp");
        command.arg(format!("--suppressions={allowed}"));
    }
    if errors == Errors::Hidden {
        command.arg("--log-file=/dev/null");
    }
    let status = command.arg(here).arg(mode).status();
    let status = status.map_err(|e| e.to_string())?;
    status.code().ok_or(format!("valgrind ended with {status}"))
}
