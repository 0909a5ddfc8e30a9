// SPDX-License-Identifier: GPL-2.0

//! One peer: who it is, where it is, its sessions and what waits for it.
//!
//! Made and ended by configuration, under rtnl. The device's tables, bundles under way, an armed
//! timer and queued work hold references; [`Peer::end`] takes it out of all that lasts.
#![forbid(unsafe_code)]

use crate::{
    counters::Fate,
    device::Device,
    kapi::{
        debug::{self, Event},
        lock::{Class, SpinLock},
        random,
        socket::{Endpoint, RouteCache},
        time,
        timer::Timer,
        work::Work,
    },
    keypair::Keypairs,
    lane::Lane,
    transmit::{self, Staged},
};
use core::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use kernel::{alloc::flags::GFP_KERNEL, prelude::*, sync::Arc};
use wg_protocol::{
    allowedips::Owner,
    cookie::Jar,
    noise::{Handshake, Identity, PeerStatic},
    timers::Timers,
    Instant,
};

/// Where a peer was heard of last, or is said to be, and when there was a handshake with it.
#[derive(Clone, Copy)]
pub(crate) struct Contact {
    /// Where it is reached.
    pub(crate) endpoint: Endpoint,
    /// When the last handshake was completed, by the wall clock: seconds and nanoseconds; zero if
    /// none was.
    pub(crate) last_handshake: (u64, u32),
}

/// See the head of this file.
pub(crate) struct Peer {
    /// Counts up from 1 in each device; the order of dumps.
    pub(crate) id: u64,
    /// Its number in the device's table and in the trie; used again later.
    pub(crate) slot: u32,
    pub(crate) dev: Arc<Device>,
    pub(crate) public: [u8; 32],
    pub(crate) handshake: SpinLock<Handshake>,
    pub(crate) jar: SpinLock<Jar>,
    pub(crate) keypairs: Keypairs,
    pub(crate) staged: Staged,
    pub(crate) tx: Lane,
    pub(crate) rx: Lane,
    pub(crate) routes: RouteCache,
    pub(crate) endpoint_known: AtomicBool,
    pub(crate) rx_bytes: AtomicU64,
    pub(crate) tx_bytes: AtomicU64,
    pub(crate) allowed: Owner,
    /// Under which identity, and what came out; see [`Peer::statics`].
    statics: SpinLock<Option<(Arc<Identity>, PeerStatic)>>,
    contact: SpinLock<Contact>,
    keepalive: AtomicU16,
    timers: SpinLock<Timers>,
    dead: AtomicBool,
    pub(crate) timer: Timer<Peer>,
    pub(crate) work: Work<Peer>,
}

