//! Response rate limiting: nobody is sent the same answer faster than a resolver would want it.
//!
//! The address that a datagram comes from proves nothing. Whoever asks under another's address makes us send answers
//! there that are longer than the questions. So answers over UDP are counted by the network they go to and by what they
//! say; those beyond the rate are dropped, except that every [`SLIP`]th goes out without records and with TC ([`cut`]).
//! Such an answer is no longer than its question, and a client that is really there comes over TCP, where nothing is
//! limited.
//!
//! What an answer says: the question, for names that exist; for names that do not, and for all that is refused, only
//! that it is so, since there are endless questions with that answer.
//!
//! Bounds: [`PLACES`] counters, in groups of [`GROUP`] behind a keyed hash; in a full group the one that was longest
//! without use is forgotten. Forgetting errs on the side of answering.
//!
//! [`cut`]: crate::cut

use std::hash::Hasher as _;
use std::net::IpAddr;

use base::Mono;
use base::random::Random;
use siphasher::sip::SipHasher24;

use crate::message::{HEADER, Outcome, ROOT_KIND_CLASS, Reply};

/// Answers of one kind to one network in a second.
pub const RATE: u32 = 50;
/// What may come at once after a rest: a branch whose power has come back.
pub const BURST: u32 = 200;
/// Of the answers beyond the rate, every so manieth is sent as one that asks the client to come over TCP.
pub const SLIP: u32 = 2;
/// Counters.
pub const PLACES: usize = 16_384;
const GROUP: usize = 4;
/// An answer costs so much; as much comes back in a second as [`RATE`] answers cost.
const COST: u64 = 1_000_000;

/// What is to become of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes out.
    Send,
    /// An answer without records goes out in its place.
    Slip,
    /// Nothing goes out.
    Drop,
}

#[derive(Clone, Copy, Default)]
struct Place {
    key: u64,
    credit: u64,
    used: Mono,
    /// Answers beyond the rate since it was last kept.
    over: u32,
}

/// The counters of one socket.
pub struct Rates {
    places: Vec<Place>,
    secret: [u8; 16],
}

impl Rates {
    /// Begins with nothing counted; the seed keeps strangers from choosing who shares a group.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let mut secret = [0; 16];
        Random::new(seed).fill(&mut secret);
        Self {
            places: vec![Place::default(); PLACES],
            secret,
        }
    }

    /// Counts an answer that is about to go to an address over UDP, and says whether it may.
    pub fn judge(&mut self, now: Mono, to: IpAddr, reply: &Reply) -> Verdict {
        let key = self.key(to, reply);
        let full = u64::from(BURST) * COST;
        let at = self.find(key);
        let Some(place) = self.places.get_mut(at) else {
            return Verdict::Send;
        };
        if place.key != key {
            *place = Place {
                key,
                credit: full,
                used: now,
                over: 0,
            };
        }
        let earned = u64::try_from(now.since(place.used).as_micros()).unwrap_or(u64::MAX);
        let earned = earned.saturating_mul(u64::from(RATE));
        place.credit = place.credit.saturating_add(earned).min(full);
        place.used = now;
        if place.credit >= COST {
            place.credit -= COST;
            place.over = 0;
            return Verdict::Send;
        }
        place.over = place.over.wrapping_add(1);
        if place.over.is_multiple_of(SLIP) {
            Verdict::Slip
        } else {
            Verdict::Drop
        }
    }

    /// Finds the counter of a key, or the one of its group that gives way.
    fn find(&self, key: u64) -> usize {
        let groups = PLACES / GROUP;
        let first = usize::try_from(key % groups as u64).unwrap_or(0) * GROUP;
        let group = || (first..first + GROUP).filter_map(|at| Some((at, self.places.get(at)?)));
        let own = group().find(|(_, place)| place.key == key);
        let oldest = || group().min_by_key(|(_, place)| place.used);
        own.or_else(oldest).map_or(first, |(at, _)| at)
    }

    /// A hash of the network and of what is said to it; never zero, which marks a free counter.
    fn key(&self, to: IpAddr, reply: &Reply) -> u64 {
        let network = match to.to_canonical() {
            IpAddr::V4(address) => u128::from(u32::from(address) >> 8),
            IpAddr::V6(address) => u128::from(address) >> 72 | 1 << 127,
        };
        let mut hash = SipHasher24::new_with_key(&self.secret);
        hash.write(&network.to_le_bytes());
        hash.write_u8(reply.outcome as u8);
        if matches!(reply.outcome, Outcome::Answered | Outcome::NoData) {
            hash.write(&question(&reply.bytes).to_ascii_lowercase());
        }
        hash.finish().max(1)
    }
}

/// The question that an answer repeats.
fn question(reply: &[u8]) -> &[u8] {
    let rest = reply.get(HEADER..).unwrap_or_default();
    let mut end = 0;
    while let Some(length) = rest.get(end).filter(|length| **length != 0) {
        end += usize::from(*length) + 1;
    }
    rest.get(..end + ROOT_KIND_CLASS).unwrap_or(rest)
}
