// SPDX-License-Identifier: GPL-2.0
//! Two devices and somebody who has the private key and the preshared key of one of them, hears
//! everything, delivers what they send or does not, and makes whatever those keys can make.
//!
//! The devices are those of the simulated network of the protocol's own tests, which check at every
//! step: no nonce twice, no packet and no initiation taken twice, nothing accepted that nobody
//! made who could, no answer to it, no initiation within five seconds of another, no index lost.
//! In the end the attacker falls silent, and the two must find each other again.
use std::sync::OnceLock;

use wg_crypto::aead;
use wg_protocol::cookie::{Checker, Jar};
use wg_protocol::message::{DataHeader, Initiation, Response};
use wg_protocol::noise::{
    consume_response, create_initiation, create_response, open_initiation, Handshake, Identity,
    PeerStatic, SessionKeys, Timestamp,
};
use wg_protocol::replay::Window;
use wg_protocol::{lifetime, Instant, Moment, SECOND};

use crate::common::Random;
use crate::device::Device;
use crate::monitor::{Address, Shared};
use crate::{planted, Script};

/// Whose keys the attacker does not have.
const VICTIM: usize = 0;
const ROBBED: usize = 1;
const ADDRESSES: [Address; 3] = [
    [10, 0, 0, 0, 0xca, 0x6c],
    [10, 0, 0, 1, 0xca, 0x6c],
    [10, 0, 0, 2, 0xca, 0x6c],
];
const MS: u64 = SECOND / 1000;
/// Of what is under way, and of what was heard.
const KEPT: usize = 48;
/// Payloads of the attacker have numbers of their own.
const HOSTILE: u64 = 1 << 40;

fn identities() -> &'static [Identity; 2] {
    static IDENTITIES: OnceLock<[Identity; 2]> = OnceLock::new();
    IDENTITIES.get_or_init(|| [1, 2].map(|n| Identity::new([n; 32])))
}

/// What the two have with each other, made once for all runs: a curve operation is dear.
fn statics() -> &'static PeerStatic {
    static STATICS: OnceLock<PeerStatic> = OnceLock::new();
    let [victim, robbed] = identities();
    STATICS.get_or_init(|| PeerStatic::new(*victim.public(), Some(robbed)))
}

#[derive(Clone)]
struct Flight {
    from: usize,
    to: Address,
    datagram: Vec<u8>,
}

/// A session of the attacker with the victim.
struct Session {
    keys: SessionKeys,
    /// The next counter, for packets in order.
    next: u64,
    /// One more than the greatest counter used.
    greatest: u64,
}

struct Attacker {
    psk: [u8; 32],
    /// As initiator.
    handshake: Handshake,
    sessions: Vec<Session>,
    jar: Jar,
    random: Random,
    payload: u64,
}

struct Duel {
    devices: [Device; 2],
    monitor: Shared,
    now: Instant,
    air: Vec<Flight>,
    heard: Vec<Flight>,
    attacker: Attacker,
    payload: u64,
}

fn keep(list: &mut Vec<Flight>, flight: Flight) {
    if list.len() == KEPT {
        list.remove(0);
    }
    list.push(flight);
}

impl Duel {
    fn new(script: &mut Script<'_>) -> Self {
        let monitor = Shared::default();
        let psk = [script.byte(); 32];
        let mut seed = Random(u64::from(script.u16()) | 1 << 40);
        let mut device = |at: usize| {
            let random = Random(seed.next());
            Device::new(
                identities()[at].clone(),
                ADDRESSES[at],
                random,
                monitor.clone(),
            )
        };
        let devices = [device(0), device(1)];
        let attacker = Attacker {
            psk,
            handshake: Handshake::new(psk),
            sessions: Vec::new(),
            jar: Jar::new(),
            random: Random(seed.next()),
            payload: HOSTILE,
        };
        let mut duel = Self {
            devices,
            monitor,
            now: Instant(1000 * SECOND),
            air: Vec::new(),
            heard: Vec::new(),
            attacker,
            payload: 0,
        };
        for at in 0..2 {
            duel.connect(at, psk);
            duel.devices[at].lag = script.of(&[0, 0, 10, 900]);
            duel.devices[at].peers[0].persistent_secs = script.of(&[0, 0, 1, 25]);
        }
        duel
    }

