// SPDX-License-Identifier: GPL-2.0

//! The keys of one session, and the three sessions that a peer can have.
//!
//! The rules are those of `wg_protocol::keypairs`; here are the keys, shared by RCU and found by
//! their receiver index.
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
use kernel::{
    alloc::flags::{GFP_ATOMIC, GFP_KERNEL},
    prelude::*,
    sync::Arc,
};
use wg_crypto::aead::Key;
use wg_protocol::{
    keypairs::{self, Epoch, Life, Slot},
    noise::{Handshake, SessionKeys},
    replay::Window,
};

/// One session.
pub(crate) struct Keypair {
    pub(crate) id: u64,
    pub(crate) sending: Key,
    pub(crate) receiving: Key,
    pub(crate) remote_index: u32,
    local_index: u32,
    life: Life,
    /// Counters seen, taken in the order of the peer's lane.
    pub(crate) window: SpinLock<Window>,
    /// For the line that says it is gone.
    peer: u64,
    dev: Arc<Device>,
}

impl Keypair {
    /// Counters for `count` packets: the first. `None` if the key must not be used any more.
    pub(crate) fn take_counters(&self, count: usize) -> Option<u64> {
        self.life.take_counters(count, time::keys())
    }

    /// Whether received packets may still be opened.
    pub(crate) fn may_receive(&self) -> bool {
        let greatest = self.window.lock().greatest();
        self.life.may_receive(greatest, time::keys())
    }
}

impl Drop for Keypair {
    fn drop(&mut self) {
        debug::keypair_destroyed(&self.dev.net, self.id, self.peer);
    }
}

impl AsRef<Life> for RcuOwned<Keypair> {
    fn as_ref(&self) -> &Life {
        &self.life
    }
}

impl Slot for RcuSlot<Keypair> {
    type Owned = RcuOwned<Keypair>;
    type Shared = RcuArc<Keypair>;

    fn swap(&self, new: Option<RcuOwned<Keypair>>) -> Option<RcuOwned<Keypair>> {
        RcuSlot::swap(self, new)
    }

    #[inline]
    fn get(&self) -> Option<RcuArc<Keypair>> {
        RcuSlot::get(self, &RcuGuard::new())
    }

    #[inline]
    fn look<R>(&self, f: impl FnOnce(&Life) -> R) -> Option<R> {
        self.load(&RcuGuard::new()).map(|keypair| f(&keypair.life))
    }

    #[inline]
    fn holds(&self, keypair: &RcuArc<Keypair>) -> bool {
        RcuSlot::holds(self, keypair)
    }
}

/// A peer's sessions, read by RCU. How they come and go stands in `wg_protocol::keypairs`.
pub(crate) struct Keypairs(keypairs::Keypairs<RcuSlot<Keypair>, SpinLock<()>>);

/// The keys of a handshake that came to its end, until they are a session.
pub(crate) struct Agreed {
    keys: SessionKeys,
    epoch: Epoch,
}

impl Keypairs {
    /// No sessions.
    pub(crate) fn new() -> Self {
        let slots = [RcuSlot::new(), RcuSlot::new(), RcuSlot::new()];
        let lock = SpinLock::new((), Class::Keypairs);
        Keypairs(keypairs::Keypairs::new(slots, lock))
    }

    /// Takes the keys of a handshake that has come to its end. Under its lock.
    pub(crate) fn agree(&self, handshake: &mut Handshake) -> Option<Agreed> {
        let keys = handshake.begin_session()?;
        let epoch = self.0.epoch();
        Some(Agreed { keys, epoch })
    }

    /// The session to send with.
    #[inline]
    pub(crate) fn current(&self) -> Option<RcuArc<Keypair>> {
        self.0.current()
    }

    /// After sending: whether it is time for a new session. It is the current one that counts, not
    /// that of the packets, which may be an older one's.
    pub(crate) fn wants_rekey_after_sending(&self) -> bool {
        let wants = |life: &Life| life.wants_rekey_after_sending(time::keys());
        self.0.look(wants).unwrap_or(false)
    }

    /// After receiving: whether it is so late that a new session is needed even to answer.
    pub(crate) fn wants_rekey_after_receiving(&self) -> bool {
        let wants = |life: &Life| life.wants_rekey_after_receiving(time::keys());
        self.0.look(wants).unwrap_or(false)
    }

    /// Starts the session that a handshake has agreed on. Its index passes from the handshake to
    /// the keypair.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or `ENOENT` if all sessions have been ended meanwhile; the index is taken out then.
    pub(crate) fn begin(&self, peer: &Arc<Peer>, agreed: Agreed) -> Result {
        let index = agreed.keys.local_index;
        self.try_begin(peer, agreed)
            .inspect_err(|_| peer.dev.drop_index(index))
    }

    fn try_begin(&self, peer: &Arc<Peer>, agreed: Agreed) -> Result {
        let Agreed { keys, epoch } = agreed;
        let dev = &peer.dev;
        let index = keys.local_index;
        let keypair = Keypair {
            id: dev.next_keypair_id(),
            sending: keys.sending,
            receiving: keys.receiving,
            remote_index: keys.remote_index,
            local_index: index,
            life: Life::new(keys.initiator, time::keys()),
            window: SpinLock::new(Window::new(), Class::Replay),
            peer: peer.id,
            dev: dev.clone(),
        };
        debug::keypair_created(&dev.net, keypair.id, peer.id);
        let keypair = RcuOwned::new(keypair, GFP_KERNEL)?;
        let target = Target::Session(peer.clone(), keypair.share());
        let mut published = Ok(());
        let publish = || {
            if peer.is_dead() {
                return false;
            }
            published = dev.replace_index(index, target, GFP_ATOMIC);
            published.is_ok()
        };
        if self
            .0
            .begin(epoch, keypair, publish, |old| retire(dev, old))
        {
            Ok(())
        } else {
            published.and(Err(ENOENT))
        }
    }

    /// Packets opened with this keypair. If it waited for that, it is the current one from now on:
    /// the peer has shown that it has the keys. Whether that was so.
    pub(crate) fn received_with(&self, keypair: &RcuArc<Keypair>, dev: &Device) -> bool {
        self.0.received_with(keypair, |old| retire(dev, old))
    }

    /// Ends all sessions and zeroes their keys (after a grace period).
    pub(crate) fn clear(&self, dev: &Device) {
        self.0.clear(|old| retire(dev, old));
    }

    /// Nothing more is sent in any session; what is under way may still arrive.
    pub(crate) fn expire(&self) {
        self.0.expire();
    }
}

/// The index stands for nothing any more; the keys go after a grace period, with the last bundle
/// that uses them.
fn retire(dev: &Device, keypair: RcuOwned<Keypair>) {
    dev.drop_index(keypair.local_index);
}
