// SPDX-License-Identifier: GPL-2.0
//! The three sessions that a peer can have, and what a session may still be used for.
//!
//! Paper, sections 5.4.5 (transport keys) and 6.3: the responder may not send with new keys before
//! it has received with them, so they wait in *next*; packets under way with old keys still open
//! with *previous*.
//!
//! # How senders and the one who rotates get along
//!
//! Slots change under one lock; senders look into *current* without it, at any time. A rotation
//! replaces *current* in one step, so a sender finds the old session or the new one, never none. A
//! keypair that leaves the slots gives out no more counters, and [`Keypairs`] hands it to its
//! caller, once: who found it there before may hold it still and finish what has its counters, so
//! its keys are wiped when the last of those has let go (in a kernel: a reference of the slots that
//! is dropped after an RCU grace period). `tests/loom_keypairs.rs` explores this code.

use crate::sync::{AtomicBool, AtomicU64, Ordering};
use crate::{lifetime, Instant, Lock};

/// How far the life of one session has got.
pub struct Life {
    initiator: bool,
    birth: Instant,
    /// The next counter to send with; never more than [`lifetime::REJECT_AFTER_MESSAGES`].
    counter: AtomicU64,
    may_send: AtomicBool,
}

impl Life {
    /// A session that begins now.
    pub fn new(initiator: bool, now: Instant) -> Self {
        Life {
            initiator,
            birth: now,
            counter: AtomicU64::new(0),
            may_send: AtomicBool::new(true),
        }
    }

    /// Counters for `count` packets, each of which is given out once: the first. `None` if the keys
    /// must not be used for sending any more.
    pub fn take_counters(&self, count: usize, now: Instant) -> Option<u64> {
        if !self.may_send.load(Ordering::Relaxed) {
            return None;
        }
        let age = now.since(self.birth);
        let count = count as u64;
        let taken = self
            .counter
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |first| {
                let last = first.saturating_add(count.saturating_sub(1));
                // So far below the end of all numbers, the sum is one, too.
                lifetime::may_send(age, last).then(|| first.saturating_add(count))
            });
        if taken.is_err() {
            self.expire();
        }
        taken.ok()
    }

    /// No counters are given out from now on.
    pub fn expire(&self) {
        self.may_send.store(false, Ordering::Relaxed);
    }

    /// After sending: whether it is time for a new session.
    pub fn wants_rekey_after_sending(&self, now: Instant) -> bool {
        let counter = self.counter.load(Ordering::Relaxed);
        self.may_send.load(Ordering::Relaxed)
            && lifetime::rekey_after_sending(self.initiator, now.since(self.birth), counter)
    }

    /// After receiving: whether it is so late that a new session is needed even to answer.
    pub fn wants_rekey_after_receiving(&self, now: Instant) -> bool {
        self.may_send.load(Ordering::Relaxed)
            && lifetime::rekey_after_receiving(self.initiator, now.since(self.birth))
    }

    /// Whether received packets may still be opened; `greatest` is
    /// [`crate::replay::Window::greatest`].
    pub fn may_receive(&self, greatest: u64, now: Instant) -> bool {
        lifetime::may_receive(now.since(self.birth), greatest)
    }
}

/// A place for a keypair, in which one context at a time changes what many look at.
pub trait Slot {
    /// The reference that a slot holds. There is one for each keypair.
    type Owned: AsRef<Life>;
    /// A reference that whoever looked has taken. The keys are there as long as it is.
    type Shared;

    /// Exchanges what is there. Whoever finds the new one there sees all that was written to it
    /// before.
    fn swap(&self, new: Option<Self::Owned>) -> Option<Self::Owned>;

    /// What is there.
    fn get(&self) -> Option<Self::Shared>;

    /// Looks at what is there.
    fn look<R>(&self, f: impl FnOnce(&Life) -> R) -> Option<R>;

    /// Whether that is what is there.
    fn holds(&self, keypair: &Self::Shared) -> bool;
}

/// See [`Keypairs::epoch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Epoch(u64);

