// SPDX-License-Identifier: GPL-2.0

//! The set-up of the cases with packets: a device under test in one namespace, this program as its
//! peer in another, a virtual Ethernet cable between them.
//!
//! The cable is 192.168.7.1 and fd07::1 at the device's end `near0`, .2 and ::2 at ours, `far0`.
//! Inside the tunnel the device is 10.7.0.1 and fd10::1; all of 10.7.0.0/24 and fd10::/64 but that is
//! ours.

use crate::attr::{self, Attrs};
use crate::link::{ifla, Links};
use crate::peer::Peer;
use crate::space::Space;
use crate::tap::Tap;
use crate::wg::{self, device, key, named, peer, sockaddr, Wg};
use anyhow::{Context, Result};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// The device's port, and ours.
pub(crate) const PORT: u16 = 51820;
/// Private keys of the device and of the peer.
const NEAR_KEY: [u8; 32] = key(0x40);
const FAR_KEY: [u8; 32] = key(0x48);

/// See the head of this file. The thread is in the device's namespace.
pub(crate) struct Bench {
    pub(crate) far: Space,
    pub(crate) links: Links,
    pub(crate) wg: Wg,
    pub(crate) peer: Peer,
    /// On our end of the cable.
    pub(crate) wire: Tap,
    pub(crate) public: [u8; 32],
}

/// An address of the cable or of the tunnel, by its last number.
pub(crate) fn outer(v6: bool, last: u8) -> IpAddr {
    if v6 {
        IpAddr::from([0xfd07, 0, 0, 0, 0, 0, 0, last.into()])
    } else {
        IpAddr::from([192, 168, 7, last])
    }
}

pub(crate) fn inner(v6: bool, last: u8) -> IpAddr {
    if v6 {
        IpAddr::from([0xfd10, 0, 0, 0, 0, 0, 0, last.into()])
    } else {
        IpAddr::from([10, 7, 0, last])
    }
}

impl Bench {
    /// A device that is up and knows where its peer is (over IPv6 or not), with no session yet.
    pub(crate) fn new(v6: bool) -> Result<Self> {
        let mut bench = Self::without_endpoint(v6)?;
        let far = sockaddr(&SocketAddr::new(outer(v6, 2), PORT));
        bench.configure(Attrs::new().put(peer::ENDPOINT, &far))?;
        Ok(bench)
    }

    /// The same, where the device does not know where the peer is.
    pub(crate) fn without_endpoint(v6: bool) -> Result<Self> {
        let far = Space::new()?;
        let mut links = Links::open()?;
        links.veth("near0", "far0", far.descriptor())?;
        for six in [false, true] {
            let cidr = if six { 64 } else { 24 };
            links.address("near0", outer(six, 1), cidr)?;
        }
        links.up("near0")?;
        let (socket, wire) = far.within(|| {
            let mut links = Links::open()?;
            for six in [false, true] {
                links.address("far0", outer(six, 2), if six { 64 } else { 24 })?;
            }
            links.up("far0")?;
            let socket = UdpSocket::bind((outer(v6, 2), PORT))?;
            Ok((socket, Tap::on("far0")?))
        })?;
        links.wireguard("wg0")?;
        for six in [false, true] {
            links.address("wg0", inner(six, 1), if six { 64 } else { 24 })?;
        }
        links.up("wg0")?;
        let mut wg = Wg::open()?;
        let own = named("wg0")
            .put(device::PRIVATE_KEY, &NEAR_KEY)
            .u16(device::LISTEN_PORT, PORT);
        wg.must_set(&own)?;
        let shown = wg.device("wg0")?;
        let public = attr::find(&shown, device::PUBLIC_KEY).context("no public key")?;
        let public = public.payload.try_into()?;
        let to = SocketAddr::new(outer(v6, 1), PORT);
        let mut bench = Self {
            peer: Peer::new(FAR_KEY, public, socket, to)?,
            far,
            links,
            wg,
            wire,
            public: Peer::public_of(FAR_KEY),
        };
        let ips = wg::prefixes(&["10.7.0.0/24", "fd10::/64"]);
        bench.configure(Attrs::new().nest(peer::ALLOWEDIPS, ips))?;
        Ok(bench)
    }

    /// Changes something about the peer.
    pub(crate) fn configure(&mut self, what: Attrs) -> Result<()> {
        let peer = Attrs::new().put(peer::PUBLIC_KEY, &self.public).and(what);
        self.wg.must_set(&wg::with_peer(named("wg0"), peer))
    }

    /// The counters of an interface that are not zero.
    pub(crate) fn statistics(&mut self, name: &str) -> Result<String> {
        const NAMES: [&str; 24] = [
            "rx_packets",
            "tx_packets",
            "rx_bytes",
            "tx_bytes",
            "rx_errors",
            "tx_errors",
            "rx_dropped",
            "tx_dropped",
            "multicast",
            "collisions",
            "rx_length_errors",
            "rx_over_errors",
            "rx_crc_errors",
            "rx_frame_errors",
            "rx_fifo_errors",
            "rx_missed_errors",
            "tx_aborted_errors",
            "tx_carrier_errors",
            "tx_fifo_errors",
            "tx_heartbeat_errors",
            "tx_window_errors",
            "rx_compressed",
            "tx_compressed",
            "rx_nohandler",
        ];
        let body = self.links.get(name)?;
        let attrs = body.get(16..).unwrap_or_default();
        let stats = attr::find(attrs, ifla::STATS64).context("no statistics")?;
        let mut text = String::new();
        for (name, bytes) in NAMES.iter().zip(stats.payload.chunks_exact(8)) {
            let value = u64::from_ne_bytes(bytes.try_into()?);
            if value != 0 {
                text += &format!("{name} {value} ");
            }
        }
        // The peer's own counters.
        let shown = self.wg.device("wg0")?;
        for peers in attr::find(&shown, device::PEERS)
            .iter()
            .flat_map(|peers| attr::read(peers.payload).0)
        {
            let number = |kind| {
                let bytes = attr::find(peers.payload, kind)?.payload.try_into().ok()?;
                Some(u64::from_ne_bytes(bytes))
            };
            let (rx, tx) = (number(peer::RX_BYTES), number(peer::TX_BYTES));
            text += &format!("peer rx {} tx {}", rx.unwrap_or(0), tx.unwrap_or(0));
        }
        Ok(text)
    }

    /// Waits until the counters stand still, as some count after what they count.
    pub(crate) fn settled(&mut self) -> Result<String> {
        let mut last = self.statistics("wg0")?;
        for _ in 0..50 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let now = self.statistics("wg0")?;
            if now == last {
                break;
            }
            last = now;
        }
        Ok(last)
    }
}
