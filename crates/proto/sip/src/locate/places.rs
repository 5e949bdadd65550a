//! The searches of one node: those under way, and what came of those before.
//!
//! What was found is kept as long as its records hold, what was not found for a few seconds. Each search has one
//! deadline for all its questions.
//!
//! Bounds: [`MAX_SEARCHES`] searches at a time, more find nothing; [`MAX_KNOWN`] results, beyond which the one that would
//! end first makes room.

use super::{Answer, Lookup, Next, Place, Question};
use base::Mono;
use base::random::Random;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

const MAX_SEARCHES: usize = 256;
const MAX_KNOWN: usize = 1024;
/// How long a search may take: shorter than the caller's transaction waits (RFC 3261 17, 32 s), long enough for a
/// name server that has to be asked twice.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

struct Known {
    addresses: Vec<SocketAddr>,
    until: Mono,
}

struct Search<W> {
    place: Place,
    lookup: Lookup,
    waiting: Vec<W>,
}

/// What is known of a place.
pub(crate) enum Found {
    /// Its servers, best first; none if there are none.
    Known(Vec<SocketAddr>),
    /// It is being looked for; the ticket and question are there if the search has just begun.
    Soon(Option<(u64, Question)>),
    /// Too much is being looked for.
    Full,
}

/// All searches; `W` is who waits for one.
pub(crate) struct Places<W> {
    known: BTreeMap<Place, Known>,
    searches: BTreeMap<u64, Search<W>>,
    last: u64,
}

impl<W> Default for Places<W> {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            searches: BTreeMap::new(),
            last: 0,
        }
    }
}

impl<W> Places<W> {
    /// Returns what is known without asking anybody.
    pub(crate) fn known(&self, place: &Place, now: Mono) -> Option<&[SocketAddr]> {
        let known = self.known.get(place).filter(|known| known.until > now)?;
        Some(&known.addresses)
    }

    /// Finds a place, or begins to; `who` is told by [`Places::answer`].
    pub(crate) fn find(
        &mut self,
        place: &Place,
        now: Mono,
        who: Option<W>,
        begin: impl FnOnce() -> Lookup,
    ) -> Found {
        if let Some(known) = self.known(place, now) {
            return Found::Known(known.to_vec());
        }
        if let Some(search) = self.searches.values_mut().find(|one| one.place == *place) {
            search.waiting.extend(who);
            return Found::Soon(None);
        }
        if self.searches.len() >= MAX_SEARCHES {
            return Found::Full;
        }
        let mut lookup = begin();
        match lookup.next() {
            Next::Found { addresses, life } => {
                self.keep(place.clone(), addresses.clone(), now.after(life), now);
                Found::Known(addresses)
            }
            Next::Ask(question) => {
                self.last += 1;
                let search = Search {
                    place: place.clone(),
                    lookup,
                    waiting: who.into_iter().collect(),
                };
                self.searches.insert(self.last, search);
                Found::Soon(Some((self.last, question)))
            }
        }
    }

    /// Takes an answer. Returns the next question, or, when the search is over, who waited and what was found.
    pub(crate) fn answer(
        &mut self,
        ticket: u64,
        answer: Answer,
        now: Mono,
        random: &mut Random,
    ) -> Result<Question, (Vec<W>, Vec<SocketAddr>)> {
        let Some(search) = self.searches.get_mut(&ticket) else {
            return Err((Vec::new(), Vec::new()));
        };
        search.lookup.answer(answer, random);
        match search.lookup.next() {
            Next::Ask(question) => Ok(question),
            Next::Found { addresses, life } => Err(self.end(ticket, addresses, life, now)),
        }
    }

    /// Gives a search up: what it found so far is what there is. Nobody waits if it was over.
    pub(crate) fn give_up(&mut self, ticket: u64, now: Mono) -> Vec<W> {
        self.end(ticket, Vec::new(), Duration::from_secs(5), now).0
    }

    fn end(
        &mut self,
        ticket: u64,
        addresses: Vec<SocketAddr>,
        life: Duration,
        now: Mono,
    ) -> (Vec<W>, Vec<SocketAddr>) {
        let Some(search) = self.searches.remove(&ticket) else {
            return (Vec::new(), Vec::new());
        };
        let life = if addresses.is_empty() {
            life.min(Duration::from_secs(10))
        } else {
            life
        };
        self.keep(search.place, addresses.clone(), now.after(life), now);
        (search.waiting, addresses)
    }

    fn keep(&mut self, place: Place, addresses: Vec<SocketAddr>, until: Mono, now: Mono) {
        if self.known.len() >= MAX_KNOWN {
            self.known.retain(|_, known| known.until > now);
        }
        if self.known.len() >= MAX_KNOWN
            && let Some(first) = self.known.iter().min_by_key(|(_, known)| known.until)
        {
            let first = first.0.clone();
            self.known.remove(&first);
        }
        self.known.insert(place, Known { addresses, until });
    }
}
