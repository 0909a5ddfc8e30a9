// SPDX-License-Identifier: GPL-2.0

//! One machine for a developer: `vm run` (one command) and `vm shell`.

use crate::group::{Audience, Group, Outcome, Task};
use crate::kernel;
use crate::machine::Spec;
use crate::payload::{self, Module};
use crate::workplace;
use anyhow::Result;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What the developer asked for.
pub(crate) struct Wish {
    /// Vehicle.
    pub(crate) on: String,
    /// Module to load.
    pub(crate) module: Module,
    /// Files to be found under `/vm`.
    pub(crate) files: Vec<PathBuf>,
    /// Megabytes.
    pub(crate) memory: u32,
    /// CPUs.
    pub(crate) cpus: u32,
    /// Whether the machine's clock counts instructions.
    pub(crate) icount: bool,
    /// More words for the kernel's command line.
    pub(crate) parameters: String,
    /// Whether the kernel log is printed also if all went well.
    pub(crate) log: bool,
    /// Time limit for the command.
    pub(crate) patience: Duration,
    /// The command; empty for a shell.
    pub(crate) command: Vec<String>,
}

/// Prints everything as it is.
struct Terminal;

impl Audience for Terminal {
    fn output(&mut self, _machine: &str, error: bool, bytes: &[u8]) {
        let _ = if error {
            std::io::stderr().write_all(bytes)
        } else {
            let mut out = std::io::stdout();
            out.write_all(bytes).and_then(|()| out.flush())
        };
    }

    fn say(&mut self, _machine: &str, text: &str) {
        println!("{text}");
    }
}

/// Runs the wish; the exit code is the command's, or 125 if the machine itself was in trouble.
pub(crate) fn run(wish: &Wish) -> Result<ExitCode> {
    let start = Instant::now();
    let shell = wish.command.is_empty();
    let dir = workplace::fresh(&format!("run-{}", std::process::id()))?;
    let spec = Spec {
        name: "vm".to_owned(),
        kernel: kernel::find(&wish.on)?,
        dir: dir.clone(),
        cables: Vec::new(),
        memory: wish.memory,
        cpus: wish.cpus,
        icount: wish.icount,
        parameters: wish.parameters.clone(),
    };
    let files: Vec<&Path> = wish.files.iter().map(PathBuf::as_path).collect();
    payload::fill(&spec.payload(), &wish.module, &files)?;
    let mut group = Group::boot(vec![spec])?;
    if group.is_up() {
        attend(&mut group, wish, shell);
    }
    let code = group
        .outcomes()
        .next()
        .and_then(|(_, outcome)| outcome.code);
    if group.is_up() && code.is_some() && wish.module != Module::None {
        let finish = Task {
            terminal: None,
            arguments: vec!["/vm/bin/finish".to_owned()],
            settings: Vec::new(),
        };
        group.run(&[finish], Duration::from_secs(40), &mut Terminal, || None);
    }
    let mut outcomes = group.finish(&mut Terminal);
    let Some((_, outcome)) = outcomes.pop() else {
        return Ok(ExitCode::from(125));
    };
    report(wish, &dir, &outcome, code, start);
    let clean = outcome.problems.is_empty()
        && outcome
            .code
            .is_some_and(|last| shell || last == 0 || Some(last) == code);
    if clean {
        let _ = fs::remove_dir_all(&dir);
        return Ok(ExitCode::from(
            code.and_then(|code| u8::try_from(code).ok()).unwrap_or(125),
        ));
    }
    eprintln!("vm: files are in {}", dir.display());
    Ok(ExitCode::from(125))
}

fn attend(group: &mut Group, wish: &Wish, shell: bool) {
    let mut arguments = wish.module.starter();
    let mut settings = vec![format!(
        "TERM={}",
        std::env::var("TERM").unwrap_or_default()
    )];
    let terminal = shell.then(terminal_size);
    if shell {
        arguments.extend(["bash", "-i"].map(str::to_owned));
        settings.push("PS1=\\w# ".to_owned());
    } else {
        arguments.extend(wish.command.iter().cloned());
    }
    let task = Task {
        terminal,
        arguments,
        settings,
    };
    let _raw = shell.then(RawTerminal::new);
    let keys = shell.then(keyboard);
    let input = || keys.as_ref().and_then(|keys| keys.try_recv().ok());
    group.run(&[task], wish.patience, &mut Terminal, input);
}

fn report(wish: &Wish, dir: &Path, outcome: &Outcome, code: Option<i32>, start: Instant) {
    let log = fs::read_to_string(dir.join("kernel.log")).unwrap_or_default();
    if wish.log || !outcome.problems.is_empty() {
        let skip = if wish.log {
            0
        } else {
            log.lines().count().saturating_sub(60)
        };
        for line in log.lines().skip(skip) {
            eprintln!("{line}");
        }
    }
    for problem in &outcome.problems {
        eprintln!("vm: {problem}");
    }
    let code = code.map_or_else(|| "no".to_owned(), |code| code.to_string());
    eprintln!(
        "vm: {} ({}), boot {:.2} s, all {:.2} s, exit code {code}",
        wish.on,
        outcome.release,
        outcome.boot.as_secs_f64(),
        start.elapsed().as_secs_f64(),
    );
}

/// Puts the developer's terminal into raw mode while it exists.
struct RawTerminal(Option<nix::sys::termios::Termios>);

impl RawTerminal {
    fn new() -> Self {
        use nix::sys::termios::{cfmakeraw, tcgetattr, tcsetattr, SetArg};
        let stdin = std::io::stdin();
        let Ok(before) = tcgetattr(&stdin) else {
            return Self(None);
        };
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        let _ = tcsetattr(&stdin, SetArg::TCSANOW, &raw);
        Self(Some(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        use nix::sys::termios::{tcsetattr, SetArg};
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, before);
        }
    }
}

/// Size of the developer's terminal, as the environment or `stty` tells.
fn terminal_size() -> (u16, u16) {
    let output = std::process::Command::new("stty")
        .arg("size")
        .stdin(std::process::Stdio::inherit())
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let mut words = text.split_whitespace().filter_map(|word| word.parse().ok());
    (words.next().unwrap_or(24), words.next().unwrap_or(80))
}

/// Reads the developer's keys in a thread of its own.
fn keyboard() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(count) = std::io::stdin().read(&mut buffer) {
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            // An empty message closes the guest's input.
            if sender.send(bytes).is_err() || count == 0 {
                return;
            }
        }
    });
    receiver
}
