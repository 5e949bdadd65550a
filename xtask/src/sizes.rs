//! `sizes`: warns of Rust files above 600 lines and refuses those above 1000.
//!
//! Exceptions stand in `xtask/sizes.toml` with their reason; one that is no longer needed is refused too.
//! The length of functions is clippy's matter.

use std::path::Path;

use anyhow::{Result, bail};

use crate::tree;

const WARN_ABOVE: usize = 600;
const REFUSE_ABOVE: usize = 1000;

/// Checks the length of every Rust file.
///
/// # Errors
/// Fails when a file without an exception is too long, or when an exception is not needed.
pub(crate) fn run(root: &Path) -> Result<()> {
    let exceptions: toml::Table = tree::read(&root.join("xtask/sizes.toml"))?.parse()?;
    let mut lengths = Vec::new();
    for path in tree::rust_files(root)? {
        lengths.push((tree::shown(root, &path), tree::read(&path)?.lines().count()));
    }
    let faults = judge(&lengths, &exceptions);
    for (path, length) in lengths.iter().filter(|(_, length)| *length > WARN_ABOVE) {
        println!("sizes: {path} has {length} lines");
    }
    for fault in &faults {
        eprintln!("sizes: {fault}");
    }
    let mut sorted: Vec<usize> = lengths.iter().map(|(_, length)| *length).collect();
    sorted.sort_unstable();
    println!(
        "sizes: {} files, median {} lines, longest {}",
        sorted.len(),
        sorted.get(sorted.len() / 2).unwrap_or(&0),
        sorted.last().unwrap_or(&0)
    );
    if !faults.is_empty() {
        bail!("{} faults", faults.len());
    }
    Ok(())
}

fn judge(lengths: &[(String, usize)], exceptions: &toml::Table) -> Vec<String> {
    let too_long = |path: &str| {
        lengths
            .iter()
            .any(|(p, length)| p == path && *length > REFUSE_ABOVE)
    };
    let mut faults: Vec<String> = lengths
        .iter()
        .filter(|(path, length)| *length > REFUSE_ABOVE && !exceptions.contains_key(path))
        .map(|(path, length)| format!("{path} has {length} lines, more than {REFUSE_ABOVE}"))
        .collect();
    for (path, reason) in exceptions {
        if reason
            .as_str()
            .is_none_or(|reason| reason.trim().is_empty())
        {
            faults.push(format!("the exception for {path} has no reason"));
        }
        if !too_long(path) {
            faults.push(format!("the exception for {path} is not needed"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn a_long_file_needs_an_exception_with_a_reason() {
        let lengths = [("a.rs".to_owned(), 1001), ("b.rs".to_owned(), 1000)];
        assert_eq!(judge(&lengths, &toml::Table::new()).len(), 1);
        assert!(judge(&lengths, &"\"a.rs\" = \"one table\"".parse().unwrap()).is_empty());
        assert_eq!(
            judge(&lengths, &"\"a.rs\" = \"\"".parse().unwrap()).len(),
            1
        );
    }

    #[test]
    fn an_exception_that_is_not_needed_is_refused() {
        let lengths = [("a.rs".to_owned(), 10)];
        assert_eq!(
            judge(&lengths, &"\"a.rs\" = \"one table\"".parse().unwrap()).len(),
            1
        );
    }
}
