// SPDX-License-Identifier: GPL-2.0

//! Links, addresses and routes over rtnetlink: what `ip` would do, without it.

use crate::attr::{self, Attrs, Style};
use crate::netlink::{Answer, Netlink, ACK, CREATE, EXCL, REQUEST};
use anyhow::{Context, Result};
use std::net::IpAddr;

/// Message types (`linux/rtnetlink.h`).
pub(crate) const NEWLINK: u16 = 16;
pub(crate) const DELLINK: u16 = 17;
pub(crate) const GETLINK: u16 = 18;
const NEWADDR: u16 = 20;
const DELADDR: u16 = 21;
const NEWROUTE: u16 = 24;

/// Attributes of a link (`linux/if_link.h`).
pub(crate) mod ifla {
    pub(crate) const ADDRESS: u16 = 1;
    pub(crate) const IFNAME: u16 = 3;
    pub(crate) const MTU: u16 = 4;
    pub(crate) const MASTER: u16 = 10;
    pub(crate) const TXQLEN: u16 = 13;
    pub(crate) const LINKMODE: u16 = 17;
    pub(crate) const LINKINFO: u16 = 18;
    pub(crate) const NET_NS_FD: u16 = 28;
    pub(crate) const IFALIAS: u16 = 20;
    pub(crate) const AF_SPEC: u16 = 26;
    pub(crate) const GROUP: u16 = 27;
    pub(crate) const LINK_NETNSID: u16 = 37;
    pub(crate) const STATS64: u16 = 23;
    pub(crate) const GSO_MAX_SIZE: u16 = 41;
    pub(crate) const XDP: u16 = 43;
    pub(crate) const TSO_MAX_SIZE: u16 = 59;
    pub(crate) const INFO_KIND: u16 = 1;
    pub(crate) const INFO_DATA: u16 = 2;
}

/// Flags of a link.
pub(crate) const UP: u32 = 1;
pub(crate) const PROMISC: u32 = 0x100;
pub(crate) const ALLMULTI: u32 = 0x200;
pub(crate) const MULTICAST: u32 = 0x1000;

/// `struct ifinfomsg`.
pub(crate) fn header(index: u32, flags: u32, change: u32) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(index.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(change.to_ne_bytes());
    bytes
}

/// A conversation about links, in the namespace in which it was begun.
pub(crate) struct Links(pub(crate) Netlink);

impl Links {
    pub(crate) fn open() -> Result<Self> {
        Ok(Self(Netlink::route()?))
    }

    /// Makes a link of a kind; `more` goes beside its name.
    pub(crate) fn create(&mut self, name: &str, kind: &str, more: Attrs) -> Result<Answer> {
        let info = Attrs::new().string(ifla::INFO_KIND, kind);
        self.create_with(name, info, more)
    }

    /// Makes a link from all that is in its IFLA_LINKINFO.
    pub(crate) fn create_with(&mut self, name: &str, info: Attrs, more: Attrs) -> Result<Answer> {
        let attrs = Attrs::new()
            .string(ifla::IFNAME, name)
            .nest(ifla::LINKINFO, info)
            .and(more);
        let flags = REQUEST | ACK | CREATE | EXCL;
        self.0.ask(NEWLINK, flags, &header(0, 0, 0), &attrs)
    }

    /// A WireGuard interface.
    pub(crate) fn wireguard(&mut self, name: &str) -> Result<()> {
        self.create(name, "wireguard", Attrs::new())?
            .ok("a wireguard interface")
            .map(drop)
    }

    /// A pair of virtual Ethernet cards, the second one in the namespace of this descriptor, both
    /// with fixed hardware addresses.
    pub(crate) fn veth(&mut self, name: &str, other: &str, space: u32) -> Result<()> {
        let mac = |last| [2, 0x57, 0x47, 1, 0, last];
        let mut peer = Attrs(header(0, 0, 0))
            .string(ifla::IFNAME, other)
            .put(ifla::ADDRESS, &mac(2));
        if space != 0 {
            peer = peer.u32(ifla::NET_NS_FD, space);
        }
        let info = Attrs::new()
            .string(ifla::INFO_KIND, "veth")
            .nest(ifla::INFO_DATA, Attrs::new().nest(1, peer));
        let more = Attrs::new().put(ifla::ADDRESS, &mac(1));
        self.create_with(name, info, more)?
            .ok("a veth pair")
            .map(drop)
    }

    /// Changes a link.
    pub(crate) fn change(&mut self, name: &str, attrs: &Attrs) -> Result<Answer> {
        let index = self.index(name)?;
        self.0
            .ask(NEWLINK, REQUEST | ACK, &header(index, 0, 0), attrs)
    }

    /// Sets flags of a link; `mask` says which.
    pub(crate) fn flags(&mut self, name: &str, flags: u32, mask: u32) -> Result<Answer> {
        let index = self.index(name)?;
        let header = header(index, flags, mask);
        self.0.ask(NEWLINK, REQUEST | ACK, &header, &Attrs::new())
    }

    pub(crate) fn up(&mut self, name: &str) -> Result<()> {
        self.flags(name, UP, UP)?
            .ok(&format!("{name} up"))
            .map(drop)
    }

