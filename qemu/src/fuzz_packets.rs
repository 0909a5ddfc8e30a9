// SPDX-License-Identifier: GPL-2.0

//! `fuzz-packets`: datagrams to a loaded module's port from a peer that it knows, most of them almost
//! right.
//!
//! The sender has keys, so what it sends gets as far as it can be got: messages of a handshake with a
//! valid mac1 around contents of any kind, data that is sealed in a session of its own around packets of
//! any kind, under counters that are new, used, old or far ahead; and all of it damaged before or after
//! it was sealed, cut, or prolonged. The numbers are those of the seed, which is printed; the keys of a
//! session are fresh ones. At the end the target must still make a session and take what it is sent.

use crate::noise::{Amount, Noise};
use crate::rogue;
use anyhow::{Context, Result};
use clap::Parser;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use wg_protocol::cookie::Jar;
use wg_protocol::noise::{create_initiation, Identity, PeerStatic, SessionKeys, Timestamp};

/// The name under which this program is this command.
pub(crate) const NAME: &str = "fuzz-packets";

/// Packets in a session; then there is another.
const SESSION: u64 = 50_000;
const LONGEST: u64 = 1_500;

/// Sends packets of every kind to a WireGuard port.
#[derive(Parser)]
#[command(name = NAME)]
struct Options {
    #[command(flatten)]
    ends: rogue::Ends,
    #[command(flatten)]
    amount: Amount,
}

/// Sends what the arguments say.
pub(crate) fn main(arguments: &[String]) -> Result<()> {
    let words = std::iter::once(NAME.to_owned()).chain(arguments.iter().cloned());
    let options = Options::parse_from(words);
    let mut fuzzer = Fuzzer::new(&options)?;
    let start = Instant::now();
    let sent = options.amount.repeat(|sent| {
        if sent % SESSION == 0 {
            fuzzer.begin_session()?;
        }
        fuzzer.send_one()
    })?;
    println!("{sent} packets in {} ms", start.elapsed().as_millis());
    for (name, count) in KINDS.iter().zip(fuzzer.sent) {
        println!("{count:9} {name}");
    }
    println!(
        "{:9} sessions, the last of them after all of that",
        fuzzer.sessions + 1
    );
    fuzzer.begin_session()
}

const KINDS: [&str; 6] = [
    "random",
    "initiation",
    "response",
    "cookie",
    "data",
    "sealed data",
];

struct Fuzzer {
    noise: Noise,
    socket: UdpSocket,
    identity: Identity,
    peer: PeerStatic,
    session: rogue::Session,
    keys: Option<SessionKeys>,
    counter: u64,
    sent: [u64; KINDS.len()],
    sessions: u64,
}

impl Fuzzer {
    fn new(options: &Options) -> Result<Self> {
        let (socket, session) = options.ends.open()?;
        let identity = Identity::new(session.private);
        let peer = PeerStatic::new(session.public, Some(&identity));
        Ok(Self {
            noise: options.amount.noise(),
            socket,
            identity,
            peer,
            session,
            keys: None,
            counter: 0,
            sent: [0; KINDS.len()],
            sessions: 0,
        })
    }

    fn begin_session(&mut self) -> Result<()> {
        // What came back so far is nobody's answer.
        self.socket.set_nonblocking(true)?;
        let mut buffer = [0; 2048];
        while self.socket.recv(&mut buffer).is_ok() {}
        self.socket.set_nonblocking(false)?;
        self.keys = Some(rogue::handshake(&self.socket, &self.session)?);
        self.counter = 0;
        self.sessions += 1;
        Ok(())
    }

