// SPDX-License-Identifier: GPL-2.0
//! Devices and what is between them: time, delay, loss, copies, reordering, and somebody who records
//! everything, plays it back much later and makes things up.
//!
//! Time is that of the clock of keys, which all devices share; each has been asleep for a time of
//! its own, by which its clock of timers is behind, and has a wall clock that may be anything.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use wg_protocol::cookie::Jar;
use wg_protocol::message::{classify, Kind};
use wg_protocol::noise::{create_initiation, Identity, PeerStatic, Timestamp};
use wg_protocol::{Instant, Moment, SECOND};

use crate::common::Random;
use crate::device::Device;
use crate::monitor::{Address, Shared};

/// How bad the network is. But for the last, in a hundred datagrams.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) copied: u64,
    pub(crate) replayed: u64,
    pub(crate) corrupted: u64,
    pub(crate) forged: u64,
    /// Milliseconds beyond the first.
    pub(crate) delay: u64,
}

/// A datagram under way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    from: Address,
    to: Address,
    datagram: Vec<u8>,
}

/// So many datagrams are kept for playing them back.
const RECORDED: u64 = 3000;

pub(crate) struct Wire {
    pub(crate) devices: Vec<Device>,
    pub(crate) now: Instant,
    pub(crate) faults: Faults,
    /// By arrival, and by a number that keeps the order.
    flying: BinaryHeap<Reverse<(Instant, u64, Flight)>>,
    recorded: Vec<Flight>,
    launched: u64,
    next_payload: u64,
    random: Random,
    monitor: Shared,
    /// (when, from, what)
    pub(crate) log: Vec<(Instant, usize, Kind)>,
}

