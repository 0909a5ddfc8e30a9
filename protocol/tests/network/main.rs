// SPDX-License-Identifier: GPL-2.0
//! Whole conversations over a simulated network: minutes and hours of it, with seeds (reference 1.2
//! to 1.5; paper section 6).

#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod device;
mod monitor;
mod peer;
mod storm;
mod wire;

use wg_protocol::cookie::Jar;
use wg_protocol::message::{CookieReply, Kind};
use wg_protocol::noise::Identity;
use wg_protocol::{Instant, SECOND};
use wire::Wire;

const MS: u64 = SECOND / 1000;

/// The first packet waits for a session and then goes through, in one round trip and a half.
#[test]
fn first_packet() {
    let mut wire = Wire::new(1);
    let payload = wire.send(0);
    wire.run(3 * MS);
    assert!(wire.is_delivered(payload));
    assert_eq!(
        [0, 1].map(|end| wire.devices[end].peers[0].completed),
        [1, 1]
    );
    let answer = wire.send(1);
    wire.run(MS);
    assert!(wire.is_delivered(answer));
}

/// Reference 1.2 "walltime_last_handshake": the initiator is done with the response, the responder
/// with the first packet and not before.
#[test]
fn who_is_done_when() {
    let mut wire = Wire::new(1);
    wire.send(0);
    wire.run(2 * MS);
    // The initiation has arrived, and the response; the packet is under way.
    assert_eq!(
        [0, 1].map(|end| wire.devices[end].peers[0].completed),
        [1, 0]
    );
    wire.run(MS);
    assert_eq!(
        [0, 1].map(|end| wire.devices[end].peers[0].completed),
        [1, 1]
    );
}

/// Reference 1.3 "Persistent keepalive now cases": coming up is one.
#[test]
fn coming_up() {
    for persistent in [0, 25] {
        let mut wire = Wire::new(1);
        wire.at(0).down();
        wire.devices[0].peers[0].persistent_secs = persistent;
        wire.seconds(100);
        assert_eq!(wire.log.len(), 0);
        let start = wire.now;
        wire.at(0).up();
        wire.collect();
        wire.seconds(1);
        let expected = usize::from(persistent != 0);
        assert_eq!(wire.count(start, 0, Kind::Initiation), expected);
        // Down and up again: no key is left, and the five seconds need not be waited for.
        wire.at(0).down();
        assert!(!wire.devices[0].peers[0].has_keys());
        wire.at(0).up();
        wire.collect();
        assert_eq!(wire.count(start, 0, Kind::Initiation), 2 * expected);
    }
}

/// Reference 3.4 "PSK change": the session that there is goes on; the next handshake needs it on
/// both sides.
#[test]
fn another_preshared_key() {
    let mut wire = Wire::new(1);
    wire.send(0);
    wire.seconds(1);
    let public = [0, 1].map(|end| *wire.devices[end].identity.public());
    wire.at(0).set_psk(&public[1], [1; 32]);
    for _ in 0..100 {
        let payload = wire.send(0);
        wire.seconds(1);
        assert!(wire.is_delivered(payload));
    }
    wire.seconds(100);
    let payload = wire.send(0);
    wire.seconds(30);
    assert!(!wire.is_delivered(payload), "one side has it");
    wire.at(1).set_psk(&public[0], [1; 32]);
    wire.seconds(20);
    assert!(wire.is_delivered(payload), "it has waited");
}

/// Paper 2.1, reference 2.4 "Endpoint update": whoever has moved is found again with the first
/// packet that comes from there, be it a keepalive, and not before; nothing of a session is lost.
#[test]
fn roaming() {
    for keepalive in [false, true] {
        let mut wire = Wire::new(1);
        wire.send(0);
        wire.seconds(1);
        wire.devices[0].address = [203, 0, 113, 7, 0x12, 0x34];
        let lost = wire.send(1);
        wire.seconds(1);
        assert!(!wire.is_delivered(lost));
        if keepalive {
            wire.at(0).send_keepalive(0);
            wire.collect();
        } else {
            wire.send(0);
        }
        wire.run(MS);
        let start = wire.now;
        let payload = wire.send(1);
        wire.run(MS);
        assert!(wire.is_delivered(payload));
        assert_eq!(wire.count(start, 1, Kind::Initiation), 0);
    }
}

