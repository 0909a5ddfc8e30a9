// SPDX-License-Identifier: GPL-2.0
//! The safe side of the vector code: [`Backend`]s for `wg_crypto` that hand lists of jobs to the
//! C functions of `wg-simd`.
//!
//! Compiled like everything else that is not vector code (soft-float in the kernel), and linked
//! with the vector object. A [`Vector`] is proof that its level may be used here and now; the
//! driver's FPU section makes one when it begins and takes it back when it ends.
#![no_std]

#[path = "../../src/abi.rs"]
pub mod abi;
mod level;

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;

use wg_crypto::aead::{Bytes, Job, Key, Verdict};
use wg_crypto::{Backend, Portable, TAG_LEN};

use abi::{Function, Span, Task};
pub use level::Level;

/// Jobs handed over in one call.
const TASKS: usize = 8;
/// Their spans. One job has no more than a socket buffer's 17 fragments and a few of our own on
/// either side; should it have more, the portable back end takes it.
const SPANS: usize = 44;

/// A level of the vector code that may be used as long as this exists.
#[derive(Debug)]
pub struct Vector {
    level: Level,
    /// An FPU section belongs to one processor: neither is sent elsewhere.
    here: PhantomData<*const ()>,
}

impl Vector {
    /// Vouches for a level.
    ///
    /// # Safety
    ///
    /// While the value exists, the processor has what [`Level`] says the level needs, and the
    /// caller may use vector registers (in the kernel: it is inside an FPU section).
    #[must_use]
    pub const unsafe fn new(level: Level) -> Self {
        Self {
            level,
            here: PhantomData,
        }
    }

    /// Collects jobs into tasks and has each full collection done.
    fn work(&self, function: Function, sealing: bool, key: &Key, jobs: &mut [Job<'_>]) {
        let mut rest = jobs;
        while !rest.is_empty() {
            let mut batch = Batch::new();
            let mut taken = 0;
            for job in rest.iter_mut() {
                match batch.push(job, sealing) {
                    Pushed::Full => break,
                    Pushed::TooMany => {
                        let one = core::slice::from_mut(job);
                        if sealing {
                            Portable.seal(key, one);
                        } else {
                            Portable.open(key, one);
                        }
                    }
                    Pushed::Taken | Pushed::BadLength => {}
                }
                taken += 1;
            }
            batch.run(function, key);
            // As many as there are at most, which the compiler does not see.
            let Some((now, later)) = rest.split_at_mut_checked(taken) else {
                return;
            };
            batch.verdicts(now);
            rest = later;
        }
    }
}

impl Backend for Vector {
    fn name(&self) -> &'static str {
        self.level.name()
    }

    fn seal(&self, key: &Key, jobs: &mut [Job<'_>]) {
        self.work(self.level.seal(), true, key, jobs);
    }

    fn open(&self, key: &Key, jobs: &mut [Job<'_>]) {
        self.work(self.level.open(), false, key, jobs);
    }
}

/// What came of an attempt to add a job.
enum Pushed {
    Taken,
    /// Its verdict is set.
    BadLength,
    /// Next time.
    Full,
    /// It has more spans than any batch holds.
    TooMany,
}

/// Jobs in the form that crosses the C interface.
///
/// # Invariants
///
/// The first `count` tasks and the first `used` spans are initialised.
struct Batch {
    tasks: [MaybeUninit<Task>; TASKS],
    count: usize,
    spans: [MaybeUninit<Span>; SPANS],
    used: usize,
}

impl Batch {
    const fn new() -> Self {
        Self {
            tasks: [const { MaybeUninit::uninit() }; TASKS],
            count: 0,
            spans: [const { MaybeUninit::uninit() }; SPANS],
            used: 0,
        }
    }

    /// Adds a job, if its lengths are right and there is room.
    fn push(&mut self, job: &mut Job<'_>, sealing: bool) -> Pushed {
        let (plain, sealed) = match sealing {
            true => (job.src, job.dst),
            false => (job.dst, job.src),
        };
        let Some(len) = body_len(plain, sealed) else {
            job.verdict = Verdict::BadLength;
            return Pushed::BadLength;
        };
        let wanted = job.src.len().saturating_add(job.dst.len());
        if wanted > SPANS {
            return Pushed::TooMany;
        }
        let spans = self.spans.get_mut(self.used..);
        let (Some(task), Some(spans)) = (self.tasks.get_mut(self.count), spans) else {
            return Pushed::Full;
        };
        if spans.len() < wanted {
            return Pushed::Full;
        }
        for (span, bytes) in spans.iter_mut().zip(job.src.iter().chain(job.dst)) {
            // Cells have the layout of what they hold and may be written through a shared reference.
            span.write(Span {
                start: bytes.as_ptr().cast::<u8>().cast_mut(),
                len: bytes.len(),
            });
        }
        job.verdict = Verdict::Pending;
        task.write(Task {
            counter: job.counter,
            len,
            ad: job.ad.as_ptr(),
            ad_len: job.ad.len(),
            // `run` points these at the spans when they no longer change.
            src: ptr::null(),
            src_count: job.src.len(),
            dst: ptr::null(),
            dst_count: job.dst.len(),
            good: 0,
        });
        // INVARIANT: one more task and its spans were just written.
        self.used = self.used.wrapping_add(wanted);
        self.count = self.count.wrapping_add(1);
        Pushed::Taken
    }

    /// Has the tasks done.
    fn run(&mut self, function: Function, key: &Key) {
        let spans: *const Span = self.spans.as_ptr().cast();
        let mut at = 0;
        let tasks = self.tasks();
        for task in tasks.iter_mut() {
            task.src = spans.wrapping_add(at);
            task.dst = task.src.wrapping_add(task.src_count);
            at = at.wrapping_add(task.src_count).wrapping_add(task.dst_count);
        }
        if tasks.is_empty() {
            return;
        }
        // SAFETY: whoever made the `Vector` vouches for the level. The key has 32 bytes. The spans
        // of each task are slices of shared cells that the jobs borrow, with the total lengths
        // that `push` checked; jobs promise that source and destination are the same or apart.
        unsafe { function(key.as_bytes().as_ptr(), tasks.as_mut_ptr(), tasks.len()) }
    }

    /// The tasks so far.
    fn tasks(&mut self) -> &mut [Task] {
        let start = self.tasks.as_mut_ptr().cast::<Task>();
        // SAFETY: by the invariant.
        unsafe { core::slice::from_raw_parts_mut(start, self.count) }
    }

    /// Gives the jobs that became tasks their verdicts.
    fn verdicts(&mut self, jobs: &mut [Job<'_>]) {
        let pending = |job: &&mut Job<'_>| job.verdict == Verdict::Pending;
        for (job, task) in jobs.iter_mut().filter(pending).zip(self.tasks()) {
            job.verdict = if task.good == 1 {
                Verdict::Good
            } else {
                Verdict::Forged
            };
        }
    }
}

/// The length of the plaintext, if the sealed side is longer by a tag and the counter of blocks
/// does not wrap.
fn body_len(plain: &[Bytes<'_>], sealed: &[Bytes<'_>]) -> Option<usize> {
    let total = |list: &[&[Cell<u8>]]| {
        let mut lens = list.iter().map(|bytes| bytes.len());
        lens.try_fold(0usize, usize::checked_add)
    };
    let len = total(plain)?;
    let fits = len.checked_add(TAG_LEN) == total(sealed) && len as u64 <= 0xffff_ffff * 64;
    fits.then_some(len)
}
