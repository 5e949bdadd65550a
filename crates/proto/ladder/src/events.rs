//! Which records belong to a flow, and which of those that are no messages are worth a row.

use std::collections::BTreeSet;
use std::net::IpAddr;

use logs::{Component, Correlation, Level, Record};

use crate::model::{MOST_RECORDS, Subject};

/// A refused handshake is noted if it is so near to the flow, in microseconds.
const NEAR: u64 = 60_000_000;
/// So many refused handshakes are noted at most, the nearest to the flow's beginning.
const MOST_REFUSALS: usize = 20;

/// The records of a flow, oldest first by the clocks of their machines.
pub(crate) struct Chosen<'a> {
    pub(crate) records: Vec<&'a Record>,
    /// How many are left out.
    pub(crate) left_out: usize,
}

/// Picks the records of a flow; one that is given twice is taken once.
pub(crate) fn choose<'a>(records: &[&'a Record], subject: &Subject) -> Chosen<'a> {
    let requests: BTreeSet<Correlation> = match subject {
        Subject::Call(id) => records
            .iter()
            .filter(|record| record.call_id.as_ref() == Some(id))
            .filter_map(|record| record.correlation)
            .collect(),
        Subject::Request(id) => BTreeSet::from([*id]),
        Subject::All => BTreeSet::new(),
    };
    let belongs = |record: &&&Record| match (subject, &record.call_id) {
        (Subject::All, _) => true,
        (Subject::Call(id), Some(found)) => id == found,
        _ => record.correlation.is_some_and(|id| requests.contains(&id)),
    };
    let mut chosen: Vec<&Record> = records.iter().filter(belongs).copied().collect();
    chosen.sort_by_key(|record| record.time);
    let chosen = once(chosen);
    let left_out = chosen.len().saturating_sub(MOST_RECORDS);
    Chosen {
        records: chosen.into_iter().take(MOST_RECORDS).collect(),
        left_out,
    }
}

/// Takes out what stands in several files that were read together.
fn once(sorted: Vec<&Record>) -> Vec<&Record> {
    let mut out: Vec<&Record> = Vec::with_capacity(sorted.len());
    for record in sorted {
        let same_time = out
            .iter()
            .rev()
            .take_while(|other| other.time == record.time);
        // Bounded: thousands of records of one microsecond are a clock that stands still.
        let is_known = same_time.take(64).any(|other| *other == record);
        if !is_known {
            out.push(record);
        }
    }
    out
}

/// Tells whether a record that is no message has a row of its own.
pub(crate) fn is_worth_a_row(record: &Record) -> bool {
    record.decision.is_some() || record.level <= Level::Warning
}

/// Tells whether a record says that something went wrong. To be asked for credentials is not.
pub(crate) fn is_trouble(record: &Record) -> bool {
    let refused = record.status.is_some_and(|status| status >= 400);
    let challenged = matches!(record.status, Some(401 | 407));
    record.level <= Level::Warning || (refused && !challenged)
}

/// Finds handshakes with these addresses that were refused near a flow, oldest first.
pub(crate) fn refusals<'a>(
    records: &[&'a Record],
    chosen: &[&Record],
    addresses: &BTreeSet<IpAddr>,
) -> Vec<&'a Record> {
    let (Some(first), Some(last)) = (chosen.first(), chosen.last()) else {
        return Vec::new();
    };
    let known: BTreeSet<_> = chosen.iter().map(|one| std::ptr::from_ref(*one)).collect();
    let span = first.time.0.saturating_sub(NEAR)..=last.time.0.saturating_add(NEAR);
    let is_refusal = |record: &&&Record| {
        record.component == Component::Tls
            && record.level <= Level::Warning
            && record.call_id.is_none()
            && span.contains(&record.time.0)
            && record
                .peer
                .is_some_and(|peer| addresses.contains(&peer.ip()))
            && !known.contains(&std::ptr::from_ref(**record))
    };
    let mut found: Vec<&Record> = records.iter().filter(is_refusal).copied().collect();
    found.sort_by_key(|record| record.time.0.abs_diff(first.time.0));
    found.truncate(MOST_REFUSALS);
    found.sort_by_key(|record| record.time);
    once(found)
}
