//! `bench`: builds the product in release mode, then runs the load driver and passes its arguments through.

use std::path::Path;

use anyhow::{Result, bail};

use crate::packages;
use crate::test::command;

/// Runs `cargo build --release -p vestibule`, then `cargo run --release -p load -- <words>`.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<()> {
    if words.is_empty() {
        bail!("which benchmark? `cargo xtask bench sip` measures the SIP path");
    }
    if let Err(error) = packages::install() {
        eprintln!("packages: {error:#}; what needs them will say SKIPPED");
    }
    let built = command(root, &["build", "--release", "--package", "vestibule"]).status()?;
    if !built.success() {
        bail!("the product could not be built: cargo ended with {built}");
    }
    let mut cargo = command(root, &["run", "--release", "--package", "load", "--"]);
    let status = cargo.args(words).status()?;
    if !status.success() {
        bail!("the load driver ended with {status}");
    }
    Ok(())
}
