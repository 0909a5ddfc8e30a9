// SPDX-License-Identifier: GPL-2.0

//! Who works on the queues of the CPUs: the worker's loop, the NAPI poll, and the timer that sees to
//! it that no CPU which does not run holds anything up.
//!
//! The worker seals and opens bundles and sends runs; the poll makes bundles of what was gathered,
//! opens them if they are few, and hands runs to the stack. Both serve peers in turn.
#![forbid(unsafe_code)]

use crate::{
    bundle::{Bundle, Task},
    cpu_queue::{CpuQueue, WATCH},
    device::Device,
    kapi::{
        cpu, crypt,
        napi::{Napi, Poll, Polling},
        queue::Queue,
        timer::Timer,
    },
    lane::Run,
    receive, transmit,
};
use core::sync::atomic::Ordering;
use kernel::{prelude::*, sync::Arc};

/// Packets that are opened in the poll itself; more are dealt to the CPUs.
const FEW: usize = 16;
/// Packets that are dealt to one CPU in one go.
const PORTION: usize = 64;
/// Packets of one peer that are handed to the stack before the next peer has its turn.
const TURN: usize = 16;

/// The work item of a queue.
pub(crate) fn run(this: Arc<CpuQueue>) {
    let Some(dev) = this.dev() else {
        return;
    };
    let here = cpu::current();
    if here != this.number {
        // The CPU went offline, and this is a worker bound to none.
        if let Some(local) = dev.queues.get(here) {
            pass_on_waiting(&dev, &this, local, true);
            pass_on_arrived(&dev, &this, local, true);
        }
        return;
    }
    loop {
        this.worker_beats();
        let sent = match this.pop_run() {
            Some(run) => {
                transmit::send_turn(&this, &dev, run);
                true
            }
            None => false,
        };
        let mut batch = this.take_batch(&dev);
        if batch.is_empty() && !sent {
            batch = steal(&this, &dev);
        }
        let worked = !batch.is_empty();
        if worked {
            crypt::run(&mut batch, &dev.net);
            while let Some(bundle) = batch.pop() {
                complete(&dev, this.number, bundle);
            }
        }
        if !sent && !worked && this.end_work() {
            return;
        }
        cpu::cond_resched();
    }
}

/// Bundles that wait for another CPU, for a worker that has none of its own.
fn steal(this: &CpuQueue, dev: &Device) -> Queue<Bundle> {
    for number in dev.busy_cpus(this.number) {
        if let Some(other) = dev.queues.get(number) {
            let batch = other.take_batch(dev);
            if !batch.is_empty() {
                return batch;
            }
        }
    }
    Queue::new()
}

/// Puts a sealed or opened bundle back in its lane, for the queue of `cpu`. If that makes a run
/// ready, hands it to the CPU that delivers.
pub(crate) fn complete(dev: &Arc<Device>, cpu: usize, bundle: KBox<Bundle>) {
    let run = match bundle.task {
        Task::Seal { .. } => transmit::complete(bundle),
        Task::Open { .. } => receive::complete(cpu, bundle),
    };
    if let Some(run) = run {
        hand_over(dev, run);
    }
}

/// Hands a run to the CPU that delivers it.
pub(crate) fn hand_over(dev: &Arc<Device>, run: Run) {
    let Some(queue) = dev.queues.get(run.cpu) else {
        return;
    };
    let seal = matches!(run.first.task, Task::Seal { .. });
    let mut runs = Queue::new();
    runs.push(run.first);
    if seal {
        CpuQueue::push_runs(queue, dev, runs);
    } else {
        CpuQueue::deliver(queue, dev, runs);
    }
}

impl Poll for CpuQueue {
    fn napi(&self) -> &Napi<Self> {
        &self.napi
    }

    fn poll(this: &Arc<Self>, budget: usize, polling: &Polling) -> usize {
        let Some(dev) = this.dev() else {
            return 0;
        };
        let mut done = 0;
        loop {
            this.poll_beats();
            open_gathered(this, &dev);
            while done < budget {
                let Some((run, others)) = this.pop_arrived() else {
                    break;
                };
                let left = budget - done;
                let turn = if others { TURN.min(left) } else { left };
                let (count, rest) = receive::deliver_turn(this, run, turn, polling);
                done += count;
                if let Some(rest) = rest {
                    let mut runs = Queue::new();
                    runs.push(rest);
                    CpuQueue::deliver(this, &dev, runs);
                }
            }
            if done >= budget {
                return budget;
            }
            if this.end_poll() {
                return done;
            }
        }
    }
}

