//! Web tickets: who has proven a password carries one for a while, and every Director and Front End believes it.
//!
//! A ticket names its user, on which site it was given and when it ends, under a keyed hash (HMAC-SHA-256). The key of
//! an hour is derived from the secret that all Directors and Front Ends share and from the number of that hour, so keys
//! rotate by the clock and members agree on them without speaking. Nothing is stored: what verifies was minted by one of
//! us. The checks that need the directory (is the account still there, is it enabled) are the bearer's next hop's.
//!
//! Bounds: [`LIFE`] of a ticket; [`LONGEST`] bytes of text are looked at.

use std::time::Duration;

use base::UnixMillis;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::Location;
use crate::keyed::keyed;

/// How long a ticket is good: as long as a client needs to find its server and to ask for a certificate.
pub const LIFE: Duration = Duration::from_secs(600);
/// The longest text that is taken for a ticket.
pub const LONGEST: usize = 1024;

/// How long one key mints.
const EPOCH_MILLIS: u64 = 3_600_000;
/// By how much the clocks of two members may differ.
const SKEW_MILLIS: u64 = 60_000;
/// Sets these keyed hashes apart from any other use of the same secret.
const CONTEXT: &[u8] = b"web ticket 1";

/// Version of the layout, location, end.
const HEAD: usize = 1 + 1 + 8;
const VERSION: u8 = 1;
const MAC: usize = 32;

/// What a genuine ticket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The user, as the address of record.
    pub aor: String,
    /// The site at which it was given.
    pub location: Location,
    /// When it ends.
    pub until: UnixMillis,
}

/// Why a ticket is not believed: its bearer must ask for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was not minted with a key of ours of this time, or something was changed in it.
    #[error("the ticket is not genuine")]
    Forged,
    /// It has ended.
    #[error("the ticket has ended")]
    Over,
}

/// Mints and verifies tickets.
#[derive(Clone)]
pub struct Keys {
    secret: Hmac<Sha256>,
}

impl Keys {
    /// Takes the secret of all Directors and Front Ends.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        let mut mac = keyed(secret);
        mac.update(CONTEXT);
        Self { secret: mac }
    }

    /// Writes a ticket for a user who has just proven who they are at one of our sites.
    #[must_use]
    pub fn mint(&self, now: UnixMillis, aor: &str, location: Location) -> String {
        let life = u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX);
        let until = now.0.saturating_add(life);
        let mut raw = vec![VERSION, letter(location)];
        raw.extend_from_slice(&until.to_be_bytes());
        raw.extend_from_slice(aor.as_bytes());
        let mac = self.of_epoch(now.0 / EPOCH_MILLIS).chain_update(&raw);
        raw.extend_from_slice(&mac.finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(raw)
    }

    /// Tells what a ticket says.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verify(&self, now: UnixMillis, ticket: &str) -> Result<Claims, Refusal> {
        if ticket.len() > LONGEST {
            return Err(Refusal::Forged);
        }
        let raw = URL_SAFE_NO_PAD.decode(ticket);
        let raw = raw.map_err(|_| Refusal::Forged)?;
        let (claims, until) = self.genuine(now, &raw).ok_or(Refusal::Forged)?;
        if until.0 <= now.0 {
            return Err(Refusal::Over);
        }
        Ok(claims)
    }

    /// What the bytes say, if one of us wrote them.
    fn genuine(&self, now: UnixMillis, raw: &[u8]) -> Option<(Claims, UnixMillis)> {
        let (said, mac) = raw.split_at_checked(raw.len().checked_sub(MAC)?)?;
        let (head, aor) = said.split_at_checked(HEAD)?;
        let (version, rest) = head.split_first()?;
        let (place, until) = rest.split_first()?;
        let until = UnixMillis(u64::from_be_bytes(until.try_into().ok()?));
        let fits = |epoch: u64| {
            let mac_of = self.of_epoch(epoch).chain_update(said);
            mac_of.verify_slice(mac).is_ok()
        };
        if *version != VERSION || !epochs(now).any(fits) {
            return None;
        }
        let claims = Claims {
            aor: String::from_utf8(aor.to_vec()).ok()?,
            location: location(*place)?,
            until,
        };
        Some((claims, until))
    }

    fn of_epoch(&self, epoch: u64) -> Hmac<Sha256> {
        let key = self.secret.clone().chain_update(epoch.to_be_bytes());
        keyed(&key.finalize().into_bytes().into())
    }
}

