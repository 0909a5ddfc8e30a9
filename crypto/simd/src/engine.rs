// SPDX-License-Identifier: GPL-2.0
//! Lays the blocks of all messages over the lanes of a generator and carries each message through
//! cipher and authenticator (RFC 8439 section 2.8). One engine lives for one call.
//!
//! The ciphertext of a message takes the place of its key stream, in memory of our own, and is
//! authenticated there: each source byte is read once, so what was authenticated is what was
//! decrypted, even if someone else writes meanwhile. What waits there is authenticated during the
//! next pass of the generator, which leaves the scalar units idle.
use core::mem::MaybeUninit;
use core::ptr;

use crate::abi::Task;
use crate::part;
use crate::spans::Cursor;

/// The most lanes a generator has.
pub(crate) const MAX_LANES: usize = 24;

/// The block counter and nonce of each lane.
#[repr(C, align(64))]
pub(crate) struct Lanes {
    pub(crate) counter: Words,
    pub(crate) low: Words,
    pub(crate) high: Words,
}

/// A message's lanes are written all at once, whether it has as many or not.
const ROOM: usize = 2 * MAX_LANES;

/// A word for each lane.
pub(crate) type Words = [u32; ROOM];

/// What computes the tags of one message after the other.
///
/// # Safety
///
/// All functions need the processor features of their level.
pub(crate) trait Authenticator {
    /// One that has no message yet.
    unsafe fn empty() -> Self;

    /// Takes on a message that has `blocks` blocks of 16 bytes after its associated data.
    ///
    /// # Safety
    ///
    /// There are 32 bytes at `key` and `ad_len` at `ad`.
    unsafe fn begin(&mut self, key: *const u8, ad: *const u8, ad_len: usize, blocks: usize);

    /// Takes blocks.
    ///
    /// # Safety
    ///
    /// There are 16 bytes at `data` for each block.
    unsafe fn blocks(&mut self, data: *const u8, blocks: usize);

    /// Takes the last block and gives the tag.
    unsafe fn finish(&mut self, last: &[u8; 16]) -> u128;
}

/// What one processor level brings.
pub(crate) trait Generator {
    /// How many blocks one pass makes.
    const LANES: usize;

    /// Its authenticator.
    type Mac: Authenticator;

    /// Makes a block of key stream in each of the first `used` lanes, and authenticates `blocks`
    /// blocks of 16 bytes meanwhile: these may lie in `stream`.
    ///
    /// # Safety
    ///
    /// The processor has the features of the level. `key` has 32 bytes, `stream` room for
    /// `64 * LANES` at an address divisible by 64, `data` 16 for each block; `used <= LANES`.
    unsafe fn pass(
        key: *const u8,
        lanes: &Lanes,
        used: usize,
        stream: *mut u8,
        mac: &mut Self::Mac,
        data: *const u8,
        blocks: usize,
    );

    /// Mixes `blocks` blocks of 64 bytes with the key stream, and puts the ciphertext in its place.
    ///
    /// # Safety
    ///
    /// The processor has the features of the level. Each pointer has 64 bytes for each block;
    /// `src` and `dst` are the same or do not overlap, `stream` overlaps neither and its address
    /// is divisible by 64.
    unsafe fn mix<const SEAL: bool>(src: *const u8, stream: *mut u8, dst: *mut u8, blocks: usize);
}

/// Memory for a pass.
#[repr(C, align(64))]
struct Memory<const STREAM: usize> {
    /// Key stream, and then ciphertext.
    stream: [u8; STREAM],
    /// A block that does not lie in one span, before and after.
    cut: [u8; 64],
    mixed: [u8; 64],
}

/// Zeroes memory in a way that is not optimised out.
///
/// # Safety
///
/// There are `len` bytes at `start`.
#[inline(always)]
pub(crate) unsafe fn wipe(start: *mut u8, len: usize) {
    // SAFETY: the caller's.
    unsafe { ptr::write_bytes(start, 0, len) };
    // SAFETY: no instruction at all; it makes the zeros above something that is looked at.
    unsafe { core::arch::asm!("/* {0} */", in(reg) start, options(nostack, preserves_flags)) };
}

/// Notes whether a message is authentic, and zeroes what came of it if not. This is the only branch
/// that depends on a secret, and stands alone so that it can be told from others.
///
/// # Safety
///
/// The task is the caller's, with its spans.
#[inline(never)]
pub(crate) unsafe fn judge(task: *mut Task, good: bool) {
    // SAFETY: the caller's.
    unsafe {
        (*task).good = u64::from(good);
        if !good {
            Cursor::new((*task).dst, (*task).dst_count).wipe();
        }
    }
}

