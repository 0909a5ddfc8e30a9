// SPDX-License-Identifier: GPL-2.0
//! The dump, row by row of reference 3.5, and what netns.sh reads with it (rows 21 to 24).
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod common;

use common::model::*;
use common::*;
use wg_netlink::address::Endpoint;
use wg_netlink::get::{Cursor, Dump, Full, Progress};
use wg_netlink::uapi::*;

/// What the kernel leaves of a page for a message of wg.
const USUAL: usize = 3_700;

/// The types at the outermost level of a message, and the elements of its peers.
fn outline(message: &[u8]) -> (Vec<u16>, Option<Vec<Plain>>) {
    let attrs = plain(message);
    let peers = attrs.iter().find(|attr| attr.kind == device::PEERS);
    (kinds(&attrs), peers.map(Plain::inside))
}

const DEVICE: [u16; 6] = [
    device::LISTEN_PORT,
    device::FWMARK,
    device::IFINDEX,
    device::IFNAME,
    device::PRIVATE_KEY,
    device::PUBLIC_KEY,
];

const WHOLE_PEER: [u16; 7] = [
    peer::PUBLIC_KEY,
    peer::PRESHARED_KEY,
    peer::LAST_HANDSHAKE_TIME,
    peer::PERSISTENT_KEEPALIVE_INTERVAL,
    peer::TX_BYTES,
    peer::RX_BYTES,
    peer::PROTOCOL_VERSION,
];

fn device_and(more: &[u16]) -> Vec<u16> {
    [&DEVICE[..], more].concat()
}

fn peer_and(more: &[u16]) -> Vec<u16> {
    [&WHOLE_PEER[..], more].concat()
}

/// "Device attr order".
#[test]
fn order_of_device_attributes() {
    let mut model = device_with(vec![peer_with(1, 0)]);
    let messages = all_messages(&model, USUAL, false).unwrap();
    assert_eq!(outline(&messages[0]).0, device_and(&[device::PEERS]));
    // Without an identity there is neither key.
    model.info.public_key = None;
    let messages = all_messages(&model, USUAL, false).unwrap();
    let without_keys = [&DEVICE[..4], &[device::PEERS]].concat();
    assert_eq!(outline(&messages[0]).0, without_keys);
    assert_read(&read(&messages), &model);
}

/// "Peer attr order", with the two that may be missing.
#[test]
fn order_of_peer_attributes() {
    let v4 = Endpoint::V4 {
        addr: [192, 0, 2, 1],
        port: 51820,
    };
    let v6 = Endpoint::V6 {
        addr: [0xfe; 16],
        port: 1,
        flowinfo: 2,
        scope: 3,
    };
    for pad_u64 in [false, true] {
        for (endpoint, prefixes, more) in [
            (None, 0, &[][..]),
            (None, 2, &[peer::ALLOWEDIPS]),
            (Some(v4), 0, &[peer::ENDPOINT]),
            (Some(v6), 2, &[peer::ENDPOINT, peer::ALLOWEDIPS]),
        ] {
            let mut peer = peer_with(1, prefixes);
            peer.info.endpoint = endpoint;
            let model = device_with(vec![peer]);
            let messages = all_messages(&model, USUAL, pad_u64).unwrap();
            assert_eq!(messages.len(), 1);
            let peers = outline(&messages[0]).1.unwrap();
            assert_eq!(kinds(&peers[0].inside()), peer_and(more));
            assert_read(&read(&messages), &model);
        }
    }
}

/// "Nest flags": the reader of these tests insists on them; here the bytes of one allowed IP.
#[test]
fn an_allowed_ip_byte_by_byte() {
    let model = device_with(vec![peer_with(1, 1)]);
    let message = all_messages(&model, USUAL, false).unwrap().concat();
    let ip = nest(
        0,
        &[
            u8_attr(allowed_ip::CIDR_MASK, 32),
            u16_attr(allowed_ip::FAMILY, AF_INET),
            attr(allowed_ip::IPADDR, &[0; 4]),
        ],
    );
    assert!(message.ends_with(&nest(peer::ALLOWEDIPS, &[ip])));
}

/// "PEERS nest": cancelled when the device has no peers.
#[test]
fn no_peers() {
    let model = device_with(vec![]);
    let messages = all_messages(&model, USUAL, false).unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(outline(&messages[0]), (DEVICE.to_vec(), None));
    assert_read(&read(&messages), &model);
}

