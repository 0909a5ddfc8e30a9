// SPDX-License-Identifier: GPL-2.0
//! A device as a driver would make it of the protocol's parts, without a kernel.
//!
//! It does what a driver does (queues, indices, the three keypair slots, work that is done a little
//! later on a snapshot) in the plainest way, and checks whatever must hold at every step.

use std::collections::HashMap;
use wg_crypto::aead;
use wg_protocol::cookie::{Checker, MacState};
use wg_protocol::message::{
    self, classify, CookieReply, DataHeader, Initiation, Kind, Response, MAX_STAGED,
};
use wg_protocol::noise::{
    consume_response, create_initiation, create_response, open_initiation, ConsumedResponse,
    Handshake, Identity, InitiatorSnapshot, PeerStatic, ResponderSnapshot, Timestamp,
};
use wg_protocol::ratelimiter::{Entry, RateLimiter};
use wg_protocol::siphash::Key;
use wg_protocol::{lifetime, Instant, Moment, SECOND};

use crate::common::Random;
use crate::monitor::{Address, Shared};
use crate::peer::{Keypair, Peer};

/// Sources that the rate limiter remembers.
const PLACES: usize = 16;

/// What a receiver index stands for.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Target {
    Handshake,
    Session,
}

/// A step of a handshake that has not been taken yet.
pub(crate) enum Work {
    Initiate,
    Respond(ResponderSnapshot),
    Finish(InitiatorSnapshot, ConsumedResponse),
}

pub(crate) struct Device {
    pub(crate) identity: Identity,
    pub(crate) peers: Vec<Peer>,
    pub(crate) address: Address,
    /// Set by the world before anything happens.
    pub(crate) now: Moment,
    /// How long it has been asleep altogether.
    pub(crate) slept: u64,
    pub(crate) asleep_until: Option<Instant>,
    /// Seconds by which its wall clock is ahead.
    pub(crate) wall_offset: i64,
    pub(crate) is_up: bool,
    pub(crate) under_load: bool,
    pub(crate) cookies_sent: usize,
    /// Handshakes that came with a cookie and one too many.
    pub(crate) refused: usize,
    /// Steps of handshakes wait for up to so many milliseconds.
    pub(crate) lag: u64,
    /// By peer, when they are done.
    pub(crate) work: Vec<(Instant, [u8; 32], Work)>,
    /// What goes on the wire now, and where to.
    pub(crate) outbox: Vec<(Address, Vec<u8>)>,
    checker: Checker,
    limiter: RateLimiter<Vec<Entry>>,
    indices: HashMap<u32, ([u8; 32], Target)>,
    random: Random,
    monitor: Shared,
}

impl Device {
    pub(crate) fn new(
        identity: Identity,
        address: Address,
        mut random: Random,
        monitor: Shared,
    ) -> Self {
        let places = (0..PLACES).map(|_| Entry::new()).collect();
        Self {
            peers: Vec::new(),
            address,
            now: Moment {
                timers: Instant(0),
                keys: Instant(0),
            },
            slept: 0,
            asleep_until: None,
            wall_offset: 0,
            is_up: true,
            under_load: false,
            cookies_sent: 0,
            refused: 0,
            lag: 0,
            work: Vec::new(),
            outbox: Vec::new(),
            checker: Checker::new(Some(identity.public())),
            identity,
            limiter: RateLimiter::new(places, Key(random.next(), random.next())),
            indices: HashMap::new(),
            random,
            monitor,
        }
    }

    // Configuration.

    /// A peer is added, or one of this key is replaced.
    pub(crate) fn add_peer(&mut self, public: [u8; 32], psk: [u8; 32], endpoint: Option<Address>) {
        self.remove_peer(&public);
        let peer = Peer::new(public, &self.identity, psk, endpoint);
        self.peers.push(peer);
    }

    pub(crate) fn remove_peer(&mut self, public: &[u8; 32]) {
        if let Some(p) = self.peer_of(public) {
            self.end_sessions(p);
            self.peers.remove(p);
        }
        self.check();
    }

    pub(crate) fn peer_of(&self, public: &[u8; 32]) -> Option<usize> {
        self.peers.iter().position(|peer| peer.public() == public)
    }

    /// Reference 3.4 "PRIVATE_KEY": sessions expire, and new handshakes may begin at once.
    pub(crate) fn set_identity(&mut self, identity: Identity) {
        self.checker.set_public(Some(identity.public()));
        self.identity = identity;
        for p in 0..self.peers.len() {
            let public = *self.peers[p].public();
            self.peers[p].statics = PeerStatic::new(public, Some(&self.identity));
            self.expire_sessions(p);
        }
        self.check();
    }

