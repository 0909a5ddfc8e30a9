// SPDX-License-Identifier: GPL-2.0

//! The interface as `ip link` and `ethtool` see it: making, changing, renaming, moving, the notices
//! and events that come of it.

use crate::attr::{self, Attrs, Style};
use crate::link::{self, ifla, Links, ALLMULTI, DELLINK, MULTICAST, NEWLINK, PROMISC, UP};
use crate::netlink::{split, Netlink, ACK, CREATE, EXCL, REQUEST};
use crate::record::Record;
use crate::space::Space;
use crate::wg::{device, named, Wg};
use anyhow::{Context, Result};
use std::net::UdpSocket;

pub(super) fn run(record: &mut Record) -> Result<()> {
    create(record)?;
    change(record)?;
    segments(record)?;
    masters(record)?;
    notices(record)?;
    spaces(record)?;
    ethtool(record)
}

/// All that can be asked for when an interface is made.
fn create(record: &mut Record) -> Result<()> {
    let mut links = Links::open()?;
    let kind = || Attrs::new().string(ifla::INFO_KIND, "wireguard");
    let mut note =
        |links: &mut Links, title: &str, name: &str, info: Attrs, more: Attrs| -> Result<()> {
            let answer = links.create_with(name, info, more)?;
            let mut text = answer.name();
            if text == "ok" {
                let made = if name.contains('%') || name.is_empty() {
                    "wg0"
                } else {
                    name
                };
                text += "\n";
                text += &links
                    .show(made)
                    .unwrap_or_else(|error| format!("{error:#}"));
                links.delete(made)?;
            }
            record.put(format!("link/create/{title}"), text);
            let blame = answer.ack.map(|ack| ack.blame()).unwrap_or_default();
            record.put(format!("link/create/{title}+ack"), blame);
            Ok(())
        };
    note(&mut links, "plain", "wg0", kind(), Attrs::new())?;
    note(&mut links, "template", "wg%d", kind(), Attrs::new())?;
    for mtu in [
        0,
        1,
        67,
        68,
        576,
        1279,
        1280,
        1420,
        1421,
        65535,
        2_147_483_552,
        2_147_483_553,
        u32::MAX,
    ] {
        let more = Attrs::new().u32(ifla::MTU, mtu);
        note(&mut links, &format!("mtu-{mtu}"), "wg0", kind(), more)?;
    }
    for (title, info, more) in [
        ("txqlen", kind(), Attrs::new().u32(ifla::TXQLEN, 77)),
        (
            "address",
            kind(),
            Attrs::new().put(ifla::ADDRESS, &[2, 0, 0, 0, 0, 1]),
        ),
        (
            "address-empty",
            kind(),
            Attrs::new().put(ifla::ADDRESS, &[]),
        ),
        ("broadcast", kind(), Attrs::new().put(2, &[0xff; 6])),
        ("tx-queues", kind(), Attrs::new().u32(31, 4).u32(32, 3)),
        ("group", kind(), Attrs::new().u32(ifla::GROUP, 9)),
        (
            "alias",
            kind(),
            Attrs::new().string(ifla::IFALIAS, "a name"),
        ),
        ("operstate", kind(), Attrs::new().u8(16, 6)),
        ("linkmode", kind(), Attrs::new().u8(ifla::LINKMODE, 1)),
        ("gso", kind(), Attrs::new().u32(40, 10).u32(41, 30_000)),
        ("gso-great", kind(), Attrs::new().u32(41, 500_000)),
        (
            "data-empty",
            kind().nest(ifla::INFO_DATA, Attrs::new()),
            Attrs::new(),
        ),
        (
            "data-unknown",
            kind().nest(ifla::INFO_DATA, Attrs::new().u32(1, 1)),
            Attrs::new(),
        ),
        ("slave", kind().string(4, "wireguard"), Attrs::new()),
        (
            "kind-case",
            Attrs::new().string(ifla::INFO_KIND, "WireGuard"),
            Attrs::new(),
        ),
        (
            "kind-longer",
            Attrs::new().string(ifla::INFO_KIND, "wireguard1"),
            Attrs::new(),
        ),
    ] {
        note(&mut links, title, "wg0", info, more)?;
    }
    for (title, name) in [
        ("long", "wg04567890123456"),
        ("fits", "wg0456789012345"),
        ("space", "wg 0"),
        ("slash", "wg/0"),
        ("dots", ".."),
        ("all", "all"),
    ] {
        note(
            &mut links,
            &format!("name-{title}"),
            name,
            kind(),
            Attrs::new(),
        )?;
    }
    links.wireguard("wg0")?;
    let again = links.create("wg0", "wireguard", Attrs::new())?;
    record.put("link/create/twice", again.name());
    // Without EXCL, on one that is there: a change, which the kind does not have.
    let info = kind().nest(ifla::INFO_DATA, Attrs::new());
    for (title, info) in [("kind", kind()), ("kind-and-data", info)] {
        let index = links.index("wg0")?;
        let attrs = Attrs::new().nest(ifla::LINKINFO, info);
        let answer = links.0.ask(
            NEWLINK,
            REQUEST | ACK | CREATE,
            &link::header(index, 0, 0),
            &attrs,
        )?;
        record.put(format!("link/create/change-{title}"), answer.name());
        let blame = answer.ack.map(|ack| ack.blame()).unwrap_or_default();
        record.put(format!("link/create/change-{title}+ack"), blame);
    }
    links.delete("wg0")?.ok("delete")?;
    let flags = REQUEST | ACK | CREATE | EXCL;
    let attrs = Attrs::new()
        .string(ifla::IFNAME, "wg0")
        .nest(ifla::LINKINFO, kind());
    let up = links
        .0
        .ask(NEWLINK, flags, &link::header(4242, UP, UP), &attrs)?;
    record.put(
        "link/create/up-with-index",
        up.name() + "\n" + &links.show("wg0")?,
    );
    record.put("link/create/index", format!("{}", links.index("wg0")?));
    links.delete("wg0")?.ok("delete").map(drop)
}

