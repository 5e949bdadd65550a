//! `vestibule log collect`: the trace files of all machines, in a folder.

use std::path::PathBuf;

use roles::controlling::{self, Collected, Report};
use serde_json::{Value, json};

use super::ask::{self, Whom};
use super::command::size;
use super::criteria::During;
use super::report;
use crate::output::{Outcome, Output, Table};

/// Copy the trace files of a time from all machines into a folder.
#[derive(clap::Args)]
#[command(after_help = "\
Each machine gets a folder of its name. Files are copied whole, so they reach beyond the time that was asked for. What is
there already is not replaced. `zstdcat` reads the files, which have the text form that `vestibule log search` gives.
Ends with 1 if a machine did not give all of its files.

Examples:
  vestibule log collect --output today                       the last half hour of the trial that `up` runs
  vestibule log collect topology.toml --from 2026-11-26T08:00Z --to 2026-11-26T09:00Z --output monday
  zstdcat monday/*/*.trace.zst | grep a84b4c76")]
pub(crate) struct Collect {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    during: During,
    /// The folder; it is made if it is missing, for this account only.
    #[arg(long, value_name = "DIR", default_value = "vestibule-traces")]
    output: PathBuf,
}

impl Collect {
    /// Copies them and says what came.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let span = self.during.span(controlling::now())?;
        let Some(ask) = self.whom.ready(output)? else {
            return Ok(Outcome::Faults);
        };
        let all = ask.targets.len();
        let collected = ask::block_on(async {
            let mut done = 0;
            let told = |_: &Collected| {
                done += 1;
                output.progress(format_args!("{done} of {all} machines"));
            };
            let (controller, targets) = (&ask.controller, &ask.targets);
            let collected = controller.collect(targets, span, &self.output, told).await;
            output.progress("");
            Ok(collected)
        })?;
        if output.is_json() {
            output.json(&collected.iter().map(json).collect::<Vec<_>>())?;
        } else {
            output.table(&table(&collected))?;
        }
        let whole = |one: &Collected| Report::is_whole(&one.report);
        Ok(if collected.iter().all(whole) {
            Outcome::Done
        } else {
            Outcome::Faults
        })
    }
}

fn table(collected: &[Collected]) -> Table {
    let mut table = Table::new(["Machine", "Answer", "Files", "Size", ""]);
    table = table.right(2).right(3);
    for one in collected {
        let there = one.files.iter().filter(|file| file.was_there).count();
        let mut notes = report::notes(&one.report);
        if there > 0 {
            notes.push(format!("{there} were there already"));
        }
        table.row([
            one.report.machine.to_string(),
            report::word(&one.report).to_owned(),
            one.files.len().to_string(),
            size(one.files.iter().map(|file| file.bytes).sum()),
            notes.join("; "),
        ]);
    }
    table
}

fn json(one: &Collected) -> Value {
    let mut value = report::json(&one.report);
    let files = one
        .files
        .iter()
        .map(|file| json!({ "path": file.path, "bytes": file.bytes, "was_there": file.was_there }));
    if let Some(map) = value.as_object_mut() {
        map.insert("files".to_owned(), files.collect::<Vec<_>>().into());
    }
    value
}
