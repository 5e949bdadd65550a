//! How the agents have answered, a line for each: that one was silent has to be seen.

use std::time::Duration;

use roles::controlling::Report;
use serde_json::{Value, json};

use crate::output::{Output, Table};

/// A clock that is off by less is not worth a word to people.
const WORTH_SAYING: Duration = Duration::from_secs(1);

/// Prints a line for each agent to standard error.
pub(super) fn told(reports: &[Report], what: &str, output: &Output) -> anyhow::Result<()> {
    let mut table = Table::new(["Machine", "Answer", what, "Took", ""])
        .right(2)
        .right(3);
    for report in reports {
        table.row([
            report.machine.to_string(),
            report.status.word().to_owned(),
            report.given.to_string(),
            took(report.took),
            notes(report).join("; "),
        ]);
    }
    output.complain(table.to_text(output.has_error_colour()))
}

/// Everything that there is to say about an answer.
pub(super) fn notes(report: &Report) -> Vec<String> {
    let mut notes: Vec<String> = report.status.why().map(str::to_owned).into_iter().collect();
    let counts = [
        (report.damaged, "blocks of its files cannot be read"),
        (
            report.left_out,
            "records left out: not to be read here, or of another machine",
        ),
        (report.out_of_order, "records out of order"),
        (report.missed, "records missed"),
    ];
    let some = counts.into_iter().filter(|(count, _)| *count > 0);
    notes.extend(some.map(|(count, what)| format!("{count} {what}")));
    notes.extend(report.skew.and_then(clock));
    notes
}

/// One word for how a command went.
pub(super) fn word(report: &Report) -> &'static str {
    match report.status.word() {
        "answered" => "done",
        other => other,
    }
}

fn clock(skew: i64) -> Option<String> {
    let off = Duration::from_micros(skew.unsigned_abs());
    let way = if skew > 0 { "ahead" } else { "behind" };
    (off >= WORTH_SAYING).then(|| format!("its clock is {:.1} s {way}", off.as_secs_f64()))
}

fn took(took: Duration) -> String {
    let millis = took.as_millis();
    if millis < 10_000 {
        format!("{millis} ms")
    } else {
        format!("{} s", took.as_secs())
    }
}

/// The same for programs; what there is nothing to say about is left out.
pub(super) fn json(report: &Report) -> Value {
    let mut value = json!({
        "machine": &*report.machine,
        "answer": report.status.word(),
        "given": report.given,
        "took_ms": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
    });
    if let Some(map) = value.as_object_mut() {
        let mut add = |name: &str, value: Option<Value>| {
            value.map(|value| map.insert(name.to_owned(), value));
        };
        add("why", report.status.why().map(Value::from));
        add("clock_off_us", report.skew.map(Value::from));
        let count = |count: u64| (count > 0).then(|| Value::from(count));
        add("damaged", count(report.damaged));
        add("left_out", count(report.left_out));
        add("out_of_order", count(report.out_of_order));
        add("missed", count(report.missed));
    }
    value
}