    pub(crate) fn down(&mut self, name: &str) -> Result<()> {
        self.flags(name, 0, UP)?
            .ok(&format!("{name} down"))
            .map(drop)
    }

    pub(crate) fn delete(&mut self, name: &str) -> Result<Answer> {
        let attrs = Attrs::new().string(ifla::IFNAME, name);
        self.0.ask(DELLINK, REQUEST | ACK, &header(0, 0, 0), &attrs)
    }

    /// The body of the message that describes a link.
    pub(crate) fn get(&mut self, name: &str) -> Result<Vec<u8>> {
        let attrs = Attrs::new().string(ifla::IFNAME, name);
        let answer = self
            .0
            .ask(GETLINK, REQUEST | ACK, &header(0, 0, 0), &attrs)?;
        let messages = answer.ok(&format!("the link {name}"))?;
        Ok(messages.into_iter().next().context("no link")?.body)
    }

    pub(crate) fn index(&mut self, name: &str) -> Result<u32> {
        let body = self.get(name)?;
        let bytes = body.get(4..8).and_then(|bytes| bytes.try_into().ok());
        Ok(u32::from_ne_bytes(bytes.context("a short link")?))
    }

    /// Gives an address with its prefix length, without waiting for anybody to object.
    pub(crate) fn address(&mut self, name: &str, address: IpAddr, cidr: u8) -> Result<()> {
        self.change_address(NEWADDR, name, address, cidr)?
            .ok(&format!("{address} for {name}"))
            .map(drop)
    }

    /// Takes it away.
    pub(crate) fn remove_address(&mut self, name: &str, address: IpAddr, cidr: u8) -> Result<()> {
        self.change_address(DELADDR, name, address, cidr)?
            .ok(&format!("{address} of {name}"))
            .map(drop)
    }

    fn change_address(
        &mut self,
        kind: u16,
        name: &str,
        address: IpAddr,
        cidr: u8,
    ) -> Result<Answer> {
        const NODAD: u8 = 2;
        let index = self.index(name)?;
        let family = if address.is_ipv4() { 2 } else { 10 };
        let mut header = vec![family, cidr, NODAD, 0];
        header.extend(index.to_ne_bytes());
        let bytes = octets(address);
        let attrs = Attrs::new().put(1, &bytes).put(2, &bytes);
        let flags = REQUEST | ACK | if kind == NEWADDR { CREATE | EXCL } else { 0 };
        self.0.ask(kind, flags, &header, &attrs)
    }

    /// A route to a prefix by an interface, and a gateway if there is one.
    pub(crate) fn route(
        &mut self,
        to: IpAddr,
        cidr: u8,
        by: &str,
        gateway: Option<IpAddr>,
        mtu: u32,
    ) -> Result<()> {
        let index = self.index(by)?;
        let family = if to.is_ipv4() { 2 } else { 10 };
        // Main table, boot protocol, scope, unicast.
        let scope = if gateway.is_some() { 0 } else { 253 };
        let header = [family, cidr, 0, 0, 254, 3, scope, 1, 0, 0, 0, 0];
        let mut attrs = Attrs::new().put(1, &octets(to)).u32(4, index);
        if let Some(gateway) = gateway {
            attrs = attrs.put(5, &octets(gateway));
        }
        if mtu != 0 {
            attrs = attrs.nest(8, Attrs::new().u32(2, mtu));
        }
        let flags = REQUEST | ACK | CREATE | EXCL;
        self.0
            .ask(NEWROUTE, flags, &header, &attrs)?
            .ok(&format!("a route to {to}/{cidr}"))
            .map(drop)
    }

    /// A link as text, without what changes from run to run.
    pub(crate) fn show(&mut self, name: &str) -> Result<String> {
        Ok(show(&self.get(name)?))
    }
}

/// The bytes of an address.
pub(crate) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// A link message's body as text, without what changes from run to run.
pub(crate) fn show(body: &[u8]) -> String {
    const STYLE: Style = Style {
        // Link info, what address families say, XDP.
        nest: |path| {
            matches!(
                *path,
                [ifla::LINKINFO | ifla::AF_SPEC | ifla::XDP] | [ifla::AF_SPEC, _]
            )
        },
        mask: |path, payload| match *path {
            // Time stamps of the address family's records (IFLA_INET6_CACHEINFO), the counters of
            // the whole namespace.
            [ifla::AF_SPEC, 10, 3 | 5 | 6] => Some(format!("{} bytes", payload.len())),
            // How great segments may be has a case of its own (link/segments).
            [ifla::TSO_MAX_SIZE] => Some(format!("{} bytes", payload.len())),
            // The permanent and the present address, if they are random.
            _ => None,
        },
    };
    let (header, attrs) = body.split_at_checked(16).unwrap_or_default();
    let (family, kind, flags) = match header {
        [family, _, k0, k1, _, _, _, _, f0, f1, f2, f3, ..] => (
            *family,
            u16::from_ne_bytes([*k0, *k1]),
            u32::from_ne_bytes([*f0, *f1, *f2, *f3]),
        ),
        _ => return "a short link".to_owned(),
    };
    format!("link family {family} type {kind} flags {flags:#x}\n") + &attr::print(attrs, &STYLE)
}
