//! `load sip`: starts the servers, measures every setting, reports.
//!
//! What is not there (Kamailio, our own program, valgrind) is left out and said aloud; the rest is still measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::client::Pace;
use crate::kamailio::{self, Memory};
use crate::machine::Machine;
use crate::message;
use crate::ours;
use crate::peer::{self, Name, Server};
use crate::phone::Work;
use crate::print::{note, say};
use crate::report::{self, Report};
use crate::rounds::{self, Contender, FAILED, Plan, Row};
use crate::tls::Files;

/// What to measure and where to put it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fewer rounds and one pace: under a minute in all
    #[arg(long)]
    quick: bool,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Write the tables between the markers of this file too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl Options {
    fn plan(&self) -> Plan {
        if self.quick {
            return Plan {
                phones: 100,
                paces: vec![Pace::PerSecond(5_000)],
                rounds: 3,
                warm_up: Duration::from_millis(200),
                window: Duration::from_millis(1_200),
            };
        }
        Plan {
            phones: 100,
            paces: vec![Pace::PerSecond(2_000), Pace::PerSecond(5_000), Pace::Closed],
            rounds: 5,
            warm_up: Duration::from_millis(400),
            window: Duration::from_millis(2_000),
        }
    }
}

/// Measures and reports; an interruption stops every server that was started.
///
/// # Errors
/// A server that is installed does not start or does not do the work.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let plan = options.plan();
    let report = tokio::select! {
        report = measure(&plan) => report?,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            bail!("interrupted; nothing is reported");
        }
    };
    if options.json {
        say(&serde_json::to_string_pretty(&report)?)?;
    } else {
        say(&report::table(&report))?;
    }
    if let Some(file) = &options.markdown {
        let page =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let page = report::place(&page, "sip", &report::markdown(&report))
            .with_context(|| format!("{} has no markers", file.display()))?;
        fs::write(file, page)?;
    }
    if report.faults.iter().any(|line| line.starts_with(FAILED)) {
        bail!("a server did not stand through the run; its figures are from the rounds before");
    }
    Ok(())
}

async fn measure(plan: &Plan) -> anyhow::Result<Report> {
    let directory = tempfile::tempdir()?;
    let files = peer::certificate(directory.path())?;
    let mut report = Report {
        machine: Machine::look(),
        rows: Vec::new(),
        messages: Vec::new(),
        faults: Vec::new(),
    };
    let works = [
        ("REGISTER -> 301", Work::Redirect),
        ("REGISTER -> 401 -> 200", Work::Register),
    ];
    for (title, work) in works {
        let rows = setting(
            title,
            work,
            plan,
            directory.path(),
            &files,
            &mut report.faults,
        );
        report.rows.extend(rows.await?);
    }
    note("parsing and forwarding without a network");
    let (messages, counted) = message::measure().await?;
    report.messages = messages;
    if !counted {
        let line = "SKIPPED: instructions per message: valgrind is not installed".to_owned();
        note(&line);
        report.faults.push(line);
    }
    Ok(report)
}

async fn setting(
    title: &'static str,
    work: Work,
    plan: &Plan,
    below: &Path,
    files: &Files,
    faults: &mut Vec<String>,
) -> anyhow::Result<Vec<Row>> {
    let mut contenders = Vec::new();
    let mut enter = |name, work, server: Option<Server>| match server {
        Some(server) => contenders.push(Contender::new(name, work, server)),
        None => {
            let line = format!("SKIPPED: {title}: {}", missing(name));
            note(&line);
            faults.push(line);
        }
    };
    enter(Name::Vestibule, work, ours::start(work, below).await?);
    let kamailio = [
        (Name::Kamailio, Memory::Checking),
        (Name::KamailioFast, Memory::Fast),
    ];
    for (name, memory) in kamailio {
        enter(
            name,
            work,
            kamailio::start(work, memory, below, files).await?,
        );
    }
    enter(
        Name::Echo,
        Work::Echo(work.exchanges()),
        Some(peer::start_echo(below, files).await?),
    );
    Ok(rounds::measure(title, contenders, plan, faults).await)
}

/// What is missing, and how to get it.
const fn missing(name: Name) -> &'static str {
    match name {
        Name::Vestibule => "vestibule is not built beside this program (cargo build --release)",
        Name::Kamailio | Name::KamailioFast => {
            "Debian's packages kamailio and kamailio-tls-modules are not installed"
        }
        Name::Echo => "the echo server does not do this",
    }
}
