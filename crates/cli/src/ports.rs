//! `vestibule ports`: the port summary that follows from a topology, in the layout of the Director's port table.

use std::path::PathBuf;

use base::net::Role;
use clap::ValueEnum;
use topology::{Filter, HostLine, Line, ROLES, role_name};

use crate::output::{Lang, Outcome, Output, Table};
use crate::topology_file;

/// Print the port summary: who may speak to whom, on which port, for what.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  vestibule ports topology.toml --machine edge01.contoso.net   what a firewall has to let through for one machine
  vestibule ports topology.toml --format markdown --lang ko    a page for the documentation, in Korean")]
pub(crate) struct Ports {
    /// The topology file.
    topology: PathBuf,
    /// How to print it: table, markdown, csv (a column of hosts beside each party) or json.
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
    /// Only flows in which this machine takes part.
    #[arg(long, value_name = "FQDN")]
    machine: Option<String>,
    /// Only flows in which this role takes part: edge, director, front_end, reverse_proxy, load_balancer or dns.
    #[arg(long, value_parser = role)]
    role: Option<Role>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For the terminal.
    #[default]
    Table,
    /// For documents.
    Markdown,
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
}

/// The words of the head, in the order of the columns; hosts have columns of their own in spreadsheets only.
struct Head {
    id: &'static str,
    service: &'static str,
    source: &'static str,
    source_hosts: &'static str,
    destination: &'static str,
    destination_hosts: &'static str,
    note: &'static str,
}

const EN: Head = Head {
    id: "Flow",
    service: "Protocol/TCP or UDP/Port",
    source: "Source",
    source_hosts: "Source hosts",
    destination: "Destination",
    destination_hosts: "Destination hosts",
    note: "Note",
};
const KO: Head = Head {
    id: "흐름",
    service: "프로토콜/TCP 또는 UDP/포트",
    source: "원본",
    source_hosts: "원본 호스트",
    destination: "대상",
    destination_hosts: "대상 호스트",
    note: "참고",
};

impl Ports {
    /// Prints the summary.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        let machine = self.machine.as_deref();
        let machine = machine.map(|name| topology_file::machine(&topology, name));
        let machine = machine.transpose()?;
        let filter = Filter {
            machine: machine.map(|machine| machine.fqdn.as_str()),
            role: self.role,
        };
        let lines = topology.summary(output.lang().into(), filter);
        let head = match output.lang() {
            Lang::En => &EN,
            Lang::Ko => &KO,
        };
        match self.format {
            _ if output.is_json() => output.json(&lines)?,
            Format::Json => output.json(&lines)?,
            Format::Table => output.table(&table(&lines, head))?,
            Format::Markdown => output.line(markdown(&lines, head))?,
            Format::Csv => output.bytes(&csv(&lines, head)?)?,
        }
        Ok(Outcome::Done)
    }
}

fn role(word: &str) -> Result<Role, String> {
    let word = word.replace('-', "_");
    ROLES
        .into_iter()
        .find(|role| role_name(*role) == word)
        .ok_or_else(|| {
            let all: Vec<&str> = ROLES.into_iter().map(role_name).collect();
            format!("roles are {}", all.join(", "))
        })
}

fn table(lines: &[Line], head: &Head) -> Table {
    let columns = [
        head.id,
        head.service,
        head.source,
        head.destination,
        head.note,
    ];
    let mut table = Table::new(columns).right(0);
    for line in lines {
        table.row([
            line.id.to_string(),
            line.service(),
            party(&line.source, &line.source_hosts, "\n  "),
            party(&line.destination, &line.destination_hosts, "\n  "),
            line.note.to_owned(),
        ]);
    }
    table
}

fn markdown(lines: &[Line], head: &Head) -> String {
    let row = |cells: [&str; 5]| {
        let safe = cells.map(|cell| cell.replace('|', "\\|"));
        format!("| {} |", safe.join(" | "))
    };
    let mut text = vec![
        row([
            head.id,
            head.service,
            head.source,
            head.destination,
            head.note,
        ]),
        row(["---"; 5]),
    ];
    for line in lines {
        text.push(row([
            &line.id.to_string(),
            &line.service(),
            &party(&line.source, &line.source_hosts, "<br>"),
            &party(&line.destination, &line.destination_hosts, "<br>"),
            line.note,
        ]));
    }
    text.join("\n")
}

fn csv(lines: &[Line], head: &Head) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let addresses = |hosts: &[HostLine]| hosts.iter().map(host).collect::<Vec<_>>().join(" ");
    writer.write_record([
        head.id,
        head.service,
        head.source,
        head.source_hosts,
        head.destination,
        head.destination_hosts,
        head.note,
    ])?;
    for line in lines {
        writer.write_record([
            &line.id.to_string(),
            &line.service(),
            &line.source,
            &addresses(&line.source_hosts),
            &line.destination,
            &addresses(&line.destination_hosts),
            line.note,
        ])?;
    }
    Ok(writer.into_inner()?)
}

/// The words for a party, then its hosts; where every machine is meant the words are enough.
fn party(words: &str, hosts: &[HostLine], separator: &str) -> String {
    const LISTED: usize = 6;
    let mut lines = vec![words.to_owned()];
    if hosts.len() <= LISTED {
        lines.extend(hosts.iter().map(host));
    }
    lines.join(separator)
}

fn host(host: &HostLine) -> String {
    if host.name.is_empty() {
        host.address.clone()
    } else {
        format!("{} ({})", host.name, host.address)
    }
}
