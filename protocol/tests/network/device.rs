// SPDX-License-Identifier: GPL-2.0
//! A device as a driver would make it of the protocol's parts, with one peer and no kernel.
//!
//! It does what a driver does (queues, indices, the three keypair slots) in the plainest way, and
//! checks on itself whatever must hold at every step.

use std::collections::{HashMap, HashSet, VecDeque};
use wg_crypto::aead;
use wg_protocol::cookie::{Checker, Jar, MacState};
use wg_protocol::message::{
    self, classify, CookieReply, DataHeader, Initiation, Kind, Response, MAX_STAGED,
};
use wg_protocol::noise::{
    consume_response, create_initiation, create_response, open_initiation, Handshake, Identity,
    PeerStatic, SessionKeys, State, Timestamp,
};
use wg_protocol::replay::Window;
use wg_protocol::timers::Timers;
use wg_protocol::{lifetime, Instant, Moment, SECOND};

use crate::common::Random;

fn both(now: Instant) -> Moment {
    Moment {
        timers: now,
        keys: now,
    }
}

struct Keypair {
    keys: SessionKeys,
    birth: Instant,
    valid: bool,
    counter: u64,
    window: Window,
}

/// What a receiver index stands for.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Target {
    Handshake,
    Session,
}

pub(crate) struct Device {
    identity: Identity,
    peer: PeerStatic,
    handshake: Handshake,
    pub(crate) timers: Timers,
    jar: Jar,
    checker: Checker,
    current: Option<Keypair>,
    previous: Option<Keypair>,
    next: Option<Keypair>,
    indices: HashMap<u32, Target>,
    staged: VecDeque<u64>,
    pub(crate) under_load: bool,
    pub(crate) persistent_secs: u16,
    pub(crate) alarm: Option<Instant>,
    /// Payloads that came out, each once.
    pub(crate) delivered: HashSet<u64>,
    pub(crate) dropped: usize,
    pub(crate) initiations: Vec<Instant>,
    pub(crate) completed: usize,
    pub(crate) cookies_sent: usize,
    /// What goes on the wire now.
    pub(crate) outbox: Vec<Vec<u8>>,
    random: Random,
    source: [u8; 6],
}

impl Device {
    pub(crate) fn pair(seed: u64) -> [Self; 2] {
        let mut random = Random(seed | 1);
        let identities = [(); 2].map(|()| Identity::new(random.bytes()));
        let psk = random.bytes();
        [0, 1].map(|own: usize| {
            let identity = identities[own].clone();
            let peer = PeerStatic::new(*identities[1 - own].public(), Some(&identity));
            let mut timers = Timers::new();
            timers.start();
            Self {
                checker: Checker::new(Some(identity.public())),
                identity,
                peer,
                handshake: Handshake::new(psk),
                timers,
                jar: Jar::new(),
                current: None,
                previous: None,
                next: None,
                indices: HashMap::new(),
                staged: VecDeque::new(),
                under_load: false,
                persistent_secs: 0,
                alarm: None,
                delivered: HashSet::new(),
                dropped: 0,
                initiations: Vec::new(),
                completed: 0,
                cookies_sent: 0,
                outbox: Vec::new(),
                random: Random(random.next()),
                source: [10, 0, 0, own as u8, 0xca, 0x6c],
            }
        })
    }

    /// The address that the other end sees.
    pub(crate) fn source(&self) -> [u8; 6] {
        self.source
    }

    /// Whether there is key material of any kind.
    pub(crate) fn has_keys(&self) -> bool {
        let slots = [&self.current, &self.previous, &self.next];
        slots.iter().any(|slot| slot.is_some()) || self.handshake.state() != State::Zeroed
    }

    /// An application sends a packet.
    pub(crate) fn send(&mut self, payload: u64, now: Instant) {
        while self.staged.len() >= MAX_STAGED {
            self.staged.pop_front();
            self.dropped += 1;
        }
        self.staged.push_back(payload);
        self.send_staged(now);
    }

    pub(crate) fn send_keepalive(&mut self, now: Instant) {
        let keepalive = self.staged.is_empty();
        if keepalive && !self.seal(&[], now) {
            self.request_handshake(now, false);
        } else if !keepalive {
            self.send_staged(now);
        }
    }

    fn send_staged(&mut self, now: Instant) {
        while let Some(payload) = self.staged.front().copied() {
            if !self.seal(&payload.to_le_bytes(), now) {
                self.request_handshake(now, false);
                return;
            }
            self.staged.pop_front();
        }
    }

