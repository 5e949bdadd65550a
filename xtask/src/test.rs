//! `test`: everything that has to hold before a change is taken.
//!
//! The stages run in order and all of them run, so that one run shows all faults. The last line of the output is
//! `N passed, N failed, N skipped`, where a failed stage counts as one failure and a test that printed a line
//! starting with `SKIPPED` counts as skipped, not as passed. With `CI=true` a skip fails the run.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use crate::{layers, packages, sizes};

/// How the stages and the tests ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    binaries: usize,
    passed: usize,
    failed: usize,
    ignored: usize,
    skipped: BTreeSet<String>,
}

/// Runs all stages.
///
/// # Errors
/// Fails when a stage or a test failed, and with `CI=true` also when a test was skipped.
pub(crate) fn run(root: &Path) -> Result<()> {
    let start = Instant::now();
    let mut tally = Tally::default();
    if let Err(error) = packages::install() {
        eprintln!("packages: {error:#}; tests that need them will say SKIPPED");
    }
    let mut stage = |name: &str, run: &dyn Fn() -> Result<()>| {
        println!("\n== {name}");
        if let Err(error) = run() {
            eprintln!("{name}: {error:#}");
            tally.failed += 1;
        }
    };
    stage("format", &|| cargo(root, &["fmt", "--all", "--check"]));
    stage("layers", &|| layers::run(root));
    stage("sizes", &|| sizes::run(root));
    stage("lints", &|| {
        cargo(
            root,
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "--deny",
                "warnings",
            ],
        )
    });
    stage("pages", &|| pages(root));
    stage("build", &|| {
        cargo(root, &["build", "--package", "vestibule"])
    });
    println!("\n== tests");
    cargo_test(root, &mut tally)?;
    report(&tally, start)
}

/// Returns a cargo command in the root of the workspace.
pub(crate) fn command(root: &Path, words: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(words);
    command
}

fn cargo(root: &Path, words: &[&str]) -> Result<()> {
    finished(&mut command(root, words), words)
}

/// Runs a cargo command to its end; `words` are what it is told.
fn finished(command: &mut Command, words: &[&str]) -> Result<()> {
    println!("cargo {}", words.join(" "));
    let status = command.status().context("starting cargo")?;
    if !status.success() {
        bail!("cargo {} ended with {status}", words.join(" "));
    }
    Ok(())
}

/// Makes the pages of the documentation; a link that leads nowhere is a fault.
fn pages(root: &Path) -> Result<()> {
    let words = ["doc", "--workspace", "--no-deps"];
    finished(
        command(root, &words).env("RUSTDOCFLAGS", "--deny warnings"),
        &words,
    )
}

/// Runs all tests, shows their output as it comes, and counts.
fn cargo_test(root: &Path, tally: &mut Tally) -> Result<()> {
    let words = ["test", "--workspace", "--no-fail-fast"];
    println!("cargo {}", words.join(" "));
    let mut child = command(root, &words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting cargo test")?;
    let (lines, all_lines) = mpsc::channel();
    let stdout = child
        .stdout
        .take()
        .ok_or_else(|| anyhow!("cargo test has no output"))?;
    let stderr = child
        .stderr
        .take()
        .ok_or_else(|| anyhow!("cargo test has no error output"))?;
    let readers = [follow(stdout, lines.clone()), follow(stderr, lines)];
    let failed_before = tally.failed;
    for line in all_lines {
        println!("{line}");
        tally.take(&line);
    }
    for reader in readers {
        reader
            .join()
            .map_err(|_| anyhow!("a reader of the test output panicked"))?;
    }
    let status = child.wait().context("waiting for cargo test")?;
    // A binary that does not build or that dies has no result line; it still counts.
    if !status.success() && tally.failed == failed_before {
        eprintln!("cargo test ended with {status}");
        tally.failed += 1;
    }
    Ok(())
}

fn follow(pipe: impl Read + Send + 'static, lines: mpsc::Sender<String>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            if lines
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                break;
            }
        }
    })
}

impl Tally {
    /// Takes one line of the output of `cargo test`.
    fn take(&mut self, line: &str) {
        if line.starts_with("SKIPPED ") {
            self.skipped.insert(line.to_owned());
        }
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        self.binaries += 1;
        for part in counts.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let Some(Ok(number)) = words.next().map(str::parse::<usize>) else {
                continue;
            };
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }
}

fn report(tally: &Tally, start: Instant) -> Result<()> {
    println!(
        "\n== result: {} test binaries, {} seconds",
        tally.binaries,
        start.elapsed().as_secs()
    );
    for line in &tally.skipped {
        println!("{line}");
    }
    // A skipping test ends as passed for the harness; it is not counted as one here.
    let skips = tally.skipped.len();
    let passed = tally.passed.saturating_sub(skips);
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    println!(
        "{passed} passed, {} failed, {} skipped",
        tally.failed,
        tally.ignored + skips
    );
    match (tally.failed, strict && skips > 0) {
        (0, false) => Ok(()),
        (0, true) => bail!("a skipped peer is a failure where CI=true"),
        (failed, _) => bail!("{failed} failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn result_lines_of_all_binaries_are_summed() {
        let mut tally = Tally::default();
        tally.take("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tally
            .take("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        tally.take("test some::name ... ok");
        assert_eq!(
            (tally.binaries, tally.passed, tally.failed, tally.ignored),
            (2, 15, 2, 1)
        );
    }

    #[test]
    fn a_skip_is_counted_once_for_each_test_that_says_so() {
        let mut tally = Tally::default();
        tally.take("SKIPPED phones::calls_in: baresip is not installed");
        tally.take("SKIPPED phones::calls_out: baresip is not installed");
        tally.take("SKIPPED phones::calls_out: baresip is not installed");
        assert_eq!(tally.skipped.len(), 2);
    }
}
