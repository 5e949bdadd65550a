//! Whom a command of `log` asks, and as whom: what all of them have in common.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pki::{Finding, Installed, Operator, State};
use roles::controlling::{Controller, Pace, Target};
use time::OffsetDateTime;
use topology::{Machine, Topology};

use crate::output::Output;
use crate::{certs, loopback, topology_file};

/// The heading of these options.
pub(super) const WHOM: &str = "Whom to ask";

/// Whom to ask, and as whom.
#[derive(clap::Args)]
pub(crate) struct Whom {
    /// The topology file; without one the trial that `up` left in the state directory, on its loopback addresses.
    topology: Option<PathBuf>,
    /// Only these machines; may be given several times, or with commas.
    #[arg(long, value_name = "FQDN", value_delimiter = ',', help_heading = WHOM)]
    machine: Vec<String>,
    /// Only the machines of these pools.
    #[arg(long, value_name = "FQDN", value_delimiter = ',', help_heading = WHOM)]
    pool: Vec<String>,
    /// The operator in whose name to ask; may be left out where there is only one.
    #[arg(long, value_name = "NAME", help_heading = WHOM)]
    operator: Option<String>,
    /// The state directory with the operator's certificate.
    #[arg(long, value_name = "DIR", default_value = "vestibule-state", help_heading = WHOM)]
    state: PathBuf,
    /// Put the topology on loopback addresses from this one on, as `up` does.
    #[arg(long, value_name = "ADDRESS", help_heading = WHOM)]
    loopback: Option<Ipv4Addr>,
    /// Seconds that connecting to an agent may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60), help_heading = WHOM)]
    patience: u64,
    /// Seconds that an agent may be silent when it was asked.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = WHOM)]
    silence: u64,
    /// Seconds that are waited for an agent in all.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = WHOM)]
    within: u64,
}

/// Everything that is needed to ask.
pub(crate) struct Ask {
    /// The deployment.
    pub(crate) topology: Topology,
    /// The agents that are asked, in the order of the file.
    pub(crate) targets: Vec<Target>,
    /// Asks in the operator's name.
    pub(crate) controller: Arc<Controller>,
}

impl Whom {
    /// Reads topology and certificate. `None` if the topology has faults, all of which have been told.
    pub(crate) fn ready(&self, output: &Output) -> anyhow::Result<Option<Ask>> {
        let Some(topology) = self.load(output)? else {
            return Ok(None);
        };
        let machines = self.machines(&topology)?;
        let targets = machines.into_iter();
        let targets = targets.map(|one| Target::of(&topology, one)).collect();
        let operator = self.credential(&topology, output)?;
        let controller = Controller::new(&operator, self.pace());
        let controller = controller.context("the operator's certificate cannot be used")?;
        runtime::process::raise_open_files();
        Ok(Some(Ask {
            topology,
            targets,
            controller,
        }))
    }

    /// Takes a word for the topology file, unless one is named already.
    pub(super) fn take_topology(&mut self, word: String) -> bool {
        let is_free = self.topology.is_none();
        if is_free {
            self.topology = Some(word.into());
        }
        is_free
    }

    /// Reads the topology, for who reads files and asks nobody. `Some(None)` if none is named.
    pub(super) fn named_topology(
        &self,
        output: &Output,
    ) -> anyhow::Result<Option<Option<Topology>>> {
        if self.topology.is_none() {
            return Ok(Some(None));
        }
        Ok(self.load(output)?.map(Some))
    }

    /// The machines whose records are wanted of files; none means all.
    pub(super) fn machines_of_files(&self) -> anyhow::Result<Vec<String>> {
        if !self.pool.is_empty() {
            bail!("files do not tell which machines are of a pool; name them with --machine");
        }
        Ok(self
            .machine
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect())
    }

    /// Reads the topology and puts it where it runs.
    pub(super) fn load(&self, output: &Output) -> anyhow::Result<Option<Topology>> {
        let trial = self.state.join("topology.toml");
        let path = self.topology.as_deref().unwrap_or(&trial);
        if self.topology.is_none() && !matches!(path.try_exists(), Ok(true)) {
            bail!(
                "name the topology file; without one the trial of `vestibule up` is asked, which has not left {}",
                path.display()
            );
        }
        let Some(topology) = topology_file::load(path, output)? else {
            return Ok(None);
        };
        let is_trial = self.topology.is_none();
        let base = self.loopback;
        let base = base.or_else(|| is_trial.then_some(loopback::DEFAULT));
        Ok(Some(match base {
            Some(base) => loopback::place(&topology, base)?.topology,
            None => topology,
        }))
    }

