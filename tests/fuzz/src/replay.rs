// SPDX-License-Identifier: GPL-2.0
//! The replay window against a set that remembers everything.
use std::collections::HashSet;

use wg_protocol::lifetime::REJECT_AFTER_MESSAGES as END;
use wg_protocol::replay::{Window, SIZE};

use crate::{planted, Script};

/// A window, and what it must have seen.
struct Pair {
    window: Window,
    seen: HashSet<u64>,
    greatest: Option<u64>,
}

impl Pair {
    fn accept(&mut self, counter: u64) {
        let mut size = SIZE;
        if planted("replay/edge") {
            size += 1;
        }
        let too_old = self
            .greatest
            .is_some_and(|greatest| greatest.saturating_sub(counter) > size);
        let expected = !too_old && counter < END && !self.seen.contains(&counter);
        if expected {
            self.seen.insert(counter);
            self.greatest = self.greatest.max(Some(counter));
        }
        if planted("replay/forgets") && counter % 64 == 63 {
            self.seen.remove(&counter);
        }
        assert_eq!(self.window.accept(counter), expected, "counter {counter}");
        assert_eq!(self.window.greatest(), self.greatest.map_or(0, |g| g + 1));
    }
}

/// A script of counters, most of them near the greatest so far, and of runs of counters.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut pair = Pair {
        window: Window::new(),
        seen: HashSet::new(),
        greatest: None,
    };
    while !script.is_empty() {
        let greatest = pair.greatest.unwrap_or(0);
        let counter = match script.below(9) {
            0 => greatest.saturating_add(1),
            1 => greatest.saturating_add(script.byte().into()),
            2 => greatest.saturating_sub(script.byte().into()),
            3 => greatest.saturating_add(script.u16().into()),
            4 => greatest.saturating_sub(script.u16().into()),
            // Around the edge.
            5 => greatest.saturating_sub(SIZE - 2 + u64::from(script.byte() % 5)),
            // Around a word's end.
            6 => (greatest | 63)
                .wrapping_add(script.byte().into())
                .wrapping_sub(2),
            7 => (END - 3).saturating_add(script.byte().into()),
            _ => script.u64(),
        };
        // Most are single; a run costs one byte more to say.
        let count = if script.below(8) == 0 {
            script.u16() % 600
        } else {
            1
        };
        for ahead in 0..u64::from(count) {
            pair.accept(counter.saturating_add(ahead));
        }
    }
}
