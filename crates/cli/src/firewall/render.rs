//! `vestibule firewall render`: the rules of one place in the words of a packet filter.

use std::path::PathBuf;

use anyhow::bail;
use clap::ValueEnum;
use firewall::Family;
use firewall::plan::{Place, Plan, Rules};
use firewall::render;
use topology::{Filter, Line, Topology};

use super::Where;
use crate::output::{Outcome, Output};
use crate::{ports, topology_file};

/// Print the rules of a machine or a boundary for a packet filter.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  vestibule firewall render topology.toml --machine edge01.contoso.net | nft -f -
  vestibule firewall render topology.toml --boundary outside > outside.nft")]
pub(crate) struct Render {
    /// The topology file.
    topology: PathBuf,
    #[command(flatten)]
    place: Where,
    /// For which filter: nft (text), nft-json, iptables, ip6tables, terraform (security groups of AWS; of all
    /// machines unless one is named); for people: markdown, csv or html, as `vestibule ports` prints.
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The text that `nft -f` loads.
    #[default]
    Nft,
    /// The commands that `nft -j -f` loads.
    NftJson,
    /// The table filter of IPv4, for `iptables-restore`.
    Iptables,
    /// The table filter of IPv6, for `ip6tables-restore`.
    Ip6tables,
    /// Security groups of AWS, as Terraform JSON.
    Terraform,
    /// The port summary for documents.
    Markdown,
    /// The port summary for spreadsheets.
    Csv,
    /// The port summary for browsers and printers.
    Html,
}

impl Render {
    /// Prints the rules.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        let place = self.place.place(&topology)?;
        let plan = Plan::of(&topology);
        let form = match self.format {
            Format::Nft => Form::Rules(render::nft::text),
            Format::NftJson => Form::Rules(|rules| format!("{:#}\n", render::nft::json(rules))),
            Format::Iptables => Form::Rules(|rules| render::iptables::text(rules, Family::V4)),
            Format::Ip6tables => Form::Rules(|rules| render::iptables::text(rules, Family::V6)),
            Format::Terraform => return groups(&plan, place.as_ref(), output),
            Format::Markdown => Form::Summary(ports::Format::Markdown),
            Format::Csv => Form::Summary(ports::Format::Csv),
            Format::Html => Form::Summary(ports::Format::Html),
        };
        match (form, place) {
            (Form::Rules(write), Some(place)) => {
                output.bytes(write(super::rules(&plan, &place)?).as_bytes())?;
            }
            (Form::Rules(_), None) => {
                bail!("say which rules: --machine FQDN, or --boundary outside or inside")
            }
            (Form::Summary(format), place) => {
                let lines = summary(&topology, &plan, place.as_ref(), output)?;
                ports::print(&lines, format, output)?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// What a format is made from.
enum Form {
    /// The rules of one place.
    Rules(fn(&Rules) -> String),
    /// The flow table.
    Summary(ports::Format),
}

/// Returns the lines of the port summary that a place has rules for.
fn summary(
    topology: &Topology,
    plan: &Plan,
    place: Option<&Place>,
    output: &Output,
) -> anyhow::Result<Vec<Line>> {
    let machine = match place {
        Some(Place::Machine(name)) => Some(name.as_str()),
        Some(Place::Boundary(_)) | None => None,
    };
    let filter = Filter {
        machine,
        role: None,
    };
    let mut lines = topology.summary(output.lang().into(), filter);
    if let Some(place @ Place::Boundary(_)) = place {
        let chains = &super::rules(plan, place)?.chains;
        let admits = || chains.iter().flat_map(|chain| &chain.admits);
        lines.retain(|line| {
            admits().any(|admit| admit.flow == line.id || admit.also.contains(&line.id))
        });
    }
    Ok(lines)
}

/// Prints security groups, and tells of those that have more rules than AWS takes unless asked.
fn groups(plan: &Plan, place: Option<&Place>, output: &Output) -> anyhow::Result<Outcome> {
    let places: Vec<&Rules> = match place {
        Some(Place::Boundary(_)) => {
            bail!("a security group belongs to a machine; a boundary has none");
        }
        Some(place) => vec![super::rules(plan, place)?],
        None => plan.places().iter().collect(),
    };
    let rendered = render::terraform::render(plan, &places);
    output.json(&rendered.json)?;
    for beyond in &rendered.beyond {
        output.complain(format!(
            "the group of {} has {} rules {}, more than the {} that AWS takes unless asked for more",
            beyond.group,
            beyond.rules,
            beyond.direction.name(),
            render::terraform::RULES_MAX,
        ))?;
    }
    Ok(if rendered.beyond.is_empty() {
        Outcome::Done
    } else {
        Outcome::Faults
    })
}