/// All that can be changed.
fn change(record: &mut Record) -> Result<()> {
    let mut links = Links::open()?;
    links.wireguard("wg0")?;
    Wg::open()?.must_set(&named("wg0").u16(device::LISTEN_PORT, 7776))?;
    let mut step = 0;
    let mut note = |links: &mut Links,
                    title: &str,
                    name: &str,
                    answer: crate::netlink::Answer|
     -> Result<()> {
        step += 1;
        let text = format!("{}\n{}", answer.name(), links.show(name)?);
        record.put(format!("link/change/{step:02}-{title}"), text);
        Ok(())
    };
    let set = |links: &mut Links, attrs: Attrs| links.change("wg0", &attrs);
    for mtu in [
        0,
        67,
        68,
        1280,
        9000,
        65536,
        2_147_483_552,
        2_147_483_553,
        1420,
    ] {
        let answer = set(&mut links, Attrs::new().u32(ifla::MTU, mtu))?;
        note(&mut links, &format!("mtu-{mtu}"), "wg0", answer)?;
    }
    for (title, attrs) in [
        ("txqlen", Attrs::new().u32(ifla::TXQLEN, 5)),
        (
            "address",
            Attrs::new().put(ifla::ADDRESS, &[2, 0, 0, 0, 0, 1]),
        ),
        ("address-empty", Attrs::new().put(ifla::ADDRESS, &[])),
        (
            "alias",
            Attrs::new().string(ifla::IFALIAS, "what it is for"),
        ),
        ("alias-off", Attrs::new().put(ifla::IFALIAS, &[0])),
        ("group", Attrs::new().u32(ifla::GROUP, 7)),
        ("carrier-off", Attrs::new().u8(33, 0)),
        ("carrier-on", Attrs::new().u8(33, 1)),
        ("proto-down", Attrs::new().u8(39, 1)),
        ("linkmode", Attrs::new().u8(ifla::LINKMODE, 1)),
        ("operstate", Attrs::new().u8(16, 5)),
        (
            "xdp-off",
            Attrs::new().nest(ifla::XDP, Attrs::new().u32(1, u32::MAX)),
        ),
        ("vf", Attrs::new().nest(22, Attrs::new())),
        (
            "addr-gen",
            Attrs::new().nest(ifla::AF_SPEC, Attrs::new().nest(10, Attrs::new().u8(8, 0))),
        ),
    ] {
        let answer = set(&mut links, attrs)?;
        note(&mut links, title, "wg0", answer)?;
    }
    for (title, flags, mask) in [
        ("up", UP, UP),
        ("promisc", PROMISC, PROMISC),
        ("promisc-off", 0, PROMISC),
        ("allmulti", ALLMULTI, ALLMULTI),
        ("multicast", MULTICAST, MULTICAST),
        ("noarp-off", 0, 0x80),
        ("point-to-point-off", 0, 0x10),
        ("down", 0, UP),
        ("up-again", UP, UP),
    ] {
        let answer = links.flags("wg0", flags, mask)?;
        note(&mut links, title, "wg0", answer)?;
    }
    let rename = |links: &mut Links, from: &str, to: &str| {
        links.change(from, &Attrs::new().string(ifla::IFNAME, to))
    };
    let answer = rename(&mut links, "wg0", "wg1")?;
    let name = if answer.name() == "ok" { "wg1" } else { "wg0" };
    note(&mut links, "rename-while-up", name, answer)?;
    links.down(name)?;
    let answer = rename(&mut links, name, "other")?;
    note(&mut links, "rename-while-down", "other", answer)?;
    let dump = Wg::open()?.dump("other")?;
    record.put("link/change/dump-after-rename", dump);
    links.delete("other")?.ok("delete").map(drop)
}

