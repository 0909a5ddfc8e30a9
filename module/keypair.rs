// SPDX-License-Identifier: GPL-2.0

//! The keys of one session, and the three sessions that a peer can have.
//!
//! Paper, sections 5.4.5 (transport keys) and 6.3: the responder may not send with new keys before
//! it has received with them, so they wait in `next`; packets under way with old keys still open
//! with `previous`.
#![forbid(unsafe_code)]

use crate::{
    device::{Device, Target},
    kapi::{
        debug,
        lock::{Class, SpinLock},
        rcu::{RcuArc, RcuGuard, RcuOwned, RcuSlot},
        time,
    },
    peer::Peer,
};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use kernel::{
    alloc::flags::{GFP_ATOMIC, GFP_KERNEL},
    prelude::*,
    sync::Arc,
};
use wg_crypto::aead::Key;
use wg_protocol::{
    lifetime,
    noise::{Handshake, SessionKeys},
    replay::Window,
    Instant,
};

/// One session.
pub(crate) struct Keypair {
    pub(crate) id: u64,
    pub(crate) sending: Key,
    pub(crate) receiving: Key,
    pub(crate) remote_index: u32,
    local_index: u32,
    initiator: bool,
    birth: Instant,
    /// The next counter to send with.
    counter: AtomicU64,
    may_send: AtomicBool,
    /// Counters seen, taken in the order of the peer's lane.
    pub(crate) window: SpinLock<Window>,
    /// For the line that says it is gone.
    peer: u64,
    dev: Arc<Device>,
}

impl Keypair {
    fn age(&self) -> u64 {
        time::keys().since(self.birth)
    }

    /// Counters for `count` packets: the first. `None` if the key must not be used any more.
    pub(crate) fn take_counters(&self, count: usize) -> Option<u64> {
        if !self.may_send.load(Ordering::Relaxed) {
            return None;
        }
        let count = count as u64;
        let first = self.counter.fetch_add(count, Ordering::Relaxed);
        let last = first.wrapping_add(count.saturating_sub(1));
        if lifetime::may_send(self.age(), last) {
            Some(first)
        } else {
            self.expire();
            None
        }
    }

    /// No packet is sealed with it from now on.
    fn expire(&self) {
        self.may_send.store(false, Ordering::Relaxed);
    }

    fn wants_rekey_after_sending(&self) -> bool {
        let counter = self.counter.load(Ordering::Relaxed);
        self.may_send.load(Ordering::Relaxed)
            && lifetime::rekey_after_sending(self.initiator, self.age(), counter)
    }

    fn wants_rekey_after_receiving(&self) -> bool {
        self.may_send.load(Ordering::Relaxed)
            && lifetime::rekey_after_receiving(self.initiator, self.age())
    }

    /// Whether received packets may still be opened.
    pub(crate) fn may_receive(&self) -> bool {
        let greatest = self.window.lock().greatest();
        lifetime::may_receive(self.age(), greatest)
    }
}

impl Drop for Keypair {
    fn drop(&mut self) {
        debug::keypair_destroyed(&self.dev.net, self.id, self.peer);
    }
}

/// A peer's sessions. Slots change under `lock`, readers go by RCU.
pub(crate) struct Keypairs {
    current: RcuSlot<Keypair>,
    previous: RcuSlot<Keypair>,
    next: RcuSlot<Keypair>,
    lock: SpinLock<()>,
    /// How often all sessions have ended or expired. Changes under `lock`.
    epoch: AtomicU64,
}

/// The keys of a handshake that came to its end, until they are a session.
///
/// Made under the lock of the handshake. Whoever ends all sessions clears the handshake first and
/// then changes the epoch, so keys that escaped the one are caught by the other.
pub(crate) struct Agreed {
    keys: SessionKeys,
    epoch: u64,
}

impl Keypairs {
    /// No sessions.
    pub(crate) fn new() -> Self {
        Keypairs {
            current: RcuSlot::new(),
            previous: RcuSlot::new(),
            next: RcuSlot::new(),
            lock: SpinLock::new((), Class::Keypairs),
            epoch: AtomicU64::new(0),
        }
    }

    /// Takes the keys of a handshake that has come to its end. Under its lock.
    pub(crate) fn agree(&self, handshake: &mut Handshake) -> Option<Agreed> {
        let keys = handshake.begin_session()?;
        let epoch = self.epoch.load(Ordering::Relaxed);
        Some(Agreed { keys, epoch })
    }

