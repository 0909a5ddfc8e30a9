// SPDX-License-Identifier: GPL-2.0
//! A device as a driver would make it of the protocol's parts, without a kernel.
//!
//! It does what a driver does (queues, indices, the three keypair slots, work that is done a little
//! later on a snapshot) in the plainest way, and checks whatever must hold at every step.

mod data;
mod handshake;

use std::collections::HashMap;
use std::rc::Rc;
use wg_protocol::cookie::Checker;
use wg_protocol::keypairs::Epoch;
use wg_protocol::message::{classify, Kind, Response, MAX_STAGED};
use wg_protocol::noise::{
    ConsumedResponse, Identity, InitiatorSnapshot, PeerStatic, ResponderSnapshot, SessionKeys,
};
use wg_protocol::ratelimiter::{Entry, RateLimiter};
use wg_protocol::siphash::Key;
use wg_protocol::{Instant, Moment};

use crate::common::Random;
use crate::monitor::{Address, Shared};
use crate::peer::{Keypair, Peer};

/// Sources that the rate limiter remembers.
const PLACES: usize = 16;

/// What a receiver index stands for.
#[derive(Clone)]
enum Target {
    Handshake,
    Session(Rc<Keypair>),
}

/// A step of a handshake that has not been taken yet.
pub(crate) enum Work {
    Initiate,
    /// With the serial of the handshake that it is a snapshot of.
    Respond(ResponderSnapshot, u64),
    Finish(InitiatorSnapshot, ConsumedResponse, u64),
    Begin(Agreed),
}

/// The keys of a session that has not begun yet.
pub(crate) struct Agreed {
    keys: SessionKeys,
    epoch: Epoch,
    /// To be sent, if we are the responder.
    response: Option<Response>,
    /// All sessions have been ended since.
    void: bool,
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
            self.drop_work(Some(public));
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
        self.drop_work(None);
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
        self.clear_handshake(p);
        let gone = self.peers[p].end_sessions();
        self.drop_indices(gone);
    }

    fn clear_handshake(&mut self, p: usize) {
        let peer = &mut self.peers[p];
        peer.serial += 1;
        let displaced = peer.handshake.clear();
        let public = *peer.public();
        self.drop_index(displaced);
        for (_, of, work) in &mut self.work {
            match work {
                Work::Begin(agreed) if *of == public => agreed.void = true,
                _ => {}
            }
        }
    }

    fn expire_sessions(&mut self, p: usize) {
        self.clear_handshake(p);
        let peer = &mut self.peers[p];
        peer.timers.open_gate();
        peer.gate_opened = peer.initiations.len();
        peer.keypairs.expire();
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

    fn drop_indices(&mut self, gone: Vec<u32>) {
        for index in gone {
            self.drop_index(Some(index));
        }
    }

    /// Every index in the table belongs to a handshake or a session of the peer it names, and none
    /// is missing; nothing grows without bound.
    fn check(&self) {
        let mut expected = HashMap::new();
        for peer in &self.peers {
            let sessions = peer.sessions.iter().map(|index| (*index, true));
            let handshake = peer.handshake.local_index().map(|index| (index, false));
            for (index, is_session) in sessions.chain(handshake) {
                expected.insert(index, (*peer.public(), is_session));
            }
            assert!(peer.sessions.len() <= 3);
            assert!(peer.staged.len() <= MAX_STAGED + 1);
        }
        // Those of steps that are still to be taken belong to nobody yet.
        let pending = self.work.iter().filter_map(|(_, public, work)| match work {
            Work::Begin(agreed) => Some((agreed.keys.local_index, (*public, false))),
            _ => None,
        });
        expected.extend(pending);
        let known = self.indices.iter().map(|(index, (public, target))| {
            (*index, (*public, matches!(target, Target::Session(_))))
        });
        assert_eq!(known.collect::<HashMap<_, _>>(), expected);
        assert!(self.indices.len() <= 4 * self.peers.len() + self.work.len());
        assert!(self.limiter.len() <= PLACES);
    }
}
