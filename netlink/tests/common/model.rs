// SPDX-License-Identifier: GPL-2.0
//! A device to dump that lives in vectors, and a reader that merges a dump's messages back into
//! one, the way wg does.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use super::*;
use wg_netlink::address::{Address, Endpoint};
use wg_netlink::get::{AllowedIp, DeviceInfo, Dump, Full, PeerInfo, Progress, Source, Writer};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub id: u64,
    pub info: PeerInfo,
    pub preshared_key: [u8; 32],
    /// With the place of each, which only has to be unique in the peer.
    pub allowed_ips: Vec<(AllowedIp, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub info: DeviceInfo,
    pub private_key: [u8; 32],
    /// In the order of their ids.
    pub peers: Vec<Peer>,
    pub generation: u64,
}

impl Source for Device {
    type Peer = usize;

    fn device(&self) -> DeviceInfo {
        self.info
    }
    fn private_key(&self, out: &mut [u8; 32]) {
        assert!(self.info.public_key.is_some(), "there is an identity");
        *out = self.private_key;
    }
    fn peer_after(&self, last: Option<u64>) -> Option<usize> {
        let behind = |peer: &Peer| last.is_none_or(|last| peer.id > last);
        self.peers.iter().position(behind)
    }
    fn peer(&self, id: u64) -> Option<usize> {
        self.peers.iter().position(|peer| peer.id == id)
    }
    fn id(&self, peer: &usize) -> u64 {
        self.peers[*peer].id
    }
    fn info(&self, peer: &usize) -> PeerInfo {
        self.peers[*peer].info
    }
    fn preshared_key(&self, peer: &usize, out: &mut [u8; 32]) {
        *out = self.peers[*peer].preshared_key;
    }
    fn next_allowed_ip(&self, peer: &usize, after: Option<u64>) -> Option<(AllowedIp, u64)> {
        let list = &self.peers[*peer].allowed_ips;
        let next = match after {
            None => 0,
            // Panics for a place that is no place: a stale one must not come here.
            Some(after) => list.iter().position(|(_, at)| *at == after).unwrap() + 1,
        };
        list.get(next).copied()
    }
    fn generation(&self) -> u64 {
        self.generation
    }
}

pub fn info(n: u64) -> PeerInfo {
    let mut public_key = [0xee; 32];
    public_key[..8].copy_from_slice(&n.to_be_bytes());
    PeerInfo {
        public_key,
        last_handshake_secs: 1_700_000_000 + n as i64,
        last_handshake_nanos: 16_777_216,
        persistent_keepalive: n as u16,
        tx_bytes: n << 33,
        rx_bytes: u64::MAX - n,
        endpoint: None,
    }
}

/// The nth prefix of a peer, alternately IPv4 and IPv6.
pub fn prefix(n: u32) -> AllowedIp {
    let [a, b, c, d] = n.to_be_bytes();
    if n % 2 == 0 {
        AllowedIp {
            addr: Address::V4([a, b, c, d]),
            cidr: 32,
        }
    } else {
        let addr = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d];
        AllowedIp {
            addr: Address::V6(addr),
            cidr: 128,
        }
    }
}

/// A peer with so many prefixes.
pub fn peer_with(id: u64, prefixes: u32) -> Peer {
    Peer {
        id,
        info: info(id),
        preshared_key: [id as u8; 32],
        allowed_ips: (0..prefixes)
            .map(|n| (prefix(n), u64::from(n) * 3 + 7))
            .collect(),
    }
}

/// A device with an identity and these peers.
pub fn device_with(peers: Vec<Peer>) -> Device {
    let mut ifname = [0; 16];
    ifname[..3].copy_from_slice(b"wg0");
    Device {
        info: DeviceInfo {
            listen_port: 51820,
            fwmark: 0xca6c,
            ifindex: 7,
            ifname,
            public_key: Some([0xbb; 32]),
        },
        private_key: [0xaa; 32],
        peers,
        generation: 1,
    }
}

/// Memory for a message, at an address that is a multiple of eight.
#[repr(align(8))]
pub struct Buffer(pub [u8; 1 << 16]);

