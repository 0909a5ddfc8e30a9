// SPDX-License-Identifier: GPL-2.0

//! Where the driver's objects have their work items and timers, and what those do.
//!
//! The offsets are the one thing about them that takes `unsafe`; the driver's files are free of it.

use super::{timer::impl_has_timer, work::impl_has_work};
use crate::{
    cpu_queue::CpuQueue,
    device::Device,
    handshake::{self, Worker},
    peer::Peer,
    worker,
};

impl_has_work!(CpuQueue, work, worker::run);
impl_has_work!(Peer, work, handshake::send_initiation);
impl_has_work!(Worker, work, Worker::run);
impl_has_timer!(Peer, timer, Peer::expired);
impl_has_timer!(Device, watch, worker::watch);
