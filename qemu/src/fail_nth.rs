// SPDX-License-Identifier: GPL-2.0

//! `fail-nth`: each operation of an interface's life with its first allocation failing, then its second,
//! and so on, until an operation comes to its end without one.
//!
//! The kernel's fault injection counts for one thread (`/proc/thread-self/fail-nth`), so it is the
//! operation alone that meets the fault. Each must end well or with an error that says what it is, and
//! after an error the same operation must succeed. Prints a table: the operation, how many allocations
//! failed, and what it said to how many of them.

use crate::genl::{self, Answer, Attrs, Genl, NESTED};
use anyhow::{bail, ensure, Context, Result};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::net::UdpSocket;
use std::os::unix::fs::FileExt;

/// The name under which this program is this command.
pub(crate) const NAME: &str = "fail-nth";

const FAULT: &str = "/proc/thread-self/fail-nth";
const LINK: &str = "wgfail";
/// No operation has so many allocations.
const MOST: u32 = 3_000;
const NEWLINK: u16 = 16;
const DELLINK: u16 = 17;
const CREATE_NEW: u16 = 0x600;
/// IFF_UP.
const UP: u32 = 1;

/// An operation, what must be there before it, and what undoes it.
struct Operation {
    name: &'static str,
    /// What else the kernel says in it for want of memory: device_add() of a device whose name found
    /// none, and sock_create() of a socket that found none.
    also: Errno,
    before: fn(&mut Life) -> Result<()>,
    run: fn(&mut Life) -> Result<Answer>,
}

const OPERATIONS: [Operation; 7] = [
    Operation {
        name: "make the interface",
        also: Errno::EINVAL,
        before: |life| life.unmake(),
        run: |life| life.make(),
    },
    Operation {
        name: "set keys and peers",
        also: Errno::ENOMEM,
        before: |life| life.fresh(),
        run: |life| life.set(),
    },
    Operation {
        name: "set it up",
        also: Errno::ENFILE,
        before: |life| life.fresh(),
        run: |life| life.up(true),
    },
    Operation {
        name: "dump",
        also: Errno::ENOMEM,
        before: |life| life.configured(),
        run: |life| life.dump(),
    },
    Operation {
        name: "send a packet",
        also: Errno::ENOMEM,
        before: |life| life.configured(),
        run: |life| life.send(),
    },
    Operation {
        name: "remove the peers",
        also: Errno::ENOMEM,
        before: |life| life.configured(),
        run: |life| life.remove_peers(),
    },
    Operation {
        name: "remove the interface",
        also: Errno::ENOMEM,
        before: |life| life.configured(),
        run: |life| life.remove(),
    },
];

/// Does all operations with all faults. The only argument is how many steps to go at a time.
pub(crate) fn main(arguments: &[String]) -> Result<()> {
    let step: u32 = arguments.first().map_or(Ok(1), |text| text.parse())?;
    let mut life = Life::new()?;
    let mut total = 0;
    for operation in &OPERATIONS {
        let (faults, answers) = try_all(&mut life, operation, step)?;
        let list: Vec<_> = answers
            .iter()
            .map(|(answer, count)| format!("{count} {}", name(*answer)))
            .collect();
        println!("| {} | {faults} | {} |", operation.name, list.join(", "));
        total += faults;
    }
    life.unmake()?;
    ensure!(total > 0, "no fault was met: is the injection on?");
    println!("\n{total} faults");
    Ok(())
}

fn name(answer: Answer) -> String {
    match answer {
        Answer::Done => "done".to_owned(),
        Answer::Silence => "no answer".to_owned(),
        Answer::Error(number) => format!("{:?}", Errno::from_raw(number)),
    }
}

