// SPDX-License-Identifier: GPL-2.0

//! The cases, in groups. Each group starts in an empty namespace and names its cases after itself.

mod configure;
mod dump;
mod errors;
mod family;
mod files;
mod header;
mod links;
mod malformed;
mod permission;
mod programs;
mod receive;
mod watch;
mod wire;

use crate::record::Record;
use anyhow::Result;

/// A group: asks, and notes the answers.
type Group = fn(&mut Record) -> Result<()>;

/// All groups by name.
pub(crate) const GROUPS: &[(&str, Group)] = &[
    ("family", family::run),
    ("header", header::run),
    ("malformed", malformed::run),
    ("configure", configure::run),
    ("dump", dump::run),
    ("permission", permission::run),
    ("link", links::run),
    ("files", files::run),
    ("wire", wire::run),
    ("errors", errors::run),
    ("receive", receive::run),
    ("watch", watch::run),
    ("programs", programs::run),
];

/// What a process that a case started does.
pub(crate) fn child(role: &[&str]) -> Result<()> {
    permission::child(role.first().copied().unwrap_or_default())
}
