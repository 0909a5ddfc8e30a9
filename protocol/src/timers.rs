// SPDX-License-Identifier: GPL-2.0
//! A peer's five timers as deadlines, and what to do when they pass.
//!
//! One [`Timers`] per peer, behind a short lock of the driver. The kernel needs a single timer for
//! it: an event returns the moment to which that timer must be brought *forward*, or `None` if it
//! will fire early enough anyway. Deadlines that move away or vanish leave the kernel timer alone;
//! it then fires for nothing once and [`Timers::expire`] says when to come back. So a stream of
//! packets costs stores, not timer operations.
//!
//! Sections 6.1 to 6.5 of the WireGuard paper. The deadlines:
//!
//! | deadline | set by | what then |
//! |---|---|---|
//! | retransmit | initiation sent | try again, or give up after twenty |
//! | keepalive | data received, nothing sent back | keepalive |
//! | new handshake | data sent, nothing heard | initiation |
//! | zero keys | session derived | wipe all key material |
//! | persistent | any packet | keepalive |
//!
//! All deadlines go by one clock, which may stand still while the machine sleeps. The limit on
//! initiations (one in five seconds) goes by a [`Moment`]: it is over when the clock of keys says so,
//! so that a machine that wakes up need not wait, and also when the clock of timers does, so that a
//! retry in time is never refused because one clock ran a little slower.

use crate::lifetime::{
    KEEPALIVE_TIMEOUT, MAX_HANDSHAKE_ATTEMPTS, NEW_HANDSHAKE_TIMEOUT, REKEY_TIMEOUT,
    REKEY_TIMEOUT_JITTER, ZERO_KEYS_TIMEOUT,
};
use crate::{Instant, Moment, SECOND};

/// A deadline that is not set.
const NEVER: Instant = Instant(u64::MAX);
/// Always in the past, however young the clocks.
const AT_ONCE: Moment = Moment {
    timers: Instant(0),
    keys: Instant(0),
};

/// What is due. Several things can be.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Expired {
    /// Queue an initiation as a retry.
    pub retry_initiation: bool,
    /// Queue an initiation, not as a retry.
    pub initiate: bool,
    /// Forget the local address and interface that packets to the peer were sent from: the route
    /// may be the reason for the silence.
    pub clear_source: bool,
    /// Send a keepalive (if nothing else is waiting to be sent).
    pub send_keepalive: bool,
    /// Nobody answers: drop the packets that wait for a session, and count them.
    pub give_up: bool,
    /// Wipe the handshake and all keypairs.
    pub zero_keys: bool,
    /// Send a keepalive because the user wants one every so often.
    pub persistent_keepalive: bool,
    /// When to call again; `None` if nothing is pending.
    pub rearm: Option<Instant>,
}

/// The deadlines of one peer, its count of attempts and its limit on initiations.
pub struct Timers {
    retransmit: Instant,
    keepalive: Instant,
    new_handshake: Instant,
    zero_keys: Instant,
    persistent: Instant,
    /// When the kernel timer will fire.
    armed: Instant,
    /// When the next initiation may be sent.
    gate: Moment,
    attempts: u8,
    running: bool,
    need_another_keepalive: bool,
    lastminute_taken: bool,
}

impl Timers {
    /// Stopped, with nothing pending, and ready for a first handshake at once.
    pub const fn new() -> Self {
        Self {
            retransmit: NEVER,
            keepalive: NEVER,
            new_handshake: NEVER,
            zero_keys: NEVER,
            persistent: NEVER,
            armed: NEVER,
            gate: AT_ONCE,
            attempts: 0,
            running: false,
            need_another_keepalive: false,
            lastminute_taken: false,
        }
    }

    /// From now on deadlines may be set: the interface is up and the peer is part of it.
    pub fn start(&mut self) {
        self.running = true;
    }

    /// Forgets all deadlines and sets no new ones: the interface goes down or the peer is removed.
    pub fn stop(&mut self) {
        *self = Self::new();
    }

    /// A data packet, not a keepalive, was sent.
    pub fn data_sent(&mut self, now: Instant, jitter: u32) -> Option<Instant> {
        if self.running && self.new_handshake == NEVER {
            self.new_handshake = now.plus(NEW_HANDSHAKE_TIMEOUT).plus(scale(jitter));
        }
        self.bring_forward(self.new_handshake)
    }

    /// A data packet, not a keepalive, was received and authenticated.
    pub fn data_received(&mut self, now: Instant) -> Option<Instant> {
        if !self.running {
            return None;
        }
        if self.keepalive == NEVER {
            self.keepalive = now.plus(KEEPALIVE_TIMEOUT);
        } else {
            self.need_another_keepalive = true;
        }
        self.bring_forward(self.keepalive)
    }

    /// A packet of any kind but a cookie reply was sent: the peer will hear of us.
    pub fn any_authenticated_sent(&mut self) {
        self.keepalive = NEVER;
    }

    /// An authenticated packet of any kind was received: the peer is there.
    pub fn any_authenticated_received(&mut self) {
        self.new_handshake = NEVER;
    }

    /// An authenticated packet went either way.
    pub fn any_authenticated_traversal(
        &mut self,
        now: Instant,
        persistent_secs: u16,
    ) -> Option<Instant> {
        if self.running && persistent_secs != 0 {
            self.persistent = now.plus(u64::from(persistent_secs).wrapping_mul(SECOND));
        }
        self.bring_forward(self.persistent)
    }

