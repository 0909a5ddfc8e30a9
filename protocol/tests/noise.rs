// SPDX-License-Identifier: GPL-2.0
//! Handshakes between two peers in one process (reference 1.2; paper section 5.4).

#![allow(clippy::unwrap_used)]

use std::cell::Cell;

use wg_crypto::aead;
use wg_crypto::x25519::Curve;
use wg_protocol::message::{Initiation, Response};
use wg_protocol::noise::{
    consume_response, create_initiation, create_response, open_initiation, Handshake, Identity,
    PeerStatic, Rejected, ResponderSnapshot, SessionKeys, Stale, State, Timestamp,
};
use wg_protocol::{Instant, SECOND};

const PSK: [u8; 32] = [0x55; 32];

/// One end: a device and its only peer.
struct End {
    id: Identity,
    peer: PeerStatic,
    handshake: Handshake,
    seed: u8,
}

impl End {
    fn pair(psk: [u8; 32]) -> (Self, Self) {
        Self::pair_on(Curve::PORTABLE, psk)
    }

    fn pair_on(curve: Curve, psk: [u8; 32]) -> (Self, Self) {
        let [one, other] = [1, 2].map(|n| Identity::on(curve, [n; 32]));
        let end = |id: &Identity, peer: &Identity, seed| Self {
            id: id.clone(),
            peer: PeerStatic::new(*peer.public(), Some(id)),
            handshake: Handshake::new(psk),
            seed,
        };
        (end(&one, &other, 100), end(&other, &one, 200))
    }

    fn ephemeral(&mut self) -> [u8; 32] {
        self.seed += 1;
        [self.seed; 32]
    }

    fn initiate(&mut self, seconds: u64, sender: u32) -> (Initiation, Option<u32>) {
        let ephemeral = self.ephemeral();
        let timestamp = Timestamp::now(seconds, 0);
        let (message, state) =
            create_initiation(&self.id, &self.peer, ephemeral, timestamp, sender).unwrap();
        (message, self.handshake.commit_initiation(state))
    }

    fn receive(
        &mut self,
        message: &Initiation,
        now: Instant,
    ) -> Option<Result<ResponderSnapshot, Rejected>> {
        let opened = open_initiation(&self.id, message)?;
        if opened.peer_public() != self.peer.public() {
            return None;
        }
        let consumed = opened.finish(&self.peer, message)?;
        Some(self.handshake.commit_consumed_initiation(consumed, now))
    }

    fn respond(&mut self, snap: &ResponderSnapshot, sender: u32) -> Result<Response, Stale> {
        let ephemeral = self.ephemeral();
        let (message, state) = create_response(snap, ephemeral, sender).unwrap();
        self.handshake.commit_response(snap, state)?;
        Ok(message)
    }

    fn complete(&mut self, message: &Response) -> Option<()> {
        let snap = self.handshake.snapshot_for_response()?;
        let consumed = consume_response(&self.id, &snap, message)?;
        self.handshake
            .commit_consumed_response(&snap, consumed)
            .ok()
    }
}

fn assert_match(initiator: &SessionKeys, responder: &SessionKeys) {
    assert!(initiator.initiator && !responder.initiator);
    assert_eq!(initiator.sending.as_bytes(), responder.receiving.as_bytes());
    assert_eq!(initiator.receiving.as_bytes(), responder.sending.as_bytes());
    assert_ne!(initiator.sending.as_bytes(), initiator.receiving.as_bytes());
    assert_eq!(initiator.local_index, responder.remote_index);
    assert_eq!(initiator.remote_index, responder.local_index);
    let mut sealed = [0; 21];
    let mut opened = [0; 5];
    assert!(aead::seal_slice(
        &initiator.sending,
        7,
        &[],
        b"hello",
        &mut sealed
    ));
    assert!(aead::open_slice(
        &responder.receiving,
        7,
        &[],
        &sealed,
        &mut opened
    ));
    assert_eq!(&opened, b"hello");
}