    fn connect(&mut self, own: usize, psk: [u8; 32]) {
        let public = *identities()[1 - own].public();
        self.at(own).add_peer(public, psk, Some(ADDRESSES[1 - own]));
    }

    fn at(&mut self, number: usize) -> &mut Device {
        let now = self.now;
        let device = &mut self.devices[number];
        device.now = Moment {
            timers: Instant(now.since(Instant(device.slept))),
            keys: now,
        };
        device
    }

    /// What the devices want sent is under way, and heard.
    fn collect(&mut self) {
        for from in 0..2 {
            for (to, datagram) in std::mem::take(&mut self.devices[from].outbox) {
                let flight = Flight { from, to, datagram };
                keep(&mut self.heard, flight.clone());
                keep(&mut self.air, flight);
            }
        }
    }

    fn send(&mut self, from: usize) -> u64 {
        self.payload += 1;
        let payload = self.payload;
        if !self.devices[from].peers.is_empty() {
            self.at(from).send(0, payload);
            self.collect();
        }
        payload
    }

    fn deliver(&mut self, to: Address, datagram: &[u8], source: Address) {
        if let Some(number) = ADDRESSES[..2].iter().position(|address| *address == to) {
            self.at(number).receive(datagram, source);
            self.collect();
        }
    }

    /// Everything under way arrives, and what comes of it.
    fn deliver_all(&mut self) {
        for _ in 0..20 {
            let air = std::mem::take(&mut self.air);
            if air.is_empty() {
                return;
            }
            for flight in air {
                self.deliver(flight.to, &flight.datagram, ADDRESSES[flight.from]);
            }
        }
    }

    /// Lets time pass; nothing arrives meanwhile.
    fn pass(&mut self, nanos: u64, asleep: Option<usize>) {
        let end = self.now.plus(nanos);
        loop {
            let due = self
                .devices
                .iter()
                .enumerate()
                .filter_map(|(number, device)| {
                    let alarms = device.peers.iter().filter_map(|peer| peer.alarm);
                    let alarms = alarms.map(|alarm| alarm.plus(device.slept));
                    let work = device.work.iter().map(|(due, ..)| *due);
                    alarms.chain(work).min().filter(|_| Some(number) != asleep)
                });
            let Some(next) = due.min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            for number in (0..2).filter(|number| Some(*number) != asleep) {
                let device = self.at(number);
                device.run_work();
                for p in 0..device.peers.len() {
                    let due = device.peers[p].alarm;
                    if due.is_some_and(|due| due <= device.now.timers) {
                        device.expire(p);
                    }
                }
            }
            self.collect();
        }
        self.now = end;
        if let Some(number) = asleep {
            self.devices[number].slept += nanos;
        }
    }

    /// A datagram that the attacker can make is one that may be accepted.
    fn vouch(&mut self, datagram: &[u8]) {
        if !planted("handshake/forgery") {
            let public = identities()[VICTIM].public();
            self.monitor.borrow_mut().send(public, datagram);
        }
    }

    /// The attacker sends the victim something, from any address.
    fn attack(&mut self, script: &mut Script<'_>, mut datagram: Vec<u8>) {
        self.vouch(&datagram);
        if script.byte() == 0 {
            let at = script.below(datagram.len());
            datagram[at] ^= 1 << script.below(8);
        }
        let source = script.of(&ADDRESSES);
        keep(
            &mut self.heard,
            Flight {
                from: 2,
                to: ADDRESSES[VICTIM],
                datagram: datagram.clone(),
            },
        );
        self.deliver(ADDRESSES[VICTIM], &datagram, source);
    }

