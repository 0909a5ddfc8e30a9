// SPDX-License-Identifier: GPL-2.0

//! What waits for one CPU and one device: bundles to seal or open, runs to send, packets that this
//! CPU gathered from the sockets, and runs to hand to the stack. Who works on it: `worker.rs`.
//!
//! # Why nothing is stranded
//!
//! *On the side of the worker:* `awake` is set and cleared under the lock. It is set, and the work
//! item queued, when something is put in while it is clear; it is cleared only by the worker that
//! finds everything empty. So whenever something waits, the work item is queued or running.
//!
//! *On the side of NAPI:* the same with `polled`, which is cleared only by a poll that finds
//! everything empty. A caller on another CPU cannot schedule the instance there; it wakes the worker,
//! which does.
//!
//! *The CPU itself may not run:* a real-time thread keeps it, or a virtual CPU has no time. While
//! anything is `awake` or `polled`, a timer of the device looks every [`WATCH`] nanoseconds whether
//! each such queue made progress, and if one did not, takes over what waits there (`worker::watch`).
//! The timer runs on a CPU that put something in; a caller that finds it overdue arms it anew where
//! it runs itself. An idle worker besides takes bundles from queues that have more than they can do.
//! A CPU that went offline has its work items run by workers bound to no CPU, and its NAPI by
//! another CPU; the former pass everything on to the queue of a CPU that is online.
#![forbid(unsafe_code)]

use crate::{
    bundle::Bundle,
    counters::Fate,
    device::Device,
    kapi::{
        cpu,
        lock::{Class, SpinLock},
        napi::Napi,
        queue::Queue,
        skb::{Chain, Skb},
        work::Work,
    },
};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use kernel::{alloc::flags::GFP_KERNEL, prelude::*, sync::Arc};

/// Received packets that may wait for the poll; more are dropped and counted.
const MAX_GATHERED: usize = 1024;
/// Packets that are sealed or opened in one go; a larger bundle is one by itself.
const BATCH: usize = 64;
/// How often the timer looks for progress, in nanoseconds.
pub(crate) const WATCH: u64 = 10_000_000;

/// For the worker.
struct Waiting {
    /// Bundles of peers that have little in flight: they are worked on first.
    light: Queue<Bundle>,
    /// Bundles to seal or open.
    bundles: Queue<Bundle>,
    /// Runs to send, each by its first bundle; peers have their turns in order.
    runs: Queue<Bundle>,
    /// Another CPU has left something for the poll, which is to be scheduled here.
    poll: bool,
    awake: bool,
}

impl Waiting {
    fn has_work(&self) -> bool {
        !self.light.is_empty() || !self.bundles.is_empty()
    }
}

/// For NAPI.
struct Arrived {
    /// Packets from the sockets.
    gathered: Chain,
    /// Runs to hand to the stack, each by its first bundle; the light ones come first.
    light: Queue<Bundle>,
    runs: Queue<Bundle>,
    polled: bool,
}

/// Whether something is being done, for the timer that looks from time to time.
struct Progress {
    beat: AtomicU32,
    seen: AtomicU32,
}

impl Progress {
    const fn new() -> Self {
        Progress {
            beat: AtomicU32::new(0),
            seen: AtomicU32::new(0),
        }
    }

    fn beat(&self) {
        self.beat.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether nothing was done since the last call.
    fn stands_still(&self) -> bool {
        let beat = self.beat.load(Ordering::Relaxed);
        self.seen.swap(beat, Ordering::Relaxed) == beat
    }
}

/// Which sides of a queue have something waiting.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) waits: bool,
    /// The worker did nothing since the last look, although something waits for it.
    pub(crate) worker_stuck: bool,
    /// The same of the poll.
    pub(crate) poll_stuck: bool,
}

/// The queue of one CPU and device.
pub(crate) struct CpuQueue {
    /// The number of the CPU.
    pub(crate) number: usize,
    waiting: SpinLock<Waiting>,
    arrived: SpinLock<Arrived>,
    worker: Progress,
    poll: Progress,
    /// The worker was found not to run: nothing is dealt to it.
    stuck: AtomicBool,
    /// Set while the device lives.
    dev: SpinLock<Option<Arc<Device>>>,
    pub(crate) napi: Napi<CpuQueue>,
    pub(crate) work: Work<CpuQueue>,
}

