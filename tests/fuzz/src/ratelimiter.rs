// SPDX-License-Identifier: GPL-2.0
//! The rate limiter against a list of buckets, in a table that is soon full; time goes on, stands
//! still and goes back.
use wg_protocol::ratelimiter::{Entry, RateLimiter};
use wg_protocol::siphash::Key;
use wg_protocol::{Instant, SECOND};

use crate::{planted, Script};

/// What one handshake costs, and what a bucket holds (reference 1.5: twenty a second, five at once).
const COST: u64 = SECOND / 20;
const FULL: u64 = 5 * COST;

/// Namespace, address as far as it counts, IP version.
type Source = (u64, Vec<u8>, bool);

struct Bucket {
    source: Source,
    tokens: u64,
    last: u64,
}

/// Buckets in the order of their last use.
struct Model {
    buckets: Vec<Bucket>,
    places: usize,
}

impl Model {
    fn allow(&mut self, source: Source, now: u64) -> bool {
        let found = self.buckets.iter().position(|b| b.source == source);
        let mut bucket = match found {
            Some(at) => {
                let mut bucket = self.buckets.remove(at);
                let gained = now.saturating_sub(bucket.last);
                bucket.tokens = bucket.tokens.saturating_add(gained).min(FULL);
                bucket.last = bucket.last.max(now);
                bucket
            }
            None => {
                if self.buckets.len() == self.places {
                    let Some(oldest) = self.buckets.first() else {
                        return false;
                    };
                    if now.saturating_sub(oldest.last) <= SECOND {
                        return false;
                    }
                    self.buckets.remove(0);
                }
                Bucket {
                    source,
                    tokens: FULL,
                    last: now,
                }
            }
        };
        let mut cost = COST;
        if planted("ratelimiter/tokens") && bucket.tokens == COST {
            cost = 0;
        }
        let allowed = bucket.tokens >= cost;
        if allowed {
            bucket.tokens -= cost;
        }
        self.buckets.push(bucket);
        allowed
    }
}

/// A script of handshakes and pauses.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let places = script.of(&[0, 1, 2, 3, 8, 16]);
    let key = Key(script.byte().into(), script.byte().into());
    let storage: Vec<Entry> = (0..places).map(|_| Entry::new()).collect();
    let mut limiter = RateLimiter::new(storage, key);
    let mut model = Model {
        buckets: Vec::new(),
        places,
    };
    let mut now = 10 * SECOND;
    while !script.is_empty() {
        match script.below(8) {
            0 => now = now.saturating_add(script.u16().into()),
            1 => now = now.saturating_add(COST * u64::from(script.byte() % 8)),
            2 => now = now.saturating_add(SECOND * u64::from(script.byte() % 3)),
            3 => {
                now = match script.below(16) {
                    0 => script.u64(),
                    _ => now.saturating_sub(COST * u64::from(script.byte() % 4)),
                }
            }
            _ => {}
        }
        // The last byte of the address, for IPv6 of its half that counts.
        let (namespace, host, six) = (
            u64::from(script.byte() % 2),
            script.byte() % 24,
            script.bool(),
        );
        let (got, source) = if six {
            let mut ip = [0; 16];
            ip[7] = host;
            // All of a /64 is one.
            ip[15] = script.byte();
            let source = (namespace, ip[..8].to_vec(), true);
            (limiter.allow6(namespace, ip, Instant(now)), source)
        } else {
            let ip = [0, 0, 0, host];
            (
                limiter.allow4(namespace, ip, Instant(now)),
                (namespace, ip.to_vec(), false),
            )
        };
        let mut expected = model.allow(source, now);
        if planted("ratelimiter/full") && model.buckets.len() == places && places == 16 {
            expected = true;
        }
        assert_eq!(got, expected, "at {now}");
        assert_eq!(limiter.len(), model.buckets.len());
    }
}
