// SPDX-License-Identifier: GPL-2.0
//! The first message: made by the initiator, read by the responder (section 5.4.2 of the paper).
//!
//! Nothing here touches a peer's handshake; the results are for its commit methods, or for dropping.

use super::keys::{clamped, Identity, PeerStatic, Timestamp};
use super::symmetric::Symmetric;
use crate::message::Initiation;
use wg_crypto::x25519::Curve;
use wg_crypto::Secret;

/// What the initiator keeps of an initiation that it sends.
pub struct InitiatorState {
    pub(super) symmetric: Symmetric,
    pub(super) ephemeral: Secret,
    pub(super) sender: u32,
}

/// Makes an initiation to a peer, its MACs still zero.
///
/// `ephemeral` is 32 random bytes, `sender` the receiver index under which the response shall come.
/// `None` if the device or the peer has no key to do this with.
pub fn create_initiation(
    id: &Identity,
    peer: &PeerStatic,
    mut ephemeral: [u8; 32],
    timestamp: Timestamp,
    sender: u32,
) -> Option<(Initiation, InitiatorState)> {
    let static_shared = peer.shared()?;
    let mut symmetric = Symmetric::start(peer.public());

    let ephemeral = clamped(&mut ephemeral);
    let ephemeral_public = id.curve().public_key(ephemeral.as_bytes());
    symmetric.mix_ephemeral(&ephemeral_public);

    let shared = id.curve().shared(ephemeral.as_bytes(), peer.public())?;
    let key = symmetric.mix_shared_to_key(&shared);
    let sealed_static = symmetric.seal(&key, id.public())?;

    let key = symmetric.mix_shared_to_key(static_shared);
    let sealed_timestamp = symmetric.seal(&key, timestamp.as_bytes())?;

    let message = Initiation::new(sender, &ephemeral_public, &sealed_static, &sealed_timestamp);
    let state = InitiatorState {
        symmetric,
        ephemeral,
        sender,
    };
    Some((message, state))
}

/// An initiation of which the responder knows from whom it claims to be. Not authenticated yet.
pub struct OpenedInitiation {
    curve: Curve,
    symmetric: Symmetric,
    peer_public: [u8; 32],
}

/// Reads the initiator's static key. `None` if the message was not made for this device.
pub fn open_initiation(id: &Identity, msg: &Initiation) -> Option<OpenedInitiation> {
    let mut symmetric = Symmetric::start(id.public());
    symmetric.mix_ephemeral(msg.ephemeral());
    let shared = id.curve().shared(id.private_bytes(), msg.ephemeral())?;
    let key = symmetric.mix_shared_to_key(&shared);
    let peer_public = symmetric.open(&key, msg.sealed_static())?;
    Some(OpenedInitiation {
        curve: id.curve(),
        symmetric,
        peer_public,
    })
}

/// An initiation that is authentic, but may be a replay.
pub struct ConsumedInitiation {
    pub(super) curve: Curve,
    pub(super) symmetric: Symmetric,
    pub(super) timestamp: Timestamp,
    pub(super) peer_public: [u8; 32],
    pub(super) remote_ephemeral: [u8; 32],
    pub(super) remote_index: u32,
}

impl OpenedInitiation {
    /// Whom to look for among the peers.
    pub const fn peer_public(&self) -> &[u8; 32] {
        &self.peer_public
    }

    /// Authenticates the message with the peer's key, given the same message again.
    pub fn finish(self, peer: &PeerStatic, msg: &Initiation) -> Option<ConsumedInitiation> {
        let Self {
            curve,
            mut symmetric,
            peer_public,
        } = self;
        if peer_public != *peer.public() {
            return None;
        }
        let key = symmetric.mix_shared_to_key(peer.shared()?);
        let timestamp = symmetric.open(&key, msg.sealed_timestamp())?;
        Some(ConsumedInitiation {
            curve,
            symmetric,
            timestamp: Timestamp::from_bytes(timestamp),
            peer_public,
            remote_ephemeral: *msg.ephemeral(),
            remote_index: msg.sender(),
        })
    }
}
