// SPDX-License-Identifier: GPL-2.0
//! Timers as decisions (reference 1.2 "Rate of initiations out", 1.3, 1.4; paper section 6).

use wg_protocol::timers::{Expired, Timers};
use wg_protocol::{Instant, Moment, SECOND};

const MAX_JITTER: u32 = u32::MAX;

fn at(seconds: u64) -> Instant {
    Instant(seconds * SECOND)
}

/// The clock of keys says the same as that of timers.
fn both(now: Instant) -> Moment {
    Moment {
        timers: now,
        keys: now,
    }
}

fn started() -> Timers {
    let mut timers = Timers::new();
    timers.start();
    timers
}

/// Only the given things are due.
fn due(fill: impl FnOnce(&mut Expired)) -> Expired {
    let mut expired = Expired::default();
    fill(&mut expired);
    expired
}

/// Reference 1.3: nothing is armed unless the interface is up.
#[test]
fn a_stopped_peer_arms_nothing() {
    let mut timers = Timers::new();
    assert_eq!(timers.data_sent(at(1), 0), None);
    assert_eq!(timers.data_received(at(1)), None);
    assert_eq!(timers.any_authenticated_traversal(at(1), 25), None);
    assert_eq!(timers.handshake_initiated(at(1), 0), None);
    assert_eq!(timers.session_derived(at(1)), None);
    assert_eq!(timers.bundle_sent(at(1), 0, 25, true), None);
    assert_eq!(timers.bundle_received(at(1), 25, true), None);
    assert_eq!(timers.expire(at(9999), 25), Expired::default());
}

#[test]
fn stopping_forgets_everything() {
    let mut timers = started();
    timers.data_sent(at(1), 0);
    timers.data_received(at(1));
    timers.data_received(at(1));
    timers.any_authenticated_traversal(at(1), 25);
    timers.handshake_initiated(at(1), 0);
    timers.session_derived(at(1));
    timers.stop();
    assert_eq!(timers.expire(at(9999), 25), Expired::default());
    timers.start();
    assert_eq!(timers.expire(at(9999), 25), Expired::default());
    assert_eq!(timers.data_received(at(10_000)), Some(at(10_010)));
    let expired = timers.expire(at(10_010), 25);
    assert_eq!(expired, due(|e| e.send_keepalive = true));
}

/// Reference 1.3 "retransmit_handshake": 5 s and jitter, 1 + 19 initiations, then give up: the
/// keepalive is off, staged packets are dropped, keys are wiped 540 s later.
#[test]
fn twenty_initiations_and_no_more() {
    let mut timers = started();
    let mut now = at(1000);
    let mut sent = 0;
    timers.data_received(now);
    assert!(timers.queue_initiation(both(now), false));
    loop {
        assert!(timers.begin_initiation(both(now)));
        sent += 1;
        timers.handshake_initiated(now, MAX_JITTER);
        // The reminder that we owe a keepalive stays pending through all of this.
        timers.data_received(now);
        let deadline = Instant(now.0 + 5 * SECOND + SECOND / 3 - 1);
        let before = timers.expire(Instant(deadline.0 - 1), 0);
        assert!(!before.retry_initiation && !before.give_up);
        now = deadline;
        let expired = timers.expire(now, 0);
        if expired.give_up {
            assert_eq!(
                expired,
                due(|e| {
                    e.give_up = true;
                    e.rearm = Some(now.plus(540 * SECOND));
                })
            );
            break;
        }
        assert!(expired.retry_initiation && expired.clear_source && !expired.initiate);
        assert!(timers.queue_initiation(both(now), true));
    }
    assert_eq!(sent, 20);
    let wiped = timers.expire(now.plus(540 * SECOND), 0);
    assert_eq!(wiped, due(|e| e.zero_keys = true));
}

