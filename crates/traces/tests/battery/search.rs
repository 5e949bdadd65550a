//! A search finds exactly what the reference finds, and what `grep` finds in an export.

use std::fs;
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use logs::{
    Combine, Component, Criterion, Level, Pattern, Query, Record, Span, Time, line, matches_text,
};
use proptest::prelude::*;
use traces::{Options, Traces};

use crate::support::{
    START, all, call, fill, find, has, offer, open, open_with, options, query, record,
};

/// Several small files, one that is being written, and a group in memory.
fn several(dir: &std::path::Path, records: u64) -> Traces {
    let options = Options {
        segment_bytes: 280 << 10,
        ..options()
    };
    let (traces, _) = open_with(dir, options);
    fill(&traces, 0..records);
    assert!(traces.stats().files > 1, "{:?}", traces.stats());
    traces
}

fn any_criterion() -> impl Strategy<Value = Criterion> {
    let user = 0..600_u64;
    prop_oneof![
        (0..11_000_u64).prop_map(call),
        user.clone()
            .prop_map(|user| Criterion::Uri(format!("USER{user}@example.com"))),
        user.prop_map(|user| Criterion::Phone(format!("+1425555{user:04}").parse().unwrap())),
        (0..5_u8, 0..250_u8).prop_map(|(a, b)| Criterion::Ip([10, 1, a, b].into())),
        Just(Criterion::Ip([10, 0, 0, 21].into())),
        prop_oneof![Just("403"), Just("4xx"), Just("2xx"), Just("5xx")]
            .prop_map(|status| Criterion::Status(status.parse().unwrap())),
        prop_oneof![Just("bye"), Just("INVITE"), Just("PUBLISH")]
            .prop_map(|method| Criterion::Method(method.into())),
        prop_oneof![
            Just("user17"),
            Just("BYE sip:user4"),
            Just("Phone/5.7"),
            Just("nowhere at all"),
            Just("1"),
            Just("call-id=call-99"),
            Just("=== 2026"),
            Just("Allow: INVITE"),
            Just("tag=0"),
        ]
        .prop_map(|text| Criterion::Text(text.into())),
        prop_oneof![
            Just("user1[0-9]7@"),
            Just("^BYE .*user4.*2.0$"),
            Just("(?i)phone/5\\.[37] "),
            Just("tag=\\w*00\\b"),
            Just("[^a-z]user33@example\\.com>;tag"),
            Just("\\Aabc|Call"),
            Just("branch=z9hG4bK[0-9a-f]*dead"),
            Just("70\\s+From"),
            Just("0{3,}"),
        ]
        .prop_map(|pattern| Criterion::Pattern(Pattern::new(pattern).unwrap())),
    ]
}

fn any_query() -> impl Strategy<Value = Query> {
    let criteria = proptest::collection::vec(any_criterion(), 0..4);
    let span = (0..11_000_u64, 0..11_000_u64);
    let rest = (any::<bool>(), any::<bool>(), any::<bool>(), 1..3000_u32);
    (criteria, span, rest).prop_map(|(criteria, (from, to), (all_of, errors, few, limit))| {
        let at = |number: u64| Time(START + number * 1000);
        let mut query = Query::within(Span::new(at(from.min(to)), at(from.max(to))).unwrap());
        query.criteria = criteria;
        query.limit = limit;
        if all_of {
            query.combine = Combine::All;
        }
        if errors {
            query.level = Level::Error;
        }
        if few {
            query.components = vec![Component::Routing, Component::Edge];
        }
        query
    })
}

#[test]
fn a_search_finds_what_the_reference_finds() {
    let dir = tempfile::tempdir().unwrap();
    let traces = several(dir.path(), 10_000);
    let records: Vec<Record> = (0..10_000).map(record).collect();
    let texts: Vec<String> = records.iter().map(line::text_of).collect();
    let config = ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(query in any_query())| {
        let expected: Vec<&Record> = records
            .iter()
            .zip(&texts)
            .filter(|(record, text)| matches_text(&query, record, text))
            .map(|(record, _)| record)
            .collect();
        let limit = query.limit as usize;
        let (found, outcome) = find(&traces, &query);
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), &expected[..expected.len().min(limit)]);
        prop_assert_eq!(outcome.limited, expected.len() > limit);
        prop_assert_eq!(outcome.damaged, 0);
    });
}