/// Makes bundles of the gathered packets, and opens them if they are few. Else they are dealt to the
/// CPUs, this one first.
fn open_gathered(this: &Arc<CpuQueue>, dev: &Arc<Device>) {
    let gathered = this.take_gathered();
    if gathered.is_empty() {
        return;
    }
    let few = gathered.len() <= FEW;
    let (mut batch, mut packets, mut first) = (Queue::new(), 0, true);
    let mut deal_batch = |batch: &mut Queue<Bundle>| {
        let to = if first { None } else { dev.next_queue() };
        first = false;
        let bundles = core::mem::replace(batch, Queue::new());
        if !bundles.is_empty() {
            CpuQueue::push(to.unwrap_or(this), dev, bundles);
        }
    };
    receive::bundle_up(dev, this.number, gathered, |mut bundle| {
        packets += bundle.packets.chain.len();
        if !few {
            bundle.charge();
        }
        batch.push(bundle);
        if !few && packets >= PORTION {
            packets = 0;
            deal_batch(&mut batch);
        }
    });
    if !few {
        return deal_batch(&mut batch);
    }
    crypt::run(&mut batch, &dev.net);
    while let Some(bundle) = batch.pop() {
        complete(dev, this.number, bundle);
    }
}

/// The timer of a device: takes over what waits for a CPU that does not run. In softirq.
pub(crate) fn watch(dev: Arc<Device>) {
    // First, so that what is put in after the look below arms the timer again.
    dev.watch_due.store(0, Ordering::Relaxed);
    let mut any = false;
    for queue in dev.queues.iter() {
        let look = queue.look();
        any |= look.waits;
        if !look.worker_stuck && !look.poll_stuck {
            continue;
        }
        let local = dev.local_queue().filter(|local| !local.is_stuck());
        let Some(to) = local.or_else(|| dev.next_queue()) else {
            continue;
        };
        if Arc::ptr_eq(to, queue) {
            // Its worker runs; only the poll does not, and can from here.
            queue.napi.schedule();
            continue;
        }
        if look.worker_stuck {
            pass_on_waiting(&dev, queue, to, false);
        }
        if look.poll_stuck {
            pass_on_arrived(&dev, queue, to, false);
        }
    }
    if any {
        Device::arm_watch(&dev);
    }
}

/// Divides runs into those that another CPU may deliver, and those whose CPU delivered packets of
/// the same peer not long ago, which may still be in flight below. That of a CPU that went offline
/// no CPU can wait for.
fn divide(mut runs: Queue<Bundle>, offline: bool) -> (Queue<Bundle>, Queue<Bundle>) {
    let (mut moved, mut left) = (Queue::new(), Queue::new());
    while let Some(run) = runs.pop() {
        if offline || run.lane().may_move() {
            moved.push(run);
        } else {
            left.push(run);
        }
    }
    (moved, left)
}

/// Moves what waits for the worker of one queue to another queue.
fn pass_on_waiting(dev: &Arc<Device>, from: &Arc<CpuQueue>, to: &Arc<CpuQueue>, offline: bool) {
    let (bundles, runs) = from.take_waiting(dev);
    if !bundles.is_empty() {
        CpuQueue::push(to, dev, bundles);
    }
    let (moved, left) = divide(runs, offline);
    if !moved.is_empty() {
        CpuQueue::push_runs(to, dev, moved);
    }
    if !left.is_empty() {
        CpuQueue::push_runs(from, dev, left);
    }
}

/// Moves what waits for the poll of one queue to another queue.
fn pass_on_arrived(dev: &Arc<Device>, from: &Arc<CpuQueue>, to: &Arc<CpuQueue>, offline: bool) {
    let (gathered, runs) = from.take_arrived();
    if !gathered.is_empty() {
        CpuQueue::adopt_gathered(to, dev, gathered);
    }
    let (moved, left) = divide(runs, offline);
    if !moved.is_empty() {
        CpuQueue::deliver(to, dev, moved);
    }
    if !left.is_empty() {
        CpuQueue::deliver(from, dev, left);
    }
}

impl Device {
    /// Has the timer look for progress, if it is not going to anyway.
    pub(crate) fn arm_watch(this: &Arc<Self>) {
        let now = crate::kapi::time::timers().0;
        let due = this.watch_due.load(Ordering::Relaxed);
        // One that is a little late is about to run; moving it again and again would keep it from that.
        if due != 0 && now < due.saturating_add(2 * WATCH) {
            return;
        }
        this.watch_due
            .store(now.saturating_add(WATCH), Ordering::Relaxed);
        Timer::arm(this, WATCH);
    }
}