/// How great segments may be: of 65,536 bytes, and greater where the device allows it.
fn segments(record: &mut Record) -> Result<()> {
    let mut links = Links::open()?;
    links.wireguard("wg0")?;
    for (title, size) in [("fits", 65_536), ("great", 200_000), ("too-great", 1 << 20)] {
        let attrs = Attrs::new().u32(ifla::GSO_MAX_SIZE, size);
        let mut text = links.change("wg0", &attrs)?.name();
        let body = links.get("wg0")?;
        for (name, kind) in [("is", ifla::GSO_MAX_SIZE), ("limit", ifla::TSO_MAX_SIZE)] {
            let attr = attr::find(body.get(16..).unwrap_or_default(), kind);
            let value = attr.and_then(|attr| attr.u32());
            text += &value.map_or(format!(", {name} -"), |value| format!(", {name} {value}"));
        }
        record.put(format!("link/segments/{title}"), text);
    }
    links.delete("wg0")?.ok("delete").map(drop)
}

/// Who takes it as a port.
fn masters(record: &mut Record) -> Result<()> {
    let mut links = Links::open()?;
    for (kind, data) in [
        ("bridge", Attrs::new()),
        ("bond", Attrs::new()),
        ("team", Attrs::new()),
        ("vrf", Attrs::new().u32(1, 10)),
    ] {
        links.wireguard("wg0")?;
        let info = Attrs::new()
            .string(ifla::INFO_KIND, kind)
            .nest(ifla::INFO_DATA, data);
        let made = links.create_with("master", info, Attrs::new())?.name();
        let mut text = format!("{kind} {made}");
        if made == "ok" {
            let index = links.index("master")?;
            let answer = links.change("wg0", &Attrs::new().u32(ifla::MASTER, index))?;
            text += &format!(", as its port {}", answer.name());
            let blame = answer.ack.map(|ack| ack.blame()).unwrap_or_default();
            text += &format!("\n{blame}\n{}", mask_master(&links.get("wg0")?));
            links.delete("master")?.ok("delete")?;
        }
        record.put(format!("link/master/{kind}"), text);
        links.delete("wg0")?.ok("delete")?;
    }
    Ok(())
}

