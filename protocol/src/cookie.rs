// SPDX-License-Identifier: GPL-2.0
//! MACs and cookies: what a handshake message must show before it costs a curve operation.
//!
//! Sections 5.3, 5.4.4 and 5.4.7 of the WireGuard paper. mac1 shows that the sender knows whom it
//! is talking to. When the receiver is under load it wants mac2 as well, which needs a cookie that
//! only the owner of the source address was sent.
//!
//! [`Checker`] is the receiver's side, one per device; [`Jar`] is the sender's, one per peer. Both
//! sit behind a short lock.

use crate::message::{CookieReply, INITIATION_LEN, RESPONSE_LEN};
use crate::{Instant, SECOND};
use wg_crypto::{aead, blake2s, ct_eq, Secret};
use zeroize::Zeroize;

/// The secret behind the cookies is replaced when this old.
pub const SECRET_MAX_AGE: u64 = 120 * SECOND;
/// A cookie may be on its way for this long: the sender stops using it so much earlier.
pub const SECRET_LATENCY: u64 = 5 * SECOND;

const LABEL_MAC1: &[u8] = b"mac1----";
const LABEL_COOKIE: &[u8] = b"cookie--";
const MAC_LEN: usize = 16;

/// What the MACs of a message are worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MacState {
    /// Not for this device: drop it.
    Invalid,
    /// Genuine as far as mac1 goes. Under load: answer with a cookie.
    ValidNoCookie,
    /// The source address is the sender's, too. Under load: ask the rate limiter.
    ValidWithCookie,
}

/// A handshake message in three parts: all that mac1 covers, mac1, mac2.
fn split(msg: &[u8]) -> Option<(&[u8], &[u8; MAC_LEN], &[u8; MAC_LEN])> {
    if msg.len() != INITIATION_LEN && msg.len() != RESPONSE_LEN {
        return None;
    }
    let (rest, mac2) = msg.split_last_chunk()?;
    let (body, mac1) = rest.split_last_chunk()?;
    Some((body, mac1, mac2))
}

fn mac1_key(public: &[u8; 32]) -> [u8; 32] {
    blake2s::hash(&[LABEL_MAC1, public])
}

fn cookie_key(public: &[u8; 32]) -> aead::Key {
    aead::Key::new(blake2s::hash(&[LABEL_COOKIE, public]))
}

/// What mac1 of every message for one device is checked with, made ready once. It is as public as
/// the device's public key.
pub struct Mac1(blake2s::MacKey);

impl Mac1 {
    /// For the device with this public key.
    pub fn new(public: &[u8; 32]) -> Self {
        Self(blake2s::MacKey::new(&mac1_key(public)))
    }

    /// Whether the sender of this initiation or response knows whom it is talking to. Takes no
    /// care of its timing: there is no secret in it.
    pub fn is_valid(&self, msg: &[u8]) -> bool {
        split(msg).is_some_and(|(body, mac1, _)| self.0.mac16(body) == *mac1)
    }
}

/// The keys that belong to a device's public key.
#[derive(Clone)]
struct DeviceKeys {
    mac1: [u8; 32],
    cookie: aead::Key,
}

impl DeviceKeys {
    fn new(public: &[u8; 32]) -> Self {
        Self {
            mac1: mac1_key(public),
            cookie: cookie_key(public),
        }
    }
}

/// The receiver's keys and its rotating secret.
///
/// Under the lock there is nothing to do but to replace a secret that is due, and to copy a
/// [`View`], on which the hashing is done.
pub struct Checker {
    keys: Option<DeviceKeys>,
    secret: Secret,
    /// When the secret was drawn; `None` before the first.
    drawn: Option<Instant>,
}

impl Checker {
    /// The checker of a device with this public key; without one, no message is for it.
    pub fn new(public: Option<&[u8; 32]>) -> Self {
        Self {
            keys: public.map(DeviceKeys::new),
            secret: Secret::new([0; 32]),
            drawn: None,
        }
    }

    /// The device has another public key, or none.
    pub fn set_public(&mut self, public: Option<&[u8; 32]>) {
        self.keys = public.map(DeviceKeys::new);
    }

    /// Whether the secret must be replaced before cookies are checked or made.
    pub fn secret_due(&self, now: Instant) -> bool {
        match self.drawn {
            None => true,
            Some(drawn) => drawn.plus(SECRET_MAX_AGE) <= now,
        }
    }

    /// Replaces the secret by 32 random bytes, unless somebody else just did.
    pub fn rotate_if_due(&mut self, now: Instant, fresh: &[u8; 32]) {
        if self.secret_due(now) {
            self.secret = Secret::new(*fresh);
            self.drawn = Some(now);
        }
    }

    /// A copy to work on without the lock.
    pub fn view(&self) -> View {
        View {
            keys: self.keys.clone(),
            secret: self.drawn.map(|_| self.secret.clone()),
        }
    }
}

