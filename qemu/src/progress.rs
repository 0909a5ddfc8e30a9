// SPDX-License-Identifier: GPL-2.0

//! Runs the commands that prepare things, and shows how far they are.
//!
//! On a terminal there is one line that changes; elsewhere (a log of CI) a line now and then.

use anyhow::{bail, Context, Result};
use nix::fcntl::OFlag;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often a log gets a line.
const LOG_EVERY: Duration = Duration::from_secs(20);
/// How many lines of a failed command are shown.
const TAIL: usize = 25;

/// Progress of the making of one thing.
pub(crate) struct Progress {
    label: String,
    start: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// Starts the clock.
    pub(crate) fn new(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            start: Instant::now(),
            shown: None,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Says what is being done now.
    pub(crate) fn step(&mut self, text: &str) {
        self.clear();
        eprintln!(
            "vm: {} [{:3} s] {text}",
            self.label,
            self.start.elapsed().as_secs()
        );
        self.shown = Some(Instant::now());
    }

    /// Says something that matters.
    pub(crate) fn warn(&mut self, text: &str) {
        self.clear();
        eprintln!("vm: {}: WARNING: {text}", self.label);
    }

    /// Shows how far the step is.
    fn tick(&mut self, text: &str) {
        let pause = if self.terminal {
            Duration::from_millis(100)
        } else {
            LOG_EVERY
        };
        if self.shown.is_some_and(|shown| shown.elapsed() < pause) {
            return;
        }
        self.shown = Some(Instant::now());
        let seconds = self.start.elapsed().as_secs();
        if self.terminal {
            let text: String = text.chars().take(60).collect();
            eprint!("\r\x1b[Kvm: {} [{seconds:3} s]   {text}", self.label);
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("vm: {} [{seconds:3} s]   {text}", self.label);
        }
    }

    fn clear(&self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }

    /// Runs a command to its end; its lines are progress, and its last ones the error message.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        let program = command.get_program().to_string_lossy().into_owned();
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()
            .with_context(|| program.clone())?;
        // Our copies of the writing end must close, or the end of the output never comes.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut tail = VecDeque::new();
        let mut count = 0_usize;
        for line in BufReader::new(File::from(reader)).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
            count += 1;
            self.tick(&format!("{count:5}  {line}"));
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line);
        }
        let status = child.wait()?;
        self.clear();
        if !status.success() {
            let tail: Vec<_> = tail.into();
            bail!("{program}: {status}\n{}", tail.join("\n"));
        }
        Ok(())
    }
}

/// What a command prints; an error if it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| program.clone())?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{program}: {}\n{}", output.status, complaint.trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
