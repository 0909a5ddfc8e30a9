// SPDX-License-Identifier: GPL-2.0
//! MACs, cookies and load (reference 1.5; paper sections 5.3, 5.4.4, 5.4.7).

#![allow(clippy::unwrap_used)]

use wg_crypto::blake2s;
use wg_protocol::cookie::{Checker, Jar, Mac1, MacState};
use wg_protocol::load::Load;
use wg_protocol::message::{classify, CookieReply, Kind};
use wg_protocol::{Instant, SECOND};

const PUBLIC: [u8; 32] = [0x42; 32];
const SRC: &[u8] = &[192, 0, 2, 1, 0xca, 0x6c];
const NONCE: [u8; 24] = [9; 24];

fn at(seconds: u64) -> Instant {
    Instant(seconds * SECOND)
}

/// An initiation and a response, with a sender index and no MACs.
fn messages() -> [Vec<u8>; 2] {
    [(1, 148), (2, 92)].map(|(kind, len)| {
        let mut message = vec![0x77; len];
        message[..8].copy_from_slice(&[kind, 0, 0, 0, 4, 3, 2, 1]);
        message
    })
}

fn checker(now: Instant) -> Checker {
    let mut checker = Checker::new(Some(&PUBLIC));
    checker.rotate_if_due(now, &[1; 32]);
    checker
}

/// Reference 1.5 "mac1": keyed BLAKE2s-128 under the hash of label and key, over all before it.
#[test]
fn mac1() {
    for message in messages() {
        let mut signed = message.clone();
        Jar::new().add_macs(&PUBLIC, &mut signed, at(0));
        let (body, mac2) = signed.split_at(signed.len() - 16);
        let (body, mac1) = body.split_at(body.len() - 16);
        assert_eq!(body, &message[..message.len() - 32]);
        assert_eq!(
            mac1,
            blake2s::mac16(&blake2s::hash(&[b"mac1----", &PUBLIC]), &[body])
        );
        assert_eq!(mac2, [0; 16], "no cookie yet");

        let view = checker(at(0)).view();
        assert_eq!(view.mac_state(&signed, None), MacState::ValidNoCookie);
        assert_eq!(view.mac_state(&signed, Some(SRC)), MacState::ValidNoCookie);
        for byte in 0..signed.len() - 16 {
            let mut forged = signed.clone();
            forged[byte] ^= 1;
            assert_eq!(view.mac_state(&forged, None), MacState::Invalid);
            assert!(!Mac1::new(&PUBLIC).is_valid(&forged));
        }
        assert!(Mac1::new(&PUBLIC).is_valid(&signed));
        assert!(!Mac1::new(&PUBLIC).is_valid(&signed[1..]));
        assert!(!Mac1::new(&[0x43; 32]).is_valid(&signed));
        assert!(!view.has_cookie(&signed, SRC));
        let other = Checker::new(Some(&[0x43; 32])).view();
        assert_eq!(other.mac_state(&signed, None), MacState::Invalid);
        let nobody = Checker::new(None).view();
        assert_eq!(nobody.mac_state(&signed, None), MacState::Invalid);
    }
}

/// Reference 1.5 "Cookie reply", "Accept reply": the whole round, for both kinds of message.
#[test]
fn round_trip() {
    let view = checker(at(0)).view();
    for message in messages() {
        let mut jar = Jar::new();
        let mut first = message.clone();
        jar.add_macs(&PUBLIC, &mut first, at(10));
        let reply = view.reply(&first, SRC, NONCE).unwrap();
        assert_eq!(reply.receiver(), 0x0102_0304);
        assert_eq!(reply.nonce(), &NONCE);
        assert_eq!(
            classify(&reply.as_bytes()[..4], 64),
            Some(Kind::CookieReply)
        );
        let reply = CookieReply::from_bytes(reply.as_bytes()).unwrap();
        assert!(jar.consume_reply(&PUBLIC, &reply, at(11)));

        let mut second = message.clone();
        jar.add_macs(&PUBLIC, &mut second, at(12));
        assert_eq!(
            view.mac_state(&second, Some(SRC)),
            MacState::ValidWithCookie
        );
        assert_eq!(
            view.mac_state(&second, None),
            MacState::ValidNoCookie,
            "not asked for"
        );
        assert!(view.has_cookie(&second, SRC));
        for elsewhere in [
            &[192, 0, 2, 2, 0xca, 0x6c][..],
            &[192, 0, 2, 1, 0xca, 0x6d],
            &[192, 0, 2, 1],
            &[0; 18],
            &[],
        ] {
            assert_eq!(
                view.mac_state(&second, Some(elsewhere)),
                MacState::ValidNoCookie
            );
            assert!(!view.has_cookie(&second, elsewhere));
        }
        let mut forged = second.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(view.mac_state(&forged, Some(SRC)), MacState::ValidNoCookie);
    }
}