/// Reference 1.2 "Timestamp": whoever's wall clock was set back is not heard until it has caught up,
/// but the other side may begin; set forward it makes no difference, but for the way back.
#[test]
fn a_clock_set_back() {
    let mut wire = Wire::new(1);
    wire.devices[0].wall_offset = 1000;
    wire.send(0);
    wire.seconds(1);
    wire.restart(0);
    wire.devices[0].wall_offset = 900;
    let payload = wire.send(0);
    wire.seconds(95);
    assert!(!wire.is_delivered(payload));
    assert_eq!(wire.devices[1].peers[0].completed, 1);
    // 100 s after the last one that was heard it is as late as then.
    let payload = wire.send(0);
    wire.seconds(15);
    assert!(wire.is_delivered(payload));

    wire.restart(0);
    wire.devices[0].wall_offset = -1000;
    let start = wire.now;
    let payload = wire.send(1);
    wire.seconds(20);
    // Sending without hearing is noticed after 15 s.
    assert_eq!(wire.count(start, 1, Kind::Initiation), 1);
    assert!(
        !wire.is_delivered(payload),
        "sent with keys that were forgotten"
    );
    let payload = wire.send(1);
    wire.seconds(1);
    assert!(wire.is_delivered(payload));
    let payload = wire.send(0);
    wire.seconds(1);
    assert!(wire.is_delivered(payload));
}

/// Reference 1.2 "Expire", 3.4 "PRIVATE_KEY": another key, and a handshake at once although the last
/// was a moment ago; the old session still takes what comes in it and sends nothing.
#[test]
fn another_private_key() {
    let mut wire = Wire::new(1);
    wire.send(0);
    wire.seconds(1);
    let last = wire.send(1);
    let public = *wire.devices[0].identity.public();
    let psk = *wire.devices[1].peers[0].handshake.psk();
    let identity = Identity::new([7; 32]);
    wire.at(0).set_identity(identity);
    let start = wire.now;
    let payload = wire.send(0);
    assert_eq!(wire.count(start, 0, Kind::Initiation), 1);
    assert_eq!(wire.count(start, 0, Kind::Data), 0);
    wire.run(2 * MS);
    assert!(wire.is_delivered(last));
    assert!(!wire.is_delivered(payload));
    let endpoint = Some(wire.devices[0].address);
    wire.at(1).remove_peer(&public);
    let public = *wire.devices[0].identity.public();
    wire.at(1).add_peer(public, psk, endpoint);
    wire.seconds(6);
    assert!(wire.is_delivered(payload));
}

/// Reference 2.2 "VM fork": nothing more is sent in the sessions there are, and there are new ones
/// at once.
#[test]
fn copied() {
    let mut wire = Wire::new(1);
    wire.send(0);
    wire.seconds(1);
    wire.at(0).expire_all_sessions();
    let start = wire.now;
    let payload = wire.send(0);
    assert_eq!(wire.count(start, 0, Kind::Initiation), 1);
    assert_eq!(wire.count(start, 0, Kind::Data), 0);
    wire.run(10 * MS);
    assert!(wire.is_delivered(payload));
}

/// Reference 1.1 "Protocol clock": keys grow old while the machine sleeps, and the first packet
/// after it begins a handshake at once, however short the time awake since the last.
#[test]
fn asleep() {
    let mut wire = Wire::new(1);
    wire.send(0);
    wire.seconds(1);
    wire.sleep(0, 3600 * SECOND);
    wire.seconds(3600);
    let start = wire.now;
    let payload = wire.send(0);
    wire.run(10 * MS);
    assert_eq!(wire.count(start, 0, Kind::Initiation), 1);
    assert!(wire.is_delivered(payload));
}

