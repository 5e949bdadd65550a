//! `vestibule log search`: the records of all machines in one order.

use std::path::PathBuf;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use anyhow::Context as _;
use logs::wire::Request;
use logs::{Query, line};
use roles::controlling::{self, Report, Results, Target};
use runtime::signals::Signals;
use serde_json::json;
use tokio::time::timeout;

use super::ask::{self, Ask, Whom};
use super::criteria::Criteria;
use super::files::Origin;
use super::offline::Offline;
use super::people::People;
use super::report;
use super::sink::{Form, Sink};
use crate::output::{Outcome, Output};

/// After so long somebody at a terminal is told for whom everybody waits.
const LONG: Duration = Duration::from_secs(1);

/// Search the records of all machines, oldest first.
#[derive(clap::Args)]
#[command(after_help = "\
Values of one criterion are alternatives; of several criteria any has to hold, or all with --all. Times, machines,
components and the level always hold. How each machine has answered is told on standard error; with --json the records
are lines of JSON, and the last line tells of the machines, as {\"agents\":[...]}.
Ends with 1 if a machine did not answer to its end, or the search was interrupted.

Examples:
  vestibule log search --uri alice@contoso.com                        the last half hour of the trial that `up` runs
  vestibule log search topology.toml --call-id a84b4c76 --from 4h     one call on all machines
  vestibule log search topology.toml --level warning --machine fe01.contoso.net
  vestibule log search topology.toml --status 4xx --status 5xx --component Routing --full
  vestibule log search topology.toml --from 2026-11-26T08:00Z --to 2026-11-26T08:05Z --output monday.log
  vestibule log search --from-file monday.log --call-id a84b4c76                what was found before, or collected")]
pub(crate) struct Search {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    criteria: Criteria,
    #[command(flatten)]
    origin: Origin,
    #[command(flatten)]
    shown: Shown,
    /// Have the machines bring everything to the disk first; without it records of the last tenth of a second may lack.
    #[arg(long)]
    sync: bool,
    /// Append the text form to a file, which `grep` reads, rather than show records here.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How records are shown.
#[derive(clap::Args)]
pub(super) struct Shown {
    /// Show messages whole, below the line of each record.
    #[arg(long)]
    full: bool,
}

/// Why a search was ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// By itself.
    Done,
    /// As many as were wanted have come.
    Limit,
    /// Nobody reads any more.
    Gone,
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

impl Search {
    /// Searches, shows what is found while it comes, and says who has answered.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let query = self.criteria.query(controlling::now())?;
        if let Some(paths) = self.origin.files() {
            return self.search_files(paths, query, output);
        }
        let Some(ask) = self.whom.ready(output)? else {
            return Ok(Outcome::Faults);
        };
        let mut sink = self.sink(&ask.targets, output)?;
        ask::block_on(async {
            let mut signals = Signals::listen()?;
            if self.sync {
                ask.sync(output).await?;
            }
            let results = ask.controller.search(&ask.targets, &query);
            let (given, why, reports) = show(results, &mut sink, &mut signals, output).await?;
            let why = if given == u64::from(query.limit) {
                Why::Limit
            } else {
                why
            };
            let ended = Ended {
                given,
                why,
                reports,
            };
            ended.tell(&mut sink, &mut signals, output).await
        })
    }
}

impl Search {
    /// Where records go.
    fn sink(&self, targets: &[Target], output: &Output) -> anyhow::Result<Sink> {
        match &self.output {
            Some(path) => Sink::file(path, Form::Text),
            None => Ok(Sink::out(self.shown.form(targets, output))),
        }
    }

    /// Searches files, and asks nobody.
    fn search_files(
        &self,
        paths: &[PathBuf],
        mut query: Query,
        output: &Output,
    ) -> anyhow::Result<Outcome> {
        query.machines = self.whom.machines_of_files()?;
        let limit = u64::from(query.limit);
        let mut offline = Offline::of(paths, &query, self.criteria.during())?;
        let mut sink = self.sink(&[], output)?;
        ask::block_on(async {
            let mut signals = Signals::listen()?;
            let mut given = 0;
            let passing = async {
                while given < limit {
                    let Some(record) = offline.next()? else {
                        return Ok(Why::Done);
                    };
                    given += 1;
                    sink.put(&record, &line::text_of(&record)).await?;
                    if sink.is_gone() {
                        return Ok(Why::Gone);
                    }
                }
                anyhow::Ok(Why::Limit)
            };
            let why = tokio::select! {
                why = passing => why?,
                _ = signals.next() => Why::Interrupted,
            };
            let reports = Vec::new();
            let ended = Ended {
                given,
                why,
                reports,
            };
            let outcome = ended.tell(&mut sink, &mut signals, output).await?;
            let mut faults = offline.faults().peekable();
            let is_whole = faults.peek().is_none();
            for fault in faults {
                output.complain(fault)?;
            }
            Ok(if is_whole { outcome } else { Outcome::Faults })
        })
    }
}

impl Shown {
    /// The form of records on standard output.
    pub(super) fn form(&self, targets: &[Target], output: &Output) -> Form {
        if output.is_json() {
            Form::Json
        } else {
            Form::People(People::of(targets, self.full, output.has_colour()))
        }
    }
}

impl Ask {
    /// Has everything brought to the disk; tells whose was not.
    async fn sync(&self, output: &Output) -> anyhow::Result<()> {
        let replies = self
            .controller
            .command(&self.targets, &Request::Sync, |_| ());
        for reply in replies.await {
            if let Some(why) = reply.report.status.why() {
                let machine = &reply.report.machine;
                output.complain(format!("{machine}: not brought to the disk: {why}"))?;
            }
        }
        Ok(())
    }
}

/// Passes records on as they come, to the end of the search or of the interest in it. Returns how many there were, why it
/// ended and how the agents have answered.
async fn show(
    mut results: Results,
    sink: &mut Sink,
    signals: &mut Signals,
    output: &Output,
) -> anyhow::Result<(u64, Why, Vec<Report>)> {
    let mut given = 0;
    let why = tokio::select! {
        why = pass_on(&mut results, &mut given, sink, output) => why?,
        _ = signals.next() => Why::Interrupted,
    };
    if why == Why::Interrupted {
        results.interrupt();
        // Whoever is tired of waiting for an agent wants what the others have given; whoever is tired of reading does not.
        if sink.is_idle() {
            tokio::select! {
                rest = pass_on(&mut results, &mut given, sink, output) => drop(rest?),
                _ = signals.next() => {}
            }
        }
    }
    Ok((given, why, results.finish()))
}

/// Has everything written; asked to end once more, what a reader does not take is left.
async fn end(sink: &mut Sink, signals: &mut Signals) -> anyhow::Result<()> {
    tokio::select! {
        ended = sink.end() => ended,
        _ = signals.next() => {
            sink.give_up();
            Ok(())
        }
    }
}

async fn pass_on(
    results: &mut Results,
    given: &mut u64,
    sink: &mut Sink,
    output: &Output,
) -> anyhow::Result<Why> {
    let mut is_told = false;
    loop {
        let Some(came) = or_write(timeout(LONG, results.next()), sink).await? else {
            return Ok(Why::Gone);
        };
        if is_told {
            output.progress("");
            is_told = false;
        }
        match came {
            Err(_) => {
                let waiting: Vec<&str> = results.waiting().collect();
                output.progress(format_args!("waiting for {}", waiting.join(", ")));
                is_told = true;
            }
            Ok(None) => return Ok(Why::Done),
            Ok(Some(found)) => {
                *given += 1;
                sink.put(&found.record, &found.text).await?;
                if sink.is_gone() {
                    return Ok(Why::Gone);
                }
            }
        }
    }
}

/// Waits for what comes next; while there is nothing, what was gathered is written. `None` if nobody reads any more.
pub(super) async fn or_write<T>(
    coming: impl Future<Output = T>,
    sink: &mut Sink,
) -> anyhow::Result<Option<T>> {
    let mut coming = pin!(coming);
    let at_once = std::future::poll_fn(|context| {
        Poll::Ready(match coming.as_mut().poll(context) {
            Poll::Ready(came) => Some(came),
            Poll::Pending => None,
        })
    });
    if let Some(came) = at_once.await {
        return Ok(Some(came));
    }
    sink.flush().await?;
    if sink.is_gone() {
        return Ok(None);
    }
    Ok(Some(coming.await))
}

/// How a search or a tail has ended.
pub(super) struct Ended {
    pub(super) given: u64,
    pub(super) why: Why,
    pub(super) reports: Vec<Report>,
}

impl Ended {
    /// Has everything written, and says how the agents have answered.
    pub(super) async fn tell(
        self,
        sink: &mut Sink,
        signals: &mut Signals,
        output: &Output,
    ) -> anyhow::Result<Outcome> {
        let with_records = output.is_json() && sink.is_out();
        if with_records {
            sink.add_line(&self.json()?);
        }
        end(sink, signals).await?;
        if !sink.is_gone() && output.is_json() {
            if !with_records {
                output.line(self.json()?)?;
            }
        } else if !sink.is_gone() || self.why == Why::Interrupted {
            // Where nobody takes what is written, standard error is left to say it.
            self.tell_people(output)?;
        }
        let whole = self.why != Why::Interrupted && self.reports.iter().all(Report::is_whole);
        Ok(if whole {
            Outcome::Done
        } else {
            Outcome::Faults
        })
    }

    fn tell_people(&self, output: &Output) -> anyhow::Result<()> {
        if !self.reports.is_empty() {
            report::told(&self.reports, "Records", output)?;
        }
        let more = match self.why {
            Why::Limit => "; there may be more, --limit gives more of them",
            Why::Interrupted => "; interrupted, so there may be more",
            Why::Done | Why::Gone => "",
        };
        output.complain(format!("{} records{more}", self.given))
    }

    fn json(&self) -> anyhow::Result<String> {
        let agents: Vec<_> = self.reports.iter().map(report::json).collect();
        let ended = match self.why {
            Why::Done | Why::Gone => "done",
            Why::Limit => "limit",
            Why::Interrupted => "interrupted",
        };
        let last = json!({ "agents": agents, "records": self.given, "ended": ended });
        serde_json::to_string(&last).context("the agents' answers")
    }
}
