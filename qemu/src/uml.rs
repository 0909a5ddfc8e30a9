// SPDX-License-Identifier: GPL-2.0

//! Boots a machine as User-Mode Linux: a Linux kernel that is a process of the host.
//!
//! The root file system and the payload are directories of the host (hostfs); the control channel
//! is the first serial line; each cable is a socket handed to the vector network driver. With
//! more than one CPU the kernel needs `seccomp=on`.
//!
//! A kernel that travels in time has one CPU, on which computing takes no time: its clock stands
//! still while a program runs, and jumps to the next timer when none does.
//!
//! A kernel that looks for faults has one CPU and `seccomp=off`: clang's User-Mode Linux does not
//! start a program otherwise, and lockdep finds fault with how its second CPU comes up.

use crate::machine::{self, Event, Machine, Spec};
use crate::rootfs;
use anyhow::Result;
use command_fds::FdMapping;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Sender;

/// Descriptor of the control channel in the kernel's process; the cables follow.
const CHANNEL: i32 = 10;

/// Boots `spec`.
pub(crate) fn boot(spec: Spec, index: usize, events: &Sender<Event>) -> Result<Machine> {
    let kernel = spec.kernel.parts()?;
    let root = rootfs::directory()?;
    let scratch = scratch()?;
    let (ours, theirs) = UnixStream::pair()?;
    let mut fds = vec![FdMapping {
        parent_fd: OwnedFd::from(theirs),
        child_fd: CHANNEL,
    }];

    let mut command = machine::tethered(&kernel.image);
    // The memory is a file that is deleted at once; keep it off the disk.
    command.env("TMPDIR", "/dev/shm");
    let one_cpu = spec.kernel.debugs();
    command.arg(if one_cpu { "seccomp=off" } else { "seccomp=on" });
    if spec.kernel.travels() {
        command.arg("time-travel=inf-cpu");
    } else if !one_cpu {
        command.arg(format!("ncpus={}", spec.cpus));
    }
    command.arg(format!("mem={}M", spec.memory));
    command.args([
        "rootfstype=hostfs",
        "ro",
        "init=/init",
        "loglevel=8",
        "panic=-1",
    ]);
    command.args([
        "oops=panic",
        "hung_task_panic=0",
        "con=null",
        "con0=null,fd:1",
    ]);
    command.arg(format!("rootflags={}", root.display()));
    command.arg("ssl=null").arg(format!("ssl0=fd:{CHANNEL}"));
    command.arg(format!("uml_dir={}", scratch.display()));
    command.arg("umid=m");
    command.arg("vm.control=/dev/ttyS0");
    command.arg(format!("vm.payload={}", spec.payload().display()));
    command.arg(format!("vm.modules={}", kernel.modules.display()));
    command.args(spec.parameters.split_whitespace());
    machine::output_to(&mut command, &spec.log())?;

    let mut spec = spec;
    for (number, cable) in std::mem::take(&mut spec.cables).into_iter().enumerate() {
        let fd = CHANNEL + 1 + i32::try_from(number)?;
        // Frames that the other side cannot take at once stay in the driver's queue.
        command.arg(format!(
            "vec{number}:transport=fd,fd={fd},mac={},depth=128",
            cable.mac
        ));
        fds.push(FdMapping {
            parent_fd: cable.socket,
            child_fd: fd,
        });
    }
    Machine::start(spec, command, fds, ours, Some(scratch), (index, events))
}

/// A short path for the kernel's own files: one of them is a socket, whose path has a limit.
fn scratch() -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("wg-vm-{}-{count}", std::process::id()));
    fs::create_dir_all(&dir)?;
    Ok(dir)
}
