// SPDX-License-Identifier: GPL-2.0
//! Rotation of a peer's keypairs beside those who use them, in every order that the memory model
//! allows (reference 1.2 "Keypair slots", "Expire"; 1.4 "Nonce").
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p wg-protocol --release --test loom_keypairs`. The
//! slots are those of a kernel in small: a pointer that is published, counted references, and a
//! grace period that lets go of a keypair which has left its slot. Keys are words that are set
//! before they are published and zeroed with the last reference; they are not synchronised by
//! themselves, so whoever reads too early or too late finds a zero. The tests that begin with
//! `wrong` make mistakes, to show that the model sees them.

#![cfg(loom)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex, RwLock};
use loom::thread;
use wg_protocol::keypairs::{Epoch, Keypairs, Life, Slot};
use wg_protocol::{Instant, Lock};

/// A moment at which all keys are young.
const NOW: Instant = Instant(1);
const SECRET: u64 = 0x5ec2e7;

/// What is left to chance, or done wrong.
#[derive(Clone, Copy)]
struct Rules {
    publish: Ordering,
    look: Ordering,
    grace: bool,
}

const RIGHT: Rules = Rules {
    publish: Ordering::AcqRel,
    look: Ordering::Acquire,
    grace: true,
};

struct Key {
    life: Life,
    secret: AtomicU64,
    references: AtomicUsize,
}

/// All keypairs that a model makes, and its read sections.
struct World {
    rules: Rules,
    keys: Vec<Key>,
    sections: RwLock<()>,
}

impl World {
    /// `initiator` for each keypair there will be.
    fn new<const N: usize>(rules: Rules, initiator: [bool; N]) -> Arc<Self> {
        Arc::new(Self {
            rules,
            keys: initiator
                .map(|initiator| Key {
                    life: Life::new(initiator, NOW),
                    secret: AtomicU64::new(0),
                    references: AtomicUsize::new(0),
                })
                .into_iter()
                .collect(),
            sections: RwLock::new(()),
        })
    }

    fn release(&self, number: usize) {
        let key = &self.keys[number];
        let before = key.references.fetch_sub(1, Ordering::AcqRel);
        assert_ne!(before, 0, "released twice");
        if before == 1 {
            key.secret.store(0, Ordering::Relaxed);
        }
    }
}

/// The keys of a handshake, with the reference that a slot will have.
fn make(world: &Arc<World>, number: usize) -> Owned {
    world.keys[number].secret.store(SECRET, Ordering::Relaxed);
    world.keys[number].references.store(1, Ordering::Relaxed);
    Owned(Reference(Arc::clone(world), number))
}

struct Reference(Arc<World>, usize);

impl Reference {
    fn key(&self) -> &Key {
        &self.0.keys[self.1]
    }
}

/// Let go of by [`Owned::retire`].
struct Owned(Reference);

impl Owned {
    /// Waits for all who may just be taking a reference, then drops that of the slot.
    fn retire(self) {
        let Owned(Reference(world, number)) = self;
        if world.rules.grace {
            drop(world.sections.write().unwrap());
        }
        world.release(number);
    }
}

impl AsRef<Life> for Owned {
    fn as_ref(&self) -> &Life {
        &self.0.key().life
    }
}

struct Shared(Reference);

impl Shared {
    fn number(&self) -> usize {
        self.0 .1
    }

    /// As a bundle does: counters, then the keys.
    fn seal(&self) -> Option<u64> {
        let counter = self.0.key().life.take_counters(1, NOW);
        thread::yield_now();
        let secret = self.0.key().secret.load(Ordering::Relaxed);
        assert_eq!(secret, SECRET, "keys that are not there");
        counter
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.0 .0.release(self.number());
    }
}

/// Zero, or one more than the number of a keypair.
struct Place(Arc<World>, AtomicUsize);

impl Slot for Place {
    type Owned = Owned;
    type Shared = Shared;

    fn swap(&self, new: Option<Owned>) -> Option<Owned> {
        let new = new.map_or(0, |new| new.0 .1 + 1);
        let old = self.1.swap(new, self.0.rules.publish);
        Some(Owned(Reference(Arc::clone(&self.0), old.checked_sub(1)?)))
    }

    fn get(&self) -> Option<Shared> {
        let _section = self.0.sections.read().unwrap();
        let number = self.1.load(self.0.rules.look).checked_sub(1)?;
        let before = self.0.keys[number]
            .references
            .fetch_add(1, Ordering::Relaxed);
        assert_ne!(before, 0, "a freed keypair");
        Some(Shared(Reference(Arc::clone(&self.0), number)))
    }

    fn look<R>(&self, f: impl FnOnce(&Life) -> R) -> Option<R> {
        let _section = self.0.sections.read().unwrap();
        let number = self.1.load(self.0.rules.look).checked_sub(1)?;
        Some(f(&self.0.keys[number].life))
    }

    fn holds(&self, keypair: &Shared) -> bool {
        self.1.load(self.0.rules.look) == keypair.number() + 1
    }
}

struct Locked(Mutex<()>);

impl Lock<()> for Locked {
    fn with<R>(&self, f: impl FnOnce(&mut ()) -> R) -> R {
        f(&mut self.0.lock().unwrap())
    }
}

struct Peer {
    world: Arc<World>,
    keypairs: Keypairs<Place, Locked>,
}

impl Peer {
    fn new(world: Arc<World>) -> Arc<Self> {
        let slots = [(); 3].map(|()| Place(Arc::clone(&world), AtomicUsize::new(0)));
        Arc::new(Self {
            keypairs: Keypairs::new(slots, Locked(Mutex::new(()))),
            world,
        })
    }

    /// What leaves the slots is let go of outside of the lock.
    fn retiring<R>(&self, change: impl FnOnce(&mut Vec<Owned>) -> R) -> R {
        let mut retired = Vec::new();
        let result = change(&mut retired);
        retired.into_iter().for_each(Owned::retire);
        result
    }

    fn begin_of(&self, epoch: Epoch, number: usize) -> bool {
        let keypair = make(&self.world, number);
        let begun = self.retiring(|retired| {
            let retire = |old| retired.push(old);
            self.keypairs.begin(epoch, keypair, || true, retire)
        });
        if !begun {
            // Nobody has seen it: its one reference goes at once.
            self.world.release(number);
        }
        begun
    }

    fn begin(&self, number: usize) {
        assert!(self.begin_of(self.keypairs.epoch(), number));
    }

    fn received_with(&self, keypair: &Shared) -> bool {
        self.retiring(|retired| {
            self.keypairs
                .received_with(keypair, |old| retired.push(old))
        })
    }

    fn clear(&self) {
        self.retiring(|retired| self.keypairs.clear(|old| retired.push(old)));
    }

    /// A reference on a keypair that has begun, as the table of indices has it.
    fn by_index(&self, number: usize) -> Shared {
        let before = self.world.keys[number]
            .references
            .fetch_add(1, Ordering::Relaxed);
        assert_ne!(before, 0);
        Shared(Reference(Arc::clone(&self.world), number))
    }

    /// All threads have gone: which keypairs are alive, and those that are not are zeroed.
    fn check(&self, current: Option<usize>, alive: &[usize]) {
        assert_eq!(self.keypairs.current().map(|k| k.number()), current);
        for (number, key) in self.world.keys.iter().enumerate() {
            let live = alive.contains(&number);
            let references = key.references.load(Ordering::Relaxed);
            let secret = key.secret.load(Ordering::Relaxed);
            assert_eq!(references, usize::from(live), "references on {number}");
            assert_eq!(secret != 0, live, "the keys of {number}");
        }
    }
}

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn spawn<R: 'static>(
    peer: &Arc<Peer>,
    f: impl FnOnce(&Peer) -> R + 'static,
) -> thread::JoinHandle<R> {
    let peer = Arc::clone(peer);
    thread::spawn(move || f(&peer))
}

/// A sender looks twice while our own handshakes renew the session twice.
fn sender_beside_rotation(rules: Rules) {
    explore(move || {
        let peer = Peer::new(World::new(rules, [true; 3]));
        peer.begin(0);
        let sender = spawn(&peer, |peer| {
            let mut last = 0;
            for _ in 0..2 {
                let keypair = peer.keypairs.current().expect("there is always a session");
                assert!(keypair.number() >= last, "back to an older session");
                last = keypair.number();
                // A session that has just left the slots refuses; the keys are there all the same.
                let _ = keypair.seal();
            }
        });
        peer.begin(1);
        peer.begin(2);
        sender.join().unwrap();
        peer.check(Some(2), &[1, 2]);
    });
}

#[test]
fn a_sender_beside_rotation() {
    sender_beside_rotation(RIGHT);
}

/// Published without release: the sender finds the keypair before its keys.
#[test]
#[should_panic(expected = "keys that are not there")]
fn wrong_to_publish_relaxed() {
    sender_beside_rotation(Rules {
        publish: Ordering::Relaxed,
        ..RIGHT
    });
}

/// Looked at without acquire: the same.
#[test]
#[should_panic(expected = "keys that are not there")]
fn wrong_to_look_relaxed() {
    sender_beside_rotation(Rules {
        look: Ordering::Relaxed,
        ..RIGHT
    });
}

/// Let go of at once: the sender takes a reference on what is gone.
#[test]
#[should_panic(expected = "a freed keypair")]
fn wrong_to_let_go_without_grace() {
    sender_beside_rotation(Rules {
        grace: false,
        ..RIGHT
    });
}

/// Two CPUs open the first packets of a session that waits for them: it is confirmed once.
#[test]
fn confirmed_by_two() {
    explore(|| {
        let peer = Peer::new(World::new(RIGHT, [true, false]));
        peer.begin(0);
        peer.begin(1);
        let keypairs = [peer.by_index(1), peer.by_index(1)];
        let threads = keypairs.map(|k| spawn(&peer, move |peer| peer.received_with(&k)));
        let confirmed = threads.map(|thread| thread.join().unwrap());
        assert!(confirmed[0] != confirmed[1], "confirmed once");
        peer.check(Some(1), &[0, 1]);
    });
}

/// The first packet of a session comes while its peer begins yet another.
#[test]
fn confirmed_beside_a_new_offer() {
    explore(|| {
        let peer = Peer::new(World::new(RIGHT, [true, false, false]));
        peer.begin(0);
        peer.begin(1);
        let keypair = peer.by_index(1);
        let other = spawn(&peer, move |peer| peer.received_with(&keypair));
        peer.begin(2);
        if other.join().unwrap() {
            peer.check(Some(1), &[1, 2]);
        } else {
            peer.check(Some(0), &[0, 2]);
        }
    });
}

/// The first packet of a session comes while our own handshake ends.
#[test]
fn confirmed_beside_our_own_handshake() {
    explore(|| {
        let peer = Peer::new(World::new(RIGHT, [true, false, true]));
        peer.begin(0);
        peer.begin(1);
        let keypair = peer.by_index(1);
        let other = spawn(&peer, move |peer| peer.received_with(&keypair));
        peer.begin(2);
        other.join().unwrap();
        // Either way the offered session steps back and the oldest one goes.
        peer.check(Some(2), &[1, 2]);
    });
}

/// After the keys were cleared, and somebody knows, nothing is sealed with them; and they stay as
/// long as a bundle uses them.
#[test]
fn cleared_beside_a_sender() {
    explore(|| {
        let peer = Peer::new(World::new(RIGHT, [true, false]));
        peer.begin(0);
        peer.begin(1);
        let cleared = Arc::new(AtomicBool::new(false));
        let sender = {
            let cleared = Arc::clone(&cleared);
            spawn(&peer, move |peer| {
                let Some(keypair) = peer.keypairs.current() else {
                    return;
                };
                let over = cleared.load(Ordering::Acquire);
                let sealed = keypair.seal();
                assert!(
                    !over || sealed.is_none(),
                    "sealed with keys that were removed"
                );
            })
        };
        peer.clear();
        cleared.store(true, Ordering::Release);
        assert!(peer.keypairs.current().is_none());
        sender.join().unwrap();
        peer.check(None, &[]);
    });
}

/// A session is confirmed while all are being ended, and while all expire.
fn ended_beside_confirmation(expire: fn(&Peer)) {
    explore(move || {
        let peer = Peer::new(World::new(RIGHT, [true, false]));
        peer.begin(0);
        peer.begin(1);
        let keypair = peer.by_index(1);
        let other = spawn(&peer, move |peer| peer.received_with(&keypair));
        expire(&peer);
        other.join().unwrap();
        if let Some(keypair) = peer.keypairs.current() {
            assert_eq!(keypair.seal(), None, "sealed in a session that has expired");
        }
        peer.clear();
        peer.check(None, &[]);
    });
}

#[test]
fn expired_beside_confirmation() {
    ended_beside_confirmation(|peer| peer.keypairs.expire());
}

#[test]
fn cleared_beside_confirmation() {
    ended_beside_confirmation(Peer::clear);
}

/// What moves from one slot to the other is found in neither.
#[test]
#[should_panic(expected = "sealed in a session that has expired")]
fn wrong_to_expire_without_the_lock() {
    ended_beside_confirmation(|peer| peer.keypairs.expire_without_the_lock());
}

/// A handshake comes to its end while all sessions are ended: the session does not outlive that.
fn ended_beside_handshake(agree: fn(&Peer, &Mutex<Option<usize>>) -> Option<(usize, Epoch)>) {
    explore(move || {
        let peer = Peer::new(World::new(RIGHT, [true]));
        let handshake = Arc::new(Mutex::new(Some(0)));
        let other = {
            let handshake = Arc::clone(&handshake);
            spawn(&peer, move |peer| match agree(peer, &handshake) {
                Some((number, epoch)) => peer.begin_of(epoch, number),
                None => false,
            })
        };
        handshake.lock().unwrap().take();
        peer.clear();
        other.join().unwrap();
        assert!(peer.keypairs.current().is_none(), "a session survived");
        peer.check(None, &[]);
    });
}

#[test]
fn cleared_beside_a_handshake() {
    ended_beside_handshake(|peer, handshake| {
        let mut handshake = handshake.lock().unwrap();
        handshake
            .take()
            .map(|number| (number, peer.keypairs.epoch()))
    });
}

/// The epoch is read when the lock of the handshake is no longer held.
#[test]
#[should_panic(expected = "a session survived")]
fn wrong_to_read_the_epoch_late() {
    ended_beside_handshake(|peer, handshake| {
        let number = handshake.lock().unwrap().take()?;
        Some((number, peer.keypairs.epoch()))
    });
}

/// Senders and one who expires: every counter is given out once, and none after the end.
#[test]
fn counters_are_given_out_once() {
    explore(|| {
        let life = Arc::new(Life::new(true, NOW));
        let over = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let (life, over) = (Arc::clone(&life), Arc::clone(&over));
                thread::spawn(move || {
                    [2, 1].map(|count| {
                        let late = over.load(Ordering::Acquire);
                        let first = life.take_counters(count, NOW);
                        assert!(!late || first.is_none(), "a counter after the end");
                        first.map(|first| first..first + count as u64)
                    })
                })
            })
            .collect();
        life.expire();
        over.store(true, Ordering::Release);
        let mut all: Vec<u64> = senders
            .into_iter()
            .flat_map(|sender| sender.join().unwrap())
            .flatten()
            .flatten()
            .collect();
        all.sort_unstable();
        let gapless: Vec<u64> = (0..all.len() as u64).collect();
        assert_eq!(all, gapless, "a counter twice");
    });
}
