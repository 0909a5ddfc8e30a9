// SPDX-License-Identifier: GPL-2.0
//! The vectors of RFC 8439, 7748 and 7693, as far as WireGuard uses what they are for.
use std::vec::Vec;

use crate::aead::{open_contiguous, seal_contiguous, Key};
use crate::blake2s::{self, Blake2s};
use crate::x25519::Curve;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn array(text: &str) -> [u8; 32] {
    hex(text).try_into().unwrap()
}

/// A nonce of twelve bytes as words.
fn words(text: &str) -> [u32; 3] {
    let bytes = hex(text);
    std::array::from_fn(|i| u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap()))
}

fn aead(key: &str, nonce: &str, ad: &str, plain: &[u8], sealed: &str) {
    let (key, nonce) = (Key::new(array(key)), words(nonce));
    let (ad, sealed) = (hex(ad), hex(sealed));
    let mut out = std::vec![0; plain.len() + 16];
    assert!(seal_contiguous(&key, nonce, &ad, plain, &mut out));
    assert_eq!(out, sealed);
    let mut opened = std::vec![0; plain.len()];
    assert!(open_contiguous(&key, nonce, &ad, &sealed, &mut opened));
    assert_eq!(opened, plain);
}

/// RFC 8439, section 2.8.2.
#[test]
fn aead_example() {
    aead(
        "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "070000004041424344454647",
        "50515253c0c1c2c3c4c5c6c7",
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
          future, sunscreen would be it.",
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6\
         3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36\
         92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
         3ff4def08e4b7a9de576d26586cec64b6116\
         1ae10b594f09e26a7e902ecbd0600691",
    );
}

/// RFC 8439, appendix A.5.
#[test]
fn aead_decryption() {
    let plain = "Internet-Drafts are draft documents valid for a maximum of six months and may be \
                 updated, replaced, or obsoleted by other documents at any time. It is \
                 inappropriate to use Internet-Drafts as reference material or to cite them other \
                 than as /\u{201c}work in progress./\u{201d}";
    aead(
        "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
        "000000000102030405060708",
        "f33388860000000000004e91",
        plain.as_bytes(),
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2\
         4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf\
         332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855\
         9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4\
         b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e\
         af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a\
         0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10\
         49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29\
         a6ad5cb4022b02709b\
         eead9d67890cbb22392336fea1851f38",
    );
}

/// RFC 7748, section 5.2: two pairs.
#[test]
fn x25519_pairs() {
    for (scalar, u, out) in [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ] {
        let got = Curve::PORTABLE.shared(&array(scalar), &array(u)).unwrap();
        assert_eq!(got.as_bytes(), &array(out));
    }
}

/// RFC 7748, section 5.2: one and a thousand iterations.
#[test]
fn x25519_iterated() {
    let (mut k, mut u) = ([0; 32], [0; 32]);
    (k[0], u[0]) = (9, 9);
    for round in 1..=1000 {
        let next = *Curve::PORTABLE.shared(&k, &u).unwrap().as_bytes();
        (k, u) = (next, k);
        let expected = match round {
            1 => "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
            1000 => "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51",
            _ => continue,
        };
        assert_eq!(k, array(expected), "{round} iterations");
    }
}

/// RFC 7748, section 6.1.
#[test]
fn x25519_agreement() {
    let alice = array("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    let bob = array("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    let alice_public = array("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    let bob_public = array("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    let both = array("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(Curve::PORTABLE.public_key(&alice), alice_public);
    assert_eq!(Curve::PORTABLE.public_key(&bob), bob_public);
    let shared = |secret, public| *Curve::PORTABLE.shared(secret, public).unwrap().as_bytes();
    assert_eq!(shared(&alice, &bob_public), both);
    assert_eq!(shared(&bob, &alice_public), both);
}

/// RFC 7693, appendix B.
#[test]
fn blake2s_abc() {
    let expected = array("508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
    assert_eq!(blake2s::hash(&[b"abc"]), expected);
}

/// RFC 7693, appendix E: a digest over digests of several lengths, with and without keys.
#[test]
fn blake2s_self_test() {
    fn sequence(len: usize, seed: u32) -> Vec<u8> {
        let (mut a, mut b) = (0xdead_4badu32.wrapping_mul(seed), 1u32);
        let step = || {
            (a, b) = (b, a.wrapping_add(b));
            (b >> 24) as u8
        };
        std::iter::repeat_with(step).take(len).collect()
    }
    let mut all = Blake2s::new(32);
    for out_len in [16, 20, 28, 32] {
        for in_len in [0, 3, 64, 65, 255, 1024] {
            let input = sequence(in_len, in_len as u32);
            let key = sequence(out_len, out_len as u32);
            for mut state in [Blake2s::new(out_len), Blake2s::keyed(out_len, &key)] {
                state.update(&input);
                let mut out = std::vec![0; out_len];
                state.finish(&mut out);
                all.update(&out);
            }
        }
    }
    let mut out = [0; 32];
    all.finish(&mut out);
    let expected = array("6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe");
    assert_eq!(out, expected);
}
