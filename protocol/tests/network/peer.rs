// SPDX-License-Identifier: GPL-2.0
//! One peer of a simulated device: what a driver keeps for each, in the plainest way.

use std::collections::{HashSet, VecDeque};
use wg_protocol::cookie::Jar;
use wg_protocol::message::MAX_STAGED;
use wg_protocol::noise::{Handshake, Identity, PeerStatic, SessionKeys, State};
use wg_protocol::replay::Window;
use wg_protocol::timers::Timers;
use wg_protocol::{lifetime, Instant, Moment};

use crate::monitor::Address;

pub(crate) struct Keypair {
    pub(crate) keys: SessionKeys,
    /// By the clock of keys.
    pub(crate) birth: Instant,
    pub(crate) valid: bool,
    pub(crate) counter: u64,
    pub(crate) window: Window,
}

pub(crate) struct Peer {
    pub(crate) statics: PeerStatic,
    pub(crate) handshake: Handshake,
    pub(crate) timers: Timers,
    pub(crate) jar: Jar,
    pub(crate) current: Option<Keypair>,
    pub(crate) previous: Option<Keypair>,
    pub(crate) next: Option<Keypair>,
    pub(crate) staged: VecDeque<u64>,
    pub(crate) endpoint: Option<Address>,
    /// Where the configuration says it is.
    pub(crate) configured: Option<Address>,
    pub(crate) persistent_secs: u16,
    /// When the kernel's timer fires, by the clock of timers.
    pub(crate) alarm: Option<Instant>,
    pub(crate) dropped: usize,
    pub(crate) initiations: Vec<Moment>,
    /// Before this many, the gate was opened on purpose.
    pub(crate) gate_opened: usize,
    pub(crate) completed: usize,
    /// Initiations and responses that were taken, each once.
    pub(crate) taken: HashSet<Vec<u8>>,
}

impl Peer {
    pub(crate) fn new(
        public: [u8; 32],
        own: &Identity,
        psk: [u8; 32],
        endpoint: Option<Address>,
    ) -> Self {
        let mut timers = Timers::new();
        timers.start();
        Self {
            statics: PeerStatic::new(public, Some(own)),
            handshake: Handshake::new(psk),
            timers,
            jar: Jar::new(),
            current: None,
            previous: None,
            next: None,
            staged: VecDeque::new(),
            endpoint,
            configured: endpoint,
            persistent_secs: 0,
            alarm: None,
            dropped: 0,
            initiations: Vec::new(),
            gate_opened: 0,
            completed: 0,
            taken: HashSet::new(),
        }
    }

    pub(crate) fn public(&self) -> &[u8; 32] {
        self.statics.public()
    }

    /// The sessions that there are.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Keypair> {
        [&self.current, &self.previous, &self.next]
            .into_iter()
            .flatten()
    }

    /// Whether there is key material of any kind.
    pub(crate) fn has_keys(&self) -> bool {
        self.sessions().next().is_some() || self.handshake.state() != State::Zeroed
    }

    /// Reference 2.3 "Staged".
    pub(crate) fn stage(&mut self, payload: u64) {
        while self.staged.len() > MAX_STAGED {
            self.staged.pop_front();
            self.dropped += 1;
        }
        self.staged.push_back(payload);
    }

    pub(crate) fn drop_staged(&mut self) {
        self.dropped += self.staged.len();
        self.staged.clear();
    }

    /// Reference 1.2 "Keypair slots". The sessions that end.
    pub(crate) fn begin(&mut self, keys: SessionKeys, now: Instant) -> Vec<Keypair> {
        let initiator = keys.initiator;
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
        gone.into_iter().flatten().collect()
    }

    /// The first packet of the session in `next` has come. The session that ends.
    pub(crate) fn confirm(&mut self) -> Option<Keypair> {
        let confirmed = self.next.take();
        let old = std::mem::replace(&mut self.current, confirmed);
        std::mem::replace(&mut self.previous, old)
    }

    /// All sessions, to be ended.
    pub(crate) fn take_sessions(&mut self) -> Vec<Keypair> {
        [self.current.take(), self.previous.take(), self.next.take()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The counter to seal a packet with, and whether there should be a new session after it.
    pub(crate) fn take_counter(&mut self, now: Instant) -> Option<(&Keypair, u64, bool)> {
        let keypair = self.current.as_mut().filter(|keypair| keypair.valid)?;
        let (age, counter) = (now.since(keypair.birth), keypair.counter);
        if !lifetime::may_send(age, counter) {
            keypair.valid = false;
            return None;
        }
        keypair.counter += 1;
        let rekey = lifetime::rekey_after_sending(keypair.keys.initiator, age, counter + 1);
        Some((keypair, counter, rekey))
    }

    /// Reference 1.4 "RX rekey".
    pub(crate) fn is_late(&self, now: Instant) -> bool {
        self.current.as_ref().is_some_and(|keypair| {
            let age = now.since(keypair.birth);
            keypair.valid && lifetime::rekey_after_receiving(keypair.keys.initiator, age)
        })
    }

    /// One initiation in five seconds, by one of the clocks (reference 1.2).
    pub(crate) fn count_initiation(&mut self, now: Moment) {
        if let Some(last) = self
            .initiations
            .get(self.gate_opened..)
            .and_then(<[_]>::last)
        {
            let spaced = last.plus(lifetime::REKEY_TIMEOUT).is_past(now);
            assert!(spaced, "one initiation in five seconds");
        }
        self.initiations.push(now);
    }
}
