//! What `up` says when everything runs: machines, flows, users, and how a phone signs in.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use base::net::Face;
use roles::machine::{FlowLive, MachineStatus, face_name};
use serde::Serialize;
use topology::flows::{Protocol, TABLE};
use topology::{RecordData, Topology};

use super::demo::DemoUser;
use super::sign_in::{self, Entrance, NameServers};
use crate::loopback;
use crate::output::{Output, Table};

/// Where commands look for state unless they are told.
const USUAL_STATE: &str = "vestibule-state";

/// Everything that is said.
pub(super) struct Report<'a> {
    pub(super) topology: &'a Topology,
    pub(super) statuses: &'a [MachineStatus],
    pub(super) users: &'a [DemoUser],
    pub(super) state: &'a Path,
    pub(super) loopback: Ipv4Addr,
    pub(super) took: Duration,
}

/// The same for programs: one line that begins with `{"ready":true`.
#[derive(Serialize)]
struct Facts<'a> {
    ready: bool,
    names: BTreeMap<String, Vec<IpAddr>>,
    users: &'a [DemoUser],
    inside: Option<Entrance>,
    outside: Option<Entrance>,
    name_servers: NameServers,
    state: &'a Path,
    ca: PathBuf,
    took_ms: u128,
    machines: Vec<&'a str>,
}

impl Report<'_> {
    /// Prints it: one line of JSON, or tables for people.
    pub(super) fn print(&self, output: &Output) -> anyhow::Result<()> {
        self.write_hosts()?;
        if output.is_json() {
            return output.line(serde_json::to_string(&self.facts())?);
        }
        output.table(&self.machines())?;
        output.line("")?;
        output.table(&self.flows(output))?;
        output.line("")?;
        if !self.users.is_empty() {
            output.table(&self.user_table())?;
            output.line("")?;
        }
        let user = self.users.first();
        sign_in::print(self.topology, self.state, self.name_servers(), user, output)?;
        output.line("\nTo see what happened, or why something did not")?;
        output.line(format!("  vestibule log search{}", self.where_it_is()))?;
        let listening = self
            .statuses
            .iter()
            .flat_map(|status| &status.listeners)
            .filter(|one| one.open)
            .count();
        output.line(format!(
            "\nReady after {} ms: {} machines, {listening} listeners. Ctrl-C drains and ends.",
            self.took.as_millis(),
            self.statuses.len(),
        ))
    }

    /// The options by which other commands find this trial, as far as they are not the usual ones.
    fn where_it_is(&self) -> String {
        let mut words = String::new();
        if self.state != Path::new(USUAL_STATE) {
            words.push_str(&format!(" --state {}", self.state.display()));
        }
        if self.loopback != loopback::DEFAULT {
            words.push_str(&format!(" --loopback {}", self.loopback));
        }
        if let Some(user) = self.users.first() {
            words.push_str(&format!(" --uri {}", user.aor));
        }
        words
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            ready: true,
            names: self.names(),
            users: self.users,
            inside: Entrance::inside(self.topology),
            outside: Entrance::outside(self.topology),
            name_servers: self.name_servers(),
            state: self.state,
            ca: self.state.join("ca").join("ca.pem"),
            took_ms: self.took.as_millis(),
            machines: self
                .statuses
                .iter()
                .map(|status| status.machine.as_str())
                .collect(),
        }
    }

    fn machines(&self) -> Table {
        let mut table = Table::new(["Machine", "Roles", "Listens on"]);
        for status in self.statuses {
            let open = status.listeners.iter().filter(|one| one.open);
            let mut lines: Vec<String> = open
                .map(|one| format!("{} {} {}", one.address, one.protocol, one.face))
                .collect();
            // DNS has two listeners at one address, over UDP and TCP.
            lines.dedup();
            table.row([
                status.machine.clone(),
                status.roles.join("\n"),
                lines.join("\n"),
            ]);
        }
        table
    }

    fn flows(&self, output: &Output) -> Table {
        let mut table = Table::new(["", "Flow", "Purpose"]).right(1);
        for flow in TABLE {
            let marks = self
                .statuses
                .iter()
                .flat_map(|status| &status.flows)
                .filter(|one| one.flow == flow.id);
            let marks: Vec<FlowLive> = marks.map(|one| one.live).collect();
            if marks.is_empty() {
                continue;
            }
            let mark = if marks.contains(&FlowLive::NotYet) {
                "○ not yet"
            } else if marks.contains(&FlowLive::Listening) {
                "● live"
            } else {
                "○ elsewhere"
            };
            table.row([
                mark.to_owned(),
                flow.id.to_string(),
                flow.purpose.get(output.lang().into()).to_owned(),
            ]);
        }
        table
    }

    fn user_table(&self) -> Table {
        let mut table = Table::new(["User", "Password", "Home pool"]);
        for user in self.users {
            table.row([user.aor.clone(), user.password.clone(), user.home.clone()]);
        }
        table
    }

    fn name_servers(&self) -> NameServers {
        let on = |face: Face| {
            let mut listeners = self.statuses.iter().flat_map(|status| &status.listeners);
            let dns = listeners.find(|one| {
                let is_dns = one.protocol == Protocol::Dns.name();
                one.open && is_dns && one.face == face_name(face)
            });
            dns.map(|one| one.address)
        };
        NameServers {
            inside: on(Face::Inside),
            outside: on(Face::Outside),
        }
    }

    /// Writes the names in the form of hosts(5), for those who want them in /etc/hosts.
    fn write_hosts(&self) -> anyhow::Result<()> {
        let mut text = String::new();
        for (name, addresses) in self.names() {
            for address in addresses {
                text.push_str(&format!("{address}\t{name}\n"));
            }
        }
        let path = self.state.join("hosts");
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// What each name leads to; the outside's answer where there are two.
    fn names(&self) -> BTreeMap<String, Vec<IpAddr>> {
        let mut names: BTreeMap<(String, Face2), Vec<IpAddr>> = BTreeMap::new();
        for record in self.topology.records() {
            if let RecordData::Address(address) = record.data {
                names
                    .entry((record.name, Face2::of(record.face)))
                    .or_default()
                    .push(address);
            }
        }
        // The outside sorts last and so replaces the inside.
        names
            .into_iter()
            .map(|((name, _), addresses)| (name, addresses))
            .collect()
    }
}

/// Faces in the order in which their answers count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Face2 {
    Inside,
    Outside,
}

impl Face2 {
    const fn of(face: Face) -> Self {
        match face {
            Face::Inside => Self::Inside,
            Face::Outside => Self::Outside,
        }
    }
}
