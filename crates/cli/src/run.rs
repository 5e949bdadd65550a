//! `vestibule run`: one machine of the topology, as a service.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use pki::State;
use serde_json::json;

use crate::output::{Outcome, Output};
use crate::serve::{LogArgs, Machines};
use crate::{loopback, topology_file};

/// Run one machine of the topology. SIGTERM drains it, SIGHUP reads certificates again.
#[derive(clap::Args)]
pub(crate) struct Run {
    /// The topology file.
    topology: PathBuf,
    /// The machine that this is.
    #[arg(long, value_name = "FQDN")]
    machine: String,
    /// Where the deployment keeps what outlives it.
    #[arg(long, value_name = "DIR", default_value = "vestibule-state")]
    state: PathBuf,
    /// SIP workers; without it one for each core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: Option<u8>,
    /// Put the topology on loopback addresses from this one on, as `up` does.
    #[arg(long, value_name = "ADDRESS")]
    loopback: Option<Ipv4Addr>,
    #[command(flatten)]
    log: LogArgs,
}

impl Run {
    /// Runs the machine until it is told to end.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        self.log.begin()?;
        let Some(mut topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        if let Some(base) = self.loopback {
            topology = loopback::place(&topology, base)?.topology;
        }
        let Some(machine) = topology
            .machine(&self.machine)
            .map(|machine| machine.fqdn.to_string())
        else {
            let known: Vec<&str> = topology
                .machines()
                .iter()
                .map(|machine| machine.fqdn.as_str())
                .collect();
            bail!(
                "the topology has no machine {}; there is {}",
                self.machine,
                known.join(", ")
            );
        };
        let topology = Arc::new(topology);
        let workers = self.workers.unwrap_or_else(cores);
        let state = State::new(&self.state);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let base = self.loopback.unwrap_or(loopback::DEFAULT);
            let machines = Machines::start(&topology, [machine.as_str()], &state, workers)
                .map_err(|error| loopback::explain(error, base))?;
            if output.is_json() {
                let status = machines.running().first().map(|machine| machine.status());
                output.line(json!({ "ready": true, "machine": status }))?;
            } else {
                output.line(format!("{machine} is ready"))?;
            }
            machines.serve(output).await
        })?;
        Ok(Outcome::Done)
    }
}

fn cores() -> u8 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u8::try_from(cores).unwrap_or(u8::MAX).min(64)
}
