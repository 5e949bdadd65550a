//! `vestibule reload`: running machines read their certificates again, and what a new topology file would change is told.
//!
//! A machine takes over certificates, CA bundles and revocation lists while it runs, and nothing of the topology file: that
//! is read at the start. So the summary says what has to be done for each thing that follows from the new file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pki::State;
use roles::machine::{CONTROL_SOCKET, Reply, Request};
use runtime::control::call;
use serde_json::json;
use topology::Topology;

use crate::firewall::consequences::Consequences;
use crate::operate::Scope;
use crate::output::{Outcome, Output};
use crate::{status, topology_file};

/// Have running machines read certificates, CA bundles and revocation lists again; connections stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With a TOPOLOGY it is told first what that file changes against the one that the machines run: rules, names,
certificates, listeners. A file with faults is refused, and nothing is read again.

The topology file itself is read at the start only: after a change of it, restart the machines one after the other.

Example:
  vestibule reload topology.toml --state /var/lib/vestibule")]
pub(crate) struct Reload {
    /// The topology file that is to be used from the next start on.
    topology: Option<PathBuf>,
    #[command(flatten)]
    scope: Scope,
}

/// What a new file means for machines that run the same one.
struct Summary {
    machines: Vec<String>,
    follows: Consequences,
    /// Whether the new file says the same in every respect.
    is_same: bool,
}

impl Reload {
    /// Tells what a new file changes, then tells the machines.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(path) = &self.topology else {
            return self.scope.tell(&Request::Reload, "reloaded", output);
        };
        let Some(new) = topology_file::load(path, output)? else {
            return Ok(Outcome::Faults);
        };
        let summaries = self.summaries(&new, output)?;
        if !output.is_json() {
            summaries.iter().try_for_each(|one| one.print(output))?;
        }
        let told = self.scope.told(&Request::Reload, "reloaded")?;
        if output.is_json() {
            let follows: Vec<_> = summaries.iter().map(Summary::json).collect();
            output.json(&json!({ "told": told.json(), "changes": follows }))?;
        } else {
            told.lines(output)?;
        }
        Ok(told.outcome())
    }

    /// Asks the running machines which file they run, and compares each of these with the new one.
    fn summaries(&self, new: &Topology, output: &Output) -> anyhow::Result<Vec<Summary>> {
        let state = State::new(&self.scope.state);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in status::machines(&state, self.scope.machine.as_deref())? {
            let socket = state.machine(&name).join(CONTROL_SOCKET);
            match runtime.block_on(call(&socket, &Request::File)) {
                Ok(Reply::File { text }) => files.entry(text).or_default().push(name),
                Ok(Reply::Failed { reason }) => output.complain(format!("{name}: {reason}"))?,
                // Who is not running, or cannot be reached, is told of by the reload itself.
                Ok(_) | Err(_) => {}
            }
        }
        let mut summaries: Vec<Summary> = Vec::new();
        for (text, machines) in files {
            match Topology::parse(&text, "the file that runs") {
                Ok(old) => summaries.push(Summary {
                    machines,
                    follows: Consequences::of(&old, new),
                    is_same: old == *new,
                }),
                Err(_) => output.complain(format!(
                    "{}: this version does not read the file that runs",
                    machines.join(", ")
                ))?,
            }
        }
        summaries.sort_by(|one, other| one.machines.cmp(&other.machines));
        Ok(summaries)
    }
}

impl Summary {
    fn print(&self, output: &Output) -> anyhow::Result<()> {
        let machines = self.machines.join(", ");
        if self.is_same {
            return output.line(format!(
                "{machines}: the file says what the running one says"
            ));
        }
        output.line(format!(
            "{machines}: what the file changes, from the next start on"
        ))?;
        self.follows.print(output)
    }

    fn json(&self) -> serde_json::Value {
        json!({ "machines": self.machines, "is_same": self.is_same, "follows": self.follows.json() })
    }
}
