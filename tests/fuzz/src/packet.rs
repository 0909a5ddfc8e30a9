// SPDX-License-Identifier: GPL-2.0
//! Datagrams at the door: what they claim to be, mac1, cookies and their replies, in time.
//!
//! Messages are any bytes, or handshake messages by somebody who knows the device's public key
//! (with MACs that hold, and with some bits turned). What the MACs are worth is worked out a second
//! time, with another library, from what was sent to whom when.
use std::sync::OnceLock;

use blake2::digest::consts::U16;
use blake2::digest::{Digest, KeyInit, Mac};
use blake2::{Blake2s256, Blake2sMac};
use wg_protocol::cookie::{Checker, Jar, Mac1, MacState, SECRET_LATENCY, SECRET_MAX_AGE};
use wg_protocol::message::{self, classify, CookieReply, DataHeader, Initiation, Kind, Response};
use wg_protocol::noise::Identity;
use wg_protocol::{Instant, SECOND};

use crate::{planted, Script};

/// Sources as they are on the wire: address and port, two for each IP version.
const SOURCES: [&[u8]; 4] = [
    &[10, 0, 0, 1, 0, 1],
    &[10, 0, 0, 1, 0, 2],
    &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1],
    &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1],
];

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let Ok(mut mac) = <Blake2sMac<U16> as KeyInit>::new_from_slice(key) else {
        panic!("a key of {} bytes", key.len())
    };
    parts.iter().for_each(|part| Mac::update(&mut mac, part));
    mac.finalize().into_bytes().into()
}

/// The public keys of two devices, of which datagrams are for the first.
fn publics() -> &'static [[u8; 32]; 2] {
    static PUBLICS: OnceLock<[[u8; 32]; 2]> = OnceLock::new();
    PUBLICS.get_or_init(|| [1, 2].map(|n| *Identity::new([n; 32]).public()))
}

fn mac1_key(public: &[u8; 32]) -> [u8; 32] {
    let digest = Blake2s256::new().chain_update(b"mac1----");
    digest.chain_update(public).finalize().into()
}

/// Sections 5.4.2 to 5.4.6 of the paper, once more.
fn kind(bytes: &[u8], len: usize) -> Option<Kind> {
    let word = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    match word {
        1 if len == 148 => Some(Kind::Initiation),
        2 if len == 92 => Some(Kind::Response),
        3 if len == 64 => Some(Kind::CookieReply),
        4 if len >= 32 => Some(Kind::Data),
        _ => None,
    }
}

/// A cookie that a sender has.
#[derive(Clone, Copy)]
struct Cookie {
    /// Of which of the checker's secrets, for which source.
    secret: usize,
    source: usize,
    received: u64,
}

/// Somebody who sends from several sources.
struct Sender {
    jar: Jar,
    cookie: Option<Cookie>,
    /// mac1 of the last message, if no reply to it has come.
    last: Option<[u8; 16]>,
}

struct Door {
    checker: Checker,
    mac1: Mac1,
    now: u64,
    /// How many secrets there were, and when the last one was drawn.
    secrets: usize,
    drawn: u64,
    sender: Sender,
    /// Replies that were made: to which mac1, with which cookie.
    replies: Vec<(CookieReply, [u8; 16], usize, usize)>,
}

impl Door {
    fn now(&self) -> Instant {
        Instant(self.now)
    }

    fn rotate(&mut self) {
        let due = self.secrets == 0 || self.drawn + SECRET_MAX_AGE <= self.now;
        assert_eq!(self.checker.secret_due(self.now()), due);
        let fresh = [self.secrets as u8; 32];
        self.checker.rotate_if_due(self.now(), &fresh);
        if due {
            self.secrets += 1;
            self.drawn = self.now;
        }
    }

    /// Which secret a cookie would be made of.
    fn secret(&self) -> Option<usize> {
        self.secrets.checked_sub(1)
    }

