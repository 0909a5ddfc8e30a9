// SPDX-License-Identifier: GPL-2.0

//! From packets to jobs of the AEAD and back.
//!
//! Buffers are made ready for a whole batch first, then the cryptography of all of it runs in one
//! FPU section, where vector code is used (no lock, no allocation and no packet function inside),
//! then the packets are finished. A batch may hold packets of several keys. At most [`MAX_BYTES`]
//! are worked on in one section.
//!
//! The room for a batch belongs to the CPU, not to a device: it is used with bottom halves off.

use super::{
    cpu, fpu,
    global::Global,
    lock::{Class, SpinLock},
    netdev::NetDev,
    queue::{Linked, Queue},
    skb::{Chain, Skb, Why},
};
use core::{cell::Cell, mem::MaybeUninit, ptr};
use kernel::{
    alloc::flags::{GFP_ATOMIC, GFP_KERNEL},
    prelude::*,
};
use wg_crypto::aead::{Job, Key, Verdict};
use wg_protocol::message::{self, DataHeader};

/// More pieces than any packet has that was not made of hundreds of IP fragments.
const PER_PACKET: usize = 64;
const MAX_BYTES: usize = 65_536;
/// As many packets as are worked on in one section.
pub(crate) const MAX_JOBS: usize = 64;
/// Pieces that a job has on the average (3), with room for one packet of many.
const MAX_PIECES: usize = MAX_JOBS * 3 + PER_PACKET;

type Piece = &'static [Cell<u8>];

/// What is to be done with packets.
pub(crate) enum Work<'a> {
    /// Seal them, with the counters from `first` on, for the peer's index `receiver`.
    Seal {
        key: &'a Key,
        receiver: u32,
        first: u64,
    },
    /// Open them.
    Open { key: &'a Key },
}

/// Packets before and after their cryptography.
#[derive(Default)]
pub(crate) struct Packets {
    /// Before: the packets to work on. After: those that went well, in the same order.
    pub(crate) chain: Chain,
    /// Those that did not verify.
    pub(crate) forged: Chain,
    /// The number of those for which there was no memory.
    pub(crate) lost: usize,
}

impl Packets {
    /// Packets to work on.
    pub(crate) fn new(chain: Chain) -> Self {
        Packets {
            chain,
            forged: Chain::new(),
            lost: 0,
        }
    }
}

/// Packets to seal or open under one key; several of them make a batch.
pub(crate) trait Load: Linked {
    /// The packets.
    fn packets(&mut self) -> &mut Packets;
    /// What is to be done with them.
    fn work(&self) -> Work<'_>;
}

/// Jobs that follow each other and have one key.
struct Group {
    key: *const Key,
    seal: bool,
    jobs: usize,
}

/// A packet between the preparation of its buffers and the end of its cryptography.
struct Prepared {
    packet: bindings::wg_job,
    seal: bool,
    of: *mut Packets,
}

/// Room for one section.
///
/// # Invariants
///
/// The lists have room for all that `is_full()` allows, so that nothing is allocated in a section.
/// What `sources` and `destinations` hold is that of `packets`, and ends with them in `finish()`.
/// Between calls of `run()` all lists but `pieces` are empty.
struct Scratch {
    pieces: KVec<bindings::wg_seg>,
    sources: KVec<Piece>,
    destinations: KVec<Piece>,
    packets: KVec<Prepared>,
    jobs: KVec<Job<'static>>,
    groups: KVec<Group>,
    bytes: usize,
}

// SAFETY: between calls all lists are empty but for `pieces`, whose contents mean nothing then.
unsafe impl Send for Scratch {}

