// SPDX-License-Identifier: GPL-2.0

//! Handshake messages, in and out (paper, sections 5.3 and 5.4).
//!
//! They have queues and workers of their own: data never waits for them. Curve arithmetic is done
//! on snapshots without locks; the state machine of `wg_protocol::noise` takes a result only if it
//! is still where the snapshot left it.
#![forbid(unsafe_code)]

use crate::{
    device::{Device, Target},
    kapi::{
        cpu::{self, BhGuard},
        debug::{self, Event},
        lock::{Class, SpinLock},
        random,
        rcu::RcuGuard,
        skb::{Chain, Skb},
        socket::Endpoint,
        time,
        work::Work,
    },
    limits,
    peer::Peer,
    transmit,
};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{alloc::flags::GFP_KERNEL, prelude::*, sync::Arc};
use wg_protocol::{
    cookie::MacState,
    message::{
        self, CookieReply, Initiation, Kind, Response, HANDSHAKE_DSCP, MAX_QUEUED_HANDSHAKES,
    },
    noise::{self, ResponderSnapshot, Timestamp},
};

/// One CPU's worker on the inbox.
pub(crate) struct Worker {
    dev: SpinLock<Option<Arc<Device>>>,
    pub(crate) work: Work<Worker>,
}

/// Received handshake messages of a device that wait for a worker.
pub(crate) struct Inbox {
    waiting: SpinLock<Chain>,
    workers: KVec<Arc<Worker>>,
    last_cpu: AtomicUsize,
}

impl Inbox {
    /// An empty inbox.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let mut workers = KVec::with_capacity(cpu::count(), GFP_KERNEL)?;
        for _ in 0..cpu::count() {
            let worker = Arc::new(
                Worker {
                    dev: SpinLock::new(None, Class::KexQueue),
                    work: Work::new(),
                },
                GFP_KERNEL,
            )?;
            Work::init(&worker);
            workers.push(worker, GFP_KERNEL)?;
        }
        Ok(Inbox {
            waiting: SpinLock::new(Chain::new(), Class::KexQueue),
            workers,
            last_cpu: AtomicUsize::new(0),
        })
    }

    /// Gives the workers their device.
    ///
    /// # Errors
    ///
    /// None; the same form as that of the other queues.
    pub(crate) fn attach(&self, dev: &Arc<Device>) -> Result {
        for worker in self.workers.iter() {
            *worker.dev.lock() = Some(dev.clone());
        }
        Ok(())
    }

    /// Takes it back.
    pub(crate) fn detach(&self) {
        for worker in self.workers.iter() {
            let dev = worker.dev.lock().take();
            drop(dev);
        }
    }

    /// Drops what waits.
    pub(crate) fn clear(&self) {
        let lost = core::mem::take(&mut *self.waiting.lock());
        drop(lost);
    }

    /// Adds a message. From softirq.
    pub(crate) fn push(&self, dev: &Device, skb: Skb) {
        {
            let mut waiting = self.waiting.lock();
            if waiting.len() >= MAX_QUEUED_HANDSHAKES {
                drop(waiting);
                dev.net.count_rx_dropped(1);
                return;
            }
            waiting.push(skb);
        }
        let cpu = cpu::next_online(self.last_cpu.load(Ordering::Relaxed));
        self.last_cpu.store(cpu, Ordering::Relaxed);
        if let Some(worker) = self.workers.get(cpu) {
            dev.kex.queue_on(cpu, worker.clone());
        }
    }
}

impl Worker {
    pub(crate) fn run(this: Arc<Self>) {
        let Some(dev) = this.dev.lock().clone() else {
            return;
        };
        loop {
            let (message, behind) = {
                let mut waiting = dev.inbox.waiting.lock();
                (waiting.pop(), waiting.len())
            };
            let Some(message) = message else { break };
            receive(&dev, message, behind);
            cpu::cond_resched();
        }
    }
}

