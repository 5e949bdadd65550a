//! Searches give the same records as GNU grep over a full export: whatever the records are, whatever is looked for, and
//! whether the files are being written, were left by a crash or are finished.
//!
//! What `grep` cannot know is not asked of it: a value in quotes is not told from the field that it seems to name, so no
//! value of these records holds the name of a field.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use logs::{Combine, Component, Criterion, Flags, Level, Pattern, Query, Record, Text, Time, line};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use traces::{Options, Traces};

use crate::support::{MACHINE, START, find, offer, open_with, options, query};

/// Signs of which lines and values are made: of all kinds, few enough that they come again.
const SIGNS: &str = "[a-cA-C01 .*+?()\\[\\]{}|^$\\\\=\"<>;:@/#~é…-]{0,40}";

/// So often all records are offered.
const TIMES: usize = 12;

#[derive(Clone, Debug)]
struct Part {
    call_id: String,
    from: Option<String>,
    request: Option<String>,
    lines: Vec<String>,
    is_error: bool,
    /// Clocks jump back now and then.
    back: bool,
}

fn any_uri() -> impl Strategy<Value = String> {
    let scheme = select(&["sip:", "SIPS:", ""][..]);
    let host = select(
        &[
            "example.com",
            "Example.COM",
            "a.example.com",
            "[2001:db8::1]",
        ][..],
    );
    let user = select(&["alice", "Alice", "bob", "a.b", "a+b", "alice.c"][..]);
    let port = select(&["", ":5061"][..]);
    let rest = select(&["", ";transport=tls", "?x=bob@example.com", ";lr"][..]);
    let in_brackets = any::<bool>();
    (scheme, user, host, port, rest, in_brackets).prop_map(
        |(scheme, user, host, port, rest, in_brackets)| {
            let uri = format!("{scheme}{user}@{host}{port}{rest}");
            if in_brackets { format!("<{uri}>") } else { uri }
        },
    )
}

fn any_call_id() -> impl Strategy<Value = String> {
    "[ab0]{1,3}([@. \"\\\\][ab]{1,2})?"
}

fn any_part() -> impl Strategy<Value = Part> {
    let text = prop_oneof![
        4 => SIGNS,
        1 => "=== [ab]{0,4}",
        1 => "\\\\[=a]{0,4}",
        2 => select(&["INVITE sip:bob@example.com SIP/2.0", "User-Agent: Phone/5.2 (linux; x86_64)", ""][..])
            .prop_map(str::to_owned),
    ];
    let uri = || proptest::option::of(any_uri());
    let lines = proptest::collection::vec(text, 0..8);
    let rest = (prop::bool::weighted(0.05), prop::bool::weighted(0.05));
    (any_call_id(), uri(), uri(), lines, rest).prop_map(
        |(call_id, from, request, lines, (is_error, back))| Part {
            call_id,
            from,
            request,
            lines,
            is_error,
            back,
        },
    )
}

fn record(number: usize, part: &Part) -> Record {
    let number = number as u64;
    let time = START + number * 1000 - if part.back { 1_000_000 } else { 0 };
    let level = if part.is_error {
        Level::Error
    } else {
        Level::Info
    };
    let mut record = Record::new(
        Time(time),
        MACHINE.into(),
        Component::Routing,
        level,
        Flags::PROTOCOL,
    );
    // The number makes every record different from all others.
    record.flow = Some(logs::Flow(number));
    record.call_id = Some(part.call_id.as_str().into());
    record.from = part.from.as_deref().map(Into::into);
    record.request = part.request.as_deref().map(Into::into);
    record.text = Text::new(&part.lines.join("\r\n"));
    record
}

/// What is looked for, to be made of a piece of the export so that there is something to find.
#[derive(Clone, Debug)]
enum Wish {
    Text(Index, usize),
    Pattern(Index, Vec<u8>),
    CallId(String),
    Uri(String, String),
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let user = select(&["alice", "ALICE", "bob", "a.b", "a+b", "nobody"][..]);
    let host = select(&["example.com", "a.example.com", "[2001:DB8::1]"][..]);
    prop_oneof![
        (any::<Index>(), 1..12_usize).prop_map(|(at, length)| Wish::Text(at, length)),
        (any::<Index>(), proptest::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, how)| Wish::Pattern(at, how)),
        any_call_id().prop_map(Wish::CallId),
        (user, host).prop_map(|(user, host)| Wish::Uri(user.into(), host.into())),
    ]
}

/// One thing that is looked for, and what to tell `grep` so that it looks for the same.
struct Question {
    criterion: Criterion,
    grep: Vec<String>,
}