    /// The session to send with.
    #[inline]
    pub(crate) fn current(&self) -> Option<RcuArc<Keypair>> {
        self.current.get(&RcuGuard::new())
    }

    /// After sending: whether it is time for a new session. It is the current one that counts, not
    /// that of the packets, which may be an older one's.
    pub(crate) fn wants_rekey_after_sending(&self) -> bool {
        let section = RcuGuard::new();
        let current = self.current.load(&section);
        current.is_some_and(Keypair::wants_rekey_after_sending)
    }

    /// After receiving: whether it is so late that a new session is needed even to answer.
    pub(crate) fn wants_rekey_after_receiving(&self) -> bool {
        let section = RcuGuard::new();
        let current = self.current.load(&section);
        current.is_some_and(Keypair::wants_rekey_after_receiving)
    }

    /// Starts the session that a handshake has agreed on. Its index passes from the handshake to
    /// the keypair.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or `ENOENT` if all sessions have been ended meanwhile; the index is taken out then.
    pub(crate) fn begin(&self, peer: &Arc<Peer>, agreed: Agreed) -> Result {
        let Agreed { keys, epoch } = agreed;
        let dev = &peer.dev;
        let (initiator, index) = (keys.initiator, keys.local_index);
        let keypair = Keypair {
            id: dev.next_keypair_id(),
            sending: keys.sending,
            receiving: keys.receiving,
            remote_index: keys.remote_index,
            local_index: index,
            initiator,
            birth: time::keys(),
            counter: AtomicU64::new(0),
            may_send: AtomicBool::new(true),
            window: SpinLock::new(Window::new(), Class::Replay),
            peer: peer.id,
            dev: dev.clone(),
        };
        debug::keypair_created(&dev.net, keypair.id, peer.id);
        let owned = RcuOwned::new(keypair, GFP_KERNEL).inspect_err(|_| dev.drop_index(index))?;
        let Some(shared) = owned.share() else {
            return Err(ENOMEM);
        };

        let _writer = self.lock.lock();
        if peer.is_dead() || self.epoch.load(Ordering::Relaxed) != epoch {
            dev.drop_index(index);
            return Err(ENOENT);
        }
        let target = Target::Session(peer.clone(), shared);
        dev.replace_index(index, target, GFP_ATOMIC)
            .inspect_err(|_| dev.drop_index(index))?;
        if initiator {
            // Our own handshake ends the session that we were offered meanwhile, if any; else the
            // one in use steps back.
            let stepping_back = match self.next.swap(None) {
                Some(offered) => {
                    self.retire(dev, self.current.swap(Some(owned)));
                    Some(offered)
                }
                None => self.current.swap(Some(owned)),
            };
            self.retire(dev, self.previous.swap(stepping_back));
        } else {
            self.retire(dev, self.next.swap(Some(owned)));
            self.retire(dev, self.previous.swap(None));
        }
        Ok(())
    }

    /// Packets opened with this keypair. If it waited for that, it is the current one from now on:
    /// the peer has shown that it has the keys. Whether that was so.
    pub(crate) fn received_with(&self, keypair: &RcuArc<Keypair>, dev: &Device) -> bool {
        if !self.next.holds(keypair) {
            return false;
        }
        let _writer = self.lock.lock();
        if !self.next.holds(keypair) {
            return false;
        }
        let old = self.current.swap(self.next.swap(None));
        self.retire(dev, self.previous.swap(old));
        true
    }

    /// Ends all sessions and zeroes their keys (after a grace period).
    pub(crate) fn clear(&self, dev: &Device) {
        let _writer = self.lock.lock();
        self.new_epoch();
        for slot in [&self.current, &self.previous, &self.next] {
            self.retire(dev, slot.swap(None));
        }
    }

    /// Nothing more is sent in any session; what is under way may still arrive.
    pub(crate) fn expire(&self) {
        let _writer = self.lock.lock();
        self.new_epoch();
        let section = RcuGuard::new();
        for slot in [&self.current, &self.next] {
            if let Some(keypair) = slot.load(&section) {
                keypair.expire();
            }
        }
    }

    /// What was agreed on before is void. Under `lock`, after the handshake was cleared.
    fn new_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    fn retire(&self, dev: &Device, keypair: Option<RcuOwned<Keypair>>) {
        if let Some(index) = keypair.as_ref().and_then(|k| k.share()) {
            dev.drop_index(index.local_index);
        }
    }
}