    pub(crate) fn set_psk(&mut self, public: &[u8; 32], psk: [u8; 32]) {
        if let Some(p) = self.peer_of(public) {
            self.peers[p].handshake.set_psk(&psk);
        }
    }

    /// Reference 2.2 "open".
    pub(crate) fn up(&mut self) {
        self.is_up = true;
        for p in 0..self.peers.len() {
            self.peers[p].timers.start();
            self.send_staged(p);
            if self.peers[p].persistent_secs != 0 {
                self.send_keepalive(p);
            }
        }
    }

    /// Reference 2.2 "stop".
    pub(crate) fn down(&mut self) {
        self.is_up = false;
        self.work.clear();
        for p in 0..self.peers.len() {
            self.peers[p].drop_staged();
            self.peers[p].timers.stop();
            self.peers[p].alarm = None;
            self.peers[p].gate_opened = self.peers[p].initiations.len();
            self.end_sessions(p);
        }
        self.check();
    }

    /// Reference 2.2 "suspend": all keys go.
    pub(crate) fn end_all_sessions(&mut self) {
        for p in 0..self.peers.len() {
            self.end_sessions(p);
        }
        self.check();
    }

    /// Reference 2.2 "VM fork" and 1.2 "Expire".
    pub(crate) fn expire_all_sessions(&mut self) {
        for p in 0..self.peers.len() {
            self.expire_sessions(p);
        }
        self.check();
    }

    fn end_sessions(&mut self, p: usize) {
        let displaced = self.peers[p].handshake.clear();
        self.drop_index(displaced);
        let gone = self.peers[p].take_sessions();
        self.drop_sessions(gone);
    }

    fn expire_sessions(&mut self, p: usize) {
        let displaced = self.peers[p].handshake.clear();
        self.drop_index(displaced);
        let peer = &mut self.peers[p];
        peer.timers.open_gate();
        peer.gate_opened = peer.initiations.len();
        for keypair in [&mut peer.current, &mut peer.next].into_iter().flatten() {
            keypair.valid = false;
        }
    }

    // The way out.

    /// An application sends a packet.
    pub(crate) fn send(&mut self, p: usize, payload: u64) {
        if !self.is_up || self.peers[p].endpoint.is_none() {
            return;
        }
        self.peers[p].stage(payload);
        self.send_staged(p);
    }

    pub(crate) fn send_keepalive(&mut self, p: usize) {
        let keepalive = self.peers[p].staged.is_empty();
        if keepalive && !self.seal(p, &[]) {
            self.request_handshake(p, false);
        } else if !keepalive {
            self.send_staged(p);
        }
    }

    fn send_staged(&mut self, p: usize) {
        while let Some(payload) = self.peers[p].staged.front().copied() {
            if !self.seal(p, &payload.to_le_bytes()) {
                self.request_handshake(p, false);
                return;
            }
            self.peers[p].staged.pop_front();
        }
    }

    /// Sends one packet in the current session, if there is one to send in.
    fn seal(&mut self, p: usize, plaintext: &[u8]) -> bool {
        let (now, jitter) = (self.now, self.random.next() as u32);
        let Some((keypair, counter, rekey)) = self.peers[p].take_counter(now.keys) else {
            return false;
        };
        let header = DataHeader {
            receiver: keypair.keys.remote_index,
            counter,
        };
        let len = plaintext.len() + message::padding(plaintext.len(), 1420);
        let mut padded = plaintext.to_vec();
        padded.resize(len, 0);
        let mut datagram = header.to_bytes().to_vec();
        datagram.resize(16 + len + 16, 0);
        let (key, out) = (&keypair.keys.sending, &mut datagram[16..]);
        assert!(aead::seal_slice(key, counter, &[], &padded, out));
        self.monitor.borrow_mut().seal(key.as_bytes(), counter);
        self.transmit(p, datagram);
        let peer = &mut self.peers[p];
        let has_data = !plaintext.is_empty();
        let armed = peer
            .timers
            .bundle_sent(now.timers, jitter, peer.persistent_secs, has_data);
        self.arm(p, armed);
        if rekey {
            self.request_handshake(p, false);
        }
        true
    }

    fn transmit(&mut self, p: usize, datagram: Vec<u8>) {
        let peer = &self.peers[p];
        self.monitor.borrow_mut().send(peer.public(), &datagram);
        if let Some(endpoint) = peer.endpoint {
            self.outbox.push((endpoint, datagram));
        }
    }

