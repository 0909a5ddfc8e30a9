// SPDX-License-Identifier: GPL-2.0

//! What one CPU has to do for one device: packets it gathered from the sockets, bundles to seal or
//! open, and opened bundles to hand to the stack.
//!
//! # Why nothing is stranded
//!
//! The work of a queue is queued whenever a bundle is put in, and its worker ends only after it has
//! seen the queue empty; what is put in after that look queues the work once more. Gathered packets
//! have one owner at a time, which changes under the lock: NAPI, which whoever puts in the first
//! packet schedules; or the worker, which NAPI hands them over to when they are many, and which gives
//! them back only when it sees that there are none. So they are also made bundles of in their order.
//!
//! Work queued on a CPU that has gone offline, before or after, is done by workers that are bound to
//! no CPU: the workqueue sees to that. NAPI is scheduled by whoever runs the worker, on the CPU where it runs
//! then, and a CPU that goes offline hands its scheduled NAPI to another. So neither a queue nor a
//! lane whose run it holds depends on its CPU.
#![forbid(unsafe_code)]

use crate::{
    bundle::{Bundle, Task},
    counters::Fate,
    device::Device,
    kapi::{
        cpu,
        crypt::Scratch,
        lock::{Class, SpinLock},
        napi::{Napi, Poll},
        queue::Queue,
        skb::{Chain, Skb},
        work::Work,
    },
    receive, transmit,
};
use kernel::{alloc::flags::GFP_KERNEL, prelude::*, sync::Arc};

/// Received packets that may wait here; more are dropped and counted.
const MAX_GATHERED: usize = 4096;
/// Of them, as many as are made bundles of at a time.
const PORTION: usize = 256;
/// Bundles that are worked on between two portions.
const ROUND: usize = 16;

/// Packets that are opened in the poll itself. More are for the worker, who shares them out among
/// the CPUs.
const FEW: usize = 16;

struct Waiting {
    gathered: Chain,
    /// What is gathered is the worker's, who has packets that came earlier; else NAPI's.
    for_worker: bool,
    bundles: Queue<Bundle>,
}

/// See the head of this file.
pub(crate) struct CpuQueue {
    number: usize,
    waiting: SpinLock<Waiting>,
    /// Opened bundles, in the order to deliver them.
    pub(crate) ready: SpinLock<Queue<Bundle>>,
    /// Delivered bundles that end the run of their peer's lane, until GRO holds no packet back.
    pub(crate) ended: SpinLock<Queue<Bundle>>,
    /// Made when this CPU has its first work for this device: most never have any.
    scratch: SpinLock<Option<KBox<Scratch>>>,
    /// For what is done at once, in softirq; made with the other.
    small: SpinLock<Option<KBox<Scratch>>>,
    /// Set while the device lives.
    dev: SpinLock<Option<Arc<Device>>>,
    napi: Napi,
    pub(crate) work: Work<CpuQueue>,
}

impl Poll for CpuQueue {
    type Ended = Queue<Bundle>;

    fn napi(&self) -> &Napi {
        &self.napi
    }

    fn poll(this: &Arc<Self>, budget: usize) -> usize {
        receive::poll(this, budget)
    }

    fn ended(&self) -> Queue<Bundle> {
        core::mem::replace(&mut *self.ended.lock(), Queue::new())
    }

    fn go_on(&self, ended: Queue<Bundle>) {
        receive::go_on(self, ended);
    }
}

