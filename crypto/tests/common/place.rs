// SPDX-License-Identifier: GPL-2.0
//! Messages at every alignment, against the portable back end and the independent library.
use wg_crypto::aead::{Job, Key, Verdict};
use wg_crypto::{Backend, Portable, TAG_LEN};

use super::{cells, reference, Rng};

/// What vector code may care about.
const LINE: usize = 64;

/// Bytes of which the first `GUARD` lie before a place of known alignment.
struct Arena {
    bytes: Vec<u8>,
    start: usize,
}

impl Arena {
    /// Room for `len` bytes at any alignment, and a line on either side.
    fn new(len: usize) -> Self {
        let bytes = vec![0; len + 4 * LINE];
        let start = LINE + bytes[LINE..].as_ptr().align_offset(LINE);
        Self { bytes, start }
    }

    /// `len` bytes that begin `shift` after a line does, and all of the guards filled anew.
    fn place(&mut self, shift: usize, len: usize) -> &mut [u8] {
        let start = self.start + shift;
        self.bytes[start - LINE..start + len + LINE].fill(0x5a);
        &mut self.bytes[start..start + len]
    }

    /// Nothing beside the place was written.
    fn untouched(&self, shift: usize, len: usize) -> bool {
        let start = self.start + shift;
        let before = &self.bytes[start - LINE..start];
        let after = &self.bytes[start + len..start + len + LINE];
        before.iter().chain(after).all(|byte| *byte == 0x5a)
    }
}

/// Each length with its source, and its destination, at each of `shifts` of 64; sealed, opened and
/// opened with a wrong tag, to another buffer and in place.
pub(crate) fn alignments(
    backend: &impl Backend,
    lengths: impl Iterator<Item = usize>,
    shifts: impl Iterator<Item = usize> + Clone,
) {
    let mut rng = Rng::new(3);
    let key = Key::new(rng.array());
    let (mut from, mut to) = (Arena::new(2200), Arena::new(2200));
    for len in lengths {
        let counter = rng.next();
        let ad = rng.bytes([0, 0, 16, 13][len % 4]);
        let plain = rng.bytes(len);
        let sealed = reference(&key, counter, &ad, &plain);
        assert_eq!(portably(&key, counter, &ad, &plain), sealed, "{len} bytes");
        let mut forged = sealed.clone();
        let bit = rng.below(8 * TAG_LEN);
        forged[len + bit / 8] ^= 1 << (bit % 8);

        for shift in shifts.clone() {
            // Odd, so that every alignment of the destination comes as well.
            let other = (shift * 37 + len) % LINE;
            let case = Case {
                key: &key,
                counter,
                ad: &ad,
                shift,
                other,
            };
            let wiped = vec![0; len];
            use Verdict::{Forged, Good};
            case.apart(backend, false, (&plain, &sealed, Good), &mut from, &mut to);
            case.apart(backend, true, (&sealed, &plain, Good), &mut from, &mut to);
            case.apart(backend, true, (&forged, &wiped, Forged), &mut from, &mut to);
            case.in_place(backend, false, (&plain, &sealed, Good), &mut from);
            case.in_place(backend, true, (&sealed, &plain, Good), &mut from);
            case.in_place(backend, true, (&forged, &wiped, Forged), &mut from);
        }
    }
}

/// What the portable back end makes of a message.
fn portably(key: &Key, counter: u64, ad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut from = plain.to_vec();
    let mut to = vec![0; plain.len() + TAG_LEN];
    let (src, dst) = ([cells(&mut from)], [cells(&mut to)]);
    let mut jobs = [Job::new(counter, ad, &src, &dst)];
    Portable.seal(key, &mut jobs);
    assert_eq!(jobs[0].verdict, Verdict::Good);
    to
}

/// A message and where it lies.
struct Case<'a> {
    key: &'a Key,
    counter: u64,
    ad: &'a [u8],
    shift: usize,
    other: usize,
}

impl Case<'_> {
    fn apart(
        &self,
        backend: &impl Backend,
        opening: bool,
        (input, output, verdict): (&[u8], &[u8], Verdict),
        from: &mut Arena,
        to: &mut Arena,
    ) {
        let (shift, other) = (self.shift, self.other);
        let source = from.place(shift, input.len());
        source.copy_from_slice(input);
        let target = to.place(other, output.len());
        let (src, dst) = ([cells(source)], [cells(target)]);
        let mut jobs = [Job::new(self.counter, self.ad, &src, &dst)];
        self.run(backend, opening, &mut jobs, verdict);
        let what = format!("{} bytes from {shift} to {other}", input.len());
        assert_eq!(source, input, "{what}: source");
        assert_eq!(target, output, "{what}");
        assert!(to.untouched(other, output.len()), "{what}: guards");
    }

    fn in_place(
        &self,
        backend: &impl Backend,
        opening: bool,
        (input, output, verdict): (&[u8], &[u8], Verdict),
        arena: &mut Arena,
    ) {
        let len = input.len().max(output.len());
        let place = arena.place(self.shift, len);
        place[..input.len()].copy_from_slice(input);
        let all = cells(place);
        let (src, dst) = ([&all[..input.len()]], [&all[..output.len()]]);
        let mut jobs = [Job::new(self.counter, self.ad, &src, &dst)];
        self.run(backend, opening, &mut jobs, verdict);
        let what = format!("{} bytes in place at {}", input.len(), self.shift);
        assert_eq!(place[..output.len()], *output, "{what}");
        if opening {
            let tag = &input[output.len()..];
            assert_eq!(&place[output.len()..], tag, "{what}: tag");
        }
        assert!(arena.untouched(self.shift, len), "{what}: guards");
    }

    fn run(&self, backend: &impl Backend, opening: bool, jobs: &mut [Job<'_>], verdict: Verdict) {
        if opening {
            backend.open(self.key, jobs);
        } else {
            backend.seal(self.key, jobs);
        }
        let what = (self.shift, self.other, opening);
        assert_eq!(jobs[0].verdict, verdict, "{}: {what:?}", backend.name());
    }
}
