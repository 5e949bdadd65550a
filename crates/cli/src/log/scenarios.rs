//! `vestibule log scenarios`: which can be started, and what each listens to.

use logs::{Scenario, Watch};
use serde_json::{Value, json};

use super::ask::Whom;
use crate::output::{Outcome, Output, Table};

/// List the scenarios that can be started: the predefined ones and those of the topology.
#[derive(clap::Args)]
#[command(after_help = "\
Asks nobody. A component is listened to from a level on: Info has what a busy machine can always keep, Verbose whole
messages and each decision.")]
pub(crate) struct List {
    #[command(flatten)]
    whom: Whom,
}

impl List {
    /// Lists them.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(topology) = self.whom.load(output)? else {
            return Ok(Outcome::Faults);
        };
        let all = &topology.logging().scenarios;
        if output.is_json() {
            output.json(&all.iter().map(json).collect::<Vec<_>>())?;
            return Ok(Outcome::Done);
        }
        let mut table = Table::new(["Scenario", "Components", "Level", "Flags"]);
        for scenario in all.iter() {
            // Components that are listened to in the same way stand together.
            let mut rows: Vec<(&Watch, Vec<&str>)> = Vec::new();
            for watch in scenario.watches() {
                let same = |(one, _): &&mut (&Watch, Vec<&str>)| {
                    (one.level, one.flags) == (watch.level, watch.flags)
                };
                match rows.iter_mut().find(same) {
                    Some((_, names)) => names.push(watch.component.name()),
                    None => rows.push((watch, vec![watch.component.name()])),
                }
            }
            for (place, (watch, names)) in rows.into_iter().enumerate() {
                let name = if place == 0 { scenario.name() } else { "" };
                table.row([
                    name.to_owned(),
                    names.join(", "),
                    watch.level.to_string(),
                    flags(watch),
                ]);
            }
        }
        output.table(&table)?;
        Ok(Outcome::Done)
    }
}

fn flags(watch: &Watch) -> String {
    if watch.flags == logs::Flags::ALL {
        "All".to_owned()
    } else {
        watch.flags.to_string()
    }
}

fn json(scenario: &Scenario) -> Value {
    let watches = scenario.watches().iter().map(|watch| {
        json!({
            "component": watch.component.name(),
            "level": watch.level.name(),
            "flags": flags(watch),
        })
    });
    json!({ "scenario": scenario.name(), "watches": watches.collect::<Vec<_>>() })
}
