//! `vestibule firewall render`: the rules of one place in the words of a packet filter.

use std::path::PathBuf;

use anyhow::bail;
use clap::ValueEnum;
use firewall::Family;
use firewall::plan::{Place, Plan, Rules};
use firewall::render;

use super::Where;
use crate::output::{Outcome, Output};
use crate::topology_file;

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
    /// For which filter: nft (text), nft-json, iptables, ip6tables, or terraform (security groups of AWS; of all
    /// machines unless one is named).
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
}

impl Render {
    /// Prints the rules.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        let place = self.place.place(&topology)?;
        let plan = Plan::of(&topology);
        if self.format == Format::Terraform {
            return groups(&plan, place.as_ref(), output);
        }
        let Some(place) = place else {
            bail!("say which rules: --machine FQDN, or --boundary outside or inside");
        };
        let rules = super::rules(&plan, &place)?;
        let iptables = |family| render::iptables::text(rules, family);
        match self.format {
            Format::Nft => output.bytes(render::nft::text(rules).as_bytes())?,
            Format::Iptables => output.bytes(iptables(Family::V4).as_bytes())?,
            Format::Ip6tables => output.bytes(iptables(Family::V6).as_bytes())?,
            Format::NftJson | Format::Terraform => output.json(&render::nft::json(rules))?,
        }
        Ok(Outcome::Done)
    }
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