impl CpuQueue {
    /// A queue of no device yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(number: usize) -> Result<Arc<Self>> {
        let waiting = Waiting {
            gathered: Chain::new(),
            for_worker: false,
            bundles: Queue::new(),
        };
        let queue = Arc::new(
            CpuQueue {
                number,
                waiting: SpinLock::new(waiting, Class::CpuQueue),
                ready: SpinLock::new(Queue::new(), Class::Ready),
                ended: SpinLock::new(Queue::new(), Class::Ready),
                scratch: SpinLock::new(None, Class::CpuQueue),
                small: SpinLock::new(None, Class::CpuQueue),
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
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn attach(this: &Arc<Self>, dev: &Arc<Device>) -> Result {
        *this.dev.lock() = Some(dev.clone());
        Napi::enable(this, &dev.net)
    }

    /// Leaves it, with nothing in the queue.
    pub(crate) fn detach(&self) {
        let dev = self.dev.lock().take();
        drop(dev);
        let waiting = {
            let mut waiting = self.waiting.lock();
            waiting.for_worker = false;
            (
                core::mem::take(&mut waiting.gathered),
                core::mem::replace(&mut waiting.bundles, Queue::new()),
            )
        };
        drop(waiting);
        let ready = core::mem::replace(&mut *self.ready.lock(), Queue::new());
        drop(ready);
        drop(self.ended());
    }

    fn wake(this: &Arc<Self>, dev: &Device) {
        dev.crypt.queue_on(this.number, this.clone());
    }

    /// Adds a packet from a socket. From softirq.
    pub(crate) fn gather(this: &Arc<Self>, dev: &Device, skb: Skb) {
        let idle = {
            let mut waiting = this.waiting.lock();
            if waiting.gathered.len() >= MAX_GATHERED {
                drop(waiting);
                dev.counters.end(Fate::RxQueueFull, skb);
                return;
            }
            waiting.gathered.push(skb);
            waiting.gathered.len() == 1 && !waiting.for_worker
        };
        // Its poll comes after those that are under way on this CPU, and takes all that they gather.
        if idle {
            this.napi.schedule();
        }
    }

    /// NAPI: what was gathered, if it is few. Else the worker is woken to do it.
    pub(crate) fn take_few(this: &Arc<Self>) -> Option<(Arc<Device>, Chain, KBox<Scratch>)> {
        let count = {
            let waiting = this.waiting.lock();
            if waiting.for_worker {
                return None;
            }
            waiting.gathered.len()
        };
        if count == 0 {
            return None;
        }
        // Nobody else takes what is NAPI's; more may come.
        let dev = this.dev.lock().clone()?;
        if count <= FEW {
            if let Some(scratch) = this.take_scratch() {
                let gathered = core::mem::take(&mut this.waiting.lock().gathered);
                return Some((dev, gathered, scratch));
            }
        }
        this.waiting.lock().for_worker = true;
        Self::wake(this, &dev);
        None
    }

    /// Room to do something at once, for a moment and with bottom halves off.
    pub(crate) fn take_scratch(&self) -> Option<KBox<Scratch>> {
        self.small.lock().take()
    }

    /// Gives it back.
    pub(crate) fn give_scratch(&self, scratch: KBox<Scratch>) {
        *self.small.lock() = Some(scratch);
    }

    /// Adds a bundle to work on. The lanes bound how many there can be.
    pub(crate) fn push(this: &Arc<Self>, dev: &Device, bundle: KBox<Bundle>) {
        this.waiting.lock().bundles.push(bundle);
        Self::wake(this, dev);
    }

    /// The same, by the worker of this very queue, which looks again before it ends.
    pub(crate) fn push_own(&self, bundle: KBox<Bundle>) {
        self.waiting.lock().bundles.push(bundle);
    }

    /// Hands opened bundles to NAPI on the CPU that this runs on.
    pub(crate) fn deliver(&self, run: Queue<Bundle>) {
        self.deliver_here(run);
        self.napi.schedule();
    }

    /// The same, from within its poll.
    pub(crate) fn deliver_here(&self, mut run: Queue<Bundle>) {
        self.ready.lock().append(&mut run);
    }

    /// The worker.
    pub(crate) fn run(this: Arc<Self>) {
        let Some(dev) = this.dev.lock().clone() else {
            return;
        };
        // One worker runs at a time, so what was made is there. Without memory the packets are
        // lost, as each would be for want of a buffer, but their bundles go their way.
        let made = this.scratch.lock().take();
        let mut scratch = match made {
            None => {
                let small = Scratch::new(FEW).ok();
                *this.small.lock() = small;
                Scratch::new(Scratch::MAX_JOBS).ok()
            }
            made => made,
        };
        let mut gathered = Chain::new();
        loop {
            {
                let mut waiting = this.waiting.lock();
                if waiting.for_worker {
                    gathered.append(core::mem::take(&mut waiting.gathered));
                }
            }
            // Not all at once: what is under way in a lane is bounded, and a worker that comes late
            // to a long chain would fill the lane before the first bundle is opened.
            let mut mine = true;
            receive::bundle_up(&dev, &mut gathered, PORTION, |bundle| {
                // The first is for this CPU, more are for others.
                let other = if mine { None } else { dev.next_queue() };
                mine = false;
                match other {
                    Some(other) if !Arc::ptr_eq(other, &this) => Self::push(other, &dev, bundle),
                    _ => this.push_own(bundle),
                }
            });
            let mut worked = false;
            for _ in 0..ROUND {
                let Some(bundle) = this.waiting.lock().bundles.pop() else {
                    break;
                };
                worked = true;
                let scratch = scratch.as_deref_mut();
                match bundle.task {
                    Task::Seal { first } => transmit::seal(&this, scratch, bundle, first),
                    Task::Open { .. } => receive::open(&this, scratch, bundle),
                    Task::SendOn => transmit::send_on(&this, bundle),
                }
                cpu::cond_resched();
            }
            if !worked && gathered.is_empty() {
                let mut waiting = this.waiting.lock();
                if !waiting.for_worker || waiting.gathered.is_empty() {
                    waiting.for_worker = false;
                    break;
                }
            }
        }
        *this.scratch.lock() = scratch;
    }
}
