//! Which nonces were used, and how often: so that credentials that somebody saw are worth nothing to them.
//!
//! A nonce is entered when credentials with it were right, so that only users fill the table. For each, the highest
//! count and the 64 below it are kept, as a client's requests may overtake each other (RFC 7616 3.4: the count is there
//! so that a server detects replays). The very same request within two seconds is the same use: it was sent again.
//!
//! Bounds: 16,384 nonces in each of 16 parts. When a part is full, its oldest is forgotten, and with it everything that
//! was minted before: such nonces count as used up, and their clients are challenged again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base::UnixMillis;

const PARTS: u64 = 16;
const MOST: usize = 16_384;
const WINDOW: u32 = 64;
/// How long the same request may come again: four times the T1 of RFC 3261 17.1.1.1.
const AGAIN: u64 = 2000;

/// Names a nonce: when it was made, and its random part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minted {
    pub(super) at: UnixMillis,
    pub(super) noise: u64,
}

/// One use of a nonce.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// Which nonce.
    pub nonce: Minted,
    /// Its count; `None` from clients that have none, who may use it once.
    pub count: Option<u32>,
    /// Tells the request from others.
    pub request: u64,
}

/// The uses of one nonce.
#[derive(Clone, Copy, Debug)]
struct Seen {
    top: u32,
    /// A bit for each count from `top` down.
    below: u64,
    request: u64,
    at: u64,
}

#[derive(Default)]
struct Part {
    seen: BTreeMap<Minted, Seen>,
    /// Everything minted up to then is used up.
    forgotten: Option<UnixMillis>,
}

/// The nonces that were used; shared by the workers of a process.
pub struct Uses {
    parts: Vec<Mutex<Part>>,
}

impl Default for Uses {
    fn default() -> Self {
        Self {
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Uses {
    /// Enters a use; false if it was used so before. `life` is how long a nonce is good.
    pub fn enter(&self, one: Use, now: UnixMillis, life: Duration) -> bool {
        let at = usize::try_from(one.nonce.noise % PARTS).unwrap_or(0);
        let Some(part) = self.parts.get(at) else {
            return false;
        };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        part.enter(one, now, life)
    }

    /// Returns how many nonces are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        let of = |part: &Mutex<Part>| {
            part.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .seen
                .len()
        };
        self.parts.iter().map(of).sum()
    }

    /// Tells whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Part {
    fn enter(&mut self, one: Use, now: UnixMillis, life: Duration) -> bool {
        if self
            .forgotten
            .is_some_and(|forgotten| one.nonce.at <= forgotten)
        {
            return false;
        }
        if let Some(seen) = self.seen.get_mut(&one.nonce) {
            return seen.again(one, now);
        }
        self.forget(now, life);
        self.seen.insert(one.nonce, Seen::first(one, now));
        true
    }

    /// Lets go of what is too old to be used at all, and of the oldest if there are too many.
    fn forget(&mut self, now: UnixMillis, life: Duration) {
        while let Some(oldest) = self.seen.first_entry() {
            let at = oldest.key().at;
            let is_over = at.after(life) < now;
            if !is_over && self.seen.len() < MOST {
                break;
            }
            self.seen.pop_first();
            if !is_over {
                self.forgotten = self.forgotten.max(Some(at));
            }
        }
    }
}

impl Seen {
    const fn first(one: Use, now: UnixMillis) -> Self {
        let (top, below) = match one.count {
            Some(count) => (count, 1),
            // Used up.
            None => (u32::MAX, u64::MAX),
        };
        Self {
            top,
            below,
            request: one.request,
            at: now.0,
        }
    }

    fn again(&mut self, one: Use, now: UnixMillis) -> bool {
        if self.request == one.request && now.0.saturating_sub(self.at) <= AGAIN {
            return true;
        }
        let is_new = one.count.is_some_and(|count| self.take(count));
        if is_new {
            self.request = one.request;
            self.at = now.0;
        }
        is_new
    }

    fn take(&mut self, count: u32) -> bool {
        if let Some(ahead) = count.checked_sub(self.top).filter(|ahead| *ahead > 0) {
            self.below = self.below.checked_shl(ahead).unwrap_or(0) | 1;
            self.top = count;
            return true;
        }
        let back = self.top.saturating_sub(count);
        let bit = 1_u64.checked_shl(back).unwrap_or(0);
        let is_new = back < WINDOW && self.below & bit == 0;
        self.below |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(300);

    fn one(nonce: u64, count: Option<u32>, request: u64) -> Use {
        let nonce = Minted {
            at: UnixMillis(1_000_000 + nonce),
            noise: nonce * PARTS,
        };
        Use {
            nonce,
            count,
            request,
        }
    }

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis(1_100_000 + seconds * 1000)
    }

    #[test]
    fn each_count_is_good_once_in_whatever_order_they_come() {
        let uses = Uses::default();
        let counts = [1, 2, 5, 4, 3, 70, 71, 8, 69];
        let expected = [true, true, true, true, true, true, true, true, true];
        for (request, (count, good)) in (0..).zip(counts.into_iter().zip(expected)) {
            assert_eq!(
                uses.enter(one(1, Some(count), request), at(0), LIFE),
                good,
                "{count}"
            );
        }
        for (request, count) in (100..).zip([1, 5, 70, 8, 6, 71, 0]) {
            let is_unseen_and_near = false;
            let taken = uses.enter(one(1, Some(count), request), at(0), LIFE);
            assert_eq!(taken, is_unseen_and_near, "{count}");
        }
        assert!(uses.enter(one(1, Some(u32::MAX), 200), at(0), LIFE));
        assert!(uses.enter(one(2, Some(1), 1), at(0), LIFE), "another nonce");
    }

    #[test]
    fn without_a_count_a_nonce_is_good_once() {
        let uses = Uses::default();
        assert!(uses.enter(one(1, None, 1), at(0), LIFE));
        assert!(!uses.enter(one(1, None, 2), at(0), LIFE));
        assert!(!uses.enter(one(1, Some(1), 3), at(0), LIFE));
        assert!(!uses.enter(one(1, Some(u32::MAX), 3), at(0), LIFE));
    }

    #[test]
    fn the_same_request_may_come_again_for_a_moment() {
        let uses = Uses::default();
        assert!(uses.enter(one(1, Some(1), 7), at(0), LIFE));
        assert!(uses.enter(one(1, Some(1), 7), at(2), LIFE));
        assert!(!uses.enter(one(1, Some(1), 7), at(3), LIFE));
        assert!(!uses.enter(one(1, Some(1), 8), at(0), LIFE));
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_takes_them_no_more() {
        let uses = Uses::default();
        let most = u64::try_from(MOST).unwrap();
        for nonce in 0..most + 10 {
            assert!(uses.enter(one(nonce, Some(1), nonce), at(0), LIFE));
        }
        assert_eq!(uses.len(), MOST);
        assert!(!uses.enter(one(3, Some(2), 0), at(0), LIFE), "forgotten");
        assert!(uses.enter(one(most, Some(2), 0), at(0), LIFE), "kept");
        assert!(uses.enter(one(most + 1_000_000, Some(1), 0), at(900), LIFE));
        assert_eq!(uses.len(), 1, "what is too old is let go");
    }
}