    /// An initiation was sent.
    pub fn handshake_initiated(&mut self, now: Instant, jitter: u32) -> Option<Instant> {
        if self.running {
            self.retransmit = now.plus(REKEY_TIMEOUT).plus(scale(jitter));
        }
        self.bring_forward(self.retransmit)
    }

    /// A session is confirmed: the initiator has the response, the responder the first packet.
    pub fn handshake_complete(&mut self) {
        self.retransmit = NEVER;
        self.attempts = 0;
        self.lastminute_taken = false;
    }

    /// New keys were derived.
    pub fn session_derived(&mut self, now: Instant) -> Option<Instant> {
        if self.running {
            self.zero_keys = now.plus(ZERO_KEYS_TIMEOUT);
        }
        self.bring_forward(self.zero_keys)
    }

    /// Whether a data packet sent now would begin the wait for an answer, and need its jitter.
    pub fn wants_jitter(&self) -> bool {
        self.running && self.new_handshake == NEVER
    }

    /// All that a sent run of packets means; `has_data` if one of them was not a keepalive.
    pub fn bundle_sent(
        &mut self,
        now: Instant,
        jitter: u32,
        persistent_secs: u16,
        has_data: bool,
    ) -> Option<Instant> {
        let first = self.any_authenticated_traversal(now, persistent_secs);
        self.any_authenticated_sent();
        let second = if has_data {
            self.data_sent(now, jitter)
        } else {
            None
        };
        second.or(first)
    }

    /// All that a received run of packets means; `has_data` if one of them was not a keepalive.
    pub fn bundle_received(
        &mut self,
        now: Instant,
        persistent_secs: u16,
        has_data: bool,
    ) -> Option<Instant> {
        self.any_authenticated_received();
        let first = self.any_authenticated_traversal(now, persistent_secs);
        let second = if has_data {
            self.data_received(now)
        } else {
            None
        };
        second.or(first)
    }

    /// Whether an initiation may be queued: one every five seconds. One that is not a retry begins
    /// the count of attempts anew, even if it may not be sent yet.
    pub fn queue_initiation(&mut self, now: Moment, is_retry: bool) -> bool {
        if !is_retry {
            self.attempts = 0;
        }
        self.gate_is_open(now)
    }

    /// Whether a queued initiation may be made now; if so the five seconds begin again.
    pub fn begin_initiation(&mut self, now: Moment) -> bool {
        let open = self.gate_is_open(now);
        if open {
            self.handshake_sent(now);
        }
        open
    }

    /// An initiation or a response is being sent.
    pub fn handshake_sent(&mut self, now: Moment) {
        self.gate = now.plus(REKEY_TIMEOUT);
    }

    /// The next initiation need not wait: our own key has changed.
    pub fn open_gate(&mut self) {
        self.gate = AT_ONCE;
    }

    /// True once in each session: the late renewal of a key by its receiver.
    pub fn take_lastminute(&mut self) -> bool {
        !core::mem::replace(&mut self.lastminute_taken, true)
    }

    /// The kernel timer fired: what is due, and when the next thing will be.
    pub fn expire(&mut self, now: Instant, persistent_secs: u16) -> Expired {
        let mut due = Expired::default();
        if !self.running {
            self.armed = NEVER;
            return due;
        }
        if passed(&mut self.retransmit, now) {
            if self.attempts > MAX_HANDSHAKE_ATTEMPTS {
                due.give_up = true;
                self.keepalive = NEVER;
                if self.zero_keys == NEVER {
                    self.zero_keys = now.plus(ZERO_KEYS_TIMEOUT);
                }
            } else {
                self.attempts = self.attempts.saturating_add(1);
                due.retry_initiation = true;
                due.clear_source = true;
            }
        }
        if passed(&mut self.keepalive, now) {
            due.send_keepalive = true;
            if core::mem::take(&mut self.need_another_keepalive) {
                self.keepalive = now.plus(KEEPALIVE_TIMEOUT);
            }
        }
        if passed(&mut self.new_handshake, now) {
            due.initiate = true;
            due.clear_source = true;
        }
        if passed(&mut self.zero_keys, now) {
            due.zero_keys = true;
        }
        if passed(&mut self.persistent, now) {
            due.persistent_keepalive = persistent_secs != 0;
        }
        self.armed = self.earliest();
        due.rearm = (self.armed != NEVER).then_some(self.armed);
        due
    }

    fn gate_is_open(&self, now: Moment) -> bool {
        self.gate.is_past(now)
    }

    fn earliest(&self) -> Instant {
        self.retransmit
            .min(self.keepalive)
            .min(self.new_handshake)
            .min(self.zero_keys)
            .min(self.persistent)
    }

    /// `deadline`, if the kernel timer would otherwise fire after it.
    fn bring_forward(&mut self, deadline: Instant) -> Option<Instant> {
        (deadline < self.armed).then(|| {
            self.armed = deadline;
            deadline
        })
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a deadline has passed; if so it is no longer set.
fn passed(deadline: &mut Instant, now: Instant) -> bool {
    let passed = *deadline <= now;
    if passed {
        *deadline = NEVER;
    }
    passed
}

/// A random number as a share of the longest jitter, which itself is not reached.
fn scale(jitter: u32) -> u64 {
    // Less than 2^32 times less than 2^32.
    u64::from(jitter).wrapping_mul(REKEY_TIMEOUT_JITTER) >> u32::BITS
}
