// SPDX-License-Identifier: GPL-2.0

//! `rogue`: a peer that has the right keys and no manners, for scripts inside a guest.
//!
//! It makes a session as any peer does, and then sends what it is told, sealed with the session's
//! keys: packets that no module of the kernel would let out, under any counter. Its protocol is
//! `wg_protocol`, so it needs no WireGuard on its machine.
//!
//! Standard input has one packet a line, `COUNTER PLAINTEXT` with the plaintext as hexadecimal digits
//! (`-` for none); an empty line ends the burst. What came back by then is printed, opened, in the
//! same form, and then a line with a dot.

use anyhow::{bail, Context, Result};
use clap::{Args, Parser};
use std::fs;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wg_crypto::aead;
use wg_protocol::cookie::Jar;
use wg_protocol::message::{DataHeader, Response, DATA_HEADER_LEN, DATA_MIN_LEN};
use wg_protocol::noise::{
    consume_response, create_initiation, Handshake, Identity, PeerStatic, SessionKeys, Timestamp,
};

/// The name under which this program is this command.
pub(crate) const NAME: &str = "rogue";

/// Sends whatever it is told in a session of its own.
#[derive(Parser)]
#[command(name = NAME)]
struct Options {
    #[command(flatten)]
    ends: Ends,
    /// Milliseconds of silence after which a burst has had its answers
    #[arg(long, default_value_t = 500)]
    quiet: u64,
}

/// Both ends of a session.
#[derive(Args)]
pub(crate) struct Ends {
    /// Where the other end listens
    to: SocketAddr,
    /// File with our private key (64 hexadecimal digits)
    #[arg(long)]
    private: PathBuf,
    /// The other end's public key (64 hexadecimal digits)
    #[arg(long)]
    public: String,
    /// Port to send from
    #[arg(long, default_value_t = 0)]
    port: u16,
}

impl Ends {
    /// A socket that is connected to the other end, and the keys.
    pub(crate) fn open(&self) -> Result<(UdpSocket, Session)> {
        let any: SocketAddr = match self.to {
            SocketAddr::V4(_) => ([0, 0, 0, 0], self.port).into(),
            SocketAddr::V6(_) => ([0; 8], self.port).into(),
        };
        let socket = UdpSocket::bind(any).with_context(|| any.to_string())?;
        socket.connect(self.to)?;
        let session = Session {
            private: key(&fs::read_to_string(&self.private)?)?,
            public: key(&self.public)?,
        };
        Ok((socket, session))
    }
}

/// Makes the session and does what standard input says.
pub(crate) fn main(arguments: &[String]) -> Result<()> {
    let words = std::iter::once(NAME.to_owned()).chain(arguments.iter().cloned());
    let options = Options::parse_from(words);
    let (socket, session) = options.ends.open()?;
    let keys = handshake(&socket, &session)?;
    println!("session");
    let quiet = Duration::from_millis(options.quiet);
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.is_empty() {
            answers(&socket, &keys, quiet)?;
            println!(".");
            std::io::stdout().flush()?;
            continue;
        }
        let (counter, plaintext) = line.split_once(' ').context("COUNTER PLAINTEXT")?;
        let plaintext = match plaintext {
            "-" => Vec::new(),
            digits => bytes(digits)?,
        };
        socket.send(&seal(&keys, counter.parse()?, &plaintext)?)?;
    }
    Ok(())
}

pub(crate) fn seal(keys: &SessionKeys, counter: u64, plaintext: &[u8]) -> Result<Vec<u8>> {
    let header = DataHeader {
        receiver: keys.remote_index,
        counter,
    };
    let mut datagram = header.to_bytes().to_vec();
    datagram.resize(DATA_MIN_LEN + plaintext.len(), 0);
    let out = datagram.get_mut(DATA_HEADER_LEN..).unwrap_or_default();
    if !aead::seal_slice(&keys.sending, counter, &[], plaintext, out) {
        bail!("a plaintext of {} bytes", plaintext.len());
    }
    Ok(datagram)
}

/// Prints what comes until there is silence.
fn answers(socket: &UdpSocket, keys: &SessionKeys, quiet: Duration) -> Result<()> {
    socket.set_read_timeout(Some(quiet))?;
    let mut buffer = [0; 65536];
    loop {
        let count = match socket.recv(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            // Somebody says that nobody listens any more: so there is no answer.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
            Err(error) => return Err(error.into()),
        };
        let datagram = buffer.get(..count).unwrap_or_default();
        let Some(header) = DataHeader::parse(datagram) else {
            println!("no data: {}", digits(datagram));
            continue;
        };
        let sealed = datagram.get(DATA_HEADER_LEN..).unwrap_or_default();
        let mut plaintext = vec![0; sealed.len().saturating_sub(16)];
        if aead::open_slice(&keys.receiving, header.counter, &[], sealed, &mut plaintext) {
            println!("{} {}", header.counter, digits(&plaintext));
        } else {
            println!("forged: {}", digits(datagram));
        }
    }
}

/// Whose session it is to be.
pub(crate) struct Session {
    /// Our private key.
    pub(crate) private: [u8; 32],
    /// The other end's public key.
    pub(crate) public: [u8; 32],
}

/// Sends initiations until one is answered.
pub(crate) fn handshake(socket: &UdpSocket, session: &Session) -> Result<SessionKeys> {
    let identity = Identity::new(session.private);
    let peer = PeerStatic::new(session.public, Some(&identity));
    let mut handshake = Handshake::new([0; 32]);
    let end = Instant::now() + Duration::from_secs(30);
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    while Instant::now() < end {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let timestamp = Timestamp::now(now.as_secs(), now.subsec_nanos());
        let index = u32::from_le_bytes(random()?);
        let (mut message, state) = create_initiation(&identity, &peer, random()?, timestamp, index)
            .context("keys that make no secret")?;
        // The index it held was of no use to anybody.
        let _ = handshake.commit_initiation(state);
        Jar::new().add_macs(
            peer.public(),
            message.as_mut_bytes(),
            wg_protocol::Instant(0),
        );
        socket.send(message.as_bytes())?;
        let mut buffer = [0; 2048];
        let count = match socket.recv(&mut buffer) {
            Ok(count) => count,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::ConnectionRefused
                ) =>
            {
                continue
            }
            Err(error) => return Err(error.into()),
        };
        let response = Response::from_bytes(buffer.get(..count).unwrap_or_default());
        let snapshot = handshake.snapshot_for_response();
        let (Some(response), Some(snapshot)) = (response, snapshot) else {
            continue;
        };
        if let Some(consumed) = consume_response(&identity, &snapshot, &response) {
            let taken = handshake.commit_consumed_response(&snapshot, consumed);
            return taken
                .ok()
                .and_then(|()| handshake.begin_session())
                .context("a handshake that overtook itself");
        }
    }
    bail!("no answer from {:?}", socket.peer_addr())
}

pub(crate) fn key(digits: &str) -> Result<[u8; 32]> {
    let bytes = bytes(digits.trim())?;
    <[u8; 32]>::try_from(bytes)
        .ok()
        .context("a key of 32 bytes")
}

fn bytes(digits: &str) -> Result<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair)?;
            u8::from_str_radix(pair, 16).with_context(|| format!("{pair}: not hexadecimal"))
        })
        .collect()
}

fn digits(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fs::File::open(Path::new("/dev/urandom"))?.read_exact(&mut bytes)?;
    Ok(bytes)
}
