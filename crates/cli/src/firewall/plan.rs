//! `vestibule firewall plan`: what every machine and boundary has to let through, rule by rule.

use std::path::PathBuf;

use firewall::AddressSet;
use firewall::plan::{Admit, Basic, Direction, Rules, Zone};
use serde_json::json;
use topology::flows::{Carrier, TABLE};

use super::Where;
use crate::output::{Outcome, Output, Table};
use crate::topology_file;

/// Print what machines and boundaries have to let through; everything else is dropped.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  vestibule firewall plan topology.toml                                every machine and both boundaries
  vestibule firewall plan topology.toml --machine edge01.contoso.net   one machine
  vestibule firewall plan topology.toml --boundary inside --json       between perimeter and inside, for programs")]
pub(crate) struct Plan {
    /// The topology file.
    topology: PathBuf,
    #[command(flatten)]
    place: Where,
}

/// What a default of dropping means where nobody is named.
const LOCKED: &str = "\nNobody may administer these machines over the network: \
                      `[firewall] admin_networks` names none.";

impl Plan {
    /// Prints the plan.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        let plan = firewall::plan::Plan::of(&topology);
        let places: Vec<&Rules> = match self.place.place(&topology)? {
            Some(place) => vec![super::rules(&plan, &place)?],
            None => plan.places().iter().collect(),
        };
        if output.is_json() {
            let places: Vec<serde_json::Value> = places.into_iter().map(as_json).collect();
            let locked = topology.firewall().admin_networks.is_empty();
            output.json(&json!({ "places": places, "nobody_administers": locked }))?;
        } else {
            output.table(&table(&plan, &places, output.lang().into()))?;
            let names = Basic::ALL.map(|basic| format!("  {}: {}", basic.name(), basic.purpose()));
            output.line(format!(
                "\nBeside the flows, at every place:\n{}",
                names.join("\n")
            ))?;
            if topology.firewall().admin_networks.is_empty() {
                output.line(LOCKED)?;
            }
        }
        Ok(Outcome::Done)
    }
}

fn table(plan: &firewall::plan::Plan, places: &[&Rules], lang: topology::flows::Lang) -> Table {
    let mut table = Table::new([
        "Place",
        "",
        "Flow",
        "Sources",
        "Destinations",
        "Ports",
        "For",
    ])
    .right(2);
    for rules in places {
        let mut place = rules.place.to_string();
        for chain in &rules.chains {
            for admit in &chain.admits {
                let purpose = TABLE.iter().find(|flow| flow.id == admit.flow);
                table.row([
                    std::mem::take(&mut place),
                    direction(chain.direction).to_owned(),
                    admit.flow.to_string(),
                    words(plan, &admit.sources).join("\n"),
                    words(plan, &admit.destinations).join("\n"),
                    ports(admit),
                    remarks(admit, purpose.map_or("", |flow| flow.purpose.get(lang))),
                ]);
            }
        }
    }
    table
}

/// What a rule is for, how often one source may, and which rows it serves as well.
fn remarks(admit: &Admit, purpose: &str) -> String {
    let mut lines = vec![purpose.to_owned()];
    if let Some(rate) = admit.rate {
        lines.push(format!(
            "each source {}/s, {} at once",
            rate.per_second, rate.burst
        ));
    }
    if !admit.also.is_empty() {
        let also: Vec<String> = admit.also.iter().map(ToString::to_string).collect();
        lines.push(format!("also for {}", also.join(", ")));
    }
    lines.join("\n")
}

const fn direction(direction: Direction) -> &'static str {
    direction.name()
}

pub(super) fn ports(admit: &Admit) -> String {
    let ports: Vec<String> = admit.ports.iter().map(ToString::to_string).collect();
    format!("{} {}", carrier(admit.carrier), ports.join(", "))
}

const fn carrier(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Tcp => "TCP",
        Carrier::Udp => "UDP",
    }
}

/// Who is in a set, in words.
fn words(plan: &firewall::plan::Plan, set: &AddressSet) -> Vec<String> {
    if set == plan.zones().set(Zone::Outside, set.family()) {
        return vec!["strangers".to_owned()];
    }
    ranges(set)
}

/// The ranges of a set; of a set that is nearly everything, what is not in it.
pub(super) fn ranges(set: &AddressSet) -> Vec<String> {
    let others = set.complement();
    if others.is_empty() {
        return vec!["any".to_owned()];
    }
    if others.ranges().len() < set.ranges().len() {
        return others
            .words()
            .into_iter()
            .map(|word| format!("not {word}"))
            .collect();
    }
    set.words()
}

fn as_json(rules: &Rules) -> serde_json::Value {
    let chains = rules.chains.iter().map(|chain| {
        let admits: Vec<serde_json::Value> = chain.admits.iter().map(admit_json).collect();
        json!({ "direction": chain.direction, "admits": admits })
    });
    json!({ "place": rules.place, "chains": chains.collect::<Vec<_>>() })
}

pub(super) fn admit_json(admit: &Admit) -> serde_json::Value {
    json!({
        "flow": admit.flow,
        "also": admit.also,
        "family": admit.family,
        "sources": admit.sources.words(),
        "destinations": admit.destinations.words(),
        "carrier": admit.carrier,
        "ports": admit.ports,
        "rate": admit.rate,
    })
}
