//! `cargo xtask <task>`: what continuous integration runs and what you run are the same code.
//!
//! One file per task. Each prints what it ran and how many it checked, and its exit code is the verdict.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task reports to the terminal"
)]

mod bench;
mod conformance;
mod fuzz;
mod layers;
mod packages;
mod sizes;
mod test;
mod tree;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask <task>

  test           everything continuous integration runs: packages, format, lints, layers, sizes, build, tests
  layers         who may depend on whom, and what may be named where
  sizes          the length of every source file
  conformance    the cases of each RFC against the running product, their count and what is left out: [--json]
  bench sip ...  the load driver, in release mode; further arguments are passed on
  fuzz ...       the fuzz targets: [target ...] [--minutes N] [--keep]; installs cargo-fuzz if it is missing
  packages       installs the Debian packages that the tests drive (as root)";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<()> {
    let root = tree::root();
    match words.first().map(String::as_str) {
        Some("test") => test::run(&root),
        Some("layers") => layers::run(&root),
        Some("sizes") => sizes::run(&root),
        Some("conformance") => conformance::run(&root, &words[1..]),
        Some("fuzz") => fuzz::run(&root, &words[1..]),
        Some("bench") => bench::run(&root, &words[1..]),
        Some("packages") => packages::install(),
        Some(other) => bail!("there is no task {other:?}\n\n{USAGE}"),
        None => bail!("which task?\n\n{USAGE}"),
    }
}
