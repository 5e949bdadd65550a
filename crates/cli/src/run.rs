//! `vestibule run`: one machine of the topology, as a service.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use pki::State;
use serde_json::json;

use crate::output::{Outcome, Output};
use crate::serve::{LogArgs, Machines};
use crate::{loopback, topology_file};

/// Run one machine of the topology, as a service. SIGTERM drains it, SIGHUP reads certificates again.
#[derive(clap::Args)]
#[command(after_help = "\
The machine needs its certificates and keys in the state directory: see `vestibule certs issue --help`.
When it listens, it prints `FQDN is ready`. dist/vestibule@.service runs it under systemd.

Example:
  vestibule run topology.toml --machine fe01.contoso.net --state /var/lib/vestibule --log info")]
pub(crate) struct Run {
    /// The topology file.
    topology: PathBuf,
    /// The machine that this is.
    #[arg(long, value_name = "FQDN")]
    machine: String,
    /// The state directory: certificates, keys, users, registrations.
    #[arg(long, value_name = "DIR", default_value = "vestibule-state")]
    state: PathBuf,
    /// SIP workers [default: one for each core].
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
        let Some((mut topology, text)) = topology_file::read(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        if let Some(base) = self.loopback {
            topology = loopback::place(&topology, base)?.topology;
        }
        let machine = topology_file::machine(&topology, &self.machine)?;
        let machine = machine.fqdn.to_string();
        let state = State::new(&self.state);
        has_state(&state, &machine)?;
        let topology = Arc::new(topology);
        let workers = self.workers.unwrap_or_else(cores);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let base = self.loopback.unwrap_or(loopback::DEFAULT);
            let machines = Machines::start(&topology, [machine.as_str()], &text, &state, workers)
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

/// Tells a machine that was never set up from one that is broken.
fn has_state(state: &State, machine: &str) -> anyhow::Result<()> {
    let folder = state.machine(machine);
    let found = folder.try_exists();
    if !found.with_context(|| format!("cannot look for {}", folder.display()))? {
        bail!(
            "{machine} has no state in {}; `vestibule certs issue` makes its certificates and keys, --state names \
             the state directory",
            folder.display()
        );
    }
    Ok(())
}

fn cores() -> u8 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u8::try_from(cores).unwrap_or(u8::MAX).min(64)
}
