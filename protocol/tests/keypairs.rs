// SPDX-License-Identifier: GPL-2.0
//! The three sessions of a peer and the life of each (reference 1.1, 1.2, 1.4; paper, section 6).

#![allow(clippy::expect_used)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wg_protocol::keypairs::{Keypairs, Life, Slot};
use wg_protocol::lifetime::{REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME, REKEY_AFTER_MESSAGES};
use wg_protocol::{Instant, Lock, SECOND};

const BIRTH: Instant = Instant(1_000 * SECOND);

fn age(nanos: u64) -> Instant {
    BIRTH.plus(nanos)
}

struct Keypair {
    name: &'static str,
    life: Life,
}

/// The one reference of a slot.
struct Owned(Rc<Keypair>);

impl AsRef<Life> for Owned {
    fn as_ref(&self) -> &Life {
        &self.0.life
    }
}

#[derive(Default)]
struct Place(RefCell<Option<Owned>>);

impl Slot for Place {
    type Owned = Owned;
    type Shared = Rc<Keypair>;

    fn swap(&self, new: Option<Owned>) -> Option<Owned> {
        self.0.replace(new)
    }

    fn get(&self) -> Option<Rc<Keypair>> {
        Some(Rc::clone(&self.0.borrow().as_ref()?.0))
    }

    fn look<R>(&self, f: impl FnOnce(&Life) -> R) -> Option<R> {
        self.0.borrow().as_ref().map(|owned| f(owned.as_ref()))
    }

    fn holds(&self, keypair: &Rc<Keypair>) -> bool {
        let place = self.0.borrow();
        place
            .as_ref()
            .is_some_and(|owned| Rc::ptr_eq(&owned.0, keypair))
    }
}

#[derive(Default)]
struct Held(Cell<bool>);

impl Lock<()> for &Held {
    fn with<R>(&self, f: impl FnOnce(&mut ()) -> R) -> R {
        assert!(!self.0.replace(true), "no lock is taken twice");
        let result = f(&mut ());
        self.0.set(false);
        result
    }
}

/// A peer, and the names of the keypairs that left it.
struct Peer<'a> {
    keypairs: Keypairs<Place, &'a Held>,
    lock: &'a Held,
    gone: RefCell<Vec<&'static str>>,
}

impl<'a> Peer<'a> {
    fn new(lock: &'a Held) -> Self {
        Peer {
            keypairs: Keypairs::new(Default::default(), lock),
            lock,
            gone: RefCell::default(),
        }
    }

    fn retire(&self, owned: Owned) {
        assert!(self.lock.0.get(), "retired under the lock");
        let now = age(0);
        assert_eq!(owned.0.life.take_counters(1, now), None, "it has gone");
        self.gone.borrow_mut().push(owned.0.name);
    }

    fn begin(&self, name: &'static str, initiator: bool) -> Rc<Keypair> {
        let life = Life::new(initiator, BIRTH);
        let keypair = Rc::new(Keypair { name, life });
        let owned = Owned(Rc::clone(&keypair));
        let epoch = self.keypairs.epoch();
        let begun = self
            .keypairs
            .begin(epoch, owned, || self.lock.0.get(), |old| self.retire(old));
        assert!(begun);
        keypair
    }

    fn initiated(&self, name: &'static str) -> Rc<Keypair> {
        self.begin(name, true)
    }

    fn responded(&self, name: &'static str) -> Rc<Keypair> {
        self.begin(name, false)
    }

    fn received(&self, keypair: &Rc<Keypair>) -> bool {
        self.keypairs.received_with(keypair, |old| self.retire(old))
    }

    fn current(&self) -> Option<&'static str> {
        self.keypairs.current().map(|keypair| keypair.name)
    }

    /// The keypairs that have left since the last question.
    fn gone(&self) -> Vec<&'static str> {
        self.gone.take()
    }

    /// Ends it: the keypairs that were still there, current, previous, next.
    fn rest(&self) -> Vec<&'static str> {
        self.keypairs.clear(|old| self.retire(old));
        self.gone()
    }
}

/// Reference 1.2 "Keypair slots", initiator: current steps back, what was previous goes.
#[test]
fn initiator_rotates() {
    let lock = Held::default();
    let peer = Peer::new(&lock);
    assert_eq!(peer.current(), None);
    peer.initiated("a");
    assert_eq!(peer.current(), Some("a"));
    peer.initiated("b");
    assert_eq!((peer.current(), peer.gone()), (Some("b"), vec![]));
    peer.initiated("c");
    assert_eq!((peer.current(), peer.gone()), (Some("c"), vec!["a"]));
    assert_eq!(peer.rest(), ["c", "b"]);
}

