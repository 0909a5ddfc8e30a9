// SPDX-License-Identifier: GPL-2.0

//! The way out: from the stack to a peer's staged packets, sealed, into UDP.
#![forbid(unsafe_code)]

use crate::{
    allowed,
    bundle::{run_of, Bundle, Task},
    counters::Fate,
    cpu_queue::CpuQueue,
    device::Device,
    kapi::{
        cpu::{self, AtOnce},
        crypt,
        debug::{self, Event},
        errno::NetError,
        lock::{Class, SpinLock},
        queue::Queue,
        rcu::RcuGuard,
        skb::{Chain, Skb},
        time,
    },
    lane::Run,
    peer::Peer,
    worker,
};
use core::sync::atomic::Ordering;
use kernel::{
    alloc::flags::{__GFP_NOWARN, GFP_ATOMIC},
    prelude::*,
    sync::Arc,
};
use wg_protocol::message::MAX_STAGED;

/// Packets that go out in one section with bottom halves off; a bundle is never divided.
const SECTION: usize = 64;

/// Packets that wait for a key, or for their turn to get their counters.
pub(crate) struct Staged(SpinLock<Chain>);

impl Staged {
    pub(crate) fn new() -> Self {
        Staged(SpinLock::new(Chain::new(), Class::Staged))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Takes all.
    pub(crate) fn take(&self) -> Chain {
        core::mem::take(&mut *self.0.lock())
    }
}

/// A packet from the stack, which is used up whatever happens.
///
/// # Errors
///
/// What the application is told: `EPROTONOSUPPORT`, `ENOKEY` (no peer has the destination),
/// `EDESTADDRREQ` (the peer's endpoint is not known).
pub(crate) fn xmit(dev: &Device, mut skb: Skb) -> Result {
    let Some(destination) = skb.destination() else {
        dev.counters.end(Fate::TxBadProtocol, skb);
        return Err(NetError::ProtocolNotSupported.into());
    };
    let section = RcuGuard::new();
    let peer = allowed::lookup(&dev.trie, destination, &section)
        .and_then(|id| dev.peer_by_id(id, &section));
    let (error, fate) = match peer {
        Some(peer) if peer.endpoint_known.load(Ordering::Relaxed) => {
            let (packets, lost) = skb.segment(&dev.net);
            dev.counters.count(Fate::TxNoMemory, lost);
            if !packets.is_empty() {
                stage(peer, packets);
                send_staged(peer);
            }
            return Ok(());
        }
        Some(_) => (NetError::DestinationRequired, Fate::TxNoEndpoint),
        None => (NetError::NoKey, Fate::TxNoPeer),
    };
    drop(section);
    skb.send_unreachable(destination.version());
    dev.counters.end(fate, skb);
    Err(error.into())
}

/// Adds packets to those that wait; the oldest go if there are too many.
fn stage(peer: &Peer, packets: Chain) {
    let mut old = Chain::new();
    {
        let mut staged = peer.staged.0.lock();
        while staged.len() > MAX_STAGED {
            match staged.pop() {
                Some(skb) => old.push(skb),
                None => break,
            }
        }
        staged.append(packets);
    }
    peer.dev.counters.end_all(Fate::TxStagedFull, old);
}

/// Gives the staged packets their counters and has them sealed. Without a key they go on waiting,
/// and a handshake begins.
pub(crate) fn send_staged(peer: &Arc<Peer>) {
    let dev = &peer.dev;
    let Some(keypair) = peer.keypairs.current() else {
        return wait_for_key(peer);
    };
    let room = KBox::<Bundle>::new_uninit(GFP_ATOMIC | __GFP_NOWARN);
    let limit = dev.tx_bound.peer_limit();
    // Counters and place are given under one lock, so that the one is the order of the other.
    let mut staged = peer.staged.0.lock();
    if staged.is_empty() {
        return;
    }
    let Some(first) = keypair.take_counters(staged.len()) else {
        drop(staged);
        return wait_for_key(peer);
    };
    let ready = match room {
        Ok(room) => match peer.tx.admit(cpu::current(), staged.len(), limit) {
            Ok(place) => Ok((room, place)),
            Err(error) if error == ENOSPC => Err(Fate::TxLaneFull),
            Err(_) => Err(Fate::TxNoMemory),
        },
        Err(_) => Err(Fate::TxNoMemory),
    };
    let packets = core::mem::take(&mut *staged);
    drop(staged);
    let (room, place) = match ready {
        Ok(ready) => ready,
        Err(fate) => return dev.counters.end_all(fate, packets),
    };
    let lone = packets.len() == 1;
    let home = place.home() as usize;
    let task = Task::Seal { first };
    let bundle = Bundle::new(task, peer.clone(), keypair, packets, place);
    let mut bundle = KBox::write(room, bundle);
    if lone && place.is_alone() && home == cpu::current() {
        match seal_inline(bundle) {
            None => return,
            Some(left) => bundle = left,
        }
    }
    bundle.charge();
    // A run may as well be sealed elsewhere, while this CPU makes the next one. A lone packet stays
    // where its data is warm, or goes where it will be sent.
    let queue = match (lone, place.is_alone()) {
        (false, _) => dev.next_queue(),
        (true, true) => dev.queues.get(home),
        (true, false) => dev.local_queue(),
    };
    match queue {
        Some(queue) => {
            let mut bundles = Queue::new();
            bundles.push(bundle);
            CpuQueue::push(queue, dev, bundles);
        }
        // Not reached: each CPU has a queue. The place is completed all the same.
        None => {
            let packets = core::mem::take(&mut bundle.packets.chain);
            dev.counters.end_all(Fate::TxNoMemory, packets);
            worker::complete(dev, cpu::current(), bundle);
        }
    }
}

/// Seals and sends a lone packet of a peer that has nothing else in flight, on the CPU that sends
/// for the peer: to wake a worker would cost more than the work. Gives it back if that cannot be
/// done here.
fn seal_inline(bundle: KBox<Bundle>) -> Option<KBox<Bundle>> {
    let Some(inline) = AtOnce::begin() else {
        return Some(bundle);
    };
    let peer = bundle.peer.clone();
    let dev = &peer.dev;
    let mut batch = Queue::new();
    batch.push(bundle);
    crypt::run(&mut batch, &dev.net);
    let run = batch.pop().and_then(complete);
    match run {
        Some(run) if run.cpu == cpu::current() => {
            send_all(&peer, run.first);
            // What is done from now on is left to the worker.
            if let Some(first) = peer.tx.next_run(cpu::current()) {
                let cpu = cpu::current();
                worker::hand_over(dev, Run { first, cpu });
            }
        }
        Some(run) => worker::hand_over(dev, run),
        None => {}
    }
    drop(inline);
    None
}

fn wait_for_key(peer: &Arc<Peer>) {
    {
        let mut staged = peer.staged.0.lock();
        if staged.is_empty() {
            return;
        }
        // They may wait for long: their senders get their accounts back.
        staged.for_each(Skb::orphan);
    }
    Peer::request_handshake(peer, false);
}

/// Sends an empty message, unless packets wait, which then do as well.
pub(crate) fn send_keepalive(peer: &Arc<Peer>) {
    if peer.staged.is_empty() {
        if let Some(skb) = Skb::keepalive(&peer.dev.net) {
            peer.staged.0.lock().push(skb);
            debug::event(
                &peer.dev.net,
                peer.id,
                &peer.endpoint(),
                Event::SendKeepalive,
            );
        }
    }
    send_staged(peer);
}

/// Puts a sealed bundle back in its lane. Returns the run that is ready by that.
pub(crate) fn complete(mut bundle: KBox<Bundle>) -> Option<Run> {
    let lost = core::mem::take(&mut bundle.packets.lost);
    let peer = bundle.peer.clone();
    peer.dev.counters.count(Fate::TxNoMemory, lost);
    peer.tx.complete(cpu::current(), bundle)
}

/// Worker: sends some packets of a run; what is left of it, or the next run of the lane, has its
/// turn after those of the other peers.
pub(crate) fn send_turn(queue: &Arc<CpuQueue>, dev: &Arc<Device>, run: KBox<Bundle>) {
    let peer = run.peer.clone();
    let (packets, rest) = take_section(run);
    send(&peer, packets);
    if let Some(next) = rest.or_else(|| peer.tx.next_run(cpu::current())) {
        let mut runs = Queue::new();
        runs.push(next);
        CpuQueue::push_runs(queue, dev, runs);
    }
}

/// Sends a run.
fn send_all(peer: &Arc<Peer>, run: KBox<Bundle>) {
    let mut next = Some(run);
    while let Some(run) = next {
        let (packets, rest) = take_section(run);
        send(peer, packets);
        next = rest;
    }
}

/// Takes the packets of the first bundles of a run, [`SECTION`] of them or some more.
fn take_section(run: KBox<Bundle>) -> (Chain, Option<KBox<Bundle>>) {
    let mut packets = Chain::new();
    let mut next = Some(run);
    while let Some(mut bundle) = next {
        packets.append(core::mem::take(&mut bundle.packets.chain));
        next = run_of(core::mem::replace(&mut bundle.behind, Queue::new()));
        if packets.len() >= SECTION {
            break;
        }
    }
    (packets, next)
}

/// Sends packets, with bottom halves off on this CPU while they go out.
fn send(peer: &Arc<Peer>, mut packets: Chain) {
    let dev = &peer.dev;
    if packets.is_empty() {
        return;
    }
    if peer.is_dead() {
        return dev.counters.end_all(Fate::TxStopped, packets);
    }
    let mut data = 0;
    packets.for_each(|skb| data += usize::from(skb.note().data));

    let count = packets.len();
    let endpoint = peer.endpoint();
    let sent = dev.sockets.send(&endpoint, &peer.routes, packets);
    peer.tx_bytes.fetch_add(sent.bytes, Ordering::Relaxed);
    if sent.source_stale {
        peer.source_was_stale(&endpoint);
    }
    if sent.failed == 0 {
        dev.counters.count(Fate::TxSent, data);
        dev.counters.count(Fate::TxKeepalive, count - data);
    } else {
        dev.counters.count(Fate::TxNoRoute, count);
    }
    // Whether or not there was a route just now: the next keepalive is due all the same.
    let has_data = data != 0 && sent.failed == 0;
    Peer::with_timers(peer, |timers| {
        let jitter = if timers.wants_jitter() {
            Peer::jitter()
        } else {
            0
        };
        timers.bundle_sent(time::timers(), jitter, peer.keepalive_secs(), has_data)
    });
    if peer.keypairs.wants_rekey_after_sending() {
        Peer::request_handshake(peer, false);
    }
}
