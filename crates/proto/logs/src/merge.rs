//! The answers of several agents in one order, oldest first, while they are still coming in.
//!
//! Each agent gives its records oldest first. A record may leave as soon as every agent that is not done has one waiting,
//! since none can give an older one any more. So one silent agent holds all results back: whoever feeds this ends a source
//! that says nothing for too long, with a status that says so. Order between machines is that of their clocks;
//! [`skew`] tells how far one is off.
//!
//! Bounds: [`MOST_WAITING`] records of a source; whoever feeds this stops reading from one that [`Merge::is_full`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use crate::Time;

/// So many records of one source wait at most.
pub const MOST_WAITING: usize = 1024;
/// A clock is said to be off when it is by more than this and more than can be told.
const WORTH_SAYING: Duration = Duration::from_millis(100);

/// How an agent has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceStatus {
    /// It is still answering.
    Answering,
    /// It has given all that it found.
    Answered,
    /// It has given the oldest ones and has more.
    Limited,
    /// It could not be reached, or said nothing at all; the reason is for people.
    Unreachable(String),
    /// It does not let us ask, or cannot do it; in its words.
    Refused(String),
    /// It began to answer and did not end; the reason is for people.
    CutOff(String),
    /// It was not heard to its end, since enough had come.
    Stopped,
}

impl SourceStatus {
    /// Tells whether nothing is missing that was asked for.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Answered | Self::Limited | Self::Stopped)
    }

    /// Returns one word for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Answering => "answering",
            Self::Answered => "answered",
            Self::Limited => "limited",
            Self::Unreachable(_) => "unreachable",
            Self::Refused(_) => "refused",
            Self::CutOff(_) => "cut off",
            Self::Stopped => "stopped",
        }
    }

    /// Returns the reason, where there is one.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Unreachable(why) | Self::Refused(why) | Self::CutOff(why) => Some(why),
            Self::Answering | Self::Answered | Self::Limited | Self::Stopped => None,
        }
    }
}

/// One agent.
#[derive(Debug)]
struct Source<T> {
    waiting: VecDeque<(Time, T)>,
    status: SourceStatus,
    records: u64,
    out_of_order: u64,
    last: Time,
}

/// What comes out.
#[derive(Debug, PartialEq, Eq)]
pub enum Merged<T> {
    /// The next record, and from which source.
    Record(usize, T),
    /// A source has to say more first.
    Wait,
    /// All have said all.
    Done,
}

/// The records of several sources.
#[derive(Debug)]
pub struct Merge<T> {
    sources: Vec<Source<T>>,
    /// The first time that waits in each source that has any.
    heads: BinaryHeap<Reverse<(Time, usize)>>,
    /// Sources that still answer and have nothing waiting.
    owing: usize,
}

impl<T> Merge<T> {
    /// Begins with so many sources, numbered from 0, all of them answering.
    #[must_use]
    pub fn of(sources: usize) -> Self {
        let source = |_| Source {
            waiting: VecDeque::new(),
            status: SourceStatus::Answering,
            records: 0,
            out_of_order: 0,
            last: Time::ZERO,
        };
        Self {
            sources: (0..sources).map(source).collect(),
            heads: BinaryHeap::new(),
            owing: sources,
        }
    }

    /// Takes a record from a source. One that is older than the source's last is counted and put in where it stands.
    pub fn push(&mut self, source: usize, time: Time, record: T) {
        let Some(from) = self.sources.get_mut(source) else {
            return;
        };
        if from.status != SourceStatus::Answering {
            return;
        }
        from.records += 1;
        from.out_of_order += u64::from(time < from.last);
        let time = time.max(from.last);
        from.last = time;
        if from.waiting.is_empty() {
            self.owing -= 1;
            self.heads.push(Reverse((time, source)));
        }
        from.waiting.push_back((time, record));
    }

    /// Ends a source with its status.
    pub fn end(&mut self, source: usize, status: SourceStatus) {
        let Some(from) = self.sources.get_mut(source) else {
            return;
        };
        if from.status == SourceStatus::Answering {
            self.owing -= usize::from(from.waiting.is_empty());
            from.status = status;
        }
    }

    /// Tells whether a source has given as much as may wait.
    #[must_use]
    pub fn is_full(&self, source: usize) -> bool {
        let waiting = self
            .sources
            .get(source)
            .map_or(0, |from| from.waiting.len());
        waiting >= MOST_WAITING
    }