/// Escapes what means something in an extended expression.
fn literal(text: &str) -> String {
    let escaped = |sign: char| {
        let mark = if "\\.^$*+?()[]{}|".contains(sign) {
            "\\"
        } else {
            ""
        };
        format!("{mark}{sign}")
    };
    text.chars().map(escaped).collect()
}

fn spelt(value: &str) -> String {
    if value.contains([' ', '"']) {
        let inside = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{inside}\"")
    } else {
        value.to_owned()
    }
}

impl Question {
    fn of(wish: &Wish, export: &str) -> Self {
        let (criterion, grep) = match wish {
            Wish::Text(at, length) => {
                let text: String = piece(export, at).take(*length).collect();
                (Criterion::Text(text.clone()), vec!["-F".to_owned(), text])
            }
            Wish::Pattern(at, how) => {
                let source = pattern(piece(export, at), how);
                let pattern = Pattern::new(&source).unwrap();
                (Criterion::Pattern(pattern), vec!["-E".to_owned(), source])
            }
            Wish::CallId(id) => {
                let field = format!("^=== .* call-id={}( |$)", literal(&spelt(id)));
                (Criterion::CallId(id.clone()), vec!["-E".to_owned(), field])
            }
            Wish::Uri(user, host) => {
                let uri = format!("{user}@{host}");
                let field = format!(
                    "^=== .* (from|request)=<?(sips?:)?{}(:[0-9]+)?([;?>][^ ]*)?( |$)",
                    literal(&uri)
                );
                (Criterion::Uri(uri), vec!["-iE".to_owned(), field])
            }
        };
        Self { criterion, grep }
    }

    /// The records, by number, in whose lines `grep` finds it.
    fn by_grep(&self, export: &Path, heads: &[usize]) -> BTreeSet<usize> {
        let [kind, words] = self.grep.as_slice() else {
            unreachable!("a kind and words");
        };
        let output = Command::new("grep")
            .env("LC_ALL", "C.UTF-8")
            .args(["--text", "--line-number", kind, "-e", words])
            .arg(export)
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{words}: {output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let number = |line: &str| line.split(':').next()?.parse::<usize>().ok();
        // A line belongs to the record whose head is the last one before it.
        let record = |line| heads.partition_point(|head| *head <= number(line).unwrap()) - 1;
        lines.lines().map(record).collect()
    }
}

/// What follows, on its line, at some place of the export.
fn piece<'a>(export: &'a str, at: &Index) -> impl Iterator<Item = char> + use<'a> {
    let mut at = at.index(export.len());
    while !export.is_char_boundary(at) || export[at..].starts_with('\n') {
        at -= 1;
    }
    export[at..].chars().take_while(|sign| *sign != '\n')
}

/// Makes an expression that is much like a piece of text: some signs stand for others too, may be missing or come again.
fn pattern(piece: impl Iterator<Item = char>, how: &[u8]) -> String {
    let mut source = String::new();
    for (sign, how) in piece.zip(how) {
        let own = literal(&sign.to_string());
        source.push_str(&match how % 16 {
            0 => ".".to_owned(),
            1 if sign.is_ascii_alphanumeric() => format!("[{sign}xé]"),
            2 => "[^xyz]".to_owned(),
            3 => format!("{own}?"),
            4 => format!("{own}*"),
            5 => format!("{own}+"),
            6 => format!("({own}|zz+)"),
            7 => format!("{own}{{1,2}}"),
            8 => format!("(^|{own})"),
            9 => format!("({own}|$)"),
            _ => own,
        });
    }
    source
}

/// The same directory as a crash at this moment leaves it, opened again.
fn crashed(dir: &Path, options: Options) -> (tempfile::TempDir, Traces) {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let (traces, recovery) = open_with(copy.path(), options);
    assert_eq!(
        (recovery.mended, recovery.damaged_bytes),
        (1, 0),
        "{recovery:?}"
    );
    (copy, traces)
}

/// All the text of the finished files, as `zstdcat` prints it.
fn exported(dir: &Path) -> String {
    let entries = fs::read_dir(dir).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "zst"));
    paths.sort_unstable();
    let text = |path: &PathBuf| zstd::decode_all(fs::File::open(path).unwrap()).unwrap();
    String::from_utf8(paths.iter().flat_map(text).collect()).unwrap()
}

fn number(record: &Record) -> usize {
    usize::try_from(record.flow.unwrap().0).unwrap()
}