    // Handshakes.

    fn request_handshake(&mut self, p: usize, is_retry: bool) {
        if self.peers[p].timers.queue_initiation(self.now, is_retry) {
            self.later(p, Work::Initiate);
        }
    }

    /// Has work done now, or a little later: anything may happen in between.
    fn later(&mut self, p: usize, work: Work) {
        if self.lag == 0 {
            return self.do_work(p, work);
        }
        let wait = self.random.below(self.lag + 1) * SECOND / 1000;
        let public = *self.peers[p].public();
        self.work.push((self.now.keys.plus(wait), public, work));
    }

    /// The time for some work has come.
    pub(crate) fn run_work(&mut self) {
        while let Some(at) = self.work.iter().position(|(due, ..)| *due <= self.now.keys) {
            let (_, public, work) = self.work.swap_remove(at);
            if let Some(p) = self.peer_of(&public) {
                self.do_work(p, work);
                self.check();
            }
        }
    }

    fn do_work(&mut self, p: usize, work: Work) {
        match work {
            Work::Initiate => self.initiate(p),
            Work::Respond(snapshot) => self.respond(p, &snapshot),
            Work::Finish(snapshot, consumed) => self.finish(p, &snapshot, consumed),
        }
    }

    fn initiate(&mut self, p: usize) {
        if !self.peers[p].timers.begin_initiation(self.now) {
            return;
        }
        let index = self.new_index(p);
        let ephemeral = self.random.bytes();
        let since = (self.now.keys.0 / SECOND) as i64 + self.wall_offset;
        let nanos = (self.now.keys.0 % SECOND) as u32;
        let timestamp = Timestamp::now((1_700_000_000 + since) as u64, nanos);
        let statics = &self.peers[p].statics;
        let made = create_initiation(&self.identity, statics, ephemeral, timestamp, index);
        let (mut message, state) = made.unwrap();
        let displaced = self.peers[p].handshake.commit_initiation(state);
        self.drop_index(displaced);
        self.sign_and_send(p, message.as_mut_bytes());
        let (now, jitter) = (self.now, self.random.next() as u32);
        let armed = self.peers[p].timers.handshake_initiated(now.timers, jitter);
        self.arm(p, armed);
        self.peers[p].count_initiation(now);
    }

    fn sign_and_send(&mut self, p: usize, message: &mut [u8]) {
        let now = self.now;
        let peer = &mut self.peers[p];
        peer.jar.add_macs(peer.statics.public(), message, now.keys);
        self.transmit(p, message.to_vec());
        let peer = &mut self.peers[p];
        peer.timers.any_authenticated_sent();
        peer.timers.handshake_sent(now);
        let armed = peer
            .timers
            .any_authenticated_traversal(now.timers, peer.persistent_secs);
        self.arm(p, armed);
    }

    /// A datagram from the network, which may be anything.
    pub(crate) fn receive(&mut self, datagram: &[u8], source: Address) {
        if !self.is_up {
            return;
        }
        let endpoints: Vec<_> = self.peers.iter().map(|peer| peer.endpoint).collect();
        let (sent, queued) = (self.outbox.len(), self.work.len());
        let accepted = match classify(datagram, datagram.len()) {
            Some(Kind::Data) => self.receive_data(datagram, source),
            Some(Kind::CookieReply) => {
                self.receive_cookie(datagram);
                None
            }
            Some(Kind::Initiation | Kind::Response) => self.receive_handshake(datagram, source),
            None => None,
        };
        let public = self.identity.public();
        let genuine = self.monitor.borrow().is_genuine(public, datagram);
        match accepted {
            Some(()) => assert!(genuine, "a forgery was accepted"),
            None => {
                // Never an answer to the unauthenticated, but for a cookie under load.
                let answers = &self.outbox[sent..];
                let cookies = |(_, answer): &(Address, Vec<u8>)| {
                    self.under_load && classify(answer, answer.len()) == Some(Kind::CookieReply)
                };
                assert!(answers.iter().all(cookies), "answered the unauthenticated");
                assert_eq!(self.work.len(), queued);
                let now: Vec<_> = self.peers.iter().map(|peer| peer.endpoint).collect();
                assert_eq!(now, endpoints, "roamed after the unauthenticated");
            }
        }
        self.check();
    }

