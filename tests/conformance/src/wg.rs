// SPDX-License-Identifier: GPL-2.0

//! WireGuard's generic netlink family: numbers, requests, and dumps as text.

use crate::attr::{self, Attrs, Style};
use crate::netlink::{Answer, Message, Netlink, ACK, DUMP, NLMSG_DONE, REQUEST};
use anyhow::{Context, Result};
use std::net::SocketAddr;

/// Commands.
pub(crate) const GET: u8 = 0;
pub(crate) const SET: u8 = 1;

/// Attributes of a device (`linux/wireguard.h`).
pub(crate) mod device {
    pub(crate) const IFINDEX: u16 = 1;
    pub(crate) const IFNAME: u16 = 2;
    pub(crate) const PRIVATE_KEY: u16 = 3;
    pub(crate) const PUBLIC_KEY: u16 = 4;
    pub(crate) const FLAGS: u16 = 5;
    pub(crate) const LISTEN_PORT: u16 = 6;
    pub(crate) const FWMARK: u16 = 7;
    pub(crate) const PEERS: u16 = 8;
    pub(crate) const REPLACE_PEERS: u32 = 1;
}

/// Attributes of a peer.
pub(crate) mod peer {
    pub(crate) const PUBLIC_KEY: u16 = 1;
    pub(crate) const PRESHARED_KEY: u16 = 2;
    pub(crate) const FLAGS: u16 = 3;
    pub(crate) const ENDPOINT: u16 = 4;
    pub(crate) const KEEPALIVE: u16 = 5;
    pub(crate) const LAST_HANDSHAKE: u16 = 6;
    pub(crate) const RX_BYTES: u16 = 7;
    pub(crate) const TX_BYTES: u16 = 8;
    pub(crate) const ALLOWEDIPS: u16 = 9;
    pub(crate) const PROTOCOL_VERSION: u16 = 10;
    pub(crate) const REMOVE_ME: u32 = 1;
    pub(crate) const REPLACE_ALLOWEDIPS: u32 = 2;
    pub(crate) const UPDATE_ONLY: u32 = 4;
}

/// Attributes of an allowed IP.
pub(crate) mod allowed_ip {
    pub(crate) const FAMILY: u16 = 1;
    pub(crate) const IPADDR: u16 = 2;
    pub(crate) const CIDR: u16 = 3;
    pub(crate) const FLAGS: u16 = 4;
    pub(crate) const REMOVE_ME: u32 = 1;
}

pub(crate) const AF_INET: u16 = 2;
pub(crate) const AF_INET6: u16 = 10;

/// A key of 32 equal bytes: public keys need not be points, private ones are clamped.
pub(crate) const fn key(byte: u8) -> [u8; 32] {
    [byte; 32]
}

/// A socket address as the kernel has it.
pub(crate) fn sockaddr(address: &SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::new();
    match address {
        SocketAddr::V4(v4) => {
            bytes.extend(AF_INET.to_ne_bytes());
            bytes.extend(v4.port().to_be_bytes());
            bytes.extend(v4.ip().octets());
            bytes.resize(16, 0);
        }
        SocketAddr::V6(v6) => {
            bytes.extend(AF_INET6.to_ne_bytes());
            bytes.extend(v6.port().to_be_bytes());
            bytes.extend(v6.flowinfo().to_be_bytes());
            bytes.extend(v6.ip().octets());
            bytes.extend(v6.scope_id().to_ne_bytes());
        }
    }
    bytes
}

/// An allowed IP, written "10.0.0.0/8".
pub(crate) fn prefix(text: &str) -> Attrs {
    let (address, cidr) = text.split_once('/').unwrap_or((text, "255"));
    let cidr = cidr.parse().unwrap_or(255);
    let attrs = Attrs::new();
    match address.parse() {
        Ok(std::net::IpAddr::V4(v4)) => attrs
            .u16(allowed_ip::FAMILY, AF_INET)
            .put(allowed_ip::IPADDR, &v4.octets())
            .u8(allowed_ip::CIDR, cidr),
        Ok(std::net::IpAddr::V6(v6)) => attrs
            .u16(allowed_ip::FAMILY, AF_INET6)
            .put(allowed_ip::IPADDR, &v6.octets())
            .u8(allowed_ip::CIDR, cidr),
        // A mistake in a case shows itself as EINVAL in its record.
        Err(_) => attrs,
    }
}

/// A nest of prefixes.
pub(crate) fn prefixes(list: &[&str]) -> Attrs {
    list.iter()
        .fold(Attrs::new(), |attrs, text| attrs.nest(0, prefix(text)))
}

