// SPDX-License-Identifier: GPL-2.0

//! What the generic netlink controller tells about the family, and what the module says of itself.

use crate::attr::{self, Attrs, Style};
use crate::netlink::{Netlink, ACK, DUMP, REQUEST};
use crate::record::Record;
use crate::wg;
use anyhow::Result;
use std::fs;

/// The controller's attributes of a family.
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// The controller's own number and its commands.
const CONTROLLER: u16 = 0x10;
const GET_POLICY: u8 = 10;

pub(super) fn run(record: &mut Record) -> Result<()> {
    let mut netlink = Netlink::generic()?;
    let style = Style {
        nest: |path| matches!(*path, [6 | 7] | [6 | 7, _]),
        mask: |path, _| (*path == [FAMILY_ID]).then(|| "number".to_owned()),
    };
    let reply = wg::controller(&mut netlink, "wireguard")?;
    record.put("family/get", attr::print(&reply, &style));

    let attrs = Attrs::new().string(FAMILY_NAME, "wireguard");
    for (name, attrs) in [
        ("all", attrs.clone()),
        ("get", attrs.clone().u32(10, wg::GET.into())),
        ("set", attrs.clone().u32(10, wg::SET.into())),
        ("other", attrs.u32(10, 2)),
    ] {
        let answer = netlink.ask(
            CONTROLLER,
            REQUEST | ACK | DUMP,
            &[GET_POLICY, 2, 0, 0],
            &attrs,
        )?;
        let mut text = answer.name() + "\n";
        for message in &answer.messages {
            // Family, policy and operations; all but the family's number.
            let run = message.body.get(4..).unwrap_or_default();
            text += &attr::print(run, &style);
        }
        record.put(format!("family/policy/{name}"), text);
    }
    // What modinfo and /proc/modules would show without a look into the file.
    let dir = "/sys/module/wireguard";
    for name in ["version", "refcnt", "initstate"] {
        let text = fs::read_to_string(format!("{dir}/{name}"));
        record.put(
            format!("family/module/{name}"),
            text.unwrap_or_else(|error| error.to_string()),
        );
    }
    let mut holders: Vec<_> = fs::read_dir("/sys/module/udp_tunnel/holders")
        .map(|entries| {
            entries
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default();
    holders.sort_unstable();
    record.put("family/module/udp_tunnel", holders.join(" "));
    Ok(())
}