/// Paper 5.4: the whole exchange, with every state on the way.
#[test]
fn two_messages_make_a_session() {
    for psk in [[0; 32], PSK] {
        let (mut a, mut b) = End::pair(psk);
        assert_eq!(a.handshake.state(), State::Zeroed);
        assert!(a.handshake.begin_session().is_none());

        let (initiation, displaced) = a.initiate(1000, 11);
        assert_eq!(displaced, None);
        assert_eq!(a.handshake.state(), State::CreatedInitiation);
        assert_eq!(a.handshake.local_index(), Some(11));
        assert_eq!(initiation.sender(), 11);
        assert!(a.handshake.begin_session().is_none());

        let snap = b.receive(&initiation, Instant(0)).unwrap().unwrap();
        assert_eq!(b.handshake.state(), State::ConsumedInitiation);
        assert!(b.handshake.begin_session().is_none());
        let response = b.respond(&snap, 22).unwrap();
        assert_eq!(b.handshake.state(), State::CreatedResponse);
        assert_eq!((response.sender(), response.receiver()), (22, 11));
        assert_eq!(b.handshake.local_index(), Some(22));
        let of_b = b.handshake.begin_session().unwrap();

        assert_eq!(a.complete(&response), Some(()));
        assert_eq!(a.handshake.state(), State::ConsumedResponse);
        let of_a = a.handshake.begin_session().unwrap();
        assert_match(&of_a, &of_b);

        for end in [&mut a, &mut b] {
            assert_eq!(end.handshake.state(), State::Zeroed);
            assert_eq!(end.handshake.local_index(), None, "the session has it");
            assert_eq!(end.handshake.psk(), &psk);
            assert!(end.handshake.begin_session().is_none());
            assert_eq!(end.handshake.clear(), None);
        }
    }
}