#[test]
fn a_search_finds_what_grep_finds_in_an_export() {
    let dir = tempfile::tempdir().unwrap();
    let traces = several(dir.path(), 6000);
    let export = dir.path().join("export.txt");
    let mut text = String::new();
    for record in find(&traces, &all()).0 {
        line::write(&record, &mut text);
    }
    assert_eq!(line::split(&text).count(), 6000);
    fs::write(&export, &text).unwrap();
    for (words, is_pattern) in [
        ("user17@", false),
        ("Phone/5.7", false),
        ("^BYE .*user4", true),
        ("tag=[0-9a-f]*dd", true),
        ("status=4(03|86)", true),
        ("not in there", false),
    ] {
        let kind = if is_pattern { "-E" } else { "-F" };
        let output = Command::new("grep")
            .args(["-n", kind, "--", words])
            .arg(&export)
            .output()
            .unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        let numbers = lines
            .lines()
            .map(|line| line.split(':').next().unwrap().parse::<usize>().unwrap());
        // Each line that grep shows belongs to the record whose head is the last one before it.
        let heads: Vec<usize> = text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.starts_with(line::HEAD))
            .map(|(place, _)| place + 1)
            .collect();
        let mut expected: Vec<usize> = numbers
            .map(|number| heads.partition_point(|head| *head <= number) - 1)
            .collect();
        expected.dedup();
        let criterion = if is_pattern {
            Criterion::Pattern(Pattern::new(words).unwrap())
        } else {
            Criterion::Text(words.into())
        };
        let (found, _) = find(&traces, &query(vec![criterion]));
        let found: Vec<usize> = found
            .iter()
            .map(|record| usize::try_from((record.time.0 - START) / 1000).unwrap())
            .collect();
        assert_eq!(found, expected, "{words}");
    }
}

#[test]
fn an_exact_value_reads_few_groups() {
    let dir = tempfile::tempdir().unwrap();
    let traces = several(dir.path(), 20_000);
    let (found, outcome) = find(&traces, &query(vec![call(12_345)]));
    assert_eq!(found, [record(12_345)]);
    assert!(outcome.groups > 30 && outcome.read <= 6, "{outcome:?}");
}

#[test]
fn an_ordinary_tool_reads_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let (traces, _) = open(dir.path());
    fill(&traces, 0..3000);
    drop(traces);
    let path = dir.path().join("0000000001.trace.zst");
    let text = zstd::decode_all(fs::File::open(path).unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    let read: Vec<Record> = line::split(&text)
        .map(|text| line::read(text).unwrap())
        .collect();
    assert_eq!(read, (0..3000).map(record).collect::<Vec<_>>());
}

#[test]
fn clocks_that_jump_lose_nothing_and_finds_stay_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let traces = several(dir.path(), 6000);
    let mut early = Vec::new();
    for number in 0..500 {
        let mut record = record(number);
        record.time = Time(START - 3_600_000_000 + number * 1000);
        record.call_id = Some("early".into());
        offer(&traces, &record);
        early.push(record);
    }
    fill(&traces, 6000..7000);
    assert_eq!(
        find(&traces, &query(vec![Criterion::CallId("early".into())])).0,
        early
    );
    let (found, _) = find(&traces, &all());
    assert_eq!(found.len(), 7500);
    assert_eq!(found[..500], early);
}

#[test]
fn a_search_ends_when_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let traces = several(dir.path(), 8000);
    let mut given = 0;
    let outcome = traces.search(&all(), &AtomicBool::new(false), &mut |_| {
        given += 1;
        if given == 7 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let outcome = outcome.unwrap();
    assert!(
        outcome.cancelled && outcome.given == 7 && outcome.read < outcome.groups,
        "{outcome:?}"
    );
    let cancel = AtomicBool::new(false);
    let outcome = traces.search(&all(), &cancel, &mut |_| {
        cancel.store(true, Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    let outcome = outcome.unwrap();
    assert!(outcome.cancelled && outcome.given < 8000, "{outcome:?}");
}

#[test]
fn what_was_written_is_there_after_an_orderly_end() {
    let dir = tempfile::tempdir().unwrap();
    drop(several(dir.path(), 6000));
    let (traces, recovery) = open(dir.path());
    assert_eq!((recovery.mended, recovery.torn_bytes), (0, 0));
    assert!(recovery.files > 1);
    assert!(has(&traces, 0) && has(&traces, 5999));
    assert_eq!(find(&traces, &all()).0.len(), 6000);
}
