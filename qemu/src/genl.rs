// SPDX-License-Identifier: GPL-2.0

//! Just enough of generic netlink for a fuzzer: attributes, messages, the family's number.

use anyhow::{bail, Context, Result};
use nix::errno::Errno;
use nix::sys::socket::{
    bind, recv, send, setsockopt, socket, sockopt, AddressFamily, MsgFlags, NetlinkAddr, SockFlag,
    SockProtocol, SockType,
};
use nix::sys::time::TimeVal;
use std::os::fd::{AsRawFd, OwnedFd};

/// A nested attribute says so.
pub(crate) const NESTED: u16 = 1 << 15;
/// Flags of a message.
pub(crate) const REQUEST: u16 = 1;
pub(crate) const ACK: u16 = 4;
pub(crate) const DUMP: u16 = 0x300;
/// Kinds of messages.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// The family that tells the numbers of others (GENL_ID_CTRL).
const CONTROLLER: u16 = 16;
/// Room for an answer.
const ROOM: usize = 32 * 1024;

/// Attributes, one after the other.
#[derive(Clone, Default)]
pub(crate) struct Attrs(pub(crate) Vec<u8>);

impl Attrs {
    /// Adds one.
    pub(crate) fn put(&mut self, kind: u16, payload: &[u8]) {
        let len = u16::try_from(payload.len() + 4).unwrap_or(u16::MAX);
        self.0.extend(len.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(payload);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

/// A message of a kind with this in it.
pub(crate) fn plain(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + body.len());
    out.extend((16 + body.len() as u32).to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    // Sequence number and port.
    out.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    out.extend(body);
    out
}

/// A message of a family: `command` with these attributes.
pub(crate) fn message(
    family: u16,
    flags: u16,
    [command, version]: [u8; 2],
    attrs: &[u8],
) -> Vec<u8> {
    plain(family, flags, &[&[command, version, 0, 0], attrs].concat())
}

/// What the kernel said in the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Answer {
    /// Yes, or the end of a dump.
    Done,
    /// No.
    Error(i32),
    /// Nothing at all: the message asked for no answer, or was none.
    Silence,
}

/// A socket.
pub(crate) struct Genl {
    socket: OwnedFd,
    room: Vec<u8>,
}

impl Genl {
    /// A socket for generic netlink in the namespace that the thread is in.
    pub(crate) fn open() -> Result<Self> {
        Self::of(SockProtocol::NetlinkGeneric)
    }

    /// One for links, addresses and routes.
    pub(crate) fn route() -> Result<Self> {
        Self::of(SockProtocol::NetlinkRoute)
    }

    fn of(protocol: SockProtocol) -> Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            protocol,
        )
        .context("netlink socket")?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        // A message that is none gets no answer; all others get theirs before send() returns.
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(0, 20_000))?;
        Ok(Self {
            socket,
            room: vec![0; ROOM],
        })
    }

    /// The number of the family of this name.
    pub(crate) fn family(&mut self, name: &str) -> Result<u16> {
        let mut attrs = Attrs::default();
        attrs.put(2, &[name.as_bytes(), &[0]].concat());
        self.send(&message(CONTROLLER, REQUEST, [3, 1], &attrs.0))?;
        let len = recv(self.socket.as_raw_fd(), &mut self.room, MsgFlags::empty())?;
        let mut rest = self.room.get(20..len).unwrap_or_default();
        while let Some((head, _)) = rest.split_first_chunk::<4>() {
            let [a, b, c, d] = *head;
            let len = usize::from(u16::from_ne_bytes([a, b]));
            if u16::from_ne_bytes([c, d]) == 1 {
                let number = rest.get(4..6).context("a family without a number")?;
                return Ok(u16::from_ne_bytes(number.try_into()?));
            }
            rest = rest
                .get(len.max(4).next_multiple_of(4)..)
                .unwrap_or_default();
        }
        bail!("no family is called {name}")
    }

    /// Sends a message as it is.
    pub(crate) fn send(&self, message: &[u8]) -> Result<()> {
        send(self.socket.as_raw_fd(), message, MsgFlags::empty()).context("netlink send")?;
        Ok(())
    }

    /// Reads until the kernel has said the last word; at most `most` pieces.
    pub(crate) fn answer(&mut self, most: usize) -> Result<Answer> {
        for _ in 0..most {
            let len = match recv(self.socket.as_raw_fd(), &mut self.room, MsgFlags::empty()) {
                Ok(len) => len,
                Err(Errno::EAGAIN) => return Ok(Answer::Silence),
                Err(Errno::ENOBUFS) => return Ok(Answer::Error(Errno::ENOBUFS as i32)),
                Err(error) => return Err(error).context("netlink recv"),
            };
            let mut rest = self.room.get(..len).unwrap_or_default();
            while let Some((head, body)) = rest.split_first_chunk::<16>() {
                let [a, b, c, d, e, f, ..] = *head;
                let len = u32::from_ne_bytes([a, b, c, d]) as usize;
                let kind = u16::from_ne_bytes([e, f]);
                if kind == ERROR || kind == DONE {
                    let number = body.first_chunk::<4>().copied().unwrap_or_default();
                    return Ok(match i32::from_ne_bytes(number) {
                        0 => Answer::Done,
                        number if kind == ERROR => Answer::Error(-number),
                        number if number < 0 => Answer::Error(-number),
                        _ => Answer::Done,
                    });
                }
                rest = rest
                    .get(len.max(16).next_multiple_of(4)..)
                    .unwrap_or_default();
            }
        }
        Ok(Answer::Silence)
    }
}