/// Which block goes into the next lane.
struct Filler {
    task: *const Task,
    tasks: usize,
    block: usize,
    blocks: usize,
}

impl Filler {
    /// Gives lanes their blocks; returns how many.
    ///
    /// # Safety
    ///
    /// There are `tasks` tasks at `task`; `limit <= MAX_LANES`.
    #[inline(always)]
    unsafe fn fill(&mut self, lanes: &mut Lanes, limit: usize) -> usize {
        let mut used = 0;
        while used < limit {
            if self.block == self.blocks {
                if self.tasks == 0 {
                    break;
                }
                // SAFETY: there is another task.
                let len = unsafe { (*self.task).len };
                self.block = 0;
                self.blocks = len.div_ceil(64).wrapping_add(1);
            }
            let run = limit
                .wrapping_sub(used)
                .min(self.blocks.wrapping_sub(self.block));
            // SAFETY: the task's blocks are not used up, so it is still there; `used` is below the
            // limit, and beyond that there is room for the most lanes.
            unsafe {
                let counter = (*self.task).counter;
                let first = self.block as u32;
                // A constant number makes for few and wide stores.
                let written = if run > 4 { limit } else { run };
                for i in 0..written {
                    let lane = used.wrapping_add(i);
                    *lanes.counter.get_unchecked_mut(lane) = first.wrapping_add(i as u32);
                    *lanes.low.get_unchecked_mut(lane) = counter as u32;
                    *lanes.high.get_unchecked_mut(lane) = (counter >> 32) as u32;
                }
            }
            used = used.wrapping_add(run);
            self.block = self.block.wrapping_add(run);
            if self.block == self.blocks {
                self.task = self.task.wrapping_add(1);
                self.tasks = self.tasks.wrapping_sub(1);
            }
        }
        used
    }
}

/// The message in work.
struct Message<M> {
    task: *mut Task,
    mac: M,
    from: Cursor,
    to: Cursor,
    /// How much of the plaintext is still to come.
    left: usize,
    /// Where ciphertext waits to be authenticated, filled up to whole blocks, and how much.
    waiting_at: *const u8,
    waiting: usize,
    /// All of it is mixed: the next lane keys another message.
    mixed: bool,
}

/// Seals or opens tasks.
///
/// # Safety
///
/// That of [`abi::Function`](crate::abi::Function); `STREAM` is 64 for each lane of the generator.
#[inline(always)]
pub(crate) unsafe fn run<G: Generator, const SEAL: bool, const STREAM: usize>(
    key: *const u8,
    tasks: *mut Task,
    count: usize,
) {
    let mut memory = MaybeUninit::<Memory<STREAM>>::uninit();
    let memory = memory.as_mut_ptr();
    // SAFETY: places in it, nothing is read.
    let (stream, cut, mixed): (*mut u8, *mut u8, *mut u8) = unsafe {
        (
            (&raw mut (*memory).stream).cast(),
            (&raw mut (*memory).cut).cast(),
            (&raw mut (*memory).mixed).cast(),
        )
    };

    let mut lanes = Lanes {
        counter: [0; ROOM],
        low: [0; ROOM],
        high: [0; ROOM],
    };
    let mut filler = Filler {
        task: tasks,
        tasks: count,
        block: 0,
        blocks: 0,
    };
    let mut message = Message {
        task: ptr::null_mut(),
        // SAFETY: the caller's processor has the level.
        mac: unsafe { G::Mac::empty() },
        from: Cursor::EMPTY,
        to: Cursor::EMPTY,
        left: 0,
        waiting_at: ptr::null(),
        waiting: 0,
        mixed: true,
    };
    let mut next = tasks;

    // SAFETY: the caller's tasks; no generator has more lanes than there are.
    let mut used = unsafe { filler.fill(&mut lanes, G::LANES) };
    let most = used;
    while used > 0 {
        // SAFETY: the level is the caller's business; the memory is as large as it must be.
        unsafe {
            let (data, blocks) = (message.waiting_at, message.waiting / 16);
            G::pass(key, &lanes, used, stream, &mut message.mac, data, blocks);
        }
        message.waiting = 0;
        // Long before a pass reads them in wider words than they are written in.
        // SAFETY: as above.
        let used_next = unsafe { filler.fill(&mut lanes, G::LANES) };

        let mut lane = 0;
        while lane < used {
            // SAFETY: `lane < used`, so a whole block of key stream is there.
            let key_stream = unsafe { stream.add(lane.wrapping_mul(64)) };
            if message.mixed {
                // SAFETY: the filler gave this lane to the next task, which therefore exists.
                unsafe {
                    message.finish::<SEAL>();
                    message.begin(next, key_stream);
                }
                next = next.wrapping_add(1);
                lane = lane.wrapping_add(1);
                continue;
            }
            let free = used.wrapping_sub(lane);
            // SAFETY: at most `free` blocks of key stream are used.
            let done = unsafe {
                let whole = message.whole_blocks(free);
                if whole > 0 {
                    message.mix_whole::<G, SEAL>(key_stream, whole);
                    whole
                } else {
                    message.mix_cut::<G, SEAL>(key_stream, cut, mixed);
                    1
                }
            };
            lane = lane.wrapping_add(done);
            message.mixed = message.left == 0;
        }
        used = used_next;
    }
    // SAFETY: what waits is still there.
    unsafe {
        message.finish::<SEAL>();
        wipe(stream, most.wrapping_mul(64));
        wipe(cut, 128);
    }
}

