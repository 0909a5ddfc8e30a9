// SPDX-License-Identifier: GPL-2.0

//! Netlink messages and the socket they go through: nothing is checked on the way out.

use crate::attr::{self, Attrs};
use anyhow::{bail, Context, Result};
use netlink_sys::{protocols, Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{recv, setsockopt, sockopt, MsgFlags};
use nix::sys::time::TimeVal;
use std::os::fd::AsRawFd;

/// Message types and flags (`linux/netlink.h`).
pub(crate) const NLMSG_ERROR: u16 = 2;
pub(crate) const NLMSG_DONE: u16 = 3;
pub(crate) const REQUEST: u16 = 1;
pub(crate) const ACK: u16 = 4;
pub(crate) const DUMP_INTR: u16 = 0x10;
pub(crate) const ACK_TLVS: u16 = 0x200;
pub(crate) const EXCL: u16 = 0x200;
pub(crate) const CREATE: u16 = 0x400;
pub(crate) const DUMP: u16 = 0x300;
/// Bytes of a header.
pub(crate) const HEADER: usize = 16;
/// Room for any answer.
pub(crate) const ROOM: usize = 64 * 1024;

/// A message that was received.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) seq: u32,
    /// All behind the header.
    pub(crate) body: Vec<u8>,
}

/// What a request came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ack {
    /// Positive, or 0.
    pub(crate) errno: i32,
    /// The text of the extended acknowledgement.
    pub(crate) text: Option<String>,
    /// The offset of the attribute to blame in the request.
    pub(crate) offset: Option<u32>,
    /// All other parts of the acknowledgement.
    pub(crate) more: String,
    /// The request as it came back, if it did.
    pub(crate) echo: Vec<u8>,
}

impl Ack {
    fn parse(message: &Message) -> Result<Self> {
        let (code, rest) = message.body.split_first_chunk().context("a short error")?;
        let (header, rest) = rest
            .split_first_chunk::<HEADER>()
            .context("a short error")?;
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]);
        let mut ack = Self {
            errno: -i32::from_ne_bytes(*code),
            ..Self::default()
        };
        // NLM_F_CAPPED: the request's payload is left out.
        let capped = message.flags & 0x100 != 0;
        let payload = if capped {
            0
        } else {
            (length as usize).saturating_sub(HEADER)
        };
        let (echo, tlvs) = rest
            .split_at_checked(payload.div_ceil(4) * 4)
            .unwrap_or((rest, &[]));
        ack.echo = echo.to_vec();
        if message.flags & ACK_TLVS != 0 {
            for attr in attr::read(tlvs).0 {
                match attr.kind {
                    1 => ack.text = Some(attr.string()),
                    2 => ack.offset = attr.u32(),
                    // The policy that was violated.
                    4 => ack.more += &format!(" policy {}", attr::hex(attr.payload)),
                    other => ack.more += &format!(" {other}={}", attr::hex(attr.payload)),
                }
            }
        }
        Ok(ack)
    }

    /// The error's name.
    pub(crate) fn name(&self) -> String {
        match self.errno {
            0 => "ok".to_owned(),
            code => format!("{:?}", Errno::from_raw(code)),
        }
    }

    /// What the kernel says beside the error, in one line.
    pub(crate) fn blame(&self) -> String {
        let text = self.text.as_deref().unwrap_or("-");
        let offset = self
            .offset
            .map_or_else(|| "-".to_owned(), |at| at.to_string());
        format!("text {text:?} offset {offset}{}", self.more)
    }
}

/// All that a request was answered with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) messages: Vec<Message>,
    /// `None` if neither an acknowledgement nor the end of a dump came.
    pub(crate) ack: Option<Ack>,
}

impl Answer {
    /// # Errors
    ///
    /// What the kernel refused it with.
    pub(crate) fn ok(self, what: &str) -> Result<Vec<Message>> {
        match self.ack {
            Some(ack) if ack.errno == 0 => Ok(self.messages),
            Some(ack) => bail!("{what}: {} {}", ack.name(), ack.blame()),
            None => bail!("{what}: no answer"),
        }
    }

    /// The error's name, or that there was no answer.
    pub(crate) fn name(&self) -> String {
        self.ack
            .as_ref()
            .map_or_else(|| "no answer".to_owned(), Ack::name)
    }
}

