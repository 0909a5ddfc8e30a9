// SPDX-License-Identifier: GPL-2.0
//! A dump over the real allowed IPs, read as `module/dump.rs` reads them, while the device changes
//! between its messages: peers come and go, prefixes move.
//!
//! Whatever changes, each message tells the truth of its moment: its peers are there, in the order
//! in which they were made and none twice, and their prefixes are a run of their list. As long as
//! no prefix has changed the list goes on where it stopped. A dump of a device that did not change
//! is the whole device, and every dump comes to its end.
use wg_netlink::address::Address;
use wg_netlink::get::{AllowedIp, DeviceInfo, PeerInfo, Progress, Source};
use wg_netlink::uapi::{device, peer};
use wg_protocol::allowedips::{self, Prefix, NONE};

use crate::allowed_ips::prefix;
use crate::common::naive::Naive;
use crate::common::World;
use crate::netlink::model::{info, read_allowed_ip};
use crate::netlink::{plain, Plain};
use crate::netlink_dump::{next_message, room};
use crate::{planted, Script};

/// Peers at a time, and all there ever are.
const SLOTS: usize = 8;
const NODES: u32 = 1024;

struct Peer {
    id: u64,
    /// Its number among the owners of prefixes.
    slot: u32,
    info: PeerInfo,
    psk: [u8; 32],
}

/// A device as the driver has it: peers by id, prefixes in the table.
struct Host {
    /// In the order of their ids.
    peers: Vec<Peer>,
    next_id: u64,
    world: World,
    naive: Naive,
    has_identity: bool,
}

impl Host {
    fn at(&self, id: u64) -> Result<usize, usize> {
        self.peers.binary_search_by_key(&id, |peer| peer.id)
    }

    fn add_peer(&mut self) {
        let free = (0..SLOTS as u32).find(|slot| self.peers.iter().all(|peer| peer.slot != *slot));
        let Some(slot) = free else { return };
        let id = self.next_id;
        self.next_id += 1;
        let (info, psk) = (info(id), [id as u8; 32]);
        self.peers.push(Peer {
            id,
            slot,
            info,
            psk,
        });
    }

    fn remove_all(&mut self, slot: u32) {
        let owner = &self.world.owners.0[slot as usize];
        self.world.writer.remove_all(&self.world.table, owner);
        self.naive.remove_all(slot);
    }

    fn insert(&mut self, prefix: Prefix, slot: u32) {
        let (table, owners) = (&self.world.table, &self.world.owners);
        let done = self.world.writer.insert(table, owners, prefix, slot);
        // The table may be full.
        if done.is_ok() {
            self.naive.insert(prefix, slot);
        }
    }

    fn list(&self, slot: u32) -> Vec<AllowedIp> {
        self.naive.list(slot).into_iter().map(entry).collect()
    }

    /// One change, or none.
    fn change(&mut self, script: &mut Script<'_>) {
        let what = script.below(10);
        let at = script.below(self.peers.len().max(1));
        if what == 1 {
            return self.add_peer();
        }
        let Some(peer) = self.peers.get_mut(at) else {
            return;
        };
        let slot = peer.slot;
        match what {
            2 => {
                self.remove_all(slot);
                self.peers.remove(at);
            }
            3 => self.remove_all(slot),
            4 => {
                let prefix = prefix(script);
                self.insert(prefix, slot);
            }
            5 => {
                // From whoever has it.
                let at = script.below(self.naive.0.len().max(1));
                if let Some((prefix, _)) = self.naive.0.get(at).copied() {
                    self.insert(prefix, slot);
                }
            }
            6 => {
                let list = self.naive.list(slot);
                if let Some(prefix) = list.get(script.below(list.len().max(1))).copied() {
                    let (table, owners) = (&self.world.table, &self.world.owners);
                    assert!(self.world.writer.remove(table, owners, prefix, slot));
                    assert!(self.naive.remove(prefix, slot));
                }
            }
            7 => {
                peer.info.endpoint = None;
                peer.info.tx_bytes = peer.info.tx_bytes.wrapping_add(1);
                self.has_identity = !self.has_identity;
            }
            _ => {}
        }
    }
}

fn entry(prefix: Prefix) -> AllowedIp {
    let (addr, cidr) = match prefix {
        Prefix::V4 { addr, cidr } => (Address::V4(addr), cidr),
        Prefix::V6 { addr, cidr } => (Address::V6(addr), cidr),
    };
    AllowedIp { addr, cidr }
}

/// As in `module/dump.rs`: the opaque number is the entry after the one that is given back.
impl Source for Host {
    type Peer = usize;

    fn device(&self) -> DeviceInfo {
        let mut ifname = [0; 16];
        ifname[..3].copy_from_slice(b"wg0");
        DeviceInfo {
            listen_port: 51820,
            fwmark: 0,
            ifindex: 7,
            ifname,
            public_key: self.has_identity.then_some([0xbb; 32]),
        }
    }

    fn private_key(&self, out: &mut [u8; 32]) {
        assert!(self.has_identity);
        out.fill(0xaa);
    }

    fn peer_after(&self, last: Option<u64>) -> Option<usize> {
        let at = match last.map(|id| self.at(id)) {
            None => 0,
            Some(Ok(at)) => at + 1,
            Some(Err(at)) => at,
        };
        (at < self.peers.len()).then_some(at)
    }

