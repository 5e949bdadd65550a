//! What tries found, row by row of the port summary: the outcome of one run, or of several that are joined.
//!
//! As JSON it is made for monitoring: names and meanings of fields stay, new ones may be added, and [`VERSION`] changes
//! when one does not stay. Words for people (`why`, the texts of a row) are in the language of the run.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use topology::flows::Lang;
use topology::{FederationMode, Filter, Topology};

use super::cells::{Cell, cells};
use super::found::{Found, Verdict};
use super::outcome::Outcome;
use super::tries::Tries;
use super::words::Words;

/// The version of the JSON form.
pub const VERSION: u32 = 2;
/// How many reasons a row tells; of more only the number is told.
const REASONS: usize = 8;

/// The outcome of a run, or of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// The worst of all.
    pub verdict: Verdict,
    /// From where it was tried.
    pub runs: Vec<Run>,
    /// The port summary, line by line, with a verdict each.
    pub rows: Vec<Row>,
    /// Why an unwanted try came through, each in words; bounded as the reasons of a row are.
    pub beyond: Vec<String>,
    /// Where tries can lead: the machines in the order of the file, then VIPs, gateways, and servers beside the
    /// deployment.
    pub targets: Vec<String>,
    /// From each vantage to each target, where anything was tried.
    pub cells: Vec<Cell>,
    /// Every try.
    pub tries: Vec<Outcome>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// From where: the name of a machine, `client`, `outside` or `admin`.
    pub from: String,
    /// How many wanted tries there were.
    pub wanted: usize,
    /// How many unwanted ones.
    pub unwanted: usize,
    /// How many unwanted ones were not drawn.
    pub left_out: usize,
}

/// One line of the port summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The number in the flow table.
    pub flow: u8,
    /// Protocol, transport, port.
    pub service: String,
    /// Who opens connections.
    pub source: String,
    /// Who listens.
    pub destination: String,
    /// What a person who opens the port should know.
    pub note: String,
    /// The worst of its tries; nothing where none was made from here.
    pub verdict: Option<Verdict>,
    /// How many tries it has.
    pub tried: usize,
    /// How many of them are right.
    pub passed: usize,
    /// How many went wrong, or could not be made.
    pub failed: usize,
    /// Why, in words.
    pub why: Vec<String>,
}

/// Why reports cannot be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There is none.
    #[error("there is nothing to join")]
    Nothing,
    /// One is of a version that is not known here.
    #[error("a report has version {found}; version {VERSION} is understood")]
    Version {
        /// Its version.
        found: u32,
    },
    /// They are not of one topology.
    #[error("the reports are not of the same topology: their port summaries differ")]
    Topology,
    /// Two are from the same place.
    #[error("two reports are from {from}")]
    Twice {
        /// From where.
        from: String,
    },
}

impl Report {
    /// Puts together what the tries of one vantage found; `found` has as many entries as there are tries.
    #[must_use]
    pub fn new(topology: &Topology, lang: Lang, tries: &Tries, found: &[Found]) -> Self {
        let words = Words::new(lang);
        let from = tries.vantage.to_string();
        let outcomes = tries.list.iter().zip(found);
        let outcomes: Vec<Outcome> = outcomes
            .map(|(one, found)| Outcome::of(&from, one, found, words))
            .collect();
        let wanted = outcomes.iter().filter(|one| one.wanted).count();
        let run = Run {
            from,
            wanted,
            unwanted: outcomes.len() - wanted,
            left_out: tries.left_out,
        };
        Self::of(vec![run], rows(topology, lang), targets(topology), outcomes)
    }

