// SPDX-License-Identifier: GPL-2.0
//! Dumps of any device into messages of any sizes: read back they are the device, and each message
//! is also a SET that asks for what it says.
use wg_netlink::address::Endpoint;
use wg_netlink::get::{Cursor, Dump, Full, Progress, Source, Writer};
use wg_netlink::set::{Policy, SetDevice};
use wg_netlink::uapi::device;

use crate::netlink::model::{assert_read, device_with, peer_with, read, Device, Peer};
use crate::netlink::{attr, oracle, plain, Plain};
use crate::{planted, Script};

/// More than any piece of a dump takes that must be in one message: a peer without its list, the
/// headers of the nests, one allowed IP.
pub(crate) const LARGEST_PIECE: usize = 188 + 60;

/// The next message of a dump, in this much room that begins where a genl header leaves off.
pub(crate) fn next_message(
    words: &mut [u64; 4],
    source: &impl Source,
    room: usize,
    pad_u64: bool,
) -> Result<(Vec<u8>, Progress), Full> {
    let mut buffer = vec![0x55; room + 20];
    let start = buffer.as_ptr().align_offset(8) + 4;
    let mut writer = Writer::new(&mut buffer[start..start + room], pad_u64);
    let mut dump = Dump::resume(Cursor::from_words(*words));
    let progress = dump.fill(&mut writer, source);
    let len = writer.len();
    assert!(len <= room && len % 4 == 0);
    if progress.is_err() {
        assert_eq!(len, 0, "something is left of a message that did not fit");
        assert_eq!(dump.cursor().to_words(), *words, "went on without a word");
    }
    *words = dump.cursor().to_words();
    Ok((buffer[start..start + len].to_vec(), progress?))
}

fn one_peer(script: &mut Script<'_>, id: u64) -> Peer {
    let prefixes = match script.below(4) {
        0 => 0,
        1 => script.below(4),
        2 => script.below(40),
        _ => script.below(120),
    };
    let mut peer = peer_with(id, prefixes as u32);
    peer.preshared_key = script.key();
    peer.info.tx_bytes = script.u64();
    peer.info.endpoint = match script.below(3) {
        0 => None,
        1 => Some(Endpoint::V4 {
            addr: script.bytes(),
            port: script.u16(),
        }),
        _ => Some(Endpoint::V6 {
            addr: script.bytes(),
            port: script.u16(),
            flowinfo: script.u32(),
            scope: script.byte().into(),
        }),
    };
    peer
}

fn one_device(script: &mut Script<'_>) -> Device {
    let mut id = u64::from(script.byte());
    let count = script.of(&[0, 1, 1, 2, 3, 5, 8]);
    let peers = (0..count)
        .map(|_| {
            id += 1 + u64::from(script.byte());
            one_peer(script, id)
        })
        .collect();
    let mut model = device_with(peers);
    if script.below(4) == 0 {
        model.info.public_key = None;
    }
    model.private_key = script.key();
    model.info.fwmark = script.u32();
    model.info.listen_port = script.u16();
    model.generation = script.byte().into();
    let length = 1 + script.below(15);
    model.info.ifname = [0; 16];
    model.info.ifname[..length].fill(b'w');
    model
}

pub(crate) fn room(script: &mut Script<'_>) -> usize {
    match script.below(4) {
        0 => script.below(256),
        1 => LARGEST_PIECE + script.below(256),
        2 => LARGEST_PIECE + script.below(4000),
        _ => LARGEST_PIECE + script.below(65_000),
    }
}

fn again(one: &Plain) -> Vec<u8> {
    let flag = if one.nested { 1 << 15 } else { 0 };
    attr(one.kind | flag, &one.payload)
}

/// A message less its index, or with a name if it goes on without, and what SET makes of it.
fn as_set(message: &[u8], model: &Device) {
    let mut attrs = plain(message);
    attrs.retain(|one| one.kind != device::IFINDEX);
    let mut set: Vec<u8> = attrs.iter().flat_map(again).collect();
    if attrs.iter().all(|one| one.kind != device::IFNAME) {
        set.extend(attr(device::IFNAME, b"wg0\0"));
    }
    let parsed = match SetDevice::parse(&set, Policy::default()) {
        Ok(parsed) => oracle::read(&parsed),
        Err(error) => panic!("a dump is no SET: {error:?}"),
    };
    for peer in &parsed.peers {
        let known = model
            .peers
            .iter()
            .find(|known| known.info.public_key[..] == peer.public_key);
        let Some(known) = known else {
            panic!("nobody's key")
        };
        // Only in a peer's first piece.
        if let Some(psk) = &peer.preshared_key {
            assert_eq!(psk[..], known.preshared_key);
            assert_eq!(peer.keepalive, Some(known.info.persistent_keepalive));
            assert_eq!(peer.endpoint, known.info.endpoint);
        }
        let mut list = known
            .allowed_ips
            .iter()
            .map(|(ip, _)| (ip.addr.as_bytes(), ip.cidr));
        let mut sent = peer
            .allowed_ips
            .iter()
            .map(|(addr, cidr, _)| (&addr[..], *cidr));
        if let Some(first) = sent.next() {
            assert!(list.any(|ip| ip == first), "a prefix of somebody else");
            assert!(sent.all(|ip| Some(ip) == list.next()), "out of order");
        }
    }
}

/// One device, dumped into a script of sizes.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let model = one_device(&mut script);
    // Padding of 64-bit attributes is for other architectures, and no part of a SET.
    let pad_u64 = script.below(4) == 0;
    let same = script.bool().then(|| room(&mut script));
    let mut words = [0; 4];
    let mut messages = Vec::new();
    loop {
        let room = same.unwrap_or_else(|| room(&mut script));
        match next_message(&mut words, &model, room, pad_u64) {
            Ok((mut message, progress)) => {
                if planted("netlink_dump/byte") && message.len() > 1000 {
                    message[1000] ^= 1;
                }
                if !pad_u64 {
                    as_set(&message, &model);
                }
                messages.push(message);
                if planted("netlink_dump/skips") && messages.len() == 3 {
                    messages.pop();
                }
                if progress == Progress::Done {
                    break;
                }
            }
            Err(Full) => {
                assert!(room < LARGEST_PIECE, "{room} bytes are not enough");
                if same.is_some() || script.is_empty() {
                    return;
                }
            }
        }
        assert!(messages.len() < 20_000, "goes on for ever");
    }
    assert_read(&read(&messages), &model);
}
