// SPDX-License-Identifier: GPL-2.0
//! Lists of AEAD jobs on every back end that this processor has, against the independent library:
//! any lengths, cuts and alignments, several keys, in place or not, some of the messages forged or
//! of lengths that do not fit.
//!
//! Each buffer is an allocation that ends where its last segment does, so that the address
//! sanitizer sees a step beyond it.
use std::cell::Cell;

use wg_crypto::aead::{Bytes, Job, Key, Verdict};
use wg_crypto::{Backend, Portable, TAG_LEN};
use wg_simd as _;

use crate::library::{cells, reference};
use crate::usable::levels;
use crate::{planted, Script};

/// What a list may hold.
const LISTS: [usize; 10] = [1, 1, 2, 3, 4, 5, 8, 9, 17, 33];
const FILL: u8 = 0x5a;

/// A message, where it lies, and what must come of it.
struct Message {
    counter: u64,
    ad: Vec<u8>,
    input: Vec<u8>,
    output: Vec<u8>,
    verdict: Verdict,
    in_place: bool,
    /// Bytes before source and destination.
    shifts: [usize; 2],
    /// Lengths of the segments but for the last, of source and destination.
    cuts: [Vec<usize>; 2],
}

/// Messages for one call.
struct List {
    key: Key,
    opening: bool,
    messages: Vec<Message>,
}

fn length(script: &mut Script<'_>) -> usize {
    match script.below(8) {
        0 => 0,
        1 => script.below(17),
        2 => 16 * script.below(32),
        3 => 64 * script.below(24),
        4 => 1420,
        5 => 512 + script.below(1600),
        _ => script.below(256),
    }
}

fn cuts(script: &mut Script<'_>) -> Vec<usize> {
    let count = script.of(&[0, 0, 0, 1, 2, 5, 19, 25]);
    (0..count)
        .map(|_| match script.below(4) {
            0 => 64 * script.below(8),
            1 => 0,
            _ => script.below(200),
        })
        .collect()
}

fn message(script: &mut Script<'_>, key: &Key, opening: bool) -> Message {
    let len = length(script);
    let counter = script.of(&[0, 1, u64::from(u32::MAX), 1 << 32, u64::MAX]);
    let counter = counter.wrapping_add(script.byte().into());
    let ad_len = script.of(&[0, 0, 0, 1, 12, 16, 32, 33]);
    let ad = script.noise(ad_len);
    let plain = script.noise(len);
    let mut sealed = reference(key, counter, &ad, &plain);
    let mut message = Message {
        counter,
        ad,
        input: Vec::new(),
        output: Vec::new(),
        verdict: Verdict::Good,
        in_place: script.bool(),
        shifts: [script.below(64), script.below(64)],
        cuts: [cuts(script), cuts(script)],
    };
    let what = script.below(8);
    if what == 0 {
        // One byte too few or too many: nothing is written.
        let room = if script.bool() {
            len + TAG_LEN + 1
        } else {
            len + TAG_LEN - 1
        };
        message.in_place = false;
        message.verdict = Verdict::BadLength;
        message.input = if opening { vec![1; room] } else { plain };
        message.output = vec![FILL; if opening { len } else { room }];
    } else if !opening {
        (message.input, message.output) = (plain, sealed);
    } else if what == 1 {
        let at = script.below(sealed.len());
        sealed[at] ^= 1 << script.below(8);
        message.verdict = Verdict::Forged;
        (message.input, message.output) = (sealed, vec![0; len]);
    } else {
        (message.input, message.output) = (sealed, plain);
    }
    message
}

/// Cuts bytes at these lengths, as far as they go.
fn segments<'a>(mut bytes: Bytes<'a>, cuts: &[usize]) -> Vec<Bytes<'a>> {
    let mut out = Vec::new();
    for len in cuts {
        let (head, tail) = bytes.split_at((*len).min(bytes.len()));
        out.push(head);
        bytes = tail;
    }
    out.push(bytes);
    out
}

