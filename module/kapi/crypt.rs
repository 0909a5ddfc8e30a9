// SPDX-License-Identifier: GPL-2.0

//! From packets to jobs of the AEAD and back.
//!
//! Buffers are made ready for a whole list first, then the cryptography of all runs in one go (in
//! one FPU section, where vector code is used: no lock, no allocation and no packet function
//! inside), then the packets are finished. At most [`MAX_BYTES`] in one go.

use super::{
    fpu,
    netdev::NetDev,
    skb::{Chain, Skb, Why},
};
use core::{cell::Cell, mem::MaybeUninit};
use kernel::{
    alloc::flags::{GFP_ATOMIC, GFP_KERNEL},
    prelude::*,
};
use wg_crypto::aead::{Job, Key, Verdict};
use wg_protocol::message::{self, DataHeader};

/// More pieces than any packet has that was not made of hundreds of IP fragments.
const PER_PACKET: usize = 64;
const MAX_BYTES: usize = 65_536;
/// Pieces that a job has on the average, with room for one packet of many.
const PIECES: usize = 3;

type Piece = &'static [Cell<u8>];

/// What became of data messages.
pub(crate) struct Opened {
    /// Those that verified, in order.
    pub(crate) done: Chain,
    /// Those that did not.
    pub(crate) forged: Chain,
    /// The number of those for which there was no memory.
    pub(crate) lost: usize,
}

/// Room for one go, made once for each CPU.
///
/// # Invariants
///
/// The lists have room for all that `full()` allows, so that nothing is allocated in a section. What
/// `sources` and `destinations` hold is that of `packets`, and ends with them in `finish()`.
pub(crate) struct Scratch {
    pieces: KVec<bindings::wg_seg>,
    sources: KVec<Piece>,
    destinations: KVec<Piece>,
    packets: KVec<bindings::wg_job>,
    jobs: KVec<Job<'static>>,
    max_jobs: usize,
    max_segments: usize,
    bytes: usize,
}

// SAFETY: between calls all lists are empty but for `pieces`, whose contents mean nothing then.
unsafe impl Send for Scratch {}

