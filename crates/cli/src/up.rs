//! `vestibule up`: the whole topology in one process, for trials and tests.
//!
//! Each machine gets its own address of 127.0.0.0/8, so that port numbers are the real ones, its own state directory,
//! and a certificate of a private authority that is made on the first start.

mod demo;
mod place;
mod report;
mod sign_in;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use base::net::Role;
use pki::{Operator, State};
use roles::machine::MachineStatus;
use time::OffsetDateTime;
use topology::Topology;

use crate::certs::{needs, operators};
use crate::output::{Outcome, Output};
use crate::serve::{LogArgs, Machines};
use crate::{loopback, topology_file};

/// The topology that runs when none is named.
const REFERENCE: &str = include_str!("../../../examples/reference.toml");
/// How long copies of the directory may take to catch up before we say that they have not.
const CATCH_UP: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(10);
/// In whose name the logs of a trial are asked for.
const OPERATOR: &str = "operator";

/// Run the whole topology on this machine: a trial in one command.
#[derive(clap::Args)]
#[command(after_help = "\
Each machine gets an address of 127.0.0.0/8, so that port numbers are the real ones. The first start makes a private
authority, certificates and three users in the state directory; what is printed says how a phone signs in, and how
to search the logs.
Ctrl-C drains and ends it.

Examples:
  vestibule up                                        the reference topology
  vestibule up office.toml --state office             a topology of yours, in a directory of its own
  vestibule up --state second --loopback 127.78.0.1   a second one at the same time")]
pub(crate) struct Up {
    /// The topology file; without one the reference topology runs.
    topology: Option<PathBuf>,
    /// The state directory: certificates, keys, users, registrations. It is made if it is missing.
    #[arg(long, value_name = "DIR", default_value = "vestibule-state")]
    state: PathBuf,
    /// The first of the loopback addresses that the machines get.
    #[arg(long, value_name = "ADDRESS", default_value_t = loopback::DEFAULT)]
    loopback: Ipv4Addr,
    /// SIP workers of each machine.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
    #[command(flatten)]
    log: LogArgs,
}

impl Up {
    /// Runs the topology until it is told to end.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let began = Instant::now();
        self.log.begin()?;
        let Some((topology, text)) = self.topology(output)? else {
            return Ok(Outcome::Faults);
        };
        let placed = loopback::place(&topology, self.loopback)?;
        if let Some(by) = placed.shifted {
            output.complain(loopback::explain_shift(by))?;
        }
        let topology = Arc::new(placed.topology);
        let state = State::new(&self.state);
        place::make(&state)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            place::check(&state, &topology).await?;
            prepare(&state, &topology, &text)?;
            let machines =
                Machines::start(&topology, order(&topology), &text, &state, self.workers)
                    .map_err(|error| loopback::explain(error, self.loopback))?;
            let users = demo::users(&machines, &topology, &state, output)?;
            wait_for_copies(&machines).await;
            let statuses = statuses(&machines, &topology);
            let report = report::Report {
                topology: &topology,
                statuses: &statuses,
                users: &users,
                state: &self.state,
                loopback: self.loopback,
                took: began.elapsed(),
            };
            report.print(output)?;
            machines.serve(output).await
        })?;
        Ok(Outcome::Done)
    }

    fn topology(&self, output: &Output) -> anyhow::Result<Option<(Topology, String)>> {
        match &self.topology {
            Some(path) => {
                let Some(topology) = topology_file::load(path, output)? else {
                    return Ok(None);
                };
                let text = std::fs::read_to_string(path);
                Ok(Some((
                    topology,
                    text.with_context(|| format!("cannot read {}", path.display()))?,
                )))
            }
            None => {
                let reference = Topology::parse(REFERENCE, "reference.toml");
                let reference =
                    reference.map_err(|faults| anyhow::anyhow!(faults.render(false)))?;
                Ok(Some((reference, REFERENCE.to_owned())))
            }
        }
    }
}

/// Makes the authority, certificates and keys, as far as they are missing.
fn prepare(state: &State, topology: &Topology, text: &str) -> anyhow::Result<()> {
    let root = state.root();
    let copy = root.join("topology.toml");
    std::fs::write(&copy, text).with_context(|| format!("cannot write {}", copy.display()))?;
    let (certificates, pools) = (needs::certificates(topology), needs::pools(topology));
    let (name, now) = (needs::ca_name(topology), OffsetDateTime::now_utc());
    pki::ensure(state, &name, &certificates, &pools, now)
        .context("the certificates could not be made")?;
    // Only where there has never been one: whoever was revoked gets no new one from a start.
    let folder = state.operators();
    let has_had = folder.try_exists();
    if !has_had.with_context(|| format!("cannot look at {}", folder.display()))? {
        let operator = Operator::new(operators::domain(topology)?, OPERATOR)?;
        pki::ensure_operator(state, &operator, now)
            .context("the operator's certificate could not be made")?;
    }
    Ok(())
}

/// The machine that masters the directory first, so that the copies find it; those that choose among the others last, so
/// that they find them up.
fn order(topology: &Topology) -> Vec<&str> {
    let master = topology.directory_master();
    let masters =
        |machine: &topology::Machine| master.is_some_and(|pool| machine.pools.contains(&pool.fqdn));
    let mut machines: Vec<&topology::Machine> = topology.machines().iter().collect();
    let chooses = |machine: &topology::Machine| {
        let mut pools = topology.pools_at(machine);
        pools.any(|pool| matches!(pool.role, Role::Dns | Role::LoadBalancer))
    };
    machines.sort_by_key(|machine| (!masters(machine), chooses(machine)));
    machines
        .into_iter()
        .map(|machine| machine.fqdn.as_str())
        .collect()
}

/// How the machines are, in the order of the file.
fn statuses(machines: &Machines, topology: &Topology) -> Vec<MachineStatus> {
    let running = machines.running().iter();
    let mut statuses: Vec<MachineStatus> = running.map(|machine| machine.status()).collect();
    let all = topology.machines();
    statuses.sort_by_key(|status| all.iter().position(|one| one.fqdn == *status.machine));
    statuses
}

/// Ready means that every Director and Front End knows every user.
async fn wait_for_copies(machines: &Machines) {
    let deadline = Instant::now() + CATCH_UP;
    while Instant::now() < deadline && !all_caught_up(machines) {
        tokio::time::sleep(GLANCE).await;
    }
}

fn all_caught_up(machines: &Machines) -> bool {
    let directories: Vec<_> = machines
        .running()
        .iter()
        .filter_map(|machine| machine.status().directory)
        .collect();
    let master = directories
        .iter()
        .find(|directory| directory.master)
        .map(|directory| directory.revision);
    directories
        .iter()
        .all(|directory| Some(directory.revision) == master)
}

/// Whether the topology has users at all.
fn has_users(topology: &Topology) -> bool {
    topology.pools_of(Role::FrontEnd).next().is_some()
}