/// "Peer does not fit": taken back; the dump resumes at it, without the device.
#[test]
fn a_peer_that_does_not_fit_opens_the_next_message() {
    let peers: Vec<_> = (1..=3).map(|id| peer_with(id, 0)).collect();
    let model = device_with(peers);
    let whole = all_messages(&model, USUAL, false).unwrap();
    assert_eq!(whole.len(), 1);
    let one_peer = all_messages(&device_with(vec![peer_with(1, 0)]), USUAL, false).unwrap();
    // Room for the device and two peers, and not quite for the third.
    let messages = all_messages(&model, whole[0].len() - 4, false).unwrap();
    assert_eq!(messages.len(), 2);
    let (kinds, peers) = outline(&messages[0]);
    assert_eq!(
        (kinds, peers.unwrap().len()),
        (device_and(&[device::PEERS]), 2)
    );
    let (kinds, peers) = outline(&messages[1]);
    assert_eq!((kinds, peers.unwrap().len()), (vec![device::PEERS], 1));
    // Room for the device and one peer.
    let messages = all_messages(&model, one_peer[0].len(), false).unwrap();
    assert_eq!(outline(&messages[0]).1.unwrap().len(), 1);
    let read = read(&messages);
    assert_eq!((read.devices, read.splits), (1, 0));
    assert_read(&read, &model);
}

/// "PEERS nest": present and empty if nothing fitted.
#[test]
fn a_first_peer_that_does_not_fit_beside_the_device() {
    let model = device_with(vec![peer_with(1, 3)]);
    let device_alone = 3 * 8 + 8 + 2 * 36;
    let peer_alone = 4 + 36 + 36 + 20 + 8 + 12 + 12 + 8;
    let room = device_alone + 4 + peer_alone;
    let messages = all_messages(&model, room + 4, false).unwrap();
    assert_eq!(outline(&messages[0]).1.unwrap().len(), 1);
    // C would send the device for ever; here it comes once, with no peer beside it.
    let messages = all_messages(&model, room - 4, false).unwrap();
    let (kinds, peers) = outline(&messages[0]);
    assert_eq!((kinds, peers), (device_and(&[device::PEERS]), Some(vec![])));
    let read = read(&messages);
    assert_eq!(read.devices, 1);
    assert_read(&read, &model);
}

/// "AllowedIPs do not fit": closed; next the public key and the rest, nothing else.
#[test]
fn a_peer_that_is_split() {
    let model = device_with(vec![peer_with(1, 1), peer_with(2, 600), peer_with(3, 1)]);
    let messages = all_messages(&model, USUAL, false).unwrap();
    assert!(messages.len() > 3);
    let peers = outline(&messages[0]).1.unwrap();
    assert_eq!(kinds(&peers[1].inside()), peer_and(&[peer::ALLOWEDIPS]));
    for (n, message) in messages.iter().enumerate().skip(1) {
        let (outer, peers) = outline(message);
        let peers = peers.unwrap();
        // "Continuation": the first peer is complete, so the device is not repeated.
        assert_eq!(outer, [device::PEERS]);
        let last = n + 1 == messages.len();
        assert_eq!(peers.len(), if last { 2 } else { 1 });
        assert_eq!(
            kinds(&peers[0].inside()),
            [peer::PUBLIC_KEY, peer::ALLOWEDIPS]
        );
    }
    let read = read(&messages);
    assert_eq!((read.devices, read.splits), (1, messages.len() - 1));
    assert_read(&read, &model);
}

/// "Continuation": the device comes again with each message that begins in the very first peer.
#[test]
fn a_split_first_peer_repeats_the_device() {
    let model = device_with(vec![peer_with(1, 300), peer_with(2, 300)]);
    let messages = all_messages(&model, USUAL, false).unwrap();
    let mut first_peer_over = false;
    for message in &messages {
        let (outer, peers) = outline(message);
        if first_peer_over {
            assert_eq!(outer, [device::PEERS]);
        } else {
            assert_eq!(outer, device_and(&[device::PEERS]));
        }
        first_peer_over |= peers.unwrap().len() > 1;
    }
    let read = read(&messages);
    assert!(read.devices > 2 && read.devices < messages.len());
    assert_read(&read, &model);
}

/// A peer is closed with an empty list if there is room for that but for none of its prefixes.
#[test]
fn a_list_that_is_split_before_its_first_prefix() {
    let whole = all_messages(&device_with(vec![peer_with(1, 1)]), USUAL, false).unwrap();
    let model = device_with(vec![peer_with(1, 1)]);
    let room = whole[0].len() - 4;
    let messages = all_messages(&model, room, false).unwrap();
    assert_eq!(messages.len(), 2);
    let peer = outline(&messages[0]).1.unwrap()[0].inside();
    assert_eq!(kinds(&peer), peer_and(&[peer::ALLOWEDIPS]));
    assert_eq!(peer.last().unwrap().inside(), []);
    let (outer, peers) = outline(&messages[1]);
    assert_eq!(outer, device_and(&[device::PEERS]));
    let peer = peers.unwrap()[0].inside();
    assert_eq!(kinds(&peer), [peer::PUBLIC_KEY, peer::ALLOWEDIPS]);
    assert_read(&read(&messages), &model);
}