    fn receive_cookie(&mut self, datagram: &[u8]) {
        let reply = CookieReply::from_bytes(datagram).unwrap();
        let Some((public, _)) = self.indices.get(&reply.receiver()).copied() else {
            return;
        };
        let now = self.now.keys;
        let Some(p) = self.peer_of(&public) else {
            panic!("an index of nobody")
        };
        if self.peers[p].jar.consume_reply(&public, &reply, now) {
            let own = self.identity.public();
            assert!(self.monitor.borrow().is_genuine(own, datagram));
        }
    }

    fn receive_handshake(&mut self, datagram: &[u8], source: Address) -> Option<()> {
        let now = self.now.keys;
        let fresh = self.random.bytes();
        self.checker.rotate_if_due(now, &fresh);
        let view = self.checker.view();
        let src = self.under_load.then_some(&source[..]);
        match view.mac_state(datagram, src) {
            MacState::Invalid => return None,
            MacState::ValidNoCookie if self.under_load => {
                let reply = view.reply(datagram, &source, self.random.bytes())?;
                self.monitor.borrow_mut().send(&[0; 32], reply.as_bytes());
                self.outbox.push((source, reply.as_bytes().to_vec()));
                self.cookies_sent += 1;
                return None;
            }
            MacState::ValidWithCookie if self.under_load => {
                let [a, b, c, d, ..] = source;
                if !self.limiter.allow4(0, [a, b, c, d], now) {
                    self.refused += 1;
                    return None;
                }
            }
            MacState::ValidNoCookie | MacState::ValidWithCookie => {}
        }
        let p = match Initiation::from_bytes(datagram) {
            Some(initiation) => self.receive_initiation(&initiation, source),
            None => self.receive_response(&Response::from_bytes(datagram)?, source),
        }?;
        let now = self.now.timers;
        let peer = &mut self.peers[p];
        peer.timers.any_authenticated_received();
        let armed = peer
            .timers
            .any_authenticated_traversal(now, peer.persistent_secs);
        self.arm(p, armed);
        Some(())
    }

    fn receive_initiation(&mut self, initiation: &Initiation, source: Address) -> Option<usize> {
        let opened = open_initiation(&self.identity, initiation)?;
        let p = self.peer_of(opened.peer_public())?;
        let peer = &mut self.peers[p];
        let consumed = opened.finish(&peer.statics, initiation)?;
        let now = self.now.keys;
        let snapshot = peer
            .handshake
            .commit_consumed_initiation(consumed, now)
            .ok()?;
        let new = peer.taken.insert(initiation.as_bytes()[..132].to_vec());
        assert!(new, "an initiation was taken twice");
        peer.endpoint = Some(source);
        self.later(p, Work::Respond(snapshot));
        Some(p)
    }

    fn respond(&mut self, p: usize, snapshot: &ResponderSnapshot) {
        let index = self.new_index(p);
        let made = create_response(snapshot, self.random.bytes(), index);
        let (mut response, state) = made.unwrap();
        let Ok(displaced) = self.peers[p].handshake.commit_response(snapshot, state) else {
            // Something else has come between.
            return self.drop_index(Some(index));
        };
        self.drop_index(displaced);
        self.begin(p);
        self.sign_and_send(p, response.as_mut_bytes());
    }

    fn receive_response(&mut self, response: &Response, source: Address) -> Option<usize> {
        let (public, target) = *self.indices.get(&response.receiver())?;
        if target != Target::Handshake {
            return None;
        }
        let p = self.peer_of(&public)?;
        let peer = &mut self.peers[p];
        let snapshot = peer.handshake.snapshot_for_response()?;
        let consumed = consume_response(&self.identity, &snapshot, response)?;
        peer.endpoint = Some(source);
        self.later(p, Work::Finish(snapshot, consumed));
        Some(p)
    }

    fn finish(&mut self, p: usize, snapshot: &InitiatorSnapshot, consumed: ConsumedResponse) {
        let handshake: &mut Handshake = &mut self.peers[p].handshake;
        if handshake
            .commit_consumed_response(snapshot, consumed)
            .is_err()
        {
            return;
        }
        self.begin(p);
        self.complete(p);
        self.send_keepalive(p);
    }

    fn complete(&mut self, p: usize) {
        self.peers[p].timers.handshake_complete();
        self.peers[p].completed += 1;
    }

    fn begin(&mut self, p: usize) {
        let now = self.now;
        let peer = &mut self.peers[p];
        let keys = peer.handshake.begin_session().unwrap();
        let public = *peer.public();
        let old = self
            .indices
            .insert(keys.local_index, (public, Target::Session));
        assert_eq!(old, Some((public, Target::Handshake)));
        let gone = peer.begin(keys, now.keys);
        let armed = peer.timers.session_derived(now.timers);
        self.drop_sessions(gone);
        self.arm(p, armed);
    }