/// A device's attributes with one peer.
pub(crate) fn with_peer(device: Attrs, peer: Attrs) -> Attrs {
    device.nest(device::PEERS, Attrs::new().nest(0, peer))
}

/// The device by its name.
pub(crate) fn named(name: &str) -> Attrs {
    Attrs::new().string(device::IFNAME, name)
}

const STYLE: Style = Style {
    nest: |_| false,
    mask: |path, _| (*path == [device::IFINDEX]).then(|| "ifindex".to_owned()),
};

/// As [`STYLE`], for devices through which packets have gone.
const USED: Style = Style {
    nest: |_| false,
    mask: |path, payload| match *path {
        [device::IFINDEX] => Some("ifindex".to_owned()),
        [device::PEERS, _, peer::LAST_HANDSHAKE] => {
            let never = payload.iter().all(|byte| *byte == 0);
            Some(if never { "never" } else { "some time" }.to_owned())
        }
        _ => None,
    },
};

/// The messages of a dump as text.
pub(crate) fn show(messages: &[Message]) -> String {
    show_in(messages, &STYLE)
}

fn show_in(messages: &[Message], style: &Style) -> String {
    let mut text = String::new();
    for message in messages {
        if message.kind == NLMSG_DONE {
            text += &format!(
                "done flags {:#x} {}\n",
                message.flags,
                attr::hex(&message.body)
            );
            continue;
        }
        let (header, attrs) = message.body.split_at_checked(4).unwrap_or_default();
        text += &format!(
            "message ({}) flags {:#x} header {}\n",
            message.body.len(),
            message.flags,
            attr::hex(header)
        );
        text += &attr::print(attrs, style);
    }
    text
}

/// A conversation with the family.
pub(crate) struct Wg {
    pub(crate) netlink: Netlink,
    pub(crate) family: u16,
}

impl Wg {
    /// In the namespace that the thread is in.
    pub(crate) fn open() -> Result<Self> {
        let mut netlink = Netlink::generic()?;
        let reply = controller(&mut netlink, "wireguard")?;
        let id = attr::find(&reply, 1).and_then(|attr| attr.payload.try_into().ok());
        let family = u16::from_ne_bytes(id.context("a family without a number")?);
        Ok(Self { netlink, family })
    }

    /// A request as it is.
    pub(crate) fn ask(&mut self, command: u8, flags: u16, attrs: &Attrs) -> Result<Answer> {
        self.netlink
            .ask(self.family, REQUEST | flags, &[command, 1, 0, 0], attrs)
    }

    /// SET with an acknowledgement.
    pub(crate) fn set(&mut self, attrs: &Attrs) -> Result<Answer> {
        self.ask(SET, ACK, attrs)
    }

    /// SET that must work.
    pub(crate) fn must_set(&mut self, attrs: &Attrs) -> Result<()> {
        self.set(attrs)?.ok("SET").map(drop)
    }

    /// The dump of a device as text, or the error's name.
    pub(crate) fn dump(&mut self, name: &str) -> Result<String> {
        self.dump_in(name, &STYLE)
    }

    /// The dump of a device through which packets have gone.
    pub(crate) fn dump_used(&mut self, name: &str) -> Result<String> {
        self.dump_in(name, &USED)
    }

    fn dump_in(&mut self, name: &str, style: &Style) -> Result<String> {
        let answer = self.ask(GET, DUMP, &named(name))?;
        Ok(show_in(&answer.messages, style) + &answer.name())
    }

    /// The attributes of a device as bytes, of a dump that fits into one message.
    pub(crate) fn device(&mut self, name: &str) -> Result<Vec<u8>> {
        let answer = self.ask(GET, DUMP, &named(name))?;
        let messages = answer.ok("GET")?;
        let body = messages.first().context("an empty dump")?;
        Ok(body.body.get(4..).unwrap_or_default().to_vec())
    }

    /// Starts a dump; the answers are read by hand.
    pub(crate) fn start_dump(&mut self, attrs: &Attrs) -> Result<u32> {
        let seq = self.netlink.next_seq();
        let request =
            crate::netlink::message(self.family, REQUEST | DUMP, seq, &[GET, 1, 0, 0], attrs);
        self.netlink.send(&request)?;
        Ok(seq)
    }
}

/// What the generic netlink controller says about a family: the attributes.
pub(crate) fn controller(netlink: &mut Netlink, name: &str) -> Result<Vec<u8>> {
    let attrs = Attrs::new().string(2, name);
    let answer = netlink.ask(0x10, REQUEST | ACK, &[3, 1, 0, 0], &attrs)?;
    let messages = answer.ok(&format!("the family {name}"))?;
    let reply = messages.first().context("no family")?;
    Ok(reply.body.get(4..).unwrap_or_default().to_vec())
}