fn try_all(
    life: &mut Life,
    operation: &Operation,
    step: u32,
) -> Result<(u32, BTreeMap<Answer, u32>)> {
    let mut answers = BTreeMap::new();
    let step = step.max(1);
    for faults in 0..MOST {
        let nth = 1 + faults * step;
        (operation.before)(life).with_context(|| format!("before: {}", operation.name))?;
        let fault = Fault::arm(nth)?;
        let answer = (operation.run)(life);
        let left = fault.disarm()?;
        let answer = answer.with_context(|| format!("{} with fault {nth}", operation.name))?;
        if left != 0 {
            ensure!(
                answer == Answer::Done,
                "{} without a fault: {}",
                operation.name,
                name(answer)
            );
            return Ok((faults, answers));
        }
        *answers.entry(answer).or_default() += 1;
        match answer {
            Answer::Done => {}
            Answer::Error(number) if is_shortage(number) => {}
            Answer::Error(number) if Errno::from_raw(number) == operation.also => {}
            other => bail!("{} with fault {nth}: {}", operation.name, name(other)),
        }
        // An answer may have been lost, or be late.
        life.reopen()?;
    }
    bail!("{} does not come to an end", operation.name)
}

/// What says that there was no memory: itself, a full buffer, or a file table.
fn is_shortage(number: i32) -> bool {
    [Errno::ENOMEM, Errno::ENOBUFS].contains(&Errno::from_raw(number))
}

/// The counter of this thread, open from before the fault until after it: opening it allocates, too.
struct Fault(File);

impl Fault {
    fn arm(nth: u32) -> Result<Self> {
        let file = File::options().read(true).write(true).open(FAULT);
        let file = file.context(FAULT)?;
        file.write_all_at(nth.to_string().as_bytes(), 0)?;
        Ok(Self(file))
    }

    /// How many allocations were left; none, if the fault was met.
    fn disarm(self) -> Result<u32> {
        let mut text = [0; 16];
        let len = self.0.read_at(&mut text, 0)?;
        self.0.write_all_at(b"0", 0)?;
        let digits = std::str::from_utf8(text.get(..len).unwrap_or_default())?;
        Ok(digits.trim().parse()?)
    }
}

struct Life {
    route: Genl,
    genl: Genl,
    family: u16,
    socket: UdpSocket,
}

impl Life {
    fn new() -> Result<Self> {
        let mut genl = Genl::open()?;
        let family = genl.family("wireguard")?;
        Ok(Self {
            route: Genl::route()?,
            genl,
            family,
            socket: UdpSocket::bind("0.0.0.0:0")?,
        })
    }

    fn reopen(&mut self) -> Result<()> {
        self.route = Genl::route()?;
        self.genl = Genl::open()?;
        Ok(())
    }

    /// A message about the interface: its flags, and attributes.
    fn link(
        &mut self,
        kind: u16,
        flags: u16,
        [set, mask]: [u32; 2],
        attrs: &Attrs,
    ) -> Result<Answer> {
        let mut name = Attrs::default();
        name.put(3, &[LINK.as_bytes(), &[0]].concat());
        let mut body = vec![0; 8];
        body.extend(set.to_ne_bytes());
        body.extend(mask.to_ne_bytes());
        body.extend(name.0);
        body.extend(&attrs.0);
        Self::ask(
            &mut self.route,
            &genl::plain(kind, genl::REQUEST | genl::ACK | flags, &body),
        )
    }

    /// Sends and waits; that the message did not even leave for want of memory is an answer, too.
    fn ask(socket: &mut Genl, message: &[u8]) -> Result<Answer> {
        match socket.send(message) {
            Ok(()) => {
                let answer = socket.answer(10_000);
                match answer {
                    // The answer itself met the fault: what was asked for is done or not.
                    Ok(Answer::Silence) => Ok(Answer::Error(Errno::ENOBUFS as i32)),
                    other => Self::shortage(other),
                }
            }
            Err(error) => Self::shortage(Err(error)),
        }
    }

    fn shortage(result: Result<Answer>) -> Result<Answer> {
        match result {
            Ok(answer) => Ok(answer),
            Err(error) => match error.downcast_ref::<Errno>() {
                Some(number) if is_shortage(*number as i32) => Ok(Answer::Error(*number as i32)),
                _ => Err(error),
            },
        }
    }