/// The link without the number of its master.
fn mask_master(body: &[u8]) -> String {
    let text = link::show(body);
    let is_master = |line: &&str| {
        !line
            .trim_start()
            .starts_with(&format!("{} (4)", ifla::MASTER))
    };
    text.lines()
        .filter(is_master)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Something that is done to an interface.
type Step<'a> = dyn Fn(&mut Links) -> Result<()> + 'a;

/// Notices of rtnetlink and events for udev while an interface lives.
fn notices(record: &mut Record) -> Result<()> {
    let mut links = Links::open()?;
    let away = Space::new()?;
    let steps: [(&str, &Step<'_>); 6] = [
        ("create", &|links| links.wireguard("wg0")),
        ("up", &|links| links.up("wg0")),
        ("configure", &|_| {
            Wg::open()?.must_set(&named("wg0").u16(device::LISTEN_PORT, 7777))
        }),
        ("rename", &|links| {
            links.down("wg0")?;
            links
                .change("wg0", &Attrs::new().string(ifla::IFNAME, "wg5"))?
                .ok("rename")
                .map(drop)
        }),
        ("move", &|links| {
            let to = Attrs::new().u32(ifla::NET_NS_FD, away.descriptor());
            links.change("wg5", &to)?.ok("move").map(drop)
        }),
        ("delete", &|links| {
            links.wireguard("wg6")?;
            links.delete("wg6")?.ok("delete").map(drop)
        }),
    ];
    for (name, step) in steps {
        let (events, notices) = (Netlink::uevents()?, Netlink::link_events()?);
        let other = away.within(Netlink::uevents)?;
        step(&mut links)?;
        record.put(format!("link/uevent/{name}"), uevents(&events)?);
        record.put(format!("link/uevent/{name}-away"), uevents(&other)?);
        let mut text = String::new();
        while let Some((datagram, _)) = notices.receive(65536, true)? {
            for message in split(&datagram) {
                let word = match message.kind {
                    NEWLINK => "new",
                    DELLINK => "gone",
                    _ => "other",
                };
                let shown = link::show(&message.body);
                text += &format!("{word} {}: {shown}", message.kind);
            }
        }
        record.put(format!("link/notice/{name}"), mask_space(&text));
    }
    Ok(())
}

/// IFLA_NEW_NETNSID and IFLA_NEW_IFINDEX are numbers of the namespace that is moved to.
fn mask_space(text: &str) -> String {
    let keep = |line: &&str| {
        !["45 (4)", "49 (4)"]
            .iter()
            .any(|head| line.trim_start().starts_with(head))
    };
    text.lines().filter(keep).collect::<Vec<_>>().join("\n")
}

/// The events' texts, without what counts up.
fn uevents(socket: &Netlink) -> Result<String> {
    let mut all = String::new();
    while let Some((datagram, _)) = socket.receive(8192, true)? {
        let text = String::from_utf8_lossy(&datagram).into_owned();
        for line in text.split('\0') {
            let masked = ["SEQNUM=", "IFINDEX="]
                .iter()
                .find(|head| line.starts_with(**head));
            all += masked.map_or(line, |head| head);
            all += "\n";
        }
    }
    Ok(all)
}

/// Made here, for there, with sockets elsewhere.
fn spaces(record: &mut Record) -> Result<()> {
    let mut links = Links::open()?;
    let (second, third) = (Space::new()?, Space::new()?);
    // A number for the second: RTM_NEWNSID.
    let name = Attrs::new().u32(1, 17).u32(3, second.descriptor());
    links
        .0
        .ask(88, REQUEST | ACK, &[0; 4], &name)?
        .ok("a number for a namespace")?;
    let taken = |port: u16| -> Result<bool> { Ok(UdpSocket::bind(("0.0.0.0", port)).is_err()) };
    for (title, more, place) in [
        ("here", Attrs::new(), None),
        (
            "there",
            Attrs::new().u32(ifla::NET_NS_FD, third.descriptor()),
            Some(&third),
        ),
        ("link-there", Attrs::new().u32(ifla::LINK_NETNSID, 17), None),
        (
            "both",
            Attrs::new()
                .u32(ifla::LINK_NETNSID, 17)
                .u32(ifla::NET_NS_FD, third.descriptor()),
            Some(&third),
        ),
        ("unknown", Attrs::new().u32(ifla::LINK_NETNSID, 99), None),
    ] {
        let made = links.create("wg0", "wireguard", more)?;
        let mut text = made.name();
        if text == "ok" {
            let use_it = || -> Result<String> {
                let mut links = Links::open()?;
                Wg::open()?.must_set(&named("wg0").u16(device::LISTEN_PORT, 6000))?;
                links.up("wg0")?;
                links.show("wg0")
            };
            text += "\n";
            text += &match place {
                Some(space) => space.within(use_it)?,
                None => use_it()?,
            };
            let (a, b, c) = (
                taken(6000)?,
                second.within(|| taken(6000))?,
                third.within(|| taken(6000))?,
            );
            text += &format!("sockets: here {a}, second {b}, third {c}");
            let delete = || Links::open()?.delete("wg0")?.ok("delete");
            match place {
                Some(space) => space.within(delete)?,
                None => delete()?,
            };
        }
        record.put(format!("link/space/{title}"), text);
    }
    // A name that is taken where it is to go.
    links.wireguard("wg0")?;
    third.within(|| Links::open()?.wireguard("wg0"))?;
    let to = Attrs::new().u32(ifla::NET_NS_FD, third.descriptor());
    record.put("link/space/name-taken", links.change("wg0", &to)?.name());
    links.delete("wg0")?.ok("delete").map(drop)
}

/// What `ethtool` would print, and which features can be switched off.
fn ethtool(record: &mut Record) -> Result<()> {
    const FEATURES_SET: u8 = 12;
    let mut links = Links::open()?;
    links.wireguard("wg0")?;
    let mut netlink = Netlink::generic()?;
    let Ok(reply) = crate::wg::controller(&mut netlink, "ethtool") else {
        record.put("link/ethtool", "the kernel has no such family");
        return Ok(());
    };
    let id = attr::find(&reply, 1).and_then(|attr| attr.payload.try_into().ok());
    let family = u16::from_ne_bytes(id.context("a family without a number")?);
    let header = || Attrs::new().nest(1, Attrs::new().string(2, "wg0"));
    let style = Style {
        nest: |_| false,
        mask: |path, _| (*path == [1, 1]).then(|| "ifindex".to_owned()),
    };
    let mut note = |title: &str, command: u8, attrs: Attrs| -> Result<()> {
        let answer = netlink.ask(family, REQUEST | ACK, &[command, 1, 0, 0], &attrs)?;
        let mut text = answer.name() + "\n";
        for message in &answer.messages {
            text += &attr::print(message.body.get(4..).unwrap_or_default(), &style);
        }
        record.put(format!("link/ethtool/{title}"), text);
        Ok(())
    };
    for (title, command) in [
        ("linkinfo", 2),
        ("linkmodes", 4),
        ("linkstate", 6),
        ("debug", 7),
        ("wol", 9),
        ("features", 11),
        ("privflags", 13),
        ("rings", 15),
        ("channels", 17),
        ("coalesce", 19),
        ("pause", 21),
        ("eee", 23),
        ("tsinfo", 25),
        ("stats", 32),
    ] {
        note(title, command, header())?;
    }
    let names = [
        "tx-checksum-ip-generic",
        "rx-checksum",
        "tx-scatter-gather",
        "tx-generic-segmentation",
        "rx-gro",
        "tx-tcp-segmentation",
        "tx-udp-segmentation",
        "highdma",
        "tx-nocache-copy",
    ];
    for name in names {
        let bit = Attrs::new().string(2, name);
        let bits = Attrs::new().nest(3, Attrs::new().nest(1, bit));
        note(&format!("off-{name}"), FEATURES_SET, header().nest(3, bits))?;
    }
    note("features-then", 11, header())?;
    links.delete("wg0")?.ok("delete").map(drop)
}