/// Reference 1.1 "jitter": spread evenly over [0, 1/3 s), the end not reached, on both timers that
/// have it.
#[test]
fn jitter() {
    let longest = SECOND / 3;
    let steps = 1 << 16;
    let mut before = None;
    let mut greatest_step = 0;
    for step in 0..=steps {
        let random = (step * (u64::from(u32::MAX) / steps)) as u32;
        let retry = started()
            .handshake_initiated(at(100), random)
            .map(|due| due.0);
        let silence = started().data_sent(at(100), random).map(|due| due.0);
        let extra = retry.map(|due| due - at(105).0);
        assert_eq!(
            extra,
            silence.map(|due| due - at(115).0),
            "the same for both"
        );
        assert!(extra.is_some_and(|extra| extra < longest));
        if let (Some(before), Some(extra)) = (before, extra) {
            assert!(extra > before, "more random is later");
            greatest_step = greatest_step.max(extra - before);
        }
        before = extra;
    }
    assert_eq!(started().handshake_initiated(at(100), 0), Some(at(105)));
    assert!(before.is_some_and(|last| last + 1 >= longest - longest / steps));
    assert!(greatest_step <= longest / steps + 1, "no gaps");
}

/// Reference 1.3: giving up does not put off a wipe that is already due earlier.
#[test]
fn giving_up_keeps_an_earlier_wipe() {
    let mut timers = started();
    timers.session_derived(at(0));
    let mut now = at(200);
    for _ in 0..20 {
        timers.handshake_initiated(now, 0);
        now = now.plus(5 * SECOND);
        let expired = timers.expire(now, 0);
        assert_eq!(expired.rearm, Some(at(540)));
    }
    assert!(timers.expire(at(540), 0).zero_keys);
}

/// Reference 1.3: an initiation that is not a retry begins the count anew.
#[test]
fn new_reasons_renew_the_attempts() {
    let mut timers = started();
    let mut now = at(0);
    for round in 0..60 {
        timers.handshake_initiated(now, 0);
        now = now.plus(5 * SECOND);
        assert!(timers.expire(now, 0).retry_initiation);
        timers.queue_initiation(both(now), round % 10 != 9);
    }
}

/// Reference 1.3: a completed handshake ends the retries and their count.
#[test]
fn completion_ends_the_retries() {
    let mut timers = started();
    for second in 0..18 {
        timers.handshake_initiated(at(second * 5), 0);
        assert!(timers.expire(at(second * 5 + 5), 0).retry_initiation);
    }
    timers.handshake_initiated(at(100), 0);
    timers.handshake_complete();
    assert_eq!(timers.expire(at(200), 0), Expired::default());
    // All of the retries are there again.
    for second in 0..19 {
        timers.handshake_initiated(at(200 + second * 5), 0);
        assert!(timers.expire(at(205 + second * 5), 0).retry_initiation);
    }
    timers.handshake_initiated(at(300), 0);
    assert!(timers.expire(at(305), 0).give_up);
}

/// Reference 1.3 "send_keepalive": 10 s after data, once more if data came meanwhile.
#[test]
fn keepalive_after_data() {
    let mut timers = started();
    assert_eq!(timers.data_received(at(100)), Some(at(110)));
    assert_eq!(timers.data_received(at(105)), None);
    let expired = timers.expire(at(110), 0);
    assert_eq!(
        expired,
        due(|e| {
            e.send_keepalive = true;
            e.rearm = Some(at(120));
        })
    );
    // Nobody sent it (there was no session), so the second comes, and no third.
    assert_eq!(timers.expire(at(120), 0), due(|e| e.send_keepalive = true));
    assert_eq!(timers.expire(at(999), 0), Expired::default());
}

/// Reference 1.3: any authenticated packet sent makes the keepalive unnecessary.
#[test]
fn sending_spares_the_keepalive() {
    let mut timers = started();
    timers.data_received(at(100));
    timers.any_authenticated_sent();
    assert_eq!(timers.expire(at(110), 0), Expired::default());
}

/// Reference 1.3: a received keepalive is not answered.
#[test]
fn keepalives_are_not_answered() {
    let mut timers = started();
    assert_eq!(timers.bundle_received(at(100), 0, false), None);
    assert_eq!(timers.bundle_sent(at(100), 0, 0, false), None);
    assert_eq!(timers.expire(at(9999), 0), Expired::default());
}