    /// Gives out the next record, if it is certain.
    pub fn take(&mut self) -> Merged<T> {
        if self.owing > 0 {
            return Merged::Wait;
        }
        let Some(Reverse((_, source))) = self.heads.pop() else {
            return Merged::Done;
        };
        let Some(from) = self.sources.get_mut(source) else {
            return Merged::Done;
        };
        let first = from.waiting.pop_front();
        match from.waiting.front() {
            Some((next, _)) => self.heads.push(Reverse((*next, source))),
            None => self.owing += usize::from(from.status == SourceStatus::Answering),
        }
        first.map_or(Merged::Done, |(_, record)| Merged::Record(source, record))
    }

    /// Returns how a source has answered so far, and with how many records.
    #[must_use]
    pub fn status(&self, source: usize) -> Option<(&SourceStatus, u64)> {
        let from = self.sources.get(source)?;
        Some((&from.status, from.records))
    }

    /// Returns how many records of a source came later than younger ones.
    #[must_use]
    pub fn out_of_order(&self, source: usize) -> u64 {
        self.sources.get(source).map_or(0, |from| from.out_of_order)
    }
}

/// Says by how much an agent's clock is off, in microseconds, ahead if positive: what it said the time was, between our
/// asking and its answer. `None` if that is little, or less than can be told from how long it took.
#[must_use]
pub fn skew(asked: Time, theirs: Time, answered: Time) -> Option<i64> {
    let took = answered.since(asked);
    let middle = asked.after(took / 2);
    let (ahead, behind) = (theirs.since(middle), middle.since(theirs));
    let off = ahead.max(behind);
    let worth_saying = off > WORTH_SAYING && off > took / 2;
    let micros = i64::try_from(off.as_micros()).unwrap_or(i64::MAX);
    worth_saying.then_some(if ahead > behind { micros } else { -micros })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{MOST_WAITING, Merge, Merged, SourceStatus, skew};
    use crate::Time;

    #[test]
    fn a_record_waits_until_none_can_be_older() {
        let mut merge = Merge::of(2);
        merge.push(0, Time(5), "b");
        assert_eq!(merge.take(), Merged::Wait);
        merge.push(1, Time(3), "a");
        assert_eq!(merge.take(), Merged::Record(1, "a"));
        assert_eq!(merge.take(), Merged::Wait, "the second may give a 4");
        merge.end(1, SourceStatus::Unreachable("gone".into()));
        assert_eq!(merge.take(), Merged::Record(0, "b"));
        merge.end(0, SourceStatus::Answered);
        merge.push(0, Time(9), "late");
        assert_eq!(merge.take(), Merged::Done);
        assert_eq!(merge.status(0), Some((&SourceStatus::Answered, 1)));
    }

    #[test]
    fn a_source_is_full_at_its_bound() {
        let mut merge = Merge::of(1);
        for time in 0..MOST_WAITING as u64 {
            assert!(!merge.is_full(0));
            merge.push(0, Time(time), ());
        }
        assert!(merge.is_full(0));
    }

    #[test]
    fn a_source_out_of_order_is_counted_and_loses_nothing() {
        let mut merge = Merge::of(1);
        merge.push(0, Time(5), "a");
        merge.push(0, Time(4), "b");
        merge.end(0, SourceStatus::Answered);
        assert_eq!(merge.take(), Merged::Record(0, "a"));
        assert_eq!(merge.take(), Merged::Record(0, "b"));
        assert_eq!(merge.out_of_order(0), 1);
    }

    #[test]
    fn a_clock_is_off_by_what_can_be_told() {
        let at = |millis: u64| Time(1_000_000_000 + millis * 1000);
        assert_eq!(skew(at(0), at(50), at(20)), None);
        assert_eq!(skew(at(0), at(3010), at(20)), Some(3_000_000));
        assert_eq!(skew(at(5000), at(10), at(5020)), Some(-5_000_000));
        assert_eq!(
            skew(at(0), at(900), at(2000)),
            None,
            "it may have said so at once or late"
        );
        assert_eq!(
            skew(at(0), at(0).after(Duration::from_secs(2)), at(2000)),
            None
        );
    }

    proptest! {
        #[test]
        fn everything_comes_out_in_order(mut sources in proptest::collection::vec(proptest::collection::vec(0..50_u64, 0..20), 1..5)) {
            let mut merge = Merge::of(sources.len());
            let mut all: Vec<u64> = sources.concat();
            all.sort_unstable();
            for (number, times) in sources.iter_mut().enumerate() {
                times.sort_unstable();
                for time in times.iter() {
                    merge.push(number, Time(*time), *time);
                }
                merge.end(number, SourceStatus::Answered);
            }
            let mut out = Vec::new();
            while let Merged::Record(_, time) = merge.take() {
                out.push(time);
            }
            prop_assert_eq!(out, all);
        }
    }
}
