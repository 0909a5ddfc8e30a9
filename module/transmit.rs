// SPDX-License-Identifier: GPL-2.0

//! The way out: from the stack to a peer's staged packets, sealed, into UDP.
#![forbid(unsafe_code)]

use crate::{
    allowed,
    bundle::{Bundle, Task},
    counters::Fate,
    cpu_queue::CpuQueue,
    device::Device,
    kapi::{
        cpu::{self, AtOnce},
        crypt::Scratch,
        debug::{self, Event},
        errno::NetError,
        lock::{Class, SpinLock},
        queue::Queue,
        rcu::RcuGuard,
        skb::{Chain, Skb, Why},
        time,
    },
    peer::Peer,
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
/// Packets of one peer, after which the rest of a CPU's work has a turn.
const TURN: usize = 512;

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
    // Counters and place are given under one lock, so that the one is the order of the other.
    let mut staged = peer.staged.0.lock();
    if staged.is_empty() {
        return;
    }
    let Some(first) = keypair.take_counters(staged.len()) else {
        drop(staged);
        return wait_for_key(peer);
    };
    // A lone packet stays where its data is warm; a run may as well be sealed elsewhere, while
    // this CPU makes the next one.
    let queue = if staged.len() > 1 {
        dev.next_queue()
    } else {
        dev.local_queue()
    };
    let ready = match (queue, room) {
        // The segments of a packet are one job (reference, 2.3): their sender's account bounds
        // what they take, and dropping them would cost it more than waiting.
        (Some(queue), Ok(room)) => match peer.tx.admit(1) {
            Ok(place) => Ok((queue, room, place)),
            Err(error) if error == ENOSPC => Err(Fate::TxLaneFull),
            Err(_) => Err(Fate::TxNoMemory),
        },
        _ => Err(Fate::TxNoMemory),
    };
    let packets = core::mem::take(&mut *staged);
    drop(staged);
    let (queue, room, place) = match ready {
        Ok(ready) => ready,
        Err(fate) => return dev.counters.end_all(fate, packets),
    };
    let lone = packets.len() == 1 && place.is_alone();
    let task = Task::Seal { first };
    let bundle = Bundle::new(task, peer.clone(), keypair, packets, place);
    let bundle = KBox::write(room, bundle);
    let left = if lone {
        seal_at_once(queue, bundle, first)
    } else {
        Some(bundle)
    };
    if let Some(bundle) = left {
        CpuQueue::push(queue, dev, bundle);
    }
}

/// Seals and sends a lone packet of a peer that has nothing else under way: to wake a worker would
/// cost more than the work. Gives it back if that cannot be done here.
fn seal_at_once(queue: &Arc<CpuQueue>, bundle: KBox<Bundle>, first: u64) -> Option<KBox<Bundle>> {
    let Some(at_once) = AtOnce::begin() else {
        return Some(bundle);
    };
    let Some(mut scratch) = queue.take_scratch() else {
        return Some(bundle);
    };
    let peer = bundle.peer.clone();
    let run = seal_bundle(Some(&mut scratch), bundle, first);
    queue.give_scratch(scratch);
    if let Some(run) = run {
        // Ours, and what others finished while we were at it.
        let (last, _) = send_run(&peer, run, || ());
        // What is finished from now on is left to the worker.
        if let (true, Some(mut last)) = (peer.tx.more(), last) {
            last.task = Task::SendOn;
            CpuQueue::push(queue, &peer.dev, last);
        }
    }
    drop(at_once);
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

/// Worker: seals a bundle and puts it back in its lane; sends what is ready if that falls to us.
pub(crate) fn seal(
    queue: &CpuQueue,
    scratch: Option<&mut Scratch>,
    bundle: KBox<Bundle>,
    first: u64,
) {
    let peer = bundle.peer.clone();
    if let Some(run) = seal_bundle(scratch, bundle, first) {
        send_runs(queue, &peer, run);
    }
}

/// Seals a bundle and puts it back in its lane. What the caller has to send.
fn seal_bundle(
    scratch: Option<&mut Scratch>,
    mut bundle: KBox<Bundle>,
    first: u64,
) -> Option<Queue<Bundle>> {
    let packets = core::mem::take(&mut bundle.packets);
    let keypair = &bundle.keypair;
    let dev = &bundle.peer.dev;
    let (sealed, lost) = match scratch {
        Some(scratch) => scratch.seal(
            &keypair.sending,
            packets,
            keypair.remote_index,
            first,
            &dev.net,
        ),
        None => {
            let lost = packets.len();
            packets.free(Why::NoMemory);
            (Chain::new(), lost)
        }
    };
    dev.counters.count(Fate::TxNoMemory, lost);
    bundle.packets = sealed;
    let peer = bundle.peer.clone();
    peer.tx.complete(bundle)
}

/// Worker: the next turn of a lane that was left for others to have theirs.
pub(crate) fn send_on(queue: &CpuQueue, bundle: KBox<Bundle>) {
    let peer = bundle.peer.clone();
    drop(bundle);
    if let Some(run) = peer.tx.next_run() {
        send_runs(queue, &peer, run);
    }
}

/// Sends a run of the lane and those that follow it. After [`TURN`] packets the other work of this
/// CPU comes first: a peer for whom all other CPUs seal could keep this one for good.
fn send_runs(queue: &CpuQueue, peer: &Arc<Peer>, mut run: Queue<Bundle>) {
    let mut sent = 0;
    loop {
        let (last, packets) = send_run(peer, run, cpu::cond_resched);
        sent += packets;
        if let (true, Some(mut last)) = (sent >= TURN, last) {
            last.task = Task::SendOn;
            return queue.push_own(last);
        }
        match peer.tx.next_run() {
            Some(next) => run = next,
            None => return,
        }
    }
}

/// Sends a run: its last bundle, sent and empty, and the number of its packets. `pause` comes
/// between sections.
fn send_run(
    peer: &Arc<Peer>,
    mut run: Queue<Bundle>,
    pause: impl Fn(),
) -> (Option<KBox<Bundle>>, usize) {
    let (mut last, mut sent) = (None, 0);
    let mut packets = Chain::new();
    while let Some(mut bundle) = run.pop() {
        packets.append(core::mem::take(&mut bundle.packets));
        last = Some(bundle);
        if packets.len() >= SECTION {
            sent += packets.len();
            send(peer, core::mem::take(&mut packets));
            pause();
        }
    }
    sent += packets.len();
    send(peer, packets);
    (last, sent)
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
