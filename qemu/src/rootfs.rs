// SPDX-License-Identifier: GPL-2.0

//! The root file system of all guests: Debian's user land, unpacked and never installed.
//!
//! There is one. User-Mode Linux mounts the directory `root`, QEMU the image `root.squashfs` made
//! of it; both read only. No package script runs: what the scripts would have set up and tests
//! need (users, alternatives, a few files in /etc) is done here.

use crate::apt::Apt;
use crate::cache::Thing;
use crate::progress::Progress;
use anyhow::{bail, Context, Result};
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "rootfs";
const INIT: &str = include_str!("../guest/init");
const SUITES: [&str; 4] = [
    "trixie",
    "trixie-updates",
    "trixie-security",
    "trixie-backports",
];
const PACKAGES: [&str; 31] = [
    "base-files",
    "bash",
    "busybox-static",
    "coreutils",
    "dash",
    "dbus",
    "diffutils",
    "ethtool",
    "findutils",
    "grep",
    "hostname",
    "iperf3",
    "iproute2",
    "iptables",
    "iputils-ping",
    "kmod",
    "mawk",
    "mount",
    "ncat",
    "network-manager",
    "nftables",
    "openresolv",
    "procps",
    "sed",
    "systemd",
    "tar",
    "tcpdump",
    "udev",
    "util-linux",
    "wireguard-go",
    "xxd",
];
/// Oldest version of wireguard-tools that the kernel's own test script works with.
const TOOLS: (&str, &str) = ("wireguard-tools", "1.0.20250521");
/// Directories that nothing in a guest reads.
const USELESS: [&str; 7] = [
    "usr/share/bash-completion",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/perl5",
];
/// Users whom daemons turn into, with their number; each has a group of its own.
const USERS: [(&str, u32); 2] = [("messagebus", 990), ("systemd-network", 991)];
/// Counts up when the code below changes what it makes.
const EDITION: &str = "2";

/// The thing in the cache.
pub(crate) fn thing() -> Thing {
    let packages = PACKAGES.join(" ");
    Thing::new(
        NAME,
        &[
            EDITION,
            INIT,
            &SUITES.join(" "),
            &packages,
            TOOLS.0,
            TOOLS.1,
        ],
    )
}

/// Directory with the unpacked root file system.
pub(crate) fn directory() -> Result<PathBuf> {
    Ok(thing().need()?.join("root"))
}

/// Image of the root file system.
pub(crate) fn image() -> Result<PathBuf> {
    Ok(thing().need()?.join("root.squashfs"))
}

/// Makes it, if needed.
pub(crate) fn prepare(refresh: bool) -> Result<PathBuf> {
    let thing = thing();
    if let Some(dir) = thing.find()?.filter(|_| !refresh) {
        return Ok(dir);
    }
    let mut progress = Progress::new(NAME);
    let apt = Apt::open(NAME, &SUITES, &mut progress)?;
    let mut names: Vec<String> = PACKAGES.map(str::to_owned).to_vec();
    let tools = apt.newest(TOOLS.0)?;
    if crate::apt::compare(&tools.version, TOOLS.1).is_lt() {
        progress.warn(&format!(
            "{} {} is older than {}",
            TOOLS.0, tools.version, TOOLS.1
        ));
    }
    names.push(format!("{}={}", tools.name, tools.version));
    thing.prepare(
        refresh,
        || apt.closure(&names),
        |temp, _| {
            let root = temp.join("root");
            progress.step(&format!("Debian user land with {}", tools.version));
            apt.unpack_closure(&names, &root, &mut progress)?;
            adapt(&root)?;
            progress.step("image");
            squash(&root, &temp.join("root.squashfs"), &mut progress)
        },
    )
}

/// Packs a directory into an uncompressed image: the host's page cache is fast, TCG is not.
pub(crate) fn squash(dir: &Path, image: &Path, progress: &mut Progress) -> Result<()> {
    let mut command = Command::new("mksquashfs");
    command.arg(dir).arg(image);
    command.args([
        "-noappend",
        "-no-progress",
        "-all-root",
        "-noI",
        "-noD",
        "-noF",
        "-noX",
    ]);
    progress.run(&mut command)
}

/// Does what the packages' scripts would have done, as far as tests need it.
fn adapt(root: &Path) -> Result<()> {
    for dir in USELESS {
        let _ = fs::remove_dir_all(root.join(dir));
    }
    for dir in [
        "vm",
        "mnt",
        "usr/lib/modules",
        "dev",
        "proc",
        "sys",
        "run",
        "tmp",
        "var",
    ] {
        fs::create_dir_all(root.join(dir))?;
    }
    fs::write(root.join("init"), INIT)?;
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))?;
    let master = root.join("usr/share/base-passwd");
    let read = |name: &str| fs::read_to_string(master.join(name)).context(name.to_owned());
    let (mut users, mut groups) = (read("passwd.master")?, read("group.master")?);
    for (name, number) in USERS {
        users += &format!("{name}:*:{number}:{number}::/nonexistent:/usr/sbin/nologin\n");
        groups += &format!("{name}:*:{number}:\n");
    }
    fs::write(root.join("etc/passwd"), users)?;
    fs::write(root.join("etc/group"), groups)?;
    fs::write(
        root.join("etc/hosts"),
        "127.0.0.1 localhost\n::1 localhost\n",
    )?;
    fs::write(
        root.join("etc/nsswitch.conf"),
        "passwd: files\ngroup: files\nhosts: files\n",
    )?;
    fs::write(root.join("etc/resolv.conf"), "")?;
    link("/proc/mounts", &root.join("etc/mtab"))?;
    link("mawk", &root.join("usr/bin/awk"))?;
    link("ncat", &root.join("usr/bin/nc"))?;
    for family in ["iptables", "ip6tables"] {
        for suffix in ["", "-save", "-restore"] {
            let name = root.join("usr/sbin").join(format!("{family}{suffix}"));
            link(&format!("{family}-nft{suffix}"), &name)?;
        }
    }
    for needed in [
        "usr/bin/sh",
        "usr/bin/bash",
        "usr/bin/ip",
        "usr/bin/wg",
        "usr/bin/iperf3",
    ] {
        if fs::symlink_metadata(root.join(needed)).is_err() {
            bail!("{needed} is missing in the root file system");
        }
    }
    Ok(())
}

fn link(target: &str, path: &Path) -> Result<()> {
    let _ = fs::remove_file(path);
    symlink(target, path).with_context(|| path.display().to_string())
}
