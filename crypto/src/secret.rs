// SPDX-License-Identifier: GPL-2.0
//! Thirty-two secret bytes: chaining keys, shared secrets, derived keys.
//!
//! Owned by whoever derived it; zeroed when it goes. Its bytes are never printed and its
//! comparison takes the same time whatever they are.
use core::fmt;

use zeroize::Zeroize;

use crate::{ct_eq, KEY_LEN};

/// A secret of 32 bytes that is zeroed when dropped.
#[derive(Clone)]
pub struct Secret([u8; KEY_LEN]);

impl Secret {
    /// Takes the bytes over. The caller's own copy, if it keeps one, stays the caller's to zero.
    #[must_use]
    pub const fn new(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        ct_eq(&self.0, &other.0)
    }
}

impl Eq for Secret {}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