    fn send_one(&mut self) -> Result<()> {
        // A handshake costs the other end a hundred times what a packet costs.
        let kind = match self.noise.below(100) {
            0..15 => 0,
            15..17 => 1,
            17..19 => 2,
            19..24 => 3,
            24..40 => 4,
            _ => 5,
        };
        if let Some(sent) = self.sent.get_mut(kind) {
            *sent += 1;
        }
        let mut message = match kind {
            0 => {
                let len = self.noise.below(LONGEST) as usize;
                self.noise.bytes(len)
            }
            1 => self.initiation()?,
            2 => self.stranger(2, 92, Some(8)),
            3 => self.stranger(3, 64, Some(4)),
            4 => {
                let len = 32 + self.noise.below(LONGEST) as usize;
                self.stranger(4, len, Some(4))
            }
            _ => self.sealed()?,
        };
        if self.noise.once_in(4) {
            self.damage(&mut message);
        }
        match self.socket.send(&message) {
            Ok(_) => Ok(()),
            // What an earlier packet came back with, or no room at the moment.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionRefused | ErrorKind::WouldBlock | ErrorKind::OutOfMemory
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error).context("sending"),
        }
    }

    /// An initiation that is right, or that has something else in it under a right mac1.
    fn initiation(&mut self) -> Result<Vec<u8>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let timestamp = Timestamp::now(now.as_secs(), now.subsec_nanos());
        let index = self.noise.next() as u32;
        let made = create_initiation(
            &self.identity,
            &self.peer,
            self.noise.array(),
            timestamp,
            index,
        );
        let (mut message, _) = made.context("keys that make no secret")?;
        if self.noise.once_in(2) {
            let at = self.noise.below(116) as usize;
            if let Some(byte) = message.as_mut_bytes().get_mut(at) {
                *byte ^= 1 << self.noise.below(8);
            }
        }
        Jar::new().add_macs(
            self.peer.public(),
            message.as_mut_bytes(),
            wg_protocol::Instant(0),
        );
        Ok(message.as_bytes().to_vec())
    }

    /// A message of a kind with anything in it, often for an index of ours and with a right mac1.
    fn stranger(&mut self, kind: u8, len: usize, index: Option<usize>) -> Vec<u8> {
        let mut out = self.noise.bytes(len);
        out.splice(..4, [kind, 0, 0, 0]);
        let ours = self.keys.as_ref().map(|keys| keys.remote_index);
        if let (Some(at), Some(ours), true) = (index, ours, self.noise.once_in(2)) {
            out.splice(at..at + 4, ours.to_le_bytes());
        }
        if kind == 2 && self.noise.once_in(2) {
            Jar::new().add_macs(self.peer.public(), &mut out, wg_protocol::Instant(0));
        }
        out
    }

    fn sealed(&mut self) -> Result<Vec<u8>> {
        let counter = match self.noise.below(20) {
            0 => self.noise.below(self.counter.max(1)),
            1 => self.counter + self.noise.below(64),
            2 if self.noise.once_in(50) => self.counter + self.noise.below(9_000),
            // Beyond what a key may be used for: those never move the window.
            3 if self.noise.once_in(10) => u64::MAX - self.noise.below(20_000),
            _ => self.counter,
        };
        if counter < u64::MAX / 2 {
            self.counter = self.counter.max(counter) + 1;
        }
        let mut inner = self.inner();
        if self.noise.once_in(3) {
            self.damage(&mut inner);
        }
        inner.truncate(LONGEST as usize);
        let keys = self.keys.as_ref().context("a session")?;
        rogue::seal(keys, counter, &inner)
    }

    /// An IP packet, from an address that the peer may use or from another.
    fn inner(&mut self) -> Vec<u8> {
        let noise = &mut self.noise;
        let len = noise.below(LONGEST - 100) as usize;
        let allowed = !noise.once_in(4);
        let padding = if noise.once_in(4) {
            noise.below(40) as usize
        } else {
            0
        };
        let mut out = Vec::new();
        let body = noise.bytes(len);
        if noise.once_in(2) {
            out.extend([0x45, noise.next() as u8]);
            out.extend((20 + len as u16).to_be_bytes());
            out.extend([0, 0, 0, 0, 64]);
            out.push(noise.pick(&[1, 6, 17, 47, 255]).unwrap_or_default());
            out.extend([0, 0]);
            out.extend(if allowed {
                [10, 7, 0, 9]
            } else {
                noise.array()
            });
            out.extend([10, 7, 0, 1]);
        } else {
            out.extend([0x60, 0, 0, 0]);
            out.extend((len as u16).to_be_bytes());
            out.push(
                noise
                    .pick(&[0, 6, 17, 43, 44, 58, 59, 60])
                    .unwrap_or_default(),
            );
            out.push(64);
            let mut source = if allowed { [0; 16] } else { noise.array() };
            if let (true, [first, second, .., last]) = (allowed, &mut source) {
                (*first, *second, *last) = (0xfd, 0x10, 9);
            }
            out.extend(source);
            out.extend([0xfd, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        }
        out.extend(body);
        out.resize(out.len() + padding, 0);
        if noise.once_in(30) {
            out.clear();
        }
        out
    }

    /// Changes some bits, cuts, or prolongs.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let noise = &mut self.noise;
        if bytes.is_empty() {
            return;
        }
        // The beginning is where most is decided.
        let span = if noise.once_in(2) { 64 } else { bytes.len() };
        let at = noise.below(span.min(bytes.len()) as u64) as usize;
        match noise.below(4) {
            0 => bytes.truncate(at),
            1 => {
                let extra = noise.bytes(1 + at % 40);
                bytes.extend(extra);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << noise.below(8);
                }
            }
        }
    }
}
