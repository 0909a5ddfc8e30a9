// SPDX-License-Identifier: GPL-2.0

//! Dynamic-debug lines. The formats are in `debug.c`.

use super::{netdev::NetDev, skb::Skb, socket::Endpoint};

/// What there is to say of a handshake or packet.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Event {
    SendInitiation = bindings::wg_dbg_what_WG_DBG_SEND_INITIATION,
    SendResponse = bindings::wg_dbg_what_WG_DBG_SEND_RESPONSE,
    SendKeepalive = bindings::wg_dbg_what_WG_DBG_SEND_KEEPALIVE,
    SendCookie = bindings::wg_dbg_what_WG_DBG_SEND_COOKIE,
    ReceivedInitiation = bindings::wg_dbg_what_WG_DBG_RECV_INITIATION,
    ReceivedResponse = bindings::wg_dbg_what_WG_DBG_RECV_RESPONSE,
    ReceivedCookie = bindings::wg_dbg_what_WG_DBG_RECV_COOKIE,
    ReceivedKeepalive = bindings::wg_dbg_what_WG_DBG_RECV_KEEPALIVE,
    BadHandshake = bindings::wg_dbg_what_WG_DBG_BAD_HANDSHAKE,
    Retry = bindings::wg_dbg_what_WG_DBG_RETRY,
    GiveUp = bindings::wg_dbg_what_WG_DBG_GIVE_UP,
    StoppedHearing = bindings::wg_dbg_what_WG_DBG_STOPPED_HEARING,
    ZeroKeys = bindings::wg_dbg_what_WG_DBG_ZERO_KEYS,
    UnallowedSource = bindings::wg_dbg_what_WG_DBG_UNALLOWED_SRC,
    Replay = bindings::wg_dbg_what_WG_DBG_REPLAY,
}

pub(crate) fn event(dev: &NetDev, peer: u64, endpoint: &Endpoint, event: Event) {
    // SAFETY: both pointers are valid.
    unsafe { bindings::wg_dbg_handshake(dev.as_ptr(), peer, endpoint.as_ptr(), event as u32) };
}

/// A handshake message that is not for us. Where it came from is looked up only if there is a line.
pub(crate) fn bad_mac(dev: &NetDev, message: &Skb) {
    // SAFETY: both pointers are valid; the outer headers of a received message are in place.
    unsafe { bindings::wg_dbg_bad_mac(dev.as_ptr(), message.as_ptr()) };
}

pub(crate) fn peer_created(dev: &NetDev, peer: u64) {
    // SAFETY: the pointer is valid.
    unsafe { bindings::wg_dbg_peer_created(dev.as_ptr(), peer) };
}

pub(crate) fn peer_destroyed(dev: &NetDev, peer: u64, endpoint: &Endpoint) {
    // SAFETY: both pointers are valid.
    unsafe { bindings::wg_dbg_peer_destroyed(dev.as_ptr(), peer, endpoint.as_ptr()) };
}

pub(crate) fn keypair_created(dev: &NetDev, keypair: u64, peer: u64) {
    // SAFETY: the pointer is valid.
    unsafe { bindings::wg_dbg_keypair_created(dev.as_ptr(), keypair, peer) };
}

pub(crate) fn keypair_destroyed(dev: &NetDev, keypair: u64, peer: u64) {
    // SAFETY: the pointer is valid.
    unsafe { bindings::wg_dbg_keypair_destroyed(dev.as_ptr(), keypair, peer) };
}
