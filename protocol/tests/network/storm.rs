// SPDX-License-Identifier: GPL-2.0
//! Everything that can happen to devices and between them, for hours, from several seeds (more with
//! `SEEDS=1000`, others with `FIRST=`).
//!
//! What must never happen is checked by the devices and their monitor at every step: no nonce twice,
//! no packet or handshake taken twice, nothing accepted that nobody honest sent, no answer to it, no
//! initiation within five seconds of another, no index lost, nothing that grows. Here, in the end,
//! it must also work again once the network does.

use wg_protocol::noise::Identity;
use wg_protocol::SECOND;

use crate::wire::{Faults, Wire};

const MS: u64 = SECOND / 1000;

/// Devices that stay where they are; all others know them alone.
const SERVERS: usize = 2;
const DEVICES: usize = 6;

struct Storm {
    wire: Wire,
    /// Seconds by which the wall clock of each device was ever ahead.
    ahead: Vec<i64>,
    happened: [usize; 11],
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut wire = Wire::with(seed, DEVICES, |low, _| low < SERVERS);
        wire.faults = Faults {
            lost: wire.below(50),
            copied: wire.below(30),
            replayed: wire.below(40),
            corrupted: wire.below(20),
            forged: wire.below(40),
            delay: [1, 50, 700, 4000][wire.below(4) as usize],
        };
        for number in 0..DEVICES {
            let lag = [0, 0, 20, 900][wire.below(4) as usize];
            wire.devices[number].lag = lag;
            let persistent = [0, 0, 1, 25][wire.below(4) as usize];
            for peer in &mut wire.devices[number].peers {
                peer.persistent_secs = persistent;
            }
        }
        Self {
            wire,
            ahead: vec![0; DEVICES],
            happened: [0; 11],
        }
    }

    /// Two that are peers, in either order.
    fn pair(&mut self) -> (usize, usize) {
        loop {
            let one = self.wire.below(DEVICES as u64) as usize;
            let other = self.wire.below(DEVICES as u64) as usize;
            if self.wire.peer(one, other).is_some() {
                return (one, other);
            }
        }
    }

    fn traffic(&mut self) {
        for _ in 0..self.wire.below(3) {
            let (from, to) = self.pair();
            for _ in 0..1 + self.wire.below(4) {
                self.wire.send_to(from, to);
            }
            if self.wire.below(50) == 0 {
                for _ in 0..200 {
                    self.wire.send_to(from, to);
                }
            }
        }
        let longest = [10 * MS, SECOND, 10 * SECOND, 200 * SECOND][self.wire.below(4) as usize];
        let pause = self.wire.below(longest);
        self.wire.run(pause);
    }

    fn event(&mut self) {
        // Often in the middle of a handshake.
        let (number, other) = self.pair();
        self.wire.send_to(number, other);
        let moment = self.wire.below(2 * SECOND);
        self.wire.run(moment);
        if self.wire.devices[number].asleep_until.is_some() {
            return;
        }
        let what = self.wire.below(11) as usize;
        match what {
            0 => self.wire.restart(number),
            1 | 2 => {
                // With and without the hook of sleeping machines.
                if what == 1 {
                    self.wire.at(number).end_all_sessions();
                }
                let nanos = self.wire.below(700 * SECOND);
                self.wire.sleep(number, nanos);
            }
            3 if number >= SERVERS => {
                let mut address = self.wire.bytes();
                address[3] = number as u8;
                self.wire.devices[number].address = address;
            }
            4 | 5 => {
                let jump = [20, 4000, 1_000_000][self.wire.below(3) as usize];
                let jump = self.wire.below(2 * jump) as i64 - jump as i64;
                let device = &mut self.wire.devices[number];
                device.wall_offset = jump;
                self.ahead[number] = self.ahead[number].max(jump);
            }
            6 => {
                // Its peers hear of the new key at once.
                let identity = Identity::new(self.wire.bytes());
                let peers: Vec<_> = (0..DEVICES)
                    .filter(|other| self.wire.peer(*other, number).is_some())
                    .collect();
                let old = *self.wire.devices[number].identity.public();
                for other in &peers {
                    self.wire.at(*other).remove_peer(&old);
                }
                self.wire.at(number).set_identity(identity);
                for other in peers {
                    self.add_again(other, number);
                }
            }
            7 => {
                self.wire.at(number).expire_all_sessions();
            }
            8 => {
                let loaded = &mut self.wire.devices[number].under_load;
                *loaded = !*loaded;
            }
            9 => {
                let is_up = self.wire.devices[number].is_up;
                let device = self.wire.at(number);
                if is_up {
                    device.down();
                } else {
                    device.up();
                }
                self.wire.collect();
            }
            10 => {
                // One side learns of a new preshared key, the other perhaps a little later.
                let (one, other) = self.pair();
                let psk = self.wire.bytes();
                self.set_psk(one, other, psk);
                let pause = self.wire.below(10 * SECOND);
                if self.wire.below(2) == 0 {
                    self.wire.run(pause);
                }
                self.set_psk(other, one, psk);
            }
            _ => return,
        }
        self.happened[what] += 1;
    }

    /// `own` has `other` as a peer again, under the key that it has now and with the psk there.
    fn add_again(&mut self, own: usize, other: usize) {
        let public = *self.wire.devices[other].identity.public();
        let endpoint = self.wire.devices[other].address;
        let psk = match self.wire.peer(other, own) {
            Some(p) => *self.wire.devices[other].peers[p].handshake.psk(),
            None => return,
        };
        self.wire.at(own).add_peer(public, psk, Some(endpoint));
    }

    fn set_psk(&mut self, own: usize, other: usize, psk: [u8; 32]) {
        let public = *self.wire.devices[other].identity.public();
        self.wire.at(own).set_psk(&public, psk);
    }

    /// The network is good again, everybody is awake, up and knows the time. Half of the devices
    /// may still be under load. Servers are looked up anew: whoever relays a message before it
    /// arrives by itself is where its sender seems to be, and if then both ends have moved neither
    /// finds the other (paper, section 2.1).
    fn calm(&mut self) {
        self.wire.faults = Faults::default();
        while self.wire.devices.iter().any(|d| d.asleep_until.is_some()) {
            self.wire.seconds(10);
        }
        for number in 0..DEVICES {
            self.wire.devices[number].wall_offset = self.ahead[number] + 1;
            self.wire.devices[number].lag = 0;
            if self.wire.below(2) == 0 {
                self.wire.devices[number].under_load = false;
            }
            for peer in &mut self.wire.devices[number].peers {
                peer.endpoint = peer.configured;
            }
            if !self.wire.devices[number].is_up {
                self.wire.at(number).up();
                self.wire.collect();
            }
        }
    }

    fn pairs(&self) -> Vec<(usize, usize)> {
        let all = (0..DEVICES).flat_map(|one| (0..DEVICES).map(move |other| (one, other)));
        all.filter(|(one, other)| one != other && self.wire.peer(*one, *other).is_some())
            .collect()
    }
}

