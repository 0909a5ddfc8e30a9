// SPDX-License-Identifier: GPL-2.0

//! What passes an interface, and whole packets put in by hand.

use crate::link::Links;
use crate::packet;
use anyhow::Result;
use nix::errno::Errno;
use nix::sys::socket::{
    recvmsg, sendto, setsockopt, socket, sockopt, AddressFamily, LinkAddr, MsgFlags, SockFlag,
    SockProtocol, SockType, SockaddrIn, SockaddrIn6,
};
use nix::sys::time::TimeVal;
use std::io::IoSliceMut;
use std::net::{SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// A packet that passed.
pub(crate) struct Seen {
    /// From the Ethernet header on, where there is one.
    pub(crate) bytes: Vec<u8>,
    /// 4 is what the machine itself sent.
    pub(crate) direction: u8,
    /// The protocol of the link layer.
    pub(crate) protocol: u16,
    /// The hardware type.
    pub(crate) hardware: u16,
}

/// A packet socket for one interface.
pub(crate) struct Tap {
    socket: OwnedFd,
    index: usize,
}

impl Tap {
    /// Everything that passes an interface of this namespace, both ways.
    pub(crate) fn on(name: &str) -> Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            flags,
            SockProtocol::EthAll,
        )?;
        setsockopt(&socket, sockopt::RcvBufForce, &(8 << 20))?;
        // It hears all interfaces: there is no safe way to make the address to bind it to.
        let index = Links::open()?.index(name)? as usize;
        Ok(Self { socket, index })
    }

    /// The next packet, if it comes in time. What is there already is found however slow we are.
    pub(crate) fn next(&self, patience: Duration) -> Result<Option<Seen>> {
        let start = Instant::now();
        let mut bytes = vec![0; 128 * 1024];
        let mut flags = MsgFlags::MSG_DONTWAIT;
        loop {
            match receive(&self.socket, &mut bytes, flags) {
                Ok((length, Some(from))) if from.ifindex() == self.index => {
                    bytes.truncate(length);
                    return Ok(Some(Seen {
                        bytes,
                        direction: from.pkttype(),
                        protocol: u16::from_be(from.protocol()),
                        hardware: from.hatype(),
                    }));
                }
                Ok(_) => flags = MsgFlags::MSG_DONTWAIT,
                Err(Errno::EAGAIN) => {
                    let left = patience.saturating_sub(start.elapsed()).as_micros();
                    if left == 0 {
                        return Ok(None);
                    }
                    let left = TimeVal::new((left / 1_000_000) as i64, (left % 1_000_000) as i64);
                    setsockopt(&self.socket, sockopt::ReceiveTimeout, &left)?;
                    flags = MsgFlags::empty();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The next packet that is as wanted; those before it are passed over.
    pub(crate) fn find(
        &self,
        patience: Duration,
        wanted: impl Fn(&Seen) -> bool,
    ) -> Result<Option<Seen>> {
        let start = Instant::now();
        while let Some(seen) = self.next(patience.saturating_sub(start.elapsed()))? {
            if wanted(&seen) {
                return Ok(Some(seen));
            }
        }
        Ok(None)
    }

    /// All that has come so far and comes until there is a moment's silence; without the chatter of
    /// a namespace that has just come up.
    pub(crate) fn rest(&self) -> Result<Vec<Seen>> {
        let mut all = Vec::new();
        while let Some(seen) = self.next(Duration::from_millis(60))? {
            if !packet::is_chatter(&seen.bytes, seen.hardware) {
                all.push(seen);
            }
        }
        Ok(all)
    }
}

/// One packet and where it passed.
fn receive(
    socket: &OwnedFd,
    bytes: &mut [u8],
    flags: MsgFlags,
) -> nix::Result<(usize, Option<LinkAddr>)> {
    let mut iov = [IoSliceMut::new(bytes)];
    let message = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut iov, None, flags)?;
    Ok((message.bytes, message.address))
}

/// Raw sockets that send whole packets, headers included, where the routes lead.
pub(crate) struct Sender {
    v4: OwnedFd,
    v6: OwnedFd,
}

impl Sender {
    pub(crate) fn new() -> Result<Self> {
        let raw = |family| {
            socket(
                family,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::Raw,
            )
        };
        Ok(Self {
            v4: raw(AddressFamily::Inet)?,
            v6: raw(AddressFamily::Inet6)?,
        })
    }

    /// Sends a packet; the error is part of the answer.
    pub(crate) fn send(&self, packet: &[u8]) -> nix::Result<usize> {
        let flags = MsgFlags::empty();
        let v4 = packet
            .get(16..20)
            .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        let v6 = packet
            .get(24..40)
            .and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        match (packet.first().map(|first| first >> 4), v4, v6) {
            (Some(4), Some(to), _) => {
                let to = SockaddrIn::from(SocketAddrV4::new(to.into(), 0));
                sendto(self.v4.as_raw_fd(), packet, &to, flags)
            }
            (Some(6), _, Some(to)) => {
                let to = SockaddrIn6::from(SocketAddrV6::new(to.into(), 0, 0, 0));
                sendto(self.v6.as_raw_fd(), packet, &to, flags)
            }
            _ => Err(Errno::EINVAL),
        }
    }
}
