// SPDX-License-Identifier: GPL-2.0

//! The way in: from the UDP sockets, opened, through the peer's lane and its checks to the stack.
#![forbid(unsafe_code)]

use crate::{
    allowed,
    bundle::{run_of, Bundle, Tally, Task},
    counters::Fate,
    cpu_queue::CpuQueue,
    device::{Device, Target},
    handshake,
    kapi::{
        debug::{self, Event},
        napi::Polling,
        queue::Queue,
        rcu::RcuGuard,
        skb::{BadPacket, Chain, Skb, Why},
        time,
    },
    lane::Run,
    peer::Peer,
    transmit,
};
use core::sync::atomic::Ordering;
use kernel::{
    alloc::flags::{__GFP_NOWARN, GFP_ATOMIC},
    prelude::*,
    sync::Arc,
};
use wg_protocol::message::{classify, DataHeader, Kind, DATA_MIN_LEN};

/// Packets in one bundle: what NAPI takes in one poll.
const MAX_BUNDLE: usize = 64;

/// A datagram that is not even long enough for a message, or whose header there was no memory for.
pub(crate) fn unreadable(dev: &Device, skb: Skb, no_memory: bool) {
    let fate = if no_memory {
        Fate::RxNoMemory
    } else {
        Fate::RxMalformed
    };
    dev.counters.end(fate, skb);
}

/// A datagram from a socket, data at the message. In softirq.
pub(crate) fn hook(dev: &Device, mut skb: Skb) {
    let kind = classify(skb.prefix(), skb.len() as usize);
    match kind {
        Some(Kind::Data) => {
            let Some(header) = DataHeader::parse(skb.prefix()) else {
                return dev.counters.end(Fate::RxMalformed, skb);
            };
            // Packets with an unknown receiver index are dropped after this lookup.
            let peer = match dev.target(header.receiver, &RcuGuard::new()) {
                Some(Target::Session(peer, _)) => Some(peer.slot),
                _ => None,
            };
            let Some(peer) = peer else {
                return dev.counters.end(Fate::RxUnknownIndex, skb);
            };
            let note = skb.note_mut();
            note.peer = peer;
            note.receiver = header.receiver;
            note.counter = header.counter;
            match dev.local_queue() {
                Some(queue) => CpuQueue::gather(queue, dev, skb),
                None => dev.counters.end(Fate::RxQueueFull, skb),
            }
        }
        Some(kind) => handshake::hook(dev, kind, skb),
        None => dev.counters.end(Fate::RxMalformed, skb),
    }
}

/// Bundles that are being made at a time.
const MAX_GROUPS: usize = 8;
/// Gathered packets are divided by their peers first, if there are more than this.
const DIVIDED: usize = 2 * MAX_GROUPS;
/// Parts into which they are divided: a power of two.
const PARTS: usize = 16;

/// Makes bundles of gathered packets, for the queue of CPU `cpu`. The packets of a peer keep their
/// order.
pub(crate) fn bundle_up(
    dev: &Arc<Device>,
    cpu: usize,
    mut gathered: Chain,
    mut f: impl FnMut(KBox<Bundle>),
) {
    if gathered.len() == 1 {
        if let Some(bundle) = bundle(dev, cpu, gathered) {
            f(bundle);
        }
        return;
    }
    if gathered.len() <= DIVIDED {
        return group(dev, cpu, gathered, &mut f);
    }
    let mut parts: [Chain; PARTS] = Default::default();
    while let Some(skb) = gathered.pop() {
        let part = skb.note().peer as usize % PARTS;
        if let Some(part) = parts.get_mut(part) {
            part.push(skb);
        }
    }
    for part in parts {
        group(dev, cpu, part, &mut f);
    }
}

