//! `vestibule firewall status`: what the loaded rules have counted, flow by flow, and whether they are the planned ones.

use std::path::PathBuf;

use firewall::loaded::{ChainComparison, Comparison, Count, Owner, Table as Loaded};
use firewall::plan::{Basic, Direction, Rules};
use serde::Serialize;
use serde_json::json;
use topology::flows::TABLE;

use super::kernel::{Beside, RunDir, waiting};
use super::{Where, changes};
use crate::output::{Lang, Outcome, Output};
use crate::topology_file;

mod words;

/// Show what the loaded rules have counted, flow by flow, and whether they are the planned ones.
#[derive(clap::Args)]
#[command(after_help = "\
A rule of a flow counts the packets that begin a connection; everything after them counts as `established`.
Ends with 1 if what is loaded is not what is planned. Needs root.

Examples:
  vestibule firewall status topology.toml --machine edge01.contoso.net
  vestibule firewall status topology.toml --boundary inside --json")]
pub(crate) struct Status {
    /// The topology file.
    topology: PathBuf,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    run_dir: RunDir,
}

/// What the rules of one flow, or of a basic, have counted one way.
#[derive(Debug, Serialize)]
struct Row {
    way: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    basic: Option<&'static str>,
    purpose: &'static str,
    rules: usize,
    loaded: usize,
    packets: u64,
    bytes: u64,
    /// The flow whose rule admits all of this one as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    counted_by: Option<u8>,
}

impl Status {
    /// Prints the counters; not all is well unless what is loaded is what is planned.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        let beside = Beside::read(&topology, &self.place)?;
        let pending = self.run_dir.folder()?.pending()?;
        let nothing = Loaded::default();
        let loaded = beside.loaded.as_ref().unwrap_or(&nothing);
        let comparison = Comparison::of(&beside.planned, loaded);
        let rows = rows(&comparison, &beside.rules, output.lang());
        if output.is_json() {
            output.json(&json!({
                "place": beside.place,
                "is_loaded": beside.loaded.is_some(),
                "is_as_planned": comparison.is_same(),
                "pending": pending,
                "rows": rows,
                "changes": changes::json(&comparison),
                "dropped": stopped(&comparison, is_drop),
                "rejected": stopped(&comparison, |chain| !is_drop(chain)),
            }))?;
        } else {
            if let Some(pending) = pending {
                output.complain(waiting(&pending))?;
            }
            if beside.loaded.is_some() {
                output.table(&words::table(&rows, output.lang()))?;
                let (dropped, rejected) = (
                    stopped(&comparison, is_drop),
                    stopped(&comparison, |chain| !is_drop(chain)),
                );
                output.line(words::stopped(dropped, rejected, output.lang()))?;
            }
            changes::head(&beside, &comparison, output)?;
            if beside.loaded.is_some() {
                changes::print(&comparison, output)?;
            }
        }
        Ok(if comparison.is_same() {
            Outcome::Done
        } else {
            Outcome::Faults
        })
    }
}

fn rows(comparison: &Comparison<'_>, rules: &Rules, lang: Lang) -> Vec<Row> {
    let mut rows = Vec::new();
    for chain in &comparison.chains {
        let Some(direction) = chain.direction else {
            continue;
        };
        let mut own = of_chain(chain, direction, lang);
        let admits = rules
            .chain(direction)
            .into_iter()
            .flat_map(|all| &all.admits);
        for admit in admits {
            for flow in &admit.also {
                let counts = |row: &Row| row.flow == Some(*flow);
                if !own.iter().any(counts) {
                    own.push(Row {
                        counted_by: Some(admit.flow),
                        ..empty(direction, Owner::Flow(*flow), lang)
                    });
                }
            }
        }
        own.sort_by_key(|row| (row.basic.is_some(), row.flow));
        rows.extend(own);
    }
    rows
}

/// The rows of one chain in the order of its rules.
fn of_chain(chain: &ChainComparison<'_>, direction: Direction, lang: Lang) -> Vec<Row> {
    let mut rows: Vec<(Owner, Row)> = Vec::new();
    for pair in &chain.pairs {
        let owner = pair.planned.owner;
        let at = rows.iter().position(|(other, _)| *other == owner);
        let at = at.unwrap_or_else(|| {
            rows.push((owner, empty(direction, owner, lang)));
            rows.len() - 1
        });
        let (_, row) = &mut rows[at];
        row.rules += 1;
        if let Some(rule) = pair.loaded {
            let count = rule.count.unwrap_or_default();
            row.loaded += 1;
            row.packets = row.packets.saturating_add(count.packets);
            row.bytes = row.bytes.saturating_add(count.bytes);
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

fn empty(direction: Direction, owner: Owner, lang: Lang) -> Row {
    let (flow, basic) = match owner {
        Owner::Flow(flow) | Owner::Rate(flow) => (Some(flow), None),
        Owner::Basic(basic) => (None, Some(basic)),
        Owner::Other => (None, None),
    };
    let row = flow.and_then(|id| TABLE.iter().find(|flow| flow.id == id));
    let purpose = match owner {
        Owner::Rate(_) => Some(words::beyond_rate(lang)),
        Owner::Flow(_) | Owner::Basic(_) | Owner::Other => {
            row.map(|flow| flow.purpose.get(lang.into()))
        }
    };
    let purpose = purpose.or_else(|| basic.map(|basic| words::basic(basic, direction, lang)));
    Row {
        way: direction.name(),
        flow,
        basic: basic.map(Basic::name),
        purpose: purpose.unwrap_or_default(),
        rules: 0,
        loaded: 0,
        packets: 0,
        bytes: 0,
        counted_by: None,
    }
}

/// On the way out the rest is rejected, elsewhere it is dropped.
fn is_drop(chain: &ChainComparison<'_>) -> bool {
    chain.direction != Some(Direction::Out)
}

/// What the last rule of these chains has counted.
fn stopped(comparison: &Comparison<'_>, of: impl Fn(&ChainComparison<'_>) -> bool) -> Count {
    let chains = comparison.chains.iter().filter(|chain| of(chain));
    let pairs = chains.flat_map(|chain| &chain.pairs);
    pairs
        .filter(|pair| pair.planned.owner == Owner::Basic(Basic::Rest))
        .filter_map(|pair| pair.loaded?.count)
        .fold(Count::default(), |all, one| all + one)
}