impl<M: Authenticator> Message<M> {
    /// Takes on the next task, keyed by the first block of its key stream.
    #[inline(always)]
    unsafe fn begin(&mut self, task: *mut Task, key_stream: *const u8) {
        // SAFETY: the caller's task with its spans and associated data.
        unsafe {
            let copy = task.read();
            self.task = task;
            let blocks = copy.len.div_ceil(16).wrapping_add(1);
            self.mac.begin(key_stream, copy.ad, copy.ad_len, blocks);
            self.from = Cursor::new(copy.src, copy.src_count);
            self.to = Cursor::new(copy.dst, copy.dst_count);
            self.left = copy.len;
            self.mixed = copy.len == 0;
        }
    }

    /// How many blocks can be mixed at once: whole ones, in one span on both sides.
    #[inline(always)]
    fn whole_blocks(&mut self, limit: usize) -> usize {
        let (from, to) = (self.from.in_one_span() / 64, self.to.in_one_span() / 64);
        limit.min(self.left / 64).min(from).min(to)
    }

    #[inline(always)]
    unsafe fn mix_whole<G: Generator, const SEAL: bool>(&mut self, stream: *mut u8, blocks: usize) {
        let len = blocks.wrapping_mul(64);
        // SAFETY: both spans have so many blocks, and so does the key stream.
        unsafe {
            let (src, dst) = (self.from.skip(len), self.to.skip(len));
            G::mix::<SEAL>(src, stream, dst, blocks);
        }
        self.mixed_some(stream, len, len);
    }

    /// Mixes one block that is not whole or does not lie in one span.
    #[inline(always)]
    unsafe fn mix_cut<G: Generator, const SEAL: bool>(
        &mut self,
        stream: *mut u8,
        cut: *mut u8,
        mixed: *mut u8,
    ) {
        let len = self.left.min(64);
        if len <= self.from.in_one_span() && len <= self.to.in_one_span() {
            // SAFETY: both spans have so many bytes, and the key stream has 64.
            unsafe {
                let (src, dst) = (self.from.skip(len), self.to.skip(len));
                part::mix::<SEAL>(src, stream, dst, len);
            }
            self.mixed_some(stream, len, len.div_ceil(16).wrapping_mul(16));
            return;
        }
        // SAFETY: all three have 64 bytes.
        unsafe {
            ptr::write_bytes(cut, 0, 64);
            self.from.read(cut, len);
            G::mix::<SEAL>(cut, stream, mixed, 1);
            self.to.write(mixed, len);
            ptr::write_bytes(stream.add(len), 0, 64usize.wrapping_sub(len));
        }
        self.mixed_some(stream, len, len.div_ceil(16).wrapping_mul(16));
    }

    /// Notes that `len` bytes are mixed, and `filled` wait at `stream`, behind those that already
    /// do.
    #[inline(always)]
    fn mixed_some(&mut self, stream: *const u8, len: usize, filled: usize) {
        if self.waiting == 0 {
            self.waiting_at = stream;
        }
        self.waiting = self.waiting.wrapping_add(filled);
        self.left = self.left.wrapping_sub(len);
    }

    /// Authenticates what waits, then writes or checks the tag.
    #[inline(always)]
    unsafe fn finish<const SEAL: bool>(&mut self) {
        if self.task.is_null() {
            return;
        }
        // SAFETY: the waiting bytes are there; the tag has its place after the data.
        unsafe {
            self.mac.blocks(self.waiting_at, self.waiting / 16);
            self.waiting = 0;
            let (ad_len, len) = ((*self.task).ad_len as u64, (*self.task).len as u64);
            let lengths = (u128::from(ad_len) | (u128::from(len) << 64)).to_le_bytes();
            let tag = self.mac.finish(&lengths);
            if SEAL {
                self.to.write_tag(tag);
                (*self.task).good = 1;
                return;
            }
            let good = (tag ^ self.from.read_tag()) == 0;
            judge(self.task, good);
        }
    }
}