/// Groups packets into bundles by their sessions and endpoints.
fn group(dev: &Arc<Device>, cpu: usize, mut gathered: Chain, f: &mut impl FnMut(KBox<Bundle>)) {
    // In the order of their first packets. They end in that order, too, so that no peer's packets
    // change theirs, whichever session of the peer they are in.
    let mut groups: [Chain; MAX_GROUPS] = Default::default();
    let mut open = 0;
    let mut end = |groups: &mut [Chain; MAX_GROUPS], open: &mut usize, count: usize| {
        for group in groups.iter_mut().take(count) {
            if let Some(bundle) = bundle(dev, cpu, core::mem::take(group)) {
                f(bundle);
            }
        }
        groups.rotate_left(count.min(MAX_GROUPS));
        *open -= count;
    };
    while let Some(skb) = gathered.pop() {
        let receiver = skb.note().receiver;
        let of_receiver = |group: &Chain| {
            let first = group.first();
            first.is_some_and(|first| first.note().receiver == receiver)
        };
        let mut at = groups.iter().take(open).position(of_receiver);
        if let Some(found) = at {
            let fits = groups.get(found).is_some_and(|group| {
                group.len() < MAX_BUNDLE
                    && group.first().is_some_and(|first| first.same_outer(&skb))
            });
            if !fits {
                end(&mut groups, &mut open, found + 1);
                at = None;
            }
        }
        if at.is_none() && open == MAX_GROUPS {
            end(&mut groups, &mut open, 1);
        }
        let at = at.unwrap_or_else(|| {
            open += 1;
            open - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group.push(skb);
        }
    }
    let rest = open;
    end(&mut groups, &mut open, rest);
}

/// A bundle of packets with one receiver index and one endpoint.
fn bundle(dev: &Arc<Device>, cpu: usize, packets: Chain) -> Option<KBox<Bundle>> {
    let first = packets.first()?;
    let from = first.endpoint();
    let (peer, keypair) = {
        let section = RcuGuard::new();
        match dev.target(first.note().receiver, &section) {
            Some(Target::Session(peer, keypair)) => (peer.clone(), keypair.clone()),
            // The session has ended since.
            _ => {
                dev.counters.end_all(Fate::RxUnknownIndex, packets);
                return None;
            }
        }
    };
    let ready = match KBox::<Bundle>::new_uninit(GFP_ATOMIC | __GFP_NOWARN) {
        Err(_) => Err(Fate::RxNoMemory),
        Ok(_) if !keypair.may_receive() => Err(Fate::RxOldKey),
        Ok(room) => match peer.rx.admit(cpu, packets.len(), dev.rx_bound.peer_limit()) {
            Ok(place) => Ok((room, place)),
            Err(error) if error == ENOSPC => Err(Fate::RxLaneFull),
            Err(_) => Err(Fate::RxNoMemory),
        },
    };
    match ready {
        Ok((room, place)) => {
            let task = Task::Open { from };
            let bundle = Bundle::new(task, peer, keypair, packets, place);
            Some(KBox::write(room, bundle))
        }
        Err(fate) => {
            dev.counters.end_all(fate, packets);
            None
        }
    }
}

/// Puts an opened bundle back in its lane. Returns the run that is ready by that.
pub(crate) fn complete(cpu: usize, mut bundle: KBox<Bundle>) -> Option<Run> {
    let peer = bundle.peer.clone();
    let counters = &peer.dev.counters;
    let forged = core::mem::take(&mut bundle.packets.forged);
    counters.end_all(Fate::RxBadTag, forged);
    counters.count(Fate::RxNoMemory, core::mem::take(&mut bundle.packets.lost));
    peer.rx.complete(cpu, bundle)
}

/// NAPI: hands up to `budget` packets of a run to the stack. Returns how many there were, refused
/// ones and all, and what is left of the run, or else the next run of the lane. In softirq.
pub(crate) fn deliver_turn(
    queue: &CpuQueue,
    run: KBox<Bundle>,
    budget: usize,
    polling: &Polling,
) -> (usize, Option<KBox<Bundle>>) {
    let peer = run.peer.clone();
    let mut done = 0;
    let mut next = Some(run);
    while let Some(mut bundle) = next {
        done += accept(&peer, &mut bundle);
        while done < budget {
            let Some(skb) = bundle.packets.chain.pop() else {
                break;
            };
            done += 1;
            deliver(polling, &peer, &mut bundle, skb);
        }
        if !bundle.packets.chain.is_empty() {
            return (done, Some(bundle));
        }
        account(&peer, &bundle.tally);
        next = run_of(core::mem::replace(&mut bundle.behind, Queue::new()));
        if done >= budget {
            break;
        }
    }
    (done, next.or_else(|| peer.rx.next_run(queue.number)))
}

/// Counts what was delivered of a bundle.
fn account(peer: &Peer, tally: &Tally) {
    let good = tally.delivered + tally.keepalives;
    if good == 0 {
        return;
    }
    let dev = &peer.dev;
    dev.net.count_received(good, tally.bytes);
    dev.counters
        .count(Fate::RxDelivered, tally.delivered as usize);
    dev.counters
        .count(Fate::RxKeepalive, tally.keepalives as usize);
    peer.rx_bytes.fetch_add(tally.bytes, Ordering::Relaxed);
}

/// Once for each bundle, in the order of the lane: which packets are new, and what follows from
/// there being any. Gives the number of those that go no further.
fn accept(peer: &Arc<Peer>, bundle: &mut Bundle) -> usize {
    let Task::Open { from } = bundle.task else {
        return 0;
    };
    if bundle.tally.checked {
        return 0;
    }
    bundle.tally.checked = true;
    let mut accepted = Chain::new();
    let mut refused = Chain::new();
    let mut has_data = false;
    {
        let mut window = bundle.keypair.window.lock();
        while let Some(skb) = bundle.packets.chain.pop() {
            if window.accept(skb.note().counter) {
                has_data |= skb.len() != 0;
                accepted.push(skb);
            } else {
                refused.push(skb);
            }
        }
    }
    let dev = &peer.dev;
    let mut gone = refused.len();
    if !refused.is_empty() {
        debug::event(&dev.net, peer.id, &from, Event::Replay);
        dev.counters.end_all(Fate::RxReplayed, refused);
    }
    if peer.is_dead() || !dev.is_up() {
        gone += accepted.len();
        dev.counters.end_all(Fate::RxStopped, accepted);
        return gone;
    }
    bundle.packets.chain = accepted;
    if bundle.packets.chain.is_empty() {
        return gone;
    }
    // What is sent below goes where these came from.
    peer.set_endpoint(from);
    if peer.keypairs.received_with(&bundle.keypair, dev) {
        Peer::handshake_complete(peer);
        transmit::send_staged(peer);
    }
    if peer.keypairs.wants_rekey_after_receiving()
        && peer.ask_timers(|timers| timers.take_lastminute())
    {
        Peer::request_handshake(peer, false);
    }
    Peer::with_timers(peer, |timers| {
        timers.bundle_received(time::timers(), peer.keepalive_secs(), has_data)
    });
    gone
}

/// One accepted packet: to the stack, if it is what this peer may send.
fn deliver(polling: &Polling, peer: &Arc<Peer>, bundle: &mut Bundle, mut skb: Skb) {
    let dev = &peer.dev;
    let bytes = u64::from(skb.len()) + DATA_MIN_LEN as u64;
    if skb.len() == 0 {
        debug::event(
            &dev.net,
            peer.id,
            &peer.endpoint(),
            Event::ReceivedKeepalive,
        );
        bundle.tally.keepalives += 1;
        bundle.tally.bytes += bytes;
        return skb.free(Why::Consumed);
    }
    let source = match skb.finish_receive(&dev.net) {
        Ok(source) => source,
        Err(BadPacket::Length) => return dev.counters.end(Fate::RxInnerLength, skb),
        Err(BadPacket::Type) => return dev.counters.end(Fate::RxInnerType, skb),
    };
    let owner = allowed::lookup(&dev.trie, source, &RcuGuard::new());
    if owner != Some(peer.slot) {
        debug::event(&dev.net, peer.id, &peer.endpoint(), Event::UnallowedSource);
        return dev.counters.end(Fate::RxUnallowedSource, skb);
    }
    bundle.tally.delivered += 1;
    bundle.tally.bytes += bytes;
    polling.receive(skb);
}