/// The first message of a dump of 1 + `prefixes` + 1, the dump in the middle of its second peer.
fn in_the_middle(prefixes: u32) -> (Device, Dump) {
    let model = device_with(vec![
        peer_with(1, 1),
        peer_with(2, prefixes),
        peer_with(3, 1),
    ]);
    let mut dump = Dump::new();
    let (_, progress) = one_message(&mut dump, &model, USUAL, false).unwrap();
    assert_eq!(progress, Progress::More);
    (model, dump)
}

/// "Consistency": changed allowed IPs end that peer's list early, and the dump goes on behind it.
#[test]
fn a_changed_generation_ends_the_list() {
    let (mut model, mut dump) = in_the_middle(300);
    model.generation += 1;
    // The places of the list mean nothing any more; the model panics if it is asked for one.
    model.peers[1].allowed_ips = vec![(prefix(1), 1)];
    let (message, progress) = one_message(&mut dump, &model, USUAL, false).unwrap();
    assert_eq!(progress, Progress::Done);
    let peers = outline(&message).1.unwrap();
    assert_eq!(kinds(&peers[0].inside()), [peer::PUBLIC_KEY]);
    assert_eq!(kinds(&peers[1].inside()), peer_and(&[peer::ALLOWEDIPS]));
    assert_eq!(peers.len(), 2);
}

/// The generation counts only for the list that it was kept with.
#[test]
fn a_changed_generation_does_not_touch_later_lists() {
    let peers = (1..=60).map(|id| peer_with(id, 3)).collect();
    let mut model = device_with(peers);
    let mut dump = Dump::new();
    let mut messages = Vec::new();
    loop {
        let before = dump.cursor();
        let (message, progress) = one_message(&mut dump, &model, USUAL, false).unwrap();
        messages.push(message);
        if progress == Progress::Done {
            break;
        }
        assert_ne!(before, dump.cursor());
        // Only between peers, where nothing is kept: a word of the cursor tells.
        if dump.cursor().to_words()[3] == 0 {
            model.generation += 1;
        }
    }
    assert_read(&read(&messages), &model);
}

/// "removed cursor peer ends dump", "PEERS nest: cancelled".
#[test]
fn a_removed_cursor_peer_ends_the_dump() {
    // In the middle of a peer.
    let (mut model, mut dump) = in_the_middle(300);
    model.peers.remove(1);
    let end = one_message(&mut dump, &model, USUAL, false).unwrap();
    assert_eq!(end, (vec![], Progress::Done));

    // Between two peers.
    let mut model = device_with((1..=60).map(|id| peer_with(id, 0)).collect());
    let mut dump = Dump::new();
    let (first, _) = one_message(&mut dump, &model, USUAL, false).unwrap();
    let complete = outline(&first).1.unwrap().len();
    let mut other = (model.clone(), dump);
    model.peers.remove(complete - 1);
    let end = one_message(&mut dump, &model, USUAL, false).unwrap();
    assert_eq!(end, (vec![], Progress::Done));

    // In the middle of the very first peer: what was repeated before still is.
    let mut first = device_with(vec![peer_with(1, 300)]);
    let mut dump = Dump::new();
    one_message(&mut dump, &first, USUAL, false).unwrap();
    first.peers.clear();
    let (message, progress) = one_message(&mut dump, &first, USUAL, false).unwrap();
    assert_eq!(progress, Progress::Done);
    assert_eq!(outline(&message), (DEVICE.to_vec(), None));

    // The peers that have not been sent yet may go, and others may come.
    let (model, dump) = (&mut other.0, &mut other.1);
    model.peers.truncate(complete);
    let mut alone = (model.clone(), *dump);
    let (message, progress) = one_message(&mut alone.1, &alone.0, USUAL, false).unwrap();
    assert_eq!(progress, Progress::Done);
    assert_eq!(outline(&message), (vec![device::PEERS], Some(vec![])));
    model.peers.push(peer_with(1000, 0));
    let (message, _) = one_message(dump, model, USUAL, false).unwrap();
    assert_eq!(outline(&message).1.unwrap().len(), 1);
}

/// What was complete is not written twice, and a dump that is over stays over.
#[test]
fn nothing_comes_after_the_end() {
    let model = device_with(vec![peer_with(1, 1)]);
    let mut dump = Dump::new();
    let (_, progress) = one_message(&mut dump, &model, USUAL, false).unwrap();
    assert_eq!(progress, Progress::Done);
    for _ in 0..2 {
        let again = one_message(&mut dump, &model, USUAL, false).unwrap();
        assert_eq!(again, (vec![], Progress::Done));
    }
}