/// The checker's keys at one moment. Wiped when dropped.
pub struct View {
    keys: Option<DeviceKeys>,
    secret: Option<Secret>,
}

impl View {
    /// Judges an initiation or a response. `src` is the source's address and port as they are on
    /// the wire, if the host is under load; otherwise mac2 is of no interest.
    pub fn mac_state(&self, msg: &[u8], src: Option<&[u8]>) -> MacState {
        let (Some(keys), Some((body, mac1, mac2))) = (&self.keys, split(msg)) else {
            return MacState::Invalid;
        };
        if !ct_eq(&blake2s::mac16(&keys.mac1, &[body]), mac1) {
            return MacState::Invalid;
        }
        match src {
            Some(src) if self.is_mac2([body, mac1, mac2], src) => MacState::ValidWithCookie,
            _ => MacState::ValidNoCookie,
        }
    }

    /// Whether an initiation or a response whose mac1 is known to be right carries the cookie that
    /// its source was sent.
    pub fn has_cookie(&self, msg: &[u8], src: &[u8]) -> bool {
        split(msg).is_some_and(|(body, mac1, mac2)| self.is_mac2([body, mac1, mac2], src))
    }

    fn is_mac2(&self, [body, mac1, mac2]: [&[u8]; 3], src: &[u8]) -> bool {
        let Some(mut cookie) = self.cookie(src) else {
            return false;
        };
        let expected = blake2s::mac16(&cookie, &[body, mac1]);
        cookie.zeroize();
        ct_eq(&expected, mac2)
    }

    /// The answer to a message that has no valid cookie: here is one. `nonce` is random.
    pub fn reply(&self, msg: &[u8], src: &[u8], nonce: [u8; 24]) -> Option<CookieReply> {
        let keys = self.keys.as_ref()?;
        let (body, mac1, _) = split(msg)?;
        // Type and sender index are where both kinds of message begin.
        let sender = body.get(4..)?.first_chunk()?;
        let mut cookie = self.cookie(src)?;
        let mut sealed = [0; 32];
        let done = aead::xseal_slice(&keys.cookie, &nonce, mac1, &cookie, &mut sealed);
        cookie.zeroize();
        done.then(|| CookieReply::new(u32::from_le_bytes(*sender), &nonce, &sealed))
    }

    fn cookie(&self, src: &[u8]) -> Option<[u8; MAC_LEN]> {
        let secret = self.secret.as_ref()?;
        Some(blake2s::mac16(secret.as_bytes(), &[src]))
    }
}

/// The sender's side: the latest cookie from a peer, and the message it may still answer.
pub struct Jar {
    cookie: [u8; MAC_LEN],
    /// When the cookie came; `None` if there is none.
    received: Option<Instant>,
    /// mac1 of the last message sent, until a reply to it has come.
    last_mac1: Option<[u8; MAC_LEN]>,
}

impl Jar {
    /// Empty.
    pub const fn new() -> Self {
        Self {
            cookie: [0; MAC_LEN],
            received: None,
            last_mac1: None,
        }
    }

    /// Fills in both MACs of an initiation or a response to the peer with this public key; mac2
    /// stays zero without a fresh cookie.
    pub fn add_macs(&mut self, peer_public: &[u8; 32], msg: &mut [u8], now: Instant) {
        if msg.len() != INITIATION_LEN && msg.len() != RESPONSE_LEN {
            return;
        }
        let Some((rest, mac2)) = msg.split_last_chunk_mut::<MAC_LEN>() else {
            return;
        };
        let Some((body, mac1)) = rest.split_last_chunk_mut::<MAC_LEN>() else {
            return;
        };
        *mac1 = blake2s::mac16(&mac1_key(peer_public), &[body]);
        self.last_mac1 = Some(*mac1);
        *mac2 = if self.is_fresh(now) {
            blake2s::mac16(&self.cookie, &[body, &*mac1])
        } else {
            [0; MAC_LEN]
        };
    }

    /// Takes a cookie, if the reply answers the last message sent and is the first that does.
    pub fn consume_reply(
        &mut self,
        peer_public: &[u8; 32],
        reply: &CookieReply,
        now: Instant,
    ) -> bool {
        let Some(mac1) = self.last_mac1 else {
            return false;
        };
        let key = cookie_key(peer_public);
        let mut cookie = [0; MAC_LEN];
        if !aead::xopen_slice(
            &key,
            reply.nonce(),
            &mac1,
            reply.sealed_cookie(),
            &mut cookie,
        ) {
            return false;
        }
        self.cookie = cookie;
        self.received = Some(now);
        self.last_mac1 = None;
        cookie.zeroize();
        true
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.received
            .is_some_and(|received| now < received.plus(SECRET_MAX_AGE - SECRET_LATENCY))
    }
}

impl Default for Jar {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Jar {
    fn drop(&mut self) {
        self.cookie.zeroize();
    }
}