/// A buffer of exactly so many bytes after so many that must stay as they are.
fn buffer(shift: usize, len: usize) -> Box<[u8]> {
    vec![FILL; shift + len].into_boxed_slice()
}

/// Memory of one message; without a second part it is in place.
struct Place {
    source: Box<[u8]>,
    target: Option<Box<[u8]>>,
}

impl Place {
    fn new(message: &Message) -> Self {
        let [from, to] = message.shifts;
        let (input, output) = (message.input.len(), message.output.len());
        let room = if message.in_place {
            input.max(output)
        } else {
            input
        };
        let mut source = buffer(from, room);
        source[from..from + input].copy_from_slice(&message.input);
        let target = (!message.in_place).then(|| buffer(to, output));
        Self { source, target }
    }

    /// Source and destination as the job has them.
    fn segments<'a>(&'a mut self, message: &Message) -> [Vec<Bytes<'a>>; 2] {
        let [from, to] = message.shifts;
        let source: &[Cell<u8>] = cells(&mut self.source);
        let (target, to) = match &mut self.target {
            Some(target) => (cells(target), to),
            None => (source, from),
        };
        let source = &source[from..from + message.input.len()];
        let target = &target[to..to + message.output.len()];
        let [cut_source, cut_target] = &message.cuts;
        [segments(source, cut_source), segments(target, cut_target)]
    }

    /// What was there in the end, against what must be.
    fn check(&self, message: &Message, name: &str) {
        let [from, to] = message.shifts;
        let (buffer, shift) = match &self.target {
            Some(target) => {
                assert_eq!(self.source[from..], message.input, "{name}: source");
                (target, to)
            }
            None => (&self.source, from),
        };
        let (before, rest) = buffer.split_at(shift);
        let (output, after) = rest.split_at(message.output.len());
        assert_eq!(output, message.output, "{name}: output");
        assert!(before.iter().all(|byte| *byte == FILL), "{name}: before");
        if self.target.is_none() {
            // The tag that was opened in place.
            let tail = message
                .input
                .get(message.output.len()..)
                .unwrap_or_default();
            assert_eq!(after, tail, "{name}: tag");
        }
    }
}

fn check(backend: &impl Backend, list: &List) {
    let mut places: Vec<_> = list.messages.iter().map(Place::new).collect();
    let mut verdicts: Vec<_> = {
        let pairs = places.iter_mut().zip(&list.messages);
        let segments: Vec<_> = pairs
            .map(|(place, message)| place.segments(message))
            .collect();
        let mut jobs: Vec<_> = list
            .messages
            .iter()
            .zip(&segments)
            .map(|(message, [src, dst])| Job::new(message.counter, &message.ad, src, dst))
            .collect();
        if list.opening {
            backend.open(&list.key, &mut jobs);
        } else {
            backend.seal(&list.key, &mut jobs);
        }
        jobs.iter().map(|job| job.verdict).collect()
    };
    let name = backend.name();
    for (at, message) in list.messages.iter().enumerate() {
        if planted("aead/lane") && at == 4 && name != "portable" && message.output.len() > 64 {
            if let Some(target) = &mut places[at].target {
                target[message.shifts[1] + 64] ^= 1;
            }
        }
        if planted("aead/verdict") && verdicts[at] == Verdict::Forged {
            verdicts[at] = Verdict::Good;
        }
        if planted("aead/guard") && message.shifts[0] != 0 && message.in_place {
            places[at].source[message.shifts[0] - 1] = 0;
        }
        assert_eq!(verdicts[at], message.verdict, "{name}: message {at}");
        places[at].check(message, name);
    }
}

/// Some lists, each on every back end.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    // Enough to say one to three lists, and no run of a second.
    let mut budget = 64;
    while !script.is_empty() && budget > 0 {
        let key = Key::new(script.key());
        let opening = script.bool();
        let count = script.of(&LISTS).min(budget);
        budget -= count;
        let messages = (0..count)
            .map(|_| message(&mut script, &key, opening))
            .collect();
        let list = List {
            key,
            opening,
            messages,
        };
        check(&Portable, &list);
        for level in levels() {
            check(&level, &list);
        }
    }
}
