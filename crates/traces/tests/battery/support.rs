//! Records that look like those of a server, and short ways to ask.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use logs::{Component, Criterion, Direction, Flags, Level, Query, Record, Span, Text, Time, line};
use traces::{Options, Outcome, Recovery, Retention, Traces};

pub(crate) const MACHINE: &str = "fe01.example.com";
/// The time of the first record.
pub(crate) const START: u64 = 1_790_000_000_000_000;

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// The n-th record: each has its own Call-ID `call-N@example.com`, users and addresses come again.
pub(crate) fn record(number: u64) -> Record {
    let mut dice = Dice(number * 2_654_435_761 + 88_172_645);
    let (from, to) = (dice.below(500), dice.below(500));
    let component = Component::ALL[usize::try_from(dice.below(4)).unwrap()];
    let level = if dice.below(1000) == 0 {
        Level::Error
    } else {
        Level::Info
    };
    let time = Time(START + number * 1000);
    let mut record = Record::new(time, MACHINE.into(), component, level, Flags::PROTOCOL);
    let method = ["INVITE", "REGISTER", "BYE", "OPTIONS"][usize::try_from(dice.below(4)).unwrap()];
    let peer = format!(
        "10.1.{}.{}:{}",
        dice.below(4),
        dice.below(250),
        1024 + dice.below(60_000)
    );
    record.peer = Some(peer.parse().unwrap());
    record.local = Some("10.0.0.21:5061".parse().unwrap());
    record.direction = Some(Direction::In);
    record.call_id = Some(format!("call-{number}@example.com").as_str().into());
    record.from = Some(format!("sip:user{from}@example.com").as_str().into());
    record.to = Some(
        format!("sip:+1425555{to:04}@example.com;user=phone")
            .as_str()
            .into(),
    );
    record.method = Some(method.into());
    record.status =
        (dice.below(3) == 0).then_some([200, 403, 486][usize::try_from(dice.below(3)).unwrap()]);
    let text = format!(
        "{method} sip:user{to}@example.com SIP/2.0\nVia: SIP/2.0/TLS {peer};branch=z9hG4bK{:016x}\nMax-Forwards: 70\n\
         From: <sip:user{from}@example.com>;tag={:08x}\nTo: <sip:user{to}@example.com>\nCSeq: {} {method}\n\
         User-Agent: Phone/5.{} (linux; x86_64)\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, SUBSCRIBE\n",
        dice.below(u64::MAX),
        dice.below(1 << 32),
        dice.below(30),
        dice.below(10),
    );
    record.text = Text::new(&text);
    record
}

/// The usual options, but no file is too old: the time of these records is made up.
pub(crate) fn options() -> Options {
    Options {
        retention: Retention {
            age: Duration::MAX,
            ..Retention::default()
        },
        ..Options::default()
    }
}

pub(crate) fn open(dir: &Path) -> (Traces, Recovery) {
    open_with(dir, options())
}

pub(crate) fn open_with(dir: &Path, options: Options) -> (Traces, Recovery) {
    Traces::open(dir, MACHINE, options).unwrap()
}

/// Offers a record until it is taken: a machine that is busy with other things takes less at a time.
pub(crate) fn offer(traces: &Traces, record: &Record) {
    while !traces.offer(record.clone()) {
        traces.sync().unwrap();
    }
}

/// Offers records until each is taken, with a wait for the disk now and then so that the queue has room.
pub(crate) fn fill(traces: &Traces, numbers: std::ops::Range<u64>) {
    for number in numbers {
        offer(traces, &record(number));
        if number % 5000 == 4999 {
            traces.sync().unwrap();
        }
    }
    traces.sync().unwrap();
}

/// A query for everything of any time.
pub(crate) fn all() -> Query {
    let first = Time(START).before(Duration::from_secs(86_400));
    let mut query = Query::within(Span::new(first, first.after(logs::LONGEST_SPAN)).unwrap());
    query.limit = logs::MOST_RESULTS;
    query
}

pub(crate) fn query(criteria: Vec<Criterion>) -> Query {
    let mut query = all();
    query.criteria = criteria;
    query
}

/// Searches, and checks that what comes is in order and readable.
pub(crate) fn find(traces: &Traces, query: &Query) -> (Vec<Record>, Outcome) {
    let mut found = Vec::new();
    let mut last = Time::ZERO;
    let outcome = traces
        .search(query, &AtomicBool::new(false), &mut |hit| {
            assert!(last <= hit.time, "{last} came before {}", hit.time);
            last = hit.time;
            found.push(line::read(&hit.text).unwrap());
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(outcome.given, found.len() as u64);
    (found, outcome)
}

/// The Call-ID of the n-th record.
pub(crate) fn call(number: u64) -> Criterion {
    Criterion::CallId(format!("call-{number}@example.com"))
}

/// Tells whether exactly the n-th record is found by its Call-ID.
pub(crate) fn has(traces: &Traces, number: u64) -> bool {
    find(traces, &query(vec![call(number)])).0 == [record(number)]
}

/// The names of all files in a directory, in order.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}