thread_local! {
    /// Multiplications of the base point and of other points by the code below.
    static DONE: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

fn counted_base(scalar: &[u8; 32]) -> [u8; 32] {
    DONE.set((DONE.get().0 + 1, DONE.get().1));
    Curve::PORTABLE.public_key(scalar)
}

fn counted(scalar: &[u8; 32], point: &[u8; 32]) -> [u8; 32] {
    DONE.set((DONE.get().0, DONE.get().1 + 1));
    *Curve::PORTABLE.shared(scalar, point).unwrap().as_bytes()
}

/// All that a device computes on the curve is done by the code that its identity names, and how
/// much it is at each step.
#[test]
fn curve_arithmetic_is_by_the_code_of_the_identity() {
    let done = |what, expected| assert_eq!(DONE.take(), expected, "{what}");
    let curve = Curve::new("counted", counted_base, counted);
    let (mut a, mut b) = End::pair_on(curve, PSK);
    done("identities and peers", (2, 2));
    let (initiation, _) = a.initiate(1, 1);
    done("making an initiation", (1, 1));
    let snap = b.receive(&initiation, Instant(0)).unwrap().unwrap();
    done("reading an initiation", (0, 1));
    let response = b.respond(&snap, 2).unwrap();
    done("making a response", (1, 2));
    a.complete(&response).unwrap();
    done("reading a response", (0, 2));
}

/// Private keys are clamped, and shown clamped (reference 3.2, T:27).
#[test]
fn identities_are_clamped() {
    let id = Identity::new([0xff; 32]);
    assert_eq!(id.private_bytes()[0], 0xf8);
    assert_eq!(id.private_bytes()[31], 0x7f);
    assert_eq!(id.public(), Identity::new(*id.private_bytes()).public());
}

/// Reference 1.1 "TAI64N base" and granularity.
#[test]
fn timestamps() {
    let stamp = Timestamp::now(0, 0);
    assert_eq!(
        stamp.as_bytes(),
        &[0x40, 0, 0, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0]
    );
    let stamp = Timestamp::now(1_700_000_000, 999_999_999);
    assert_eq!(
        stamp.as_bytes()[..8],
        0x4000_0000_6553_f10au64.to_be_bytes()
    );
    assert_eq!(
        stamp.as_bytes()[8..],
        (999_999_999u32 / 16_777_216 * 16_777_216).to_be_bytes()
    );
    assert_eq!(Timestamp::now(5, 16_777_215), Timestamp::now(5, 0));
    assert!(Timestamp::now(5, 16_777_216) > Timestamp::now(5, 0));
    assert!(Timestamp::now(6, 0) > Timestamp::now(5, 999_999_999));
    assert!(Timestamp::now(256, 0) > Timestamp::now(255, 0));
}

/// Every bit of both messages but the MACs is authenticated.
#[test]
fn forgeries() {
    let (mut a, mut b) = End::pair(PSK);
    let (initiation, _) = a.initiate(1000, 11);
    for at in 8..116 {
        let mut forged = initiation.clone();
        forged.as_mut_bytes()[at] ^= 0x10;
        assert!(b.receive(&forged, Instant(0)).is_none(), "byte {at}");
    }
    assert_eq!(b.handshake.state(), State::Zeroed);
    let snap = b.receive(&initiation, Instant(0)).unwrap().unwrap();
    let response = b.respond(&snap, 22).unwrap();
    for at in 8..60 {
        let mut forged = response.clone();
        forged.as_mut_bytes()[at] ^= 0x10;
        assert_eq!(a.complete(&forged), None, "byte {at}");
    }
    assert_eq!(a.handshake.state(), State::CreatedInitiation);
    assert_eq!(a.complete(&response), Some(()));
}

/// An initiation made for another device, and one from somebody whom the peer is not.
#[test]
fn wrong_static_keys() {
    let (mut a, mut b) = End::pair(PSK);
    let (initiation, _) = a.initiate(1000, 11);
    b.id = Identity::new([3; 32]);
    assert!(open_initiation(&b.id, &initiation).is_none());

    // The claimed key is another peer's: finish refuses to mix them up.
    let (mut a, mut b) = End::pair(PSK);
    let (initiation, _) = a.initiate(1000, 11);
    let stranger = Identity::new([4; 32]);
    b.peer = PeerStatic::new(*stranger.public(), Some(&b.id));
    let opened = open_initiation(&b.id, &initiation).unwrap();
    assert_eq!(opened.peer_public(), a.id.public());
    assert!(opened.finish(&b.peer, &initiation).is_none());

    // Whoever knows the responder's key can claim to be anyone, up to the timestamp.
    let (mut a, mut b) = End::pair(PSK);
    a.peer = PeerStatic::new(*b.id.public(), Some(&stranger));
    let (initiation, _) = a.initiate(1000, 11);
    assert!(b.receive(&initiation, Instant(0)).is_none());
}

/// The preshared key is part of the response, not of the initiation (reference 1.2 "Response").
#[test]
fn wrong_preshared_key() {
    for other in [[0; 32], [0x56; 32]] {
        let (mut a, mut b) = End::pair(PSK);
        b.handshake.set_psk(&other);
        let (initiation, _) = a.initiate(1000, 11);
        let snap = b.receive(&initiation, Instant(0)).unwrap().unwrap();
        let response = b.respond(&snap, 22).unwrap();
        assert_eq!(a.complete(&response), None);
        // Put right in time, it is in time (reference 3.4 "PSK change").
        a.handshake.set_psk(&other);
        assert_eq!(a.complete(&response), Some(()));
    }
}

/// Reference 1.2 "Timestamp": strictly greater than the latest, which survives everything.
#[test]
fn replays() {
    let (mut a, mut b) = End::pair(PSK);
    let (first, _) = a.initiate(1000, 11);
    let (second, _) = a.initiate(1001, 12);
    let now = |seconds: u64| Instant(seconds * SECOND);
    assert!(b.receive(&first, now(0)).unwrap().is_ok());
    assert_eq!(
        b.receive(&first, now(1)).unwrap().err(),
        Some(Rejected::Replay)
    );
    assert!(b.receive(&second, now(2)).unwrap().is_ok());
    assert_eq!(
        b.receive(&first, now(3)).unwrap().err(),
        Some(Rejected::Replay)
    );
    assert_eq!(
        b.receive(&second, now(4)).unwrap().err(),
        Some(Rejected::Replay)
    );
    assert_eq!(b.handshake.clear(), None);
    assert_eq!(
        b.receive(&second, now(5)).unwrap().err(),
        Some(Rejected::Replay)
    );

    // The same second and the same granule is the same time.
    let (third, _) = a.initiate(1001, 13);
    assert_eq!(
        b.receive(&third, now(6)).unwrap().err(),
        Some(Rejected::Replay)
    );
}

/// A forged initiation does not use up a timestamp: it is stored after all checks.
#[test]
fn forgeries_do_not_move_the_timestamp() {
    let (mut a, mut b) = End::pair(PSK);
    let (initiation, _) = a.initiate(1000, 11);
    let mut forged = initiation.clone();
    forged.as_mut_bytes()[100] ^= 1;
    assert!(b.receive(&forged, Instant(0)).is_none());
    assert!(b.receive(&initiation, Instant(0)).unwrap().is_ok());
}

/// Reference 1.2 "Flood": no two initiations within 20 ms, and a refused one changes nothing.
#[test]
fn floods() {
    let (mut a, mut b) = End::pair(PSK);
    let ms = |ms: u64| Instant(ms * SECOND / 1000);
    let messages: Vec<_> = (0..4).map(|n| a.initiate(1000 + n, n as u32).0).collect();
    assert!(
        b.receive(&messages[0], ms(0)).unwrap().is_ok(),
        "at the clock's zero"
    );
    assert_eq!(
        b.receive(&messages[1], ms(19)).unwrap().err(),
        Some(Rejected::Flood)
    );
    assert!(
        b.receive(&messages[1], ms(20)).unwrap().is_ok(),
        "it was not stored"
    );
    assert_eq!(
        b.receive(&messages[2], ms(39)).unwrap().err(),
        Some(Rejected::Flood)
    );
    assert!(b.receive(&messages[3], ms(40)).unwrap().is_ok());
}

/// Reference 1.2 "Low-order points", T:28: no handshake with such a peer, nor with no key.
#[test]
fn low_order_peers() {
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    minus_one[31] = 0x7f;
    let mut prime = minus_one;
    prime[0] = 0xed;
    let mut prime_plus_one = minus_one;
    prime_plus_one[0] = 0xee;
    let order8 = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ];
    let other_order8 = [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ];
    let id = Identity::new([1; 32]);
    let stamp = Timestamp::now(1, 0);
    let points = [
        [0; 32],
        one,
        minus_one,
        prime,
        prime_plus_one,
        order8,
        other_order8,
    ];
    for point in points {
        let peer = PeerStatic::new(point, Some(&id));
        assert!(!peer.can_handshake());
        assert!(create_initiation(&id, &peer, [9; 32], stamp, 1).is_none());
        // As an ephemeral key it is refused too, on either side.
        let (mut a, mut b) = End::pair(PSK);
        let (mut initiation, _) = a.initiate(1000, 11);
        let good = initiation.clone();
        initiation.as_mut_bytes()[8..40].copy_from_slice(&point);
        assert!(open_initiation(&b.id, &initiation).is_none());
        let snap = b.receive(&good, Instant(0)).unwrap().unwrap();
        let mut response = b.respond(&snap, 22).unwrap();
        response.as_mut_bytes()[12..44].copy_from_slice(&point);
        assert_eq!(a.complete(&response), None);
    }
    let peer = PeerStatic::new(*Identity::new([2; 32]).public(), None);
    assert!(!peer.can_handshake());
    assert!(create_initiation(&id, &peer, [9; 32], stamp, 1).is_none());
}