    // Data.

    fn receive_data(&mut self, datagram: &[u8], source: Address) -> Option<()> {
        let header = DataHeader::parse(datagram)?;
        let (public, target) = *self.indices.get(&header.receiver)?;
        if target != Target::Session {
            return None;
        }
        let p = self.peer_of(&public)?;
        let now = self.now;
        let peer = &mut self.peers[p];
        let slots = [&mut peer.current, &mut peer.previous, &mut peer.next];
        let known = |keypair: &&mut Keypair| keypair.keys.local_index == header.receiver;
        let keypair = slots.into_iter().flatten().find(known)?;
        let age = now.keys.since(keypair.birth);
        if !lifetime::may_receive(age, keypair.window.greatest()) {
            return None;
        }
        let mut plaintext = vec![0; datagram.len() - 32];
        let (key, sealed) = (&keypair.keys.receiving, &datagram[16..]);
        if !aead::open_slice(key, header.counter, &[], sealed, &mut plaintext)
            || !keypair.window.accept(header.counter)
        {
            return None;
        }
        self.monitor
            .borrow_mut()
            .open(key.as_bytes(), header.counter);
        peer.endpoint = Some(source);
        let next = peer.next.as_ref();
        if next.is_some_and(|next| next.keys.local_index == header.receiver) {
            let gone = peer.confirm();
            self.drop_sessions(gone.into_iter().collect());
            self.complete(p);
            self.send_staged(p);
        }
        if self.peers[p].is_late(now.keys) && self.peers[p].timers.take_lastminute() {
            self.request_handshake(p, false);
        }
        let peer = &mut self.peers[p];
        let has_data = !plaintext.is_empty();
        let armed = peer
            .timers
            .bundle_received(now.timers, peer.persistent_secs, has_data);
        self.arm(p, armed);
        if let Some(payload) = plaintext.first_chunk() {
            let payload = u64::from_le_bytes(*payload);
            self.monitor.borrow_mut().deliver(payload);
        }
        Some(())
    }

    // Time.

    /// The one timer of a peer fires.
    pub(crate) fn expire(&mut self, p: usize) {
        let now = self.now.timers;
        let peer = &mut self.peers[p];
        let due = peer.timers.expire(now, peer.persistent_secs);
        peer.alarm = due.rearm;
        if due.give_up {
            peer.drop_staged();
        }
        if due.retry_initiation {
            self.request_handshake(p, true);
        }
        if due.initiate {
            self.request_handshake(p, false);
        }
        if due.zero_keys {
            self.end_sessions(p);
        }
        if due.send_keepalive || due.persistent_keepalive {
            self.send_keepalive(p);
        }
        self.check();
    }

    fn arm(&mut self, p: usize, wanted: Option<Instant>) {
        if let Some(wanted) = wanted {
            let alarm = &mut self.peers[p].alarm;
            assert!(alarm.is_none_or(|alarm| wanted < alarm));
            *alarm = Some(wanted);
        }
    }

    // Indices.

    fn new_index(&mut self, p: usize) -> u32 {
        let public = *self.peers[p].public();
        loop {
            let index = self.random.next() as u32;
            if let std::collections::hash_map::Entry::Vacant(place) = self.indices.entry(index) {
                place.insert((public, Target::Handshake));
                return index;
            }
        }
    }

    fn drop_index(&mut self, index: Option<u32>) {
        if let Some(index) = index {
            assert!(self.indices.remove(&index).is_some(), "dropped twice");
        }
    }

    fn drop_sessions(&mut self, gone: Vec<Keypair>) {
        for keypair in gone {
            self.drop_index(Some(keypair.keys.local_index));
        }
    }

    /// Every index in the table belongs to a handshake or a session of the peer it names, and none
    /// is missing; nothing grows without bound.
    fn check(&self) {
        let mut expected = HashMap::new();
        for peer in &self.peers {
            let public = *peer.public();
            for keypair in peer.sessions() {
                expected.insert(keypair.keys.local_index, (public, Target::Session));
            }
            if let Some(index) = peer.handshake.local_index() {
                expected.insert(index, (public, Target::Handshake));
            }
            assert!(peer.staged.len() <= MAX_STAGED + 1);
        }
        assert_eq!(self.indices, expected);
        assert!(self.indices.len() <= 4 * self.peers.len());
        assert!(self.limiter.len() <= PLACES);
    }
}