/// Reference 1.5 "Cookie": over the address (4 or 16 bytes) and then the port, under the secret; a
/// cookie for one address is worth nothing at another, and the families do not meet.
#[test]
fn cookies_are_bound_to_address_and_port() {
    let six: [u8; 18] = std::array::from_fn(|byte| byte as u8);
    let view = checker(at(0)).view();
    for src in [SRC, &six] {
        let [mut message, _] = messages();
        let mut jar = Jar::new();
        jar.add_macs(&PUBLIC, &mut message, at(0));
        let reply = view.reply(&message, src, NONCE).unwrap();
        assert!(jar.consume_reply(&PUBLIC, &reply, at(0)));
        jar.add_macs(&PUBLIC, &mut message, at(0));
        // mac2 is the keyed hash of everything before it, and the key is the keyed hash of the
        // source under the secret.
        let (before, mac2) = message.split_at(message.len() - 16);
        let cookie = blake2s::mac16(&[1; 32], &[src]);
        assert_eq!(mac2, blake2s::mac16(&cookie, &[before]));
        assert_eq!(
            view.mac_state(&message, Some(src)),
            MacState::ValidWithCookie
        );
        for byte in 0..src.len() {
            let mut elsewhere = src.to_vec();
            elsewhere[byte] ^= 1;
            let state = view.mac_state(&message, Some(&elsewhere));
            assert_eq!(state, MacState::ValidNoCookie, "byte {byte}");
        }
        let other = if src == SRC { &six[..] } else { SRC };
        assert_eq!(
            view.mac_state(&message, Some(other)),
            MacState::ValidNoCookie
        );
    }
}

/// Reference 1.5 "Accept reply": one-shot, only for the last mac1 sent, and only if genuine.
#[test]
fn replies_that_are_not_accepted() {
    let view = checker(at(0)).view();
    let [initiation, response] = messages();
    let mut jar = Jar::new();
    let mut unsent = initiation.clone();
    Jar::new().add_macs(&PUBLIC, &mut unsent, at(0));
    let reply = view.reply(&unsent, SRC, NONCE).unwrap();
    assert!(
        !jar.consume_reply(&PUBLIC, &reply, at(0)),
        "nothing was sent"
    );

    let mut older = initiation.clone();
    jar.add_macs(&PUBLIC, &mut older, at(0));
    let mut newer = response.clone();
    jar.add_macs(&PUBLIC, &mut newer, at(0));
    let to_older = view.reply(&older, SRC, NONCE).unwrap();
    let to_newer = view.reply(&newer, SRC, NONCE).unwrap();
    assert!(
        !jar.consume_reply(&PUBLIC, &to_older, at(0)),
        "answers another message"
    );
    let bytes = *to_newer.as_bytes();
    for byte in 8..64 {
        let mut forged = bytes;
        forged[byte] ^= 1;
        let forged = CookieReply::from_bytes(&forged).unwrap();
        assert!(!jar.consume_reply(&PUBLIC, &forged, at(0)));
    }
    assert!(
        !jar.consume_reply(&[0x43; 32], &to_newer, at(0)),
        "from another peer"
    );
    assert!(jar.consume_reply(&PUBLIC, &to_newer, at(0)), "still there");
    assert!(!jar.consume_reply(&PUBLIC, &to_newer, at(0)), "but once");
}

/// Reference 1.5 "Accept reply": a cookie is kept while others are not accepted, and the next one
/// takes its place; each message that is sent may be answered once.
#[test]
fn a_newer_cookie_replaces_the_older() {
    let [mut message, _] = messages();
    let mut jar = Jar::new();
    let mut checker = checker(at(0));
    for round in 0..3 {
        let now = at(round * 120);
        checker.rotate_if_due(now, &[round as u8; 32]);
        jar.add_macs(&PUBLIC, &mut message, now);
        let stale = checker.view().mac_state(&message, Some(SRC));
        assert_eq!(stale, MacState::ValidNoCookie, "round {round}");
        let reply = checker.view().reply(&message, SRC, NONCE).unwrap();
        assert!(jar.consume_reply(&PUBLIC, &reply, now));
        jar.add_macs(&PUBLIC, &mut message, now);
        let fresh = checker.view().mac_state(&message, Some(SRC));
        assert_eq!(fresh, MacState::ValidWithCookie, "round {round}");
    }
}

