//! `vestibule check`: all faults of a topology file in one run, or the plan that follows from it.

use std::path::PathBuf;

use serde_json::json;
use topology::{Topology, role_name};

use crate::output::{Outcome, Output, Table};
use crate::topology_file;

/// Check a topology file: all faults at once, with line, column and the fix.
#[derive(clap::Args)]
pub(crate) struct Check {
    /// The topology file.
    topology: PathBuf,
}

impl Check {
    /// Tells the faults, or what each machine will be.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        if output.is_json() {
            output.json(&plan(&topology, &self.topology.display().to_string()))?;
        } else {
            output.line(format!("{} is in order", self.topology.display()))?;
            output.table(&table(&topology))?;
        }
        Ok(Outcome::Done)
    }
}

fn table(topology: &Topology) -> Table {
    let mut table = Table::new([
        "Machine",
        "Roles",
        "Pools",
        "Inside",
        "Outside",
        "Listens on",
    ]);
    for machine in topology.machines() {
        let names = machine
            .pools
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        let mut outside: Vec<String> = [machine.external, machine.published]
            .into_iter()
            .flatten()
            .map(|a| a.to_string())
            .collect();
        outside.dedup();
        let mut ports: Vec<u16> = topology
            .listeners(machine)
            .iter()
            .map(|listener| listener.address.port())
            .collect();
        ports.sort_unstable();
        ports.dedup();
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        table.row([
            machine.fqdn.to_string(),
            roles(topology, machine).join("\n"),
            names.join("\n"),
            machine.address.to_string(),
            outside.join("\n"),
            ports.join(" "),
        ]);
    }
    table
}

fn plan(topology: &Topology, file: &str) -> serde_json::Value {
    let machines: Vec<serde_json::Value> = topology
        .machines()
        .iter()
        .map(|machine| {
            let listeners = topology.listeners(machine);
            json!({
                "fqdn": machine.fqdn,
                "roles": roles(topology, machine),
                "pools": machine.pools,
                "address": machine.address,
                "external": machine.external,
                "published": machine.published,
                "listeners": listeners.iter().map(listener).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "file": file, "faults": [], "domains": topology.domains(), "machines": machines })
}

fn listener(listener: &topology::Listener) -> serde_json::Value {
    json!({
        "address": listener.address,
        "port": listener.port,
        "protocol": listener.protocol,
        "security": listener.security,
        "flows": listener.flows,
    })
}

fn roles(topology: &Topology, machine: &topology::Machine) -> Vec<&'static str> {
    topology
        .pools_at(machine)
        .map(|pool| role_name(pool.role))
        .collect()
}
