// SPDX-License-Identifier: GPL-2.0

//! The other end of a tunnel: a peer that is this program, which can see what was inside of a
//! message, and can send what no peer would. The handshake is that of `wg_protocol`.

use anyhow::{bail, Context, Result};
use nix::sys::socket::{setsockopt, sockopt};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wg_crypto::aead::{open_slice, seal_slice};
use wg_protocol::cookie::Jar;
use wg_protocol::message::{DataHeader, Initiation, Response, DATA_HEADER_LEN};
use wg_protocol::noise::{
    consume_response, create_initiation, create_response, open_initiation, Handshake, Identity,
    PeerStatic, SessionKeys, Timestamp,
};
use wg_protocol::{Instant, SECOND};

/// Longest wait for a message that must come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a tag.
const TAG: usize = 16;

/// A peer.
pub(crate) struct Peer {
    identity: Identity,
    remote: PeerStatic,
    pub(crate) socket: UdpSocket,
    /// Where the device under test is.
    pub(crate) device: SocketAddr,
    handshake: Handshake,
    session: Option<SessionKeys>,
    jar: Jar,
    /// Of the next message out.
    pub(crate) counter: u64,
    index: u32,
    clock: u64,
}

impl Peer {
    /// A peer at `socket` of the device whose public key this is.
    pub(crate) fn new(
        private: [u8; 32],
        public: [u8; 32],
        socket: UdpSocket,
        device: SocketAddr,
    ) -> Result<Self> {
        socket.set_read_timeout(Some(PATIENCE))?;
        let identity = Identity::new(private);
        let remote = PeerStatic::new(public, Some(&identity));
        Ok(Self {
            identity,
            remote,
            socket,
            device,
            handshake: Handshake::new([0; 32]),
            session: None,
            jar: Jar::new(),
            counter: 0,
            index: 1,
            clock: SECOND,
        })
    }

    /// The public key of a private one.
    pub(crate) fn public_of(private: [u8; 32]) -> [u8; 32] {
        *Identity::new(private).public()
    }

    fn now(&mut self) -> Instant {
        // The rate limits are those of the device under test, not ours.
        self.clock += SECOND;
        Instant(self.clock)
    }

    fn next_index(&mut self) -> u32 {
        self.index += 1;
        self.index
    }

    /// An initiation, ready to be sent.
    pub(crate) fn initiation(&mut self) -> Result<Initiation> {
        // The device takes no two within 20 ms, and no two of the same moment.
        std::thread::sleep(Duration::from_millis(60));
        let time = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let timestamp = Timestamp::now(time.as_secs(), time.subsec_nanos());
        let index = self.next_index();
        let made = create_initiation(&self.identity, &self.remote, [0x33; 32], timestamp, index);
        let (mut message, state) = made.context("no initiation")?;
        let _ = self.handshake.commit_initiation(state);
        let now = self.now();
        self.jar
            .add_macs(self.remote.public(), message.as_mut_bytes(), now);
        Ok(message)
    }

    /// Takes the response to our initiation.
    pub(crate) fn take_response(&mut self, datagram: &[u8]) -> Result<()> {
        let message = Response::from_bytes(datagram).context("not a response")?;
        let snapshot = self
            .handshake
            .snapshot_for_response()
            .context("nothing was begun")?;
        let consumed =
            consume_response(&self.identity, &snapshot, &message).context("a false response")?;
        if self
            .handshake
            .commit_consumed_response(&snapshot, consumed)
            .is_err()
        {
            bail!("a stale response");
        }
        self.begin()
    }

    fn begin(&mut self) -> Result<()> {
        self.session = Some(self.handshake.begin_session().context("no session")?);
        self.counter = 0;
        Ok(())
    }

    /// Begins a session, and confirms it with a keepalive.
    pub(crate) fn initiate(&mut self) -> Result<()> {
        let message = self.initiation()?;
        self.send(message.as_bytes())?;
        let answer = self.wait_for(2)?;
        self.take_response(&answer)?;
        self.send_inner(&[])
    }

    /// Waits for the device to begin a session, and answers. What it sends next is not read.
    pub(crate) fn respond(&mut self) -> Result<()> {
        let datagram = self.wait_for(1)?;
        let response = self.answer(&datagram)?;
        self.send(&response)
    }

