//! `conformance`: runs the conformance cases against the product and prints how many there are of each RFC.
//!
//! A test of `testing/system` says `conformance rfcNNNN: ...` for its RFC and `conformance rfcNNNN leaves out ...` for
//! each sentence that it skips; this task puts those lines into one table and adds them up.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::test::command;

/// What is said of one RFC.
#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    cases: usize,
    passed: usize,
    skipped: usize,
    left_out: Vec<String>,
}

/// Runs all conformance tests and prints the table.
///
/// # Errors
/// Fails when a case failed or nothing was said.
pub(crate) fn run(root: &Path) -> Result<()> {
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
    for (rfc, row) in &rows {
        println!(
            "{rfc:<8} {:>4} cases {:>4} passed {:>4} skipped",
            row.cases, row.passed, row.skipped
        );
        for line in &row.left_out {
            println!("           skipped {line}");
        }
    }
    let sum = |of: fn(&Row) -> usize| rows.values().map(of).sum::<usize>();
    println!(
        "{} RFCs: {} cases, {} passed, {} skipped with a reason",
        rows.len(),
        sum(|row| row.cases),
        sum(|row| row.passed),
        sum(|row| row.skipped)
    );
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stdout));
        bail!("not every case passed: cargo ended with {}", output.status);
    }
    if rows.is_empty() {
        bail!("no case was run");
    }
    Ok(())
}

fn rows(said: &str) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for line in said.lines() {
        let Some(rest) = line.strip_prefix("conformance ") else {
            continue;
        };
        if let Some((rfc, left_out)) = rest.split_once(" leaves out ") {
            let row = rows.entry(rfc.to_owned()).or_default();
            row.left_out.push(left_out.to_owned());
        } else if let Some((rfc, counts)) = rest.split_once(": ") {
            let row = rows.entry(rfc.to_owned()).or_default();
            for count in counts.split(", ") {
                match count.split_once(' ').map(|(n, word)| (n.parse(), word)) {
                    Some((Ok(number), "cases")) => row.cases = number,
                    Some((Ok(number), "passed")) => row.passed = number,
                    Some((Ok(number), "skipped")) => row.skipped = number,
                    _ => {}
                }
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn what_the_tests_say_becomes_a_table() {
        let said = "running 1 test\nconformance rfc3261: 87 cases, 86 passed, 1 skipped\n\
                    conformance rfc3261 leaves out 8.1 a sentence: a reason\n";
        let rows = rows(said);
        let row = rows.get("rfc3261").unwrap();
        assert_eq!((row.cases, row.passed, row.skipped), (87, 86, 1));
        assert_eq!(row.left_out, ["8.1 a sentence: a reason"]);
    }
}
