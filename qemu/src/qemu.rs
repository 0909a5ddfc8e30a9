// SPDX-License-Identifier: GPL-2.0

//! Boots a machine in QEMU with a stock Debian kernel.
//!
//! Always emulated (TCG): a /dev/kvm may be there and still hang with such a kernel. Disks, all
//! read only and raw: the root file system, the modules, the payload. The kernel log is the first
//! serial port, written to a file by QEMU itself; the control channel is a virtio port; each
//! cable is a datagram socket.
//!
//! QEMU 7.2 (Debian 12) now and then crashes when one emulated CPU moves PCI windows while another
//! one uses its interrupt controller. So the kernel boots on one CPU, and `guest/init` starts the
//! others when the devices have been found.

use crate::machine::{self, Event, Machine, Spec};
use crate::payload;
use crate::rootfs;
use crate::tsc;
use anyhow::{Context, Result};
use command_fds::FdMapping;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::Sender;

/// Descriptor of the control channel in QEMU's process; the cables follow.
const CHANNEL: i32 = 10;

/// Boots `spec`.
pub(crate) fn boot(spec: Spec, index: usize, events: &Sender<Event>) -> Result<Machine> {
    let kernel = spec.kernel.parts()?;
    let archive = spec.dir.join("payload.tar");
    payload::pack(&spec.payload(), &archive)?;
    let (ours, theirs) = UnixStream::pair()?;
    let mut fds = vec![FdMapping {
        parent_fd: OwnedFd::from(theirs),
        child_fd: CHANNEL,
    }];

    let mut command = machine::tethered(Path::new("qemu-system-x86_64"));
    command.args([
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
    ]);
    command.args(["-machine", "q35", "-cpu"]);
    if spec.icount {
        // A nanosecond of the guest is one instruction, however long it takes here. Without
        // erms and fsrm: one `rep movsb` would count as many instructions as bytes.
        command.args([
            "max,la57=off,erms=off,fsrm=off",
            "-accel",
            "tcg,thread=single",
        ]);
        command.args(["-icount", "shift=0,sleep=off"]);
    } else {
        command.args(["max,la57=off", "-accel", "tcg"]);
    }
    command.arg("-smp").arg(spec.cpus.to_string());
    command.arg("-m").arg(format!("{}M", spec.memory));
    command.arg("-kernel").arg(&kernel.image);
    command.arg("-initrd").arg(
        kernel
            .initrd
            .as_ref()
            .context("a kernel without an initrd")?,
    );
    // Where instructions are counted, a kernel's own look is right.
    let counter = if spec.icount {
        String::new()
    } else {
        tsc::parameters()
    };
    command.arg("-append").arg(format!(
        "console=ttyS0 loglevel=8 panic=-1 oops=panic random.trust_cpu=on \
         cryptomgr.notests no_timer_check maxcpus=1 vm.control=/dev/vport0p1 vm.modules=/dev/vdb vm.payload=/dev/vdc {counter} {}",
        spec.parameters
    ));
    command
        .arg("-chardev")
        .arg(format!("file,id=log,path={}", spec.log().display()));
    command.args(["-serial", "chardev:log"]);
    command.args(["-device", "virtio-serial-pci"]);
    command
        .arg("-chardev")
        .arg(format!("socket,id=control,fd={CHANNEL}"));
    command.args(["-device", "virtserialport,chardev=control,nr=1"]);
    command.args(["-device", "virtio-rng-pci"]);
    for disk in [rootfs::image()?, kernel.modules, archive] {
        let drive = format!(
            "file={},if=virtio,format=raw,readonly=on,cache=unsafe",
            disk.display()
        );
        command.arg("-drive").arg(drive);
    }

    let mut spec = spec;
    for (number, cable) in std::mem::take(&mut spec.cables).into_iter().enumerate() {
        let fd = CHANNEL + 1 + i32::try_from(number)?;
        command.arg("-netdev");
        command.arg(format!("dgram,id=net{number},local.type=fd,local.str={fd}"));
        command.arg("-device");
        command.arg(format!(
            "virtio-net-pci,netdev=net{number},mac={},romfile=",
            cable.mac
        ));
        fds.push(FdMapping {
            parent_fd: cable.socket,
            child_fd: fd,
        });
    }
    let messages = spec.dir.join("qemu.log");
    machine::output_to(&mut command, &messages)?;
    Machine::start(spec, command, fds, ours, None, (index, events))
}
