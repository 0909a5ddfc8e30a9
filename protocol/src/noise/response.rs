// SPDX-License-Identifier: GPL-2.0
//! The second message: made by the responder, read by the initiator (section 5.4.3 of the paper).
//!
//! Both work on a snapshot of the handshake, and what they make is committed only if the handshake
//! is still where the snapshot was taken.

use super::keys::{clamped, Identity};
use super::symmetric::Symmetric;
use crate::message::Response;
use wg_crypto::x25519::Curve;
use wg_crypto::Secret;

/// The handshake as it is after an initiation was consumed.
pub struct ResponderSnapshot {
    pub(super) curve: Curve,
    pub(super) symmetric: Symmetric,
    pub(super) preshared: Secret,
    pub(super) peer_public: [u8; 32],
    pub(super) remote_ephemeral: [u8; 32],
    pub(super) remote_index: u32,
}

/// What the responder keeps of a response that it sends.
pub struct ResponderState {
    pub(super) symmetric: Symmetric,
    pub(super) sender: u32,
}

/// Makes the response to a consumed initiation, its MACs still zero.
///
/// `ephemeral` is 32 random bytes, `sender` the receiver index under which data shall come. `None`
/// if the initiator's ephemeral key is a point of low order.
pub fn create_response(
    snap: &ResponderSnapshot,
    mut ephemeral: [u8; 32],
    sender: u32,
) -> Option<(Response, ResponderState)> {
    let mut symmetric = snap.symmetric.clone();

    let ephemeral = clamped(&mut ephemeral);
    let ephemeral_public = snap.curve.public_key(ephemeral.as_bytes());
    symmetric.mix_ephemeral(&ephemeral_public);
    symmetric.mix_shared(
        &snap
            .curve
            .shared(ephemeral.as_bytes(), &snap.remote_ephemeral)?,
    );
    symmetric.mix_shared(&snap.curve.shared(ephemeral.as_bytes(), &snap.peer_public)?);

    let key = symmetric.mix_preshared(&snap.preshared);
    let sealed_nothing = symmetric.seal(&key, &[])?;

    let message = Response::new(
        sender,
        snap.remote_index,
        &ephemeral_public,
        &sealed_nothing,
    );
    Some((message, ResponderState { symmetric, sender }))
}

/// The handshake as it is after an initiation was sent.
pub struct InitiatorSnapshot {
    pub(super) symmetric: Symmetric,
    pub(super) ephemeral: Secret,
    pub(super) preshared: Secret,
    pub(super) local_index: u32,
}

/// A response that is authentic.
pub struct ConsumedResponse {
    pub(super) symmetric: Symmetric,
    pub(super) remote_index: u32,
}

/// Reads a response. `None` if it does not answer the initiation of the snapshot.
pub fn consume_response(
    id: &Identity,
    snap: &InitiatorSnapshot,
    msg: &Response,
) -> Option<ConsumedResponse> {
    if msg.receiver() != snap.local_index {
        return None;
    }
    let mut symmetric = snap.symmetric.clone();
    symmetric.mix_ephemeral(msg.ephemeral());
    symmetric.mix_shared(
        &id.curve()
            .shared(snap.ephemeral.as_bytes(), msg.ephemeral())?,
    );
    symmetric.mix_shared(&id.curve().shared(id.private_bytes(), msg.ephemeral())?);

    let key = symmetric.mix_preshared(&snap.preshared);
    let [] = symmetric.open(&key, msg.sealed_nothing())?;
    Some(ConsumedResponse {
        symmetric,
        remote_index: msg.sender(),
    })
}