    /// Joins the reports of several vantages to one.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub fn join(reports: Vec<Self>) -> Result<Self, JoinError> {
        let mut reports = reports.into_iter();
        let mut all = reports.next().ok_or(JoinError::Nothing)?;
        understood(&all)?;
        for other in reports {
            understood(&other)?;
            if shape(&all) != shape(&other) || all.targets != other.targets {
                return Err(JoinError::Topology);
            }
            let known: BTreeSet<&String> = all.runs.iter().map(|run| &run.from).collect();
            if let Some(twice) = other.runs.iter().find(|run| known.contains(&run.from)) {
                return Err(JoinError::Twice {
                    from: twice.from.clone(),
                });
            }
            all.runs.extend(other.runs);
            all.tries.extend(other.tries);
        }
        Ok(Self::of(all.runs, all.rows, all.targets, all.tries))
    }

    fn of(runs: Vec<Run>, mut rows: Vec<Row>, targets: Vec<String>, tries: Vec<Outcome>) -> Self {
        for (place, row) in rows.iter_mut().enumerate() {
            row.take(tries.iter().filter(|one| one.rows.contains(&place)));
        }
        let beyond = tries.iter().filter(|one| !one.wanted);
        let worst = tries.iter().map(|one| one.verdict).max();
        Self {
            version: VERSION,
            verdict: worst.unwrap_or(Verdict::Untried),
            beyond: reasons(beyond),
            cells: cells(&runs, &targets, &tries),
            runs,
            rows,
            targets,
            tries,
        }
    }
}

fn understood(report: &Report) -> Result<(), JoinError> {
    if report.version == VERSION {
        Ok(())
    } else {
        Err(JoinError::Version {
            found: report.version,
        })
    }
}

/// What two reports of one topology have in common, whatever their languages.
fn shape(report: &Report) -> Vec<(u8, &str)> {
    let rows = report.rows.iter();
    rows.map(|row| (row.flow, row.service.as_str())).collect()
}

fn rows(topology: &Topology, lang: Lang) -> Vec<Row> {
    let lines = topology.summary(lang, Filter::default());
    let rows = lines.into_iter().map(|line| Row {
        flow: line.id,
        service: line.service(),
        source: line.source,
        destination: line.destination,
        note: line.note.to_owned(),
        verdict: None,
        tried: 0,
        passed: 0,
        failed: 0,
        why: Vec::new(),
    });
    rows.collect()
}

fn targets(topology: &Topology) -> Vec<String> {
    let machines = topology.machines().iter().map(|machine| &machine.fqdn);
    let vips = topology.pools().iter().filter(|pool| pool.vip.is_some());
    let gateways = topology.gateways().iter().map(|gateway| &gateway.fqdn);
    let named = machines.chain(vips.map(|pool| &pool.fqdn)).chain(gateways);
    let firewall = topology.firewall();
    let beside = firewall
        .time_servers
        .iter()
        .chain(&firewall.revocation_servers);
    let federation = topology.federation();
    let federates = federation.mode != FederationMode::Off;
    let resolvers = federation.resolvers.iter().map(SocketAddr::ip);
    let resolvers = resolvers.filter(|address| federates && !address.is_loopback());
    let mut seen = BTreeSet::new();
    let all = named
        .map(ToString::to_string)
        .chain(beside.map(ToString::to_string))
        .chain(resolvers.map(|address| address.to_string()));
    all.filter(|name| seen.insert(name.clone())).collect()
}

impl Row {
    fn take<'a>(&mut self, tries: impl Iterator<Item = &'a Outcome> + Clone) {
        let count = |verdict: Verdict| tries.clone().filter(|one| one.verdict == verdict).count();
        self.verdict = tries.clone().map(|one| one.verdict).max();
        self.tried = tries.clone().count();
        self.passed = count(Verdict::Pass);
        self.failed = count(Verdict::Fail) + count(Verdict::Untried);
        self.why = reasons(tries);
    }
}

/// What went wrong, try by try.
fn reasons<'a>(tries: impl Iterator<Item = &'a Outcome>) -> Vec<String> {
    let wrong = tries.filter(|one| one.is_wrong());
    let mut told: Vec<String> = wrong.map(Outcome::sentence).collect();
    if told.len() > REASONS {
        let more = told.len() - REASONS;
        told.truncate(REASONS);
        told.push(format!("... +{more}"));
    }
    told
}
