//! Our traces: how records are taken in, and what searches over them take. Each in a process of its own.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use logs::{Criterion, Level, MOST_RESULTS, Pattern, Query, RESULTS, Span, Time};
use serde::{Deserialize, Serialize};
use traces::{Options, Retention, Traces};

use super::sample;
use crate::bindings::{memory, size_of};
use crate::cpu::Tree;

/// Records offered at once: what the queue holds of them.
const BATCH: u64 = 4000;
/// A search is made so often.
const ROUNDS: usize = 5;

/// What taking records in cost.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ingested {
    pub(super) records: u64,
    pub(super) text_mib: f64,
    pub(super) disk_mib: f64,
    /// Processor time of one record, from the offer to the disk.
    pub(super) cpu_us: f64,
    pub(super) peak_mib: f64,
}

/// What one search took.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Searched {
    pub(super) what: String,
    /// The median of the rounds, and the first of them.
    pub(super) millis: f64,
    pub(super) first_millis: f64,
    /// When the first record came, of the rounds the median; none where nothing is found.
    pub(super) first_find_millis: Option<f64>,
    pub(super) hits: u64,
    pub(super) limited: bool,
    /// Groups read and groups that there are.
    pub(super) read: u64,
    pub(super) groups: u64,
}

/// What all searches took.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Searches {
    pub(super) open_millis: f64,
    pub(super) rest_mib: f64,
    pub(super) peak_mib: f64,
    pub(super) searches: Vec<Searched>,
}

fn open(folder: &Path) -> anyhow::Result<Traces> {
    let options = Options {
        retention: Retention {
            age: Duration::MAX,
            share: 90,
            keep_free: 1,
        },
        throttle: logs::ThrottleOptions {
            per_second: u32::MAX,
            ..logs::ThrottleOptions::default()
        },
        ..Options::default()
    };
    Ok(Traces::open(folder, "fe01.load.example", options)?.0)
}

/// Takes records in.
///
/// # Errors
/// One is dropped, or the disk takes no more.
pub(super) fn ingest(folder: &Path, count: u64) -> anyhow::Result<Ingested> {
    let traces = open(folder)?;
    let own = Tree::of(std::process::id());
    let (mut used, mut text) = (Duration::ZERO, 0);
    for start in (0..count).step_by(usize::try_from(BATCH)?) {
        let batch: Vec<_> = (start..count.min(start + BATCH))
            .map(|number| sample::record(number, count))
            .collect();
        text += batch
            .iter()
            .map(|record| logs::line::text_of(record).len())
            .sum::<usize>();
        let before = own.used()?;
        for record in batch {
            if !traces.offer(record) {
                bail!("a record was dropped: {:?}", traces.stats());
            }
        }
        traces.sync()?;
        used += own.used()?.saturating_sub(before);
    }
    // The thread's time is lost when it ends, so the last file is finished before.
    let before = own.used()?;
    traces.seal()?;
    used += own.used()?.saturating_sub(before);
    let peak_mib = memory("VmHWM")?;
    drop(traces);
    #[expect(clippy::cast_precision_loss, reason = "counts and sizes for people")]
    Ok(Ingested {
        records: count,
        text_mib: text as f64 / 1_048_576.0,
        disk_mib: size_of(folder)?,
        cpu_us: used.as_secs_f64() * 1e6 / count as f64,
        peak_mib,
    })
}

/// Searches.
///
/// # Errors
/// A search fails or finds what is not there.
pub(super) fn search(folder: &Path, count: u64) -> anyhow::Result<Searches> {
    let begin = Instant::now();
    let traces = open(folder)?;
    let open_millis = begin.elapsed().as_secs_f64() * 1e3;
    let rest_mib = memory("VmRSS")?;
    let mut searches = Vec::new();
    for (what, criteria, level, expected) in questions(count)? {
        let mut query = Query::within(Span::new(
            Time(sample::START),
            Time(sample::START + count * sample::STEP),
        )?);
        query.criteria = criteria;
        query.level = level;
        query.limit = RESULTS.min(MOST_RESULTS);
        let found = measure(&traces, what, &query)?;
        if !expected.contains(&found.hits) {
            bail!("{what}: {} records were found", found.hits);
        }
        searches.push(found);
    }
    Ok(Searches {
        open_millis,
        rest_mib,
        peak_mib: memory("VmHWM")?,
        searches,
    })
}

type Question = (
    &'static str,
    Vec<Criterion>,
    Level,
    std::ops::RangeInclusive<u64>,
);

/// What is asked, and how many records answer.
fn questions(count: u64) -> anyhow::Result<Vec<Question>> {
    let text = |words: &str| vec![Criterion::Text(words.to_owned())];
    let pattern = |source| Pattern::new(source).map(|pattern| vec![Criterion::Pattern(pattern)]);
    let user = Criterion::Uri("sip:user4711@load.example".to_owned());
    let one = Criterion::CallId(sample::call_id(count / 3));
    let all = Level::Debug;
    let many = 0..=u64::from(RESULTS);
    Ok(vec![
        ("a Call-ID", vec![one], all, 1..=1),
        (
            "a Call-ID that is not there",
            vec![Criterion::CallId("0".repeat(32))],
            all,
            0..=0,
        ),
        ("a user", vec![user], all, many.clone()),
        ("errors", Vec::new(), Level::Error, many.clone()),
        ("a rare word", text(sample::RARE), all, 1..=1),
        (
            "a rare word, by a pattern",
            pattern("\\((?i)ZEBRA[a-z]+;")?,
            all,
            1..=1,
        ),
        (
            "words that are nowhere, parts of them everywhere",
            text(sample::NOWHERE),
            all,
            0..=0,
        ),
        (
            "a common word, the first 10,000",
            text(sample::COMMON),
            all,
            many,
        ),
        (
            "a pattern of two fixed bytes",
            pattern(sample::FEW_FIXED)?,
            all,
            1..=1,
        ),
        (
            "a pattern without fixed words",
            pattern("[g-z]{30}")?,
            all,
            0..=0,
        ),
    ])
}

fn measure(traces: &Traces, what: &str, query: &Query) -> anyhow::Result<Searched> {
    let (mut millis, mut first_finds) = (Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let mut first_find = None;
        let outcome = traces.search(query, &AtomicBool::new(false), &mut |hit| {
            std::hint::black_box(hit);
            first_find.get_or_insert_with(|| begin.elapsed());
            ControlFlow::Continue(())
        })?;
        millis.push(begin.elapsed().as_secs_f64() * 1e3);
        first_finds.extend(first_find.map(|after| after.as_secs_f64() * 1e3));
        last = Some(outcome);
    }
    let outcome = last.context("no round")?;
    let first_millis = millis.first().copied().unwrap_or(f64::NAN);
    millis.sort_unstable_by(f64::total_cmp);
    first_finds.sort_unstable_by(f64::total_cmp);
    Ok(Searched {
        what: what.to_owned(),
        millis: millis.get(ROUNDS / 2).copied().unwrap_or(f64::NAN),
        first_millis,
        first_find_millis: first_finds.get(first_finds.len() / 2).copied(),
        hits: outcome.given,
        limited: outcome.limited,
        read: outcome.read,
        groups: outcome.groups,
    })
}