/// Reference 1.3 "new_handshake": 15 s and jitter after the first unanswered data packet.
#[test]
fn silence_after_data_begins_a_handshake() {
    let mut timers = started();
    let deadline = Instant(at(115).0 + SECOND / 3 - 1);
    assert_eq!(timers.data_sent(at(100), MAX_JITTER), Some(deadline));
    assert_eq!(timers.data_sent(at(114), 0), None);
    let early = timers.expire(at(115), 0);
    assert_eq!(early, due(|e| e.rearm = Some(deadline)));
    assert_eq!(
        timers.expire(deadline, 0),
        due(|e| {
            e.initiate = true;
            e.clear_source = true;
        })
    );
}

/// Reference 1.3: any authenticated packet received, even a keepalive, ends the worry.
#[test]
fn an_answer_ends_the_worry() {
    let mut timers = started();
    timers.data_sent(at(100), 0);
    timers.any_authenticated_received();
    assert_eq!(timers.expire(at(115), 0), Expired::default());
    assert_eq!(timers.data_sent(at(116), 0), Some(at(131)));
}

/// Reference 1.3 "zero_key_material": 540 s after the last session.
#[test]
fn keys_are_wiped_after_nine_minutes() {
    let mut timers = started();
    assert_eq!(timers.session_derived(at(100)), Some(at(640)));
    assert_eq!(timers.session_derived(at(200)), None);
    assert_eq!(timers.expire(at(640), 0), due(|e| e.rearm = Some(at(740))));
    assert_eq!(timers.expire(at(740), 0), due(|e| e.zero_keys = true));
}

/// Reference 1.3 "persistent_keepalive": any packet either way puts it off.
#[test]
fn persistent_keepalive() {
    let mut timers = started();
    assert_eq!(timers.any_authenticated_traversal(at(100), 0), None);
    assert_eq!(timers.bundle_sent(at(100), 0, 25, false), Some(at(125)));
    assert_eq!(timers.bundle_received(at(110), 25, false), None);
    assert_eq!(timers.expire(at(125), 25), due(|e| e.rearm = Some(at(135))));
    assert_eq!(
        timers.expire(at(135), 25),
        due(|e| e.persistent_keepalive = true)
    );
    // Switched off while pending: it fires for nothing.
    timers.bundle_sent(at(135), 0, 25, false);
    assert_eq!(timers.expire(at(160), 0), Expired::default());
    let longest = timers.any_authenticated_traversal(at(200), u16::MAX);
    assert_eq!(longest, Some(at(200 + 65_535)));
}

/// Reference 1.2 "Rate of initiations out": one in five seconds, checked at queue and at send; a
/// response counts; open at creation (however young the clock), at ifdown and at a change of key.
#[test]
fn the_gate_of_initiations() {
    let mut timers = Timers::new();
    assert!(timers.queue_initiation(both(Instant(0)), false));
    assert!(timers.begin_initiation(both(Instant(0))));
    assert!(!timers.queue_initiation(both(Instant(1)), false));
    assert!(!timers.begin_initiation(both(Instant(at(5).0 - 1))));
    assert!(timers.queue_initiation(both(at(5)), true));
    assert!(timers.queue_initiation(both(at(5)), true));
    assert!(timers.begin_initiation(both(at(5))));
    assert!(!timers.begin_initiation(both(at(5))));

    timers.handshake_sent(both(at(20)));
    assert!(!timers.queue_initiation(both(at(24)), false));
    assert!(timers.queue_initiation(both(at(25)), false));

    timers.handshake_sent(both(at(30)));
    timers.open_gate();
    assert!(timers.begin_initiation(both(at(30))));
    timers.stop();
    assert!(timers.begin_initiation(both(at(30))));
}

