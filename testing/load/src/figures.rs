//! Figures of several servers at the same kinds of work: processor time for a unit, beside that of peers.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use crate::machine::Machine;
use crate::print::say;
use crate::report;

/// How long to measure, and where the figures go.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Three short rounds
    #[arg(long)]
    pub(crate) quick: bool,
    /// Print JSON instead of words
    #[arg(long)]
    json: bool,
    /// Write the figures between the markers of this file too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl Options {
    /// How many rounds, and how long each is.
    pub(crate) const fn rounds(&self) -> (usize, Duration) {
        if self.quick {
            (3, Duration::from_secs(1))
        } else {
            (5, Duration::from_secs(4))
        }
    }
}

/// What one round found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// Processor time of the server.
    pub(crate) used: Duration,
    pub(crate) units: f64,
    pub(crate) seconds: f64,
    pub(crate) failures: u64,
}

/// The figures of one server at one kind of work.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    work: &'static str,
    server: &'static str,
    /// Processor time for one unit, microseconds: the median of the rounds, the lowest, the highest.
    cpu_us: f64,
    low: f64,
    high: f64,
    per_second: f64,
    failures: u64,
}

impl Row {
    pub(crate) fn of(work: &'static str, server: &'static str, rounds: &[Round]) -> Self {
        let sorted = |figure: fn(&Round) -> f64| {
            let mut all: Vec<f64> = rounds.iter().map(figure).collect();
            all.sort_unstable_by(f64::total_cmp);
            all
        };
        let cpu = sorted(|round| round.used.as_secs_f64() * 1e6 / round.units);
        let rates = sorted(|round| round.units / round.seconds);
        let middle = |all: &[f64]| all.get(all.len() / 2).copied().unwrap_or(f64::NAN);
        Self {
            work,
            server,
            cpu_us: middle(&cpu),
            low: cpu.first().copied().unwrap_or(f64::NAN),
            high: cpu.last().copied().unwrap_or(f64::NAN),
            per_second: middle(&rates),
            failures: rounds.iter().map(|round| round.failures).sum(),
        }
    }
}

/// Everything that one run found.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
    pub(crate) faults: Vec<String>,
}

impl Figures {
    /// Prints them, and puts them between the markers of a page; `peers` are what others are compared with.
    pub(crate) fn print(
        &self,
        name: &str,
        peers: &[&str],
        options: &Options,
    ) -> anyhow::Result<()> {
        let text = self.markdown(peers);
        if let Some(file) = &options.markdown {
            let page = std::fs::read_to_string(file)?;
            let page = report::place(&page, name, &text)
                .with_context(|| format!("{} has no place for these figures", file.display()))?;
            std::fs::write(file, page)?;
        }
        if options.json {
            say(&serde_json::to_string_pretty(self)?)?;
        } else {
            say(&text)?;
        }
        Ok(())
    }

    fn markdown(&self, peers: &[&str]) -> String {
        let mut text = report::on(&self.machine);
        let ratios: String = peers.iter().map(|peer| format!(" x {peer} |")).collect();
        let lines = "---:|".repeat(peers.len());
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n\n| unit | server | CPU us | low-high |{ratios} units/s | failed |\n|---|---|---:|---:|{lines}---:|---:|\n"
        );
        for row in &self.rows {
            let ratio = |peer: &&str| {
                let mut rows = self.rows.iter();
                let peer = rows.find(|one| one.work == row.work && one.server == *peer);
                let ratio = peer.map(|peer| format!(" {:.2} |", row.cpu_us / peer.cpu_us));
                ratio.unwrap_or_else(|| " |".to_owned())
            };
            let ratios: String = peers.iter().map(ratio).collect();
            let _ = writeln!(
                text,
                "| {} | {} | {:.1} | {:.1}-{:.1} |{ratios} {:.0} | {} |",
                row.work, row.server, row.cpu_us, row.low, row.high, row.per_second, row.failures
            );
        }
        for fault in &self.faults {
            let _ = writeln!(text, "\n{fault}");
        }
        text
    }
}