impl Buffer {
    pub fn new() -> Box<Self> {
        Box::new(Self([0x55; 1 << 16]))
    }
}

/// Writes one message into `room` bytes; they begin where a genl header leaves off.
pub fn one_message(
    dump: &mut Dump,
    device: &Device,
    room: usize,
    pad_u64: bool,
) -> Result<(Vec<u8>, Progress), Full> {
    let mut buffer = Buffer::new();
    let mut writer = Writer::new(&mut buffer.0[4..4 + room], pad_u64);
    let progress = dump.fill(&mut writer, device);
    let len = writer.len();
    assert!(progress.is_ok() || len == 0);
    assert!(buffer.0[4 + room..].iter().all(|byte| *byte == 0x55));
    Ok((buffer.0[4..4 + len].to_vec(), progress?))
}

/// All messages of a dump, the state between them kept as words like the driver keeps it.
pub fn all_messages(device: &Device, room: usize, pad_u64: bool) -> Result<Vec<Vec<u8>>, Full> {
    let mut messages = Vec::new();
    let mut words = [0; 4];
    loop {
        let mut dump = Dump::resume(wg_netlink::get::Cursor::from_words(words));
        let (message, progress) = one_message(&mut dump, device, room, pad_u64)?;
        messages.push(message);
        words = dump.cursor().to_words();
        assert!(messages.len() < 1_000_000, "goes on for ever");
        if progress == Progress::Done {
            return Ok(messages);
        }
    }
}

/// What a reader knows in the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Ifindex, ifname, port, mark.
    pub device: Option<(u32, Vec<u8>, u16, u32)>,
    pub keys: Option<([u8; 32], [u8; 32])>,
    pub peers: Vec<ReadPeer>,
    /// How often the device's attributes came.
    pub devices: usize,
    /// How often a peer went on in another message.
    pub splits: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub struct ReadPeer {
    pub info: PeerInfo,
    pub preshared_key: [u8; 32],
    pub allowed_ips: Vec<AllowedIp>,
}

pub fn read_allowed_ip(element: &Plain) -> AllowedIp {
    let attrs = element.inside();
    let kinds: Vec<_> = attrs.iter().map(|attr| attr.kind).collect();
    assert_eq!(
        kinds,
        [
            allowed_ip::CIDR_MASK,
            allowed_ip::FAMILY,
            allowed_ip::IPADDR
        ]
    );
    let addr = match attrs[1].u16() {
        AF_INET => Address::V4(attrs[2].payload[..].try_into().unwrap()),
        AF_INET6 => Address::V6(attrs[2].payload[..].try_into().unwrap()),
        family => panic!("family {family}"),
    };
    let cidr = attrs[0].u8();
    AllowedIp { addr, cidr }
}

fn read_endpoint(bytes: &[u8]) -> Endpoint {
    let port = u16::from_be_bytes(bytes[2..4].try_into().unwrap());
    match (
        u16::from_ne_bytes(bytes[..2].try_into().unwrap()),
        bytes.len(),
    ) {
        (AF_INET, 16) => {
            assert_eq!(bytes[8..], [0; 8]);
            let addr = bytes[4..8].try_into().unwrap();
            Endpoint::V4 { addr, port }
        }
        (AF_INET6, 28) => Endpoint::V6 {
            addr: bytes[8..24].try_into().unwrap(),
            port,
            flowinfo: u32::from_be_bytes(bytes[4..8].try_into().unwrap()),
            scope: u32::from_ne_bytes(bytes[24..].try_into().unwrap()),
        },
        other => panic!("{other:?}"),
    }
}

/// Types of the attributes besides the padding ones.
pub fn kinds(attrs: &[Plain]) -> Vec<u16> {
    let kinds = attrs.iter().map(|attr| attr.kind);
    kinds.filter(|kind| *kind != 0).collect()
}