/// Reference 1.2 "Response race": a response computed from a snapshot is not taken once a newer
/// initiation was sent, nor after the handshake was cleared, nor twice.
#[test]
fn responses_that_come_too_late() {
    let (mut a, mut b) = End::pair(PSK);
    let (initiation, _) = a.initiate(1000, 11);
    let received = b.receive(&initiation, Instant(0)).unwrap().unwrap();
    let response = b.respond(&received, 22).unwrap();

    let snap = a.handshake.snapshot_for_response().unwrap();
    let consumed = || consume_response(&End::pair(PSK).0.id, &snap, &response).unwrap();

    let (_, displaced) = a.initiate(1001, 12);
    assert_eq!(displaced, Some(11));
    assert_eq!(
        a.handshake.commit_consumed_response(&snap, consumed()),
        Err(Stale)
    );
    assert_eq!(a.handshake.state(), State::CreatedInitiation);
    assert_eq!(a.complete(&response), None, "it names the old index");

    assert_eq!(a.handshake.clear(), Some(12));
    assert_eq!(
        a.handshake.commit_consumed_response(&snap, consumed()),
        Err(Stale)
    );
    assert!(a.handshake.snapshot_for_response().is_none());

    // Two workers with the same response: one session.
    let (mut a, mut b) = End::pair(PSK);
    let (initiation, _) = a.initiate(1000, 11);
    let received = b.receive(&initiation, Instant(0)).unwrap().unwrap();
    let response = b.respond(&received, 22).unwrap();
    let snap = a.handshake.snapshot_for_response().unwrap();
    let twice = [(); 2].map(|()| consume_response(&a.id, &snap, &response).unwrap());
    let results = twice.map(|consumed| a.handshake.commit_consumed_response(&snap, consumed));
    assert_eq!(results, [Ok(()), Err(Stale)]);
}

