// SPDX-License-Identifier: GPL-2.0
//! The order of a peer's packets, and how many may be under way (reference 1.1, 2.3; design,
//! section 4 "Order").

#![allow(clippy::expect_used)]

use std::cell::Cell;
use std::sync::Mutex;
use wg_protocol::lane::{Done, Here, Lane, Place, Places, Refused, State, Turn, REST};
use wg_protocol::message::MAX_QUEUED;
use wg_protocol::{Instant, Lock};

thread_local! {
    /// Memory that the test has taken away.
    static NO_MEMORY: Cell<bool> = const { Cell::new(false) };
}

#[derive(Default)]
struct Memory(Vec<Option<Done<u32>>>);

impl AsMut<[Option<Done<u32>>]> for Memory {
    fn as_mut(&mut self) -> &mut [Option<Done<u32>>] {
        &mut self.0
    }
}

impl Places<u32> for Memory {
    fn empty(len: usize) -> Option<Self> {
        if NO_MEMORY.get() {
            return None;
        }
        Some(Memory((0..len).map(|_| None).collect()))
    }
}

struct Locked(Mutex<State<u32, Memory>>);

impl Lock<State<u32, Memory>> for Locked {
    fn with<R>(&self, f: impl FnOnce(&mut State<u32, Memory>) -> R) -> R {
        f(&mut self.0.try_lock().expect("no lock is taken twice"))
    }
}

/// A lane with its limit; everything happens on CPU 0 and at one moment.
struct TestLane {
    lane: Lane<u32, Memory, Locked>,
    limit: u32,
}

impl TestLane {
    fn admit(&self, weight: u32) -> Result<Place, Refused> {
        self.lane.admit(weight, self.limit, HERE)
    }
}

const HERE: Here = Here {
    cpu: 0,
    now: Instant(0),
};

/// CPU `cpu`, `nanos` after the beginning.
fn at(cpu: u32, nanos: u64) -> Here {
    let now = Instant(nanos);
    Here { cpu, now }
}

fn lane(limit: u32) -> TestLane {
    let lane = Lane::new(Locked(Mutex::new(State::new())));
    TestLane { lane, limit }
}

fn admit(lane: &TestLane, weight: u32) -> Place {
    lane.admit(weight).expect("there is room")
}

/// Completes, and gives the run that is to be delivered here.
fn complete(lane: &TestLane, place: Place, bundle: u32) -> Option<Vec<u32>> {
    let (turn, run) = complete_at(lane, place, bundle, HERE);
    match turn {
        Turn::None => {
            assert_eq!(run, []);
            None
        }
        turn => {
            assert_eq!(turn, Turn::Here);
            Some(run)
        }
    }
}

fn complete_at(lane: &TestLane, place: Place, bundle: u32, here: Here) -> (Turn, Vec<u32>) {
    let mut run = Vec::new();
    let turn = lane
        .lane
        .complete(place, bundle, here, |bundle| run.push(bundle));
    (turn, run)
}

fn next(lane: &TestLane) -> Option<Vec<u32>> {
    next_at(lane, HERE)
}

fn next_at(lane: &TestLane, here: Here) -> Option<Vec<u32>> {
    let mut run = Vec::new();
    lane.lane
        .next_run(here, |bundle| run.push(bundle))
        .then_some(run)
}

fn admit_at(lane: &TestLane, here: Here) -> Place {
    lane.lane.admit(1, lane.limit, here).expect("there is room")
}

/// The CPU that delivers stays the same while packets may be in flight below it, whichever CPU is
/// done first; another one that completes the first bundle hands the run over.
#[test]
fn home_stays_while_packets_may_be_in_flight() {
    let lane = lane(100);
    let first = admit_at(&lane, at(3, 0));
    assert_eq!(first.home(), 3);
    let second = admit_at(&lane, at(1, 0));
    assert_eq!(second.home(), 3);
    assert_eq!(
        complete_at(&lane, second, 2, at(1, 10)),
        (Turn::None, vec![])
    );
    assert_eq!(
        complete_at(&lane, first, 1, at(2, 20)),
        (Turn::On(3), vec![1, 2])
    );
    assert_eq!(next_at(&lane, at(3, 30)), None);
    // Not long enough after the last delivery: the home is the same.
    let third = admit_at(&lane, at(1, 29 + REST));
    assert_eq!(third.home(), 3);
    assert_eq!(
        complete_at(&lane, third, 3, at(1, 29 + REST)),
        (Turn::On(3), vec![3])
    );
    assert_eq!(next_at(&lane, at(3, 40 + REST)), None);
}

