//! `bench`: runs the load driver in release mode and passes its arguments through.

use std::path::Path;

use anyhow::{Result, bail};

use crate::test::command;

/// Runs `cargo run --release -p load -- <words>`.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<()> {
    if words.is_empty() {
        bail!("which benchmark? `cargo xtask bench sip` measures the SIP path");
    }
    let mut cargo = command(root, &["run", "--release", "--package", "load", "--"]);
    let status = cargo.args(words).status()?;
    if !status.success() {
        bail!("the load driver ended with {status}");
    }
    Ok(())
}
