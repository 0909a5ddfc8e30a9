// SPDX-License-Identifier: GPL-2.0
//! Comparison of a back end of the AEAD with RustCrypto's, for the tests of every crate that has
//! one: all lengths, any cuts, whole lists of jobs, in place and to fresh buffers.
pub(crate) mod place;

use std::cell::Cell;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::ChaCha20Poly1305;
use wg_crypto::aead::{Bytes, Job, Key, Verdict};
use wg_crypto::{Backend, TAG_LEN};

/// Bytes around every destination that must stay as they were.
const GUARD: usize = 64;

/// A small generator, so that a failure repeats.
pub(crate) struct Rng(u64);

impl Rng {
    /// A generator; seeds differ in any bit.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((self.next() >> 32) as usize) % bound
    }

    /// That many bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 56) as u8).collect()
    }

    /// A key.
    pub(crate) fn array(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| (self.next() >> 56) as u8)
    }
}

/// What the independent library makes of a message.
pub(crate) fn reference(key: &Key, counter: u64, aad: &[u8], msg: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    let payload = Payload { msg, aad };
    let cipher = ChaCha20Poly1305::new(key.as_bytes().into());
    cipher.encrypt(&nonce.into(), payload).expect("it encrypts")
}

/// The cells of a buffer.
pub(crate) fn cells(bytes: &mut [u8]) -> Bytes<'_> {
    Cell::from_mut(bytes).as_slice_of_cells()
}

/// Each length, sealed and opened, at a length-dependent alignment.
pub(crate) fn lengths(backend: &impl Backend, lengths: impl Iterator<Item = usize>) {
    let mut rng = Rng::new(1);
    let key = Key::new(rng.array());
    for len in lengths {
        let counter = rng.next();
        let plain = rng.bytes(len);
        let ad = rng.bytes([0, 0, 12, 16, 40][len % 5]);
        let sealed = reference(&key, counter, &ad, &plain);
        let shift = len % 7;

        let mut from = vec![0; shift];
        from.extend(&plain);
        let mut to = vec![0; len + TAG_LEN + shift];
        {
            let (src, dst) = ([&cells(&mut from)[shift..]], [&cells(&mut to)[shift..]]);
            let mut jobs = [Job::new(counter, &ad, &src, &dst)];
            backend.seal(&key, &mut jobs);
            assert_eq!(jobs[0].verdict, Verdict::Good);
        }
        assert_eq!(to[shift..], sealed, "{len} bytes sealed");

        from.fill(0);
        let (src, dst) = ([&cells(&mut to)[shift..]], [&cells(&mut from)[shift..]]);
        let mut jobs = [Job::new(counter, &ad, &src, &dst)];
        backend.open(&key, &mut jobs);
        assert_eq!(jobs[0].verdict, Verdict::Good);
        assert_eq!(from[shift..], plain, "{len} bytes opened");
    }
}

/// Ciphertext of nothing but ones, and of nothing but zeros, under many one-time keys: sums and
/// carries of the authenticator are at their greatest and least.
pub(crate) fn extremes(backend: &impl Backend) {
    let mut rng = Rng::new(2);
    for len in (0..=2100).step_by(52) {
        for ones in [0xff, 0] {
            let (key, counter) = (Key::new(rng.array()), rng.next());
            let mut text = reference(&key, counter, &[], &vec![ones; len]);
            // What is mixed with the same key stream twice is as before.
            text.truncate(len);
            let sealed = reference(&key, counter, &[], &text);
            assert!(sealed[..len].iter().all(|byte| *byte == ones));

            let mut from = text.clone();
            let mut to = vec![0; len + TAG_LEN];
            {
                let (src, dst) = ([cells(&mut from)], [cells(&mut to)]);
                let mut jobs = [Job::new(counter, &[], &src, &dst)];
                backend.seal(&key, &mut jobs);
            }
            assert_eq!(to, sealed, "{len} bytes of {ones} sealed");
            let (src, dst) = ([cells(&mut to)], [cells(&mut from)]);
            let mut jobs = [Job::new(counter, &[], &src, &dst)];
            backend.open(&key, &mut jobs);
            assert_eq!(jobs[0].verdict, Verdict::Good, "{len} bytes of {ones}");
            assert_eq!(from, text, "{len} bytes of {ones} opened");
        }
    }
}

/// One message of a list, with what must come of it.
struct Message {
    counter: u64,
    ad: Vec<u8>,
    src: Vec<u8>,
    /// Where it goes, if not in place.
    dst: Option<Vec<u8>>,
    len: usize,
    expected: Vec<u8>,
    verdict: Verdict,
}

