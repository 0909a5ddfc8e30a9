// SPDX-License-Identifier: GPL-2.0

//! Who may do what: root, nobody, and root of a user namespace. What needs other credentials is
//! done by children of this program, which print a line for each answer.

use crate::attr::Attrs;
use crate::link::{Links, UP};
use crate::netlink::{Netlink, ACK, DUMP, REQUEST};
use crate::record::Record;
use crate::wg::{self, device, key, named, Wg, GET};
use anyhow::{bail, Context, Result};
use nix::sched::{unshare, CloneFlags};
use nix::unistd::{setgid, setgroups, setuid, Gid, Uid};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

/// IFLA_NET_NS_PID.
const NET_NS_PID: u16 = 19;
/// Whoever has no rights.
const NOBODY: u32 = 65534;

pub(super) fn run(record: &mut Record) -> Result<()> {
    let mut links = Links::open()?;
    links.wireguard("wg0")?;
    Wg::open()?.must_set(&named("wg0").put(device::PRIVATE_KEY, &key(0x40)))?;
    for role in [
        "nobody",
        "nobody-with-open-socket",
        "user-namespace",
        "own-namespace",
    ] {
        let mut child = start(role)?;
        let mut text = String::new();
        child
            .stdout
            .take()
            .context("no output")?
            .read_to_string(&mut text)?;
        let status = child.wait()?;
        if !status.success() {
            bail!("{role}: {status}");
        }
        note(record, role, &text);
    }
    // A device whose sockets stay in our namespace, in the hands of root of another one.
    let role = "given-device";
    let mut child = start(role)?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?);
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let moved = links.change("wg0", &Attrs::new().u32(NET_NS_PID, child.id()))?;
    child.stdin.take().context("no input")?.write_all(b"\n")?;
    let mut text = format!("move\t{}\n", moved.name());
    lines.read_to_string(&mut text)?;
    if !child.wait()?.success() {
        bail!("{role} failed");
    }
    note(record, role, &text);
    Ok(())
}

fn note(record: &mut Record, role: &str, text: &str) {
    for line in text.lines() {
        let (name, answer) = line.split_once('\t').unwrap_or((line, ""));
        record.put(format!("permission/{role}/{name}"), answer);
    }
}

fn start(role: &str) -> Result<Child> {
    Command::new("/proc/self/exe")
        .args(["child", role])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("this program")
}

/// The part of a child.
pub(super) fn child(role: &str) -> Result<()> {
    match role {
        "nobody" => {
            become_nobody()?;
            ask_all(&mut Netlink::generic()?, &mut Links::open()?)
        }
        "nobody-with-open-socket" => {
            let (mut generic, mut links) = (Netlink::generic()?, Links::open()?);
            become_nobody()?;
            ask_all(&mut generic, &mut links)
        }
        "user-namespace" => {
            unshare(CloneFlags::CLONE_NEWUSER).context("a user namespace")?;
            ask_all(&mut Netlink::generic()?, &mut Links::open()?)
        }
        "own-namespace" => {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).context("namespaces")?;
            let mut links = Links::open()?;
            let made = links.create("wg0", "wireguard", Attrs::new())?;
            println!("create\t{}", made.name());
            ask_all(&mut Netlink::generic()?, &mut links)
        }
        "given-device" => {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).context("namespaces")?;
            println!("ready");
            std::io::stdin().read_line(&mut String::new())?;
            ask_all(&mut Netlink::generic()?, &mut Links::open()?)
        }
        _ => bail!("no child is called {role}"),
    }
}

fn become_nobody() -> Result<()> {
    setgroups(&[])?;
    setgid(Gid::from_raw(NOBODY))?;
    Ok(setuid(Uid::from_raw(NOBODY))?)
}

fn ask_all(generic: &mut Netlink, links: &mut Links) -> Result<()> {
    let reply = wg::controller(generic, "wireguard")?;
    let id = crate::attr::find(&reply, 1).and_then(|attr| attr.payload.try_into().ok());
    let family = u16::from_ne_bytes(id.context("a family without a number")?);
    let wg0 = || named("wg0");
    let get = |generic: &mut Netlink, name: &str, attrs: &Attrs| -> Result<()> {
        let answer = generic.ask(family, REQUEST | DUMP, &[GET, 1, 0, 0], attrs)?;
        let ack = answer
            .ack
            .as_ref()
            .map(crate::netlink::Ack::blame)
            .unwrap_or_default();
        println!(
            "{name}\t{} {} messages {ack}",
            answer.name(),
            answer.messages.len()
        );
        Ok(())
    };
    get(generic, "get", &wg0())?;
    get(generic, "get-nothing", &Attrs::new())?;
    get(generic, "get-unknown", &named("wg9"))?;
    for (name, attrs) in [
        ("set-nothing", wg0()),
        ("set-malformed", wg0().u32(99, 0)),
        ("set-unknown-device", named("wg9")),
        ("set-key", wg0().put(device::PRIVATE_KEY, &key(0x48))),
        (
            "set-peer",
            wg::with_peer(wg0(), Attrs::new().put(wg::peer::PUBLIC_KEY, &key(1))),
        ),
        ("set-port", wg0().u16(device::LISTEN_PORT, 5000)),
        ("set-fwmark", wg0().u32(device::FWMARK, 5)),
        ("set-same-port", wg0().u16(device::LISTEN_PORT, 0)),
        // The refusal comes before all changes.
        (
            "set-key-and-port",
            wg0()
                .put(device::PRIVATE_KEY, &key(0x50))
                .u16(device::LISTEN_PORT, 5001),
        ),
        (
            "set-port-malformed",
            wg0().u16(device::LISTEN_PORT, 5001).u32(99, 0),
        ),
    ] {
        let answer = generic.ask(family, REQUEST | ACK, &[wg::SET, 1, 0, 0], &attrs)?;
        println!("{name}\t{}", answer.name());
    }
    let answer = generic.ask(family, REQUEST | DUMP, &[GET, 1, 0, 0], &wg0())?;
    println!("then\t{}", wg::show(&answer.messages).replace('\n', " | "));
    println!(
        "link-new\t{}",
        links.create("wg1", "wireguard", Attrs::new())?.name()
    );
    match links.index("wg0") {
        Ok(_) => println!("link-up\t{}", links.flags("wg0", UP, UP)?.name()),
        Err(error) => println!("link-up\t{error:#}"),
    }
    println!("link-delete\t{}", links.delete("wg1")?.name());
    Ok(())
}