    /// Sends one packet in the current session, if there is one to send in.
    fn seal(&mut self, plaintext: &[u8], now: Instant) -> bool {
        let Some(keypair) = self.current.as_mut().filter(|keypair| keypair.valid) else {
            return false;
        };
        let (age, counter) = (now.since(keypair.birth), keypair.counter);
        if !lifetime::may_send(age, counter) {
            keypair.valid = false;
            return false;
        }
        keypair.counter += 1;
        let header = DataHeader {
            receiver: keypair.keys.remote_index,
            counter,
        };
        let len = plaintext.len() + message::padding(plaintext.len(), 1420);
        let mut padded = plaintext.to_vec();
        padded.resize(len, 0);
        let mut datagram = header.to_bytes().to_vec();
        datagram.resize(16 + len + 16, 0);
        let out = &mut datagram[16..];
        assert!(aead::seal_slice(
            &keypair.keys.sending,
            counter,
            &[],
            &padded,
            out
        ));
        let rekey = lifetime::rekey_after_sending(keypair.keys.initiator, age, counter + 1);
        self.outbox.push(datagram);
        let (jitter, persistent) = (self.random.next() as u32, self.persistent_secs);
        let armed = self
            .timers
            .bundle_sent(now, jitter, persistent, !plaintext.is_empty());
        self.arm(armed);
        if rekey {
            self.request_handshake(now, false);
        }
        true
    }

    fn request_handshake(&mut self, now: Instant, is_retry: bool) {
        if self.timers.queue_initiation(both(now), is_retry)
            && self.timers.begin_initiation(both(now))
        {
            self.send_initiation(now);
        }
    }

    fn send_initiation(&mut self, now: Instant) {
        let index = self.new_index();
        let ephemeral = self.random.bytes();
        let timestamp = Timestamp::now(1_700_000_000 + now.0 / SECOND, (now.0 % SECOND) as u32);
        let made = create_initiation(&self.identity, &self.peer, ephemeral, timestamp, index);
        let (mut message, state) = made.unwrap();
        let displaced = self.handshake.commit_initiation(state);
        self.drop_index(displaced);
        self.jar
            .add_macs(self.peer.public(), message.as_mut_bytes(), now);
        self.outbox.push(message.as_bytes().to_vec());
        self.handshake_message_sent(now);
        let jitter = self.random.next() as u32;
        let armed = self.timers.handshake_initiated(now, jitter);
        self.arm(armed);
        if let Some(last) = self.initiations.last() {
            assert!(
                now.since(*last) >= 5 * SECOND,
                "one initiation in five seconds"
            );
        }
        self.initiations.push(now);
    }

    fn handshake_message_sent(&mut self, now: Instant) {
        self.timers.any_authenticated_sent();
        self.timers.handshake_sent(both(now));
        let armed = self
            .timers
            .any_authenticated_traversal(now, self.persistent_secs);
        self.arm(armed);
    }

    /// A datagram from the network, which may be anything.
    pub(crate) fn receive(&mut self, datagram: &[u8], source: [u8; 6], now: Instant) {
        match classify(datagram, datagram.len()) {
            Some(Kind::Data) => self.receive_data(datagram, now),
            Some(Kind::CookieReply) => {
                let reply = CookieReply::from_bytes(datagram).unwrap();
                if self.indices.contains_key(&reply.receiver()) {
                    self.jar.consume_reply(self.peer.public(), &reply, now);
                }
            }
            Some(Kind::Initiation | Kind::Response) => {
                self.receive_handshake(datagram, source, now);
            }
            None => {}
        }
        self.check();
    }

    fn receive_handshake(&mut self, datagram: &[u8], source: [u8; 6], now: Instant) {
        let fresh = self.random.bytes();
        self.checker.rotate_if_due(now, &fresh);
        let view = self.checker.view();
        let src = self.under_load.then_some(&source[..]);
        match view.mac_state(datagram, src) {
            MacState::Invalid => return,
            MacState::ValidNoCookie if self.under_load => {
                let reply = view.reply(datagram, &source, self.random.bytes());
                self.outbox.push(reply.unwrap().as_bytes().to_vec());
                self.cookies_sent += 1;
                return;
            }
            MacState::ValidNoCookie | MacState::ValidWithCookie => {}
        }
        let authentic = match Initiation::from_bytes(datagram) {
            Some(initiation) => self.receive_initiation(&initiation, now),
            None => self.receive_response(&Response::from_bytes(datagram).unwrap(), now),
        };
        if authentic.is_some() {
            self.timers.any_authenticated_received();
            let armed = self
                .timers
                .any_authenticated_traversal(now, self.persistent_secs);
            self.arm(armed);
        }
    }

    fn receive_initiation(&mut self, initiation: &Initiation, now: Instant) -> Option<()> {
        let opened = open_initiation(&self.identity, initiation)?;
        let consumed = opened.finish(&self.peer, initiation)?;
        let snap = self
            .handshake
            .commit_consumed_initiation(consumed, now)
            .ok()?;
        let index = self.new_index();
        let (mut response, state) = create_response(&snap, self.random.bytes(), index)?;
        let displaced = self.handshake.commit_response(&snap, state).unwrap();
        self.drop_index(displaced);
        let keys = self.handshake.begin_session().unwrap();
        self.begin(keys, now);
        self.jar
            .add_macs(self.peer.public(), response.as_mut_bytes(), now);
        self.outbox.push(response.as_bytes().to_vec());
        self.handshake_message_sent(now);
        Some(())
    }

