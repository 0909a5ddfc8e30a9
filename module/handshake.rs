// SPDX-License-Identifier: GPL-2.0

//! Handshake messages, in and out (paper, sections 5.3 and 5.4).
//!
//! They have queues and workers of their own: data never waits for them. Curve arithmetic is done
//! on snapshots without locks; the state machine of `wg_protocol::noise` takes a result only if it
//! is still where the snapshot left it.
#![forbid(unsafe_code)]

use crate::{
    counters::Fate,
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
    message::{
        self, CookieReply, Initiation, Kind, Response, HANDSHAKE_DSCP, MAX_QUEUED_HANDSHAKES,
    },
    noise::{self, Rejected, ResponderSnapshot, Timestamp},
};

/// A handshake message from a socket. In softirq: what is not meant for us ends here, before it
/// takes a place in the queue and a worker's time.
pub(crate) fn hook(dev: &Device, kind: Kind, mut skb: Skb) {
    if !random::ready() {
        return dev.counters.end(Fate::RxNotReady, skb);
    }
    // Looking for an index costs next to nothing, and whoever guesses has none of ours.
    if let Some(index) = message::receiver(kind, skb.prefix()) {
        let section = RcuGuard::new();
        let fate = match (kind, dev.target(index, &section)) {
            (Kind::CookieReply, None) => Some(Fate::RxBadCookie),
            (Kind::Response, None | Some(Target::Session(..))) => Some(Fate::RxBadHandshake),
            _ => None,
        };
        drop(section);
        if let Some(fate) = fate {
            return dev.counters.end(fate, skb);
        }
    }
    // A cookie reply has no mac1.
    if !matches!(kind, Kind::CookieReply) {
        let Ok(bytes) = skb.bytes() else {
            return dev.counters.end(Fate::RxNoMemory, skb);
        };
        if !dev.is_meant(bytes) {
            debug::bad_mac(&dev.net, &skb);
            return dev.counters.end(Fate::RxBadMac1, skb);
        }
    }
    dev.inbox.push(dev, skb);
}

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
    pub(crate) fn clear(&self, dev: &Device) {
        let lost = core::mem::take(&mut *self.waiting.lock());
        dev.counters.end_all(Fate::RxStopped, lost);
    }

    /// Adds a message. From softirq.
    fn push(&self, dev: &Device, skb: Skb) {
        {
            let mut waiting = self.waiting.lock();
            if waiting.len() >= MAX_QUEUED_HANDSHAKES {
                drop(waiting);
                return dev.counters.end(Fate::RxHandshakeQueueFull, skb);
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
    let fate = take(dev, &mut skb, behind);
    dev.counters.end(fate, skb);
}

/// Handles one message, whose mac1 was right when it came; what became of it.
fn take(dev: &Arc<Device>, skb: &mut Skb, behind: usize) -> Fate {
    let endpoint = skb.endpoint();
    let len = skb.len();
    let Ok(bytes) = skb.bytes() else {
        return Fate::RxNoMemory;
    };
    let kind = message::classify(bytes, bytes.len());
    if matches!(kind, Some(Kind::CookieReply)) {
        return match CookieReply::from_bytes(bytes) {
            Some(reply) => receive_cookie(dev, &reply),
            None => Fate::RxMalformed,
        };
    }
    if limits::under_load(behind) {
        let view = {
            let mut cookies = dev.cookies.lock();
            if cookies.secret_due(time::keys()) {
                cookies.rotate_if_due(time::keys(), &random::bytes());
            }
            cookies.view()
        };
        let (address_len, source) = endpoint.source_bytes();
        let source = source.get(..address_len + 2).unwrap_or_default();
        if !view.has_cookie(bytes, source) {
            if let Some(reply) = view.reply(bytes, source, random::bytes()) {
                debug::event(&dev.net, 0, &endpoint, Event::SendCookie);
                let sent = dev.sockets.reply(skb, reply.as_bytes());
                dev.counters.count(outcome(sent, Fate::TxCookie), 1);
            }
            return Fate::RxNoCookie;
        }
        if !limits::allow(&dev.net, &endpoint) {
            return Fate::RxRateLimited;
        }
    }

    let taken = match kind {
        Some(Kind::Initiation) => Initiation::from_bytes(bytes)
            .ok_or(Fate::RxMalformed)
            .and_then(|message| receive_initiation(dev, &message, endpoint)),
        Some(Kind::Response) => Response::from_bytes(bytes)
            .ok_or(Fate::RxMalformed)
            .and_then(|message| receive_response(dev, &message, endpoint)),
        _ => Err(Fate::RxMalformed),
    };
    let peer = match taken {
        Ok(peer) => peer,
        Err(fate) => {
            debug::event(&dev.net, 0, &endpoint, Event::BadHandshake);
            return fate;
        }
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
    Fate::RxHandshake
}

fn receive_cookie(dev: &Device, reply: &CookieReply) -> Fate {
    let section = RcuGuard::new();
    let peer = match dev.target(reply.receiver(), &section) {
        Some(Target::Handshake(peer) | Target::Session(peer, _)) => peer.clone(),
        None => return Fate::RxBadCookie,
    };
    drop(section);
    let taken = peer
        .jar
        .lock()
        .consume_reply(&peer.public, reply, time::keys());
    if !taken {
        return Fate::RxBadCookie;
    }
    debug::event(&dev.net, peer.id, &peer.endpoint(), Event::ReceivedCookie);
    Fate::RxCookie
}

/// The peer, if the message was its initiation; it is answered.
fn receive_initiation(
    dev: &Arc<Device>,
    message: &Initiation,
    endpoint: Endpoint,
) -> Result<Arc<Peer>, Fate> {
    let identity = dev.identity().ok_or(Fate::RxBadHandshake)?;
    let opened = noise::open_initiation(&identity, message).ok_or(Fate::RxBadHandshake)?;
    let peer = dev
        .peer_by_key(opened.peer_public())
        .ok_or(Fate::RxUnknownPeer)?;
    let consumed = opened
        .finish(&peer.statics(&identity), message)
        .ok_or(Fate::RxBadHandshake)?;
    let snapshot = peer
        .handshake
        .lock()
        .commit_consumed_initiation(consumed, time::keys())
        .map_err(|rejected| match rejected {
            Rejected::Replay => Fate::RxReplayedHandshake,
            Rejected::Flood => Fate::RxTooSoon,
        })?;
    peer.set_endpoint(endpoint);
    debug::event(&dev.net, peer.id, &endpoint, Event::ReceivedInitiation);
    // Whether or not there is memory for the answer: the initiation was the peer's.
    let _ = send_response(&peer, &snapshot);
    if !dev.still_is(&identity) {
        peer.expire_sessions();
    }
    Ok(peer)
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
) -> Result<Arc<Peer>, Fate> {
    const BAD: Fate = Fate::RxBadHandshake;
    let identity = dev.identity().ok_or(BAD)?;
    let peer = {
        let section = RcuGuard::new();
        match dev.target(message.receiver(), &section) {
            Some(Target::Handshake(peer)) => peer.clone(),
            _ => return Err(BAD),
        }
    };
    let snapshot = peer.handshake.lock().snapshot_for_response().ok_or(BAD)?;
    let consumed = noise::consume_response(&identity, &snapshot, message).ok_or(BAD)?;
    let agreed = {
        let mut handshake = peer.handshake.lock();
        handshake
            .commit_consumed_response(&snapshot, consumed)
            .map_err(|_| BAD)?;
        peer.keypairs.agree(&mut handshake).ok_or(BAD)?
    };
    peer.set_endpoint(endpoint);
    debug::event(&dev.net, peer.id, &endpoint, Event::ReceivedResponse);
    if peer.keypairs.begin(&peer, agreed).is_ok() {
        Peer::with_timers(&peer, |timers| timers.session_derived(time::timers()));
        Peer::handshake_complete(&peer);
        // Whoever has nothing to say must say so: only data confirms the keys to the responder.
        transmit::send_keepalive(&peer);
    }
    Ok(peer)
}

/// Worker: sends an initiation, if it is still wanted.
pub(crate) fn send_initiation(peer: Arc<Peer>) {
    let dev = &peer.dev;
    if peer.is_dead() || !peer.ask_timers(|timers| timers.begin_initiation(time::now())) {
        return;
    }
    let Some(identity) = dev.identity() else {
        return;
    };
    let statics = peer.statics(&identity);
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

/// What became of a message of ours.
fn outcome(sent: bool, fate: Fate) -> Fate {
    if sent {
        fate
    } else {
        Fate::TxHandshakeFailed
    }
}

fn send_message(peer: &Arc<Peer>, message: &[u8], what: Event) {
    let endpoint = peer.endpoint();
    debug::event(&peer.dev.net, peer.id, &endpoint, what);
    let sent = peer
        .dev
        .sockets
        .send_message(&endpoint, &peer.routes, message, HANDSHAKE_DSCP);
    let fate = outcome(sent.failed == 0, Fate::TxHandshake);
    peer.dev.counters.count(fate, 1);
    peer.tx_bytes.fetch_add(sent.bytes, Ordering::Relaxed);
    if sent.source_stale {
        peer.source_was_stale(&endpoint);
    }
}
