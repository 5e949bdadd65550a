//! Tickets: what a Director gives to a client that it sends home.

use super::Key;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A word from a Director, in the URI of a redirect, that it has just seen who the user is.
///
/// The Front End admits the bearer once more without a challenge. Needed by phones that answer one challenge between
/// two successes and give up at the second; safe because it travels in TLS only, names one user and ends soon.
pub struct Ticket;

impl Ticket {
    /// The URI parameter that carries it.
    pub const PARAM: &'static str = "ticket";

    /// Writes a ticket for a user that ends at `until`, in seconds since 1970.
    #[must_use]
    pub fn mint(aor: &str, until: u64, key: &Key) -> String {
        let mut raw = [0; 16];
        raw[..8].copy_from_slice(&until.to_be_bytes());
        raw[8..].copy_from_slice(
            &key.checksum(&[aor.as_bytes(), &until.to_be_bytes()])
                .to_be_bytes(),
        );
        URL_SAFE_NO_PAD.encode(raw)
    }

    /// Tells whether a ticket is genuine, for this user, and not over at `now`, in seconds since 1970.
    #[must_use]
    pub fn admits(text: &str, aor: &str, now: u64, key: &Key) -> bool {
        let mut raw = [0; 18];
        let Ok(16) = URL_SAFE_NO_PAD.decode_slice(text, &mut raw) else {
            return false;
        };
        let (until, rest) = raw.split_at(8);
        let Ok(until) = until.try_into().map(u64::from_be_bytes) else {
            return false;
        };
        let sum = key
            .checksum(&[aor.as_bytes(), &until.to_be_bytes()])
            .to_be_bytes();
        until > now && rest.get(..8) == Some(&sum[..])
    }
}