/// Reference 1.2 "Keypair slots", initiator with a next: that becomes the previous one, and the one
/// in use goes.
#[test]
fn initiator_overtakes_an_offer() {
    let lock = Held::default();
    let peer = Peer::new(&lock);
    peer.initiated("old");
    peer.initiated("used");
    let offered = peer.responded("offered");
    assert_eq!(peer.gone(), ["old"]);
    peer.initiated("own");
    assert_eq!((peer.current(), peer.gone()), (Some("own"), vec!["used"]));
    // It is no longer waiting to be confirmed.
    assert!(!peer.received(&offered));
    assert_eq!(peer.rest(), ["own", "offered"]);
}

/// Reference 1.2 "Keypair slots", responder: the new one waits in next, previous goes, and so does
/// an older offer.
#[test]
fn responder_waits() {
    let lock = Held::default();
    let peer = Peer::new(&lock);
    peer.responded("first");
    assert_eq!(
        peer.current(),
        None,
        "not to be sent with before it is confirmed"
    );
    let second = peer.responded("second");
    assert_eq!(peer.gone(), ["first"]);
    assert!(peer.received(&second));
    assert_eq!(peer.current(), Some("second"));
    peer.responded("third");
    assert_eq!((peer.current(), peer.gone()), (Some("second"), vec![]));
    assert_eq!(peer.rest(), ["second", "third"]);
}

/// Reference 1.2 "Keypair slots": the first packet on next promotes it, current steps back and
/// previous goes; it happens once, and for no other keypair.
#[test]
fn first_packet_confirms() {
    let lock = Held::default();
    let peer = Peer::new(&lock);
    let a = peer.initiated("a");
    let b = peer.responded("b");
    assert!(!peer.received(&a));
    assert!(peer.received(&b));
    assert!(!peer.received(&b));
    assert_eq!((peer.current(), peer.gone()), (Some("b"), vec![]));
    let c = peer.responded("c");
    assert_eq!(peer.gone(), ["a"]);
    assert!(peer.received(&c));
    assert!(!peer.received(&a) && !peer.received(&b));
    assert_eq!(peer.rest(), ["c", "b"]);
}

/// Reference 1.2 "Expire": current and next send no more, and stay to receive.
#[test]
fn expire() {
    let lock = Held::default();
    let peer = Peer::new(&lock);
    let [old, used] = ["old", "used"].map(|name| peer.initiated(name));
    let offered = peer.responded("offered");
    assert_eq!(peer.gone(), ["old"]);
    peer.keypairs.expire();
    for keypair in [&old, &used, &offered] {
        assert_eq!(keypair.life.take_counters(1, BIRTH), None);
        assert!(keypair.life.may_receive(0, BIRTH));
    }
    assert!(peer.received(&offered), "it can still be confirmed");
    assert_eq!(offered.life.take_counters(1, BIRTH), None);
    assert_eq!(peer.rest(), ["offered", "used"]);
}

/// Reference 2.2 "stop", "suspend" and 1.3 "zero_key_material": all three go, and only the caller's
/// own references are left.
#[test]
fn clear() {
    let lock = Held::default();
    let peer = Peer::new(&lock);
    let keypairs = [peer.initiated("a"), peer.initiated("b")];
    assert_eq!(peer.rest(), ["b", "a"]);
    assert_eq!(peer.current(), None);
    for keypair in keypairs {
        assert_eq!(Rc::strong_count(&keypair), 1);
    }
    assert!(peer.rest().is_empty());
}

/// Reference 1.2 "Begin session": what was agreed on before all sessions ended does not begin; nor
/// does what has no index.
#[test]
fn no_session_after_the_end() {
    let lock = Held::default();
    let peer = Peer::new(&lock);
    let make = |name| {
        let life = Life::new(true, BIRTH);
        Owned(Rc::new(Keypair { name, life }))
    };
    for end in [(|peer| drop(peer.rest())) as fn(&Peer<'_>), |peer| {
        peer.keypairs.expire()
    }] {
        let epoch = peer.keypairs.epoch();
        end(&peer);
        let begun = peer.keypairs.begin(
            epoch,
            make("late"),
            || unreachable!("it must not be found either"),
            |_| unreachable!(),
        );
        assert!(!begun);
    }
    let epoch = peer.keypairs.epoch();
    let begun = peer
        .keypairs
        .begin(epoch, make("unknown"), || false, |_| unreachable!());
    assert!(!begun);
    assert_eq!(peer.current(), None);
}

