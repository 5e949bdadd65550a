//! `conformance`: runs the conformance cases against the product and prints how many there are of each RFC.
//!
//! A test of `testing/system` says `conformance rfcNNNN: ...` for its RFC, `conformance rfcNNNN leaves out ...` for each
//! sentence that it skips and `conformance rfcNNNN fails ...` for each that does not hold; this task puts those lines
//! into one table and adds them up. With `--json` it prints them as one value.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::test::command;

/// What is said of one RFC.
#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    cases: usize,
    passed: usize,
    skipped: usize,
    /// What is left out, each with its section and reason.
    left_out: Vec<String>,
    /// What does not hold, each with its section and what there was instead.
    failed: Vec<String>,
}

/// Runs all conformance tests and prints the table.
///
/// # Errors
/// Fails when a case failed or nothing was said.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<()> {
    let as_json = match words {
        [] => false,
        [word] if word == "--json" => true,
        _ => bail!("conformance takes --json and nothing else"),
    };
    eprintln!("building, then running every case: a minute or two");
    let built = command(root, &["build", "--package", "vestibule"]).status()?;
    if !built.success() {
        bail!("the product could not be built: cargo ended with {built}");
    }
    let words = "test --package system --test main --no-fail-fast -- conformance::";
    let words: Vec<&str> = words.split(' ').collect();
    let output = command(root, &words)
        .output()
        .context("starting cargo test")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let rows = rows(&said);
    if as_json {
        println!("{}", value(&rows));
    } else {
        print!("{}", table(&rows));
    }
    if rows.is_empty() {
        eprint!("{said}");
        bail!("no case was run");
    }
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stdout));
        bail!("not every case passed: cargo ended with {}", output.status);
    }
    Ok(())
}

fn rows(said: &str) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for line in said.lines() {
        let Some(rest) = line.strip_prefix("conformance rfc") else {
            continue;
        };
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let (rfc, rest) = rest.split_at(end.unwrap_or(rest.len()));
        let row = rows.entry(rfc.to_owned()).or_default();
        if let Some(counts) = rest.strip_prefix(": ") {
            row.add(counts);
        } else if let Some(sentence) = rest.strip_prefix(" leaves out ") {
            row.left_out.push(sentence.to_owned());
        } else if let Some(sentence) = rest.strip_prefix(" fails ") {
            row.failed.push(sentence.to_owned());
        }
    }
    rows
}

impl Row {
    /// Adds `87 cases, 86 passed, 1 skipped`; an RFC may have several tests.
    fn add(&mut self, counts: &str) {
        for count in counts.split(", ") {
            match count
                .split_once(' ')
                .map(|(n, word)| (n.parse::<usize>(), word))
            {
                Some((Ok(number), "cases")) => self.cases += number,
                Some((Ok(number), "passed")) => self.passed += number,
                Some((Ok(number), "skipped")) => self.skipped += number,
                _ => {}
            }
        }
    }
}

fn total(rows: &BTreeMap<String, Row>) -> [usize; 3] {
    let sum = |of: fn(&Row) -> usize| rows.values().map(of).sum::<usize>();
    [
        sum(|row| row.cases),
        sum(|row| row.passed),
        sum(|row| row.skipped),
    ]
}

fn table(rows: &BTreeMap<String, Row>) -> String {
    let mut text = format!(
        "{:<9} {:>6} {:>7} {:>8}\n",
        "RFC", "cases", "passed", "skipped"
    );
    let mut line = |name: &str, [cases, passed, skipped]: [usize; 3]| {
        text.push_str(&format!("{name:<9} {cases:>6} {passed:>7} {skipped:>8}\n"));
    };
    for (rfc, row) in rows {
        line(rfc, [row.cases, row.passed, row.skipped]);
    }
    line(&format!("{} RFCs", rows.len()), total(rows));
    list(&mut text, "Skipped, with the reason", rows, |row| {
        &row.left_out
    });
    list(&mut text, "Failed", rows, |row| &row.failed);
    text
}

/// Adds the sentences of one kind, if there are any.
fn list(text: &mut String, head: &str, rows: &BTreeMap<String, Row>, of: fn(&Row) -> &Vec<String>) {
    if rows.values().all(|row| of(row).is_empty()) {
        return;
    }
    text.push_str(&format!("\n{head}:\n"));
    for (rfc, row) in rows {
        for sentence in of(row) {
            text.push_str(&format!("  RFC {rfc}, {sentence}\n"));
        }
    }
}

fn value(rows: &BTreeMap<String, Row>) -> Value {
    let one = |(rfc, row): (&String, &Row)| {
        json!({
            "rfc": rfc,
            "cases": row.cases,
            "passed": row.passed,
            "skipped": row.skipped,
            "left_out": row.left_out,
            "failed": row.failed,
        })
    };
    let [cases, passed, skipped] = total(rows);
    json!({
        "rfcs": rows.iter().map(one).collect::<Vec<_>>(),
        "cases": cases,
        "passed": passed,
        "skipped": skipped,
    })
}

#[cfg(test)]
mod tests {
    use super::{rows, table, value};

    const SAID: &str = "running 1 test\nconformance rfc3261: 87 cases, 86 passed, 1 skipped\n\
                        conformance rfc3261 leaves out 8.1 a sentence: a reason\n\
                        conformance rfc3261 fails 9.1 another: expected 200, got 500\n\
                        conformance rfc4028: 3 cases, 3 passed, 0 skipped\n\
                        conformance rfc4028: 2 cases, 2 passed, 0 skipped\n";

    #[test]
    fn what_the_tests_say_becomes_a_table() {
        let expected = "RFC        cases  passed  skipped\n\
                        3261          87      86        1\n\
                        4028           5       5        0\n\
                        2 RFCs        92      91        1\n\n\
                        Skipped, with the reason:\n  RFC 3261, 8.1 a sentence: a reason\n\n\
                        Failed:\n  RFC 3261, 9.1 another: expected 200, got 500\n";
        assert_eq!(table(&rows(SAID)), expected);
    }

    #[test]
    fn and_the_same_as_a_value() {
        let value = value(&rows(SAID));
        assert_eq!(value["cases"], 92);
        assert_eq!(
            value["rfcs"][0]["failed"][0],
            "9.1 another: expected 200, got 500"
        );
        assert_eq!(value["rfcs"][1]["passed"], 5);
    }
}