/// What a query finds, checked for its order and by number.
fn found(traces: &Traces, query: &Query) -> BTreeSet<usize> {
    let (found, outcome) = find(traces, query);
    assert!(!outcome.limited && outcome.damaged == 0, "{outcome:?}");
    let numbers: BTreeSet<usize> = found.iter().map(number).collect();
    assert_eq!(numbers.len(), found.len(), "a record was given twice");
    numbers
}

/// Returns how many of the questions some, but not all, records answer.
fn compare(parts: &[Part], questions: &[(Vec<Wish>, bool)]) -> usize {
    let small = || Options {
        segment_bytes: 64 << 10,
        ..options()
    };
    let dir = tempfile::tempdir().unwrap();
    let (live, _) = open_with(dir.path(), small());
    // Several times over, so that there are several groups and files; each time the numbers differ.
    for (number, part) in parts.iter().cycle().take(parts.len() * TIMES).enumerate() {
        offer(&live, &record(number, part));
        if number % 4000 == 3999 {
            live.sync().unwrap();
        }
        if number == parts.len() * 3 {
            live.seal().unwrap();
        }
    }
    live.sync().unwrap();
    let (_copy, after_crash) = crashed(dir.path(), small());
    let everything = query(Vec::new());
    let mut text = String::new();
    for record in find(&live, &everything).0 {
        line::write(&record, &mut text);
    }
    let heads = text.lines().enumerate();
    let heads = heads.filter(|(_, line)| line.starts_with(line::HEAD));
    let heads: Vec<usize> = heads.map(|(place, _)| place + 1).collect();
    let read = line::split(&text).map(|record| number(&line::read(record).unwrap()));
    let numbers: Vec<usize> = read.collect();
    let count = parts.len() * TIMES;
    assert_eq!(
        numbers.iter().copied().collect::<BTreeSet<_>>(),
        (0..count).collect()
    );
    let export = dir.path().join("export.txt");
    fs::write(&export, &text).unwrap();

    let mut expected = Vec::new();
    for (wishes, all) in questions {
        let questions: Vec<Question> = wishes
            .iter()
            .map(|wish| Question::of(wish, &text))
            .collect();
        let by_grep = |question: &Question| {
            let found = question.by_grep(&export, &heads);
            found.iter().map(|place| numbers[*place]).collect()
        };
        let mut kinds: Vec<(std::mem::Discriminant<Criterion>, BTreeSet<usize>)> = Vec::new();
        for question in &questions {
            let kind = std::mem::discriminant(&question.criterion);
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, numbers)) => numbers.extend(by_grep(question)),
                None => kinds.push((kind, by_grep(question))),
            }
        }
        let sets = kinds.into_iter().map(|(_, numbers)| numbers);
        let together = if *all {
            sets.reduce(|one, other| &one & &other)
        } else {
            sets.reduce(|one, other| &one | &other)
        };
        let mut query = query(questions.into_iter().map(|one| one.criterion).collect());
        query.check().unwrap();
        query.combine = if *all { Combine::All } else { Combine::Any };
        let together = together.unwrap();
        assert_eq!(&found(&live, &query), &together, "live: {:?}", query);
        assert_eq!(&found(&after_crash, &query), &together, "{:?}", query);
        expected.push((query, together));
    }

    drop(live);
    let mut lines: Vec<&str> = text.lines().collect();
    let stored = exported(dir.path());
    let mut others: Vec<&str> = stored.lines().collect();
    lines.sort_unstable();
    others.sort_unstable();
    assert_eq!(lines, others, "zstdcat prints what a search gives");
    let (finished, recovery) = open_with(dir.path(), small());
    assert!(recovery.files > 1 && recovery.mended == 0, "{:?}", recovery);
    for (query, together) in &expected {
        assert_eq!(&found(&finished, query), together, "finished: {:?}", query);
    }
    let tells = |(_, together): &&(Query, BTreeSet<usize>)| (1..count).contains(&together.len());
    expected.iter().filter(tells).count()
}

#[test]
fn a_search_finds_what_grep_finds_whatever_is_looked_for_in_whatever_files() {
    if Command::new("grep").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "grep is missing");
        println!("SKIPPED: grep is not installed");
        return;
    }
    let config = ProptestConfig {
        cases: 4,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let parts = proptest::collection::vec(any_part(), 100..300);
    let wishes = proptest::collection::vec(any_wish(), 1..4);
    let questions = proptest::collection::vec((wishes, any::<bool>()), 20);
    let telling = AtomicUsize::new(0);
    proptest!(config, |(parts in parts, questions in questions)| {
        telling.fetch_add(compare(&parts, &questions), Ordering::Relaxed);
    });
    let telling = telling.into_inner();
    assert!(
        telling > 20,
        "{telling} of 80 questions have an answer that tells anything"
    );
}
