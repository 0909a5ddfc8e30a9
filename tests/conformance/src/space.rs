// SPDX-License-Identifier: GPL-2.0

//! Network namespaces. The whole program is one thread, which goes from one to the other.

use anyhow::{Context, Result};
use nix::sched::{setns, unshare, CloneFlags};
use std::fs::File;
use std::os::fd::AsRawFd;

/// A network namespace, alive as long as this.
pub(crate) struct Space(File);

impl Space {
    /// The one that the thread is in.
    pub(crate) fn current() -> Result<Self> {
        let path = "/proc/thread-self/ns/net";
        Ok(Self(File::open(path).context(path)?))
    }

    /// A new one, with its loopback interface up. The thread stays where it is.
    pub(crate) fn new() -> Result<Self> {
        let home = Self::current()?;
        unshare(CloneFlags::CLONE_NEWNET).context("a network namespace")?;
        let made = Self::current();
        let up = crate::link::Links::open().and_then(|mut links| links.up("lo"));
        home.enter()?;
        up?;
        made
    }

    /// Goes there.
    pub(crate) fn enter(&self) -> Result<()> {
        setns(&self.0, CloneFlags::CLONE_NEWNET).context("setns")
    }

    /// Does something there and comes back.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let home = Self::current()?;
        self.enter()?;
        let outcome = work();
        home.enter()?;
        outcome
    }

    /// For IFLA_NET_NS_FD.
    pub(crate) fn descriptor(&self) -> u32 {
        self.0.as_raw_fd().unsigned_abs()
    }
}
