// SPDX-License-Identifier: GPL-2.0
//! Handshakes of a simulated device: made and taken step by step, some steps a little late.

use wg_protocol::cookie::MacState;
use wg_protocol::message::{CookieReply, Initiation, Response};
use wg_protocol::noise::{
    consume_response, create_initiation, create_response, open_initiation, ConsumedResponse,
    InitiatorSnapshot, ResponderSnapshot, Timestamp,
};
use wg_protocol::SECOND;

use super::{Agreed, Device, Target, Work};
use crate::monitor::Address;

impl Device {
    pub(super) fn request_handshake(&mut self, p: usize, is_retry: bool) {
        if self.peers[p].timers.queue_initiation(self.now, is_retry) {
            self.later(p, Work::Initiate);
        }
    }

    /// Has work done now, or a little later: anything may happen in between.
    pub(super) fn later(&mut self, p: usize, work: Work) {
        if self.lag == 0 {
            return self.do_work(p, work);
        }
        let wait = self.random.below(self.lag + 1) * SECOND / 1000;
        let public = *self.peers[p].public();
        self.work.push((self.now.keys.plus(wait), public, work));
    }

    /// The time for some work has come.
    pub(crate) fn run_work(&mut self) {
        while let Some(at) = self.work.iter().position(|(due, ..)| *due <= self.now.keys) {
            let (_, public, work) = self.work.swap_remove(at);
            if let Some(p) = self.peer_of(&public) {
                self.do_work(p, work);
                self.check();
            }
        }
    }

    pub(super) fn do_work(&mut self, p: usize, work: Work) {
        match work {
            Work::Initiate => self.initiate(p),
            Work::Respond(snapshot, serial) => self.respond(p, &snapshot, serial),
            Work::Finish(snapshot, consumed, serial) => {
                self.finish(p, &snapshot, consumed, serial);
            }
            Work::Begin(agreed) => self.begin(p, agreed),
        }
    }

    pub(super) fn initiate(&mut self, p: usize) {
        if !self.peers[p].timers.begin_initiation(self.now) {
            return;
        }
        let index = self.new_index(p);
        let ephemeral = self.random.bytes();
        let since = (self.now.keys.0 / SECOND) as i64 + self.wall_offset;
        let nanos = (self.now.keys.0 % SECOND) as u32;
        let timestamp = Timestamp::now((1_700_000_000 + since) as u64, nanos);
        let statics = &self.peers[p].statics;
        let made = create_initiation(&self.identity, statics, ephemeral, timestamp, index);
        let (mut message, state) = made.unwrap();
        self.peers[p].serial += 1;
        let displaced = self.peers[p].handshake.commit_initiation(state);
        self.drop_index(displaced);
        self.sign_and_send(p, message.as_mut_bytes());
        let (now, jitter) = (self.now, self.random.next() as u32);
        let armed = self.peers[p].timers.handshake_initiated(now.timers, jitter);
        self.arm(p, armed);
        self.peers[p].count_initiation(now);
    }

    pub(super) fn sign_and_send(&mut self, p: usize, message: &mut [u8]) {
        let now = self.now;
        let peer = &mut self.peers[p];
        peer.jar.add_macs(peer.statics.public(), message, now.keys);
        self.transmit(p, message.to_vec());
        let peer = &mut self.peers[p];
        peer.timers.any_authenticated_sent();
        peer.timers.handshake_sent(now);
        let armed = peer
            .timers
            .any_authenticated_traversal(now.timers, peer.persistent_secs);
        self.arm(p, armed);
    }

    pub(super) fn receive_cookie(&mut self, datagram: &[u8]) {
        let reply = CookieReply::from_bytes(datagram).unwrap();
        let Some((public, _)) = self.indices.get(&reply.receiver()).cloned() else {
            return;
        };
        let now = self.now.keys;
        let Some(p) = self.peer_of(&public) else {
            panic!("an index of nobody")
        };
        if self.peers[p].jar.consume_reply(&public, &reply, now) {
            let own = self.identity.public();
            assert!(self.monitor.borrow().is_genuine(own, datagram));
        }
    }

    pub(super) fn receive_handshake(&mut self, datagram: &[u8], source: Address) -> Option<()> {
        let now = self.now.keys;
        let fresh = self.random.bytes();
        self.checker.rotate_if_due(now, &fresh);
        let view = self.checker.view();
        let src = self.under_load.then_some(&source[..]);
        match view.mac_state(datagram, src) {
            MacState::Invalid => return None,
            MacState::ValidNoCookie if self.under_load => {
                let reply = view.reply(datagram, &source, self.random.bytes())?;
                self.monitor.borrow_mut().send(&[0; 32], reply.as_bytes());
                self.outbox.push((source, reply.as_bytes().to_vec()));
                self.cookies_sent += 1;
                return None;
            }
            MacState::ValidWithCookie if self.under_load => {
                let [a, b, c, d, ..] = source;
                if !self.limiter.allow4(0, [a, b, c, d], now) {
                    self.refused += 1;
                    return None;
                }
            }
            MacState::ValidNoCookie | MacState::ValidWithCookie => {}
        }
        let p = match Initiation::from_bytes(datagram) {
            Some(initiation) => self.receive_initiation(&initiation, source),
            None => self.receive_response(&Response::from_bytes(datagram)?, source),
        }?;
        let now = self.now.timers;
        let peer = &mut self.peers[p];
        peer.timers.any_authenticated_received();
        let armed = peer
            .timers
            .any_authenticated_traversal(now, peer.persistent_secs);
        self.arm(p, armed);
        Some(())
    }