    fn receive_response(&mut self, response: &Response, now: Instant) -> Option<()> {
        if self.indices.get(&response.receiver()) != Some(&Target::Handshake) {
            return None;
        }
        let snap = self.handshake.snapshot_for_response()?;
        let consumed = consume_response(&self.identity, &snap, response)?;
        let done = self.handshake.commit_consumed_response(&snap, consumed);
        assert_eq!(done, Ok(()));
        let keys = self.handshake.begin_session().unwrap();
        self.begin(keys, now);
        self.complete();
        self.send_keepalive(now);
        Some(())
    }

    fn complete(&mut self) {
        self.timers.handshake_complete();
        self.completed += 1;
    }

    /// Reference 1.2 "Keypair slots".
    fn begin(&mut self, keys: SessionKeys, now: Instant) {
        let initiator = keys.initiator;
        self.indices.insert(keys.local_index, Target::Session);
        let new = Keypair {
            keys,
            birth: now,
            valid: true,
            counter: 0,
            window: Window::new(),
        };
        let gone = if initiator {
            let current = self.current.replace(new);
            match self.next.take() {
                Some(next) => [current, self.previous.replace(next)],
                None => [None, std::mem::replace(&mut self.previous, current)],
            }
        } else {
            [self.next.replace(new), self.previous.take()]
        };
        for keypair in gone.into_iter().flatten() {
            self.drop_index(Some(keypair.keys.local_index));
        }
        let armed = self.timers.session_derived(now);
        self.arm(armed);
    }

    fn receive_data(&mut self, datagram: &[u8], now: Instant) {
        let header = DataHeader::parse(datagram).unwrap();
        let slots = [&mut self.current, &mut self.previous, &mut self.next];
        let known = |keypair: &&mut Keypair| keypair.keys.local_index == header.receiver;
        let Some(keypair) = slots.into_iter().flatten().find(known) else {
            return;
        };
        let age = now.since(keypair.birth);
        if !lifetime::may_receive(age, keypair.window.greatest()) {
            return;
        }
        let mut plaintext = vec![0; datagram.len() - 32];
        let (key, ciphertext) = (&keypair.keys.receiving, &datagram[16..]);
        if !aead::open_slice(key, header.counter, &[], ciphertext, &mut plaintext)
            || !keypair.window.accept(header.counter)
        {
            return;
        }
        let is_next = self
            .next
            .as_ref()
            .is_some_and(|next| next.keys.local_index == header.receiver);
        if is_next {
            let confirmed = self.next.take();
            let old = std::mem::replace(&mut self.current, confirmed);
            let gone = std::mem::replace(&mut self.previous, old);
            self.drop_index(gone.map(|keypair| keypair.keys.local_index));
            self.complete();
            self.send_staged(now);
        }
        let late = self.current.as_ref().is_some_and(|keypair| {
            let age = now.since(keypair.birth);
            keypair.valid && lifetime::rekey_after_receiving(keypair.keys.initiator, age)
        });
        if late && self.timers.take_lastminute() {
            self.request_handshake(now, false);
        }
        let armed = self
            .timers
            .bundle_received(now, self.persistent_secs, !plaintext.is_empty());
        self.arm(armed);
        if let Some(payload) = plaintext.first_chunk() {
            assert!(
                self.delivered.insert(u64::from_le_bytes(*payload)),
                "delivered twice"
            );
        }
    }

    /// The one timer fires.
    pub(crate) fn expire(&mut self, now: Instant) {
        let due = self.timers.expire(now, self.persistent_secs);
        self.alarm = due.rearm;
        if due.give_up {
            self.dropped += self.staged.len();
            self.staged.clear();
        }
        if due.retry_initiation {
            self.request_handshake(now, true);
        }
        if due.initiate {
            self.request_handshake(now, false);
        }
        if due.zero_keys {
            let displaced = self.handshake.clear();
            self.drop_index(displaced);
            for slot in [&mut self.current, &mut self.previous, &mut self.next] {
                if let Some(keypair) = slot.take() {
                    self.indices.remove(&keypair.keys.local_index);
                }
            }
        }
        if due.send_keepalive || due.persistent_keepalive {
            self.send_keepalive(now);
        }
        self.check();
    }

    fn arm(&mut self, wanted: Option<Instant>) {
        if let Some(wanted) = wanted {
            assert!(self.alarm.is_none_or(|alarm| wanted < alarm));
            self.alarm = Some(wanted);
        }
    }

    fn new_index(&mut self) -> u32 {
        loop {
            let index = self.random.next() as u32;
            if self.indices.insert(index, Target::Handshake).is_none() {
                return index;
            }
        }
    }

    fn drop_index(&mut self, index: Option<u32>) {
        if let Some(index) = index {
            assert!(self.indices.remove(&index).is_some(), "dropped twice");
        }
    }

    /// Every index in the table belongs to the handshake or to a session, and none is missing.
    fn check(&self) {
        let slots = [&self.current, &self.previous, &self.next];
        let sessions = slots.into_iter().flatten().map(|k| k.keys.local_index);
        let mut expected: HashMap<u32, Target> = sessions.map(|i| (i, Target::Session)).collect();
        let handshake = self.handshake.local_index();
        expected.extend(handshake.map(|i| (i, Target::Handshake)));
        assert_eq!(self.indices, expected);
    }
}
