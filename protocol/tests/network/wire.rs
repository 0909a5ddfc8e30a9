// SPDX-License-Identifier: GPL-2.0
//! Two devices and what is between them: time, delay, loss, copies, and somebody who records
//! everything and plays it back much later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use wg_protocol::message::{classify, Kind};
use wg_protocol::{Instant, SECOND};

use crate::common::Random;
use crate::device::Device;

/// How bad the network is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    /// In a hundred datagrams.
    pub(crate) lost: u64,
    pub(crate) copied: u64,
    pub(crate) replayed: u64,
    pub(crate) corrupted: u64,
    /// Milliseconds beyond the first.
    pub(crate) delay: u64,
}

/// When a datagram arrives, a number that keeps the order, from whom it is, and its bytes.
type Flight = (Instant, u64, usize, Vec<u8>);

pub(crate) struct Wire {
    pub(crate) devices: [Device; 2],
    pub(crate) now: Instant,
    pub(crate) faults: Faults,
    flying: BinaryHeap<Reverse<Flight>>,
    recorded: Vec<(usize, Vec<u8>)>,
    launched: u64,
    next_payload: u64,
    random: Random,
    /// (when, from, what)
    pub(crate) log: Vec<(Instant, usize, Kind)>,
}

impl Wire {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            devices: Device::pair(seed),
            now: Instant(1000 * SECOND),
            faults: Faults::default(),
            flying: BinaryHeap::new(),
            recorded: Vec::new(),
            launched: 0,
            next_payload: 0,
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            log: Vec::new(),
        }
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    /// An application on `from` sends a packet; its number.
    pub(crate) fn send(&mut self, from: usize) -> u64 {
        let payload = self.next_payload;
        self.next_payload += 1;
        self.devices[from].send(payload, self.now);
        self.collect();
        payload
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, nanos: u64) {
        let end = self.now.plus(nanos);
        loop {
            let arrival = self.flying.peek().map(|Reverse(next)| next.0);
            let alarms = self.devices.iter().map(|device| device.alarm);
            let Some(next) = alarms.chain([arrival]).flatten().min() else {
                break;
            };
            if next > end {
                break;
            }
            self.now = next;
            if arrival == Some(next) {
                if let Some(Reverse((_, _, from, datagram))) = self.flying.pop() {
                    let source = self.devices[from].source();
                    self.devices[1 - from].receive(&datagram, source, self.now);
                }
            } else {
                for device in &mut self.devices {
                    if device.alarm == Some(next) {
                        device.expire(next);
                    }
                }
            }
            self.collect();
        }
        self.now = end;
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.run(seconds * SECOND);
    }

    /// What the devices want sent goes into the air, or not.
    fn collect(&mut self) {
        for from in 0..2 {
            for datagram in std::mem::take(&mut self.devices[from].outbox) {
                if let Some(kind) = classify(&datagram, datagram.len()) {
                    self.log.push((self.now, from, kind));
                }
                let faults = self.faults;
                if self.random.below(100) < faults.replayed && !self.recorded.is_empty() {
                    let count = self.recorded.len() as u64;
                    let (from, old) = self.recorded[self.random.below(count) as usize].clone();
                    self.launch(from, old);
                }
                self.recorded.push((from, datagram.clone()));
                if self.random.below(100) < faults.corrupted {
                    let mut broken = datagram.clone();
                    let at = self.random.below(broken.len() as u64) as usize;
                    broken[at] ^= 1 << self.random.below(8);
                    self.launch(from, broken);
                    continue;
                }
                if self.random.below(100) < faults.lost {
                    continue;
                }
                if self.random.below(100) < faults.copied {
                    self.launch(from, datagram.clone());
                }
                self.launch(from, datagram);
            }
        }
    }

    fn launch(&mut self, from: usize, datagram: Vec<u8>) {
        let millis = 1 + self.random.below(self.faults.delay + 1);
        let arrival = self.now.plus(millis * SECOND / 1000);
        self.launched += 1;
        let flight = (arrival, self.launched, from, datagram);
        self.flying.push(Reverse(flight));
    }

    /// How many messages of a kind one side has sent since `start`.
    pub(crate) fn count(&self, start: Instant, from: usize, kind: Kind) -> usize {
        let sent = self.log.iter();
        sent.filter(|entry| entry.0 >= start && (entry.1, entry.2) == (from, kind))
            .count()
    }
}