/// Reads the attributes of a peer, in their one order, and merges it with the one before.
fn read_peer(read: &mut Read, element: &Plain) {
    assert_eq!(element.kind, 0, "elements have no index");
    let mut attrs = element.inside();
    for pad in attrs.iter().filter(|attr| attr.kind == 0) {
        assert!(pad.payload.is_empty() && !pad.nested);
    }
    attrs.retain(|attr| attr.kind != 0);
    let mut attrs = attrs.into_iter().peekable();
    let mut take = |kind| attrs.next_if(|attr: &Plain| attr.kind == kind);
    let public_key = take(peer::PUBLIC_KEY).unwrap().key();
    if let Some(preshared_key) = take(peer::PRESHARED_KEY) {
        let time = take(peer::LAST_HANDSHAKE_TIME).unwrap().payload;
        assert_eq!(time.len(), 16);
        let keepalive = take(peer::PERSISTENT_KEEPALIVE_INTERVAL).unwrap();
        let tx = take(peer::TX_BYTES).unwrap();
        let rx = take(peer::RX_BYTES).unwrap();
        assert_eq!(take(peer::PROTOCOL_VERSION).unwrap().u32(), 1);
        let endpoint = take(peer::ENDPOINT).map(|attr| read_endpoint(&attr.payload));
        read.peers.push(ReadPeer {
            info: PeerInfo {
                public_key,
                last_handshake_secs: i64::from_ne_bytes(time[..8].try_into().unwrap()),
                last_handshake_nanos: i64::from_ne_bytes(time[8..].try_into().unwrap()),
                persistent_keepalive: keepalive.u16(),
                tx_bytes: tx.u64(),
                rx_bytes: rx.u64(),
                endpoint,
            },
            preshared_key: preshared_key.key(),
            allowed_ips: vec![],
        });
    } else {
        read.splits += 1;
    }
    let ips = take(peer::ALLOWEDIPS);
    assert!(attrs.next().is_none(), "nothing else is in a peer");
    let merged = read.peers.last_mut().unwrap();
    assert_eq!(merged.info.public_key, public_key, "neighbours are merged");
    for element in ips.iter().flat_map(Plain::inside) {
        assert_eq!(element.kind, 0, "elements have no index");
        merged.allowed_ips.push(read_allowed_ip(&element));
    }
}

pub fn read(messages: &[Vec<u8>]) -> Read {
    let mut read = Read::default();
    for message in messages {
        let mut attrs = plain(message).into_iter().peekable();
        let mut take = |kind| attrs.next_if(|attr: &Plain| attr.kind == kind);
        if let Some(port) = take(device::LISTEN_PORT) {
            read.devices += 1;
            let mark = take(device::FWMARK).unwrap().u32();
            let index = take(device::IFINDEX).unwrap().u32();
            let name = take(device::IFNAME).unwrap().payload;
            let device = Some((index, name, port.u16(), mark));
            let private = take(device::PRIVATE_KEY).map(|attr| attr.key());
            let public = take(device::PUBLIC_KEY).map(|attr| attr.key());
            assert_eq!(private.is_some(), public.is_some());
            let keys = private.zip(public);
            if read.devices > 1 {
                assert_eq!((&read.device, read.keys), (&device, keys));
            }
            (read.device, read.keys) = (device, keys);
        }
        let peers = take(device::PEERS);
        assert!(attrs.next().is_none(), "nothing else is in a message");
        for element in peers.iter().flat_map(Plain::inside) {
            read_peer(&mut read, &element);
        }
    }
    read
}

/// The reader knows all of the device and nothing else.
#[track_caller]
pub fn assert_read(read: &Read, model: &Device) {
    let name = model.info.ifname.split(|byte| *byte == 0).next().unwrap();
    let name = [name, &[0]].concat();
    let info = &model.info;
    assert_eq!(
        read.device,
        Some((info.ifindex, name, info.listen_port, info.fwmark))
    );
    assert_eq!(
        read.keys,
        info.public_key.map(|public| (model.private_key, public))
    );
    assert_eq!(read.peers.len(), model.peers.len());
    for (read, model) in read.peers.iter().zip(&model.peers) {
        assert_eq!(
            (read.info, read.preshared_key),
            (model.info, model.preshared_key)
        );
        let expected: Vec<_> = model.allowed_ips.iter().map(|(ip, _)| *ip).collect();
        assert_eq!(read.allowed_ips, expected);
    }
}
