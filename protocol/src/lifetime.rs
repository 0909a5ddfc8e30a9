// SPDX-License-Identifier: GPL-2.0
//! How long a session's keys live: constants and decisions.
//!
//! Sections 6.1 and 6.2 of the WireGuard paper. Ages are nanoseconds since the key was made
//! ([`crate::Instant::since`]); durations are nanoseconds. There is no state here.

use crate::{replay, SECOND};

/// After so many messages an exchange of keys is begun.
pub const REKEY_AFTER_MESSAGES: u64 = 1 << 60;
/// After so many messages a key is dead: the window must still fit above it.
pub const REJECT_AFTER_MESSAGES: u64 = u64::MAX - replay::SIZE - 1;
/// A handshake without an answer is tried again after this.
pub const REKEY_TIMEOUT: u64 = 5 * SECOND;
/// Retries are spread over this much more (exclusive).
pub const REKEY_TIMEOUT_JITTER: u64 = SECOND / 3;
/// An initiator renews a key of this age when it sends.
pub const REKEY_AFTER_TIME: u64 = 120 * SECOND;
/// A key of this age is dead.
pub const REJECT_AFTER_TIME: u64 = 180 * SECOND;
/// Who has received data and had nothing to say for this long says so.
pub const KEEPALIVE_TIMEOUT: u64 = 10 * SECOND;
/// Who has sent data and heard nothing for this long begins a handshake.
pub const NEW_HANDSHAKE_TIMEOUT: u64 = KEEPALIVE_TIMEOUT + REKEY_TIMEOUT;
/// An initiator renews a key of this age when it receives: in time for one more try.
pub const REKEY_AFTER_TIME_RECEIVING: u64 = REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT;
/// Key material that has not been renewed for this long is wiped.
pub const ZERO_KEYS_TIMEOUT: u64 = 3 * REJECT_AFTER_TIME;
/// A handshake is retried so often that about this much time passes.
pub const REKEY_ATTEMPT_TIME: u64 = 90 * SECOND;
/// Retries of a handshake; one more is still made when so many have been.
pub const MAX_HANDSHAKE_ATTEMPTS: u8 = (REKEY_ATTEMPT_TIME / REKEY_TIMEOUT) as u8;

/// Whether a key of this age may still encrypt the message with this counter (of a run of
/// messages: the last one's).
pub const fn may_send(age: u64, counter: u64) -> bool {
    age < REJECT_AFTER_TIME && counter < REJECT_AFTER_MESSAGES
}

/// Whether a handshake is due after sending; `counter` is the next one to be used.
pub const fn rekey_after_sending(initiator: bool, age: u64, counter: u64) -> bool {
    counter > REKEY_AFTER_MESSAGES || (initiator && age >= REKEY_AFTER_TIME)
}

/// Whether a handshake is due after receiving. It is begun once in a session's life
/// ([`crate::timers::Timers::take_lastminute`]).
pub const fn rekey_after_receiving(initiator: bool, age: u64) -> bool {
    initiator && age >= REKEY_AFTER_TIME_RECEIVING
}

/// Whether a key of this age may still decrypt; `greatest` is [`replay::Window::greatest`].
pub const fn may_receive(age: u64, greatest: u64) -> bool {
    age < REJECT_AFTER_TIME && greatest < REJECT_AFTER_MESSAGES
}