/// Lists of messages of all kinds, some of them forged, cut anywhere.
pub(crate) fn lists(backend: &impl Backend, seed: u64, rounds: usize) {
    let mut rng = Rng::new(seed);
    for round in 0..rounds {
        let key = Key::new(rng.array());
        let opening = rng.below(2) == 1;
        let count = [0, 1, 1, 2, 3, 5, 8, 16, 17, 33][rng.below(10)];
        let same_size = (rng.below(2) == 1).then(|| size(&mut rng));
        let mut messages: Vec<Message> = (0..count)
            .map(|_| message(&mut rng, &key, opening, same_size))
            .collect();
        run(backend, &mut rng, &key, opening, &mut messages);
        for (i, message) in messages.iter().enumerate() {
            let buffer = message.dst.as_ref().unwrap_or(&message.src);
            let out_len = message.expected.len();
            let (before, rest) = buffer.split_at(GUARD);
            let (out, after) = rest.split_at(out_len);
            assert_eq!(out, message.expected, "round {round}, message {i}");
            let tag = if message.dst.is_none() && opening {
                TAG_LEN
            } else {
                0
            };
            assert!(before.iter().chain(&after[tag..]).all(|byte| *byte == 0x5a));
        }
    }
}

fn size(rng: &mut Rng) -> usize {
    match rng.below(8) {
        0 => rng.below(17),
        1 => 64 * rng.below(18),
        2 => 16 * rng.below(40),
        3 => 1420,
        4 => rng.below(70),
        5 => rng.below(600),
        _ => rng.below(2200),
    }
}

fn message(rng: &mut Rng, key: &Key, opening: bool, same_size: Option<usize>) -> Message {
    let len = same_size.unwrap_or_else(|| size(rng));
    let counter = rng.next() >> rng.below(64);
    let ad_len = [0, 0, 0, 1, 16, 33][rng.below(6)];
    let ad = rng.bytes(ad_len);
    let plain = rng.bytes(len);
    let mut sealed = reference(key, counter, &ad, &plain);
    let mut verdict = Verdict::Good;
    let (input, expected) = if opening {
        if rng.below(4) == 0 {
            let at = rng.below(sealed.len());
            sealed[at] ^= 1 << rng.below(8);
            verdict = Verdict::Forged;
            (sealed, vec![0; len])
        } else {
            (sealed, plain)
        }
    } else {
        (plain, sealed)
    };
    let room = len + TAG_LEN;
    let mut src = vec![0x5a; GUARD];
    src.extend(&input);
    src.resize(GUARD + room + GUARD, 0x5a);
    let dst = (rng.below(2) == 1).then(|| vec![0x5a; GUARD + room + GUARD]);
    Message {
        counter,
        ad,
        src,
        dst,
        len,
        expected,
        verdict,
    }
}

/// Makes jobs of messages, cut at random places, and has them done.
fn run(backend: &impl Backend, rng: &mut Rng, key: &Key, opening: bool, messages: &mut [Message]) {
    let mut verdicts = Vec::new();
    let mut segments = Vec::new();
    for message in messages.iter_mut() {
        let (src_len, dst_len) = match opening {
            true => (message.len + TAG_LEN, message.len),
            false => (message.len, message.len + TAG_LEN),
        };
        let src = cells(&mut message.src);
        let dst = message.dst.as_deref_mut().map_or(src, cells);
        let src = cut(rng, &src[GUARD..GUARD + src_len]);
        let dst = cut(rng, &dst[GUARD..GUARD + dst_len]);
        segments.push((message.counter, &message.ad[..], src, dst));
        verdicts.push(message.verdict);
    }
    let mut jobs: Vec<Job<'_>> = segments
        .iter()
        .map(|(counter, ad, src, dst)| Job::new(*counter, ad, src, dst))
        .collect();
    if opening {
        backend.open(key, &mut jobs);
    } else {
        backend.seal(key, &mut jobs);
    }
    let got: Vec<Verdict> = jobs.iter().map(|job| job.verdict).collect();
    assert_eq!(got, verdicts);
}

/// Cuts bytes into segments, some of them empty.
fn cut<'a>(rng: &mut Rng, mut bytes: Bytes<'a>) -> Vec<Bytes<'a>> {
    let mut out = Vec::new();
    let cuts = [0, 0, 0, 1, 2, 5, 20][rng.below(7)];
    for _ in 0..cuts {
        let (head, tail) = bytes.split_at(rng.below(bytes.len() + 1));
        out.push(head);
        bytes = tail;
    }
    out.push(bytes);
    out
}