    fn peer(&self, id: u64) -> Option<usize> {
        self.at(id).ok()
    }

    fn id(&self, peer: &usize) -> u64 {
        self.peers[*peer].id
    }

    fn info(&self, peer: &usize) -> PeerInfo {
        self.peers[*peer].info
    }

    fn preshared_key(&self, peer: &usize, out: &mut [u8; 32]) {
        *out = self.peers[*peer].psk;
    }

    fn next_allowed_ip(&self, peer: &usize, after: Option<u64>) -> Option<(AllowedIp, u64)> {
        let writer = &self.world.writer;
        let owner = &self.world.owners.0[self.peers[*peer].slot as usize];
        let mut entries = match after {
            None => writer.entries(&self.world.table, owner),
            Some(node) => {
                let at = allowedips::Cursor {
                    node: node as u32,
                    generation: writer.generation(),
                };
                if at.node == NONE {
                    return None;
                }
                writer.resume(&self.world.table, at)?
            }
        };
        let entry = entry(entries.next()?);
        Some((entry, entries.cursor().node.into()))
    }

    fn generation(&self) -> u64 {
        if planted("dump_resume/generation") {
            return 1;
        }
        self.world.writer.generation()
    }
}

/// What a reader has so far.
#[derive(Default)]
struct Reader {
    /// Peers by id, with their prefixes.
    peers: Vec<(u64, Vec<AllowedIp>)>,
    /// The table's generation at the last message.
    generation: u64,
}

impl Reader {
    fn take(&mut self, host: &Host, message: &[u8]) {
        let generation = host.world.writer.generation();
        let attrs = plain(message);
        let peers = attrs.iter().filter(|one| one.kind == device::PEERS);
        for (number, element) in peers.flat_map(Plain::inside).enumerate() {
            self.take_peer(
                host,
                &element.inside(),
                number == 0 && generation == self.generation,
            );
        }
        self.generation = generation;
    }

    /// `same`: no prefix has changed since the last piece that this may be the rest of.
    fn take_peer(&mut self, host: &Host, attrs: &[Plain], same: bool) {
        let key = attrs[0].key();
        let Some(peer) = host.peers.iter().find(|peer| peer.info.public_key == key) else {
            panic!("a peer that is not there")
        };
        let ips = attrs.iter().filter(|one| one.kind == peer::ALLOWEDIPS);
        let mut ips: Vec<_> = ips
            .flat_map(Plain::inside)
            .map(|element| read_allowed_ip(&element))
            .collect();
        if planted("dump_resume/entry") && ips.len() > 3 && host.peers.len() > 2 {
            ips.remove(1);
        }
        let list = host.list(peer.slot);
        let is_rest = attrs.iter().all(|one| one.kind != peer::PRESHARED_KEY);
        let so_far = if is_rest {
            let Some((id, so_far)) = self.peers.last_mut() else {
                panic!("the rest of nobody")
            };
            assert_eq!(*id, peer.id, "the rest of somebody else");
            so_far
        } else {
            let last = self.peers.last().map(|(id, _)| *id);
            assert!(last.is_none_or(|last| last < peer.id), "a peer comes twice");
            self.peers.push((peer.id, Vec::new()));
            match self.peers.last_mut() {
                Some((_, so_far)) => so_far,
                None => return,
            }
        };
        if is_rest && !same {
            assert!(ips.is_empty(), "goes on in a list that has changed");
            return;
        }
        let rest = list.get(so_far.len()..).unwrap_or_default();
        assert!(rest.starts_with(&ips), "not what follows in the list");
        so_far.extend(ips);
    }
}

/// A device, and a script of messages and changes between them.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut host = Host {
        peers: Vec::new(),
        next_id: u64::from(script.byte()) << 32,
        world: World::new(SLOTS, NODES),
        naive: Naive::default(),
        has_identity: script.bool(),
    };
    for _ in 0..script.below(SLOTS + 1) {
        host.add_peer();
        let slot = host.peers.last().map_or(0, |peer| peer.slot);
        let count = script.of(&[0, 0, 1, 3, 6, 30]);
        let spelled = script.bool();
        for n in 0..count {
            let prefix = match (spelled, Prefix::v4([10, slot as u8, n, 0], 24)) {
                (false, Some(prefix)) => prefix,
                _ => prefix(&mut script),
            };
            host.insert(prefix, slot);
        }
    }
    let usual = room(&mut script);
    let mut words = [0; 4];
    let mut reader = Reader::default();
    let mut changed = false;
    for messages in 0.. {
        assert!(messages < 2_000, "goes on for ever");
        let room = if script.bool() {
            room(&mut script)
        } else {
            usual
        };
        match next_message(&mut words, &host, room, false) {
            Ok((message, progress)) => {
                reader.take(&host, &message);
                if progress == Progress::Done {
                    break;
                }
            }
            Err(_) if script.is_empty() => return,
            Err(_) => {}
        }
        for _ in 0..script.below(4) {
            host.change(&mut script);
            changed = true;
        }
    }
    if !changed {
        let peers = host
            .peers
            .iter()
            .map(|peer| (peer.id, host.list(peer.slot)));
        assert_eq!(
            reader.peers,
            peers.collect::<Vec<_>>(),
            "not the whole device"
        );
    }
}
