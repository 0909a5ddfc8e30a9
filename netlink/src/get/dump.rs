// SPDX-License-Identifier: GPL-2.0
//! The dump of a device, message by message (`drivers/net/wireguard/netlink.c`,
//! `wg_get_device_dump`, `get_peer`, `get_allowedips`).
//!
//! Each message is filled as far as it goes and the [`Cursor`] remembers where that was:
//!
//! - The first message begins with the device's own attributes; the peers follow in a nest.
//! - A peer that does not fit is taken back and opens the next message.
//! - A peer whose allowed IPs do not all fit is closed, and the next message begins with that peer
//!   again, this time with nothing but its public key and the rest of its allowed IPs. Readers
//!   merge neighbours of the same key.
//! - The device's attributes are repeated only while it is the very first peer that goes on.
//! - What changed in between is not repaired, it only must not do harm: the driver counts changes
//!   of the device in the messages' sequence number, by which the kernel tells the reader to start
//!   again. A peer's list ends where any allowed IP has changed since; the dump ends where the peer
//!   it should go on from is gone.
//!
//! Every message brings the dump forward or fails with [`Full`], so no dump goes on for ever. (C
//! sends the device again and again to a reader whose buffer cannot hold the first peer beside it.
//! Here the device is left out of the second message then.)
use crate::uapi::{allowed_ip, device, peer, PROTOCOL_VERSION, UNSPEC};

use super::cursor::{Cursor, State, Within};
use super::source::{AllowedIp, PeerInfo, Source};
use super::writer::{Full, Writer};

/// What comes after a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Another one.
    More,
    /// Nothing; this one was the last.
    Done,
}

/// One dump that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dump {
    cursor: Cursor,
}

/// What became of a peer.
enum Fit {
    /// It is complete.
    Whole,
    /// Its list goes on behind `after`. `moved` if that is more than before.
    Part { after: Option<u64>, moved: bool },
    /// It did not fit and was taken back.
    Not,
}

/// Where a message begins in the peers.
enum Entry<P> {
    /// The place is gone, or there is no peer at all.
    Nowhere,
    /// At this peer, if there is one.
    At(Option<P>),
    /// In the middle of this peer.
    In(P, Within),
}

impl Dump {
    /// A dump that has not begun.
    pub const fn new() -> Self {
        Self::resume(Cursor(State::Start))
    }

    /// A dump that has come so far.
    pub const fn resume(cursor: Cursor) -> Self {
        Self { cursor }
    }

    /// How far it has come.
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Writes the next message's attributes. After [`Progress::Done`] there are none, and writing
    /// them is done at once.
    ///
    /// On [`Full`] not even the next piece fits into a message of its own; the writer and the
    /// dump are as they were.
    pub fn fill<S: Source>(
        &mut self,
        writer: &mut Writer<'_>,
        source: &S,
    ) -> Result<Progress, Full> {
        let before = writer.len();
        let next = message(self.cursor.0, writer, source);
        let next = next.inspect_err(|_| writer.truncate(before))?;
        self.cursor = Cursor(next);
        Ok(match next {
            State::Finished => Progress::Done,
            _ => Progress::More,
        })
    }
}

/// Writes one message from `state` on and says where the next one begins.
fn message<S: Source>(state: State, writer: &mut Writer<'_>, source: &S) -> Result<State, Full> {
    let with_device = match state {
        State::Start => true,
        State::Within(within) => within.repeat_device,
        State::Device | State::After(_) => false,
        State::Finished => return Ok(state),
    };
    if with_device {
        put_device(writer, source)?;
    }
    let nest = writer.nest(device::PEERS)?;
    let (mut next_peer, mut within) = match enter(state, source) {
        Entry::Nowhere => {
            writer.cancel(nest);
            return Ok(State::Finished);
        }
        Entry::At(peer) => (peer, None),
        Entry::In(peer, within) => (Some(peer), Some(within)),
    };
    let mut last = None;
    let mut next_state = State::Finished;
    while let Some(peer) = next_peer {
        let id = source.id(&peer);
        match put_peer(writer, source, &peer, within.take()) {
            Fit::Whole => last = Some(id),
            Fit::Part { after, moved } => {
                next_state = State::Within(Within {
                    peer: id,
                    after,
                    generation: source.generation(),
                    // No peer is complete: none in this message, and none before it.
                    repeat_device: with_device && moved && last.is_none(),
                });
                if !moved && !with_device {
                    return Err(Full);
                }
                break;
            }
            Fit::Not => {
                next_state = match (last, state) {
                    (Some(last), _) => State::After(last),
                    // Without the device there will be more room.
                    (None, State::Start) => State::Device,
                    (None, State::Within(within)) if with_device => State::Within(Within {
                        repeat_device: false,
                        ..within
                    }),
                    (None, _) => return Err(Full),
                };
                break;
            }
        }
        next_peer = source.next_peer(&peer);
    }
    writer.end(nest);
    Ok(next_state)
}

