//! `layers`: the arrows between our crates, and what may be named where.
//!
//! Six checks, each in its own file: `arrows` (crates and what cores may depend on), `dependencies` (each library has its
//! reason), `modules` (roles do not use each other), `bans` (the cores' lint file repeats the general bans), `ports`
//! (no port number outside the topology) and `traces` (no path or package host of one machine). Each returns its faults
//! as sentences.

mod arrows;
mod bans;
mod dependencies;
mod modules;
mod ports;
mod traces;

use std::path::Path;

use anyhow::{Result, bail};

/// What one check looked at and what it found.
struct Verdict {
    /// How many things were looked at, and what they are.
    looked_at: (usize, &'static str),
    /// One sentence per fault.
    faults: Vec<String>,
}

/// Runs all checks and reports all faults.
///
/// # Errors
/// Fails when a check found a fault.
pub(crate) fn run(root: &Path) -> Result<()> {
    let verdicts = [
        ("arrows", arrows::check(root)?),
        ("dependencies", dependencies::check(root)?),
        ("modules", modules::check(root)?),
        ("bans", bans::check(root)?),
        ("ports", ports::check(root)?),
        ("traces", traces::check(root)?),
    ];
    let mut faults = 0;
    for (name, verdict) in verdicts {
        for fault in &verdict.faults {
            eprintln!("layers: {name}: {fault}");
        }
        let (number, what) = verdict.looked_at;
        println!(
            "layers: {name}: {number} {what}, {} faults",
            verdict.faults.len()
        );
        faults += verdict.faults.len();
    }
    if faults > 0 {
        bail!("{faults} faults");
    }
    Ok(())
}
