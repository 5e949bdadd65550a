//! Nonces without stored state: a time, some randomness and a keyed hash over both.
//!
//! Every member of a pool that has the key can check what another one made. A nonce says nothing about how often it was
//! used: [`Uses`](super::Uses) knows that, in the run of the process that saw it used. So a nonce carries a mark of the
//! run that made it, and elsewhere it is good for [`ELSEWHERE`] only: long enough to answer a challenge by way of another
//! member (`docs/decisions/0030-nonces-are-used-once.md`).

use std::time::Duration;

use base::UnixMillis;
use base::random::Random;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Minted;

const STAMP: usize = 8;
const MARK: usize = 4;
const RANDOM: usize = 8;
const SEALED: usize = STAMP + MARK + RANDOM;
const MAC: usize = 16;

/// How long a nonce is good at a member, or in a run, that did not make it.
pub(crate) const ELSEWHERE: Duration = Duration::from_secs(30);

/// Sets these keyed hashes apart from any other use of the same key.
const CONTEXT: &[u8] = b"digest nonce 2";

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceState {
    /// Ours and in time: this one.
    Fresh(Minted),
    /// Ours but too old, or from a clock far ahead: challenge again with `stale=true`.
    Stale,
    /// Not made with our key.
    Forged,
}

/// Makes and checks nonces.
#[derive(Clone)]
pub struct Nonces {
    mac: Hmac<Sha256>,
    life: Duration,
    mark: u32,
}

impl Nonces {
    /// Takes the key of the pool and how long a nonce is good.
    #[must_use]
    pub fn new(key: [u8; 32], life: Duration) -> Self {
        // HMAC fills a key up to the block with zeros (RFC 2104 2).
        let mut block = [0; 64];
        if let Some(front) = block.first_chunk_mut() {
            *front = key;
        }
        let mut mac = Hmac::new(&block.into());
        mac.update(CONTEXT);
        Self { mac, life, mark: 0 }
    }

    /// Marks what is made as that of one run of one process; what carries another mark is good for a short time only.
    #[must_use]
    pub fn of_run(self, mark: u32) -> Self {
        Self { mark, ..self }
    }

    /// Makes a nonce.
    #[must_use]
    pub fn mint(&self, wall: UnixMillis, random: &mut Random) -> String {
        let mut raw = [0; SEALED + MAC];
        let (seal, mac) = raw.split_at_mut(SEALED);
        let (stamp, rest) = seal.split_at_mut(STAMP);
        let (mark, noise) = rest.split_at_mut(MARK);
        stamp.copy_from_slice(&wall.0.to_be_bytes());
        mark.copy_from_slice(&self.mark.to_be_bytes());
        random.fill(noise);
        mac.copy_from_slice(self.seal(seal).get(..MAC).unwrap_or_default());
        URL_SAFE_NO_PAD.encode(raw)
    }

    /// Tells what a nonce is worth at this time.
    #[must_use]
    pub fn check(&self, nonce: &str, wall: UnixMillis) -> NonceState {
        let mut raw = [0; SEALED + MAC];
        if URL_SAFE_NO_PAD.decode_slice(nonce, &mut raw) != Ok(raw.len()) {
            return NonceState::Forged;
        }
        let (seal, mac) = raw.split_at(SEALED);
        if self
            .mac
            .clone()
            .chain_update(seal)
            .verify_truncated_left(mac)
            .is_err()
        {
            return NonceState::Forged;
        }
        let stamp = seal
            .first_chunk()
            .map_or(0, |stamp| u64::from_be_bytes(*stamp));
        let mark = seal.get(STAMP..).and_then(<[u8]>::first_chunk);
        let is_own = mark.is_some_and(|mark| u32::from_be_bytes(*mark) == self.mark);
        let life = if is_own {
            self.life
        } else {
            self.life.min(ELSEWHERE)
        };
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let noise = seal
            .last_chunk()
            .map_or(0, |noise| u64::from_be_bytes(*noise));
        // Clocks of a pool differ a little: a nonce from the near future is fresh too.
        if stamp.abs_diff(wall.0) <= life {
            NonceState::Fresh(Minted {
                at: UnixMillis(stamp),
                noise,
            })
        } else {
            NonceState::Stale
        }
    }

    fn seal(&self, text: &[u8]) -> [u8; 32] {
        self.mac
            .clone()
            .chain_update(text)
            .finalize()
            .into_bytes()
            .into()
    }
}

/// Shows no key.
impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces")
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}
