// SPDX-License-Identifier: GPL-2.0
//! The handshake: Noise_IKpsk2 with WireGuard's prologue (section 5.4 of the paper).
//!
//! What costs time (curve operations, a hundred microseconds a handshake) works on copies and takes
//! no lock. What changes a peer's [`Handshake`] is a method of it that costs next to nothing, meant
//! to run under the peer's spinlock, and looks again at the state it is going to replace:
//!
//! | side | without the lock | under the lock |
//! |---|---|---|
//! | initiator | [`create_initiation`] | [`Handshake::commit_initiation`] |
//! | responder | [`open_initiation`], find the peer, [`OpenedInitiation::finish`] | [`Handshake::commit_consumed_initiation`] |
//! | responder | [`create_response`] | [`Handshake::commit_response`], [`Handshake::begin_session`] |
//! | initiator | [`consume_response`] | [`Handshake::snapshot_for_response`] before, [`Handshake::commit_consumed_response`] after, [`Handshake::begin_session`] |
//!
//! All that is secret is wiped when it is dropped, which includes results that come too late.

mod handshake;
mod initiation;
mod keys;
mod response;
mod symmetric;

pub use handshake::{Handshake, Rejected, SessionKeys, Stale, State};
pub use initiation::{
    create_initiation, open_initiation, ConsumedInitiation, InitiatorState, OpenedInitiation,
};
pub use keys::{Identity, PeerStatic, Timestamp};
pub use response::{
    consume_response, create_response, ConsumedResponse, InitiatorSnapshot, ResponderSnapshot,
    ResponderState,
};