/// A message to be sent: the header, then `fixed`, then attributes.
pub(crate) fn message(kind: u16, flags: u16, seq: u32, fixed: &[u8], attrs: &Attrs) -> Vec<u8> {
    let length = HEADER + fixed.len() + attrs.0.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend((length as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(seq.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(fixed);
    bytes.extend(&attrs.0);
    bytes
}

/// Takes a datagram apart.
pub(crate) fn split(mut bytes: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() {
        let word = |at: usize| {
            let byte = |at: usize| header.get(at).copied().unwrap_or_default();
            u32::from_ne_bytes([byte(at), byte(at + 1), byte(at + 2), byte(at + 3)])
        };
        let length = word(0) as usize;
        let Some(body) = length
            .checked_sub(HEADER)
            .and_then(|length| rest.get(..length))
        else {
            break;
        };
        messages.push(Message {
            kind: u16::from_ne_bytes([header[4], header[5]]),
            flags: u16::from_ne_bytes([header[6], header[7]]),
            seq: word(8),
            body: body.to_vec(),
        });
        bytes = bytes.get(length.div_ceil(4) * 4..).unwrap_or_default();
    }
    messages
}

/// A netlink socket, in the namespace in which it was made.
pub(crate) struct Netlink {
    socket: Socket,
    seq: u32,
}

impl Netlink {
    fn open(protocol: isize) -> Result<Self> {
        let mut socket = Socket::new(protocol).context("a netlink socket")?;
        socket.bind_auto()?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(2, 0))?;
        setsockopt(&socket, sockopt::RcvBufForce, &(4 << 20))
            .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &(1 << 20)))?;
        Ok(Self { socket, seq: 0 })
    }

    /// For generic netlink, with extended acknowledgements and without echoes.
    pub(crate) fn generic() -> Result<Self> {
        let this = Self::open(protocols::NETLINK_GENERIC)?;
        this.socket.set_ext_ack(true)?;
        this.socket.set_cap_ack(true)?;
        Ok(this)
    }

    /// For links, addresses and routes.
    pub(crate) fn route() -> Result<Self> {
        let this = Self::open(protocols::NETLINK_ROUTE)?;
        this.socket.set_ext_ack(true)?;
        this.socket.set_cap_ack(true)?;
        Ok(this)
    }

    /// For notices of links that come and go.
    pub(crate) fn link_events() -> Result<Self> {
        let mut this = Self::open(protocols::NETLINK_ROUTE)?;
        this.socket.add_membership(1)?;
        this.seq = 0;
        Ok(this)
    }

    /// For the events that udev reads.
    pub(crate) fn uevents() -> Result<Self> {
        let mut this = Self::open(protocols::NETLINK_KOBJECT_UEVENT)?;
        this.socket.add_membership(1)?;
        this.seq = 0;
        Ok(this)
    }

    /// Whether refused requests come back whole.
    pub(crate) fn echo(&self, on: bool) -> Result<()> {
        Ok(self.socket.set_cap_ack(!on)?)
    }

    /// Whether the kernel holds dump requests against its policies.
    pub(crate) fn strict(&self, on: bool) -> Result<()> {
        Ok(self.socket.set_netlink_get_strict_chk(on)?)
    }

    /// The number for the next request.
    pub(crate) fn next_seq(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }

    /// Sends bytes as they are to the kernel.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<()> {
        self.socket.send_to(bytes, &SocketAddr::new(0, 0), 0)?;
        Ok(())
    }

    /// One datagram into a buffer of `room` bytes; its real length may be greater. `None` if there
    /// is none (at once with `now`, else after the socket's patience).
    pub(crate) fn receive(&self, room: usize, now: bool) -> Result<Option<(Vec<u8>, usize)>> {
        let mut buffer = vec![0; room];
        let mut flags = MsgFlags::MSG_TRUNC;
        flags.set(MsgFlags::MSG_DONTWAIT, now);
        match recv(self.socket.as_raw_fd(), &mut buffer, flags) {
            Ok(length) => {
                buffer.truncate(length);
                Ok(Some((buffer, length)))
            }
            Err(Errno::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What the answer to request `seq` still brings. The kernel handles a request in the call that
    /// sends it and goes on with a dump in the call that reads, so nothing is waited for.
    pub(crate) fn answer(&self, seq: u32, room: usize) -> Result<Answer> {
        let mut answer = Answer::default();
        while let Some((datagram, _)) = self.receive(room, true)? {
            for message in split(&datagram) {
                if message.seq != seq {
                    continue;
                }
                match message.kind {
                    NLMSG_ERROR => {
                        answer.ack = Some(Ack::parse(&message)?);
                        return Ok(answer);
                    }
                    NLMSG_DONE => {
                        let code = message
                            .body
                            .first_chunk()
                            .map(|code| i32::from_ne_bytes(*code));
                        answer.ack = Some(Ack {
                            errno: -code.unwrap_or(0),
                            ..Ack::default()
                        });
                        answer.messages.push(message);
                        return Ok(answer);
                    }
                    _ => answer.messages.push(message),
                }
            }
        }
        Ok(answer)
    }

    /// A request and its answer.
    pub(crate) fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        fixed: &[u8],
        attrs: &Attrs,
    ) -> Result<Answer> {
        let seq = self.next_seq();
        self.send(&message(kind, flags, seq, fixed, attrs))?;
        self.answer(seq, ROOM)
    }
}
