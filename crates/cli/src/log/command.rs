//! The commands that each agent carries out for itself: scenarios, syncing, how it is.

use anyhow::bail;
use logs::wire::{AgentStatus, Request};
use logs::{Duration, Running, Time};
use roles::controlling::{Reply, Said};
use serde_json::{Value, json};

use super::ask::{self, Ask, Whom};
use super::report;
use crate::output::{Outcome, Output, Table};

/// Start a scenario, so that machines keep more of what it listens to.
#[derive(clap::Args)]
#[command(after_help = "\
At most two scenarios run on a machine at a time, AlwaysOn counted. Ends with 1 unless every machine has started it.

Examples:
  vestibule log start SignIn                                     on the trial that `vestibule up` runs, for four hours
  vestibule log start Web topology.toml --duration 0:30 --pool fepool01.contoso.net --machine edge01.contoso.net")]
pub(crate) struct Start {
    /// The scenario; `vestibule log scenarios` lists them.
    scenario: String,
    #[command(flatten)]
    whom: Whom,
    /// For how long: minutes (120), h:mm (8:00) or d.hh:mm (6.05:12) [default: 4:00; AlwaysOn has no end].
    #[arg(long, value_name = "TIME")]
    duration: Option<Duration>,
}

/// Stop a scenario; what it has captured stays and can be searched.
#[derive(clap::Args)]
pub(crate) struct Stop {
    /// The scenario.
    scenario: String,
    #[command(flatten)]
    whom: Whom,
}

/// Change the end of all scenarios that have one.
#[derive(clap::Args)]
pub(crate) struct Update {
    #[command(flatten)]
    whom: Whom,
    /// From now on, how long: minutes (120), h:mm (8:00) or d.hh:mm (6.05:12).
    #[arg(long, value_name = "TIME")]
    duration: Duration,
}

/// Show which scenarios run where.
#[derive(clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    whom: Whom,
}

/// Bring everything that was captured so far to the disks.
#[derive(clap::Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    whom: Whom,
}

/// Show how the agents are: what they keep, what they have dropped, how much room they have.
#[derive(clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    whom: Whom,
}

impl Start {
    /// Starts it everywhere and says where it runs.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(ask) = self.whom.ready(output)? else {
            return Ok(Outcome::Faults);
        };
        // A misspelt name is told once, not by each machine.
        let scenario = match ask.topology.logging().scenarios.find(&self.scenario) {
            Ok(scenario) => scenario.name().to_owned(),
            Err(unknown) => bail!(unknown),
        };
        let duration = self.duration;
        give(
            &ask,
            &Request::Start { scenario, duration },
            running,
            output,
        )
    }
}

impl Stop {
    /// Stops it everywhere and says what still runs.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let scenario = self.scenario;
        run(&self.whom, &Request::Stop { scenario }, running, output)
    }
}

impl Update {
    /// Changes the ends and says what they are.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let duration = self.duration;
        run(&self.whom, &Request::Update { duration }, running, output)
    }
}

impl Show {
    /// Shows what runs.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        run(&self.whom, &Request::Show, running, output)
    }
}

impl Sync {
    /// Has it done and says by whom it was.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        run(&self.whom, &Request::Sync, plain, output)
    }
}

impl Status {
    /// Shows how they are.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        run(&self.whom, &Request::Status, statuses, output)
    }
}

/// Gives the command to all, and prints what came of it in the form that is its own.
fn run(
    whom: &Whom,
    request: &Request,
    form: fn(&[Reply]) -> Table,
    output: &Output,
) -> anyhow::Result<Outcome> {
    match whom.ready(output)? {
        Some(ask) => give(&ask, request, form, output),
        None => Ok(Outcome::Faults),
    }
}

fn give(
    ask: &Ask,
    request: &Request,
    form: fn(&[Reply]) -> Table,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let all = ask.targets.len();
    let replies = ask::block_on(async {
        let mut done = 0;
        let told = |_: &Reply| {
            done += 1;
            output.progress(format_args!("{done} of {all} machines"));
        };
        let replies = ask.controller.command(&ask.targets, request, told).await;
        output.progress("");
        Ok(replies)
    })?;
    if output.is_json() {
        output.json(&replies.iter().map(json).collect::<Vec<_>>())?;
    } else {
        output.table(&form(&replies))?;
    }
    let whole = replies.iter().all(|reply| reply.report.is_whole());
    Ok(if whole {
        Outcome::Done
    } else {
        Outcome::Faults
    })
}

