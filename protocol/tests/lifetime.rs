// SPDX-License-Identifier: GPL-2.0
//! Ages and counts of keys (reference 1.1, 1.4; paper sections 6.1 and 6.2).

use wg_protocol::lifetime::*;
use wg_protocol::{Instant, SECOND};

/// Reference 1.1, exact values.
#[test]
fn constants() {
    assert_eq!(REKEY_AFTER_MESSAGES, 1 << 60);
    assert_eq!(REJECT_AFTER_MESSAGES, u64::MAX - 8128 - 1);
    assert_eq!(REKEY_TIMEOUT, 5_000_000_000);
    assert_eq!(REKEY_TIMEOUT_JITTER, 333_333_333);
    assert_eq!(REKEY_AFTER_TIME, 120_000_000_000);
    assert_eq!(REJECT_AFTER_TIME, 180_000_000_000);
    assert_eq!(KEEPALIVE_TIMEOUT, 10_000_000_000);
    assert_eq!(NEW_HANDSHAKE_TIMEOUT, 15_000_000_000);
    assert_eq!(REKEY_AFTER_TIME_RECEIVING, 165_000_000_000);
    assert_eq!(ZERO_KEYS_TIMEOUT, 540_000_000_000);
    assert_eq!(MAX_HANDSHAKE_ATTEMPTS, 18);
}

/// Reference 1.4 "TX refusal".
#[test]
fn sending_is_refused() {
    assert!(may_send(0, 0));
    assert!(may_send(REJECT_AFTER_TIME - 1, REJECT_AFTER_MESSAGES - 1));
    assert!(!may_send(REJECT_AFTER_TIME, 0));
    assert!(!may_send(0, REJECT_AFTER_MESSAGES));
    assert!(!may_send(u64::MAX, u64::MAX));
}

/// Reference 1.4 "TX rekey": the count is compared with `>`, the age with `>=`.
#[test]
fn renewal_after_sending() {
    assert!(!rekey_after_sending(true, REKEY_AFTER_TIME - 1, 0));
    assert!(rekey_after_sending(true, REKEY_AFTER_TIME, 0));
    assert!(!rekey_after_sending(false, REJECT_AFTER_TIME, 0));
    for initiator in [true, false] {
        assert!(!rekey_after_sending(initiator, 0, REKEY_AFTER_MESSAGES));
        assert!(rekey_after_sending(initiator, 0, REKEY_AFTER_MESSAGES + 1));
    }
}

/// Reference 1.4 "RX rekey".
#[test]
fn renewal_after_receiving() {
    assert!(!rekey_after_receiving(true, 165 * SECOND - 1));
    assert!(rekey_after_receiving(true, 165 * SECOND));
    assert!(!rekey_after_receiving(false, 165 * SECOND));
}

/// Reference 1.4 "RX refusal".
#[test]
fn receiving_is_refused() {
    assert!(may_receive(
        REJECT_AFTER_TIME - 1,
        REJECT_AFTER_MESSAGES - 1
    ));
    assert!(!may_receive(REJECT_AFTER_TIME, 0));
    assert!(!may_receive(0, REJECT_AFTER_MESSAGES));
}

#[test]
fn time_saturates() {
    assert_eq!(Instant(7).since(Instant(5)), 2);
    assert_eq!(Instant(5).since(Instant(7)), 0);
    assert_eq!(Instant(u64::MAX).plus(1), Instant(u64::MAX));
}