/// The responder's half of the race: an initiation that came between, or a handshake of our own.
#[test]
fn responses_that_are_made_too_late() {
    let (mut a, mut b) = End::pair(PSK);
    let (first, _) = a.initiate(1000, 11);
    let old = b.receive(&first, Instant(0)).unwrap().unwrap();
    let (second, _) = a.initiate(1001, 12);
    let new = b.receive(&second, Instant(SECOND)).unwrap().unwrap();
    assert_eq!(b.respond(&old, 21).err(), Some(Stale));
    let response = b.respond(&new, 22).unwrap();
    assert_eq!(b.respond(&new, 23).err(), Some(Stale), "answered already");
    assert_eq!(a.complete(&response), Some(()));

    let (mut a, mut b) = End::pair(PSK);
    let (initiation, _) = a.initiate(1000, 11);
    let snap = b.receive(&initiation, Instant(0)).unwrap().unwrap();
    b.initiate(1000, 31);
    assert_eq!(b.respond(&snap, 22).err(), Some(Stale));
    assert_eq!(b.handshake.local_index(), Some(31));
}

/// Both begin at once: each answers the other, and the last answer counts on each side.
#[test]
fn crossed_initiations() {
    let (mut a, mut b) = End::pair(PSK);
    let (from_a, _) = a.initiate(1000, 11);
    let (from_b, _) = b.initiate(1000, 21);
    let at_b = b.receive(&from_a, Instant(0)).unwrap().unwrap();
    assert_eq!(
        b.handshake.local_index(),
        Some(21),
        "kept until there is a response"
    );
    assert!(b.handshake.snapshot_for_response().is_none());
    let response = b.respond(&at_b, 22).unwrap();
    let of_b = b.handshake.begin_session().unwrap();
    assert_eq!(a.complete(&response), Some(()));
    let of_a = a.handshake.begin_session().unwrap();
    assert_match(&of_a, &of_b);
    // The other initiation still arrives, and makes a newer session the other way round.
    let at_a = a.receive(&from_b, Instant(0)).unwrap().unwrap();
    assert!(a.respond(&at_a, 12).is_ok());
}

/// The indices of the driver's table: each is returned exactly once, or belongs to a session.
#[test]
fn no_index_is_lost() {
    let (mut a, mut b) = End::pair(PSK);
    assert_eq!(a.initiate(1000, 1).1, None);
    assert_eq!(a.initiate(1001, 2).1, Some(1));
    let (initiation, displaced) = a.initiate(1002, 3);
    assert_eq!(displaced, Some(2));

    b.initiate(1000, 10);
    let snap = b.receive(&initiation, Instant(0)).unwrap().unwrap();
    let (response, state) = create_response(&snap, [7; 32], 11).unwrap();
    assert_eq!(b.handshake.commit_response(&snap, state), Ok(Some(10)));
    assert_eq!(b.handshake.begin_session().unwrap().local_index, 11);
    assert_eq!(b.handshake.clear(), None);

    a.complete(&response).unwrap();
    assert_eq!(
        a.handshake.clear(),
        Some(3),
        "cleared before the session began"
    );
    assert!(a.handshake.begin_session().is_none());
}
