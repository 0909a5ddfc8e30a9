// SPDX-License-Identifier: GPL-2.0
//! A peer's handshake: which step it is at, and what it remembers from one to the next.
//!
//! One per peer, behind a short lock. No method does curve arithmetic; the dearest,
//! [`Handshake::begin_session`], hashes a few blocks.
//!
//! The handshake holds at most one receiver index of the driver's table. A method that puts another
//! in its place returns the old one, to be taken out of the table. [`Handshake::begin_session`]
//! hands the index on to the session.

use super::initiation::{ConsumedInitiation, InitiatorState};
use super::keys::{Timestamp, INITIATION_INTERVAL};
use super::response::{ConsumedResponse, InitiatorSnapshot, ResponderSnapshot, ResponderState};
use super::symmetric::Symmetric;
use crate::Instant;
use wg_crypto::{aead, Secret};

/// The step that a handshake is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// None is under way.
    Zeroed,
    /// We have sent an initiation.
    CreatedInitiation,
    /// We have received an initiation.
    ConsumedInitiation,
    /// We have sent a response.
    CreatedResponse,
    /// We have received a response.
    ConsumedResponse,
}

/// Why an authentic initiation is not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejected {
    /// It is not later than the latest one.
    Replay,
    /// The last one was a moment ago.
    Flood,
}

/// The handshake has moved on since the snapshot: what was computed from it is for dropping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stale;

/// The keys of a new session and its two receiver indices.
pub struct SessionKeys {
    /// For what we send.
    pub sending: aead::Key,
    /// For what we receive.
    pub receiving: aead::Key,
    /// Whether we began the handshake.
    pub initiator: bool,
    /// The receiver index in what we receive.
    pub local_index: u32,
    /// The receiver index in what we send.
    pub remote_index: u32,
}

/// The handshake with one peer.
pub struct Handshake {
    state: State,
    preshared: Secret,
    symmetric: Symmetric,
    /// Our ephemeral private key, as initiator.
    ephemeral: Secret,
    /// The initiator's ephemeral public key, as responder.
    remote_ephemeral: [u8; 32],
    local_index: Option<u32>,
    remote_index: u32,
    /// Of the latest initiation consumed. Survives everything.
    latest_timestamp: Timestamp,
    latest_consumed: Option<Instant>,
}

impl Handshake {
    /// Nothing under way. A preshared key of zeros is none.
    pub const fn new(psk: [u8; 32]) -> Self {
        Self {
            state: State::Zeroed,
            preshared: Secret::new(psk),
            symmetric: Symmetric::zeroed(),
            ephemeral: Secret::new([0; 32]),
            remote_ephemeral: [0; 32],
            local_index: None,
            remote_index: 0,
            latest_timestamp: Timestamp::ZERO,
            latest_consumed: None,
        }
    }

    /// Changes the preshared key, for handshakes from now on.
    pub fn set_psk(&mut self, psk: &[u8; 32]) {
        self.preshared = Secret::new(*psk);
    }

    /// The preshared key.
    pub const fn psk(&self) -> &[u8; 32] {
        self.preshared.as_bytes()
    }

    /// The step it is at.
    pub const fn state(&self) -> State {
        self.state
    }

    /// The receiver index that it holds.
    pub const fn local_index(&self) -> Option<u32> {
        self.local_index
    }

    /// Wipes the handshake but for the preshared key and what protects against replays. Returns the
    /// index that it held.
    #[must_use]
    pub fn clear(&mut self) -> Option<u32> {
        // Nothing is set without another state, and nothing is left behind in this one.
        if self.state == State::Zeroed {
            return None;
        }
        self.state = State::Zeroed;
        self.symmetric = Symmetric::zeroed();
        self.ephemeral = Secret::new([0; 32]);
        self.remote_ephemeral = [0; 32];
        self.remote_index = 0;
        self.local_index.take()
    }