/// Reference 1.4 "Nonce": consecutive, from 0, each once.
#[test]
fn counters() {
    let life = Life::new(true, BIRTH);
    assert_eq!(life.take_counters(1, BIRTH), Some(0));
    assert_eq!(life.take_counters(64, BIRTH), Some(1));
    assert_eq!(life.take_counters(1, BIRTH), Some(65));
}

/// Reference 1.4 "TX refusal": at 180 s or at the last counter it is over, and stays so.
#[test]
fn refusal_is_for_good() {
    let old = Life::new(true, BIRTH);
    assert_eq!(old.take_counters(1, age(REJECT_AFTER_TIME - 1)), Some(0));
    assert_eq!(old.take_counters(1, age(REJECT_AFTER_TIME)), None);
    assert_eq!(old.take_counters(1, BIRTH), None);

    let used = Life::new(true, BIRTH);
    let all = REJECT_AFTER_MESSAGES as usize;
    assert_eq!(used.take_counters(all - 1, BIRTH), Some(0));
    assert_eq!(
        used.take_counters(1, BIRTH),
        Some(REJECT_AFTER_MESSAGES - 1)
    );
    assert_eq!(used.take_counters(1, BIRTH), None);

    // A run that would pass the last counter is refused as a whole, whatever its first would be.
    let almost = Life::new(true, BIRTH);
    assert_eq!(almost.take_counters(all - 10, BIRTH), Some(0));
    assert_eq!(almost.take_counters(11, BIRTH), None);
    let exact = Life::new(true, BIRTH);
    assert_eq!(exact.take_counters(all - 10, BIRTH), Some(0));
    assert_eq!(
        exact.take_counters(10, BIRTH),
        Some(REJECT_AFTER_MESSAGES - 10)
    );

    // However many ask for however much, no counter comes a second time.
    let greedy = Life::new(true, BIRTH);
    assert_eq!(greedy.take_counters(all, BIRTH), Some(0));
    for _ in 0..3 {
        assert_eq!(greedy.take_counters(usize::MAX, BIRTH), None);
        assert_eq!(greedy.take_counters(1, BIRTH), None);
    }
}

/// Reference 1.4 "RX refusal".
#[test]
fn receiving() {
    let life = Life::new(false, BIRTH);
    assert!(life.may_receive(0, age(REJECT_AFTER_TIME - 1)));
    assert!(!life.may_receive(0, age(REJECT_AFTER_TIME)));
    assert!(!life.may_receive(REJECT_AFTER_MESSAGES, BIRTH));
    life.expire();
    assert!(life.may_receive(0, BIRTH), "only sending is over");
}

/// Reference 1.4 "TX rekey": asked of the current session; the initiator's age, anybody's count.
#[test]
fn rekey_after_sending() {
    let lock = Held::default();
    let peer = Peer::new(&lock);
    let wants = |now| {
        peer.keypairs
            .look(|life| life.wants_rekey_after_sending(now))
    };
    assert_eq!(wants(BIRTH), None);
    let own = peer.initiated("own");
    assert_eq!(wants(age(120 * SECOND - 1)), Some(false));
    assert_eq!(wants(age(120 * SECOND)), Some(true));
    own.life.expire();
    assert_eq!(wants(age(120 * SECOND)), Some(false));

    let theirs = peer.responded("theirs");
    assert!(peer.received(&theirs));
    assert_eq!(wants(age(179 * SECOND)), Some(false));
    let most = theirs
        .life
        .take_counters(REKEY_AFTER_MESSAGES as usize, BIRTH);
    assert_eq!((most, wants(BIRTH)), (Some(0), Some(false)));
    assert_eq!(
        theirs.life.take_counters(1, BIRTH),
        Some(REKEY_AFTER_MESSAGES)
    );
    assert_eq!(wants(BIRTH), Some(true));
}

/// Reference 1.4 "RX rekey": the initiator's, from 165 s on.
#[test]
fn rekey_after_receiving() {
    let initiator = Life::new(true, BIRTH);
    assert!(!initiator.wants_rekey_after_receiving(age(165 * SECOND - 1)));
    assert!(initiator.wants_rekey_after_receiving(age(165 * SECOND)));
    initiator.expire();
    assert!(!initiator.wants_rekey_after_receiving(age(165 * SECOND)));
    let responder = Life::new(false, BIRTH);
    assert!(!responder.wants_rekey_after_receiving(age(179 * SECOND)));
}
