//! `vestibule firewall render`: the rules of one place in the words of a packet filter.

use std::path::PathBuf;

use anyhow::bail;
use clap::ValueEnum;
use firewall::Family;
use firewall::plan::Plan;
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
    /// For which filter: nft (text), nft-json, iptables or ip6tables.
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
}

impl Render {
    /// Prints the rules.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        let Some(place) = self.place.place(&topology)? else {
            bail!("say which rules: --machine FQDN, or --boundary outside or inside");
        };
        let plan = Plan::of(&topology);
        let rules = super::rules(&plan, &place)?;
        match self.format {
            Format::Nft => output.bytes(render::nft::text(rules).as_bytes())?,
            Format::Iptables => {
                output.bytes(render::iptables::text(rules, Family::V4).as_bytes())?
            }
            Format::Ip6tables => {
                output.bytes(render::iptables::text(rules, Family::V6).as_bytes())?
            }
            Format::NftJson => output.json(&render::nft::json(rules))?,
        }
        Ok(Outcome::Done)
    }
}