/// How often each event has happened, and how many sessions came too late to begin.
fn run(seed: u64) -> ([usize; 11], usize) {
    let mut storm = Storm::new(seed);
    for step in 0..250 {
        storm.traffic();
        if step % 2 == 0 {
            storm.event();
        }
    }
    storm.calm();
    // What is under way now may still disturb, but not for longer than a dead session lasts.
    let pairs = storm.pairs();
    for _ in 0..60 {
        for (from, to) in &pairs {
            storm.wire.send_to(*from, *to);
        }
        storm.wire.seconds(1);
    }
    for (from, to) in &pairs {
        let payload = storm.wire.send_to(*from, *to);
        storm.wire.seconds(1);
        let there = storm.wire.is_delivered(payload);
        assert!(there, "seed {seed}: no way from {from} to {to}");
    }
    (storm.happened, storm.wire.too_late())
}

#[test]
fn storms() {
    let number = |name, otherwise| {
        std::env::var(name).map_or(otherwise, |value| value.parse().unwrap_or(otherwise))
    };
    let first = number("FIRST", 1);
    let seeds = number("SEEDS", 6);
    let (mut happened, mut too_late) = ([0; 11], 0);
    for seed in first..first + seeds {
        let counts = std::panic::catch_unwind(|| run(seed));
        let (counts, late) = counts.unwrap_or_else(|cause| {
            eprintln!("seed {seed}: FIRST={seed} SEEDS=1 has it again");
            std::panic::resume_unwind(cause)
        });
        too_late += late;
        for (total, count) in happened.iter_mut().zip(counts) {
            *total += count;
        }
    }
    // The storm is one: everything has happened.
    if seeds >= 6 {
        assert!(happened.iter().all(|count| *count > 0), "{happened:?}");
        assert!(too_late > 0);
    }
}