    fn initiate(&mut self, script: &mut Script<'_>) {
        let secs = 1_700_000_000 + self.now.0 / SECOND;
        let secs = match script.below(4) {
            0 => secs + u64::from(script.byte()),
            1 => secs - u64::from(script.byte()),
            2 => script.u64(),
            _ => secs,
        };
        let timestamp = Timestamp::now(secs, u32::from(script.byte()) << 22);
        let index = self.index(script);
        let ephemeral = self.attacker.random.bytes();
        let robbed = &identities()[ROBBED];
        let made = create_initiation(robbed, statics(), ephemeral, timestamp, index);
        let Some((mut message, state)) = made else {
            panic!("no initiation")
        };
        let _ = self.attacker.handshake.commit_initiation(state);
        let public = identities()[VICTIM].public();
        self.attacker
            .jar
            .add_macs(public, message.as_mut_bytes(), self.now);
        self.attack(script, message.as_bytes().to_vec());
    }

    /// An index of the attacker: small ones come again, or it is one of the victim's.
    fn index(&mut self, script: &mut Script<'_>) -> u32 {
        let peer = self.devices[VICTIM].peers.first();
        let own = peer.and_then(|peer| peer.handshake.local_index());
        match script.below(4) {
            0 => own.unwrap_or(0),
            1 => script.u32(),
            _ => script.below(4) as u32,
        }
    }

    /// The latest message by the victim of so many bytes that came before so many others.
    fn heard_of_victim(&self, len: usize, before: usize) -> Option<Vec<u8>> {
        let all = self.heard.iter().rev();
        let mut all = all.filter(|f| f.from == VICTIM && f.datagram.len() == len);
        Some(all.nth(before)?.datagram.clone())
    }

    /// Answers an initiation of the victim in the place of the robbed.
    fn respond(&mut self, script: &mut Script<'_>) {
        let before = script.below(3);
        let heard = self.heard_of_victim(148, before);
        let Some(message) = heard.and_then(|heard| Initiation::from_bytes(&heard)) else {
            return;
        };
        let opened = open_initiation(&identities()[ROBBED], &message);
        let Some(consumed) = opened.and_then(|opened| opened.finish(statics(), &message)) else {
            return;
        };
        let mut handshake = Handshake::new(self.attacker.psk);
        let Ok(snapshot) = handshake.commit_consumed_initiation(consumed, self.now) else {
            panic!("the first is no replay")
        };
        let index = self.index(script);
        let made = create_response(&snapshot, self.attacker.random.bytes(), index);
        let Some((mut response, state)) = made else {
            return;
        };
        assert_eq!(handshake.commit_response(&snapshot, state), Ok(None));
        self.open_session(handshake);
        let public = identities()[VICTIM].public();
        self.attacker
            .jar
            .add_macs(public, response.as_mut_bytes(), self.now);
        self.attack(script, response.as_bytes().to_vec());
    }

    /// Reads a response of the victim to the attacker's own initiation.
    fn finish(&mut self, script: &mut Script<'_>) {
        let before = script.below(3);
        let heard = self.heard_of_victim(92, before);
        let response = heard.and_then(|heard| Response::from_bytes(&heard));
        let snapshot = self.attacker.handshake.snapshot_for_response();
        let (Some(response), Some(snapshot)) = (response, snapshot) else {
            return;
        };
        let Some(consumed) = consume_response(&identities()[ROBBED], &snapshot, &response) else {
            return;
        };
        let mut handshake = std::mem::replace(
            &mut self.attacker.handshake,
            Handshake::new(self.attacker.psk),
        );
        assert!(handshake
            .commit_consumed_response(&snapshot, consumed)
            .is_ok());
        self.open_session(handshake);
    }