    /// The machines that are named, by themselves or by their pools; all where none is.
    fn machines<'a>(&self, topology: &'a Topology) -> anyhow::Result<Vec<&'a Machine>> {
        let mut chosen = Vec::new();
        for name in &self.machine {
            chosen.push(&topology_file::machine(topology, name)?.fqdn);
        }
        for name in &self.pool {
            let pool = topology.pool(&name.to_ascii_lowercase());
            let pool = pool.with_context(|| unknown_pool(topology, name))?;
            chosen.extend(topology.members(pool).map(|machine| &machine.fqdn));
        }
        let is_meant = |one: &&Machine| {
            (self.machine.is_empty() && self.pool.is_empty()) || chosen.contains(&&one.fqdn)
        };
        Ok(topology.machines().iter().filter(is_meant).collect())
    }

    /// Finds the operator's certificate, and says what is wrong with it while nobody has been asked yet.
    fn credential(&self, topology: &Topology, output: &Output) -> anyhow::Result<PathBuf> {
        let state = State::new(&self.state);
        let name = self.name(&state)?;
        let operator = Operator::new(certs::operators::domain(topology)?, &name)?;
        let folder = state.operator(operator.name());
        let installed = Installed::of_operator(&state, &operator);
        let installed = installed.with_context(|| format!("{operator} has no usable key"))?;
        let findings = installed.check_operator(&operator, OffsetDateTime::now_utc());
        let said = told(&findings, &operator);
        if findings.iter().any(Finding::is_fault) {
            bail!(
                "the certificate of {operator} in {} cannot be used: {said}; {}",
                folder.display(),
                self.how_to_issue(operator.name())
            );
        }
        if !said.is_empty() {
            output.complain(format!("the certificate of {operator}: {said}"))?;
        }
        Ok(folder)
    }

    fn name(&self, state: &State) -> anyhow::Result<String> {
        if let Some(name) = &self.operator {
            return Ok(name.clone());
        }
        let mut names = pki::operators(state)?;
        let place = state.operators();
        match (names.pop(), names.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                names.push(last);
                let place = place.display();
                bail!(
                    "{place} has several operators, {}; say which with --operator",
                    names.join(", ")
                )
            }
            (None, _) => bail!(
                "only operators may ask for logs, and {} has the certificate of none; name another directory with --state, or {}",
                place.display(),
                self.how_to_issue("NAME")
            ),
        }
    }

    fn how_to_issue(&self, name: &str) -> String {
        let topology = self.topology.as_deref();
        let topology = topology.map_or_else(|| self.state.join("topology.toml"), Path::to_path_buf);
        format!(
            "where the authority is: vestibule certs issue {} --operator {name} --state {}",
            topology.display(),
            self.state.display()
        )
    }

    fn pace(&self) -> Pace {
        Pace {
            patience: Duration::from_secs(self.patience),
            silence: Duration::from_secs(self.silence),
            whole: Duration::from_secs(self.within),
            ..Pace::default()
        }
    }
}

fn unknown_pool(topology: &Topology, name: &str) -> String {
    let pools = topology.pools().iter().map(|pool| pool.fqdn.as_str());
    let known: Vec<&str> = pools.collect();
    format!(
        "the topology has no pool {name}; it has {}",
        known.join(", ")
    )
}

/// What there is to say about a certificate; one of another deployment in plain words.
fn told(findings: &[Finding], operator: &Operator) -> String {
    let said = findings.iter().map(|finding| {
        if matches!(finding, Finding::MissingNames(_)) {
            format!(
                "it is not of this deployment, where it would carry the name {}",
                operator.uri()
            )
        } else {
            finding.to_string()
        }
    });
    said.collect::<Vec<_>>().join("; ")
}

/// Runs something that asks, and leaves behind what a reader that does not read holds up.
pub(super) fn block_on<T>(asking: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(asking);
    runtime.shutdown_background();
    result
}
