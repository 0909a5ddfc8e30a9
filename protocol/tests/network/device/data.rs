// SPDX-License-Identifier: GPL-2.0
//! Data of a simulated device, out and in.

use wg_crypto::aead;
use wg_protocol::keypairs::Life;
use wg_protocol::message::{self, DataHeader};

use super::{Device, Target};
use crate::monitor::Address;

impl Device {
    /// An application sends a packet.
    pub(crate) fn send(&mut self, p: usize, payload: u64) {
        if !self.is_up || self.peers[p].endpoint.is_none() {
            return;
        }
        self.peers[p].stage(payload);
        self.send_staged(p);
    }

    pub(crate) fn send_keepalive(&mut self, p: usize) {
        let keepalive = self.peers[p].staged.is_empty();
        if keepalive && !self.seal(p, &[]) {
            self.request_handshake(p, false);
        } else if !keepalive {
            self.send_staged(p);
        }
    }

    pub(super) fn send_staged(&mut self, p: usize) {
        while let Some(payload) = self.peers[p].staged.front().copied() {
            if !self.seal(p, &payload.to_le_bytes()) {
                self.request_handshake(p, false);
                return;
            }
            self.peers[p].staged.pop_front();
        }
    }

    /// Sends one packet in the current session, if there is one to send in.
    pub(super) fn seal(&mut self, p: usize, plaintext: &[u8]) -> bool {
        let (now, jitter) = (self.now, self.random.next() as u32);
        let Some(keypair) = self.peers[p].keypairs.current() else {
            return false;
        };
        let Some(counter) = keypair.life.take_counters(1, now.keys) else {
            return false;
        };
        let header = DataHeader {
            receiver: keypair.keys.remote_index,
            counter,
        };
        let len = plaintext.len() + message::padding(plaintext.len(), 1420);
        let mut padded = plaintext.to_vec();
        padded.resize(len, 0);
        let mut datagram = header.to_bytes().to_vec();
        datagram.resize(16 + len + 16, 0);
        let (key, out) = (&keypair.keys.sending, &mut datagram[16..]);
        assert!(aead::seal_slice(key, counter, &[], &padded, out));
        self.monitor.borrow_mut().seal(key.as_bytes(), counter);
        self.transmit(p, datagram);
        let peer = &mut self.peers[p];
        let has_data = !plaintext.is_empty();
        let armed = peer
            .timers
            .bundle_sent(now.timers, jitter, peer.persistent_secs, has_data);
        self.arm(p, armed);
        let wants = |life: &Life| life.wants_rekey_after_sending(now.keys);
        if self.peers[p].keypairs.look(wants) == Some(true) {
            self.request_handshake(p, false);
        }
        true
    }

    pub(super) fn transmit(&mut self, p: usize, datagram: Vec<u8>) {
        let peer = &self.peers[p];
        self.monitor.borrow_mut().send(peer.public(), &datagram);
        if let Some(endpoint) = peer.endpoint {
            self.outbox.push((endpoint, datagram));
        }
    }

    pub(super) fn receive_data(&mut self, datagram: &[u8], source: Address) -> Option<()> {
        let header = DataHeader::parse(datagram)?;
        let (public, Target::Session(keypair)) = self.indices.get(&header.receiver)?.clone() else {
            return None;
        };
        let p = self.peer_of(&public)?;
        let now = self.now;
        let greatest = keypair.window.borrow().greatest();
        if !keypair.life.may_receive(greatest, now.keys) {
            return None;
        }
        let mut plaintext = vec![0; datagram.len() - 32];
        let (key, sealed) = (&keypair.keys.receiving, &datagram[16..]);
        if !aead::open_slice(key, header.counter, &[], sealed, &mut plaintext)
            || !keypair.window.borrow_mut().accept(header.counter)
        {
            return None;
        }
        self.monitor
            .borrow_mut()
            .open(key.as_bytes(), header.counter);
        self.peers[p].endpoint = Some(source);
        let (confirmed, gone) = self.peers[p].received_with(&keypair);
        self.drop_indices(gone);
        if confirmed {
            self.complete(p);
            self.send_staged(p);
        }
        let wants = |life: &Life| life.wants_rekey_after_receiving(now.keys);
        if self.peers[p].keypairs.look(wants) == Some(true)
            && self.peers[p].timers.take_lastminute()
        {
            self.request_handshake(p, false);
        }
        let peer = &mut self.peers[p];
        let has_data = !plaintext.is_empty();
        let armed = peer
            .timers
            .bundle_received(now.timers, peer.persistent_secs, has_data);
        self.arm(p, armed);
        if let Some(payload) = plaintext.first_chunk() {
            let payload = u64::from_le_bytes(*payload);
            self.monitor.borrow_mut().deliver(payload);
        }
        Some(())
    }
}
