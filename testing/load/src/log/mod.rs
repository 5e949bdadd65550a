//! `load log`: what trace records cost to take in and to search, beside ripgrep over their text and SQLite with FTS5.
//!
//! Records are made before they are offered and not counted; from the offer to the disk is. Files are in the page cache when
//! they are searched, as those of the last hours are; the first round is told too. Searches use two threads, as
//! ripgrep does here. Peers get fewer records where there are many: their times grow with the number, and so does the disk
//! that they need.

mod ours;
mod peers;
mod sample;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::print::{note, say};
use crate::report;
use ours::{Ingested, Searches};
use peers::Peer;

const QUICK: u64 = 500_000;
const MOST_TEXT: u64 = 1_000_000;
const MOST_ROWS: u64 = 100_000;

/// How many records, and where the figures go.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Records
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(10_000..=50_000_000))]
    records: u64,
    /// Half a million records
    #[arg(long)]
    quick: bool,
    /// Print JSON instead of words
    #[arg(long)]
    json: bool,
    /// Write the figures between the markers of this file too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// One phase, run in a process of its own.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Phase {
    /// Take records in
    Ingest,
    /// Search them
    Search,
}

/// The figures of a run.
#[derive(Debug, Serialize)]
struct Figures {
    machine: Machine,
    ingested: Ingested,
    searches: Searches,
    peers: Vec<Peer>,
    faults: Vec<String>,
}

/// Measures and reports.
///
/// # Errors
/// A phase failed.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let machine = Machine::look();
    let count = if options.quick {
        QUICK
    } else {
        options.records
    };
    let folder = tempfile::tempdir()?;
    let own = folder.path().join("traces");
    note(&format!("taking {count} records in"));
    let ingested = phase("ingest", &own, count)?;
    note("searching them");
    let searches = phase("search", &own, count)?;
    fs::remove_dir_all(&own)?;
    let mut faults = Vec::new();
    let mut found = Vec::new();
    for (name, peer) in [
        (
            "ripgrep",
            peers::ripgrep(folder.path(), count.min(MOST_TEXT))?,
        ),
        (
            "sqlite3",
            peers::sqlite(folder.path(), count.min(MOST_ROWS))?,
        ),
    ] {
        note(&format!("beside {name}"));
        match peer {
            Some(peer) => found.push(peer),
            None => faults.push(format!("SKIPPED: {name}: not installed")),
        }
    }
    let figures = Figures {
        machine,
        ingested,
        searches,
        peers: found,
        faults,
    };
    let text = markdown(&figures);
    if let Some(file) = &options.markdown {
        let page = fs::read_to_string(file)?;
        let page = report::place(&page, "log", &text)
            .with_context(|| format!("{} has no markers for this", file.display()))?;
        fs::write(file, page)?;
    }
    if options.json {
        say(&serde_json::to_string_pretty(&figures)?)?;
    } else {
        say(&text)?;
    }
    Ok(())
}

fn phase<T: for<'a> Deserialize<'a>>(word: &str, folder: &Path, count: u64) -> anyhow::Result<T> {
    let output = Command::new(std::env::current_exe()?)
        .args(["log-phase", word, "--count", &count.to_string()])
        .arg(folder)
        .output()?;
    if !output.status.success() {
        bail!("{word}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs one phase and prints what it found as JSON.
///
/// # Errors
/// The traces do not take a record, or a search fails.
pub(crate) fn run_phase(phase: Phase, folder: &Path, count: u64) -> anyhow::Result<()> {
    let text = match phase {
        Phase::Ingest => serde_json::to_string(&ours::ingest(folder, count)?)?,
        Phase::Search => serde_json::to_string(&ours::search(folder, count)?)?,
    };
    say(&text)?;
    Ok(())
}

fn markdown(figures: &Figures) -> String {
    let Figures {
        ingested,
        searches,
        peers,
        ..
    } = figures;
    let mut text = report::on(&figures.machine);
    // Writing to a String cannot fail; the same below.
    let _ = write!(
        text,
        "\n\n| taking in | records | CPU us a record | records / CPU s | text MiB | disk MiB | memory at most MiB |\n\
         |---|---:|---:|---:|---:|---:|---:|\n\
         | vestibule | {} | {:.2} | {:.0} | {:.0} | {:.0} | {:.0} |\n",
        ingested.records,
        ingested.cpu_us,
        1e6 / ingested.cpu_us,
        ingested.text_mib,
        ingested.disk_mib,
        ingested.peak_mib,
    );
    for peer in peers {
        let cpu = peer.cpu_us.map_or_else(
            || " | ".to_owned(),
            |cpu| format!("{cpu:.2} | {:.0}", 1e6 / cpu),
        );
        let _ = writeln!(
            text,
            "| {} | {} | {cpu} | | {:.0} | |",
            peer.name, peer.records, peer.disk_mib
        );
    }
    let names: String = peers
        .iter()
        .map(|peer| format!(" {} of {} |", peer.name, peer.records))
        .collect();
    let _ = write!(
        text,
        "\n| looking for | records found | ms | first time | first find after ms | groups read, of |{names}\n|---|---:|---:|---:|---:|---:|{}\n",
        "---:|".repeat(peers.len())
    );
    for search in &searches.searches {
        let of_peer = |peer: &Peer| {
            let found = peer.searches.iter().find(|(what, _)| *what == search.what);
            found.map_or_else(|| " |".to_owned(), |(_, millis)| format!(" {millis:.1} |"))
        };
        let peers: String = peers.iter().map(of_peer).collect();
        let first_find = search.first_find_millis;
        let first_find = first_find.map_or_else(String::new, |millis| format!("{millis:.1}"));
        let more = if search.limited { "+" } else { "" };
        let _ = writeln!(
            text,
            "| {} | {}{more} | {:.1} | {:.1} | {first_find} | {}, {} |{peers}",
            search.what,
            search.hits,
            search.millis,
            search.first_millis,
            search.read,
            search.groups
        );
    }
    let _ = writeln!(
        text,
        "\nOpening took {:.0} ms; memory {:.0} MiB at rest, at most {:.0} MiB while searching.",
        searches.open_millis, searches.rest_mib, searches.peak_mib
    );
    for fault in &figures.faults {
        let _ = writeln!(text, "\n{fault}");
    }
    text
}
