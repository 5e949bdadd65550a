//! `vestibule limits`: who is slowed, ignored or refused by running machines, and how an operator lifts that.

use std::net::IpAddr;

use pki::State;
use roles::machine::Request;

use crate::operate::Scope;
use crate::output::{Outcome, Output, Table};
use crate::status::{self, Answer};

/// See or forgive sources that behaved badly.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Limits {
    /// Show the sources with the most points, worst first, on each machine.
    #[command(after_help = "\
Points come from wrong passwords, broken messages, scanners and too many requests; half of them fade
in five minutes. The limits are keys of `[limits]` in the topology file.")]
    Show {
        #[command(flatten)]
        scope: Scope,
    },
    /// Forget what is held against an address.
    Forgive {
        /// The address; of an IPv6 network any.
        address: IpAddr,
        #[command(flatten)]
        scope: Scope,
    },
}

impl Limits {
    /// Asks or tells the machines.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Show { scope } => show(&scope, output),
            Self::Forgive { address, scope } => {
                scope.tell(&Request::Forgive { address }, "forgiven", output)
            }
        }
    }
}

fn show(scope: &Scope, output: &Output) -> anyhow::Result<Outcome> {
    let answers = status::ask(&State::new(&scope.state), scope.machine.as_deref())?;
    let mut table = Table::new(["Machine", "Source", "Points", "Offences", "Gets"])
        .right(2)
        .right(3);
    let mut all = Vec::new();
    for (machine, answer) in &answers {
        let Answer::Running(status) = answer else {
            continue;
        };
        for source in status.abuse.iter().flat_map(|abuse| &abuse.sources) {
            table.row([
                machine.clone(),
                source.source.clone(),
                format!("{:.1}", source.points),
                source.offences.to_string(),
                source.gets.clone(),
            ]);
            all.push(serde_json::json!({ "machine": machine, "source": source }));
        }
    }
    if output.is_json() {
        output.json(&all)?;
    } else if all.is_empty() {
        output.line("nothing is held against anybody")?;
    } else {
        output.table(&table)?;
    }
    Ok(Outcome::Done)
}