impl Peer {
    /// A peer that no table knows yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(
        dev: &Arc<Device>,
        id: u64,
        slot: u32,
        public: [u8; 32],
    ) -> Result<Arc<Self>> {
        let peer = Arc::new(
            Peer {
                id,
                slot,
                dev: dev.clone(),
                public,
                handshake: SpinLock::new(Handshake::new([0; 32]), Class::Handshake),
                jar: SpinLock::new(Jar::new(), Class::Cookie),
                keypairs: Keypairs::new(),
                staged: Staged::new(),
                tx: Lane::new(),
                rx: Lane::new(),
                routes: RouteCache::new()?,
                endpoint_known: AtomicBool::new(false),
                rx_bytes: AtomicU64::new(0),
                tx_bytes: AtomicU64::new(0),
                allowed: Owner::new(),
                statics: SpinLock::new(None, Class::Statics),
                contact: SpinLock::new(
                    Contact {
                        endpoint: Endpoint::new(),
                        last_handshake: (0, 0),
                    },
                    Class::Endpoint,
                ),
                keepalive: AtomicU16::new(0),
                timers: SpinLock::new(Timers::new(), Class::Timers),
                dead: AtomicBool::new(false),
                timer: Timer::new(),
                work: Work::new(),
            },
            GFP_KERNEL,
        )?;
        Work::init(&peer);
        Timer::init(&peer);
        Ok(peer)
    }

    /// The peer is in the tables.
    pub(crate) fn announce(this: &Arc<Self>) {
        if this.dev.is_up() {
            this.timers.lock().start();
        }
        debug::peer_created(&this.dev.net, this.id);
    }

    /// The interface has come up.
    pub(crate) fn start(this: &Arc<Self>) {
        this.timers.lock().start();
        transmit::send_staged(this);
        if this.keepalive_secs() != 0 {
            transmit::send_keepalive(this);
        }
    }

    /// The interface has gone down: what waits is dropped, sessions end.
    pub(crate) fn stop(this: &Arc<Self>) {
        this.purge_staged(Fate::TxStopped);
        this.timers.lock().stop();
        Timer::cancel(this);
        this.end_sessions();
    }

    /// The peer has left the tables, for good.
    pub(crate) fn end(this: &Arc<Self>) {
        this.dead.store(true, Ordering::SeqCst);
        Self::stop(this);
        this.routes.reset();
    }

    /// Whether it has ended. Anything found after that, under the lock of what it is put into, is
    /// not put there any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    fn purge_staged(&self, fate: Fate) {
        self.dev.counters.end_all(fate, self.staged.take());
    }

    fn clear_handshake(&self) {
        let index = self.handshake.lock().clear();
        if let Some(index) = index {
            self.dev.drop_index(index);
        }
    }

    /// Handshake and sessions are over, their keys zeroed.
    pub(crate) fn end_sessions(&self) {
        self.clear_handshake();
        self.keypairs.clear(&self.dev);
    }

    /// Our identity has changed: nothing is sent in the sessions there are.
    pub(crate) fn identity_changed(&self) {
        *self.statics.lock() = None;
        self.expire_sessions();
    }

    /// Nothing more is sent in the sessions there are, and a handshake under way is over. A new one
    /// may begin at once (reference 1.2, "Expire").
    pub(crate) fn expire_sessions(&self) {
        self.clear_handshake();
        self.timers.lock().open_gate();
        self.keypairs.expire();
    }

    /// What both sides' long-term keys make: a curve operation, done when a handshake first needs it.
    /// So peers are configured, and identities changed, at the cost of a table's entry.
    pub(crate) fn statics(&self, identity: &Arc<Identity>) -> PeerStatic {
        if let Some((own, made)) = &*self.statics.lock() {
            if Arc::ptr_eq(own, identity) {
                return made.clone();
            }
        }
        let made = PeerStatic::new(self.public, Some(identity));
        *self.statics.lock() = Some((identity.clone(), made.clone()));
        // Whoever changes the identity has peers forget this afterwards: one of us comes last.
        if !self.dev.still_is(identity) {
            *self.statics.lock() = None;
        }
        made
    }

    // Where it is.

    /// Where it is reached.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.contact.lock().endpoint
    }

    /// The same, and when there was a handshake.
    pub(crate) fn contact(&self) -> Contact {
        *self.contact.lock()
    }

    /// Sets it, as configured or as seen on an authenticated packet.
    pub(crate) fn set_endpoint(&self, endpoint: Endpoint) {
        if !endpoint.is_known() {
            return;
        }
        {
            let mut contact = self.contact.lock();
            if contact.endpoint == endpoint {
                return;
            }
            contact.endpoint = endpoint;
        }
        self.endpoint_known.store(true, Ordering::Relaxed);
        self.routes.reset();
    }

    /// The address to send from is chosen anew.
    pub(crate) fn forget_source(&self) {
        self.contact.lock().endpoint.clear_source();
        self.routes.reset();
    }

    /// The same when the namespace of the sockets ends. They are closed and every sender that saw
    /// them has been waited for, so the routes can be released at once.
    pub(crate) fn release_routes(&self) {
        self.contact.lock().endpoint.clear_source();
        self.routes.reset_now();
    }

    /// The same, unless the endpoint has changed since it was found stale.
    pub(crate) fn source_was_stale(&self, found: &Endpoint) {
        let mut contact = self.contact.lock();
        if contact.endpoint == *found {
            contact.endpoint.clear_source();
        }
    }

    // Configuration and counters.

    /// Seconds between keepalives that are sent in any case; 0: none are.
    pub(crate) fn keepalive_secs(&self) -> u16 {
        self.keepalive.load(Ordering::Relaxed)
    }

    /// Sets it. What it was.
    pub(crate) fn set_keepalive_secs(&self, secs: u16) -> u16 {
        self.keepalive.swap(secs, Ordering::Relaxed)
    }

    /// A handshake has been completed.
    pub(crate) fn handshake_complete(this: &Arc<Self>) {
        this.timers.lock().handshake_complete();
        let now = time::wall();
        this.contact.lock().last_handshake = now;
    }

    // Time.

    /// Tells the timers what happened, and arms the kernel's timer if they want it earlier.
    pub(crate) fn with_timers(
        this: &Arc<Self>,
        event: impl FnOnce(&mut Timers) -> Option<Instant>,
    ) {
        let mut timers = this.timers.lock();
        if let Some(due) = event(&mut timers) {
            Timer::arm(this, due.since(time::timers()));
        }
    }

    /// Asks the timers a question.
    pub(crate) fn ask_timers<R>(&self, question: impl FnOnce(&mut Timers) -> R) -> R {
        question(&mut self.timers.lock())
    }

    /// Has an initiation sent, unless one was just now. `is_retry`: for want of an answer to the
    /// last.
    pub(crate) fn request_handshake(this: &Arc<Self>, is_retry: bool) {
        if this.is_dead() {
            return;
        }
        let wanted = this.ask_timers(|timers| timers.queue_initiation(time::now(), is_retry));
        if wanted {
            this.dev.kex.queue(this.clone());
        }
    }

    /// The kernel's timer. In softirq.
    pub(crate) fn expired(this: Arc<Self>) {
        let due = {
            let mut timers = this.timers.lock();
            let due = timers.expire(time::timers(), this.keepalive_secs());
            if let Some(again) = due.rearm {
                Timer::arm(&this, again.since(time::timers()));
            }
            due
        };
        if this.is_dead() {
            return;
        }
        let say = |what| debug::event(&this.dev.net, this.id, &this.endpoint(), what);
        if due.clear_source {
            this.forget_source();
        }
        if due.give_up {
            say(Event::GiveUp);
            this.purge_staged(Fate::TxNoAnswer);
        }
        if due.retry_initiation {
            say(Event::Retry);
            Peer::request_handshake(&this, true);
        }
        if due.initiate {
            say(Event::StoppedHearing);
            Peer::request_handshake(&this, false);
        }
        if due.zero_keys {
            say(Event::ZeroKeys);
            this.end_sessions();
        }
        if due.send_keepalive || due.persistent_keepalive {
            transmit::send_keepalive(&this);
        }
    }

    /// A random number for the timers.
    pub(crate) fn jitter() -> u32 {
        random::u32()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        debug::peer_destroyed(&self.dev.net, self.id, &self.contact.get_mut().endpoint);
    }
}