/// "State": small enough to be kept in cb->args, all zero at the start, whatever it is.
#[test]
fn state_between_messages() {
    assert!(size_of::<Cursor>() <= 40);
    assert_eq!(Cursor::default().to_words(), [0; 4]);
    assert_eq!(Dump::new().cursor(), Cursor::from_words([0; 4]));
    let mut random = Random(2);
    for _ in 0..1000 {
        let mut words: [u64; 4] = std::array::from_fn(|_| random.next());
        words[0] &= 0x307;
        let cursor = Cursor::from_words(words);
        assert_eq!(Cursor::from_words(cursor.to_words()), cursor);
    }
    // What is no cursor is the end.
    let model = device_with(vec![]);
    let mut dump = Dump::resume(Cursor::from_words([u64::MAX; 4]));
    let end = one_message(&mut dump, &model, USUAL, false).unwrap();
    assert_eq!(end, (vec![], Progress::Done));
}

/// A buffer that cannot hold one piece is an error and not a loop, at every size there is; the
/// smallest that does holds a whole peer without its list, or one prefix of it.
#[test]
fn no_buffer_makes_a_dump_that_goes_on_for_ever() {
    let mut peer = peer_with(2, 5);
    peer.info.endpoint = Some(Endpoint::V6 {
        addr: [1; 16],
        port: 1,
        flowinfo: 0,
        scope: 0,
    });
    let model = device_with(vec![peer_with(1, 4), peer, peer_with(3, 0)]);
    let mut smallest = None;
    for room in 0..1200 {
        match all_messages(&model, room, false) {
            Ok(messages) => {
                smallest.get_or_insert(room);
                assert_read(&read(&messages), &model);
            }
            Err(Full) => assert_eq!(smallest, None, "{room} does not suffice any more"),
        }
    }
    assert_eq!(
        smallest,
        Some(4 + 4 + 36 + 36 + 20 + 8 + 12 + 12 + 8 + 32 + 4)
    );
}

/// A reader may bring a smaller buffer in the middle; then nothing is lost when it is too small.
#[test]
fn a_failed_message_changes_nothing() {
    let (model, mut dump) = in_the_middle(300);
    let before = dump.cursor();
    assert_eq!(one_message(&mut dump, &model, 60, false), Err(Full));
    assert_eq!(dump.cursor(), before);
    let (message, _) = one_message(&mut dump, &model, USUAL, false).unwrap();
    assert!(!message.is_empty());
}

/// The same in the very first peer: a message that brings nothing but the device once more is still
/// a step, because the next one leaves the device out.
#[test]
fn a_smaller_buffer_in_the_first_peer() {
    let model = device_with(vec![peer_with(1, 300)]);
    let device_and_key = 3 * 8 + 8 + 2 * 36 + 4 + 4 + 36;
    for room in [device_and_key - 4, device_and_key, device_and_key + 8] {
        let mut dump = Dump::new();
        let mut messages = vec![one_message(&mut dump, &model, USUAL, false).unwrap().0];
        let before = dump.cursor();
        let (device_again, _) = one_message(&mut dump, &model, room, false).unwrap();
        let (outer, peers) = outline(&device_again);
        assert_eq!(outer, device_and(&[device::PEERS]));
        assert!(peers.unwrap().len() <= 1);
        assert_ne!(dump.cursor(), before);
        messages.push(device_again);
        loop {
            let (message, progress) = one_message(&mut dump, &model, room, false).unwrap();
            assert_eq!(outline(&message).0, [device::PEERS]);
            messages.push(message);
            if progress == Progress::Done {
                break;
            }
        }
        assert_read(&read(&messages), &model);
    }
}

/// netns.sh rows 21 to 24: the sizes that are read back there.
#[test]
fn sizes_of_netns_sh() {
    let many = |prefixes: u32| peer_with(1, prefixes);
    let mut keyless = device_with((1..=30).map(|id| peer_with(id, 0)).collect());
    keyless.info.public_key = None;
    for model in [
        device_with(vec![many(8_000)]),
        device_with((1..=40).map(|id| peer_with(id, 52)).collect()),
        keyless,
        device_with(vec![peer_with(1, 0), peer_with(2, 197)]),
        device_with(vec![many(388)]),
    ] {
        for room in [USUAL, 8_000, 32_000] {
            let messages = all_messages(&model, room, false).unwrap();
            assert_read(&read(&messages), &model);
        }
    }
}
