// SPDX-License-Identifier: GPL-2.0

//! What became of each packet: one counter for each fate, and each packet in just one of them.
//!
//! A device has one set for each CPU, so that a flood on several of them shares no cache line.
//! `ethtool -S` shows the sums; the interface's own statistics are made of them, where the kernel
//! does not count by itself. docs/counters.md says what each counter means to a user.
#![forbid(unsafe_code)]

use crate::kapi::{
    cpu,
    ethtool::NAME_LEN,
    skb::{Chain, Skb, Why},
};
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::{alloc::flags::GFP_KERNEL, prelude::*};

/// Which of the interface's statistics a fate adds to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Statistic {
    /// None: the packet went its way, and the kernel's own code counts it.
    Fine,
    RxDropped,
    RxLength,
    RxFrame,
    TxDropped,
    TxErrors,
}

/// What is known of a fate.
struct Kind {
    name: &'static str,
    statistic: Statistic,
    why: Why,
}

macro_rules! fates {
    ($($(#[$doc:meta])+ $fate:ident = $name:literal, $statistic:ident, $why:ident;)+) => {
        /// What can become of a packet.
        #[derive(Clone, Copy)]
        pub(crate) enum Fate {
            $($(#[$doc])+ $fate,)+
        }

        const KINDS: &[Kind] = &[$(Kind {
            name: $name,
            statistic: Statistic::$statistic,
            why: Why::$why,
        },)+];
    };
}

fates! {
    /// A data packet that was handed to the stack.
    RxDelivered = "rx_delivered", Fine, Consumed;
    /// A keepalive.
    RxKeepalive = "rx_keepalives", Fine, Consumed;
    /// An initiation or a response that was taken.
    RxHandshake = "rx_handshakes", Fine, Consumed;
    /// A cookie reply that was taken.
    RxCookie = "rx_cookies", Fine, Consumed;
    /// Not a message of WireGuard, or not one whole.
    RxMalformed = "rx_malformed", RxDropped, Malformed;
    /// A handshake message before the kernel's random numbers are ready.
    RxNotReady = "rx_not_ready", RxDropped, NotReady;
    /// Data for a receiver index that no session has.
    RxUnknownIndex = "rx_unknown_index", RxDropped, NotSpecified;
    /// Data for which there was no place in the CPU's queue.
    RxQueueFull = "rx_queue_full", RxDropped, QueueFull;
    /// Data of a peer of which too much was under way.
    RxLaneFull = "rx_lane_full", RxDropped, QueueFull;
    /// For want of memory.
    RxNoMemory = "rx_no_memory", RxDropped, NoMemory;
    /// Data under a key that is too old or was used too often.
    RxOldKey = "rx_old_key", RxDropped, NotSpecified;
    /// Data that does not verify.
    RxBadTag = "rx_bad_tag", RxDropped, NotSpecified;
    /// Data with a counter that was seen before, or is too old to tell.
    RxReplayed = "rx_replayed", RxDropped, NotSpecified;
    /// Under way when the interface went down or the peer was removed.
    RxStopped = "rx_stopped", RxDropped, NotReady;
    /// Verified, but longer inside than outside.
    RxInnerLength = "rx_inner_length", RxLength, InnerHeader;
    /// Verified, but neither IPv4 nor IPv6 inside.
    RxInnerType = "rx_inner_type", RxFrame, InnerHeader;
    /// Verified, but from an address that this peer may not send from.
    RxUnallowedSource = "rx_unallowed_source", RxFrame, UnallowedSource;
    /// A handshake message with a wrong mac1: it is not for us.
    RxBadMac1 = "rx_bad_mac1", RxDropped, NotSpecified;
    /// A handshake message for which there was no place in the queue.
    RxHandshakeQueueFull = "rx_handshake_queue_full", RxDropped, QueueFull;
    /// A handshake message without a cookie, under load: it was answered with one.
    RxNoCookie = "rx_no_cookie", RxDropped, NotSpecified;
    /// A handshake message with a cookie, under load, from a source that sends too many.
    RxRateLimited = "rx_rate_limited", RxDropped, NotSpecified;
    /// A handshake message that does not verify, or that comes when none is expected.
    RxBadHandshake = "rx_bad_handshake", RxDropped, NotSpecified;
    /// An initiation of somebody who is no peer.
    RxUnknownPeer = "rx_unknown_peer", RxDropped, NotSpecified;
    /// An initiation that was seen before, or is older than the last.
    RxReplayedHandshake = "rx_replayed_handshake", RxDropped, NotSpecified;
    /// An initiation that comes too soon after the last.
    RxTooSoon = "rx_too_soon", RxDropped, NotSpecified;
    /// A cookie reply that does not verify, or that comes when none is expected.
    RxBadCookie = "rx_bad_cookie", RxDropped, NotSpecified;
    /// A data packet that was handed to the kernel's IP.
    TxSent = "tx_sent", Fine, Consumed;
    /// A keepalive, the same.
    TxKeepalive = "tx_keepalives", Fine, Consumed;
    /// An initiation or a response, the same.
    TxHandshake = "tx_handshakes", Fine, Consumed;
    /// A cookie reply, the same.
    TxCookie = "tx_cookies", Fine, Consumed;
    /// A packet that is not what its protocol says, or not IP.
    TxBadProtocol = "tx_bad_protocol", TxErrors, Malformed;
    /// A packet to an address that is no peer's.
    TxNoPeer = "tx_no_peer", TxErrors, NoRoute;
    /// A packet to a peer whose endpoint is not known.
    TxNoEndpoint = "tx_no_endpoint", TxErrors, NoRoute;
    /// The oldest of too many packets that wait for a key.
    TxStagedFull = "tx_staged_full", TxDropped, QueueFull;
    /// Waited for a key when the attempts at a handshake were given up.
    TxNoAnswer = "tx_no_answer", TxDropped, NotSpecified;
    /// Under way when the interface went down or the peer was removed.
    TxStopped = "tx_stopped", TxDropped, NotReady;
    /// To a peer for whom too much was under way.
    TxLaneFull = "tx_lane_full", TxDropped, QueueFull;
    /// For want of memory.
    TxNoMemory = "tx_no_memory", TxDropped, NoMemory;
    /// No way to the endpoint, or no socket.
    TxNoRoute = "tx_no_route", TxDropped, NoRoute;
    /// A message of a handshake, for want of memory or of a way.
    TxHandshakeFailed = "tx_handshake_failed", TxDropped, NoRoute;
}

/// How many counters there are.
pub(crate) const COUNT: usize = KINDS.len();

const _: () = {
    let mut at = 0;
    while at < COUNT {
        // With the zero byte that ends it.
        assert!(KINDS[at].name.len() < NAME_LEN);
        at += 1;
    }
};

#[repr(align(64))]
struct Set([AtomicU64; COUNT]);

/// The counters of a device.
pub(crate) struct Counters(KVVec<Set>);

/// What the interface's statistics have of them.
#[derive(Default)]
pub(crate) struct Statistics {
    pub(crate) rx_dropped: u64,
    pub(crate) rx_length: u64,
    pub(crate) rx_frame: u64,
    pub(crate) tx_dropped: u64,
    pub(crate) tx_errors: u64,
}

impl Counters {
    /// All zero.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let mut sets = KVVec::with_capacity(cpu::count(), GFP_KERNEL)?;
        for _ in 0..cpu::count() {
            let zero = Set([const { AtomicU64::new(0) }; COUNT]);
            sets.push(zero, GFP_KERNEL)?;
        }
        Ok(Counters(sets))
    }

    /// Counts packets that are no longer there.
    #[inline]
    pub(crate) fn count(&self, fate: Fate, packets: usize) {
        if packets == 0 {
            return;
        }
        let set = self.0.get(cpu::current()).map(|set| &set.0);
        if let Some(counter) = set.and_then(|set| set.get(fate as usize)) {
            counter.fetch_add(packets as u64, Ordering::Relaxed);
        }
    }

    /// The end of a packet.
    pub(crate) fn end(&self, fate: Fate, packet: Skb) {
        self.count(fate, 1);
        packet.free(fate.why());
    }

    /// The end of some packets.
    pub(crate) fn end_all(&self, fate: Fate, packets: Chain) {
        self.count(fate, packets.len());
        packets.free(fate.why());
    }

    /// All of them, in the order of [`names`].
    pub(crate) fn sums(&self) -> impl Iterator<Item = u64> + '_ {
        (0..COUNT).map(|at| {
            let of_cpu = |set: &Set| set.0.get(at).map_or(0, |n| n.load(Ordering::Relaxed));
            self.0.iter().map(of_cpu).fold(0, u64::wrapping_add)
        })
    }

    /// What they add to the interface's statistics.
    pub(crate) fn statistics(&self) -> Statistics {
        let mut out = Statistics::default();
        for (kind, sum) in KINDS.iter().zip(self.sums()) {
            let to = match kind.statistic {
                Statistic::Fine => continue,
                Statistic::RxDropped => &mut out.rx_dropped,
                Statistic::RxLength => &mut out.rx_length,
                Statistic::RxFrame => &mut out.rx_frame,
                Statistic::TxDropped => &mut out.tx_dropped,
                Statistic::TxErrors => &mut out.tx_errors,
            };
            *to = to.wrapping_add(sum);
        }
        out
    }
}

impl Fate {
    fn why(self) -> Why {
        KINDS
            .get(self as usize)
            .map_or(Why::NotSpecified, |kind| kind.why)
    }
}

/// What `ethtool` calls the counters.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}