/// Paper 6.1, 6.5: one-way traffic has a keepalive 10 s after each packet that nothing was sent
/// after (at one packet a second, every 11 s), and a new session every two minutes from the one who
/// began.
#[test]
fn one_way_traffic() {
    let mut wire = Wire::new(2);
    let start = wire.now;
    for _ in 0..3600 {
        let payload = wire.send(0);
        wire.seconds(1);
        assert!(wire.is_delivered(payload));
    }
    let initiations = wire.count(start, 0, Kind::Initiation);
    assert!((29..=31).contains(&initiations), "{initiations}");
    assert_eq!(wire.count(start, 1, Kind::Initiation), 0);
    let keepalives = wire.count(start, 1, Kind::Data);
    assert!((290..=330).contains(&keepalives), "{keepalives}");
}

/// An initiator that only listens renews the session all the same, since its keepalives are sent
/// packets: nothing is lost at 180 s.
#[test]
fn the_initiator_only_listens() {
    let mut wire = Wire::new(3);
    wire.send(0);
    wire.seconds(1);
    let start = wire.now;
    for _ in 0..1600 {
        let payload = wire.send(1);
        wire.seconds(1);
        assert!(wire.is_delivered(payload));
    }
    let initiations = wire.count(start, 0, Kind::Initiation);
    assert!((12..=14).contains(&initiations), "{initiations}");
    assert_eq!(wire.count(start, 1, Kind::Initiation), 0);
}

/// Reference 1.4 "RX rekey": a packet that arrives in the last 15 s of a session makes its
/// initiator renew it at once; an earlier one does not, nor does the responder.
#[test]
fn the_last_minute() {
    for (age, renewed) in [(150, 0), (164, 0), (166, 1), (178, 1)] {
        let mut wire = Wire::new(3);
        wire.send(0);
        wire.seconds(age);
        let start = wire.now;
        for _ in 0..3 {
            let payload = wire.send(1);
            wire.run(10 * MS);
            assert!(wire.is_delivered(payload));
        }
        assert_eq!(wire.count(start, 0, Kind::Initiation), renewed, "{age}");
        assert_eq!(wire.count(start, 1, Kind::Initiation), 0);
    }
}

/// "Silence is a virtue": after the last packet there are two keepalives at most, then nothing at
/// all, and after 540 s no key is left on either side.
#[test]
fn silence() {
    let mut wire = Wire::new(4);
    for _ in 0..5 {
        wire.send(0);
        wire.run(100 * MS);
        wire.send(1);
        wire.run(100 * MS);
    }
    let quiet = wire.now;
    wire.seconds(10_000);
    let after: Vec<_> = wire.log.iter().filter(|entry| entry.0 >= quiet).collect();
    assert!(after.len() <= 2, "{after:?}");
    assert!(after
        .iter()
        .all(|(when, _, kind)| { *kind == Kind::Data && when.since(quiet) <= 20 * SECOND }));
    for device in &wire.devices {
        assert!(!device.peers[0].has_keys());
        assert_eq!(device.peers[0].alarm, None);
    }
}

/// Reference 1.1 MAX_TIMER_HANDSHAKES: nobody there. 20 initiations, then silence; packets that
/// waited are dropped and counted; the next packet tries again.
#[test]
fn nobody_there() {
    let mut wire = Wire::new(5);
    wire.faults.lost = 100;
    for _ in 0..200 {
        wire.send(0);
    }
    wire.seconds(600);
    assert_eq!(wire.devices[0].peers[0].initiations.len(), 20);
    assert_eq!(wire.devices[0].peers[0].dropped, 200);
    wire.seconds(600);
    assert_eq!(wire.devices[0].peers[0].initiations.len(), 20);
    assert!(
        !wire.devices[0].peers[0].has_keys(),
        "540 s after giving up"
    );
    wire.send(0);
    wire.seconds(600);
    assert_eq!(wire.devices[0].peers[0].initiations.len(), 40);
}

/// Reference 1.3 "new_handshake": the peer has lost its state; 15 s after the first unanswered
/// packet there is a new session.
#[test]
fn the_peer_was_restarted() {
    let mut wire = Wire::new(6);
    wire.send(0);
    wire.seconds(1);
    wire.restart(1);
    let broken = wire.now;
    let mut recovered = None;
    while wire.now.since(broken) < 60 * SECOND {
        let payload = wire.send(0);
        wire.run(500 * MS);
        if wire.is_delivered(payload) {
            recovered.get_or_insert(wire.now);
        }
    }
    let took = recovered.unwrap().since(broken);
    assert!((15 * SECOND..17 * SECOND).contains(&took), "{took}");
}

