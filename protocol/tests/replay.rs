// SPDX-License-Identifier: GPL-2.0
//! The replay window (reference 1.4 "Replay" and section 5 "counter"; RFC 6479).

use std::collections::HashSet;
use wg_protocol::lifetime::REJECT_AFTER_MESSAGES as REJECT;
use wg_protocol::replay::{Window, SIZE};

/// One more than the window: the first counter that pushes 0 out is this one plus zero's.
const LIMIT: u64 = SIZE + 1;

/// Reference 1.1 COUNTER_WINDOW: 8192 bits less one word.
#[test]
fn the_size() {
    assert_eq!(SIZE, 8128);
}

/// Section 5 "counter": single steps, with the verdict that each must have.
#[test]
fn steps() {
    let mut window = Window::new();
    let steps = [
        (0, true),
        (1, true),
        (1, false),
        (9, true),
        (8, true),
        (7, true),
        (7, false),
        (LIMIT, true),
        (LIMIT - 1, true),
        (LIMIT - 1, false),
        (LIMIT - 2, true),
        (2, true),
        (2, false),
        (LIMIT + 16, true),
        (3, false),
        (LIMIT + 16, false),
        (4 * LIMIT, true),
        (4 * LIMIT - (LIMIT - 1), true),
        (10, false),
        (4 * LIMIT - LIMIT, false),
        (4 * LIMIT - (LIMIT + 1), false),
        (4 * LIMIT - (LIMIT - 2), true),
        (4 * LIMIT + 1 - LIMIT, false),
        (0, false),
        (REJECT, false),
        (REJECT - 1, true),
        (REJECT, false),
        (REJECT - 1, false),
        (REJECT - 2, true),
        (REJECT + 1, false),
        (REJECT + 2, false),
        (u64::MAX, false),
        (REJECT - 2, false),
        (REJECT - 3, true),
        (0, false),
    ];
    for (number, (counter, expected)) in steps.into_iter().enumerate() {
        assert_eq!(window.accept(counter), expected, "step {number}: {counter}");
    }
}

/// Section 5 "counter": forward sweeps.
#[test]
fn everything_in_order() {
    for start in [0, 1] {
        let mut window = Window::new();
        for counter in start..start + 3 * SIZE {
            assert!(window.accept(counter));
            assert!(!window.accept(counter));
            assert_eq!(window.greatest(), counter + 1);
        }
    }
}

/// Section 5 "counter": reverse sweeps over a window and over one more than that.
#[test]
fn everything_backwards() {
    let mut window = Window::new();
    for counter in (0..=SIZE).rev() {
        assert!(window.accept(counter));
    }
    assert!(!window.accept(0));

    let mut window = Window::new();
    for counter in (1..=LIMIT).rev() {
        assert!(window.accept(counter));
    }
    assert!(!window.accept(0));

    let mut window = Window::new();
    for counter in (0..=LIMIT).rev() {
        assert_eq!(window.accept(counter), counter != 0);
    }

    let mut window = Window::new();
    for counter in (1..=LIMIT + 1).rev() {
        assert_eq!(window.accept(counter), counter != 1);
    }
}

/// Section 5 "counter": a gap, with the edge of the window behind it.
#[test]
fn the_edge_of_the_window() {
    let mut window = Window::new();
    for counter in (2..=LIMIT + 1).rev() {
        assert!(window.accept(counter));
    }
    assert!(!window.accept(1));
    assert!(!window.accept(0));
    assert!(window.accept(LIMIT + 2));
}

/// A window and a set that remembers everything agree, for jumps of all sizes.
#[test]
fn like_a_set_that_forgets_what_is_old() {
    let mut random = 88_172_645_463_325_252u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for _ in 0..20 {
        let mut window = Window::new();
        let mut seen = HashSet::new();
        let mut greatest: Option<u64> = None;
        for _ in 0..20_000 {
            let around = greatest.unwrap_or(0);
            let counter = match next() % 8 {
                0..=3 => around + next() % 4,
                4..=5 => around.saturating_sub(next() % (SIZE + 200)),
                6 => around + next() % 300,
                _ => around + next() % (2 * SIZE),
            };
            let too_old = greatest.is_some_and(|greatest| greatest.saturating_sub(counter) > SIZE);
            let expected = !too_old && seen.insert(counter);
            assert_eq!(window.accept(counter), expected);
            greatest = greatest.max(Some(counter));
        }
    }
}