    /// An initiation was made and is going to be sent. It ends whatever was under way. Returns the
    /// index that the handshake held before.
    #[must_use]
    pub fn commit_initiation(&mut self, state: InitiatorState) -> Option<u32> {
        let InitiatorState {
            symmetric,
            ephemeral,
            sender,
        } = state;
        self.symmetric = symmetric;
        self.ephemeral = ephemeral;
        self.state = State::CreatedInitiation;
        self.local_index.replace(sender)
    }

    /// Takes an authentic initiation, unless it is a replay or comes too soon. It ends whatever was
    /// under way, but the index of that is kept until there is a response.
    pub fn commit_consumed_initiation(
        &mut self,
        consumed: ConsumedInitiation,
        now: Instant,
    ) -> Result<ResponderSnapshot, Rejected> {
        if consumed.timestamp <= self.latest_timestamp {
            return Err(Rejected::Replay);
        }
        if let Some(last) = self.latest_consumed {
            if last.plus(INITIATION_INTERVAL) > now {
                return Err(Rejected::Flood);
            }
        }
        self.latest_timestamp = consumed.timestamp;
        self.latest_consumed = Some(now);
        self.remote_ephemeral = consumed.remote_ephemeral;
        self.remote_index = consumed.remote_index;
        self.symmetric = consumed.symmetric.clone();
        self.state = State::ConsumedInitiation;
        Ok(ResponderSnapshot {
            curve: consumed.curve,
            symmetric: consumed.symmetric,
            preshared: self.preshared.clone(),
            peer_public: consumed.peer_public,
            remote_ephemeral: consumed.remote_ephemeral,
            remote_index: consumed.remote_index,
        })
    }

    /// A response was made. Returns the index that the handshake held before, or says that another
    /// message has come between and the response must not be sent.
    pub fn commit_response(
        &mut self,
        snap: &ResponderSnapshot,
        state: ResponderState,
    ) -> Result<Option<u32>, Stale> {
        if self.state != State::ConsumedInitiation
            || self.remote_ephemeral != snap.remote_ephemeral
            || !self.symmetric.is_same(&snap.symmetric)
        {
            return Err(Stale);
        }
        self.symmetric = state.symmetric;
        self.state = State::CreatedResponse;
        Ok(self.local_index.replace(state.sender))
    }

    /// What is needed to read a response, if one is expected.
    pub fn snapshot_for_response(&self) -> Option<InitiatorSnapshot> {
        if self.state != State::CreatedInitiation {
            return None;
        }
        Some(InitiatorSnapshot {
            symmetric: self.symmetric.clone(),
            ephemeral: self.ephemeral.clone(),
            preshared: self.preshared.clone(),
            local_index: self.local_index?,
        })
    }

    /// Takes an authentic response, unless another message has come between.
    pub fn commit_consumed_response(
        &mut self,
        snap: &InitiatorSnapshot,
        consumed: ConsumedResponse,
    ) -> Result<(), Stale> {
        if self.state != State::CreatedInitiation || self.ephemeral != snap.ephemeral {
            return Err(Stale);
        }
        self.symmetric = consumed.symmetric;
        self.remote_index = consumed.remote_index;
        self.state = State::ConsumedResponse;
        Ok(())
    }

    /// Ends a handshake that has come to its last step: the session's keys and indices. `None` at
    /// any other step.
    pub fn begin_session(&mut self) -> Option<SessionKeys> {
        let initiator = match self.state {
            State::ConsumedResponse => true,
            State::CreatedResponse => false,
            State::Zeroed | State::CreatedInitiation | State::ConsumedInitiation => return None,
        };
        let [from_initiator, to_initiator] = self.symmetric.split();
        let (sending, receiving) = if initiator {
            (from_initiator, to_initiator)
        } else {
            (to_initiator, from_initiator)
        };
        let remote_index = self.remote_index;
        Some(SessionKeys {
            sending,
            receiving,
            initiator,
            local_index: self.clear()?,
            remote_index,
        })
    }
}
