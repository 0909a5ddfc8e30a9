// SPDX-License-Identifier: GPL-2.0
//! How far a dump has come: what is kept between two of its messages.
//!
//! One for each dump that is under way. The driver keeps it in the `args` of the kernel's
//! `struct netlink_callback` (48 bytes, zeroed before the first message) beside its reference to the
//! device, which is why a cursor can be taken apart into four words, all zero at the start. It owns
//! nothing: a peer in it is an id, looked up anew for every message.

/// How far a dump has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor(pub(super) State);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum State {
    /// Nothing has been sent.
    #[default]
    Start,
    /// The device has been sent; not even the first peer fitted beside it.
    Device,
    /// All peers up to the one of this id have been sent.
    After(u64),
    /// Some of a peer's allowed IPs have been sent, with all else of the peer.
    Within(Within),
    /// Everything has been sent.
    Finished,
}

/// A peer that goes on in the next message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Within {
    /// The peer.
    pub(super) peer: u64,
    /// The last of its allowed IPs that has been sent.
    pub(super) after: Option<u64>,
    /// The generation of the allowed IPs in which that was so.
    pub(super) generation: u64,
    /// The next message begins with the device again. C repeats it as long as no peer is complete,
    /// because it goes by the last complete peer.
    pub(super) repeat_device: bool,
}

const START: u64 = 0;
const DEVICE: u64 = 1;
const AFTER: u64 = 2;
const WITHIN: u64 = 3;
const FINISHED: u64 = 4;
/// Bits beside `WITHIN`.
const HAS_AFTER: u64 = 1 << 8;
const REPEAT_DEVICE: u64 = 1 << 9;

impl Cursor {
    /// Takes the cursor apart.
    pub const fn to_words(self) -> [u64; 4] {
        match self.0 {
            State::Start => [START, 0, 0, 0],
            State::Device => [DEVICE, 0, 0, 0],
            State::After(peer) => [AFTER, peer, 0, 0],
            State::Within(within) => {
                let (has_after, after) = match within.after {
                    Some(after) => (HAS_AFTER, after),
                    None => (0, 0),
                };
                let repeat_device = if within.repeat_device {
                    REPEAT_DEVICE
                } else {
                    0
                };
                let tag = WITHIN | has_after | repeat_device;
                [tag, within.peer, after, within.generation]
            }
            State::Finished => [FINISHED, 0, 0, 0],
        }
    }

    /// Puts a cursor together again. Words that are none count as the end of the dump.
    pub const fn from_words(words: [u64; 4]) -> Self {
        let [tag, peer, after, generation] = words;
        Self(match tag & !(HAS_AFTER | REPEAT_DEVICE) {
            START => State::Start,
            DEVICE => State::Device,
            AFTER => State::After(peer),
            WITHIN => State::Within(Within {
                peer,
                after: if tag & HAS_AFTER != 0 {
                    Some(after)
                } else {
                    None
                },
                generation,
                repeat_device: tag & REPEAT_DEVICE != 0,
            }),
            _ => State::Finished,
        })
    }
}

const _: () = assert!(size_of::<Cursor>() <= 40);
