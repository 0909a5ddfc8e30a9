// SPDX-License-Identifier: GPL-2.0

//! The agent: the first process of a guest. One per machine, started by `guest/init`.
//!
//! It runs the commands that the runner asks for, one after the other, passes their output on,
//! and serves the helper commands of [`crate::helper`] (`say`, `put`, `get`, `barrier`) on a local
//! socket. When the control channel closes or asks for it, the machine is powered off.

use crate::frame::{Decoder, Kind, Message};
use anyhow::{Context, Result};
use nix::sys::reboot::{reboot, RebootMode};
use nix::sys::signal::{kill, Signal};
use nix::sys::wait::{waitpid, WaitPidFlag, WaitStatus};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Where helper commands reach the agent.
pub(crate) const SOCKET: &str = "/run/vm.sock";
/// Files that a script leaves here come back to the host.
pub(crate) const RESULTS: &str = "/run/results";
/// Longest piece of output in one frame.
const PIECE: usize = 16 * 1024;

/// Runs the agent until the machine ends. Never returns in a guest.
pub(crate) fn main() -> Result<()> {
    let outcome = serve();
    if let Err(error) = &outcome {
        // The console is the kernel log's file: the only place left to complain.
        eprintln!("vm guest: {error:#}");
    }
    nix::unistd::sync();
    reboot(RebootMode::RB_POWER_OFF).context("power off")?;
    outcome
}

/// The value of a word NAME=VALUE on the kernel command line.
fn boot_argument(name: &str) -> Option<String> {
    let line = fs::read_to_string("/proc/cmdline").ok()?;
    line.split_whitespace()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        .map(str::to_owned)
}

/// Opens the control channel, which is a terminal line in User-Mode Linux and a port in QEMU.
fn open_channel() -> Result<File> {
    let path = boot_argument("vm.control").context("no vm.control= on the command line")?;
    let mut last = None;
    // The port appears when its driver has been probed, which may be after us.
    for _ in 0..200 {
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => {
                if let Ok(mut settings) = nix::sys::termios::tcgetattr(&file) {
                    nix::sys::termios::cfmakeraw(&mut settings);
                    let now = nix::sys::termios::SetArg::TCSANOW;
                    nix::sys::termios::tcsetattr(&file, now, &settings)?;
                }
                return Ok(file);
            }
            Err(error) => last = Some(error),
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(last.context("never tried")?).context(path)
}

/// What all threads of the agent share.
struct Shared {
    /// The sending half of the control channel.
    channel: Mutex<File>,
    /// Who waits for which answer.
    waiting: Mutex<HashMap<String, Vec<UnixStream>>>,
}

impl Shared {
    fn send(&self, message: &Message) {
        // A channel that is gone ends the agent's own read loop; there is nobody else to tell.
        let _ = locked(&self.channel).write_all(&message.encode());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve() -> Result<()> {
    let mut channel = open_channel()?;
    let shared = Arc::new(Shared {
        channel: Mutex::new(channel.try_clone()?),
        waiting: Mutex::default(),
    });
    fs::create_dir_all(RESULTS)?;
    let listener = UnixListener::bind(SOCKET).context(SOCKET)?;
    let helpers = Arc::clone(&shared);
    thread::spawn(move || serve_helpers(&helpers, &listener));

    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let taint = taint();
    shared.send(&Message::new(Kind::Hello, &[release.trim(), &taint]));

    let mut decoder = Decoder::default();
    let mut input: Option<File> = None;
    let mut buffer = vec![0; PIECE];
    loop {
        let count = channel.read(&mut buffer).unwrap_or(0);
        if count == 0 {
            return Ok(());
        }
        decoder.feed(buffer.get(..count).unwrap_or_default());
        while let Some(message) = decoder.next() {
            match message.kind {
                Kind::Run => input = start(&shared, &message),
                Kind::Input => {
                    if message.bytes(0).is_empty() {
                        input = None;
                    } else if let Some(file) = &mut input {
                        let _ = file.write_all(message.bytes(0));
                    }
                }
                Kind::Answer => answer(&shared, &message),
                Kind::Halt => {
                    shared.send(&Message::new(Kind::Bye, &[self::taint(), leaks()]));
                    // Give the driver of the channel the time to hand it over.
                    thread::sleep(Duration::from_millis(20));
                    return Ok(());
                }
                _ => {}
            }
        }
    }
}

fn taint() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/tainted").unwrap_or_default();
    text.trim().to_owned()
}

/// What kmemleak found, in kernels that have it.
fn leaks() -> String {
    let path = "/sys/kernel/debug/kmemleak";
    if fs::metadata(path).is_err() {
        return String::new();
    }
    // A block must be seen unreferenced twice, and be a few seconds old.
    let _ = fs::write(path, "scan");
    thread::sleep(Duration::from_secs(6));
    let _ = fs::write(path, "scan");
    fs::read_to_string(path).unwrap_or_default()
}

/// Starts the command of a `Run` message, and gives back what to write its input to.
fn start(shared: &Arc<Shared>, message: &Message) -> Option<File> {
    let tty = message.bytes(0) == b"tty";
    let count: usize = message.number(3).unwrap_or(0);
    let words: Vec<String> = (4..message.fields.len())
        .map(|at| message.text(at))
        .collect();
    let (arguments, settings) = words.split_at(count.min(words.len()));
    match Job::spawn(tty, message, arguments, settings) {
        Ok((job, input)) => {
            let shared = Arc::clone(shared);
            thread::spawn(move || job.finish(&shared));
            input
        }
        Err(error) => {
            let text = format!("vm guest: {}: {error:#}\n", arguments.join(" "));
            shared.send(&Message::new(Kind::Error, &[text]));
            shared.send(&Message::new(Kind::Exit, &["127"]));
            None
        }
    }
}

/// A running command with the ends of what it prints to.
struct Job {
    pid: Pid,
    outputs: Vec<(Kind, File)>,
}

impl Job {
    fn spawn(
        tty: bool,
        message: &Message,
        arguments: &[String],
        settings: &[String],
    ) -> Result<(Self, Option<File>)> {
        let mut command = if tty {
            let mut command = Command::new("setsid");
            command.args(["--ctty", "--wait"]).args(arguments);
            command
        } else {
            let (program, rest) = arguments.split_first().context("no command")?;
            let mut command = Command::new(program);
            command.args(rest).process_group(0);
            command
        };
        command.current_dir("/root");
        for (name, value) in settings.iter().filter_map(|pair| pair.split_once('=')) {
            command.env(name, value);
        }
        if tty {
            let size = nix::pty::Winsize {
                ws_row: message.number(1).unwrap_or(24),
                ws_col: message.number(2).unwrap_or(80),
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            let pty = nix::pty::openpty(Some(&size), None).context("openpty")?;
            command.stdin(duplicate(&pty.slave)?);
            command.stdout(duplicate(&pty.slave)?);
            command.stderr(pty.slave);
            let child = command.spawn()?;
            let input = File::from(pty.master);
            let outputs = vec![(Kind::Output, input.try_clone()?)];
            return Ok((Self::of(child.id(), outputs)?, Some(input)));
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut outputs = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            outputs.push((Kind::Output, File::from(OwnedFd::from(pipe))));
        }
        if let Some(pipe) = child.stderr.take() {
            outputs.push((Kind::Error, File::from(OwnedFd::from(pipe))));
        }
        let input = child
            .stdin
            .take()
            .map(|pipe| File::from(OwnedFd::from(pipe)));
        Ok((Self::of(child.id(), outputs)?, input))
    }

    fn of(id: u32, outputs: Vec<(Kind, File)>) -> Result<Self> {
        let pid = Pid::from_raw(i32::try_from(id)?);
        Ok(Self { pid, outputs })
    }

    /// Passes output on until the command has ended, then reports how, and its result files.
    fn finish(self, shared: &Arc<Shared>) {
        let pumps: Vec<_> = self
            .outputs
            .into_iter()
            .map(|(kind, file)| {
                let shared = Arc::clone(shared);
                thread::spawn(move || pump(&shared, kind, file))
            })
            .collect();
        let code = reap_until(self.pid);
        // What the command left in the background may hold its output open: end that.
        let _ = kill(Pid::from_raw(-self.pid.as_raw()), Signal::SIGKILL);
        for _ in 0..50 {
            if pumps.iter().all(thread::JoinHandle::is_finished) {
                break;
            }
            thread::sleep(Duration::from_millis(2));
        }
        send_results(shared);
        shared.send(&Message::new(Kind::Exit, &[code.to_string()]));
    }
}

fn duplicate(fd: &OwnedFd) -> Result<OwnedFd> {
    Ok(fd.as_fd().try_clone_to_owned()?)
}

fn pump(shared: &Shared, kind: Kind, mut file: File) {
    let mut buffer = vec![0; PIECE];
    // A terminal whose other end closed gives an error, a pipe gives zero: both are the end.
    while let Ok(count @ 1..) = file.read(&mut buffer) {
        let piece = buffer.get(..count).unwrap_or_default();
        shared.send(&Message::new(kind, &[piece]));
    }
}

/// As process 1 we inherit every orphan: collect them all until ours has ended.
fn reap_until(pid: Pid) -> i32 {
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::empty())) {
            Ok(WaitStatus::Exited(ended, code)) if ended == pid => return code,
            Ok(WaitStatus::Signaled(ended, signal, _)) if ended == pid => {
                return 128 + signal as i32
            }
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(_) => return 255,
        }
    }
}