    fn make(&mut self) -> Result<Answer> {
        let mut kind = Attrs::default();
        kind.put(1, b"wireguard\0");
        let mut info = Attrs::default();
        info.put(18 | NESTED, &kind.0);
        self.link(NEWLINK, CREATE_NEW, [0, 0], &info)
    }

    fn remove(&mut self) -> Result<Answer> {
        self.link(DELLINK, 0, [0, 0], &Attrs::default())
    }

    fn up(&mut self, up: bool) -> Result<Answer> {
        self.link(NEWLINK, 0, [if up { UP } else { 0 }, UP], &Attrs::default())
    }

    /// There is no interface.
    fn unmake(&mut self) -> Result<()> {
        match self.remove()? {
            Answer::Done => Ok(()),
            Answer::Error(number) if Errno::from_raw(number) == Errno::ENODEV => Ok(()),
            other => bail!("removing the interface: {}", name(other)),
        }
    }

    fn must(answer: Answer, what: &str) -> Result<()> {
        ensure!(answer == Answer::Done, "{what}: {}", name(answer));
        Ok(())
    }

    /// A new interface, down and without a key.
    fn fresh(&mut self) -> Result<()> {
        self.unmake()?;
        let answer = self.make()?;
        Self::must(answer, "making the interface")
    }

    /// A new interface with keys, peers and an address, up.
    fn configured(&mut self) -> Result<()> {
        self.fresh()?;
        let answer = self.set()?;
        Self::must(answer, "setting keys and peers")?;
        let answer = self.up(true)?;
        Self::must(answer, "setting the interface up")?;
        // What it sends takes this interface without a route to it.
        self.socket = UdpSocket::bind("0.0.0.0:0")?;
        setsockopt(&self.socket, sockopt::BindToDevice, &OsString::from(LINK))?;
        Ok(())
    }

    fn wireguard(&mut self, flags: u16, command: u8, attrs: &Attrs) -> Result<Answer> {
        let message = genl::message(
            self.family,
            genl::REQUEST | genl::ACK | flags,
            [command, 1],
            &attrs.0,
        );
        Self::ask(&mut self.genl, &message)
    }

    fn named() -> Attrs {
        let mut attrs = Attrs::default();
        attrs.put(2, &[LINK.as_bytes(), &[0]].concat());
        attrs
    }

    fn set(&mut self) -> Result<Answer> {
        let mut peers = Attrs::default();
        for number in 1..4u8 {
            let mut list = Attrs::default();
            for third in 0..3 {
                let mut one = Attrs::default();
                one.put(1, &2u16.to_ne_bytes());
                one.put(2, &[172, 20, number, third * 64]);
                one.put(3, &[26]);
                list.put(NESTED, &one.0);
            }
            let mut peer = Attrs::default();
            let mut key = [number; 32];
            key[31] = 0x41;
            peer.put(1, &key);
            peer.put(2, &[7; 32]);
            let mut endpoint = vec![2, 0];
            endpoint.extend(9u16.to_be_bytes());
            endpoint.extend([127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
            peer.put(4, &endpoint);
            peer.put(9 | NESTED, &list.0);
            peers.put(NESTED, &peer.0);
        }
        let mut attrs = Self::named();
        attrs.put(3, &[0x55; 32]);
        attrs.put(5, &1u32.to_ne_bytes());
        attrs.put(8 | NESTED, &peers.0);
        self.wireguard(0, 1, &attrs)
    }

    fn remove_peers(&mut self) -> Result<Answer> {
        let mut attrs = Self::named();
        attrs.put(5, &1u32.to_ne_bytes());
        self.wireguard(0, 1, &attrs)
    }

    fn dump(&mut self) -> Result<Answer> {
        self.wireguard(genl::DUMP, 0, &Self::named())
    }

    /// A packet for a peer that never answers: it is staged, and an initiation is sent.
    fn send(&mut self) -> Result<Answer> {
        match self.socket.send_to(&[0; 100], "172.20.1.1:9") {
            Ok(_) => Ok(Answer::Done),
            Err(error) => match error.raw_os_error() {
                Some(number) => Ok(Answer::Error(number)),
                None => Err(error.into()),
            },
        }
    }
}
