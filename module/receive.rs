// SPDX-License-Identifier: GPL-2.0

//! The way in: from the UDP sockets, opened, through the peer's lane and its checks to the stack.
#![forbid(unsafe_code)]

use crate::{
    allowed,
    bundle::{Bundle, Task},
    counters::Fate,
    cpu_queue::CpuQueue,
    device::{Device, Target},
    handshake,
    kapi::{
        crypt::Scratch,
        debug::{self, Event},
        napi::Poll,
        queue::Queue,
        rcu::RcuGuard,
        skb::{BadPacket, Chain, Skb, Why},
        time,
    },
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
            // Whoever does not know an index of ours costs no more than this look.
            let known = matches!(
                dev.target(header.receiver, &RcuGuard::new()),
                Some(Target::Session(..))
            );
            if !known {
                return dev.counters.end(Fate::RxUnknownIndex, skb);
            }
            let note = skb.note_mut();
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

/// Makes bundles of up to `count` packets of what was gathered; `f` gets them in their order.
pub(crate) fn bundle_up(
    dev: &Arc<Device>,
    gathered: &mut Chain,
    count: usize,
    mut f: impl FnMut(KBox<Bundle>),
) {
    // In the order of their first packets. They end in that order, too, so that no peer's packets
    // change theirs, whichever session of the peer they are in.
    let mut groups: [Chain; MAX_GROUPS] = Default::default();
    let mut open = 0;
    let mut end = |groups: &mut [Chain; MAX_GROUPS], open: &mut usize, count: usize| {
        for group in groups.iter_mut().take(count) {
            if let Some(bundle) = bundle(dev, core::mem::take(group)) {
                f(bundle);
            }
        }
        groups.rotate_left(count.min(MAX_GROUPS));
        *open -= count;
    };
    for _ in 0..count {
        let Some(skb) = gathered.pop() else { break };
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
fn bundle(dev: &Arc<Device>, packets: Chain) -> Option<KBox<Bundle>> {
    let first = packets.first()?;
    let from = first.endpoint();
    let (peer, keypair) = {
        let section = RcuGuard::new();
        match dev.target(first.note().receiver, &section) {
            Some(Target::Session(peer, keypair)) => (peer.clone(), keypair.clone()),
            // The session has ended meanwhile.
            _ => {
                dev.counters.end_all(Fate::RxUnknownIndex, packets);
                return None;
            }
        }
    };
    let ready = match KBox::<Bundle>::new_uninit(GFP_ATOMIC | __GFP_NOWARN) {
        Err(_) => Err(Fate::RxNoMemory),
        Ok(_) if !keypair.may_receive() => Err(Fate::RxOldKey),
        Ok(room) => match peer.rx.admit(packets.len()) {
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

/// Worker: opens a bundle and puts it back in its lane; hands what is ready to NAPI.
pub(crate) fn open(queue: &CpuQueue, scratch: Option<&mut Scratch>, bundle: KBox<Bundle>) {
    if let Some(run) = open_bundle(scratch, bundle) {
        queue.deliver(run);
    }
}

/// Opens a bundle and puts it back in its lane. What the caller has to hand to NAPI.
fn open_bundle(scratch: Option<&mut Scratch>, mut bundle: KBox<Bundle>) -> Option<Queue<Bundle>> {
    let packets = core::mem::take(&mut bundle.packets);
    let peer = bundle.peer.clone();
    let counters = &peer.dev.counters;
    match scratch {
        Some(scratch) => {
            let opened = scratch.open(&bundle.keypair.receiving, packets);
            bundle.packets = opened.done;
            counters.end_all(Fate::RxBadTag, opened.forged);
            counters.count(Fate::RxNoMemory, opened.lost);
        }
        None => counters.end_all(Fate::RxNoMemory, packets),
    }
    peer.rx.complete(bundle).map(marked)
}

/// NAPI: opens what was gathered, if it is few, without waking a worker for it.
fn open_few(queue: &Arc<CpuQueue>) {
    let Some((dev, mut gathered, mut scratch)) = CpuQueue::take_few(queue) else {
        return;
    };
    let mut open = |bundle| {
        if let Some(run) = open_bundle(Some(&mut scratch), bundle) {
            queue.deliver_here(run);
        }
    };
    if gathered.len() == 1 {
        if let Some(bundle) = bundle(&dev, gathered) {
            open(bundle);
        }
    } else {
        bundle_up(&dev, &mut gathered, usize::MAX, open);
    }
    queue.give_scratch(scratch);
}

/// Whoever delivers the last bundle of a run must look for the next run.
fn marked(mut run: Queue<Bundle>) -> Queue<Bundle> {
    if let Some(last) = run.last_mut() {
        last.ends_run = true;
    }
    run
}

/// NAPI: opens what was gathered, and delivers up to `budget` packets; how many there were, refused
/// ones and all. In softirq.
pub(crate) fn poll(queue: &Arc<CpuQueue>, budget: usize) -> usize {
    open_few(queue);
    let mut done = 0;
    while done < budget {
        let next = queue.ready.lock().pop();
        let Some(mut bundle) = next else { break };
        let peer = bundle.peer.clone();
        done += accept(&peer, &mut bundle);
        while done < budget {
            let Some(skb) = bundle.packets.pop() else {
                break;
            };
            done += 1;
            deliver(queue, &peer, &mut bundle, skb);
        }
        if !bundle.packets.is_empty() {
            queue.ready.lock().push_front(bundle);
            break;
        }
        let tally = &bundle.tally;
        let good = tally.delivered + tally.keepalives;
        if good != 0 {
            let dev = &peer.dev;
            dev.net.count_received(good, tally.bytes);
            dev.counters
                .count(Fate::RxDelivered, tally.delivered as usize);
            dev.counters
                .count(Fate::RxKeepalive, tally.keepalives as usize);
            peer.rx_bytes.fetch_add(tally.bytes, Ordering::Relaxed);
        }
        if bundle.ends_run {
            queue.ended.lock().push(bundle);
        }
    }
    done
}

/// After a poll, when GRO holds nothing back: the lanes whose runs were delivered have their next
/// turn. Not before, because that turn may be another CPU's, and its packets would overtake what
/// waits in this one's GRO.
pub(crate) fn go_on(queue: &CpuQueue, mut ended: Queue<Bundle>) {
    while let Some(bundle) = ended.pop() {
        if let Some(run) = bundle.peer.rx.next_run() {
            queue.deliver(marked(run));
        }
    }
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
        while let Some(skb) = bundle.packets.pop() {
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
    bundle.packets = accepted;
    if bundle.packets.is_empty() {
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
fn deliver(queue: &CpuQueue, peer: &Arc<Peer>, bundle: &mut Bundle, mut skb: Skb) {
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
    queue.napi().receive(skb);
}
