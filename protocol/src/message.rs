// SPDX-License-Identifier: GPL-2.0
//! The four messages on the wire: kinds, lengths, layouts and the padding of data.
//!
//! Answers to sections 5.4.2 (initiation), 5.4.3 (response), 5.4.6 (data) and 5.4.7 (cookie reply)
//! of the WireGuard paper. The types own their bytes; whoever handles a message owns the value.

/// Bytes of a handshake initiation.
pub const INITIATION_LEN: usize = 148;
/// Bytes of a handshake response.
pub const RESPONSE_LEN: usize = 92;
/// Bytes of a cookie reply.
pub const COOKIE_REPLY_LEN: usize = 64;
/// Bytes before the ciphertext of a data message.
pub const DATA_HEADER_LEN: usize = 16;
/// The shortest data message, a keepalive: header and tag around nothing.
pub const DATA_MIN_LEN: usize = DATA_HEADER_LEN + 16;
/// Data is padded with zeros to a multiple of this.
pub const PADDING_MULTIPLE: usize = 16;
/// A device refuses more peers than this.
pub const MAX_PEERS: usize = 1 << 20;
/// Incoming handshake messages that may wait for a worker.
pub const MAX_QUEUED_HANDSHAKES: usize = 4096;
/// Packets that may wait for a session; beyond, the oldest is dropped.
pub const MAX_STAGED: usize = 128;
/// Units of work that may wait for encryption or decryption.
pub const MAX_QUEUED: usize = 1024;
/// The TOS byte of handshake messages (AF41, no ECN).
pub const HANDSHAKE_DSCP: u8 = 0x88;

const TYPE_INITIATION: [u8; 4] = [1, 0, 0, 0];
const TYPE_RESPONSE: [u8; 4] = [2, 0, 0, 0];
const TYPE_COOKIE_REPLY: [u8; 4] = [3, 0, 0, 0];
const TYPE_DATA: [u8; 4] = [4, 0, 0, 0];

/// What a datagram claims to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// First message of a handshake.
    Initiation,
    /// Second message of a handshake.
    Response,
    /// "Come back with this cookie": the answer of a host under load.
    CookieReply,
    /// An encrypted packet, or a keepalive.
    Data,
}

/// The index that a response, a cookie reply or data is for, from its first 16 bytes. An initiation
/// is for none.
pub fn receiver(kind: Kind, prefix: &[u8]) -> Option<u32> {
    let at = match kind {
        Kind::Initiation => return None,
        Kind::Response => 8,
        Kind::CookieReply | Kind::Data => 4,
    };
    let index = prefix.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*index))
}

/// The kind of a datagram of `total_len` bytes that begins with `prefix`.
///
/// The three bytes after the type are reserved and must be zero; handshake messages have exactly
/// one length. `None` is for the bin.
pub fn classify(prefix: &[u8], total_len: usize) -> Option<Kind> {
    match (*prefix.first_chunk::<4>()?, total_len) {
        (TYPE_INITIATION, INITIATION_LEN) => Some(Kind::Initiation),
        (TYPE_RESPONSE, RESPONSE_LEN) => Some(Kind::Response),
        (TYPE_COOKIE_REPLY, COOKIE_REPLY_LEN) => Some(Kind::CookieReply),
        (TYPE_DATA, DATA_MIN_LEN..) => Some(Kind::Data),
        _ => None,
    }
}

/// How many zero bytes follow a packet of `len` bytes before it is encrypted.
///
/// Up to the next multiple of 16, but never beyond `mtu`. A `len` above the MTU is a packet that
/// will be cut: its last piece counts. An `mtu` of 0 is unknown and limits nothing.
pub const fn padding(len: usize, mtu: usize) -> usize {
    let last = if mtu != 0 && len > mtu {
        len % mtu
    } else {
        len
    };
    let to_multiple = last.wrapping_neg() % PADDING_MULTIPLE;
    if mtu != 0 && to_multiple > mtu - last {
        mtu - last
    } else {
        to_multiple
    }
}