    fn open_session(&mut self, mut handshake: Handshake) {
        let Some(keys) = handshake.begin_session() else {
            panic!("no session")
        };
        if self.attacker.sessions.len() == 4 {
            self.attacker.sessions.remove(0);
        }
        self.attacker.sessions.push(Session {
            keys,
            next: 0,
            greatest: 0,
        });
    }

    /// Data in a session of the attacker, with any counter.
    fn data(&mut self, script: &mut Script<'_>) {
        let Some(last) = self.attacker.sessions.len().checked_sub(1) else {
            return;
        };
        let at = last - script.below(last + 1);
        let payload = self.attacker.payload;
        self.attacker.payload += 1;
        let session = &mut self.attacker.sessions[at];
        let counter = match script.below(6) {
            0 => session.next.saturating_sub(script.byte().into()),
            1 => session.next.saturating_add(script.u16().into()),
            2 => lifetime::REJECT_AFTER_MESSAGES - 2 + u64::from(script.byte() % 4),
            3 => script.u64(),
            _ => session.next,
        };
        session.next = counter.saturating_add(1);
        let plain = match script.below(4) {
            0 => Vec::new(),
            1 => vec![0; script.below(7)],
            _ => payload.to_le_bytes().to_vec(),
        };
        let header = DataHeader {
            receiver: session.keys.remote_index,
            counter,
        };
        let mut datagram = header.to_bytes().to_vec();
        datagram.resize(32 + plain.len(), 0);
        let key = &session.keys.sending;
        assert!(aead::seal_slice(
            key,
            counter,
            &[],
            &plain,
            &mut datagram[16..]
        ));
        // The attacker may use a nonce twice; the victim must not take the packet twice.
        if counter >= session.greatest && counter < u64::MAX {
            session.greatest = counter + 1;
            self.monitor.borrow_mut().seal(key.as_bytes(), counter);
        }
        self.attack(script, datagram);
    }

    /// A cookie for the victim, made by somebody who has heard its message.
    fn cookie(&mut self, script: &mut Script<'_>) {
        let len = script.of(&[148, 92]);
        let before = script.below(3);
        let Some(message) = self.heard_of_victim(len, before) else {
            return;
        };
        let mut checker = Checker::new(Some(identities()[ROBBED].public()));
        checker.rotate_if_due(self.now, &[script.byte(); 32]);
        let nonce = [script.byte(); 24];
        if let Some(reply) = checker.view().reply(&message, &ADDRESSES[VICTIM], nonce) {
            self.attack(script, reply.as_bytes().to_vec());
        }
    }

    /// One that was heard comes again, to whom it was for or to the other.
    fn replay(&mut self, script: &mut Script<'_>) {
        let Some(at) = self
            .heard
            .len()
            .checked_sub(1 + script.below(self.heard.len().max(1)))
        else {
            return;
        };
        let flight = self.heard[at].clone();
        let to = if script.byte() == 0 {
            script.of(&ADDRESSES)
        } else {
            flight.to
        };
        if let Some(peer) = self.devices[VICTIM].peers.first_mut() {
            if planted("handshake/window") {
                if let Some(keypair) = peer.keypairs.current() {
                    keypair.window.replace(Window::new());
                }
            }
            if planted("handshake/timestamp") && peer.handshake.local_index().is_none() {
                peer.handshake = Handshake::new(self.attacker.psk);
            }
        }
        self.deliver(to, &flight.datagram, script.of(&ADDRESSES));
    }

    /// The next datagram under way, or a later one: arrives, twice, broken, from elsewhere, never.
    fn transport(&mut self, script: &mut Script<'_>) {
        if self.air.is_empty() {
            return;
        }
        let at = match script.byte() {
            0..128 => 0,
            byte => usize::from(byte) % self.air.len(),
        };
        let mut flight = self.air.remove(at);
        let mut source = ADDRESSES[flight.from];
        match script.below(16) {
            0 => return,
            1 => keep(&mut self.air, flight.clone()),
            2 => {
                let at = script.below(flight.datagram.len());
                flight.datagram[at] ^= 1 << script.below(8);
            }
            3 => source = script.of(&ADDRESSES),
            4 => flight
                .datagram
                .truncate(script.below(flight.datagram.len())),
            _ => {}
        }
        self.deliver(flight.to, &flight.datagram, source);
    }

