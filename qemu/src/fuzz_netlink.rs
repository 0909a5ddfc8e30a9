// SPDX-License-Identifier: GPL-2.0

//! `fuzz-netlink`: requests to a loaded module's generic netlink family, most of them almost right.
//!
//! Each message is laid out as `wg` would do it, from a small stock of keys, addresses and ports, so
//! that what one of them made the next finds; then, with a chance of --broken percent, some of its
//! bytes, lengths, kinds or its order change. With --broken 0 it is a storm of good requests. The
//! numbers are those of the seed, which is printed. Prints each answer and how often it came.

use crate::genl::{self, message, Answer, Attrs, Genl, NESTED};
use crate::noise::{Amount, Noise};
use anyhow::{bail, Result};
use clap::Parser;
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::time::Instant;

/// The name under which this program is this command.
pub(crate) const NAME: &str = "fuzz-netlink";

/// Public keys that peers get again and again.
const KEYS: u8 = 48;
/// What a good message has at most, so that it fits into the kernel's buffers.
const MOST: usize = 16 * 1024;

/// Sends requests to WireGuard's netlink family.
#[derive(Parser)]
#[command(name = NAME)]
struct Options {
    /// Interfaces that are asked about
    #[arg(required = true)]
    devices: Vec<String>,
    #[command(flatten)]
    amount: Amount,
    /// In a hundred messages so many are broken
    #[arg(long, default_value_t = 50)]
    broken: u64,
    /// The interfaces' own keys and ports stay, and no message removes all peers at once
    #[arg(long)]
    peaceful: bool,
}

/// Sends what the arguments say, and prints what was answered.
pub(crate) fn main(arguments: &[String]) -> Result<()> {
    let words = std::iter::once(NAME.to_owned()).chain(arguments.iter().cloned());
    let options = Options::parse_from(words);
    let mut fuzzer = Fuzzer {
        noise: options.amount.noise(),
        devices: options.devices,
        peaceful: options.peaceful,
    };
    let mut genl = Genl::open()?;
    let family = genl.family("wireguard")?;
    let start = Instant::now();
    let mut answers: BTreeMap<Answer, u64> = BTreeMap::new();
    let sent = options.amount.repeat(|_| {
        let broken = fuzzer.noise.below(100) < options.broken;
        let dump = fuzzer.noise.once_in(12);
        let message = if dump {
            fuzzer.get(family, broken)
        } else {
            fuzzer.set(family, broken)
        };
        genl.send(&message)?;
        // Now and then somebody leaves in the middle of a dump.
        if dump && fuzzer.noise.once_in(4) {
            genl = Genl::open()?;
        } else {
            *answers.entry(genl.answer(1000)?).or_default() += 1;
        }
        Ok(())
    })?;
    println!("{sent} messages in {} ms", start.elapsed().as_millis());
    for (answer, count) in &answers {
        match answer {
            Answer::Done => println!("{count:9} done"),
            Answer::Silence => println!("{count:9} no answer"),
            Answer::Error(number) => println!("{count:9} {:?}", Errno::from_raw(*number)),
        }
    }
    // A fuzzer that is refused at the door finds nothing.
    let done = answers.get(&Answer::Done).copied().unwrap_or_default();
    if done * 10 < sent {
        bail!("only {done} of {sent} messages were good: the module has hardly been tried");
    }
    Ok(())
}

struct Fuzzer {
    noise: Noise,
    devices: Vec<String>,
    /// Own keys and ports stay, and not all peers go at once.
    peaceful: bool,
}

impl Fuzzer {
    fn device(&mut self) -> Vec<u8> {
        let at = self.noise.below(self.devices.len() as u64) as usize;
        let name = self.devices.get(at).cloned().unwrap_or_default();
        [name.as_bytes(), &[0]].concat()
    }

    fn get(&mut self, family: u16, broken: bool) -> Vec<u8> {
        let mut attrs = Attrs::default();
        attrs.put(2, &self.device());
        if broken {
            self.damage(&mut attrs.0);
        }
        message(
            family,
            genl::REQUEST | genl::DUMP | genl::ACK,
            [0, 1],
            &attrs.0,
        )
    }

    fn set(&mut self, family: u16, broken: bool) -> Vec<u8> {
        let mut attrs = Attrs::default();
        attrs.put(2, &self.device());
        let noise = &mut self.noise;
        if !self.peaceful {
            if noise.once_in(10) {
                let key = if noise.once_in(8) {
                    [0; 32]
                } else {
                    noise.array()
                };
                attrs.put(3, &key);
            }
            if noise.once_in(60) {
                attrs.put(5, &1u32.to_ne_bytes());
            }
            if noise.once_in(10) {
                let port = [0, 51_900, 51_901, 51_902];
                attrs.put(
                    6,
                    &noise.pick::<u16>(&port).unwrap_or_default().to_ne_bytes(),
                );
            }
        }
        if noise.once_in(10) {
            attrs.put(
                7,
                &noise
                    .pick::<u32>(&[0, 1, 0xca6c])
                    .unwrap_or_default()
                    .to_ne_bytes(),
            );
        }
        let mut peers = Attrs::default();
        for _ in 0..noise.below(5) {
            let peer = self.peer(broken);
            peers.put(NESTED, &peer.0);
        }
        if !peers.0.is_empty() {
            attrs.put(8 | NESTED, &peers.0);
        }
        let (mut flags, mut header) = (genl::REQUEST | genl::ACK, [1, 1]);
        if broken {
            self.damage(&mut attrs.0);
            let noise = &mut self.noise;
            if noise.once_in(20) {
                flags = noise.next() as u16 | genl::ACK;
            }
            if noise.once_in(20) {
                header = noise.array();
            }
        }
        attrs.0.truncate(MOST);
        message(family, flags, header, &attrs.0)
    }

