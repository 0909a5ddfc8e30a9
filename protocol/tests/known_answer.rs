// SPDX-License-Identifier: GPL-2.0
//! One handshake and one cookie, byte for byte (paper section 5.4).
//!
//! The bytes were computed by a second implementation, written from the paper and the RFCs in
//! another language with no code in common: two peers in one process agree on mistakes, too.

#![allow(clippy::unwrap_used)]

use wg_protocol::cookie::{Checker, Jar, MacState};
use wg_protocol::noise::{
    consume_response, create_initiation, create_response, open_initiation, Handshake, Identity,
    PeerStatic, Timestamp,
};
use wg_protocol::Instant;

const INITIATION: &str =
    "01000000ddccbbaa7b0d47d93427f8311160781c7c733fd89f88970aef490d8aa0ee19a4cb8a1b14\
    81e498317da959fba46669572516a5e6c021bfa620bb6c56ca0082e1feae14988c2c64d024c61773\
    4a263f76a008df04d0f94bad8ee75ec8e6c2695569183cc7dc1e27ce0c1b8436de667e27d97926a0\
    356304923cfe612648fce36300000000000000000000000000000000";
const REPLY: &str =
    "03000000ddccbbaa000102030405060708090a0b0c0d0e0f10111213141516171794adc223fbe03a\
    b6898de2ad1197220611777bd75425a6475446c2702f9d67";
const MAC2: &str = "1f6253af3864311e4f6a01d16929977f";
const RESPONSE: &str =
    "0200000004030201ddccbbaaff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c\
    1fff3e6bf3c8d3f436c557547df21dab91e910439b5d108f77c2212a41e6fecef9d2981500000000\
    000000000000000000000000";
const FROM_INITIATOR: &str = "a007faf842d83f5bd3be20a14e0ffcec34c84867b78b051980602713205922de";
const TO_INITIATOR: &str = "d982d5cd10d34a7802b6c19fa441cd9164d70e4f4d62007ab416879ee8bd1b99";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_handshake_with_a_cookie() {
    let now = Instant(0);
    let initiator = Identity::new([0x11; 32]);
    let responder = Identity::new([0x22; 32]);
    let of_responder = PeerStatic::new(*responder.public(), Some(&initiator));
    let of_initiator = PeerStatic::new(*initiator.public(), Some(&responder));
    let mut at_initiator = Handshake::new([0x55; 32]);
    let mut at_responder = Handshake::new([0x55; 32]);
    let mut jar = Jar::new();

    let timestamp = Timestamp::now(1_700_000_000, 123_456_789);
    let (mut initiation, state) = create_initiation(
        &initiator,
        &of_responder,
        [0x33; 32],
        timestamp,
        0xaabb_ccdd,
    )
    .unwrap();
    assert_eq!(at_initiator.commit_initiation(state), None);
    jar.add_macs(responder.public(), initiation.as_mut_bytes(), now);
    assert_eq!(hex(initiation.as_bytes()), INITIATION);

    let mut checker = Checker::new(Some(responder.public()));
    checker.rotate_if_due(now, &[0x66; 32]);
    let view = checker.view();
    let src = [192, 0, 2, 1, 0xca, 0x6c];
    let nonce = std::array::from_fn(|n| n as u8);
    let reply = view.reply(initiation.as_bytes(), &src, nonce).unwrap();
    assert_eq!(hex(reply.as_bytes()), REPLY);
    assert!(jar.consume_reply(responder.public(), &reply, now));
    let mut again = initiation.clone();
    jar.add_macs(responder.public(), again.as_mut_bytes(), now);
    assert_eq!(hex(&again.as_bytes()[132..]), MAC2);
    let state = view.mac_state(again.as_bytes(), Some(&src));
    assert_eq!(state, MacState::ValidWithCookie);

    let opened = open_initiation(&responder, &initiation).unwrap();
    let consumed = opened.finish(&of_initiator, &initiation).unwrap();
    let snap = at_responder.commit_consumed_initiation(consumed, now);
    let snap = snap.ok().unwrap();
    let (mut response, state) = create_response(&snap, [0x44; 32], 0x0102_0304).unwrap();
    assert_eq!(at_responder.commit_response(&snap, state), Ok(None));
    Jar::new().add_macs(initiator.public(), response.as_mut_bytes(), now);
    assert_eq!(hex(response.as_bytes()), RESPONSE);

    let snap = at_initiator.snapshot_for_response().unwrap();
    let consumed = consume_response(&initiator, &snap, &response).unwrap();
    assert_eq!(
        at_initiator.commit_consumed_response(&snap, consumed),
        Ok(())
    );
    for (handshake, sending, receiving) in [
        (at_initiator, FROM_INITIATOR, TO_INITIATOR),
        (at_responder, TO_INITIATOR, FROM_INITIATOR),
    ] {
        let mut handshake = handshake;
        let keys = handshake.begin_session().unwrap();
        assert_eq!(hex(keys.sending.as_bytes()), sending);
        assert_eq!(hex(keys.receiving.as_bytes()), receiving);
    }
}
