//! `vestibule firewall`: what has to pass where, and packet filters that let nothing else pass.

mod apply;
mod audit;
mod changes;
mod confirm;
pub(crate) mod consequences;
mod diff;
mod kernel;
mod plan;
mod render;
mod status;
mod trial;
mod watchdog;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use firewall::plan::{Boundary, Place, Plan, Rules};
use topology::Topology;

use crate::output::{Outcome, Output};
use crate::topology_file;

/// The packet filters of machines and boundaries: what has to pass, and the rules that let nothing else pass.
#[derive(Subcommand)]
pub(crate) enum Firewall {
    Plan(plan::Plan),
    Render(render::Render),
    Diff(diff::Diff),
    Apply(apply::Apply),
    Confirm(confirm::Confirm),
    Rollback(confirm::Rollback),
    Status(status::Status),
    Audit(audit::Audit),
    #[command(hide = true)]
    Watchdog(watchdog::Watchdog),
}

impl Firewall {
    /// Runs the word.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Plan(command) => command.run(output),
            Self::Render(command) => command.run(output),
            Self::Diff(command) => command.run(output),
            Self::Apply(command) => command.run(output),
            Self::Confirm(command) => command.run(output),
            Self::Rollback(command) => command.run(output),
            Self::Status(command) => command.run(output),
            Self::Audit(command) => command.run(output),
            Self::Watchdog(command) => command.run(),
        }
    }
}

/// Where rules are loaded, as it is written on the command line.
#[derive(clap::Args)]
#[group(multiple = false)]
struct Where {
    /// A machine, for itself.
    #[arg(long, value_name = "FQDN")]
    machine: Option<String>,
    /// What routes between two zones: `outside` is before the perimeter, `inside` behind it.
    #[arg(long, value_enum)]
    boundary: Option<Side>,
}

/// A boundary.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Side {
    /// Between strangers and the perimeter.
    Outside,
    /// Between the perimeter and inside.
    Inside,
}

impl Where {
    /// Returns the place that is meant, if one is.
    fn place(&self, topology: &Topology) -> anyhow::Result<Option<Place>> {
        if let Some(name) = &self.machine {
            let machine = topology_file::machine(topology, name)?;
            return Ok(Some(Place::Machine(machine.fqdn.clone())));
        }
        let boundary = self.boundary.map(|side| match side {
            Side::Outside => Boundary::Outside,
            Side::Inside => Boundary::Inside,
        });
        Ok(boundary.map(Place::Boundary))
    }
}

/// Returns the rules of a place.
fn rules<'a>(plan: &'a Plan, place: &Place) -> anyhow::Result<&'a Rules> {
    plan.rules(place)
        .with_context(|| format!("the plan has no {place}"))
}

/// Returns a place as it is written on the command line.
fn option(place: &Place) -> String {
    match place {
        Place::Machine(name) => format!("--machine {name}"),
        Place::Boundary(boundary) => format!("--boundary {}", boundary.name()),
    }
}
