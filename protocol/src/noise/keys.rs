// SPDX-License-Identifier: GPL-2.0
//! What exists before a handshake: the device's key pair, the peer's public key, the time.

use wg_crypto::x25519::{clamp, Curve};
use wg_crypto::Secret;
use zeroize::Zeroize;

/// The static key pair of a device. One per device; copies live as long as a handshake step.
///
/// It also says by which code all curve arithmetic of the device's handshakes is done.
#[derive(Clone)]
pub struct Identity {
    curve: Curve,
    private: Secret,
    public: [u8; 32],
}

impl Identity {
    /// The key pair of a private key, which is clamped; for the portable code.
    pub fn new(private: [u8; 32]) -> Self {
        Self::on(Curve::PORTABLE, private)
    }

    /// The key pair of a private key, which is clamped; for this code.
    pub fn on(curve: Curve, mut private: [u8; 32]) -> Self {
        let private = clamped(&mut private);
        let public = curve.public_key(private.as_bytes());
        Self {
            curve,
            private,
            public,
        }
    }

    pub(super) const fn curve(&self) -> Curve {
        self.curve
    }

    /// The public key.
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The private key as it is used, that is clamped.
    pub const fn private_bytes(&self) -> &[u8; 32] {
        self.private.as_bytes()
    }
}

/// A private key brought into the form that X25519 wants. The bytes given are wiped.
pub(super) fn clamped(private: &mut [u8; 32]) -> Secret {
    clamp(private);
    let secret = Secret::new(*private);
    private.zeroize();
    secret
}

/// A peer's static public key, and what it and the device's private key make together. One per
/// peer, made anew when the device's key changes.
#[derive(Clone)]
pub struct PeerStatic {
    public: [u8; 32],
    shared: Option<Secret>,
}

impl PeerStatic {
    /// Computes the shared secret, which takes one curve operation.
    pub fn new(public: [u8; 32], identity: Option<&Identity>) -> Self {
        let shared = identity.and_then(|own| own.curve.shared(own.private_bytes(), &public));
        Self { public, shared }
    }

    /// The peer's public key.
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Whether there can be a handshake at all: not without a private key of the device, and not
    /// with a point of low order for a peer.
    pub const fn can_handshake(&self) -> bool {
        self.shared.is_some()
    }

    pub(super) const fn shared(&self) -> Option<&Secret> {
        self.shared.as_ref()
    }
}

/// TAI64N without leap seconds: ten seconds ahead of Unix time, as everyone has it.
const TAI_BASE: u64 = 0x4000_0000_0000_000a;
/// Initiations that a peer accepts in a second.
const INITIATIONS_PER_SECOND: u32 = 50;
/// Nanoseconds are rounded down to a multiple of this, so that a timestamp does not tell the time
/// too well: the power of two below the shortest interval between initiations.
const GRANULARITY: u32 = 1 << (1_000_000_000 / INITIATIONS_PER_SECOND).ilog2();
/// Initiations of one peer that come closer than this are dropped.
pub(super) const INITIATION_INTERVAL: u64 = crate::SECOND / INITIATIONS_PER_SECOND as u64;

/// The time in an initiation, by which the responder knows it from its replay. Later is greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Timestamp([u8; 12]);

impl Timestamp {
    /// Before all others: nothing seen yet.
    pub(super) const ZERO: Self = Self([0; 12]);

    /// The timestamp of a moment of Unix time.
    pub fn now(unix_secs: u64, nanos: u32) -> Self {
        let seconds = TAI_BASE.wrapping_add(unix_secs).to_be_bytes();
        let nanos = (nanos & !(GRANULARITY - 1)).to_be_bytes();
        let mut bytes = [0; 12];
        for (place, byte) in bytes.iter_mut().zip(seconds.iter().chain(&nanos)) {
            *place = *byte;
        }
        Self(bytes)
    }

    pub(super) const fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// The timestamp as it is sent.
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}
