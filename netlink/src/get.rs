// SPDX-License-Identifier: GPL-2.0
//! A GET request, and the dump that answers it (`drivers/net/wireguard/netlink.c`,
//! `wg_get_device_start` and `wg_get_device_dump`).
//!
//! The request names a device and nothing else. The dump is laid out by [`Dump`] over as many
//! messages as it takes, with [`Writer`] into buffers the driver owns, from what the driver's
//! [`Source`] says.
use crate::attr::Attrs;
use crate::error::RequestError;
use crate::rules::{check, Rule, Table, UnknownFlags, GET_DEVICE, GET_DEVICE_WITH_EXTRAS};

mod cursor;
mod dump;
mod source;
mod writer;

pub use crate::set::Selector;
pub use cursor::Cursor;
pub use dump::{Dump, Progress};
pub use source::{AllowedIp, DeviceInfo, PeerInfo, Source};
pub use writer::{Full, Nest, Writer};

/// What becomes of attributes that select nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ExtraAttributes {
    /// Those of a device are looked at and ignored, as up to Linux 6.18.
    #[default]
    Ignore,
    /// `EINVAL`, as of Linux 6.19.
    Reject,
}

/// What a GET request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetDevice<'a> {
    /// The device.
    pub selector: Selector<'a>,
}

impl<'a> GetDevice<'a> {
    /// Checks `attrs`, all that follows the genl header, to the end.
    pub fn parse(attrs: &'a [u8], extra: ExtraAttributes) -> Result<Self, RequestError> {
        let rules: &[Rule] = match extra {
            ExtraAttributes::Ignore => &GET_DEVICE_WITH_EXTRAS,
            ExtraAttributes::Reject => &GET_DEVICE,
        };
        check(Attrs::new(attrs), rules, UnknownFlags::default())?;
        let table = Table::<{ GET_DEVICE.len() }>::collect(Attrs::new(attrs));
        let selector = Selector::of(&table)?;
        Ok(Self { selector })
    }
}