/// Handles one message; `behind` more wait.
fn receive(dev: &Arc<Device>, mut skb: Skb, behind: usize) {
    let endpoint = skb.endpoint();
    let len = skb.len();
    let Ok(bytes) = skb.bytes() else {
        dev.net.count_rx_dropped(1);
        return;
    };
    let kind = message::classify(bytes, bytes.len());
    if matches!(kind, Some(Kind::CookieReply)) {
        if let Some(reply) = CookieReply::from_bytes(bytes) {
            receive_cookie(dev, &reply);
        }
        return;
    }

    let under_load = limits::under_load(behind);
    let view = {
        let mut cookies = dev.cookies.lock();
        if under_load && cookies.secret_due(time::keys()) {
            cookies.rotate_if_due(time::keys(), &random::bytes());
        }
        cookies.view()
    };
    let (address_len, source) = endpoint.source_bytes();
    let source = source.get(..address_len + 2).unwrap_or_default();
    match view.mac_state(bytes, under_load.then_some(source)) {
        MacState::Invalid => {
            debug::event(&dev.net, 0, &endpoint, Event::BadMac);
            return;
        }
        MacState::ValidNoCookie if under_load => {
            if let Some(reply) = view.reply(bytes, source, random::bytes()) {
                debug::event(&dev.net, 0, &endpoint, Event::SendCookie);
                dev.sockets.reply(&skb, reply.as_bytes());
            }
            return;
        }
        MacState::ValidWithCookie if under_load && !limits::allow(&dev.net, &endpoint) => {
            dev.net.count_rx_dropped(1);
            return;
        }
        MacState::ValidNoCookie | MacState::ValidWithCookie => {}
    }

    let peer = match kind {
        Some(Kind::Initiation) => Initiation::from_bytes(bytes)
            .and_then(|message| receive_initiation(dev, &message, endpoint)),
        Some(Kind::Response) => Response::from_bytes(bytes)
            .and_then(|message| receive_response(dev, &message, endpoint)),
        _ => None,
    };
    let Some(peer) = peer else {
        debug::event(&dev.net, 0, &endpoint, Event::BadHandshake);
        return;
    };
    {
        let _bh = BhGuard::new();
        dev.net.count_received(1, len.into());
    }
    peer.rx_bytes.fetch_add(len.into(), Ordering::Relaxed);
    Peer::with_timers(&peer, |timers| {
        timers.any_authenticated_received();
        timers.any_authenticated_traversal(time::timers(), peer.keepalive_secs())
    });
}

fn receive_cookie(dev: &Device, reply: &CookieReply) {
    let section = RcuGuard::new();
    let peer = match dev.target(reply.receiver(), &section) {
        Some(Target::Handshake(peer) | Target::Session(peer, _)) => peer.clone(),
        None => return,
    };
    drop(section);
    let taken = peer
        .jar
        .lock()
        .consume_reply(&peer.public, reply, time::keys());
    if taken {
        debug::event(&dev.net, peer.id, &peer.endpoint(), Event::ReceivedCookie);
    }
}

/// The peer, if the message was its initiation; it is answered.
fn receive_initiation(
    dev: &Arc<Device>,
    message: &Initiation,
    endpoint: Endpoint,
) -> Option<Arc<Peer>> {
    let identity = dev.identity()?;
    let opened = noise::open_initiation(&identity, message)?;
    let peer = dev.peer_by_key(opened.peer_public())?;
    let consumed = opened.finish(&peer.statics(), message)?;
    let snapshot = peer
        .handshake
        .lock()
        .commit_consumed_initiation(consumed, time::keys())
        .ok()?;
    peer.set_endpoint(endpoint);
    debug::event(&dev.net, peer.id, &endpoint, Event::ReceivedInitiation);
    // Whether or not there is memory for the answer: the initiation was the peer's.
    let _ = send_response(&peer, &snapshot);
    if !dev.still_is(&identity) {
        peer.expire_sessions();
    }
    Some(peer)
}

fn send_response(peer: &Arc<Peer>, snapshot: &ResponderSnapshot) -> Result {
    let dev = &peer.dev;
    let index = dev.add_handshake_index(peer)?;
    let Some((mut message, state)) = noise::create_response(snapshot, random::bytes(), index)
    else {
        dev.drop_index(index);
        return Err(EINVAL);
    };
    let (displaced, agreed) = {
        let mut handshake = peer.handshake.lock();
        match handshake.commit_response(snapshot, state) {
            Ok(displaced) if !peer.is_dead() => (displaced, peer.keypairs.agree(&mut handshake)),
            Ok(displaced) => {
                drop(handshake);
                if let Some(old) = displaced {
                    dev.drop_index(old);
                }
                peer.end_sessions();
                return Err(ENOENT);
            }
            Err(_) => {
                drop(handshake);
                dev.drop_index(index);
                return Err(EBUSY);
            }
        }
    };
    if let Some(old) = displaced {
        dev.drop_index(old);
    }
    peer.keypairs.begin(peer, agreed.ok_or(EINVAL)?)?;
    peer.jar
        .lock()
        .add_macs(&peer.public, message.as_mut_bytes(), time::keys());
    Peer::with_timers(peer, |timers| {
        let now = time::timers();
        let due = timers.session_derived(now);
        timers.any_authenticated_sent();
        timers.handshake_sent(time::now());
        timers
            .any_authenticated_traversal(now, peer.keepalive_secs())
            .or(due)
    });
    send_message(peer, message.as_bytes(), Event::SendResponse);
    Ok(())
}

