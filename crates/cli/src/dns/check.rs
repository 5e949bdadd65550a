//! `vestibule dns check`: what a name server answers, beside what the topology needs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use base::net::{Face, Role};
use base::random::Random;
use dns::Data;
use dns::client::{Kind, Question};
use roles::names::ask::ask;
use serde::Serialize;
use topology::{Port, RecordData, Topology};

use super::View;
use crate::output::{Outcome, Output, Table};
use crate::{loopback, topology_file};

/// Compare what a name server answers with what the topology needs.
#[derive(clap::Args)]
#[command(after_help = "\
Ends with 1 if something differs, with 2 if the server does not answer. Our own name service leaves out machines that
are down or draining: they are told as missing.

Examples:
  vestibule dns check topology.toml
  vestibule dns check topology.toml --view outside --server 192.0.2.53")]
pub(crate) struct Check {
    /// The topology file.
    topology: PathBuf,
    /// Who asks.
    #[arg(long, value_enum, default_value = "inside")]
    view: View,
    /// The name server, as ADDRESS or ADDRESS:PORT [default: the first DNS machine of the topology].
    #[arg(long, value_name = "ADDRESS")]
    server: Option<String>,
    /// The topology runs on loopback addresses from this one on, as `up` puts it.
    #[arg(long, value_name = "ADDRESS")]
    loopback: Option<Ipv4Addr>,
}

/// How a name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// All or some of what is needed is not there.
    Missing,
    /// More than what is needed is there.
    Extra,
    /// Something is there that is not needed, and something needed is not.
    Different,
}

/// One name and type.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    kind: &'static str,
    verdict: Verdict,
    needed: Vec<String>,
    found: Vec<String>,
    code: String,
}

impl Check {
    /// Asks for every name.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(mut topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        if let Some(base) = self.loopback {
            topology = loopback::place(&topology, base)?.topology;
        }
        let server = server(&topology, self.server.as_deref(), self.view)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).context("the system has no randomness")?;
        let mut random = Random::new(seed);
        let mut lines = Vec::new();
        for ((name, kind), needed) in needed(&topology, self.view.face()) {
            let question = Question::new(&name, kind, &mut random)
                .with_context(|| format!("{name} cannot be asked for"))?;
            let found = ask(server, &question)
                .with_context(|| format!("{server} does not answer for {name} {}", kind.name()))?;
            let has: BTreeSet<String> = found.data.iter().map(told).collect();
            lines.push(Line {
                verdict: verdict(&needed, &has),
                name,
                kind: kind.name(),
                needed: needed.into_iter().collect(),
                found: has.into_iter().collect(),
                code: found.code,
            });
        }
        print(&lines, server, output)
    }
}

/// Finds the server to ask, with the port that the topology has for names.
pub(crate) fn server(
    topology: &Topology,
    given: Option<&str>,
    view: View,
) -> anyhow::Result<SocketAddr> {
    let port = topology.ports().number(Port::Dns);
    if let Some(text) = given {
        let bare = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, port));
        let whole = bare.or_else(|_| text.parse());
        return whole.with_context(|| format!("{text} is not an address; write 192.0.2.53"));
    }
    let pools = topology.pools_of(Role::Dns);
    let mut machines = pools.flat_map(|pool| topology.members(pool));
    match (machines.next(), view) {
        (Some(machine), View::Inside) => Ok(SocketAddr::new(machine.address, port)),
        (_, View::Outside) => bail!("name the server that answers outside with --server"),
        (None, View::Inside) => {
            bail!("the topology has no DNS machine; name a server with --server")
        }
    }
}

type Needed = BTreeMap<(String, Kind), BTreeSet<String>>;

fn needed(topology: &Topology, face: Face) -> Needed {
    let mut needed = Needed::new();
    for record in topology.records() {
        if record.face != face {
            continue;
        }
        let kind = match &record.data {
            RecordData::Address(IpAddr::V4(_)) => Kind::A,
            RecordData::Address(IpAddr::V6(_)) => Kind::Aaaa,
            RecordData::Service { .. } => Kind::Srv,
        };
        let data = roles::names::data(&record.data);
        needed
            .entry((record.name, kind))
            .or_default()
            .insert(told(&data));
    }
    needed
}

/// A record as it is printed and compared.
pub(crate) fn told(data: &Data) -> String {
    match data {
        Data::Address(address) => address.to_string(),
        Data::Service {
            priority,
            weight,
            port,
            target,
        } => format!("{priority} {weight} {port} {target}"),
        Data::Alias(target) => target.clone(),
        Data::Text(pieces) => pieces.concat(),
    }
}

fn verdict(needed: &BTreeSet<String>, found: &BTreeSet<String>) -> Verdict {
    match (needed.is_subset(found), found.is_subset(needed)) {
        (true, true) => Verdict::Ok,
        (true, false) => Verdict::Extra,
        (false, true) => Verdict::Missing,
        (false, false) => Verdict::Different,
    }
}

fn print(lines: &[Line], server: SocketAddr, output: &Output) -> anyhow::Result<Outcome> {
    let bad: Vec<&Line> = lines
        .iter()
        .filter(|line| line.verdict != Verdict::Ok)
        .collect();
    if output.is_json() {
        output.json(&lines)?;
    } else {
        if !bad.is_empty() {
            let mut table = Table::new(["Name", "Type", "Is", "Needed", "Found"]);
            for line in &bad {
                let word = match line.verdict {
                    Verdict::Ok => "ok",
                    Verdict::Missing => "missing",
                    Verdict::Extra => "extra",
                    Verdict::Different => "different",
                };
                let found = if line.found.is_empty() {
                    line.code.clone()
                } else {
                    line.found.join(", ")
                };
                let (name, kind) = (line.name.clone(), line.kind.to_owned());
                table.row([name, kind, word.to_owned(), line.needed.join(", "), found]);
            }
            output.table(&table)?;
        }
        let good = lines.len() - bad.len();
        output.line(format!(
            "{server}: {good} of {} names and types are as needed",
            lines.len()
        ))?;
    }
    Ok(if bad.is_empty() {
        Outcome::Done
    } else {
        Outcome::Faults
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_compared_as_sets() {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let of = |needed: &[&str], found: &[&str]| verdict(&set(needed), &set(found));
        assert_eq!(of(&["a", "b"], &["b", "a"]), Verdict::Ok);
        assert_eq!(of(&["a", "b"], &["a"]), Verdict::Missing);
        assert_eq!(of(&["a"], &[]), Verdict::Missing);
        assert_eq!(of(&["a"], &["a", "b"]), Verdict::Extra);
        assert_eq!(of(&["a"], &["b"]), Verdict::Different);
    }
}