/// Shows no key.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

/// The epochs whose tickets may still be good now: this one, the one in which a ticket that has not ended was minted, and
/// the one that a clock ahead of ours is in.
fn epochs(now: UnixMillis) -> impl Iterator<Item = u64> {
    let life = u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX);
    let first = now.0.saturating_sub(life + SKEW_MILLIS) / EPOCH_MILLIS;
    let last = now.0.saturating_add(SKEW_MILLIS) / EPOCH_MILLIS;
    (first..=last).rev()
}

const fn letter(location: Location) -> u8 {
    match location {
        Location::Inside => b'I',
        Location::Outside => b'O',
    }
}

const fn location(letter: u8) -> Option<Location> {
    match letter {
        b'I' => Some(Location::Inside),
        b'O' => Some(Location::Outside),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: UnixMillis = UnixMillis(1_715_418_847_000);
    const ALICE: &str = "sip:alice@contoso.com";

    fn keys() -> Keys {
        Keys::new(&[7; 32])
    }

    const fn later(millis: u64) -> UnixMillis {
        UnixMillis(NOON.0 + millis)
    }

    #[test]
    fn every_member_believes_a_ticket_until_it_ends() {
        for location in [Location::Inside, Location::Outside] {
            let ticket = keys().mint(NOON, ALICE, location);
            let until = later(600_000);
            let aor = ALICE.to_owned();
            let claims = Claims {
                aor,
                location,
                until,
            };
            for at in [NOON, later(599_999), UnixMillis(NOON.0 - 60_000)] {
                assert_eq!(keys().verify(at, &ticket), Ok(claims.clone()), "{at:?}");
            }
            assert_eq!(keys().verify(until, &ticket), Err(Refusal::Over));
        }
    }

    #[test]
    fn a_ticket_is_good_across_the_change_of_keys_and_no_key_is_used_for_long() {
        for minute in 0..120 {
            let minted = later(minute * 60_000);
            let ticket = keys().mint(minted, ALICE, Location::Inside);
            let last = UnixMillis(minted.0 + 599_999);
            assert!(keys().verify(last, &ticket).is_ok(), "minute {minute}");
            let much_later = UnixMillis(minted.0 + 2 * EPOCH_MILLIS);
            assert_eq!(keys().verify(much_later, &ticket), Err(Refusal::Forged));
        }
        let sum = |epoch| keys().of_epoch(epoch).finalize().into_bytes();
        assert_ne!(sum(1), sum(2));
    }

    #[test]
    fn a_ticket_of_another_secret_and_one_with_any_letter_changed_are_forged() {
        let ticket = keys().mint(NOON, ALICE, Location::Inside);
        let other = Keys::new(&[8; 32]);
        assert_eq!(other.verify(NOON, &ticket), Err(Refusal::Forged));
        for (at, letter) in ticket.char_indices() {
            let mut changed = ticket.clone();
            changed.replace_range(at..=at, if letter == 'A' { "B" } else { "A" });
            assert_eq!(keys().verify(NOON, &changed), Err(Refusal::Forged), "{at}");
        }
        let long = "A".repeat(LONGEST + 1);
        for text in ["", "A", &ticket[1..], &long, "\u{e9}"] {
            assert_eq!(keys().verify(NOON, text), Err(Refusal::Forged), "{text}");
        }
        assert_eq!(format!("{:?}", keys()), "Keys");
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_none_is_believed(text in "[A-Za-z0-9_=.-]{0,200}|\\PC{0,60}") {
            prop_assert_eq!(keys().verify(NOON, &text), Err(Refusal::Forged));
        }
    }
}