fn blank_job() -> bindings::wg_job {
    // SAFETY: all zeroes is a valid value of each member.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

impl Scratch {
    /// As many packets as are worked on in one go.
    pub(crate) const MAX_JOBS: usize = 64;

    /// Room for so many packets at a time.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(jobs: usize) -> Result<KBox<Self>> {
        let segments = jobs * PIECES + PER_PACKET;
        let mut pieces = KVec::with_capacity(2 * PER_PACKET, GFP_KERNEL)?;
        for _ in 0..2 * PER_PACKET {
            let blank = bindings::wg_seg {
                ptr: core::ptr::null_mut(),
                len: 0,
            };
            pieces.push(blank, GFP_KERNEL)?;
        }
        let scratch = Scratch {
            pieces,
            sources: KVec::with_capacity(segments, GFP_KERNEL)?,
            destinations: KVec::with_capacity(segments, GFP_KERNEL)?,
            packets: KVec::with_capacity(jobs, GFP_KERNEL)?,
            jobs: KVec::with_capacity(jobs, GFP_KERNEL)?,
            max_jobs: jobs,
            max_segments: segments,
            bytes: 0,
        };
        Ok(KBox::new(scratch, GFP_KERNEL)?)
    }

    fn full(&self) -> bool {
        self.bytes >= MAX_BYTES
            || self.packets.len() >= self.max_jobs
            || self.sources.len() + PER_PACKET > self.max_segments
            || self.destinations.len() + PER_PACKET > self.max_segments
    }

    /// Notes a prepared packet.
    ///
    /// # Safety
    ///
    /// `packet` was filled in by one of the prepare functions, with `self.pieces` as its lists, and
    /// its buffers stay valid and unshared until `finish()`.
    unsafe fn note(&mut self, packet: bindings::wg_job, counter: u64, len: usize) -> Result {
        let (from, to) = (self.sources.len(), self.destinations.len());
        let (sources, destinations) = self.pieces.split_at_checked(PER_PACKET).ok_or(EINVAL)?;
        for seg in sources.iter().take(packet.nsrc as usize) {
            // SAFETY: by the contract. `Cell<u8>` has the layout of `u8`; the source of a buffer
            // that is worked in place is its destination.
            let piece = unsafe { core::slice::from_raw_parts(seg.ptr.cast::<Cell<u8>>(), seg.len) };
            self.sources.push(piece, GFP_ATOMIC)?;
        }
        for seg in destinations.iter().take(packet.ndst as usize) {
            // SAFETY: as above.
            let piece = unsafe { core::slice::from_raw_parts(seg.ptr.cast::<Cell<u8>>(), seg.len) };
            self.destinations.push(piece, GFP_ATOMIC)?;
        }
        let src: *const [Piece] = self.sources.get(from..).ok_or(EINVAL)?;
        let dst: *const [Piece] = self.destinations.get(to..).ok_or(EINVAL)?;
        self.packets.push(packet, GFP_ATOMIC)?;
        self.jobs.push(
            Job {
                counter,
                ad: &[],
                // SAFETY: the lists were given their full capacity at first and `full()` keeps them
                // within it, so they do not move before `finish()` empties the jobs.
                src: unsafe { &*src },
                // SAFETY: as above.
                dst: unsafe { &*dst },
                verdict: Verdict::Pending,
            },
            GFP_ATOMIC,
        )?;
        self.bytes += len;
        Ok(())
    }

    /// Empties the lists; `f` gets each packet with its verdict.
    fn finish(&mut self, mut f: impl FnMut(bindings::wg_job, Verdict)) {
        for (packet, job) in self.packets.iter().zip(self.jobs.iter()) {
            f(*packet, job.verdict);
        }
        self.jobs.clear();
        self.packets.clear();
        self.sources.clear();
        self.destinations.clear();
        self.bytes = 0;
    }

    /// Seals packets with the counters from `first` on. Gives back those that are ready to be
    /// sent, in order, and the number of those that were lost for want of memory.
    pub(crate) fn seal(
        &mut self,
        key: &Key,
        mut packets: Chain,
        receiver: u32,
        first: u64,
        dev: &NetDev,
    ) -> (Chain, usize) {
        let mut done = Chain::new();
        let mut lost = 0;
        let mut counter = first;
        while let Some(skb) = packets.pop() {
            if self.prepare_seal(skb, receiver, counter).is_err() {
                lost += 1;
            }
            counter = counter.wrapping_add(1);
            if self.full() || packets.is_empty() {
                fpu::seal(key, &mut self.jobs);
                self.finish(|mut packet, verdict| {
                    // SAFETY: prepared by `wg_seal_prepare()`; gives back a packet of ours.
                    let skb = unsafe {
                        bindings::wg_seal_finish(&mut packet, dev.as_ptr());
                        Skb::from_raw(packet.dst)
                    };
                    match skb {
                        Some(skb) if verdict == Verdict::Good => done.push(skb),
                        _ => lost += 1,
                    }
                });
            }
        }
        (done, lost)
    }

    fn prepare_seal(&mut self, skb: Skb, receiver: u32, counter: u64) -> Result {
        let len = skb.len() as usize;
        let pad = message::padding(len, skb.note().mtu as usize);
        let mut packet = blank_job();
        // There are twice as many, which the compiler does not see.
        let (src, dst) = self.pieces.split_at_mut_checked(PER_PACKET).ok_or(EINVAL)?;
        // SAFETY: the packet is valid and ours; both lists have room for `PER_PACKET` pieces.
        let ret = unsafe {
            bindings::wg_seal_prepare(
                skb.as_ptr(),
                pad as u32,
                src.as_mut_ptr(),
                dst.as_mut_ptr(),
                PER_PACKET as u32,
                &mut packet,
            )
        };
        if ret != 0 {
            skb.free(Why::NoMemory);
            return Err(ENOMEM);
        }
        let header = DataHeader { receiver, counter }.to_bytes();
        // SAFETY: the function left 16 bytes of headroom from `header` on.
        unsafe { core::ptr::copy_nonoverlapping(header.as_ptr(), packet.header, header.len()) };
        // The packet belongs to the job now.
        let _ = skb.into_raw();
        // SAFETY: prepared just above.
        unsafe { self.note(packet, counter, len) }
    }

    /// Opens data messages.
    pub(crate) fn open(&mut self, key: &Key, mut packets: Chain) -> Opened {
        let mut done = Chain::new();
        let mut forged = Chain::new();
        let mut lost = 0;
        while let Some(skb) = packets.pop() {
            if self.prepare_open(skb).is_err() {
                lost += 1;
            }
            if self.full() || packets.is_empty() {
                fpu::open(key, &mut self.jobs);
                self.finish(|mut packet, verdict| {
                    if verdict == Verdict::Good {
                        // SAFETY: prepared by `wg_open_prepare()`; gives back a packet of ours.
                        let skb = unsafe {
                            bindings::wg_open_finish(&mut packet);
                            Skb::from_raw(packet.dst)
                        };
                        if let Some(skb) = skb {
                            done.push(skb);
                        }
                    } else {
                        // SAFETY: both buffers are ours; the source is null when worked in place.
                        let buffers =
                            unsafe { (Skb::from_raw(packet.src), Skb::from_raw(packet.dst)) };
                        match buffers {
                            (Some(source), fresh) => {
                                forged.push(source);
                                if let Some(fresh) = fresh {
                                    fresh.free(Why::Consumed);
                                }
                            }
                            (None, Some(packet)) => forged.push(packet),
                            (None, None) => {}
                        }
                    }
                });
            }
        }
        Opened { done, forged, lost }
    }

    fn prepare_open(&mut self, skb: Skb) -> Result {
        let len = skb.len() as usize;
        let counter = skb.note().counter;
        let mut packet = blank_job();
        // There are twice as many, which the compiler does not see.
        let (src, dst) = self.pieces.split_at_mut_checked(PER_PACKET).ok_or(EINVAL)?;
        // SAFETY: the packet is valid and ours; both lists have room for `PER_PACKET` pieces.
        let ret = unsafe {
            bindings::wg_open_prepare(
                skb.as_ptr(),
                src.as_mut_ptr(),
                dst.as_mut_ptr(),
                PER_PACKET as u32,
                &mut packet,
            )
        };
        if ret != 0 {
            skb.free(Why::NoMemory);
            return Err(ENOMEM);
        }
        // The packet belongs to the job now.
        let _ = skb.into_raw();
        // SAFETY: prepared just above.
        unsafe { self.note(packet, counter, len) }
    }
}