impl CpuQueue {
    /// A queue of no device yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(number: usize) -> Result<Arc<Self>> {
        let waiting = Waiting {
            light: Queue::new(),
            bundles: Queue::new(),
            runs: Queue::new(),
            poll: false,
            awake: false,
        };
        let arrived = Arrived {
            gathered: Chain::new(),
            light: Queue::new(),
            runs: Queue::new(),
            polled: false,
        };
        let queue = Arc::new(
            CpuQueue {
                number,
                waiting: SpinLock::new(waiting, Class::CpuQueue),
                arrived: SpinLock::new(arrived, Class::Arrived),
                worker: Progress::new(),
                poll: Progress::new(),
                stuck: AtomicBool::new(false),
                dev: SpinLock::new(None, Class::CpuQueue),
                napi: Napi::new(),
                work: Work::new(),
            },
            GFP_KERNEL,
        )?;
        Work::init(&queue);
        Ok(queue)
    }

    /// Joins the device.
    pub(crate) fn attach(&self, dev: &Arc<Device>) {
        *self.dev.lock() = Some(dev.clone());
    }

    /// Leaves it, with nothing in the queue.
    pub(crate) fn detach(&self) {
        let dev = self.dev.lock().take();
        if let Some(dev) = dev {
            drop(self.take_waiting(&dev));
        }
        drop(self.take_arrived());
    }

    /// The device, while it lives.
    pub(crate) fn dev(&self) -> Option<Arc<Device>> {
        self.dev.lock().clone()
    }

    fn wake(this: &Arc<Self>, dev: &Arc<Device>) {
        dev.crypt.queue_on(this.number, this.clone());
        Device::arm_watch(dev);
    }

    // The side of the worker.

    /// Adds bundles to seal or open. The lanes bound how many there can be.
    pub(crate) fn push(this: &Arc<Self>, dev: &Arc<Device>, mut bundles: Queue<Bundle>) {
        let wake = {
            let mut waiting = this.waiting.lock();
            if !waiting.has_work() {
                dev.set_busy(this.number, true);
            }
            while let Some(bundle) = bundles.pop() {
                if bundle.place.is_light() {
                    waiting.light.push(bundle);
                } else {
                    waiting.bundles.push(bundle);
                }
            }
            !core::mem::replace(&mut waiting.awake, true)
        };
        if wake {
            Self::wake(this, dev);
        }
    }

    /// Adds runs to send.
    pub(crate) fn push_runs(this: &Arc<Self>, dev: &Arc<Device>, mut runs: Queue<Bundle>) {
        let wake = {
            let mut waiting = this.waiting.lock();
            waiting.runs.append(&mut runs);
            !core::mem::replace(&mut waiting.awake, true)
        };
        if wake {
            Self::wake(this, dev);
        }
    }

    /// Takes the next run to send. Schedules the poll first, if another CPU has left something for
    /// it.
    pub(crate) fn pop_run(&self) -> Option<KBox<Bundle>> {
        let (run, poll) = {
            let mut waiting = self.waiting.lock();
            (waiting.runs.pop(), core::mem::take(&mut waiting.poll))
        };
        if poll {
            self.napi.schedule();
        }
        run
    }

    /// Takes bundles to seal or open in one go.
    pub(crate) fn take_batch(&self, dev: &Device) -> Queue<Bundle> {
        let mut batch = Queue::new();
        let mut packets = 0;
        let mut waiting = self.waiting.lock();
        let had_work = waiting.has_work();
        while packets < BATCH {
            let next = match waiting.light.pop() {
                None => waiting.bundles.pop(),
                light => light,
            };
            let Some(bundle) = next else { break };
            packets += bundle.packets.chain.len();
            batch.push(bundle);
        }
        if had_work && !waiting.has_work() {
            dev.set_busy(self.number, false);
        }
        batch
    }

    /// The worker has found nothing to do; true if that is still so, and then it has to end.
    pub(crate) fn end_work(&self) -> bool {
        let mut waiting = self.waiting.lock();
        waiting.awake = waiting.has_work() || !waiting.runs.is_empty() || waiting.poll;
        !waiting.awake
    }

    // The side of NAPI.

    /// Adds a packet from a socket. In softirq, on this CPU.
    pub(crate) fn gather(this: &Arc<Self>, dev: &Device, skb: Skb) {
        let schedule = {
            let mut arrived = this.arrived.lock();
            if arrived.gathered.len() >= MAX_GATHERED {
                drop(arrived);
                dev.counters.end(Fate::RxQueueFull, skb);
                return;
            }
            arrived.gathered.push(skb);
            arrived.polled = true;
            // (If something is waiting for the worker to schedule the poll, this is sooner.)
            arrived.gathered.len() == 1
        };
        // Its poll comes after those in progress on this CPU, and takes all that they gather.
        if schedule {
            this.napi.schedule();
        }
    }

    /// Takes the packets that were gathered.
    pub(crate) fn take_gathered(&self) -> Chain {
        core::mem::take(&mut self.arrived.lock().gathered)
    }

    /// Adds runs to hand to the stack.
    pub(crate) fn deliver(this: &Arc<Self>, dev: &Arc<Device>, mut runs: Queue<Bundle>) {
        let schedule = {
            let mut arrived = this.arrived.lock();
            while let Some(run) = runs.pop() {
                if run.place.is_light() {
                    arrived.light.push(run);
                } else {
                    arrived.runs.push(run);
                }
            }
            !core::mem::replace(&mut arrived.polled, true)
        };
        if schedule {
            Self::wake_poll(this, dev);
        }
    }

    /// Schedules the poll on its own CPU: by way of the worker, if that is another one.
    fn wake_poll(this: &Arc<Self>, dev: &Arc<Device>) {
        if this.number == cpu::current() {
            this.napi.schedule();
        } else {
            let wake = {
                let mut waiting = this.waiting.lock();
                waiting.poll = true;
                !core::mem::replace(&mut waiting.awake, true)
            };
            if wake {
                Self::wake(this, dev);
            }
        }
    }

    /// Takes the next run to hand to the stack, and whether others wait.
    pub(crate) fn pop_arrived(&self) -> Option<(KBox<Bundle>, bool)> {
        let mut arrived = self.arrived.lock();
        let next = match arrived.light.pop() {
            None => arrived.runs.pop(),
            light => light,
        };
        let others = !arrived.light.is_empty() || !arrived.runs.is_empty();
        next.map(|run| (run, others))
    }

    /// The poll has found nothing to do; true if that is still so, and then it has to end.
    pub(crate) fn end_poll(&self) -> bool {
        let mut arrived = self.arrived.lock();
        arrived.polled =
            !arrived.gathered.is_empty() || !arrived.light.is_empty() || !arrived.runs.is_empty();
        !arrived.polled
    }

    // Progress.

    /// The worker is at work, on its CPU.
    pub(crate) fn worker_beats(&self) {
        self.worker.beat();
        if self.stuck.load(Ordering::Relaxed) {
            self.stuck.store(false, Ordering::Relaxed);
        }
    }

    /// The poll is at work.
    pub(crate) fn poll_beats(&self) {
        self.poll.beat();
    }

    /// Whether the worker was found not to run.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    /// Looks for progress since the last look.
    pub(crate) fn look(&self) -> Look {
        let awake = self.waiting.lock().awake;
        let polled = self.arrived.lock().polled;
        let worker_stuck = self.worker.stands_still() && awake;
        if worker_stuck {
            self.stuck.store(true, Ordering::Relaxed);
        }
        Look {
            waits: awake || polled,
            worker_stuck,
            poll_stuck: self.poll.stands_still() && polled,
        }
    }

    /// Takes all bundles to work on, and all runs to send, for another queue. (The work item may
    /// still be queued, and then finds nothing.)
    pub(crate) fn take_waiting(&self, dev: &Device) -> (Queue<Bundle>, Queue<Bundle>) {
        let mut waiting = self.waiting.lock();
        waiting.awake = false;
        waiting.poll = false;
        dev.set_busy(self.number, false);
        let mut bundles = core::mem::replace(&mut waiting.light, Queue::new());
        bundles.append(&mut waiting.bundles);
        let runs = core::mem::replace(&mut waiting.runs, Queue::new());
        (bundles, runs)
    }

    /// Takes all that was gathered, and all runs for the stack, for another queue. (The poll may
    /// still be scheduled, and then finds nothing.)
    pub(crate) fn take_arrived(&self) -> (Chain, Queue<Bundle>) {
        let mut arrived = self.arrived.lock();
        arrived.polled = false;
        let mut runs = core::mem::replace(&mut arrived.light, Queue::new());
        runs.append(&mut arrived.runs);
        (core::mem::take(&mut arrived.gathered), runs)
    }

    /// Adds packets that another CPU's queue had gathered.
    pub(crate) fn adopt_gathered(this: &Arc<Self>, dev: &Arc<Device>, packets: Chain) {
        let schedule = {
            let mut arrived = this.arrived.lock();
            arrived.gathered.append(packets);
            !core::mem::replace(&mut arrived.polled, true)
        };
        if schedule {
            Self::wake_poll(this, dev);
        }
    }
}