    /// The response to an initiation.
    pub(crate) fn answer(&mut self, datagram: &[u8]) -> Result<Vec<u8>> {
        let message = Initiation::from_bytes(datagram).context("not an initiation")?;
        let opened = open_initiation(&self.identity, &message).context("a false initiation")?;
        let consumed = opened
            .finish(&self.remote, &message)
            .context("a false initiation")?;
        let now = self.now();
        let Ok(snapshot) = self.handshake.commit_consumed_initiation(consumed, now) else {
            bail!("an initiation again");
        };
        let index = self.next_index();
        let made = create_response(&snapshot, [0x44; 32], index);
        let (mut response, state) = made.context("no response")?;
        if self.handshake.commit_response(&snapshot, state).is_err() {
            bail!("a stale initiation");
        }
        let now = self.now();
        self.jar
            .add_macs(self.remote.public(), response.as_mut_bytes(), now);
        self.begin()?;
        Ok(response.as_bytes().to_vec())
    }

    /// A data message.
    pub(crate) fn seal(&mut self, inner: &[u8]) -> Result<Vec<u8>> {
        let counter = self.counter;
        self.counter += 1;
        self.seal_as(inner, counter)
    }

    /// A data message with a counter of choice.
    pub(crate) fn seal_as(&self, inner: &[u8], counter: u64) -> Result<Vec<u8>> {
        let session = self.session.as_ref().context("no session")?;
        let receiver = session.remote_index;
        let mut message = DataHeader { receiver, counter }.to_bytes().to_vec();
        message.resize(DATA_HEADER_LEN + inner.len() + TAG, 0);
        let out = message.get_mut(DATA_HEADER_LEN..).unwrap_or_default();
        if !seal_slice(&session.sending, counter, &[], inner, out) {
            bail!("sealing failed");
        }
        Ok(message)
    }

    /// What is in a data message: its counter and the padded inner packet.
    pub(crate) fn open(&self, datagram: &[u8]) -> Result<(u64, Vec<u8>)> {
        let session = self.session.as_ref().context("no session")?;
        let header = DataHeader::parse(datagram).context("no data message")?;
        if header.receiver != session.local_index {
            bail!("for another session");
        }
        let sealed = datagram.get(DATA_HEADER_LEN..).unwrap_or_default();
        let mut inner = vec![0; sealed.len().checked_sub(TAG).context("too short")?];
        if !open_slice(&session.receiving, header.counter, &[], sealed, &mut inner) {
            bail!("does not verify");
        }
        Ok((header.counter, inner))
    }

    /// Sends bytes as they are to the device.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<()> {
        self.socket.send_to(bytes, self.device)?;
        Ok(())
    }

    /// Sends an inner packet.
    pub(crate) fn send_inner(&mut self, inner: &[u8]) -> Result<()> {
        let message = self.seal(inner)?;
        self.send(&message)
    }

    /// Sends with this TOS byte or traffic class.
    pub(crate) fn set_tos(&self, tos: u8) -> Result<()> {
        if self.device.is_ipv4() {
            setsockopt(&self.socket, sockopt::Ipv4Tos, &i32::from(tos))?;
        } else {
            setsockopt(&self.socket, sockopt::Ipv6TClass, &i32::from(tos))?;
        }
        Ok(())
    }

    /// The next datagram, whatever it is, if it comes in time.
    pub(crate) fn receive(&self, patience: Duration) -> Result<Option<(Vec<u8>, SocketAddr)>> {
        let mut buffer = vec![0; 65536];
        self.socket.set_read_timeout(Some(patience))?;
        match self.socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                buffer.truncate(length);
                Ok(Some((buffer, from)))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The next message of this type; what comes before it is passed over.
    pub(crate) fn wait_for(&self, kind: u8) -> Result<Vec<u8>> {
        loop {
            let (datagram, _) = self
                .receive(PATIENCE)?
                .with_context(|| format!("no message of type {kind}"))?;
            if datagram.first() == Some(&kind) {
                return Ok(datagram);
            }
        }
    }

    /// The next inner packet that is not a keepalive, with its message's counter.
    pub(crate) fn receive_inner(&self) -> Result<(u64, Vec<u8>)> {
        loop {
            let datagram = self.wait_for(4)?;
            let (counter, inner) = self.open(&datagram)?;
            if !inner.is_empty() {
                return Ok((counter, inner));
            }
        }
    }

    /// Reads until nothing comes for a moment.
    pub(crate) fn drain(&self) -> Result<usize> {
        let mut count = 0;
        while self.receive(Duration::from_millis(30))?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}