/// Reference 1.3 "persistent_keepalive": an idle tunnel with it never falls silent for longer, and
/// it is the one with the setting that keeps it up.
#[test]
fn persistent_keepalives() {
    let mut wire = Wire::new(7);
    wire.devices[0].peers[0].persistent_secs = 25;
    wire.at(0).send_keepalive(0);
    wire.collect();
    wire.seconds(3600);
    let sent: Vec<Instant> = wire
        .log
        .iter()
        .filter(|(_, from, _)| *from == 0)
        .map(|(when, _, _)| *when)
        .collect();
    assert!(sent.len() >= 3600 / 25);
    assert!(sent
        .windows(2)
        .all(|pair| pair[1].since(pair[0]) <= 25 * SECOND));
    assert_eq!(wire.count(Instant(0), 1, Kind::Initiation), 0);
    let payload = wire.send(1);
    wire.run(5 * MS);
    assert!(wire.is_delivered(payload));
}

/// Reference 1.5 "Under load": the cookie comes back, the retry carries it, and the response does
/// the same the other way round.
#[test]
fn under_load() {
    for loaded in [[false, true], [true, false], [true, true]] {
        let mut wire = Wire::new(8);
        for (device, loaded) in wire.devices.iter_mut().zip(loaded) {
            device.under_load = loaded;
        }
        let payload = wire.send(0);
        wire.seconds(30);
        assert!(wire.is_delivered(payload), "{loaded:?}");
        for (device, loaded) in wire.devices.iter().zip(loaded) {
            assert_eq!(device.cookies_sent > 0, loaded);
        }
    }
}

/// Reference 1.5 "Under load action": a cookie lets its address in five times at once and twenty
/// times a second; others are let in meanwhile.
#[test]
fn the_rate_limit() {
    let mut wire = Wire::new(1);
    let victim = *wire.devices[1].identity.public();
    wire.devices[1].under_load = true;
    let address = [198, 51, 100, 1, 0x12, 0x34];
    let mut nonsense = vec![0x77; 148];
    nonsense[..4].copy_from_slice(&[1, 0, 0, 0]);
    let mut jar = Jar::new();
    jar.add_macs(&victim, &mut nonsense, wire.now);
    wire.at(1).receive(&nonsense, address);
    let (to, reply) = wire.devices[1].outbox.pop().unwrap();
    assert_eq!(to, address);
    let reply = CookieReply::from_bytes(&reply).unwrap();
    assert!(jar.consume_reply(&victim, &reply, wire.now));
    jar.add_macs(&victim, &mut nonsense, wire.now);

    let flood = |wire: &mut Wire, times: usize| {
        let before = wire.devices[1].refused;
        for _ in 0..times {
            wire.at(1).receive(&nonsense, address);
        }
        times - (wire.devices[1].refused - before)
    };
    assert_eq!(flood(&mut wire, 100), 5);
    assert_eq!(
        wire.devices[1].cookies_sent, 1,
        "none of them was without one"
    );
    let mut passed = 0;
    for _ in 0..1000 {
        wire.run(MS);
        passed += flood(&mut wire, 3);
    }
    assert_eq!(passed, 20);
    // Meanwhile somebody else is let in.
    let payload = wire.send(0);
    wire.seconds(6);
    assert!(wire.is_delivered(payload));
}

/// Both begin at the same moment, and it works: each answers the other, which makes an end of its own
/// handshake, until jitter has them begin apart.
#[test]
fn both_begin_at_once() {
    for seed in 1..20 {
        let mut wire = Wire::new(seed);
        wire.faults.delay = 40;
        wire.send(0);
        wire.send(1);
        wire.seconds(1);
        for from in 0..2 {
            let payload = wire.send(from);
            wire.seconds(30);
            assert!(wire.is_delivered(payload), "seed {seed}, from {from}");
        }
    }
}
