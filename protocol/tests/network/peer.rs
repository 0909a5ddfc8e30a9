// SPDX-License-Identifier: GPL-2.0
//! One peer of a simulated device: what a driver keeps for each, in the plainest way.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use wg_protocol::cookie::Jar;
use wg_protocol::keypairs::{Epoch, Keypairs, Life, Slot};
use wg_protocol::message::MAX_STAGED;
use wg_protocol::noise::{Handshake, Identity, PeerStatic, SessionKeys, State};
use wg_protocol::replay::Window;
use wg_protocol::timers::Timers;
use wg_protocol::{lifetime, Instant, Lock, Moment};

use crate::monitor::Address;

pub(crate) struct Keypair {
    pub(crate) keys: SessionKeys,
    pub(crate) life: Life,
    pub(crate) window: RefCell<Window>,
}

/// The reference that a slot holds.
pub(crate) struct Owned(Rc<Keypair>);

impl AsRef<Life> for Owned {
    fn as_ref(&self) -> &Life {
        &self.0.life
    }
}

#[derive(Default)]
pub(crate) struct Place(RefCell<Option<Owned>>);

impl Slot for Place {
    type Owned = Owned;
    type Shared = Rc<Keypair>;

    fn swap(&self, new: Option<Owned>) -> Option<Owned> {
        self.0.replace(new)
    }

    fn get(&self) -> Option<Rc<Keypair>> {
        self.0.borrow().as_ref().map(|owned| owned.0.clone())
    }

    fn look<R>(&self, f: impl FnOnce(&Life) -> R) -> Option<R> {
        self.0.borrow().as_ref().map(|owned| f(owned.as_ref()))
    }

    fn holds(&self, keypair: &Rc<Keypair>) -> bool {
        let place = self.0.borrow();
        place
            .as_ref()
            .is_some_and(|owned| Rc::ptr_eq(&owned.0, keypair))
    }
}

/// Nobody else is there.
pub(crate) struct NoLock;

impl Lock<()> for NoLock {
    fn with<R>(&self, f: impl FnOnce(&mut ()) -> R) -> R {
        f(&mut ())
    }
}

pub(crate) struct Peer {
    pub(crate) statics: PeerStatic,
    pub(crate) handshake: Handshake,
    /// Counts what has become of it, so that a step knows whether anything came between.
    pub(crate) serial: u64,
    pub(crate) timers: Timers,
    pub(crate) jar: Jar,
    pub(crate) keypairs: Keypairs<Place, NoLock>,
    /// The indices of the sessions in there.
    pub(crate) sessions: Vec<u32>,
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
            serial: 0,
            timers,
            jar: Jar::new(),
            keypairs: Keypairs::new(Default::default(), NoLock),
            sessions: Vec::new(),
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

    /// Whether there is key material of any kind.
    pub(crate) fn has_keys(&self) -> bool {
        !self.sessions.is_empty() || self.handshake.state() != State::Zeroed
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

    /// Starts a session. Whether it has begun, and the indices of those that end.
    pub(crate) fn begin(
        &mut self,
        keys: SessionKeys,
        epoch: Epoch,
        now: Instant,
    ) -> (Option<Rc<Keypair>>, Vec<u32>) {
        let index = keys.local_index;
        let keypair = Rc::new(Keypair {
            life: Life::new(keys.initiator, now),
            keys,
            window: RefCell::new(Window::new()),
        });
        let mut gone = Vec::new();
        let owned = Owned(keypair.clone());
        let retire = |old: Owned| gone.push(old.0.keys.local_index);
        if !self.keypairs.begin(epoch, owned, || true, retire) {
            return (None, vec![index]);
        }
        self.sessions.push(index);
        self.forget(&gone);
        (Some(keypair), gone)
    }

    /// A packet has come in this session. Whether that has confirmed it, and the indices of those
    /// that end.
    pub(crate) fn received_with(&mut self, keypair: &Rc<Keypair>) -> (bool, Vec<u32>) {
        let mut gone = Vec::new();
        let retire = |old: Owned| gone.push(old.0.keys.local_index);
        let confirmed = self.keypairs.received_with(keypair, retire);
        self.forget(&gone);
        (confirmed, gone)
    }

    /// Ends all sessions. Their indices.
    pub(crate) fn end_sessions(&mut self) -> Vec<u32> {
        let mut gone = Vec::new();
        self.keypairs.clear(|old| gone.push(old.0.keys.local_index));
        self.forget(&gone);
        assert!(self.sessions.is_empty());
        gone
    }

    fn forget(&mut self, gone: &[u32]) {
        self.sessions.retain(|index| !gone.contains(index));
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
