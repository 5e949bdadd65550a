//! `load vip`: what passing a TCP connection through costs, beside HAProxy, in front of the same members.
//!
//! The members are nginx, the client is wrk, both from Debian; every balancer passes on to the same two members, with
//! the PROXY header of version 2. Three kinds of work: requests on connections that stay, a connection for each request,
//! and large answers. The figure is the processor time of the balancer alone, for one unit.

mod peers;
mod wrk;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use crate::machine::Machine;
use crate::print::{note, say};
use crate::report;
use peers::{Balancer, Place};
use wrk::Counted;

/// How long to measure, and where the figures go.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Three short rounds
    #[arg(long)]
    quick: bool,
    /// Print JSON instead of words
    #[arg(long)]
    json: bool,
    /// Write the figures between the markers of this file too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// What is passed through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    title: &'static str,
    path: &'static str,
    /// A connection for each request.
    closing: bool,
    connections: u16,
}

const WORKS: [Work; 3] = [
    Work {
        title: "request on an open connection",
        path: "/small",
        closing: false,
        connections: 64,
    },
    Work {
        title: "connection with one request",
        path: "/small",
        closing: true,
        connections: 32,
    },
    Work {
        title: "MiB of large answers",
        path: "/large",
        closing: false,
        connections: 16,
    },
];

/// The figures of one balancer at one kind of work.
#[derive(Clone, Debug, Serialize)]
struct Row {
    work: &'static str,
    balancer: &'static str,
    /// Processor time for one unit, microseconds: the median of the rounds, the lowest, the highest.
    cpu_us: f64,
    low: f64,
    high: f64,
    per_second: f64,
    failures: u64,
}

#[derive(Debug, Serialize)]
struct Figures {
    machine: Machine,
    rows: Vec<Row>,
    faults: Vec<String>,
}

/// Measures and reports.
///
/// # Errors
/// What is needed does not start.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let machine = Machine::look();
    let folder = tempfile::tempdir()?;
    let mut faults = Vec::new();
    let place = Place::make(folder.path())?;
    let members = place.members()?;
    let mut balancers = Vec::new();
    for name in peers::NAMES {
        match place.start(name).await? {
            Some(balancer) => {
                wrk::until_answered(balancer.address(), WORKS[0]).await?;
                balancers.push(balancer);
            }
            None => faults.push(format!("SKIPPED: {name}: not installed, or not built")),
        }
    }
    let (rounds, window) = if options.quick { (3, 1) } else { (5, 4) };
    let mut rows = Vec::new();
    for work in WORKS {
        rows.extend(measure(work, &balancers, rounds, Duration::from_secs(window)).await?);
    }
    for balancer in balancers {
        balancer.stop().await;
    }
    members.stop().await;
    print(
        &Figures {
            machine,
            rows,
            faults,
        },
        &options,
    )
}

async fn measure(
    work: Work,
    balancers: &[Balancer],
    rounds: usize,
    window: Duration,
) -> anyhow::Result<Vec<Row>> {
    let mut all: Vec<Vec<(f64, Counted)>> = balancers.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        note(&format!("{}: round {round} of {rounds}", work.title));
        for (balancer, found) in balancers.iter().zip(&mut all) {
            let before = balancer.used()?;
            let counted = wrk::run(balancer.address(), work, window).await?;
            let used = balancer.used()?.saturating_sub(before);
            found.push((used.as_secs_f64() * 1e6 / counted.units(work), counted));
        }
    }
    let rows = balancers.iter().zip(&all);
    Ok(rows
        .map(|(one, found)| row(work, one.name, found))
        .collect())
}

fn row(work: Work, balancer: &'static str, found: &[(f64, Counted)]) -> Row {
    let mut cpu: Vec<f64> = found.iter().map(|(cpu, _)| *cpu).collect();
    cpu.sort_unstable_by(f64::total_cmp);
    let mut rates: Vec<f64> = found.iter().map(|(_, one)| one.per_second(work)).collect();
    rates.sort_unstable_by(f64::total_cmp);
    let middle = |all: &[f64]| all.get(all.len() / 2).copied().unwrap_or(f64::NAN);
    Row {
        work: work.title,
        balancer,
        cpu_us: middle(&cpu),
        low: cpu.first().copied().unwrap_or(f64::NAN),
        high: cpu.last().copied().unwrap_or(f64::NAN),
        per_second: middle(&rates),
        failures: found.iter().map(|(_, one)| one.failures).sum(),
    }
}

fn print(figures: &Figures, options: &Options) -> anyhow::Result<()> {
    let text = markdown(figures);
    if let Some(file) = &options.markdown {
        let page = std::fs::read_to_string(file)?;
        let page = report::place(&page, "vip", &text)
            .with_context(|| format!("{} has no place for these figures", file.display()))?;
        std::fs::write(file, page)?;
    }
    if options.json {
        say(&serde_json::to_string_pretty(figures)?)?;
    } else {
        say(&text)?;
    }
    Ok(())
}

fn markdown(figures: &Figures) -> String {
    let mut text = report::on(&figures.machine);
    text.push_str("\n\n| unit | balancer | CPU us | low-high | x haproxy | units/s | failed |\n");
    text.push_str("|---|---|---:|---:|---:|---:|---:|\n");
    for row in &figures.rows {
        let mut rows = figures.rows.iter();
        let peer = rows.find(|one| one.work == row.work && one.balancer == peers::HAPROXY);
        let ratio = peer.map_or_else(String::new, |peer| {
            format!("{:.2}", row.cpu_us / peer.cpu_us)
        });
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {:.1}-{:.1} | {ratio} | {:.0} | {} |",
            row.work, row.balancer, row.cpu_us, row.low, row.high, row.per_second, row.failures
        );
    }
    for fault in &figures.faults {
        let _ = writeln!(text, "\n{fault}");
    }
    text
}
