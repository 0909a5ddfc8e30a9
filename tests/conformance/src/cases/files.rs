// SPDX-License-Identifier: GPL-2.0

//! What /sys and /proc show of an interface.

use crate::link::Links;
use crate::record::Record;
use crate::wg::{device, named, Wg};
use anyhow::{Context, Result};
use nix::mount::{mount, umount, MsFlags};
use std::fs;
use std::path::Path;

/// Where sysfs of this namespace is mounted while the group runs.
const SYS: &str = "/mnt";

pub(super) fn run(record: &mut Record) -> Result<()> {
    mount(
        Some("sys"),
        SYS,
        Some("sysfs"),
        MsFlags::MS_RDONLY,
        None::<&str>,
    )
    .context("sysfs")?;
    let outcome = look(record);
    umount(SYS)?;
    outcome
}

fn look(record: &mut Record) -> Result<()> {
    let mut links = Links::open()?;
    links.wireguard("wg0")?;
    for (state, up) in [("fresh", false), ("up", true)] {
        if up {
            Wg::open()?.must_set(&named("wg0").u16(device::LISTEN_PORT, 7777))?;
            links.up("wg0")?;
        }
        let dir = Path::new(SYS).join("class/net/wg0");
        walk(record, &format!("files/{state}/sys"), &dir, 0)?;
        for family in ["ipv4", "ipv6"] {
            let dir = format!("/proc/sys/net/{family}/conf");
            walk(
                record,
                &format!("files/{state}/{family}/wg0"),
                &Path::new(&dir).join("wg0"),
                0,
            )?;
            walk(
                record,
                &format!("files/{state}/{family}/all"),
                &Path::new(&dir).join("all"),
                0,
            )?;
            let dir = format!("/proc/sys/net/{family}/neigh/wg0");
            walk(
                record,
                &format!("files/{state}/{family}/neigh"),
                Path::new(&dir),
                0,
            )?;
        }
        for name in [
            "dev",
            "if_inet6",
            "igmp",
            "igmp6",
            "dev_mcast",
            "dev_snmp6/wg0",
            "packet",
            "udp",
            "udp6",
            "route",
            "ipv6_route",
        ] {
            let text = fs::read_to_string(format!("/proc/thread-self/net/{name}"));
            let text = text.unwrap_or_else(|error| error.to_string());
            record.put(
                format!("files/{state}/proc/{name}"),
                without_addresses(name, &text),
            );
        }
    }
    links.delete("wg0")?.ok("delete").map(drop)
}

/// Kernel addresses, inode numbers and interface numbers change from run to run.
fn without_addresses(name: &str, text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let kept: Vec<&str> = match name {
            "udp" | "udp6" => words.get(1..9).unwrap_or(&words).to_vec(),
            "dev_snmp6/wg0" if words.first() == Some(&"ifIndex") => vec!["ifIndex"],
            "igmp" | "igmp6" | "dev_mcast" => words.get(1..).unwrap_or_default().to_vec(),
            _ => words,
        };
        lines.push(kept.join(" "));
    }
    lines.join("\n")
}

/// All files below a directory. Links are named, not followed.
fn walk(record: &mut Record, title: &str, dir: &Path, depth: usize) -> Result<()> {
    let Ok(entries) = fs::read_dir(dir) else {
        record.put(title, "not there");
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let title = format!("{title}/{name}");
        let kind = entry.file_type()?;
        // Numbers that count interfaces; what runtime power management measures.
        if matches!(name.as_str(), "ifindex" | "iflink" | "power") {
            continue;
        }
        if kind.is_dir() && depth < 4 {
            walk(record, &title, &entry.path(), depth + 1)?;
        } else if kind.is_symlink() {
            record.put(title, "a link");
        } else if kind.is_file() {
            let text = match fs::read(entry.path()) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) => error.to_string(),
            };
            let masked = text.lines().map(|line| {
                if line.starts_with("IFINDEX=") {
                    "IFINDEX"
                } else {
                    line
                }
            });
            record.put(title, masked.collect::<Vec<_>>().join("\n"));
        }
    }
    Ok(())
}
