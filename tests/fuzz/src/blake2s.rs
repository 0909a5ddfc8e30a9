// SPDX-License-Identifier: GPL-2.0
//! BLAKE2s, keyed and not, HMAC and the key derivation against RustCrypto's.
use blake2::digest::consts::{U1, U16, U20, U32, U7};
use blake2::digest::{Digest, KeyInit, Mac, OutputSizeUser};
use blake2::{Blake2s, Blake2s256, Blake2sMac};
use hmac::SimpleHmac;
use wg_crypto::blake2s;

use crate::{planted, Script};

/// Cuts bytes into up to five parts.
fn cut<'a>(script: &mut Script<'_>, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    for _ in 0..script.below(5) {
        let (head, tail) = bytes.split_at(script.below(bytes.len() + 1));
        parts.push(head);
        bytes = tail;
    }
    parts.push(bytes);
    parts
}

/// A digest of this many bytes, fed in parts.
fn ours(out_len: usize, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut state = match key {
        [] => blake2s::Blake2s::new(out_len),
        _ => blake2s::Blake2s::keyed(out_len, key),
    };
    for part in parts {
        state.update(part);
    }
    let mut out = vec![0; out_len];
    state.finish(&mut out);
    out
}

fn plain<D: Digest + OutputSizeUser>(parts: &[&[u8]], input: &[u8]) {
    let expected = D::digest(input);
    assert_eq!(ours(expected.len(), &[], parts), expected.to_vec());
}

fn keyed<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]], input: &[u8]) {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        panic!("a key of {} bytes", key.len())
    };
    mac.update(input);
    let expected = mac.finalize().into_bytes();
    let mut got = ours(expected.len(), key, parts);
    if planted("blake2s/key-block") && key.len() == 32 && input.len() == 64 {
        got[0] ^= 1;
    }
    assert_eq!(got, expected.to_vec());
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = SimpleHmac::<Blake2s256>::new_from_slice(key) else {
        panic!("a key of {} bytes", key.len())
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// One input, cut, under one key, through every function.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let len = script.below(400);
    let input = script.noise(len);
    let key_len = 1 + script.below(32);
    let key = script.noise(key_len);
    let cuts = cut(&mut script, &input);

    plain::<Blake2s<U32>>(&cuts, &input);
    plain::<Blake2s<U20>>(&cuts, &input);
    plain::<Blake2s<U1>>(&cuts, &input);
    keyed::<Blake2sMac<U16>>(&key, &cuts, &input);
    keyed::<Blake2sMac<U32>>(&key, &cuts, &input);
    keyed::<Blake2sMac<U7>>(&key, &cuts, &input);
    assert_eq!(blake2s::hash(&cuts).to_vec(), ours(32, &[], &[&input]));
    assert_eq!(
        blake2s::mac16(&key, &cuts).to_vec(),
        ours(16, &key, &[&input])
    );
    let whole = script.key();
    assert_eq!(
        blake2s::MacKey::new(&whole).mac16(&input).to_vec(),
        ours(16, &whole, &[&input])
    );

    let long = script.below(200);
    let long = script.noise(long);
    let mut mac = blake2s::hmac(&long, &cuts);
    if planted("blake2s/hmac") && long.len() > 64 {
        mac[31] ^= 1;
    }
    assert_eq!(mac, hmac(&long, &[&input]));

    // HKDF: extract, then a chain of one-byte numbers.
    let extracted = hmac(&whole, &[&input]);
    let first = hmac(&extracted, &[&[1]]);
    let second = hmac(&extracted, &[&first, &[2]]);
    let third = hmac(&extracted, &[&second, &[3]]);
    let bytes = |secret: &wg_crypto::Secret| *secret.as_bytes();
    assert_eq!(blake2s::kdf1(&whole, &input).each_ref().map(bytes), [first]);
    assert_eq!(
        blake2s::kdf2(&whole, &input).each_ref().map(bytes),
        [first, second]
    );
    assert_eq!(
        blake2s::kdf3(&whole, &input).each_ref().map(bytes),
        [first, second, third]
    );
}