/// A peer's sessions. See the head of this file.
pub struct Keypairs<S, L> {
    current: S,
    previous: S,
    next: S,
    lock: L,
    /// How often all sessions have ended or expired. Changes under `lock`.
    epoch: AtomicU64,
}

impl<S: Slot, L: Lock<()>> Keypairs<S, L> {
    /// No sessions, in three empty slots.
    pub fn new([current, previous, next]: [S; 3], lock: L) -> Self {
        Keypairs {
            current,
            previous,
            next,
            lock,
            epoch: AtomicU64::new(0),
        }
    }

    /// To be read together with the keys of a handshake that comes to its end, under the lock of
    /// that handshake. Whoever ends all sessions clears the handshake first, and then they are
    /// ended here: keys that escaped the one are caught by the other, in [`Keypairs::begin`].
    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Relaxed))
    }

    fn new_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// The session to send with.
    #[inline]
    pub fn current(&self) -> Option<S::Shared> {
        self.current.get()
    }

    /// Looks at the session to send with.
    #[inline]
    pub fn look<R>(&self, f: impl FnOnce(&Life) -> R) -> Option<R> {
        self.current.look(f)
    }

    /// Starts the session of a handshake. Whether it has begun: it has not if all sessions were
    /// ended since `epoch` was read, or if `publish` says no, which is asked under the lock just
    /// before. Keypairs that leave the slots go to `retire`, under the lock.
    #[must_use]
    pub fn begin(
        &self,
        epoch: Epoch,
        keypair: S::Owned,
        publish: impl FnOnce() -> bool,
        mut retire: impl FnMut(S::Owned),
    ) -> bool {
        self.lock.with(|()| {
            if self.epoch() != epoch || !publish() {
                return false;
            }
            if keypair.as_ref().initiator {
                // Our own handshake ends the session that we were offered meanwhile, if any; else
                // the one in use steps back.
                let offered = self.next.swap(None);
                let used = self.current.swap(Some(keypair));
                let stepping_back = if offered.is_some() {
                    leave(used, &mut retire);
                    offered
                } else {
                    used
                };
                leave(self.previous.swap(stepping_back), &mut retire);
            } else {
                leave(self.next.swap(Some(keypair)), &mut retire);
                leave(self.previous.swap(None), &mut retire);
            }
            true
        })
    }

    /// Packets opened with this keypair. If it waited for that, it is the current one from now on:
    /// the peer has shown that it has the keys. Whether that was so.
    #[must_use]
    pub fn received_with(&self, keypair: &S::Shared, mut retire: impl FnMut(S::Owned)) -> bool {
        // Most packets are done here.
        if !self.next.holds(keypair) {
            return false;
        }
        self.lock.with(|()| {
            if !self.next.holds(keypair) {
                return false;
            }
            let used = self.current.swap(self.next.swap(None));
            leave(self.previous.swap(used), &mut retire);
            true
        })
    }

    /// Ends all sessions.
    pub fn clear(&self, mut retire: impl FnMut(S::Owned)) {
        self.lock.with(|()| {
            self.new_epoch();
            for slot in [&self.current, &self.previous, &self.next] {
                leave(slot.swap(None), &mut retire);
            }
        });
    }

    /// Nothing more is sent in any session; what is under way may still arrive.
    pub fn expire(&self) {
        self.lock.with(|()| self.expire_slots());
    }

    /// The same without the lock, which is a mistake: a session that is on its way from one slot to
    /// the other is in neither. Here for the model, which has to find it.
    #[cfg(loom)]
    pub fn expire_without_the_lock(&self) {
        self.expire_slots();
    }

    fn expire_slots(&self) {
        self.new_epoch();
        for slot in [&self.current, &self.next] {
            slot.look(Life::expire);
        }
    }
}

/// A keypair has left the slots.
fn leave<K: AsRef<Life>>(keypair: Option<K>, retire: &mut impl FnMut(K)) {
    if let Some(keypair) = keypair {
        keypair.as_ref().expire();
        retire(keypair);
    }
}
