//! Text that only those with a key can read or make: what temporary GRUUs and hidden routes are written in.
//!
//! The seal is a synthetic IV: a keyed hash over the plain text and what it belongs to is at once the checksum and the
//! start of the key stream. So the same text sealed twice looks the same, which tells nobody more than that, and no
//! randomness is needed. Uses are kept apart by a purpose: what was sealed for one is not read by another.

use super::Key;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const IV: usize = 16;
/// One block of the key stream.
const BLOCK: usize = 32;

/// One use of a key.
pub(crate) struct Seal {
    iv: Hmac<Sha256>,
    stream: Hmac<Sha256>,
}

impl Seal {
    /// Takes a key for one purpose.
    pub(crate) fn new(key: &Key, purpose: &str) -> Self {
        // HMAC fills a key up to the block with zeros (RFC 2104 2).
        let mut block = [0; 64];
        if let Some(front) = block.first_chunk_mut() {
            *front = key.0;
        }
        let keyed = Hmac::new(&block.into());
        let part = |name: &[u8]| {
            let mut mac = keyed.clone();
            mac.update(purpose.as_bytes());
            mac.update(name);
            mac
        };
        Self {
            iv: part(b" iv 1"),
            stream: part(b" stream 1"),
        }
    }

    /// Seals a text; it can be opened only beside the same `beside`.
    pub(crate) fn close(&self, mut plain: Vec<u8>, beside: &[u8]) -> String {
        let mut iv = [0; IV];
        iv.iter_mut()
            .zip(self.mac(&plain, beside).finalize().into_bytes())
            .for_each(|(to, from)| *to = from);
        self.apply_stream(&mut plain, &iv);
        let mut sealed = Vec::with_capacity(IV + plain.len());
        sealed.extend_from_slice(&iv);
        sealed.append(&mut plain);
        URL_SAFE_NO_PAD.encode(&sealed)
    }

    /// Opens a text of at most `max` bytes; `None` if it was not sealed by us, for this, beside this.
    pub(crate) fn open(&self, text: &str, beside: &[u8], max: usize) -> Option<Vec<u8>> {
        if text.len() > (IV + max) * 4 / 3 + 4 {
            return None;
        }
        let mut raw = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (iv, plain) = raw.split_first_chunk_mut::<IV>()?;
        self.apply_stream(plain, iv);
        let is_ours = self.mac(plain, beside).verify_truncated_left(iv).is_ok();
        is_ours.then(|| raw.split_off(IV))
    }

    fn mac(&self, plain: &[u8], beside: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.iv.clone();
        mac.update(&beside.len().to_be_bytes());
        mac.update(beside);
        mac.update(plain);
        mac
    }

    fn apply_stream(&self, text: &mut [u8], iv: &[u8; IV]) {
        for (block, at) in text.chunks_mut(BLOCK).zip(0_u32..) {
            let mut mac = self.stream.clone();
            mac.update(iv);
            mac.update(&at.to_be_bytes());
            block
                .iter_mut()
                .zip(mac.finalize().into_bytes())
                .for_each(|(to, from)| *to ^= from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_by_the_same_key_for_the_same_use_beside_the_same() {
        let (key, other) = (Key::derive(&[1; 32], "a"), Key::derive(&[1; 32], "b"));
        let seal = Seal::new(&key, "one");
        for length in [0, 1, 31, 32, 33, 500] {
            let plain = vec![b'x'; length];
            let text = seal.close(plain.clone(), b"here");
            assert_eq!(seal.open(&text, b"here", 500), Some(plain));
            assert_eq!(seal.open(&text, b"there", 500), None);
            assert_eq!(seal.open(&text, b"", 500), None);
            assert_eq!(Seal::new(&key, "two").open(&text, b"here", 500), None);
            assert_eq!(Seal::new(&other, "one").open(&text, b"here", 500), None);
        }
    }

    #[test]
    fn a_changed_or_overlong_text_is_not_opened() {
        let seal = Seal::new(&Key::derive(&[1; 32], "a"), "one");
        let text = seal.close(b"sip:alice@10.0.0.1".to_vec(), b"");
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(seal.open(&forged, b"", 100), None, "{forged}");
        }
        assert_eq!(seal.open(&text, b"", 10), None);
        assert_eq!(seal.open("", b"", 10), None);
        assert_eq!(seal.open("####", b"", 10), None);
    }
}
