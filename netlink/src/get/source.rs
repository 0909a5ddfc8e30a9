// SPDX-License-Identifier: GPL-2.0
//! Where a dump takes what it lays out: the driver's device, seen through a trait.
//!
//! The driver implements [`Source`] once. The infos are values made for one call; keys other than
//! public ones never are, they are written straight into the message.
use crate::address::{Address, Endpoint};
use crate::uapi::{IFNAMSIZ, KEY_LEN};

/// What a dump says about a device besides its private key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceInfo {
    /// The port it listens on, or will.
    pub listen_port: u16,
    /// The firewall mark, or 0.
    pub fwmark: u32,
    /// Its index in the namespace it is in.
    pub ifindex: u32,
    /// Its name, up to the first NUL.
    pub ifname: [u8; IFNAMSIZ],
    /// Its public key, if it has an identity. Without one there is no private key to dump either.
    pub public_key: Option<[u8; KEY_LEN]>,
}

/// What a dump says about a peer besides its preshared key and its allowed IPs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerInfo {
    /// Its public key.
    pub public_key: [u8; KEY_LEN],
    /// When the last handshake was completed, seconds of wall-clock time; 0 if never.
    pub last_handshake_secs: i64,
    /// The nanoseconds that go with them.
    pub last_handshake_nanos: i64,
    /// Seconds between keepalives, or 0.
    pub persistent_keepalive: u16,
    /// Bytes sent to it.
    pub tx_bytes: u64,
    /// Bytes received from it.
    pub rx_bytes: u64,
    /// Where it was last heard of or configured.
    pub endpoint: Option<Endpoint>,
}

/// A prefix of a peer, its host bits masked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AllowedIp {
    /// The network's address.
    pub addr: Address,
    /// How many leading bits count.
    pub cidr: u8,
}

/// A device to dump.
///
/// One call of [`Dump::fill`](super::Dump::fill) must see one state: the driver holds the lock that
/// excludes a SET around it. Between two calls anything may change.
pub trait Source {
    /// A peer, by whatever the driver holds it.
    type Peer;

    /// About the device.
    fn device(&self) -> DeviceInfo;

    /// Writes the private key; called only if [`DeviceInfo::public_key`] was given.
    fn private_key(&self, out: &mut [u8; KEY_LEN]);

    /// The first peer whose id is greater than `last`; the first of all if that is `None`. Peers
    /// have strictly increasing ids in the order they were created, never used twice.
    fn peer_after(&self, last: Option<u64>) -> Option<Self::Peer>;

    /// The peer behind `peer`. To be overridden by who has a cheaper way than by its id.
    fn next_peer(&self, peer: &Self::Peer) -> Option<Self::Peer> {
        self.peer_after(Some(self.id(peer)))
    }

    /// The peer of this id, unless it is gone.
    fn peer(&self, id: u64) -> Option<Self::Peer>;

    /// The id of a peer.
    fn id(&self, peer: &Self::Peer) -> u64;

    /// About a peer.
    fn info(&self, peer: &Self::Peer) -> PeerInfo;

    /// Writes the preshared key of a peer: zeros if there is none.
    fn preshared_key(&self, peer: &Self::Peer, out: &mut [u8; KEY_LEN]);

    /// The allowed IP of `peer` that follows the one at `after` in the order of the peer's list
    /// (the first if that is `None`), and where it is itself. What the number means is the
    /// source's affair; it comes back only while [`generation`](Self::generation) is the same.
    fn next_allowed_ip(&self, peer: &Self::Peer, after: Option<u64>) -> Option<(AllowedIp, u64)>;

    /// A number that is different after any change of any allowed IP of the device.
    fn generation(&self) -> u64;
}
