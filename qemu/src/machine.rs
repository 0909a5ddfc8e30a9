// SPDX-License-Identifier: GPL-2.0

//! One running machine: the process, the control channel, the kernel log.
//!
//! Booting is the business of [`crate::uml`] and [`crate::qemu`]; both give back a [`Machine`].
//! Its owner (a [`crate::group::Group`]) reads what arrives and sends what is to be done.

use crate::frame::{Decoder, Kind, Message};
use crate::kernel::{Kernel, Runs};
use anyhow::{Context, Result};
use command_fds::{CommandFdExt, FdMapping};
use nix::sys::signal::Signal;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

/// What a machine is made of.
pub(crate) struct Spec {
    /// Its name among the machines of a group.
    pub(crate) name: String,
    /// The kernel it runs.
    pub(crate) kernel: &'static Kernel,
    /// Directory of its own on the host.
    pub(crate) dir: PathBuf,
    /// Network cards in order: the host's end of each cable.
    pub(crate) cables: Vec<Cable>,
    /// Megabytes of memory.
    pub(crate) memory: u32,
    /// Number of CPUs.
    pub(crate) cpus: u32,
    /// Whether its clock counts instructions (QEMU only, one CPU).
    pub(crate) icount: bool,
    /// More words for the kernel's command line.
    pub(crate) parameters: String,
}

/// One end of a virtual Ethernet cable.
pub(crate) struct Cable {
    /// A datagram per Ethernet frame.
    pub(crate) socket: OwnedFd,
    /// The hardware address of the card.
    pub(crate) mac: String,
}

impl Spec {
    /// The directory whose content the guest sees as `/vm`.
    pub(crate) fn payload(&self) -> PathBuf {
        self.dir.join("payload")
    }

    /// Where the kernel log goes.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("kernel.log")
    }

    /// Boots it. What it says arrives as events with this `index`.
    pub(crate) fn boot(self, index: usize, events: &Sender<Event>) -> Result<Machine> {
        match self.kernel.runs {
            Runs::Uml => crate::uml::boot(self, index, events),
            Runs::Qemu => crate::qemu::boot(self, index, events),
        }
    }
}

/// Something that happened in a machine.
pub(crate) struct Event {
    /// Which machine.
    pub(crate) index: usize,
    /// What it said; `None` when its channel closed.
    pub(crate) message: Option<Message>,
}

/// A running machine. Dropping it ends it.
pub(crate) struct Machine {
    /// Its name.
    pub(crate) name: String,
    /// Where its kernel log is.
    pub(crate) log: PathBuf,
    child: Child,
    /// Whether QEMU runs it.
    pub(crate) emulated: bool,
    channel: UnixStream,
    scratch: Option<PathBuf>,
}

impl Machine {
    /// Starts `command` with `channel` as the host's end of the control channel and the given
    /// descriptors; `scratch` is removed at the end.
    pub(crate) fn start(
        spec: Spec,
        mut command: Command,
        fds: Vec<FdMapping>,
        channel: UnixStream,
        scratch: Option<PathBuf>,
        (index, events): (usize, &Sender<Event>),
    ) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let line: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        fs::write(
            spec.dir.join("command"),
            format!("{program} {}\n", line.join(" ")),
        )?;
        command.fd_mappings(fds).context("file descriptors")?;
        let child = command.spawn().with_context(|| program.clone())?;
        // The command holds copies of the guest's ends: they must close, or the channel never
        // tells that the machine is gone.
        drop(command);
        let reader = channel.try_clone()?;
        let events = events.clone();
        thread::spawn(move || read(reader, index, &events));
        Ok(Self {
            log: spec.log(),
            name: spec.name,
            child,
            emulated: spec.kernel.runs == Runs::Qemu,
            channel,
            scratch,
        })
    }

    /// Sends a message; a machine that is gone shows itself by its closed channel.
    pub(crate) fn send(&mut self, message: &Message) {
        let _ = self.channel.write_all(&message.encode());
    }

    /// How the process of a machine that went silent ended, in words.
    pub(crate) fn end(&mut self) -> String {
        match self.wait(Duration::from_secs(2)) {
            Some(status) => format!("its process ended: {status}"),
            None => "its process is still there".to_owned(),
        }
    }

    /// How the emulator itself crashed, if it did. A guest cannot do that to a correct one.
    pub(crate) fn emulator_crash(&mut self) -> Option<String> {
        let signal = self
            .wait(Duration::from_secs(2))
            .and_then(|status| status.signal());
        let crashes = [
            Signal::SIGSEGV,
            Signal::SIGABRT,
            Signal::SIGBUS,
            Signal::SIGILL,
        ];
        let crashed = |code: &i32| crashes.iter().any(|one| *one as i32 == *code);
        let signal = signal.filter(|code| self.emulated && crashed(code));
        signal.map(|code| format!("QEMU itself crashed by signal {code}"))
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < patience {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(3));
        }
        None
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(scratch) = &self.scratch {
            let _ = fs::remove_dir_all(scratch);
        }
    }
}

/// Starts a command line whose process dies with this one, whatever way that ends.
pub(crate) fn tethered(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command.stdin(Stdio::null());
    command
}

/// Both output streams of a machine's process go to one file.
pub(crate) fn output_to(command: &mut Command, path: &Path) -> Result<()> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    command.stdout(file.try_clone()?).stderr(file);
    Ok(())
}

fn read(mut channel: UnixStream, index: usize, events: &Sender<Event>) {
    let mut decoder = Decoder::default();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = channel.read(&mut buffer) {
        decoder.feed(buffer.get(..count).unwrap_or_default());
        while let Some(message) = decoder.next() {
            let message = Some(message);
            if events.send(Event { index, message }).is_err() {
                return;
            }
        }
    }
    let _ = events.send(Event {
        index,
        message: None,
    });
}

/// A message that starts a command in a machine.
pub(crate) fn run_message(
    terminal: Option<(u16, u16)>,
    arguments: &[String],
    settings: &[String],
) -> Message {
    let (rows, columns) = terminal.unwrap_or_default();
    let mut fields = vec![
        if terminal.is_some() { "tty" } else { "pipe" }.to_owned(),
        rows.to_string(),
        columns.to_string(),
        arguments.len().to_string(),
    ];
    fields.extend_from_slice(arguments);
    fields.extend_from_slice(settings);
    Message::new(Kind::Run, &fields)
}