/// `N` bytes at `AT` of a message; a layout that does not fit is an error of compilation.
fn field<const AT: usize, const N: usize, const LEN: usize>(bytes: &[u8; LEN]) -> &[u8; N] {
    const { assert!(AT + N <= LEN) };
    match bytes.get(AT..).and_then(<[u8]>::first_chunk) {
        Some(found) => found,
        None => const { &[0; N] },
    }
}

/// The writing twin of [`field`].
fn put<const AT: usize, const N: usize, const LEN: usize>(bytes: &mut [u8; LEN], value: &[u8; N]) {
    const { assert!(AT + N <= LEN) };
    if let Some(place) = bytes.get_mut(AT..).and_then(<[u8]>::first_chunk_mut) {
        *place = *value;
    }
}

macro_rules! message {
    ($(#[$doc:meta])* $name:ident, $len:expr, $tag:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct $name([u8; $len]);

        impl $name {
            /// A copy of a datagram; `None` if it has another length or type.
            pub fn from_bytes(datagram: &[u8]) -> Option<Self> {
                let bytes: [u8; $len] = datagram.try_into().ok()?;
                (*field::<0, 4, $len>(&bytes) == $tag).then_some(Self(bytes))
            }

            /// The message as it goes on the wire.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// For whoever fills in the MACs.
            pub fn as_mut_bytes(&mut self) -> &mut [u8; $len] {
                &mut self.0
            }
        }
    };
}

message! {
    /// Handshake initiation: type, sender, ephemeral, sealed static key, sealed timestamp, mac1, mac2.
    Initiation, INITIATION_LEN, TYPE_INITIATION
}

impl Initiation {
    pub(crate) fn new(
        sender: u32,
        ephemeral: &[u8; 32],
        sealed_static: &[u8; 48],
        sealed_timestamp: &[u8; 28],
    ) -> Self {
        let mut bytes = [0; INITIATION_LEN];
        put::<0, 4, INITIATION_LEN>(&mut bytes, &TYPE_INITIATION);
        put::<4, 4, INITIATION_LEN>(&mut bytes, &sender.to_le_bytes());
        put::<8, 32, INITIATION_LEN>(&mut bytes, ephemeral);
        put::<40, 48, INITIATION_LEN>(&mut bytes, sealed_static);
        put::<88, 28, INITIATION_LEN>(&mut bytes, sealed_timestamp);
        Self(bytes)
    }

    /// The index by which the initiator wants to be answered.
    pub fn sender(&self) -> u32 {
        u32::from_le_bytes(*field::<4, 4, INITIATION_LEN>(&self.0))
    }

    /// The initiator's ephemeral public key.
    pub fn ephemeral(&self) -> &[u8; 32] {
        field::<8, 32, INITIATION_LEN>(&self.0)
    }

    /// The initiator's static public key, encrypted.
    pub fn sealed_static(&self) -> &[u8; 48] {
        field::<40, 48, INITIATION_LEN>(&self.0)
    }

    /// The TAI64N timestamp, encrypted.
    pub fn sealed_timestamp(&self) -> &[u8; 28] {
        field::<88, 28, INITIATION_LEN>(&self.0)
    }
}

message! {
    /// Handshake response: type, sender, receiver, ephemeral, sealed nothing, mac1, mac2.
    Response, RESPONSE_LEN, TYPE_RESPONSE
}

impl Response {
    pub(crate) fn new(
        sender: u32,
        receiver: u32,
        ephemeral: &[u8; 32],
        sealed_nothing: &[u8; 16],
    ) -> Self {
        let mut bytes = [0; RESPONSE_LEN];
        put::<0, 4, RESPONSE_LEN>(&mut bytes, &TYPE_RESPONSE);
        put::<4, 4, RESPONSE_LEN>(&mut bytes, &sender.to_le_bytes());
        put::<8, 4, RESPONSE_LEN>(&mut bytes, &receiver.to_le_bytes());
        put::<12, 32, RESPONSE_LEN>(&mut bytes, ephemeral);
        put::<44, 16, RESPONSE_LEN>(&mut bytes, sealed_nothing);
        Self(bytes)
    }

    /// The index by which the responder wants to be addressed.
    pub fn sender(&self) -> u32 {
        u32::from_le_bytes(*field::<4, 4, RESPONSE_LEN>(&self.0))
    }

    /// The initiator's index, as it was in the initiation.
    pub fn receiver(&self) -> u32 {
        u32::from_le_bytes(*field::<8, 4, RESPONSE_LEN>(&self.0))
    }

    /// The responder's ephemeral public key.
    pub fn ephemeral(&self) -> &[u8; 32] {
        field::<12, 32, RESPONSE_LEN>(&self.0)
    }

    /// The tag over nothing, which proves that both came to the same keys.
    pub fn sealed_nothing(&self) -> &[u8; 16] {
        field::<44, 16, RESPONSE_LEN>(&self.0)
    }
}

message! {
    /// Cookie reply: type, receiver, nonce, sealed cookie.
    CookieReply, COOKIE_REPLY_LEN, TYPE_COOKIE_REPLY
}

impl CookieReply {
    pub(crate) fn new(receiver: u32, nonce: &[u8; 24], sealed_cookie: &[u8; 32]) -> Self {
        let mut bytes = [0; COOKIE_REPLY_LEN];
        put::<0, 4, COOKIE_REPLY_LEN>(&mut bytes, &TYPE_COOKIE_REPLY);
        put::<4, 4, COOKIE_REPLY_LEN>(&mut bytes, &receiver.to_le_bytes());
        put::<8, 24, COOKIE_REPLY_LEN>(&mut bytes, nonce);
        put::<32, 32, COOKIE_REPLY_LEN>(&mut bytes, sealed_cookie);
        Self(bytes)
    }

    /// The sender's index in the message that is answered.
    pub fn receiver(&self) -> u32 {
        u32::from_le_bytes(*field::<4, 4, COOKIE_REPLY_LEN>(&self.0))
    }

    /// The random nonce of the encryption.
    pub fn nonce(&self) -> &[u8; 24] {
        field::<8, 24, COOKIE_REPLY_LEN>(&self.0)
    }

    /// The cookie, encrypted.
    pub fn sealed_cookie(&self) -> &[u8; 32] {
        field::<32, 32, COOKIE_REPLY_LEN>(&self.0)
    }
}

/// What stands in clear before the ciphertext of a data message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DataHeader {
    /// The receiver's index for this session.
    pub receiver: u32,
    /// The nonce.
    pub counter: u64,
}

impl DataHeader {
    /// Reads the header at the start of `bytes`; `None` if too short or not a data message.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<DATA_HEADER_LEN>()?;
        (*field::<0, 4, DATA_HEADER_LEN>(header) == TYPE_DATA).then(|| Self {
            receiver: u32::from_le_bytes(*field::<4, 4, DATA_HEADER_LEN>(header)),
            counter: u64::from_le_bytes(*field::<8, 8, DATA_HEADER_LEN>(header)),
        })
    }

    /// The header as it goes on the wire.
    pub fn to_bytes(self) -> [u8; DATA_HEADER_LEN] {
        let mut bytes = [0; DATA_HEADER_LEN];
        put::<0, 4, DATA_HEADER_LEN>(&mut bytes, &TYPE_DATA);
        put::<4, 4, DATA_HEADER_LEN>(&mut bytes, &self.receiver.to_le_bytes());
        put::<8, 8, DATA_HEADER_LEN>(&mut bytes, &self.counter.to_le_bytes());
        bytes
    }
}
