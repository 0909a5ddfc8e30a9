// SPDX-License-Identifier: GPL-2.0
//! The rate limiter and its hash (reference 1.5 "Ratelimiter", section 5 "ratelimiter").

use wg_protocol::ratelimiter::{places_for, Entry, RateLimiter};
use wg_protocol::siphash::{hash, Key};
use wg_protocol::{Instant, SECOND};

const MS: u64 = SECOND / 1000;

fn limiter(places: usize) -> RateLimiter<Vec<Entry>> {
    let storage = (0..places).map(|_| Entry::new()).collect();
    RateLimiter::new(storage, Key(1, 2))
}

/// The vectors of the SipHash paper (appendix A) and of its reference code: the message is the
/// bytes 0, 1, 2, ..., the key 0, 1, ..., 15. Only whole words can be asked for here.
#[test]
fn siphash_vectors() {
    let key = Key(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
    assert_eq!(hash(key, &[]), 0x726f_db47_dd0e_0e31);
    assert_eq!(hash(key, &[0x0706_0504_0302_0100]), 0x93f5_f579_9a93_2462);
}

/// Section 5 "ratelimiter timings": five at once, then one each 50 ms.
#[test]
fn timings() {
    let mut limiter = limiter(64);
    let mut now = Instant(1000 * SECOND);
    let ip = [10, 0, 0, 1];
    for _ in 0..5 {
        assert!(limiter.allow4(0, ip, now));
    }
    assert!(!limiter.allow4(0, ip, now));
    for (pause, allowed) in [(50, 1), (100, 2), (50, 1), (49, 0), (1, 1), (100_000, 5)] {
        now = now.plus(pause * MS);
        for _ in 0..allowed {
            assert!(limiter.allow4(0, ip, now), "after {pause} ms");
        }
        assert!(!limiter.allow4(0, ip, now), "after {pause} ms");
    }
}

/// Reference 1.1 "Ratelimiter": what a bucket holds, 250 ms, to the nanosecond, however long it was
/// left alone.
#[test]
fn a_bucket_holds_no_more() {
    let mut limiter = limiter(64);
    let mut now = Instant(1000 * SECOND);
    let ip = [10, 0, 0, 1];
    assert!(limiter.allow4(0, ip, now));
    for idle in [SECOND / 4, SECOND, 3600 * SECOND] {
        now = now.plus(idle);
        for _ in 0..5 {
            assert!(limiter.allow4(0, ip, now));
        }
        now = now.plus(50 * MS - 1);
        assert!(!limiter.allow4(0, ip, now), "after {idle}");
        now = now.plus(1);
        assert!(limiter.allow4(0, ip, now), "after {idle}");
    }
}

/// Section 5: addresses are independent, an IPv6 /64 is one source, namespaces are apart.
#[test]
fn sources() {
    let mut limiter = limiter(64);
    let now = Instant(1000 * SECOND);
    let mut exhaust4 = |namespace, ip| {
        (0..9)
            .filter(|_| limiter.allow4(namespace, ip, now))
            .count()
    };
    assert_eq!(exhaust4(7, [10, 0, 0, 1]), 5);
    assert_eq!(exhaust4(7, [10, 0, 0, 1]), 0);
    assert_eq!(exhaust4(7, [10, 0, 0, 2]), 5);
    assert_eq!(exhaust4(8, [10, 0, 0, 1]), 5);
    assert_eq!(exhaust4(7, [0, 0, 0, 0]), 5);

    let mut six = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    let mut exhaust6 = |ip| (0..9).filter(|_| limiter.allow6(7, ip, now)).count();
    assert_eq!(exhaust6(six), 5);
    six[8..].fill(0xaa);
    assert_eq!(exhaust6(six), 0);
    six[7] = 2;
    assert_eq!(exhaust6(six), 5);
    // Not the same as 10.0.0.1 or 0.0.0.0, though the numbers are.
    assert_eq!(
        exhaust6([0, 0, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        5
    );
    assert_eq!(exhaust6([0; 16]), 5);
}

/// Section 5 "ratelimiter capacity": exactly so many sources; the idle ones make room.
#[test]
fn capacity() {
    let mut limiter = limiter(1000);
    let start = Instant(1000 * SECOND);
    let ip = |n: u32| n.to_be_bytes();
    for n in 0..1000 {
        assert!(limiter.allow4(0, ip(n), start.plus(u64::from(n))));
    }
    assert_eq!((limiter.len(), limiter.capacity()), (1000, 1000));
    let full = start.plus(1000);
    assert!(!limiter.allow4(0, ip(1000), full));
    assert!(limiter.allow4(0, ip(0), full), "known sources are served");

    // Source 0 is the youngest now; 1, 2 and 3 have just been idle for long enough.
    let later = start.plus(SECOND + 4);
    for n in 2000..2003 {
        assert!(limiter.allow4(0, ip(n), later));
    }
    assert!(!limiter.allow4(0, ip(2003), later));
    for n in [0, 2000, 2001, 2002, 999, 500, 4] {
        assert!(limiter.allow4(0, ip(n), later));
    }
    assert!(!limiter.allow4(0, ip(1), later), "forgotten, and no room");

    // Long after, all can be replaced, again and again.
    for round in 1..20u32 {
        let now = later.plus(u64::from(round) * 2 * SECOND);
        for n in 0..1000 {
            assert!(limiter.allow4(0, ip(round * 10_000 + n), now));
        }
        assert!(!limiter.allow4(0, ip(5), now));
    }
    assert_eq!(limiter.len(), 1000);
}

/// Reference 1.5 "Ratelimiter size".
#[test]
fn places() {
    for (memory, places) in [
        (0, 128),
        (1 << 20, 128),
        (64 << 20, 512 * 8),
        ((64 << 20) + (1 << 17), 1024 * 8),
        (1 << 30, 8192 * 8),
        ((1 << 30) + 1, 8192 * 8),
        (u64::MAX, 8192 * 8),
    ] {
        assert_eq!(places_for(memory), places, "{memory}");
    }
}

#[test]
fn no_places_no_handshakes() {
    let mut limiter = limiter(0);
    assert!(limiter.is_empty());
    assert!(!limiter.allow4(0, [1, 2, 3, 4], Instant(0)));
    assert!(!limiter.allow6(0, [1; 16], Instant(0)));
}

/// The table and a list of all sources agree, small enough to be full most of the time.
#[test]
fn like_a_list() {
    struct Known {
        ip: u32,
        last: u64,
        tokens: u64,
    }
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut limiter = limiter(40);
    let mut known: Vec<Known> = Vec::new();
    let mut now = 0;
    for _ in 0..200_000 {
        now += next(60 * MS);
        let ip = next(60) as u32;
        let expected = if let Some(at) = known.iter().position(|k| k.ip == ip) {
            let mut source = known.remove(at);
            source.tokens = (source.tokens + now - source.last).min(250 * MS);
            source.last = now;
            let allowed = source.tokens >= 50 * MS;
            if allowed {
                source.tokens -= 50 * MS;
            }
            known.push(source);
            allowed
        } else {
            if known.len() == 40 && now - known[0].last > SECOND {
                known.remove(0);
            }
            let room = known.len() < 40;
            if room {
                let (last, tokens) = (now, 200 * MS);
                known.push(Known { ip, last, tokens });
            }
            room
        };
        assert_eq!(limiter.allow4(3, ip.to_be_bytes(), Instant(now)), expected);
    }
}
