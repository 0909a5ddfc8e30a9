// SPDX-License-Identifier: GPL-2.0
//! The chaining key and the hash that a handshake carries along, and the steps that mix into them.
//!
//! C and H of section 5.4 of the WireGuard paper; Noise calls the pair a symmetric state. Every
//! stage of a handshake owns its own copy.

use wg_crypto::{aead, blake2s, Secret};

/// Hash of the construction's name, "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s".
const CHAINING_KEY: [u8; 32] = [
    0x60, 0xe2, 0x6d, 0xae, 0xf3, 0x27, 0xef, 0xc0, 0x2e, 0xc3, 0x35, 0xe2, 0xa0, 0x25, 0xd2, 0xd0,
    0x16, 0xeb, 0x42, 0x06, 0xf8, 0x72, 0x77, 0xf5, 0x2d, 0x38, 0xd1, 0x98, 0x8b, 0x78, 0xcd, 0x36,
];
/// Hash of that and the identifier, "WireGuard v1 zx2c4 Jason@zx2c4.com".
const HASH: [u8; 32] = [
    0x22, 0x11, 0xb3, 0x61, 0x08, 0x1a, 0xc5, 0x66, 0x69, 0x12, 0x43, 0xdb, 0x45, 0x8a, 0xd5, 0x32,
    0x2d, 0x9c, 0x6c, 0x66, 0x22, 0x93, 0xe8, 0xb7, 0x0e, 0xe1, 0x9c, 0x65, 0xba, 0x07, 0x9e, 0xf3,
];

#[derive(Clone)]
pub(super) struct Symmetric {
    chaining_key: Secret,
    /// Not a secret in itself, but of no use to anyone afterwards: wiped all the same.
    hash: Secret,
}

impl Symmetric {
    /// The state at the beginning, from the responder's static public key.
    pub(super) fn start(responder: &[u8; 32]) -> Self {
        Self {
            chaining_key: Secret::new(CHAINING_KEY),
            hash: Secret::new(blake2s::hash(&[&HASH, responder])),
        }
    }

    /// A state that belongs to no handshake.
    pub(super) const fn zeroed() -> Self {
        Self {
            chaining_key: Secret::new([0; 32]),
            hash: Secret::new([0; 32]),
        }
    }

    /// Whether both have come the same way: the hash has seen every message.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.hash == other.hash
    }

    fn mix_hash(&mut self, data: &[u8]) {
        self.hash = Secret::new(blake2s::hash(&[self.hash.as_bytes(), data]));
    }

    /// Mixes an ephemeral public key.
    pub(super) fn mix_ephemeral(&mut self, public: &[u8; 32]) {
        self.mix_hash(public);
        let [next] = blake2s::kdf1(self.chaining_key.as_bytes(), public);
        self.chaining_key = next;
    }

    /// Mixes a shared secret.
    pub(super) fn mix_shared(&mut self, shared: &Secret) {
        let [next] = blake2s::kdf1(self.chaining_key.as_bytes(), shared.as_bytes());
        self.chaining_key = next;
    }

    /// Mixes a shared secret, and gives a key.
    pub(super) fn mix_shared_to_key(&mut self, shared: &Secret) -> aead::Key {
        let [next, key] = blake2s::kdf2(self.chaining_key.as_bytes(), shared.as_bytes());
        self.chaining_key = next;
        aead::Key::new(*key.as_bytes())
    }

    /// Mixes the preshared key, and gives a key.
    pub(super) fn mix_preshared(&mut self, preshared: &Secret) -> aead::Key {
        let [next, into_hash, key] =
            blake2s::kdf3(self.chaining_key.as_bytes(), preshared.as_bytes());
        self.chaining_key = next;
        self.mix_hash(into_hash.as_bytes());
        aead::Key::new(*key.as_bytes())
    }

    /// Encrypts and mixes the result. `N` is `plaintext` and a tag; otherwise `None`.
    pub(super) fn seal<const N: usize>(
        &mut self,
        key: &aead::Key,
        plaintext: &[u8],
    ) -> Option<[u8; N]> {
        let mut sealed = [0; N];
        if !aead::seal_slice(key, 0, self.hash.as_bytes(), plaintext, &mut sealed) {
            return None;
        }
        self.mix_hash(&sealed);
        Some(sealed)
    }

    /// Decrypts and mixes what was decrypted; `None` if it is not genuine.
    pub(super) fn open<const N: usize>(
        &mut self,
        key: &aead::Key,
        sealed: &[u8],
    ) -> Option<[u8; N]> {
        let mut plaintext = [0; N];
        if !aead::open_slice(key, 0, self.hash.as_bytes(), sealed, &mut plaintext) {
            return None;
        }
        self.mix_hash(sealed);
        Some(plaintext)
    }

    /// The two keys of the session: from the initiator, and to it.
    pub(super) fn split(&self) -> [aead::Key; 2] {
        blake2s::kdf2(self.chaining_key.as_bytes(), &[])
            .each_ref()
            .map(|secret| aead::Key::new(*secret.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::{blake2s, CHAINING_KEY, HASH};

    /// Reference 1.1: construction (37 bytes) and identifier (34 bytes).
    #[test]
    fn constants_are_the_hashes_of_the_names() {
        let construction = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
        let identifier = b"WireGuard v1 zx2c4 Jason@zx2c4.com";
        assert_eq!((construction.len(), identifier.len()), (37, 34));
        assert_eq!(blake2s::hash(&[construction]), CHAINING_KEY);
        assert_eq!(blake2s::hash(&[&CHAINING_KEY, identifier]), HASH);
    }
}
