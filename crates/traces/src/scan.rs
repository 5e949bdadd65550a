//! Finding the records of a group that match a query.
//!
//! Where one text, pattern or exact value is sure to be in every match, the text of the whole group is searched for it at once,
//! and only the records around a find are looked at. Otherwise each record is. What a record is then compared with is
//! `logs::matches_text`, so nothing is decided here.

use logs::{Combine, Criterion, Pattern, Query, Time, line, matches_text};
use memchr::memmem::Finder;

/// How groups are searched for one query.
#[derive(Clone)]
pub(crate) struct Scanner {
    query: Query,
    leader: Leader,
}

/// What every match has.
#[derive(Clone)]
enum Leader {
    Words(Box<Finder<'static>>),
    Pattern(Pattern),
    Nothing,
}

impl Scanner {
    pub(crate) fn new(query: &Query) -> Self {
        Self {
            query: query.clone(),
            leader: leader(query),
        }
    }

    /// Gives out time, place and text form of each record that matches.
    pub(crate) fn scan(&self, text: &str, out: &mut impl FnMut(Time, usize, &str)) {
        let mut at = 0;
        while at < text.len() {
            let Some(found) = self.next(text, at) else {
                return;
            };
            // The record around what was found. A pattern may reach into the next record, which is searched from its
            // beginning then: whole records are compared, and none is passed over.
            let start = at + start_of_last(text.get(at..found).unwrap_or_default());
            let record = text.get(start..).unwrap_or_default();
            let record = record.get(..line::end_of_first(record)).unwrap_or_default();
            if let Some(time) = self.matches(record) {
                out(time, start, record);
            }
            at = start + record.len();
        }
    }

    /// Returns where, from `at` on, the next match may be.
    fn next(&self, text: &str, at: usize) -> Option<usize> {
        match &self.leader {
            Leader::Words(finder) => finder
                .find(text.as_bytes().get(at..)?)
                .map(|found| at + found),
            Leader::Pattern(pattern) => pattern.find_at(text.as_bytes(), at),
            Leader::Nothing => Some(at),
        }
    }

    fn matches(&self, text: &str) -> Option<Time> {
        // Most records that are looked at in vain fail here, for little.
        let (time, component, level) = line::limits_of(text)?;
        let query = &self.query;
        let named = query.components.is_empty() || query.components.contains(&component);
        if !named || level > query.level || !query.span.contains(time) {
            return None;
        }
        // What cannot be read was written by a later version, whose fields mean nothing here.
        let record = line::read(text).ok()?;
        matches_text(&self.query, &record, text).then_some(record.time)
    }
}

/// Returns where the last record of a text begins.
fn start_of_last(text: &str) -> usize {
    memchr::memmem::rfind(text.as_bytes(), b"\n=== ").map_or(0, |at| at + 1)
}

fn leader(query: &Query) -> Leader {
    let is_needed = |one: &&Criterion| {
        let same =
            |other: &&Criterion| std::mem::discriminant(*other) == std::mem::discriminant(*one);
        match query.combine {
            Combine::Any => query.criteria.len() == 1,
            Combine::All => query.criteria.iter().filter(same).count() == 1,
        }
    };
    let needed = || query.criteria.iter().filter(is_needed);
    for one in needed() {
        if let Criterion::Text(words) = one {
            return Leader::Words(Box::new(Finder::new(words.as_bytes()).into_owned()));
        }
    }
    for one in needed() {
        if let Criterion::Pattern(pattern) = one {
            return Leader::Pattern(pattern.clone());
        }
    }
    let exact = needed().find_map(Criterion::words);
    exact
        .and_then(|words| Pattern::of_words(&words))
        .map_or(Leader::Nothing, Leader::Pattern)
}
