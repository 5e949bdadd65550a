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
use crate::memory;
use crate::message;
use crate::ours::{self, Cores};
use crate::peer::{self, Name, Server};
use crate::phone::Work;
use crate::print::{note, say};
use crate::report::{self, CALL, Report};
use crate::rounds::{self, Contender, FAILED, Plan, Row};
use crate::tls::Files;

/// What to measure and where to put it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fewer rounds and one pace: two minutes in all
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
                window: Duration::from_millis(1_000),
                idle: 500,
            };
        }
        Plan {
            phones: 100,
            paces: vec![Pace::PerSecond(2_000), Pace::PerSecond(5_000), Pace::Closed],
            rounds: 5,
            warm_up: Duration::from_millis(300),
            window: Duration::from_millis(1_500),
            idle: 900,
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
    let place = Place {
        below: directory.path(),
        files: &files,
    };
    let mut report = Report {
        machine: Machine::look(),
        rows: Vec::new(),
        memory: Vec::new(),
        messages: Vec::new(),
        faults: Vec::new(),
    };
    for setting in &SETTINGS {
        let rows = contest(setting, plan, place, &mut report.faults).await?;
        report.rows.extend(rows);
    }
    let idle = directory.path().join("idle");
    fs::create_dir(&idle)?;
    let place = Place {
        below: &idle,
        ..place
    };
    for name in [Name::Vestibule, Name::Kamailio, Name::KamailioFast] {
        note(&format!("memory of idle phones: {}", name.text()));
        match start(name, Work::Register, place).await? {
            (_, Some(server)) => report
                .memory
                .push(memory::measure(name, server, plan.idle).await?),
            (_, None) => skip(&mut report.faults, "idle phones", missing(name)),
        }
    }
    note("messages without a network");
    let (messages, counted) = message::measure().await?;
    report.messages = messages;
    if !counted {
        let why = "valgrind is not installed";
        skip(&mut report.faults, "instructions per message", why);
    }
    Ok(report)
}

/// One kind of work and who does it.
struct Setting {
    title: &'static str,
    work: Work,
    names: &'static [Name],
}

const SETTINGS: [Setting; 3] = [
    Setting {
        title: "REGISTER -> 301",
        work: Work::Redirect,
        names: &[
            Name::Vestibule,
            Name::OneCore,
            Name::Kamailio,
            Name::KamailioFast,
            Name::Echo,
        ],
    },
    Setting {
        title: "REGISTER -> 401 -> 200",
        work: Work::Register,
        names: &[
            Name::Vestibule,
            Name::Kamailio,
            Name::KamailioFast,
            Name::Echo,
        ],
    },
    Setting {
        title: CALL,
        work: Work::Call,
        names: &[
            Name::Vestibule,
            Name::OneCore,
            Name::Chain,
            Name::Kamailio,
            Name::KamailioFast,
        ],
    },
];

/// Where servers put their files, and the certificate of those that have none of their own.
#[derive(Clone, Copy)]
struct Place<'a> {
    below: &'a Path,
    files: &'a Files,
}

async fn contest(
    setting: &Setting,
    plan: &Plan,
    place: Place<'_>,
    faults: &mut Vec<String>,
) -> anyhow::Result<Vec<Row>> {
    let mut contenders = Vec::new();
    for name in setting.names {
        match start(*name, setting.work, place).await? {
            (work, Some(server)) => contenders.push(Contender::new(*name, work, server)),
            (_, None) => skip(faults, setting.title, missing(*name)),
        }
    }
    Ok(rounds::measure(setting.title, contenders, plan, faults).await)
}

/// Starts a server; says with it what its phones do, which for some is not the work itself.
async fn start(
    name: Name,
    work: Work,
    Place { below, files }: Place<'_>,
) -> anyhow::Result<(Work, Option<Server>)> {
    let server = match name {
        Name::Vestibule => ours::start(work, Cores::All, below).await?,
        Name::OneCore => ours::start(work, Cores::One, below).await?,
        Name::Chain => {
            let across = Work::CallAcross;
            return Ok((across, ours::start(across, Cores::All, below).await?));
        }
        Name::Kamailio => kamailio::start(work, Memory::Checking, below, files).await?,
        Name::KamailioFast => kamailio::start(work, Memory::Fast, below, files).await?,
        Name::Echo => {
            let server = peer::start_echo(below, files).await?;
            return Ok((Work::Echo(work.exchanges()), Some(server)));
        }
    };
    Ok((work, server))
}

fn skip(faults: &mut Vec<String>, what: &str, why: &str) {
    let line = format!("SKIPPED: {what}: {why}");
    note(&line);
    faults.push(line);
}

/// What is missing, and how to get it.
const fn missing(name: Name) -> &'static str {
    match name {
        Name::Vestibule | Name::OneCore | Name::Chain => {
            "vestibule is not built beside this program (cargo build --release)"
        }
        Name::Kamailio | Name::KamailioFast => {
            "Debian's packages kamailio and kamailio-tls-modules are not installed"
        }
        Name::Echo => "the echo server does not do this",
    }
}