fn enter<S: Source>(state: State, source: &S) -> Entry<S::Peer> {
    match state {
        State::Start | State::Device => match source.peer_after(None) {
            None => Entry::Nowhere,
            first => Entry::At(first),
        },
        State::After(last) => match source.peer(last) {
            None => Entry::Nowhere,
            Some(last) => Entry::At(source.next_peer(&last)),
        },
        State::Within(within) => match source.peer(within.peer) {
            None => Entry::Nowhere,
            Some(peer) => Entry::In(peer, within),
        },
        State::Finished => Entry::Nowhere,
    }
}

fn put_device<S: Source>(writer: &mut Writer<'_>, source: &S) -> Result<(), Full> {
    let info = source.device();
    writer.put_u16(device::LISTEN_PORT, info.listen_port)?;
    writer.put_u32(device::FWMARK, info.fwmark)?;
    writer.put_u32(device::IFINDEX, info.ifindex)?;
    writer.put_string(device::IFNAME, &info.ifname)?;
    if let Some(public_key) = info.public_key {
        writer.put_with(device::PRIVATE_KEY, |out| source.private_key(out))?;
        writer.put(device::PUBLIC_KEY, &public_key)?;
    }
    Ok(())
}

/// Puts a peer, or what is left of it since `within`.
fn put_peer<S: Source>(
    writer: &mut Writer<'_>,
    source: &S,
    peer: &S::Peer,
    within: Option<Within>,
) -> Fit {
    let Ok(nest) = writer.nest(UNSPEC) else {
        return Fit::Not;
    };
    match put_peer_inside(writer, source, peer, within) {
        Ok(fit) => {
            writer.end(nest);
            fit
        }
        Err(Full) => {
            writer.cancel(nest);
            Fit::Not
        }
    }
}

fn put_peer_inside<S: Source>(
    writer: &mut Writer<'_>,
    source: &S,
    peer: &S::Peer,
    within: Option<Within>,
) -> Result<Fit, Full> {
    let info = source.info(peer);
    writer.put(peer::PUBLIC_KEY, &info.public_key)?;
    let start = match within {
        None => {
            writer.put_with(peer::PRESHARED_KEY, |out| source.preshared_key(peer, out))?;
            put_peer_info(writer, &info)?;
            None
        }
        Some(within) if within.generation == source.generation() => within.after,
        Some(_) => return Ok(Fit::Whole),
    };
    let Some(mut entry) = source.next_allowed_ip(peer, start) else {
        return Ok(Fit::Whole);
    };
    let nest = writer.nest(peer::ALLOWEDIPS)?;
    let mut after = start;
    let fit = loop {
        let (allowed_ip, at) = entry;
        if put_allowed_ip(writer, &allowed_ip).is_err() {
            // All that comes before the list is progress, too.
            let moved = within.is_none() || after != start;
            break Fit::Part { after, moved };
        }
        after = Some(at);
        match source.next_allowed_ip(peer, after) {
            Some(next) => entry = next,
            None => break Fit::Whole,
        }
    };
    writer.end(nest);
    Ok(fit)
}

/// All about a peer between its preshared key and its allowed IPs.
fn put_peer_info(writer: &mut Writer<'_>, info: &PeerInfo) -> Result<(), Full> {
    let time = [info.last_handshake_secs, info.last_handshake_nanos].map(i64::to_ne_bytes);
    writer.put(peer::LAST_HANDSHAKE_TIME, time.as_flattened())?;
    writer.put_u16(
        peer::PERSISTENT_KEEPALIVE_INTERVAL,
        info.persistent_keepalive,
    )?;
    writer.put_u64(peer::TX_BYTES, info.tx_bytes)?;
    writer.put_u64(peer::RX_BYTES, info.rx_bytes)?;
    writer.put_u32(peer::PROTOCOL_VERSION, PROTOCOL_VERSION)?;
    if let Some(endpoint) = info.endpoint {
        writer.put_endpoint(peer::ENDPOINT, &endpoint)?;
    }
    Ok(())
}

fn put_allowed_ip(writer: &mut Writer<'_>, allowed_ip: &AllowedIp) -> Result<(), Full> {
    let nest = writer.nest(UNSPEC)?;
    let mut put = || {
        writer.put_u8(allowed_ip::CIDR_MASK, allowed_ip.cidr)?;
        writer.put_u16(allowed_ip::FAMILY, allowed_ip.addr.family())?;
        writer.put(allowed_ip::IPADDR, allowed_ip.addr.as_bytes())
    };
    match put() {
        Ok(()) => {
            writer.end(nest);
            Ok(())
        }
        Err(Full) => {
            writer.cancel(nest);
            Err(Full)
        }
    }
}
