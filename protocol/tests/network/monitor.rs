// SPDX-License-Identifier: GPL-2.0
//! Somebody who knows everything that all devices do, and that none of it may be done twice or
//! without a reason.
//!
//! Devices report what they seal, open, accept and send; whatever must never happen is a panic here.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// An IPv4 address and a port, as cookies see them.
pub(crate) type Address = [u8; 6];

/// What all devices of one world share.
pub(crate) type Shared = Rc<RefCell<Monitor>>;

#[derive(Default)]
pub(crate) struct Monitor {
    /// By sending key: the counter that must come next.
    sealed: HashMap<[u8; 32], u64>,
    /// Receiving key and counter.
    opened: HashSet<([u8; 32], u64)>,
    /// What was really sent, by the public key of the one for whom it was made. Data belongs to a
    /// session and cookies to a message, which may outlive that key: they are for nobody by name.
    genuine: HashMap<[u8; 32], HashSet<Vec<u8>>>,
    /// Payloads that came out.
    delivered: HashSet<u64>,
    /// Sessions that did not begin because all were ended just before.
    pub(crate) too_late: usize,
}

/// A message without its mac2, which means nothing to who is not under load.
fn body(datagram: &[u8]) -> &[u8] {
    match (datagram.first(), datagram.len()) {
        (Some(1), 148) | (Some(2), 92) => &datagram[..datagram.len() - 16],
        _ => datagram,
    }
}

fn addressee(public: &[u8; 32], datagram: &[u8]) -> [u8; 32] {
    match datagram.first() {
        Some(3 | 4) => [0; 32],
        _ => *public,
    }
}

impl Monitor {
    /// A packet is sealed: no nonce is used twice.
    pub(crate) fn seal(&mut self, key: &[u8; 32], counter: u64) {
        let next = self.sealed.entry(*key).or_default();
        assert!(counter >= *next, "nonce {counter} is used twice");
        *next = counter + 1;
    }

    /// A packet was opened and found new: it is the first time, and somebody sealed it.
    pub(crate) fn open(&mut self, key: &[u8; 32], counter: u64) {
        let new = self.opened.insert((*key, counter));
        assert!(new, "packet {counter} is accepted twice");
        let sent = self.sealed.get(key).is_some_and(|next| counter < *next);
        assert!(sent, "packet {counter} was never sent");
    }

    /// A message is made for the device with this public key.
    pub(crate) fn send(&mut self, public: &[u8; 32], datagram: &[u8]) {
        let messages = self.genuine.entry(addressee(public, datagram)).or_default();
        messages.insert(body(datagram).to_vec());
    }

    /// Whether a message was made for the device with this public key by somebody honest.
    pub(crate) fn is_genuine(&self, public: &[u8; 32], datagram: &[u8]) -> bool {
        let messages = self.genuine.get(&addressee(public, datagram));
        messages.is_some_and(|messages| messages.contains(body(datagram)))
    }

    /// A packet comes out of the tunnel.
    pub(crate) fn deliver(&mut self, payload: u64) {
        assert!(self.delivered.insert(payload), "delivered twice");
    }

    pub(crate) fn is_delivered(&self, payload: u64) -> bool {
        self.delivered.contains(&payload)
    }
}