    /// A message by the sender: its MACs, and whether mac2 is there and of which cookie.
    fn sign(&mut self, public: &[u8; 32], message: &mut [u8]) -> Option<Cookie> {
        let now = self.now();
        self.sender.jar.add_macs(public, message, now);
        let (body, macs) = message.split_at(message.len() - 32);
        let expected = mac(&mac1_key(public), &[body]);
        assert_eq!(macs[..16], expected, "mac1");
        self.sender.last = Some(expected);
        let mut lasts = SECRET_MAX_AGE - SECRET_LATENCY;
        if planted("packet/cookie-age") {
            lasts += SECOND;
        }
        let fresh = self
            .sender
            .cookie
            .filter(|cookie| self.now < cookie.received + lasts);
        assert_eq!(macs[16..] != [0; 16], fresh.is_some(), "mac2");
        fresh
    }

    /// A datagram comes from a source. `cookie` is what its mac2 is of, if it holds.
    fn receive(&mut self, datagram: &[u8], source: usize, cookie: Option<Cookie>) {
        classified(datagram);
        let view = self.checker.view();
        let src = SOURCES[source];
        let genuine = match datagram.len() {
            148 | 92 => {
                let (body, macs) = datagram.split_at(datagram.len() - 32);
                mac(&mac1_key(&publics()[0]), &[body]) == macs[..16]
            }
            _ => false,
        };
        let known = |cookie: Cookie| Some(cookie.secret) == self.secret();
        let mut paid = cookie.is_some_and(|cookie| known(cookie) && cookie.source == source);
        if planted("packet/source") {
            paid = cookie.is_some_and(known);
        }
        assert_eq!(self.mac1.is_valid(datagram), genuine);
        assert_eq!(
            view.mac_state(datagram, None),
            match genuine {
                true => MacState::ValidNoCookie,
                false => MacState::Invalid,
            }
        );
        assert_eq!(
            view.mac_state(datagram, Some(src)),
            match (genuine, paid) {
                (false, _) => MacState::Invalid,
                (true, false) => MacState::ValidNoCookie,
                (true, true) => MacState::ValidWithCookie,
            }
        );
        if genuine {
            assert_eq!(view.has_cookie(datagram, src), paid);
        }
        let reply = view.reply(datagram, src, [datagram.len() as u8; 24]);
        match (self.secret(), datagram.len()) {
            (Some(secret), 148 | 92) => {
                let Some(reply) = reply else {
                    panic!("no reply")
                };
                assert_eq!(reply.receiver().to_le_bytes(), datagram[4..8]);
                let Ok(mac1) = datagram[datagram.len() - 32..datagram.len() - 16].try_into() else {
                    return;
                };
                if self.replies.len() < 16 {
                    self.replies.push((reply, mac1, secret, source));
                }
            }
            _ => assert!(reply.is_none()),
        }
    }

    /// The sender gets a reply, which may be to anything, with a bit turned if so said.
    fn reply(&mut self, script: &mut Script<'_>) {
        let Some(at) = self
            .replies
            .len()
            .checked_sub(1 + script.below(self.replies.len().max(1)))
        else {
            return;
        };
        let (mut reply, mac1, secret, source) = self.replies[at].clone();
        let broken = script.below(4) == 0;
        if broken {
            // Nonce and cookie; the index is not authentic.
            reply.as_mut_bytes()[8 + script.below(56)] ^= 1 << script.below(8);
        }
        let (now, public) = (self.now(), &publics()[0]);
        let taken = self.sender.jar.consume_reply(public, &reply, now);
        let mut expected = !broken && self.sender.last == Some(mac1);
        if planted("packet/second-reply") && self.sender.last.is_none() && !broken {
            expected = self.sender.cookie.is_some();
        }
        assert_eq!(taken, expected, "reply");
        if taken {
            self.sender.last = None;
            self.sender.cookie = Some(Cookie {
                secret,
                source,
                received: self.now,
            });
        }
    }
}

