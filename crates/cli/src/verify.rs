//! `vestibule verify`: tries every flow on the running network and compares with the flow table.
//!
//! What is tried, and what a result means, is in `firewall::matrix`; the tries are made by `roles::probing`.

mod show;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use base::net::Face;
use clap::ValueEnum;
use firewall::matrix::{Extent, Report, Tries, Vantage, Verdict, tries};
use firewall::plan::Plan;
use pki::State;
use roles::probing::{Identity, Pace, Prober};
use topology::{Fqdn, Topology};

use crate::output::{Outcome, Output};
use crate::{loopback, status, topology_file};

/// The longest report that is read: some hundred times the one of a machine that makes [`SAMPLE`] tries.
const REPORT_MAX: u64 = 256 << 20;
/// How many unwanted tries are made from one place, if nothing else is asked for.
const SAMPLE: usize = 5000;

/// Try every flow from here: is what should be open open, and nothing else, and why not?
#[derive(clap::Args)]
#[command(after_help = "\
Wanted flows are tried to the depth of their protocol: the connection, TLS with the right names, SIP OPTIONS, the health
of web sites, a DNS query, the answer of a logging agent. All other ports of the topology are knocked at. Ends with 1 if anything is not as it should be.

Examples:
  vestibule verify                                                    the trial that `vestibule up` runs, every machine
  vestibule verify topology.toml --state /var/lib/vestibule           from this machine, whose state that is
  vestibule verify topology.toml --as outside --ca ca.pem             as a stranger outside
  vestibule verify --join edge01.json dir01.json --html matrix.html   the runs of several machines as one matrix")]
pub(crate) struct Verify {
    /// The topology file; without one the trial that `up` left in the state directory, on its loopback addresses.
    topology: Option<PathBuf>,
    /// The machine that this is, with its state here; every machine with state here if left out.
    #[arg(long, value_name = "FQDN", conflicts_with = "strangers")]
    from: Vec<String>,
    /// Try as somebody without a certificate: client (inside), outside, or admin (on the networks of administrators).
    #[arg(
        long = "as",
        value_name = "WHO",
        value_enum,
        hide_possible_values = true
    )]
    strangers: Vec<Stranger>,
    /// The state directory: the machine's certificate.
    #[arg(long, value_name = "DIR", default_value = "vestibule-state")]
    state: PathBuf,
    /// The authorities that --as believes [default: ca/ca.pem of the state directory].
    #[arg(long, value_name = "FILE", requires = "strangers")]
    ca: Option<PathBuf>,
    /// Put the topology on loopback addresses from this one on, as `up` does.
    #[arg(long, value_name = "ADDRESS")]
    loopback: Option<Ipv4Addr>,
    /// What no flow wants: all or none [default: all; none on loopback, where there is no firewall].
    #[arg(long, value_enum, hide_possible_values = true)]
    unwanted: Option<Unwanted>,
    /// At most so many unwanted tries from a place, drawn by --seed.
    #[arg(long, value_name = "N", default_value_t = SAMPLE)]
    sample: usize,
    /// Which unwanted tries are drawn where there are more.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Seconds that each step of a try may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    patience: u64,
    /// Seconds that all tries from a place may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    within: u64,
    /// Tries under way at a time.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..=400))]
    at_once: u16,
    /// Join what earlier runs wrote with --json; tries nothing.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["topology", "from", "strangers"])]
    join: Vec<PathBuf>,
    /// Write one page with everything.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the matrix as a picture.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stranger {
    /// A phone or browser on the networks of clients.
    Client,
    /// Anybody outside.
    Outside,
    /// Somebody on the networks of administrators.
    Admin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Unwanted {
    /// All other ports, or a sample of them.
    All,
    /// None.
    None,
}