/// Every single-bit change of a short message, its tag and its associated data is refused.
pub(crate) fn corruptions(backend: &impl Backend) {
    let mut rng = Rng::new(2);
    let key = Key::new(rng.array());
    for len in [0, 1, 16, 40, 64, 100] {
        let (plain, mut ad) = (rng.bytes(len), rng.bytes(5));
        let mut sealed = reference(&key, 7, &ad, &plain);
        let mut out = vec![0xa5; len];
        let mut verdict = |counter, ad: &[u8], sealed: &mut [u8]| {
            let (src, dst) = ([cells(sealed)], [cells(&mut out)]);
            let mut jobs = [Job::new(counter, ad, &src, &dst)];
            backend.open(&key, &mut jobs);
            let verdict = jobs[0].verdict;
            assert!(verdict == Verdict::Good || out.iter().all(|byte| *byte == 0));
            verdict
        };
        for bit in 0..8 * sealed.len() {
            sealed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verdict(7, &ad, &mut sealed), Verdict::Forged);
            sealed[bit / 8] ^= 1 << (bit % 8);
        }
        for bit in 0..8 * ad.len() {
            ad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verdict(7, &ad, &mut sealed), Verdict::Forged);
            ad[bit / 8] ^= 1 << (bit % 8);
        }
        for bit in 0..64 {
            assert_eq!(verdict(7 ^ (1 << bit), &ad, &mut sealed), Verdict::Forged);
        }
        assert_eq!(verdict(7, &ad, &mut sealed), Verdict::Good);
    }
}

/// A message that was cut short, or has bytes added, at its end or at its beginning, is refused.
pub(crate) fn truncations(backend: &impl Backend) {
    let mut rng = Rng::new(4);
    let key = Key::new(rng.array());
    let refused = |ad: &[u8], mut message: Vec<u8>| {
        let mut out = vec![0xa5; message.len() - TAG_LEN];
        let (src, dst) = ([cells(&mut message)], [cells(&mut out)]);
        let mut jobs = [Job::new(7, ad, &src, &dst)];
        backend.open(&key, &mut jobs);
        assert_eq!(jobs[0].verdict, Verdict::Forged);
        assert!(out.iter().all(|byte| *byte == 0));
    };
    for len in [0, 1, 15, 16, 17, 63, 64, 65, 300, 1420] {
        let (plain, ad) = (rng.bytes(len), rng.bytes(9));
        let sealed = reference(&key, 7, &ad, &plain);
        for cut in 1..=len {
            refused(&ad, sealed[..sealed.len() - cut].to_vec());
            refused(&ad, sealed[cut..].to_vec());
            // The tag stays, what is before it goes.
            refused(&ad, [&sealed[..len - cut], &sealed[len..]].concat());
        }
        for more in 1..=70 {
            let zeros = vec![0; more];
            refused(&ad, [&sealed[..], &zeros].concat());
            refused(&ad, [&zeros[..], &sealed].concat());
            // Between data and tag, where padding would be.
            refused(&ad, [&sealed[..len], &zeros, &sealed[len..]].concat());
        }
        // The same bytes divided otherwise between associated data and message.
        for moved in 1..=len.min(9) {
            let (head, tail) = sealed.split_at(moved);
            refused(&[&ad, head].concat(), tail.to_vec());
            let (kept, given) = ad.split_at(9 - moved);
            refused(kept, [given, &sealed].concat());
        }
    }
}

/// Lengths that do not fit are said to, write nothing, and do not disturb their neighbours.
pub(crate) fn bad_lengths(backend: &impl Backend) {
    let key = Key::new([3; 32]);
    for (from_len, to_len) in [
        (0, 0),
        (0, 15),
        (0, 17),
        (5, 5),
        (15, 3),
        (16, 1),
        (100, 90),
    ] {
        let (mut from, mut to) = (vec![1; from_len], vec![0x5a; to_len]);
        let (mut fine, mut sealed) = ([4; 30], [0; 46]);
        {
            let (src, dst) = ([cells(&mut from)], [cells(&mut to)]);
            let (fine_src, fine_dst) = ([cells(&mut fine)], [cells(&mut sealed)]);
            let mut jobs = [
                Job::new(1, &[], &src, &dst),
                Job::new(2, &[], &fine_src, &fine_dst),
            ];
            backend.seal(&key, &mut jobs);
            assert_eq!(jobs[0].verdict, Verdict::BadLength);
            assert_eq!(jobs[1].verdict, Verdict::Good);
            let mut jobs = [
                Job::new(1, &[], &src, &dst),
                Job::new(2, &[], &fine_dst, &fine_src),
            ];
            backend.open(&key, &mut jobs);
            assert_eq!(jobs[0].verdict, Verdict::BadLength);
            assert_eq!(jobs[1].verdict, Verdict::Good);
        }
        assert!(to.iter().all(|byte| *byte == 0x5a));
        assert_eq!(fine, [4; 30]);
    }
}