impl Wire {
    /// Two devices that are each other's peers.
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(seed, 2, |_, _| true)
    }

    /// So many devices, of which those are peers for which `connected` says so.
    pub(crate) fn with(seed: u64, count: usize, connected: impl Fn(usize, usize) -> bool) -> Self {
        let monitor = Shared::default();
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let devices = (0..count).map(|number| {
            let identity = Identity::new(random.bytes());
            let address = [10, 0, 0, number as u8, 0xca, 0x6c];
            Device::new(identity, address, Random(random.next()), monitor.clone())
        });
        let mut wire = Self {
            devices: devices.collect(),
            now: Instant(1000 * SECOND),
            faults: Faults::default(),
            flying: BinaryHeap::new(),
            recorded: Vec::new(),
            launched: 0,
            next_payload: 0,
            random,
            monitor,
            log: Vec::new(),
        };
        for one in 0..count {
            for other in (0..one).filter(|other| connected(*other, one)) {
                wire.connect(one, other);
            }
        }
        wire
    }

    /// Makes two devices each other's peers, with a new preshared key, at the addresses they have.
    pub(crate) fn connect(&mut self, one: usize, other: usize) {
        let psk = self.random.bytes();
        for (own, peer) in [(one, other), (other, one)] {
            let public = *self.devices[peer].identity.public();
            let endpoint = self.devices[peer].address;
            self.at(own).add_peer(public, psk, Some(endpoint));
        }
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.random.bytes()
    }

    /// A device, with its clocks set.
    pub(crate) fn at(&mut self, device: usize) -> &mut Device {
        let now = self.now;
        let device = &mut self.devices[device];
        device.now = Moment {
            timers: Instant(now.since(Instant(device.slept))),
            keys: now,
        };
        device
    }

    /// Which of the peers of `from` is `to`.
    pub(crate) fn peer(&self, from: usize, to: usize) -> Option<usize> {
        let public = self.devices[to].identity.public();
        self.devices[from].peer_of(public)
    }

    /// An application on one of two sends the other a packet; its number.
    pub(crate) fn send(&mut self, from: usize) -> u64 {
        self.send_to(from, 1 - from)
    }

    /// An application on `from` sends a packet to `to`; its number.
    pub(crate) fn send_to(&mut self, from: usize, to: usize) -> u64 {
        let payload = self.next_payload;
        self.next_payload += 1;
        if let (Some(p), None) = (self.peer(from, to), self.devices[from].asleep_until) {
            self.at(from).send(p, payload);
            self.collect();
        }
        payload
    }

    pub(crate) fn is_delivered(&self, payload: u64) -> bool {
        self.monitor.borrow().is_delivered(payload)
    }

    /// The machine sleeps: its timers stand still and what comes is lost.
    pub(crate) fn sleep(&mut self, device: usize, nanos: u64) {
        let until = self.now.plus(nanos);
        let device = &mut self.devices[device];
        if device.asleep_until.is_none() {
            device.asleep_until = Some(until);
            device.slept += nanos;
        }
    }

    /// Starts again with its configuration and nothing else.
    pub(crate) fn restart(&mut self, number: usize) {
        let seed = self.random.next();
        let old = &self.devices[number];
        let identity = old.identity.clone();
        let mut new = Device::new(identity, old.address, Random(seed), self.monitor.clone());
        new.lag = old.lag;
        new.wall_offset = old.wall_offset;
        for peer in &old.peers {
            let psk = *peer.handshake.psk();
            new.add_peer(*peer.public(), psk, peer.configured);
            if let Some(added) = new.peers.last_mut() {
                added.persistent_secs = peer.persistent_secs;
            }
        }
        self.devices[number] = new;
        self.at(number).up();
        self.collect();
    }

    /// Sessions that did not begin because all were ended just before.
    pub(crate) fn too_late(&self) -> usize {
        self.monitor.borrow().too_late
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, nanos: u64) {
        let end = self.now.plus(nanos);
        loop {
            let arrival = self.flying.peek().map(|Reverse(next)| next.0);
            let device = self.devices.iter().filter_map(Self::next_of).min();
            let Some(next) = [arrival, device].into_iter().flatten().min() else {
                break;
            };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            // What arrives comes before what is due at the same moment.
            if arrival == Some(next) {
                if let Some(Reverse((_, _, flight))) = self.flying.pop() {
                    self.land(&flight);
                }
            } else {
                self.fire();
            }
            self.collect();
        }
        self.now = end;
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.run(seconds * SECOND);
    }

    /// When something happens in a device by itself.
    fn next_of(device: &Device) -> Option<Instant> {
        if device.asleep_until.is_some() {
            return device.asleep_until;
        }
        let alarms = device.peers.iter().filter_map(|peer| peer.alarm);
        let alarms = alarms.map(|alarm| alarm.plus(device.slept));
        let work = device.work.iter().map(|(due, ..)| *due);
        alarms.chain(work).min()
    }

    /// All that is due in the devices now.
    fn fire(&mut self) {
        for number in 0..self.devices.len() {
            let now = self.now;
            let device = self.at(number);
            if let Some(until) = device.asleep_until {
                if until > now {
                    continue;
                }
                device.asleep_until = None;
                // What was put off is due at once; alarms come at their time by their own clock.
            }
            device.run_work();
            for p in 0..device.peers.len() {
                let due = device.peers[p].alarm;
                if due.is_some_and(|due| due <= device.now.timers) {
                    device.expire(p);
                }
            }
        }
    }

    /// A datagram arrives at whoever has the address now.
    fn land(&mut self, flight: &Flight) {
        let at = |device: &Device| device.address == flight.to && device.asleep_until.is_none();
        if let Some(number) = self.devices.iter().position(at) {
            self.at(number).receive(&flight.datagram, flight.from);
        }
    }

    /// What the devices want sent goes into the air, or not.
    pub(crate) fn collect(&mut self) {
        for number in 0..self.devices.len() {
            let from = self.devices[number].address;
            for (to, datagram) in std::mem::take(&mut self.devices[number].outbox) {
                if let Some(kind) = classify(&datagram, datagram.len()) {
                    self.log.push((self.now, number, kind));
                }
                self.disturb();
                let flight = Flight { from, to, datagram };
                self.record(&flight);
                let faults = self.faults;
                if self.random.below(100) < faults.corrupted {
                    let mut broken = flight;
                    let at = self.random.below(broken.datagram.len() as u64) as usize;
                    broken.datagram[at] ^= 1 << self.random.below(8);
                    self.launch(broken);
                    continue;
                }
                if self.random.below(100) < faults.lost {
                    continue;
                }
                if self.random.below(100) < faults.copied {
                    self.launch(flight.clone());
                }
                self.launch(flight);
            }
        }
    }

    fn record(&mut self, flight: &Flight) {
        if (self.recorded.len() as u64) < RECORDED {
            self.recorded.push(flight.clone());
        } else {
            let at = self.random.below(RECORDED) as usize;
            self.recorded[at] = flight.clone();
        }
    }

    /// What an attacker does who hears everything and knows all public keys.
    fn disturb(&mut self) {
        if self.random.below(100) < self.faults.replayed && !self.recorded.is_empty() {
            let count = self.recorded.len() as u64;
            let mut flight = self.recorded[self.random.below(count) as usize].clone();
            match self.random.below(4) {
                // From somewhere else, or to somebody else.
                0 => flight.from = self.random.bytes(),
                1 => flight.to = self.anybody(),
                _ => {}
            }
            self.launch(flight);
        }
        if self.random.below(100) < self.faults.forged {
            let flight = self.forge();
            self.launch(flight);
        }
    }

    fn anybody(&mut self) -> Address {
        let count = self.devices.len() as u64;
        self.devices[self.random.below(count) as usize].address
    }

    fn forge(&mut self) -> Flight {
        let to = self.anybody();
        let from = match self.random.below(3) {
            0 => self.anybody(),
            _ => self.random.bytes(),
        };
        let victim = self.devices.iter().find(|device| device.address == to);
        let victim = victim.map_or([0; 32], |device| *device.identity.public());
        let (kind, len) =
            [(1, 148), (2, 92), (3, 64), (4, 32), (4, 96)][self.random.below(5) as usize];
        let mut datagram: Vec<u8> = (0..len).map(|_| self.random.next() as u8).collect();
        datagram[..4].copy_from_slice(&[kind, 0, 0, 0]);
        match self.random.below(3) {
            // Nothing but a type.
            0 => {}
            // An index that there is or was, and a mac1 that holds.
            1 => {
                let heard = self.recorded.len() as u64;
                if heard != 0 {
                    let heard = &self.recorded[self.random.below(heard) as usize].datagram;
                    datagram[4..8].copy_from_slice(&heard[4..8]);
                    if kind == 2 {
                        datagram[8..12].copy_from_slice(&heard[4..8]);
                    }
                }
                Jar::new().add_macs(&victim, &mut datagram, self.now);
            }
            // An initiation without a fault, but from nobody's peer.
            _ => {
                let stranger = Identity::new(self.random.bytes());
                let statics = PeerStatic::new(victim, Some(&stranger));
                let timestamp = Timestamp::now(1 << 33, 0);
                let index = self.random.next() as u32;
                let ephemeral = self.random.bytes();
                let made = create_initiation(&stranger, &statics, ephemeral, timestamp, index);
                if let Some((mut message, _)) = made {
                    Jar::new().add_macs(&victim, message.as_mut_bytes(), self.now);
                    datagram = message.as_bytes().to_vec();
                }
            }
        }
        Flight { from, to, datagram }
    }

    fn launch(&mut self, flight: Flight) {
        let millis = 1 + self.random.below(self.faults.delay + 1);
        let arrival = self.now.plus(millis * SECOND / 1000);
        self.launched += 1;
        self.flying.push(Reverse((arrival, self.launched, flight)));
    }

    /// How many messages of a kind one side has sent since `start`.
    pub(crate) fn count(&self, start: Instant, from: usize, kind: Kind) -> usize {
        let sent = self.log.iter();
        sent.filter(|entry| entry.0 >= start && (entry.1, entry.2) == (from, kind))
            .count()
    }
}