    fn peer(&mut self, broken: bool) -> Attrs {
        let noise = &mut self.noise;
        let mut peer = Attrs::default();
        // One of the stock; a first byte that no test's own peer has.
        let mut key = [noise.below(KEYS.into()) as u8; 32];
        key[31] = 0x40;
        if broken && noise.once_in(10) {
            key = noise.array();
        }
        peer.put(1, &key);
        if noise.once_in(4) {
            peer.put(2, &noise.array::<32>());
        }
        // (the removal of a peer waits for all readers, and so do we)
        if noise.once_in(5) {
            let flags = noise.pick(&[1u32, 2, 2, 2, 4, 5, 6, 0]).unwrap_or_default();
            peer.put(3, &flags.to_ne_bytes());
        }
        if noise.once_in(3) {
            let endpoint = endpoint(noise);
            peer.put(4, &endpoint);
        }
        if noise.once_in(4) {
            peer.put(5, &(noise.below(3) as u16).to_ne_bytes());
        }
        let mut list = Attrs::default();
        for _ in 0..noise.below(8) {
            let one = allowed_ip(noise, broken);
            list.put(NESTED, &one.0);
        }
        if !list.0.is_empty() {
            peer.put(9 | NESTED, &list.0);
        }
        if noise.once_in(8) {
            peer.put(10, &1u32.to_ne_bytes());
        }
        peer
    }

    /// Changes some bytes, or an attribute's place, length or kind.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let noise = &mut self.noise;
        for _ in 0..=noise.below(3) {
            if bytes.is_empty() {
                return;
            }
            let at = noise.below(bytes.len() as u64) as usize;
            match noise.below(6) {
                0 => bytes.truncate(at),
                1 => {
                    let extra = noise.bytes(4 * (1 + at % 5));
                    bytes.splice(at..at, extra);
                }
                2 => {
                    let end = (at + 4 * (1 + at % 9)).min(bytes.len());
                    bytes.drain(at..end);
                }
                // At a place where lengths and kinds are.
                3 => {
                    let at = at & !3;
                    if let Some(place) = bytes.get_mut(at..at + 2) {
                        let len = noise.below(80) as u16;
                        place.copy_from_slice(&len.to_ne_bytes());
                    }
                }
                4 => {
                    let at = (at & !3) + 2;
                    if let Some(place) = bytes.get_mut(at..at + 2) {
                        let kind =
                            noise.below(14) as u16 | if noise.once_in(2) { NESTED } else { 0 };
                        place.copy_from_slice(&kind.to_ne_bytes());
                    }
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << noise.below(8);
                    }
                }
            }
        }
    }
}

/// An address in this machine, or one that nothing leads to.
fn endpoint(noise: &mut Noise) -> Vec<u8> {
    let port = 51_900 + noise.below(3) as u16;
    let mut out = Vec::new();
    if noise.once_in(2) {
        out.extend(2u16.to_ne_bytes());
        out.extend(port.to_be_bytes());
        out.extend([127, 0, 0, 1 + noise.below(3) as u8]);
        out.resize(16, 0);
    } else {
        out.extend(10u16.to_ne_bytes());
        out.extend(port.to_be_bytes());
        out.extend([0; 4]);
        out.resize(23, 0);
        out.push(1);
        out.extend([0; 4]);
    }
    out
}

/// A prefix from a small world, so that prefixes meet, cover each other and change their peers.
fn allowed_ip(noise: &mut Noise, broken: bool) -> Attrs {
    let mut attrs = Attrs::default();
    let (family, address, longest) = if noise.once_in(2) {
        (
            2u16,
            vec![172, 16, noise.below(4) as u8, noise.below(8) as u8],
            32,
        )
    } else {
        let mut address = vec![0xfd, 0x99];
        address.resize(14, 0);
        address.extend([noise.below(4) as u8, noise.below(8) as u8]);
        (10, address, 128)
    };
    attrs.put(1, &family.to_ne_bytes());
    attrs.put(2, &address);
    let mut cidr = longest - noise.below(12) as u8;
    if noise.once_in(30) {
        cidr = noise.below(u64::from(longest) + if broken { 9 } else { 1 }) as u8;
    }
    attrs.put(3, &[cidr]);
    if noise.once_in(5) {
        attrs.put(4, &1u32.to_ne_bytes());
    }
    attrs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_whole_and_repeat() {
        let make = |broken| {
            let mut fuzzer = Fuzzer {
                noise: Noise::new(7),
                devices: vec!["wg0".to_owned()],
                peaceful: false,
            };
            (0..500).map(|_| fuzzer.set(30, broken)).collect::<Vec<_>>()
        };
        for broken in [false, true] {
            let messages = make(broken);
            assert_eq!(messages, make(broken));
            for message in messages {
                let len = u32::from_ne_bytes(message[..4].try_into().unwrap_or_default());
                assert_eq!(len as usize, message.len());
            }
        }
        assert_ne!(make(false), make(true));
    }
}