/// Reference 1.1 COOKIE_SECRET_MAX_AGE, LATENCY: the sender uses a cookie for 115 s, the receiver
/// its secret for 120 s.
#[test]
fn ages() {
    let [message, _] = messages();
    let mut checker = checker(at(100));
    let mut jar = Jar::new();
    let mut sent = message.clone();
    jar.add_macs(&PUBLIC, &mut sent, at(100));
    let reply = checker.view().reply(&sent, SRC, NONCE).unwrap();
    assert!(jar.consume_reply(&PUBLIC, &reply, at(100)));

    jar.add_macs(&PUBLIC, &mut sent, Instant(at(215).0 - 1));
    let last = sent.clone();
    assert_eq!(
        checker.view().mac_state(&last, Some(SRC)),
        MacState::ValidWithCookie
    );
    jar.add_macs(&PUBLIC, &mut sent, at(215));
    assert_eq!(sent[132..], [0; 16]);

    assert!(!checker.secret_due(Instant(at(220).0 - 1)));
    checker.rotate_if_due(Instant(at(220).0 - 1), &[2; 32]);
    assert_eq!(
        checker.view().mac_state(&last, Some(SRC)),
        MacState::ValidWithCookie
    );
    assert!(checker.secret_due(at(220)));
    checker.rotate_if_due(at(220), &[2; 32]);
    assert_eq!(
        checker.view().mac_state(&last, Some(SRC)),
        MacState::ValidNoCookie
    );
    assert!(!checker.secret_due(at(220)));
}

/// A checker that has never drawn a secret has no cookies to give or to accept.
#[test]
fn no_secret_no_cookies() {
    let checker = Checker::new(Some(&PUBLIC));
    assert!(checker.secret_due(at(0)));
    let [mut message, _] = messages();
    Jar::new().add_macs(&PUBLIC, &mut message, at(0));
    assert!(checker.view().reply(&message, SRC, NONCE).is_none());
    assert_eq!(
        checker.view().mac_state(&message, Some(SRC)),
        MacState::ValidNoCookie
    );
}

/// Another public key: other MACs, the same secret.
#[test]
fn a_change_of_identity() {
    let mut checker = checker(at(0));
    let [mut message, _] = messages();
    Jar::new().add_macs(&PUBLIC, &mut message, at(0));
    checker.set_public(Some(&[0x43; 32]));
    assert_eq!(checker.view().mac_state(&message, None), MacState::Invalid);
    checker.set_public(None);
    assert_eq!(checker.view().mac_state(&message, None), MacState::Invalid);
    assert!(checker.view().reply(&message, SRC, NONCE).is_none());
    checker.set_public(Some(&PUBLIC));
    assert_eq!(
        checker.view().mac_state(&message, None),
        MacState::ValidNoCookie
    );
    assert!(!checker.secret_due(at(0)));
}

#[test]
fn other_lengths_are_no_messages() {
    let view = checker(at(0)).view();
    let mut jar = Jar::new();
    for len in (0..300).filter(|len| ![92, 148].contains(len)) {
        let mut message = vec![1; len];
        jar.add_macs(&PUBLIC, &mut message, at(0));
        assert_eq!(message, vec![1; len]);
        assert_eq!(view.mac_state(&message, Some(SRC)), MacState::Invalid);
        assert!(view.reply(&message, SRC, NONCE).is_none());
    }
}

/// Reference 1.5 "Under load": 512 waiting, remembered for a second.
#[test]
fn load() {
    let load = Load::new();
    assert!(!load.under_load(511, at(0)));
    assert!(load.under_load(512, at(0)), "at the clock's zero");
    assert!(load.under_load(0, Instant(at(1).0 - 1)));
    assert!(!load.under_load(0, at(1)));
    assert!(load.under_load(4096, at(5)));
    assert!(load.under_load(511, at(5)));
    assert!(load.under_load(600, Instant(at(6).0 - 1)));
    assert!(load.under_load(0, at(6)), "prolonged");
    assert!(!load.under_load(0, at(9)));
}