fn blank_job() -> bindings::wg_job {
    // SAFETY: all zeroes is a valid value of each member.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

impl Scratch {
    fn new() -> Result<Self> {
        let mut pieces = KVec::with_capacity(2 * PER_PACKET, GFP_KERNEL)?;
        for _ in 0..2 * PER_PACKET {
            let blank = bindings::wg_seg {
                ptr: ptr::null_mut(),
                len: 0,
            };
            pieces.push(blank, GFP_KERNEL)?;
        }
        Ok(Scratch {
            pieces,
            sources: KVec::with_capacity(MAX_PIECES, GFP_KERNEL)?,
            destinations: KVec::with_capacity(MAX_PIECES, GFP_KERNEL)?,
            packets: KVec::with_capacity(MAX_JOBS, GFP_KERNEL)?,
            jobs: KVec::with_capacity(MAX_JOBS, GFP_KERNEL)?,
            groups: KVec::with_capacity(MAX_JOBS, GFP_KERNEL)?,
            bytes: 0,
        })
    }

    fn is_full(&self) -> bool {
        self.bytes >= MAX_BYTES
            || self.packets.len() >= MAX_JOBS
            || self.sources.len() + PER_PACKET > MAX_PIECES
            || self.destinations.len() + PER_PACKET > MAX_PIECES
    }

    /// Notes a prepared packet.
    ///
    /// # Safety
    ///
    /// `packet` was filled in by one of the prepare functions, with `self.pieces` as its lists, and
    /// its buffers stay valid and unshared until `finish()`. So does `of`.
    unsafe fn note(
        &mut self,
        packet: bindings::wg_job,
        counter: u64,
        len: usize,
        seal: bool,
        of: *mut Packets,
    ) -> Result {
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
        self.packets
            .push(Prepared { packet, seal, of }, GFP_ATOMIC)?;
        self.jobs.push(
            Job {
                counter,
                ad: &[],
                // SAFETY: the lists were given their full capacity at first and `is_full()` keeps
                // them within it, so they do not move before `finish()` empties the jobs.
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

    /// Adds the last job to the group of its key.
    fn group(&mut self, key: *const Key, seal: bool) -> Result {
        match self.groups.last_mut() {
            Some(last) if ptr::eq(last.key, key) && last.seal == seal => last.jobs += 1,
            _ => self.groups.push(Group { key, seal, jobs: 1 }, GFP_ATOMIC)?,
        }
        Ok(())
    }

    /// Does the work on all that is prepared, in one section, and finishes the packets.
    ///
    /// # Safety
    ///
    /// The keys of the groups and the `Packets` of the packets are valid.
    unsafe fn finish(&mut self, dev: &NetDev) {
        if !self.jobs.is_empty() {
            fpu::with_backend(|backend| {
                let mut rest: &mut [Job<'_>] = &mut self.jobs;
                for group in self.groups.iter() {
                    let Some((jobs, others)) = rest.split_at_mut_checked(group.jobs) else {
                        break;
                    };
                    // SAFETY: by the contract.
                    let key = unsafe { &*group.key };
                    if group.seal {
                        backend.seal(key, jobs);
                    } else {
                        backend.open(key, jobs);
                    }
                    rest = others;
                }
            });
        }
        for (prepared, job) in self.packets.iter().zip(self.jobs.iter()) {
            // SAFETY: by the contract.
            let packets = unsafe { &mut *prepared.of };
            let good = job.verdict == Verdict::Good;
            let mut packet = prepared.packet;
            if prepared.seal {
                // SAFETY: prepared by `wg_seal_prepare()`; gives back a packet of ours.
                let skb = unsafe {
                    bindings::wg_seal_finish(&mut packet, dev.as_ptr());
                    Skb::from_raw(packet.dst)
                };
                match skb {
                    Some(skb) if good => packets.chain.push(skb),
                    _ => packets.lost += 1,
                }
            } else if good {
                // SAFETY: prepared by `wg_open_prepare()`; gives back a packet of ours.
                let skb = unsafe {
                    bindings::wg_open_finish(&mut packet);
                    Skb::from_raw(packet.dst)
                };
                if let Some(skb) = skb {
                    packets.chain.push(skb);
                }
            } else {
                // SAFETY: both buffers are ours; the source is null when worked in place.
                let buffers = unsafe { (Skb::from_raw(packet.src), Skb::from_raw(packet.dst)) };
                match buffers {
                    (Some(source), fresh) => {
                        packets.forged.push(source);
                        if let Some(fresh) = fresh {
                            fresh.free(Why::Consumed);
                        }
                    }
                    (None, Some(packet)) => packets.forged.push(packet),
                    (None, None) => {}
                }
            }
        }
        self.jobs.clear();
        self.groups.clear();
        self.packets.clear();
        self.sources.clear();
        self.destinations.clear();
        self.bytes = 0;
    }

    /// Prepares the buffers of one packet.
    ///
    /// # Safety
    ///
    /// `of` is valid until `finish()`.
    unsafe fn prepare(&mut self, skb: Skb, work: &Work<'_>, nth: u64, of: *mut Packets) -> Result {
        let len = skb.len() as usize;
        let mut packet = blank_job();
        // There are twice as many, which the compiler does not see.
        let (src, dst) = self.pieces.split_at_mut_checked(PER_PACKET).ok_or(EINVAL)?;
        let (src, dst) = (src.as_mut_ptr(), dst.as_mut_ptr());
        let max = PER_PACKET as u32;
        let (ret, counter, key, seal) = match work {
            Work::Seal { key, first, .. } => {
                let pad = message::padding(len, skb.note().mtu as usize) as u32;
                // SAFETY: the packet is valid and ours; both lists have room for `max` pieces.
                let ret = unsafe {
                    bindings::wg_seal_prepare(skb.as_ptr(), pad, src, dst, max, &mut packet)
                };
                (ret, first.wrapping_add(nth), *key, true)
            }
            Work::Open { key } => {
                // SAFETY: as above.
                let ret =
                    unsafe { bindings::wg_open_prepare(skb.as_ptr(), src, dst, max, &mut packet) };
                (ret, skb.note().counter, *key, false)
            }
        };
        if ret != 0 {
            skb.free(Why::NoMemory);
            return Err(ENOMEM);
        }
        if let Work::Seal { receiver, .. } = work {
            let receiver = *receiver;
            let header = DataHeader { receiver, counter }.to_bytes();
            // SAFETY: the function left 16 bytes of headroom from `header` on.
            unsafe { ptr::copy_nonoverlapping(header.as_ptr(), packet.header, header.len()) };
        }
        // The packet belongs to the job now.
        let _ = skb.into_raw();
        // SAFETY: prepared just above; by the contract.
        unsafe { self.note(packet, counter, len, seal, of) }?;
        self.group(key, seal)
    }

    fn run<T: Load>(&mut self, batch: &mut Queue<T>, dev: &NetDev) {
        let mut begun = Queue::new();
        while let Some(load) = batch.pop() {
            let load = KBox::into_raw(load);
            // SAFETY: made from a box just above, and not used otherwise until it is one again.
            let (packets, work) = unsafe { ((*load).packets() as *mut Packets, (*load).work()) };
            // SAFETY: within the box.
            let mut chain = core::mem::take(unsafe { &mut (*packets).chain });
            let mut nth = 0;
            while let Some(skb) = chain.pop() {
                // SAFETY: the box stays where it is, in `begun`, until all is finished.
                if unsafe { self.prepare(skb, &work, nth, packets) }.is_err() {
                    // SAFETY: within the box.
                    unsafe { (*packets).lost += 1 };
                }
                nth += 1;
                if self.is_full() {
                    // SAFETY: all boxes are in `begun`, or `load`, with what they own.
                    unsafe { self.finish(dev) };
                }
            }
            // SAFETY: as above.
            begun.push(unsafe { KBox::from_raw(load) });
        }
        // SAFETY: all boxes are in `begun`, with what they own.
        unsafe { self.finish(dev) };
        *batch = begun;
    }
}

/// The rooms of the CPUs: one for each that was online when an interface was made or opened. CPUs
/// that came later share those.
pub(crate) struct Rooms(KVec<SpinLock<Scratch>>);

static ROOMS: Global<Rooms> = Global::new();

/// Makes the rooms, at the module's beginning.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn init() -> Result {
    let count = cpu::online_count().max(1);
    let mut rooms = KVec::with_capacity(count, GFP_KERNEL)?;
    for _ in 0..count {
        rooms.push(SpinLock::new(Scratch::new()?, Class::Scratch), GFP_KERNEL)?;
    }
    ROOMS.set(KBox::new(Rooms(rooms), GFP_KERNEL)?);
    Ok(())
}

/// Gives the rooms back.
///
/// # Safety
///
/// As for [`Global::clear`].
pub(crate) unsafe fn exit() {
    // SAFETY: by the contract.
    unsafe { ROOMS.clear() };
}

fn lose<T: Load>(batch: &mut Queue<T>) {
    let mut lost = Queue::new();
    while let Some(mut load) = batch.pop() {
        let packets = load.packets();
        packets.lost = packets.chain.len();
        core::mem::take(&mut packets.chain).free(Why::NoMemory);
        lost.push(load);
    }
    *batch = lost;
}

/// Seals and opens the packets of a batch, in the room of this CPU. Each load has then the packets
/// that went well; a load whose packets do not all fit one section is worked on in several.
pub(crate) fn run<T: Load>(batch: &mut Queue<T>, dev: &NetDev) {
    let rooms = ROOMS.get().map_or(&[][..], |rooms| &rooms.0);
    let at = cpu::current().checked_rem(rooms.len()).unwrap_or(0);
    match rooms.get(at) {
        Some(room) => room.lock().run(batch, dev),
        // Not reached: no device exists without rooms. A packet must not stay as it is.
        None => lose(batch),
    }
}