/// Which scenarios run where: a line for each, or for why it is not known.
fn running(replies: &[Reply]) -> Table {
    let mut table = Table::new(["Machine", "Answer", "Scenario", "Since", "Until", "By", ""]);
    for reply in replies {
        let none = Vec::new();
        let running = match &reply.said {
            Some(Said::Running(running)) => running,
            Some(Said::Status(_)) | None => &none,
        };
        let first = [reply.report.machine.to_string(), word(reply)];
        let mut names = std::iter::once(first).chain(std::iter::repeat_with(Default::default));
        let mut notes = std::iter::once(report::notes(&reply.report).join("; "));
        let nothing = reply.report.is_whole().then_some("none");
        let rows: Vec<[String; 4]> = match running.as_slice() {
            [] => vec![[
                nothing.unwrap_or_default().to_owned(),
                String::new(),
                String::new(),
                String::new(),
            ]],
            some => some.iter().map(one).collect(),
        };
        for ([scenario, since, until, by], [machine, answer]) in rows.into_iter().zip(&mut names) {
            let notes = notes.next().unwrap_or_default();
            table.row([machine, answer, scenario, since, until, by, notes]);
        }
    }
    table
}

fn one(running: &Running) -> [String; 4] {
    let until = running
        .until
        .map_or_else(|| "no end".to_owned(), to_the_second);
    [
        running.scenario.clone(),
        to_the_second(running.since),
        until,
        running.by.clone(),
    ]
}

/// Whether each has done it.
fn plain(replies: &[Reply]) -> Table {
    let mut table = Table::new(["Machine", "Answer", ""]);
    for reply in replies {
        let notes = report::notes(&reply.report).join("; ");
        table.row([reply.report.machine.to_string(), word(reply), notes]);
    }
    table
}

/// How the agents are.
fn statuses(replies: &[Reply]) -> Table {
    let head = [
        "Machine", "Answer", "Version", "Kept", "Dropped", "Files", "Size", "At most", "Free",
        "Oldest", "",
    ];
    let mut table = Table::new(head);
    for column in 3..=8 {
        table = table.right(column);
    }
    for reply in replies {
        let first = [reply.report.machine.to_string(), word(reply)];
        let mut notes = report::notes(&reply.report);
        let middle = match &reply.said {
            Some(Said::Status(status)) => {
                notes.extend(status.trouble.clone());
                notes.extend(silenced(status));
                figures(status)
            }
            Some(Said::Running(_)) | None => Default::default(),
        };
        table.row(first.into_iter().chain(middle).chain([notes.join("; ")]));
    }
    table
}

fn figures(status: &AgentStatus) -> [String; 8] {
    [
        status.version.clone(),
        status.kept.to_string(),
        status.dropped.to_string(),
        status.files.to_string(),
        size(status.bytes),
        size(status.bytes_max),
        size(status.free),
        status.oldest.map(to_the_second).unwrap_or_default(),
    ]
}

fn silenced(status: &AgentStatus) -> Option<String> {
    let names: Vec<&str> = status.silenced.iter().map(|one| one.name()).collect();
    (!names.is_empty()).then(|| format!("silenced, since it talks too much: {}", names.join(", ")))
}

/// Writes so many bytes in a short way.
pub(super) fn size(bytes: u64) -> String {
    let mut whole = bytes;
    for unit in ["B", "KiB", "MiB"] {
        if whole < 10_240 {
            return format!("{whole} {unit}");
        }
        whole /= 1024;
    }
    format!("{whole} GiB")
}

fn to_the_second(time: Time) -> String {
    let text = time.to_string();
    let end = text.find('.').unwrap_or(text.len());
    format!("{}Z", text.get(..end).unwrap_or_default())
}

fn word(reply: &Reply) -> String {
    report::word(&reply.report).to_owned()
}

fn json(reply: &Reply) -> Value {
    let mut value = report::json(&reply.report);
    let said = match &reply.said {
        Some(Said::Running(running)) => {
            let all: Vec<Value> = running.iter().map(running_json).collect();
            Some(("running", Value::from(all)))
        }
        Some(Said::Status(status)) => Some(("status", status_json(status))),
        None => None,
    };
    if let (Some(map), Some((name, said))) = (value.as_object_mut(), said) {
        map.insert(name.to_owned(), said);
        map.remove("given");
    }
    value
}

fn running_json(running: &Running) -> Value {
    json!({
        "scenario": running.scenario,
        "since": running.since.to_string(),
        "until": running.until.map(|until| until.to_string()),
        "by": running.by,
    })
}

fn status_json(status: &AgentStatus) -> Value {
    json!({
        "version": status.version,
        "now": status.now.to_string(),
        "kept": status.kept,
        "dropped": status.dropped,
        "trouble": status.trouble,
        "files": status.files,
        "bytes": status.bytes,
        "bytes_max": status.bytes_max,
        "free": status.free,
        "oldest": status.oldest.map(|oldest| oldest.to_string()),
        "running": status.running.iter().map(running_json).collect::<Vec<_>>(),
        "silenced": status.silenced.iter().map(|one| one.name()).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(20_000), "19 KiB");
        assert_eq!(size(80 << 30), "80 GiB");
        assert_eq!(to_the_second(Time(0)), "1970-01-01T00:00:00Z");
    }
}
