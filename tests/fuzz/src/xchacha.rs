// SPDX-License-Identifier: GPL-2.0
//! XChaCha20-Poly1305 against RustCrypto's: sealed, opened, changed and of wrong lengths.
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::XChaCha20Poly1305;
use wg_crypto::aead::{xopen_slice, xseal_slice, Key};
use wg_crypto::TAG_LEN;

use crate::{planted, Script};

/// One message and one change of it.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let key = script.key();
    let nonce: [u8; 24] = script.bytes();
    let len = script.below(700);
    let ad_len = script.below(80);
    let (plain, ad) = (script.noise(len), script.noise(ad_len));
    let payload = Payload {
        msg: &plain,
        aad: &ad,
    };
    let sealed = XChaCha20Poly1305::new(&key.into()).encrypt(&nonce.into(), payload);
    let sealed = sealed.unwrap_or_default();

    let key = Key::new(key);
    let mut ours = vec![0x5a; len + TAG_LEN];
    assert!(xseal_slice(&key, &nonce, &ad, &plain, &mut ours));
    if planted("xchacha/seal") && len > 256 {
        ours[256] ^= 1;
    }
    assert_eq!(ours, sealed);

    let mut opened = vec![0x5a; len];
    assert!(xopen_slice(&key, &nonce, &ad, &sealed, &mut opened));
    assert_eq!(opened, plain);

    // Any one bit of message, data or nonce.
    let (mut sealed, mut ad, mut nonce) = (sealed, ad, nonce);
    let bit = 1 << script.below(8);
    match script.below(3) {
        0 if !ad.is_empty() => {
            let at = script.below(ad.len());
            ad[at] ^= bit;
        }
        1 => nonce[script.below(24)] ^= bit,
        _ => {
            let at = script.below(sealed.len());
            sealed[at] ^= bit;
        }
    }
    let mut good = xopen_slice(&key, &nonce, &ad, &sealed, &mut opened);
    good |= planted("xchacha/forged") && len == 0;
    assert!(!good, "a forgery was opened");
    assert!(opened.iter().all(|byte| *byte == 0), "not wiped");

    // Lengths that do not fit leave the output alone.
    let wrong = script.below(2 * (len + TAG_LEN) + 2);
    let mut out = vec![0x5a; wrong];
    if wrong != len + TAG_LEN {
        assert!(!xseal_slice(&key, &nonce, &ad, &plain, &mut out));
        assert!(out.iter().all(|byte| *byte == 0x5a));
    }
    if wrong != len {
        assert!(!xopen_slice(&key, &nonce, &ad, &sealed, &mut out));
        assert!(out.iter().all(|byte| *byte == 0x5a));
    }
}