impl Verify {
    /// Makes the tries, or reads what others made, and tells what came of them.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let report = if self.join.is_empty() {
            match self.tried(output)? {
                Some(report) => report,
                None => return Ok(Outcome::Faults),
            }
        } else {
            joined(&self.join)?
        };
        let lang = output.lang().into();
        if let Some(path) = &self.html {
            write(path, &firewall::matrix::picture::html(&report, lang))?;
        }
        if let Some(path) = &self.svg {
            let words = firewall::matrix::Words::new(lang);
            write(path, &firewall::matrix::picture::svg(&report, words))?;
        }
        show::print(&report, output)?;
        Ok(match report.verdict {
            Verdict::Pass => Outcome::Done,
            Verdict::Untried | Verdict::Fail => Outcome::Faults,
        })
    }

    fn tried(&self, output: &Output) -> anyhow::Result<Option<Report>> {
        let state = State::new(&self.state);
        let Some(topology) = self.load(&state, output)? else {
            return Ok(None);
        };
        let on_loopback = topology.machines().iter().all(|m| m.address.is_loopback());
        let extent = match self.unwanted {
            Some(Unwanted::None) => Extent::Nothing,
            None if on_loopback => Extent::Nothing,
            Some(Unwanted::All) | None => Extent::Sample {
                count: self.sample,
                seed: self.seed,
            },
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let plan = Plan::of(&topology);
        let mut reports = Vec::new();
        for vantage in self.vantages(&topology, &state)? {
            let list = tries(&topology, &plan, &vantage, extent);
            let prober = Prober::new(self.identity(&vantage, &state)?, self.pace());
            let found = runtime.block_on(make(&prober, &list, output))?;
            reports.push(Report::new(&topology, output.lang().into(), &list, &found));
        }
        Ok(Some(Report::join(reports)?))
    }

    fn load(&self, state: &State, output: &Output) -> anyhow::Result<Option<Topology>> {
        let trial = state.root().join("topology.toml");
        let path = self.topology.as_deref().unwrap_or(&trial);
        let is_there = path.try_exists();
        if self.topology.is_none() && !matches!(is_there, Ok(true)) {
            bail!(
                "name the topology file; without one the trial of `vestibule up` is tried, which has not left {}",
                path.display()
            );
        }
        let Some(topology) = topology_file::load(path, output)? else {
            return Ok(None);
        };
        let is_trial = self.topology.is_none();
        let base = self
            .loopback
            .or_else(|| is_trial.then_some(loopback::DEFAULT));
        Ok(Some(match base {
            Some(base) => loopback::place(&topology, base)?.topology,
            None => topology,
        }))
    }

    fn vantages(&self, topology: &Topology, state: &State) -> anyhow::Result<Vec<Vantage>> {
        if !self.strangers.is_empty() {
            let strangers = self.strangers.iter().map(|who| match who {
                Stranger::Client => Vantage::Client,
                Stranger::Outside => Vantage::Outside,
                Stranger::Admin => Vantage::Administrator,
            });
            return Ok(strangers.collect::<BTreeSet<_>>().into_iter().collect());
        }
        let here = status::with_state(state)?;
        let named = if self.from.is_empty() {
            &here
        } else {
            &self.from
        };
        if named.is_empty() {
            bail!(
                "no machine has state in {}; name the state directory with --state, or try --as client or outside",
                state.machines().display()
            );
        }
        let machines = named
            .iter()
            .map(|name| topology_file::machine(topology, name));
        let machines: anyhow::Result<Vec<_>> = machines.collect();
        let named: BTreeSet<&Fqdn> = machines?.iter().map(|machine| &machine.fqdn).collect();
        let all = topology.machines().iter().map(|machine| &machine.fqdn);
        let tried = all.filter(|name| named.contains(name));
        Ok(tried.cloned().map(Vantage::Machine).collect())
    }

    fn identity(&self, vantage: &Vantage, state: &State) -> anyhow::Result<Identity> {
        match vantage {
            Vantage::Machine(name) => {
                let folder = state.tls(name.as_str(), Face::Inside);
                Identity::machine(&folder)
                    .with_context(|| format!("{name} has no usable certificate here"))
            }
            Vantage::Client | Vantage::Outside | Vantage::Administrator => {
                let own = state.ca().join("ca.pem");
                let authorities = self.ca.as_deref().unwrap_or(&own);
                Identity::stranger(authorities).context("name the authorities with --ca")
            }
        }
    }

    fn pace(&self) -> Pace {
        Pace {
            patience: Duration::from_secs(self.patience),
            at_once: usize::from(self.at_once),
            whole: Duration::from_secs(self.within),
        }
    }
}

async fn make(
    prober: &std::sync::Arc<Prober>,
    list: &Tries,
    output: &Output,
) -> anyhow::Result<Vec<firewall::matrix::Found>> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the system has no randomness")?;
    let all = list.list.len();
    let mut done = 0;
    let found = prober
        .carry_out(&list.list, seed, || {
            done += 1;
            output.progress(format_args!("{}: {done} of {all} tries", list.vantage));
        })
        .await;
    output.progress("");
    Ok(found)
}

fn joined(files: &[PathBuf]) -> anyhow::Result<Report> {
    let reports = files.iter().map(|path| {
        let shown = path.display();
        let text = read(path).with_context(|| format!("cannot read {shown}"))?;
        let report: Report = serde_json::from_slice(&text)
            .with_context(|| format!("{shown} is not what `vestibule verify --json` writes"))?;
        Ok(report)
    });
    let reports: anyhow::Result<Vec<Report>> = reports.collect();
    Ok(Report::join(reports?)?)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?
        .take(REPORT_MAX + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > REPORT_MAX {
        return Err(std::io::Error::other("it is longer than any run writes"));
    }
    Ok(text)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
