//! `fuzz`: lets a fuzzer make up inputs for the targets of `testing/model/src/fuzz`.
//!
//! Needs the nightly compiler and cargo-fuzz, and says so. New inputs go to `testing/fuzz/corpus/<target>`, where the
//! ordinary tests replay them; what breaks a property is kept in `testing/fuzz/artifacts`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

const TARGETS: [&str; 4] = [
    "sip_message",
    "sip_stream",
    "sip_transaction",
    "system_model",
];
/// Longer inputs find little more and cost much.
const MAX_LEN: &str = "8192";

/// Runs the named target, or each in turn: `fuzz [target] [--minutes N]`, 20 minutes unless told.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<()> {
    let (targets, minutes) = read(words)?;
    has_tools(root)?;
    for target in &targets {
        println!("{target}: {minutes} minutes");
        let status = Command::new("cargo")
            .current_dir(root.join("testing/fuzz"))
            // Our code has no unsafe block for a sanitizer to watch; without one the targets run faster.
            .args([
                "+nightly",
                "fuzz",
                "run",
                "--fuzz-dir",
                ".",
                "--sanitizer",
                "none",
            ])
            .args([target, "--", "-timeout=20", "-print_final_stats=1"])
            .arg(format!("-max_total_time={}", minutes * 60))
            .arg(format!("-max_len={MAX_LEN}"))
            .status()
            .context("starting cargo fuzz")?;
        if !status.success() {
            bail!("{target} broke a property, or could not be run: {status}");
        }
    }
    println!("{} targets, nothing found", targets.len());
    Ok(())
}

fn read(words: &[String]) -> Result<(Vec<&str>, u64)> {
    let mut targets = Vec::new();
    let mut minutes = 20;
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if word == "--minutes" {
            let number = words.next().context("how many minutes?")?;
            minutes = number
                .parse()
                .with_context(|| format!("{number:?} is no number"))?;
        } else if TARGETS.contains(&word) {
            targets.push(word);
        } else {
            bail!(
                "there is no target {word:?}; there are {}",
                TARGETS.join(", ")
            );
        }
    }
    if targets.is_empty() {
        targets.extend(TARGETS);
    }
    Ok((targets, minutes))
}

fn has_tools(root: &Path) -> Result<()> {
    let is_there = |words: &[&str]| {
        let mut cargo = Command::new("cargo");
        let silent = cargo
            .current_dir(root)
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        silent.status().is_ok_and(|status| status.success())
    };
    if !is_there(&["+nightly", "--version"]) {
        bail!("the nightly compiler is missing: rustup toolchain install nightly");
    }
    if !is_there(&["+nightly", "fuzz", "--version"]) {
        bail!("cargo-fuzz is missing: cargo install cargo-fuzz");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::read;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn one_target_or_all_for_some_minutes() {
        assert_eq!(read(&words("")).unwrap(), (super::TARGETS.to_vec(), 20));
        let line = words("sip_stream --minutes 2");
        assert_eq!(read(&line).unwrap(), (vec!["sip_stream"], 2));
        for bad in ["sip_steam", "--minutes", "--minutes soon"] {
            assert!(read(&words(bad)).is_err(), "{bad}");
        }
    }
}