/// What a datagram claims to be, and the forms that it has then.
fn classified(datagram: &[u8]) {
    let len = datagram.len();
    let mut expected = kind(datagram, len);
    if planted("packet/kind") && len == 92 && datagram[0] == 2 {
        expected = None;
    }
    let got = classify(datagram, len);
    assert_eq!(got, expected);
    // The door sees no more than the beginning.
    assert_eq!(classify(&datagram[..len.min(16)], len), expected);
    let initiation = Initiation::from_bytes(datagram);
    let response = Response::from_bytes(datagram);
    let reply = CookieReply::from_bytes(datagram);
    assert_eq!(initiation.is_some(), got == Some(Kind::Initiation));
    assert_eq!(response.is_some(), got == Some(Kind::Response));
    assert_eq!(reply.is_some(), got == Some(Kind::CookieReply));
    let word = |at: usize| datagram.get(at..at + 4).map(|b| [b[0], b[1], b[2], b[3]]);
    let word = |at| word(at).map(u32::from_le_bytes);
    for kind in [
        Kind::Initiation,
        Kind::Response,
        Kind::CookieReply,
        Kind::Data,
    ] {
        let at = match kind {
            Kind::Initiation => None,
            Kind::Response => word(8),
            Kind::CookieReply | Kind::Data => word(4),
        };
        assert_eq!(message::receiver(kind, datagram), at);
    }
    if let Some(message) = initiation {
        assert_eq!(message.as_bytes()[..], *datagram);
        assert_eq!(Some(message.sender()), word(4));
    }
    if let Some(message) = response {
        assert_eq!(message.as_bytes()[..], *datagram);
        assert_eq!(Some(message.sender()), word(4));
        assert_eq!(Some(message.receiver()), word(8));
    }
    if let Some(message) = reply {
        assert_eq!(message.as_bytes()[..], *datagram);
        assert_eq!(Some(message.receiver()), word(4));
    }
    match DataHeader::parse(datagram) {
        Some(header) => {
            assert_eq!(header.to_bytes()[..], datagram[..16]);
            assert_eq!(Some(header.receiver), word(4));
        }
        None => assert!(len < 16 || datagram[..4] != [4, 0, 0, 0]),
    }
}

/// Reference 1.4: up to a multiple of 16 but not beyond the MTU, of what is left of a packet that
/// will be cut.
fn padding(len: usize, mtu: usize) {
    let padded = message::padding(len, mtu);
    let last = if mtu != 0 && len > mtu {
        len % mtu
    } else {
        len
    };
    let full = last.next_multiple_of(16);
    let full = if mtu != 0 { full.min(mtu) } else { full };
    assert_eq!(last + padded, full, "{len} of {mtu}");
}

/// A script of datagrams and pauses.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut door = Door {
        checker: Checker::new(Some(&publics()[0])),
        mac1: Mac1::new(&publics()[0]),
        now: 1000 * SECOND,
        secrets: 0,
        drawn: 0,
        sender: Sender {
            jar: Jar::new(),
            cookie: None,
            last: None,
        },
        replies: Vec::new(),
    };
    while !script.is_empty() {
        let source = script.below(SOURCES.len());
        match script.below(8) {
            // Around the ages of cookies and of secrets.
            0 => door.now += SECOND * script.of(&[1, 5, 59, 114, 115, 119, 120, 121]),
            1 => door.now += u64::from(script.u32()),
            2 => door.rotate(),
            3 => door.reply(&mut script),
            4 => {
                // As it comes, of any length or of one that there is.
                let len = script.of(&[148, 92, 64, 32, 16, 0, 4, 33]);
                let len = if script.bool() {
                    len
                } else {
                    script.below(160)
                };
                let mut datagram = script.take(len).to_vec();
                if script.bool() {
                    datagram.resize(len, 0);
                }
                door.receive(&datagram, source, None);
            }
            5 => padding(script.u16().into(), script.u16().into()),
            _ => {
                // With MACs for this device, or for another.
                let (kind, len) = script.of(&[(1, 148), (2, 92)]);
                let public = &publics()[usize::from(script.byte() == 0)];
                let mut datagram = vec![0; len];
                datagram[0] = kind;
                datagram[4] = script.byte();
                datagram[20] = script.byte();
                let mut cookie = door.sign(public, &mut datagram);
                if script.below(4) == 0 {
                    let at = script.below(len);
                    datagram[at] ^= 1 << script.below(8);
                    cookie = None;
                }
                door.receive(&datagram, source, cookie);
            }
        }
    }
}
