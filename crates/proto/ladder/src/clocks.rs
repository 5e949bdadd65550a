//! How far the clocks of machines are apart, found from messages that both ends have recorded.
//!
//! A message that leaves M at `s` by M's clock and reaches N at `r` by N's says that N's clock is ahead of M's by `r - s` at
//! most. What M and N have exchanged so leaves a span for the difference; if no difference lies in it, none is assumed, else its
//! middle (messages there and back took equally long). Along the hops this makes a first guess for every machine, which
//! is then lowered until no message arrives before it was sent (shortest paths; that ends unless a clock was set in between).
//! The clock that most others agree with is right.

use std::collections::{BTreeMap, VecDeque};

/// Clocks that differ by less are the same clock, in microseconds.
const SAME: i64 = 1000;

/// By how many microseconds each party's clock is ahead.
///
/// `hops` are sender, receiver, and the least time between the two records.
pub(crate) fn ahead(parties: usize, hops: &BTreeMap<(usize, usize), i64>) -> Vec<i64> {
    let mut ahead = guess(parties, hops);
    for _ in 0..parties {
        let mut changed = false;
        for ((from, to), least) in hops {
            let most = at(&ahead, *from).saturating_add(*least);
            if let Some(clock) = ahead.get_mut(*to).filter(|clock| **clock > most) {
                *clock = most;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let agreeing = |one: &i64| {
        let near = ahead
            .iter()
            .filter(|other| one.abs_diff(**other) <= SAME.unsigned_abs());
        near.count()
    };
    // Of several the first: machines that exchanged nothing were not moved, and are no measure of the others.
    let moved: Vec<i64> = (0..parties)
        .filter(|party| hops.keys().any(|(from, to)| from == party || to == party))
        .map(|party| at(&ahead, party))
        .collect();
    let mut right = moved.first().copied().unwrap_or_default();
    for one in moved {
        if agreeing(&one) > agreeing(&right) {
            right = one;
        }
    }
    let is_in_hops = |party: usize| hops.keys().any(|(from, to)| *from == party || *to == party);
    for (party, clock) in ahead.iter_mut().enumerate() {
        *clock = if is_in_hops(party) {
            clock.saturating_sub(right)
        } else {
            0
        };
    }
    ahead
}

/// Walks along the hops from the machine with the most of them.
fn guess(parties: usize, hops: &BTreeMap<(usize, usize), i64>) -> Vec<i64> {
    let mut beside: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (from, to) in hops.keys() {
        beside.entry(*from).or_default().push(*to);
        beside.entry(*to).or_default().push(*from);
    }
    let mut ahead: Vec<Option<i64>> = vec![None; parties];
    let mut starts: Vec<usize> = beside.keys().copied().collect();
    starts.sort_by_key(|party| std::cmp::Reverse(beside.get(party).map_or(0, Vec::len)));
    for start in starts {
        let mut waiting = VecDeque::from([(start, 0)]);
        while let Some((party, clock)) = waiting.pop_front() {
            let Some(place) = ahead.get_mut(party).filter(|place| place.is_none()) else {
                continue;
            };
            *place = Some(clock);
            for other in beside.get(&party).into_iter().flatten() {
                let between = between(hops.get(&(party, *other)), hops.get(&(*other, party)));
                waiting.push_back((*other, clock.saturating_add(between)));
            }
        }
    }
    ahead.into_iter().map(Option::unwrap_or_default).collect()
}

/// By how much the second clock is ahead of the first, given the least times there and back.
fn between(there: Option<&i64>, back: Option<&i64>) -> i64 {
    match (there.copied(), back.copied()) {
        (Some(there), Some(back)) if there < 0 || back < 0 => there.saturating_sub(back) / 2,
        (Some(there), None) => there.min(0),
        (None, Some(back)) => -back.min(0),
        _ => 0,
    }
}

fn at(clocks: &[i64], party: usize) -> i64 {
    clocks.get(party).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::ahead;

    #[test]
    fn clocks_that_contradict_nothing_are_left_alone() {
        let hops = BTreeMap::from([((0, 1), 3_000_000), ((1, 0), 10), ((1, 2), 5)]);
        assert_eq!(ahead(4, &hops), [0, 0, 0, 0]);
    }

    #[test]
    fn a_clock_is_off_by_what_it_differs_from_most_others() {
        let hops = BTreeMap::from([
            ((0, 1), 400),
            ((1, 0), 600),
            ((1, 2), -1_999_700),
            ((2, 1), 2_000_300),
        ]);
        assert_eq!(ahead(3, &hops), [0, 0, -2_000_000]);
        let one_way = BTreeMap::from([((0, 1), 500), ((1, 2), -70_000)]);
        assert_eq!(ahead(3, &one_way), [0, 0, -70_000]);
    }

    proptest! {
        #[test]
        fn nothing_arrives_before_it_was_sent(
            clocks in proptest::collection::vec(-5_000_000_i64..5_000_000, 2..8),
            took in proptest::collection::vec((0_usize..8, 0_usize..8, 0_i64..300_000), 0..40),
        ) {
            let mut hops = BTreeMap::new();
            for (from, to, took) in took {
                let (from, to) = (from % clocks.len(), to % clocks.len());
                if from != to {
                    let apart = took + clocks[to] - clocks[from];
                    let least = hops.entry((from, to)).or_insert(apart);
                    *least = apart.min(*least);
                }
            }
            let found = ahead(clocks.len(), &hops);
            for ((from, to), least) in &hops {
                prop_assert!(least - found[*to] + found[*from] >= 0);
            }
        }
    }
}
