//! `vestibule ports`: the port summary that follows from a topology, in the layout of the Director's port table.

mod forms;
mod head;
mod html;

use std::path::PathBuf;

use base::net::Role;
use clap::ValueEnum;
use topology::{Filter, Line, ROLES, role_name};

use crate::output::{Outcome, Output};
use crate::topology_file;

use head::Head;

/// Print the port summary: who may speak to whom, on which port, for what.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  vestibule ports topology.toml --machine edge01.contoso.net   what a firewall has to let through for one machine
  vestibule ports topology.toml --format markdown --lang ko    a table for the documentation, in Korean
  vestibule ports topology.toml --format html > ports.html     a page for whoever keeps the firewall")]
pub(crate) struct Ports {
    /// The topology file.
    topology: PathBuf,
    /// How to print it: table, markdown, csv (a column of hosts beside each party), html or json.
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
pub(crate) enum Format {
    /// For the terminal.
    #[default]
    Table,
    /// For documents.
    Markdown,
    /// For spreadsheets.
    Csv,
    /// For browsers and printers: one page that needs nothing else.
    Html,
    /// For programs.
    Json,
}

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
        print(&lines, self.format, output)?;
        Ok(Outcome::Done)
    }
}

/// Prints lines of the summary.
pub(crate) fn print(lines: &[Line], format: Format, output: &Output) -> anyhow::Result<()> {
    let head = Head::of(output.lang());
    match format {
        _ if output.is_json() => output.json(lines),
        Format::Json => output.json(lines),
        Format::Table => output.table(&forms::table(lines, head)),
        Format::Markdown => output.line(forms::markdown(lines, head)),
        Format::Csv => output.bytes(&forms::csv(lines, head)?),
        Format::Html => output.line(html::page(lines, head)),
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
