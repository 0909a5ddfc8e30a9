// SPDX-License-Identifier: GPL-2.0
//! The order of completion, in every order that the memory model allows (design, section 4
//! "Order").
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p wg-protocol --release --test loom_lane`. Threads
//! are CPUs that finish bundles and deliver those that fall to them. What has to hold: bundles come
//! out in the order of their places, one CPU delivers at a time, and in the end nothing is left
//! behind. The last tests make mistakes, to show that the model
//! sees them.

#![cfg(loom)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{mpsc, Arc, Mutex};
use loom::thread;
use wg_protocol::lane::{Done, Here, Lane, Place, Places, Refused, State, Turn};
use wg_protocol::{Instant, Lock};

#[derive(Default)]
struct Memory(Vec<Option<Done<Bundle>>>);

impl AsMut<[Option<Done<Bundle>>]> for Memory {
    fn as_mut(&mut self) -> &mut [Option<Done<Bundle>>] {
        &mut self.0
    }
}

impl Places<Bundle> for Memory {
    fn empty(len: usize) -> Option<Self> {
        Some(Memory((0..len).map(|_| None).collect()))
    }
}

/// The models up to `homes` are of one CPU's lane: which of the threads delivers is free.
const HERE: Here = Here {
    cpu: 0,
    now: Instant(0),
};

struct Locked(Mutex<State<Bundle, Memory>>);

impl Lock<State<Bundle, Memory>> for Locked {
    fn with<R>(&self, f: impl FnOnce(&mut State<Bundle, Memory>) -> R) -> R {
        f(&mut self.0.lock().unwrap())
    }
}

/// A bundle knows where it stands.
struct Bundle(Place);

/// A lane, and where its bundles go.
struct Peer {
    lane: Lane<Bundle, Memory, Locked>,
    limit: u32,
    /// Held by whoever delivers.
    out: Mutex<Delivered>,
    wire: AtomicU32,
}

#[derive(Default)]
struct Delivered {
    count: u32,
    last: Option<Place>,
}

impl Peer {
    fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self {
            lane: Lane::new(Locked(Mutex::new(State::new()))),
            limit,
            out: Mutex::new(Delivered::default()),
            wire: AtomicU32::new(0),
        })
    }

    fn admit(&self, weight: u32) -> Result<Place, Refused> {
        self.lane.admit(weight, self.limit, HERE)
    }

    /// Puts a bundle back; true if the caller delivers.
    fn complete(&self, place: Place, run: &mut Vec<Bundle>) -> bool {
        let turn = self
            .lane
            .complete(place, Bundle(place), HERE, |b| run.push(b));
        turn == Turn::Here
    }

    fn next_run(&self, run: &mut Vec<Bundle>) -> bool {
        self.lane.next_run(HERE, |b| run.push(b))
    }

    fn deliver(&self, run: &mut Vec<Bundle>) {
        // Nobody ever waits here: it is the lane that lets in one at a time.
        let mut out = self.out.try_lock().expect("two deliver at once");
        for Bundle(place) in run.drain(..) {
            assert!(out.last < Some(place), "out of order");
            out.last = Some(place);
            out.count += 1;
            // It takes its time: others may run in between.
            self.wire.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A CPU finishes a bundle, and delivers what falls to it.
    fn finish(&self, place: Place) {
        let mut run = Vec::new();
        let mut more = self.complete(place, &mut run);
        while more {
            self.deliver(&mut run);
            more = self.next_run(&mut run);
        }
    }

    /// All CPUs have gone.
    fn check(&self, bundles: u32, limit: u32) {
        let delivered = self.out.try_lock().unwrap().count;
        assert_eq!(delivered, bundles, "a bundle is stranded");
        for _ in 0..limit {
            assert!(self.admit(1).is_ok(), "its weight is stranded");
        }
        assert_eq!(self.admit(1), Err(Refused::Full));
    }
}

fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Three bundles were queued in one order and are finished in any.
#[test]
fn finished_by_three_cpus() {
    explore(6, || {
        let peer = Peer::new(3);
        let places = [1, 1, 1].map(|weight| peer.admit(weight).unwrap());
        let others: Vec<_> = places[1..]
            .iter()
            .map(|place| {
                let (peer, place) = (Arc::clone(&peer), *place);
                thread::spawn(move || peer.finish(place))
            })
            .collect();
        peer.finish(places[0]);
        for other in others {
            other.join().unwrap();
        }
        peer.check(3, 3);
    });
}

/// Two CPUs queue and finish two bundles each; places are given while others deliver.
#[test]
fn queued_while_others_deliver() {
    fn two(peer: &Peer) {
        for _ in 0..2 {
            let place = peer.admit(1).unwrap();
            peer.finish(place);
        }
    }
    explore(6, || {
        let peer = Peer::new(4);
        let other = {
            let peer = Arc::clone(&peer);
            thread::spawn(move || two(&peer))
        };
        two(&peer);
        other.join().unwrap();
        peer.check(4, 4);
    });
}

/// Who finds its bundle alone does it at once, and leaves what others finished meanwhile to a worker
/// that it wakes.
#[test]
fn the_rest_is_left_to_a_worker() {
    fn at_once(peer: &Peer, worker: &mpsc::Sender<Vec<Bundle>>) {
        let place = peer.admit(1).unwrap();
        if !place.is_alone() {
            return peer.finish(place);
        }
        let mut run = Vec::new();
        if peer.complete(place, &mut run) {
            peer.deliver(&mut run);
            let mut rest = Vec::new();
            if peer.next_run(&mut rest) {
                worker.send(rest).unwrap();
            }
        }
    }
    explore(6, || {
        let peer = Peer::new(2);
        let (worker, work) = mpsc::channel();
        let other = {
            let (peer, worker) = (Arc::clone(&peer), worker.clone());
            thread::spawn(move || at_once(&peer, &worker))
        };
        at_once(&peer, &worker);
        other.join().unwrap();
        while let Ok(mut run) = work.try_recv() {
            peer.deliver(&mut run);
            while peer.next_run(&mut run) {
                peer.deliver(&mut run);
            }
        }
        peer.check(2, 2);
    });
}

/// A full lane refuses, is never stuck by it, and has all its room back in the end.
#[test]
fn full_and_free_again() {
    explore(6, || {
        let peer = Peer::new(1);
        let others: Vec<_> = (0..2)
            .map(|_| {
                let peer = Arc::clone(&peer);
                thread::spawn(move || match peer.admit(2) {
                    Ok(place) => {
                        peer.finish(place);
                        1
                    }
                    Err(refused) => {
                        assert_eq!(refused, Refused::Full);
                        0
                    }
                })
            })
            .collect();
        let admitted: u32 = others.into_iter().map(|other| other.join().unwrap()).sum();
        assert!(admitted >= 1, "refused with nothing under way");
        peer.check(admitted, 1);
    });
}

/// Received bundles are delivered elsewhere (by NAPI), one by one; the last of a run looks for the
/// next. A bundle that is stranded is a receiver that waits for ever, which loom reports.
#[test]
fn delivered_by_another() {
    explore(6, || {
        const BUNDLES: u32 = 3;
        let peer = Peer::new(BUNDLES);
        let (ready, poll) = mpsc::channel();
        let hand_over = |run: Vec<Bundle>, ready: &mpsc::Sender<(Bundle, bool)>| {
            let last = run.len() - 1;
            for (n, bundle) in run.into_iter().enumerate() {
                ready.send((bundle, n == last)).unwrap();
            }
        };
        let places = [1, 1, 1].map(|weight| peer.admit(weight).unwrap());
        let workers: Vec<_> = [&places[..2], &places[2..]]
            .into_iter()
            .map(|places| {
                let (peer, places, ready) = (Arc::clone(&peer), places.to_vec(), ready.clone());
                thread::spawn(move || {
                    for place in places.into_iter().rev() {
                        let mut run = Vec::new();
                        if peer.complete(place, &mut run) {
                            hand_over(run, &ready);
                        }
                    }
                })
            })
            .collect();
        for _ in 0..BUNDLES {
            let (bundle, ends_run) = poll.recv().unwrap();
            peer.deliver(&mut vec![bundle]);
            let mut run = Vec::new();
            if ends_run && peer.next_run(&mut run) {
                hand_over(run, &ready);
            }
        }
        for worker in workers {
            worker.join().unwrap();
        }
        peer.check(BUNDLES, BUNDLES);
    });
}

/// CPUs with a backlog of their own each, which they empty in their own time, as below a veth
/// device: what two CPUs hand over in order may arrive in the other order.
struct Machine {
    lane: Lane<Bundle, Memory, Locked>,
    backlogs: [Mutex<Vec<Place>>; 2],
    /// Runs for CPU 0, the home.
    handed: Mutex<Vec<Vec<Bundle>>>,
    arrived: Mutex<Option<Place>>,
}

impl Machine {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lane: Lane::new(Locked(Mutex::new(State::new()))),
            backlogs: [Mutex::new(Vec::new()), Mutex::new(Vec::new())],
            handed: Mutex::new(Vec::new()),
            arrived: Mutex::new(None),
        })
    }

    fn send(&self, cpu: usize, run: &mut Vec<Bundle>) {
        let mut backlog = self.backlogs[cpu].lock().unwrap();
        backlog.extend(run.drain(..).map(|Bundle(place)| place));
    }

    fn empty(&self, cpu: usize) {
        let mut arrived = self.arrived.lock().unwrap();
        for place in self.backlogs[cpu].lock().unwrap().drain(..) {
            assert!(*arrived < Some(place), "arrived out of order");
            *arrived = Some(place);
        }
    }

    /// A CPU completes a bundle, delivers what falls to it, and hands over what does not.
    fn finish(&self, cpu: u32, place: Place) {
        let now = Instant(0);
        let (mut run, here) = (Vec::new(), Here { cpu, now });
        match self
            .lane
            .complete(place, Bundle(place), here, |b| run.push(b))
        {
            Turn::None => {}
            Turn::Here => self.deliver(here, run),
            Turn::On(home) => {
                assert_eq!(home, 0, "the home has changed without a rest");
                self.handed.lock().unwrap().push(run);
            }
        }
    }

    fn deliver(&self, here: Here, mut run: Vec<Bundle>) {
        loop {
            self.send(here.cpu as usize, &mut run);
            if !self.lane.next_run(here, |b| run.push(b)) {
                return;
            }
        }
    }

    /// The worker of CPU 0.
    fn work(&self) {
        let here = Here {
            cpu: 0,
            now: Instant(0),
        };
        loop {
            let Some(run) = self.handed.lock().unwrap().pop() else {
                return;
            };
            self.deliver(here, run);
        }
    }
}

fn homes(finish: fn(&Machine, u32, Place)) {
    explore(6, move || {
        let machine = Machine::new();
        let here = |cpu| Here {
            cpu,
            now: Instant(0),
        };
        // CPU 0 admits the first, and so is the home.
        let [first, second] = [0, 1].map(|cpu| machine.lane.admit(1, 4, here(cpu)).unwrap());
        let other = {
            let machine = Arc::clone(&machine);
            thread::spawn(move || {
                finish(&machine, 1, second);
                machine.empty(1);
            })
        };
        finish(&machine, 0, first);
        machine.work();
        machine.empty(0);
        other.join().unwrap();
        machine.work();
        machine.empty(0);
        machine.empty(1);
        let arrived = *machine.arrived.lock().unwrap();
        assert_eq!(arrived, Some(second), "a bundle is stranded");
    });
}

/// Packets arrive in order below, where each CPU has a backlog of its own, because one CPU sends.
#[test]
fn one_cpu_sends() {
    homes(Machine::finish);
}

/// With a lane whose every CPU sends what it finds done, counters leave in order and arrive out of
/// order.
#[test]
#[should_panic(expected = "arrived out of order")]
fn wrong_to_send_from_any_cpu() {
    homes(|machine, cpu, place| {
        let mut run = Vec::new();
        let here = Here {
            cpu,
            now: Instant(0),
        };
        let turn = machine
            .lane
            .complete_anywhere(place, Bundle(place), |b| run.push(b));
        if turn == Turn::Here {
            machine.deliver(here, run);
        }
    });
}

/// Two bundles, finished by two CPUs in one of several wrong ways.
fn explore_wrong(finish: fn(&Peer, Place)) {
    explore(6, move || {
        let peer = Peer::new(2);
        let [first, second] = [1, 1].map(|weight| peer.admit(weight).unwrap());
        let other = {
            let peer = Arc::clone(&peer);
            thread::spawn(move || finish(&peer, second))
        };
        finish(&peer, first);
        other.join().unwrap();
        peer.check(2, 2);
    });
}

/// The same with no mistake, so that those below fail for theirs alone.
#[test]
fn right() {
    explore_wrong(Peer::finish);
}

/// A gap between finding nothing and saying so: what arrives in it is nobody's.
#[test]
#[should_panic(expected = "a bundle is stranded")]
fn wrong_to_leave_a_gap() {
    explore_wrong(|peer, place| {
        let mut run = Vec::new();
        let mut more = peer.complete(place, &mut run);
        while more {
            peer.deliver(&mut run);
            more = peer.lane.next_run_with_a_gap(|b| run.push(b));
        }
    });
}

/// Who delivers does not look for more.
#[test]
#[should_panic(expected = "stranded")]
fn wrong_not_to_look_again() {
    explore_wrong(|peer, place| {
        let mut run = Vec::new();
        if peer.complete(place, &mut run) {
            peer.deliver(&mut run);
        }
    });
}

/// Who was not told to deliver does so all the same.
#[test]
#[should_panic(expected = "two deliver at once")]
fn wrong_to_deliver_unasked() {
    explore_wrong(|peer, place| {
        let mut run = Vec::new();
        let _ = peer.complete(place, &mut run);
        loop {
            peer.deliver(&mut run);
            if !peer.next_run(&mut run) {
                break;
            }
        }
    });
}