/// After a rest the CPU that admits a bundle becomes the home.
#[test]
fn home_follows_the_caller_after_a_rest() {
    let lane = lane(100);
    let first = admit_at(&lane, at(3, 0));
    assert_eq!(complete_at(&lane, first, 1, at(3, 5)).0, Turn::Here);
    assert_eq!(next_at(&lane, at(3, 10)), None);
    let second = admit_at(&lane, at(1, 10 + REST));
    assert_eq!(second.home(), 1);
    // Completed elsewhere a moment later: the new home has not rested.
    assert_eq!(
        complete_at(&lane, second, 2, at(2, 11 + REST)).0,
        Turn::On(1)
    );
}

/// A home that did not deliver for long loses its role to the CPU that completes the first bundle.
#[test]
fn home_that_never_ran_is_replaced() {
    let lane = lane(100);
    let first = admit_at(&lane, at(3, 0));
    let (turn, run) = complete_at(&lane, first, 1, at(2, REST));
    assert_eq!((turn, run), (Turn::Here, vec![1]));
    assert_eq!(next_at(&lane, at(2, REST)), None);
    assert_eq!(admit_at(&lane, at(5, REST + 1)).home(), 2);
}

/// A run that waits for its home may be moved after a rest, not before; the CPU that delivers it is
/// the home then.
#[test]
fn waiting_run_moves_after_a_rest() {
    let lane = lane(100);
    let [first, second] = [at(3, 50), at(1, 50)].map(|here| admit_at(&lane, here));
    assert_eq!(complete_at(&lane, first, 1, at(1, 60)).0, Turn::On(3));
    assert!(!lane.lane.may_move(Instant(49 + REST)));
    assert!(lane.lane.may_move(Instant(50 + REST)));
    // Moved to CPU 1, which delivers it; then the lane has not rested.
    assert_eq!(next_at(&lane, at(1, 55 + REST)), None);
    assert!(!lane.lane.may_move(Instant(56 + REST)));
    assert_eq!(
        complete_at(&lane, second, 2, at(2, 57 + REST)).0,
        Turn::On(1)
    );
}

/// A bundle is light only while few packets of its peer are in flight.
#[test]
fn light_bundles_are_those_of_peers_with_few_packets() {
    let lane = lane(100);
    assert!(admit(&lane, 1).is_light());
    assert!(admit(&lane, 3).is_light());
    assert!(!admit(&lane, 1).is_light());
}

/// Reference 2.3 "Encrypt order": what was queued first leaves first.
#[test]
fn delivered_in_the_order_of_admission() {
    let lane = lane(100);
    let [a, b, c] = [1, 1, 1].map(|weight| admit(&lane, weight));
    assert!(a < b && b < c);
    assert_eq!(complete(&lane, c, 3), None);
    assert_eq!(complete(&lane, b, 2), None);
    assert_eq!(complete(&lane, a, 1), Some(vec![1, 2, 3]));
    assert_eq!(next(&lane), None);
}

/// Reference 2.3 "Encrypt order" ("one tx worker per peer"): while one delivers, others only leave
/// their bundles; who delivers finds them.
#[test]
fn one_delivers_at_a_time() {
    let lane = lane(100);
    let [a, b, c] = [1, 1, 1].map(|weight| admit(&lane, weight));
    assert_eq!(complete(&lane, a, 1), Some(vec![1]));
    assert_eq!(complete(&lane, b, 2), None);
    assert_eq!(next(&lane), Some(vec![2]));
    assert_eq!(next(&lane), None);
    // It has stopped: the next to complete is the one.
    assert_eq!(complete(&lane, c, 3), Some(vec![3]));
    assert_eq!(next(&lane), None);
}