/// The peer, if the message was its response to our initiation; the session begins.
fn receive_response(
    dev: &Arc<Device>,
    message: &Response,
    endpoint: Endpoint,
) -> Option<Arc<Peer>> {
    let identity = dev.identity()?;
    let peer = {
        let section = RcuGuard::new();
        match dev.target(message.receiver(), &section) {
            Some(Target::Handshake(peer)) => peer.clone(),
            _ => return None,
        }
    };
    let snapshot = peer.handshake.lock().snapshot_for_response()?;
    let consumed = noise::consume_response(&identity, &snapshot, message)?;
    let agreed = {
        let mut handshake = peer.handshake.lock();
        handshake
            .commit_consumed_response(&snapshot, consumed)
            .ok()?;
        peer.keypairs.agree(&mut handshake)?
    };
    peer.set_endpoint(endpoint);
    debug::event(&dev.net, peer.id, &endpoint, Event::ReceivedResponse);
    if peer.keypairs.begin(&peer, agreed).is_ok() {
        Peer::with_timers(&peer, |timers| timers.session_derived(time::timers()));
        Peer::handshake_complete(&peer);
        // Whoever has nothing to say must say so: only data confirms the keys to the responder.
        transmit::send_keepalive(&peer);
    }
    Some(peer)
}

/// Worker: sends an initiation, if it is still wanted.
pub(crate) fn send_initiation(peer: Arc<Peer>) {
    let dev = &peer.dev;
    if peer.is_dead() || !peer.ask_timers(|timers| timers.begin_initiation(time::now())) {
        return;
    }
    let statics = peer.statics();
    let Some(identity) = dev.identity() else {
        return;
    };
    if !statics.can_handshake() {
        return;
    }
    if !random::ready() {
        // Too early after the boot. Waiting here could hold up whoever waits for this worker.
        return Peer::with_timers(&peer, |timers| {
            timers.handshake_initiated(time::timers(), Peer::jitter())
        });
    }
    let Ok(index) = dev.add_handshake_index(&peer) else {
        return;
    };
    let (secs, nanos) = time::wall();
    let timestamp = Timestamp::now(secs, nanos);
    let Some((mut message, state)) =
        noise::create_initiation(&identity, &statics, random::bytes(), timestamp, index)
    else {
        dev.drop_index(index);
        return;
    };
    let displaced = peer.handshake.lock().commit_initiation(state);
    if let Some(old) = displaced {
        dev.drop_index(old);
    }
    if peer.is_dead() {
        peer.end_sessions();
        return;
    }
    peer.jar
        .lock()
        .add_macs(&peer.public, message.as_mut_bytes(), time::keys());
    let mut stale = false;
    Peer::with_timers(&peer, |timers| {
        // Whoever changes the identity opens the gate afterwards, under this lock: it must not be
        // shut again for a message that nobody can answer.
        stale = !dev.still_is(&identity);
        if stale {
            return None;
        }
        let now = time::timers();
        timers.any_authenticated_sent();
        timers.handshake_sent(time::now());
        let due = timers.any_authenticated_traversal(now, peer.keepalive_secs());
        timers.handshake_initiated(now, Peer::jitter()).or(due)
    });
    if stale {
        return peer.expire_sessions();
    }
    send_message(&peer, message.as_bytes(), Event::SendInitiation);
}

fn send_message(peer: &Arc<Peer>, message: &[u8], what: Event) {
    let endpoint = peer.endpoint();
    debug::event(&peer.dev.net, peer.id, &endpoint, what);
    let sent = peer
        .dev
        .sockets
        .send_message(&endpoint, &peer.routes, message, HANDSHAKE_DSCP);
    peer.tx_bytes.fetch_add(sent.bytes, Ordering::Relaxed);
    if sent.source_stale {
        peer.source_was_stale(&endpoint);
    }
}