    /// What users and machines do.
    fn configure(&mut self, script: &mut Script<'_>) {
        let number = script.below(2);
        let psk = self.attacker.psk;
        let public = *identities()[1 - number].public();
        match script.below(9) {
            0 => self.at(number).end_all_sessions(),
            1 => self.at(number).expire_all_sessions(),
            2 => self.at(number).down(),
            3 => {
                if !self.devices[number].is_up {
                    self.at(number).up();
                }
            }
            4 => {
                let loaded = &mut self.devices[number].under_load;
                *loaded = !*loaded;
            }
            5 => self.at(number).remove_peer(&public),
            6 => self.connect(number, psk),
            7 => {
                let psk = if script.bool() { psk } else { [0xee; 32] };
                self.at(number).set_psk(&public, psk);
            }
            _ => self.at(number).set_identity(identities()[number].clone()),
        }
        self.collect();
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.below(16) {
            0 => drop(self.send(VICTIM)),
            1 => drop(self.send(ROBBED)),
            2..=4 => self.transport(script),
            5 => self.deliver_all(),
            6 => self.replay(script),
            7 => self.pass(MS * u64::from(script.byte()), None),
            8 => {
                let secs = script.of(&[1, 5, 10, 15, 25, 90, 120, 180, 240, 550]);
                let asleep = match script.byte() {
                    0..16 => Some(VICTIM),
                    16..24 => Some(ROBBED),
                    _ => None,
                };
                self.pass(secs * SECOND, asleep);
            }
            9 => self.initiate(script),
            10 => self.respond(script),
            11 => self.finish(script),
            12 | 13 => self.data(script),
            14 => self.cookie(script),
            _ => self.configure(script),
        }
    }

    /// The attacker has gone and the network is good. What it did to the victim's memory of
    /// timestamps stays: then it is the victim that must begin.
    fn recover(&mut self) {
        self.air.clear();
        for number in 0..2 {
            if self.devices[number].peers.is_empty() {
                self.connect(number, self.attacker.psk);
            }
            let public = *identities()[1 - number].public();
            let psk = self.attacker.psk;
            self.at(number).set_psk(&public, psk);
            self.devices[number].lag = 0;
            let peer = &mut self.devices[number].peers[0];
            peer.endpoint = peer.configured;
            if !self.devices[number].is_up {
                self.at(number).up();
                self.collect();
            }
        }
        if planted("handshake/recovery") && !self.attacker.sessions.is_empty() {
            self.devices[VICTIM].peers[0].timers.stop();
        }
        // Who hears nothing begins anew within a minute. Who hears the other in a session that came
        // before the attacker's, and answers in the attacker's, does not notice; then it takes as
        // long as a session lasts, and a minute after that (paper, 6.3: only silence counts).
        let mut silent = 0;
        for _ in 0..lifetime::REJECT_AFTER_TIME / SECOND + 60 {
            let payloads = [VICTIM, ROBBED].map(|from| {
                let payload = self.send(from);
                self.deliver_all();
                payload
            });
            let there = payloads.map(|payload| self.monitor.borrow().is_delivered(payload));
            match there {
                [true, true] => return,
                [false, false] => silent += 1,
                _ => {}
            }
            if silent == 60 {
                break;
            }
            // Quicker than two that begin at once begin again.
            for _ in 0..50 {
                self.pass(20 * MS, None);
                self.deliver_all();
            }
        }
        panic!("the two do not find each other again");
    }
}

/// A script of steps.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut duel = Duel::new(&mut script);
    // A step may be a curve operation or two.
    for _ in 0..150 {
        if script.is_empty() {
            break;
        }
        duel.step(&mut script);
    }
    duel.recover();
}