/// Reference 1.1 "MAX_QUEUED_PACKETS" and 2.3 "Ring/prev_queue full": the limit is 1024, and a full
/// lane is a refusal that leaves everything as it was.
#[test]
fn a_full_lane_refuses() {
    assert_eq!(MAX_QUEUED, 1024);
    let lane = lane(MAX_QUEUED as u32);
    let places: Vec<_> = (0..MAX_QUEUED).map(|_| admit(&lane, 1)).collect();
    assert_eq!(lane.admit(1), Err(Refused::Full));
    for (n, place) in places.iter().enumerate().skip(1) {
        assert_eq!(complete(&lane, *place, n as u32), None);
    }
    let all: Vec<_> = (0..MAX_QUEUED as u32).collect();
    assert_eq!(complete(&lane, places[0], 0), Some(all));
    // What is being delivered still counts.
    assert_eq!(lane.admit(1), Err(Refused::Full));
    assert_eq!(next(&lane), None);
    assert_eq!(
        (0..2 * MAX_QUEUED)
            .filter(|_| lane.admit(1).is_ok())
            .count(),
        MAX_QUEUED
    );
}

/// Reference 1.1 "MAX_QUEUED_PACKETS": packets count, not bundles.
#[test]
fn the_limit_is_in_packets() {
    let lane = lane(1024);
    let places: Vec<_> = (0..16).map(|_| admit(&lane, 64)).collect();
    assert_eq!(lane.admit(1), Err(Refused::Full));
    assert_eq!(complete(&lane, places[0], 0), Some(vec![0]));
    assert_eq!(next(&lane), None);
    assert!(lane.admit(64).is_ok());
    assert_eq!(lane.admit(1), Err(Refused::Full));
}

/// Reference 2.3 "Staged" ("new GSO list may exceed"): one large bundle may go over the limit, and
/// none is so large that it is never admitted. An empty one has a weight, too.
#[test]
fn heavy_and_light_bundles() {
    let lane = lane(8);
    let light = admit(&lane, 7);
    let heavy = admit(&lane, u32::MAX);
    assert_eq!(lane.admit(0), Err(Refused::Full));
    assert_eq!(complete(&lane, light, 0), Some(vec![0]));
    assert_eq!(complete(&lane, heavy, 1), None);
    assert_eq!(next(&lane), Some(vec![1]));
    assert_eq!(next(&lane), None);
    for _ in 0..8 {
        admit(&lane, 0);
    }
    assert_eq!(lane.admit(0), Err(Refused::Full));
}

/// Reference 2.3 "Ring/prev_queue full": no memory is a refusal as well, and nothing is lost by it.
#[test]
fn without_memory_it_refuses() {
    let lane = lane(100);
    let places: Vec<_> = (0..4).map(|_| admit(&lane, 1)).collect();
    NO_MEMORY.set(true);
    assert_eq!(lane.admit(1), Err(Refused::NoMemory));
    NO_MEMORY.set(false);
    let last = admit(&lane, 1);
    assert_eq!(complete(&lane, last, 4), None);
    for n in (1..4).rev() {
        assert_eq!(complete(&lane, places[n], n as u32), None);
    }
    assert_eq!(complete(&lane, places[0], 0), Some(vec![0, 1, 2, 3, 4]));
    assert_eq!(next(&lane), None);
    // 5 were under way: all of that is free again, and not more.
    assert_eq!((0..200).filter(|_| lane.admit(1).is_ok()).count(), 100);
}

/// Reference 2.3 "Encrypt order": any mix of admissions, completions in any order and deliveries.
#[test]
fn any_order_of_completion() {
    let lane = lane(300);
    let mut seed = 1u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    let (mut waiting, mut admitted, mut delivered) = (Vec::new(), 0, 0);
    let mut delivering = false;
    while delivered < 20_000 {
        let run = match random(3) {
            0 => {
                if let Ok(place) = lane.admit(random(20) as u32) {
                    waiting.push((place, admitted));
                    admitted += 1;
                }
                None
            }
            1 if !waiting.is_empty() => {
                let (place, bundle) = waiting.swap_remove(random(waiting.len()));
                let run = complete(&lane, place, bundle);
                assert!(!(delivering && run.is_some()), "two deliver");
                run
            }
            _ if delivering => {
                let run = next(&lane);
                delivering = run.is_some();
                run
            }
            _ => None,
        };
        for bundle in run.iter().flatten() {
            assert_eq!(*bundle, delivered);
            delivered += 1;
            delivering = true;
        }
    }
}