    pub(super) fn receive_initiation(
        &mut self,
        initiation: &Initiation,
        source: Address,
    ) -> Option<usize> {
        let opened = open_initiation(&self.identity, initiation)?;
        let p = self.peer_of(opened.peer_public())?;
        let peer = &mut self.peers[p];
        let consumed = opened.finish(&peer.statics, initiation)?;
        let now = self.now.keys;
        let snapshot = peer
            .handshake
            .commit_consumed_initiation(consumed, now)
            .ok()?;
        let new = peer.taken.insert(initiation.as_bytes()[..132].to_vec());
        assert!(new, "an initiation was taken twice");
        peer.endpoint = Some(source);
        peer.serial += 1;
        let serial = peer.serial;
        self.later(p, Work::Respond(snapshot, serial));
        Some(p)
    }

    pub(super) fn respond(&mut self, p: usize, snapshot: &ResponderSnapshot, serial: u64) {
        let index = self.new_index(p);
        let made = create_response(snapshot, self.random.bytes(), index);
        let (response, state) = made.unwrap();
        let taken = self.peers[p].handshake.commit_response(snapshot, state);
        let current = self.peers[p].serial == serial;
        assert_eq!(taken.is_ok(), current, "a stale response");
        let Ok(displaced) = taken else {
            // Something else has come between.
            return self.drop_index(Some(index));
        };
        self.drop_index(displaced);
        self.agree(p, Some(response));
    }

    pub(super) fn receive_response(
        &mut self,
        response: &Response,
        source: Address,
    ) -> Option<usize> {
        let (public, Target::Handshake) = self.indices.get(&response.receiver())? else {
            return None;
        };
        let p = self.peer_of(public)?;
        let peer = &mut self.peers[p];
        let snapshot = peer.handshake.snapshot_for_response()?;
        let consumed = consume_response(&self.identity, &snapshot, response)?;
        peer.endpoint = Some(source);
        let serial = peer.serial;
        self.later(p, Work::Finish(snapshot, consumed, serial));
        Some(p)
    }

    pub(super) fn finish(
        &mut self,
        p: usize,
        snapshot: &InitiatorSnapshot,
        consumed: ConsumedResponse,
        serial: u64,
    ) {
        let peer = &mut self.peers[p];
        let taken = peer.handshake.commit_consumed_response(snapshot, consumed);
        assert_eq!(taken.is_ok(), peer.serial == serial, "a stale answer");
        if taken.is_err() {
            return;
        }
        self.agree(p, None);
    }

    /// The last step under the lock of the handshake.
    fn agree(&mut self, p: usize, response: Option<Response>) {
        let peer = &mut self.peers[p];
        peer.serial += 1;
        let agreed = Agreed {
            keys: peer.handshake.begin_session().unwrap(),
            epoch: peer.keypairs.epoch(),
            response,
            void: false,
        };
        self.later(p, Work::Begin(agreed));
    }

    fn begin(&mut self, p: usize, agreed: Agreed) {
        let (now, index) = (self.now, agreed.keys.local_index);
        let peer = &mut self.peers[p];
        let public = *peer.public();
        let (begun, gone) = peer.begin(agreed.keys, agreed.epoch, now.keys);
        self.drop_indices(gone);
        assert_eq!(
            begun.is_none(),
            agreed.void,
            "a session after the end of all"
        );
        let Some(keypair) = begun else {
            self.monitor.borrow_mut().too_late += 1;
            return;
        };
        let target = Target::Session(keypair);
        let old = self.indices.insert(index, (public, target));
        assert!(matches!(old, Some((_, Target::Handshake))));
        let armed = self.peers[p].timers.session_derived(now.timers);
        self.arm(p, armed);
        match agreed.response {
            Some(mut response) => self.sign_and_send(p, response.as_mut_bytes()),
            None => {
                self.complete(p);
                self.send_keepalive(p);
            }
        }
    }

    pub(super) fn complete(&mut self, p: usize) {
        self.peers[p].timers.handshake_complete();
        self.peers[p].completed += 1;
    }

    /// Steps that will not be taken any more: those of one peer, or all.
    pub(super) fn drop_work(&mut self, of: Option<&[u8; 32]>) {
        for (due, public, work) in std::mem::take(&mut self.work) {
            if of.is_some_and(|of| *of != public) {
                self.work.push((due, public, work));
            } else if let Work::Begin(agreed) = work {
                self.drop_index(Some(agreed.keys.local_index));
            }
        }
    }
}