/// Reference 1.1 "Protocol clock": the clock of keys goes on while the machine sleeps, and a machine
/// that wakes up may begin a handshake at once. A retry that is due by the timers' own clock is not
/// refused because the other ran slower.
#[test]
fn the_gate_opens_by_either_clock() {
    let moment = |timers, keys| Moment {
        timers: at(timers),
        keys: at(keys),
    };
    let mut timers = Timers::new();
    assert!(timers.begin_initiation(moment(100, 200)));
    assert!(!timers.queue_initiation(moment(104, 204), false));
    assert!(timers.queue_initiation(moment(101, 205), false), "slept");
    assert!(timers.queue_initiation(moment(105, 204), true), "in time");
    assert!(timers.begin_initiation(moment(101, 3600)));
    assert!(!timers.begin_initiation(moment(105, 3604)));
    assert!(timers.begin_initiation(moment(106, 3605)));
}

/// Reference 1.4 "RX rekey": once in a session.
#[test]
fn the_last_minute_comes_once() {
    let mut timers = started();
    assert!(timers.take_lastminute());
    assert!(!timers.take_lastminute());
    timers.handshake_complete();
    assert!(timers.take_lastminute());
}

/// One kernel timer: asked for only when something comes earlier than what it waits for.
#[test]
fn the_kernel_timer_is_only_brought_forward() {
    let mut timers = started();
    assert_eq!(timers.session_derived(at(0)), Some(at(540)));
    assert_eq!(timers.bundle_sent(at(0), 0, 100, true), Some(at(15)));
    assert_eq!(timers.bundle_received(at(1), 100, true), Some(at(11)));
    for second in 2..10 {
        assert_eq!(timers.bundle_sent(at(second), 0, 100, true), None);
        assert_eq!(timers.bundle_received(at(second), 100, false), None);
    }
    // It fires for nothing and is told when to come again.
    assert_eq!(timers.expire(at(11), 100).rearm, Some(at(109)));
    assert_eq!(timers.handshake_initiated(at(12), 0), Some(at(17)));
}

/// Several deadlines at once are all honoured.
#[test]
fn everything_at_once() {
    let mut timers = started();
    timers.data_sent(at(0), 0);
    timers.data_received(at(0));
    timers.any_authenticated_traversal(at(0), 25);
    timers.handshake_initiated(at(0), 0);
    timers.session_derived(at(0));
    assert_eq!(
        timers.expire(at(1000), 25),
        Expired {
            retry_initiation: true,
            initiate: true,
            clear_source: true,
            send_keepalive: true,
            give_up: false,
            zero_keys: true,
            persistent_keepalive: true,
            rearm: None,
        }
    );
}

/// Whatever happens, the kernel timer never fires later than the first deadline: a model that acts
/// on it exactly never finds anything overdue.
#[test]
fn nothing_is_ever_overdue() {
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut timers = started();
    let mut now = Instant(0);
    let mut kernel: Option<Instant> = None;
    for _ in 0..200_000 {
        let until = now.plus(next(8 * SECOND));
        while let Some(fires) = kernel.filter(|fires| *fires <= until) {
            now = fires;
            kernel = timers.expire(now, 25).rearm;
            assert!(kernel.is_none_or(|rearm| rearm > now));
        }
        now = until;
        let jitter = next(1 << 32) as u32;
        let asked = match next(8) {
            0 => timers.data_sent(now, jitter),
            1 => timers.data_received(now),
            2 => timers.bundle_sent(now, jitter, 25, next(2) == 0),
            3 => timers.bundle_received(now, 25, next(2) == 0),
            4 => timers.handshake_initiated(now, jitter),
            5 => timers.session_derived(now),
            6 => {
                timers.handshake_complete();
                None
            }
            _ => {
                assert!(
                    !timers.queue_initiation(both(now), false)
                        || timers.begin_initiation(both(now))
                );
                None
            }
        };
        if let Some(asked) = asked {
            assert!(asked > now && kernel.is_none_or(|armed| asked < armed));
            kernel = Some(asked);
        }
        let overdue = timers.expire(now, 25);
        if let Some(earliest) = overdue.rearm {
            assert!(kernel.is_some_and(|armed| armed <= earliest));
        }
        assert_eq!(overdue, due(|e| e.rearm = overdue.rearm));
        kernel = overdue.rearm;
    }
}