fn send_results(shared: &Shared) {
    let Ok(entries) = fs::read_dir(RESULTS) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(bytes) = fs::read(entry.path()) else {
            continue;
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        // Each frame names the file again: the host appends.
        for piece in bytes.chunks(PIECE) {
            shared.send(&Message::new(Kind::File, &[name.as_bytes(), piece]));
        }
        let _ = fs::remove_file(entry.path());
    }
}

fn serve_helpers(shared: &Arc<Shared>, listener: &UnixListener) {
    for stream in listener.incoming().flatten() {
        let shared = Arc::clone(shared);
        thread::spawn(move || serve_helper(&shared, stream));
    }
}

fn serve_helper(shared: &Shared, mut stream: UnixStream) {
    let mut decoder = Decoder::default();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        decoder.feed(buffer.get(..count).unwrap_or_default());
        while let Some(message) = decoder.next() {
            if matches!(message.kind, Kind::Barrier | Kind::Get) {
                let Ok(waiter) = stream.try_clone() else {
                    return;
                };
                let mut waiting = locked(&shared.waiting);
                waiting.entry(message.text(0)).or_default().push(waiter);
            }
            shared.send(&message);
            if matches!(message.kind, Kind::Say | Kind::Put) {
                // The helper returns only when its message is on its way.
                let _ = stream.write_all(&Message::new(Kind::Answer, &["", ""]).encode());
            }
        }
    }
}

fn answer(shared: &Shared, message: &Message) {
    let waiters = locked(&shared.waiting).remove(&message.text(0));
    for mut waiter in waiters.unwrap_or_default() {
        let _ = waiter.write_all(&message.encode());
    }
}
