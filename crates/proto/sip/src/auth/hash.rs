//! The hashes of Digest (RFC 7616 3.4, RFC 8760 2.6).

use directory::Algorithm;
use md5::Md5;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512_256};

/// What a response is computed over, besides the secret.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The nonce of the challenge.
    pub nonce: &'a str,
    /// `nc`, `cnonce` and `qop` as written; `None` for the form of RFC 2069, which has no qop.
    pub quality: Option<(&'a str, &'a str, &'a str)>,
    /// The method of the request.
    pub method: &'a str,
    /// The `uri` parameter.
    pub uri: &'a str,
}

/// A hash in lower-case hexadecimal digits.
pub(super) struct Hex {
    digits: [u8; 64],
    len: usize,
}

impl Hex {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }

    pub(super) fn to_text(&self) -> String {
        self.as_bytes().iter().copied().map(char::from).collect()
    }

    fn of(hash: &[u8]) -> Self {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let digit = |value: u8| {
            DIGITS
                .get(usize::from(value & 15))
                .copied()
                .unwrap_or_default()
        };
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(hash) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(*byte)]);
        }
        Self {
            digits,
            len: 2 * hash.len(),
        }
    }
}

/// Computes the verifier of a user, as lower-case hexadecimal digits: what is stored in place of the password.
#[must_use]
pub fn ha1(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> String {
    hash(
        algorithm,
        &[user.as_bytes(), realm.as_bytes(), password.as_bytes()],
    )
    .to_text()
}

/// Computes the response that proves knowledge of `ha1`, as lower-case hexadecimal digits.
#[must_use]
pub fn response(algorithm: Algorithm, ha1: &str, proof: &Proof<'_>) -> String {
    prove(algorithm, ha1, proof).to_text()
}

pub(super) fn prove(algorithm: Algorithm, ha1: &str, proof: &Proof<'_>) -> Hex {
    let ha2 = hash(algorithm, &[proof.method.as_bytes(), proof.uri.as_bytes()]);
    let (ha1, nonce) = (ha1.as_bytes(), proof.nonce.as_bytes());
    match proof.quality {
        None => hash(algorithm, &[ha1, nonce, ha2.as_bytes()]),
        Some((nc, cnonce, qop)) => hash(
            algorithm,
            &[
                ha1,
                nonce,
                nc.as_bytes(),
                cnonce.as_bytes(),
                qop.as_bytes(),
                ha2.as_bytes(),
            ],
        ),
    }
}

/// Hashes the parts with a colon between them.
fn hash(algorithm: Algorithm, parts: &[&[u8]]) -> Hex {
    match algorithm {
        Algorithm::Sha256 => Hex::of(&joined::<Sha256>(parts).finalize()),
        Algorithm::Sha512_256 => Hex::of(&joined::<Sha512_256>(parts).finalize()),
        Algorithm::Md5 => Hex::of(&joined::<Md5>(parts).finalize()),
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> D {
    let mut digest = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    digest
}
