//! `vestibule firewall diff`: what a change of the topology means, before it is made.

use std::path::PathBuf;

use super::consequences::Consequences;
use crate::output::{Outcome, Output};
use crate::topology_file;

/// Tell what another topology file means: for rules, names, certificates and listeners.
#[derive(clap::Args)]
#[command(after_help = "\
Compared is what the two files mean, not how they are written: connections that begin (+) or end (-) to pass at each
machine and boundary, or pass by another rate (~); names that lead elsewhere, inside and outside; certificates that have
to be issued or revoked; listeners that open and close.

Ends with 0 if nothing follows, and with 1 if something does.

Example:
  vestibule firewall diff /etc/vestibule/topology.toml topology.toml")]
pub(crate) struct Diff {
    /// The topology file that is in use.
    old: PathBuf,
    /// The one that is to take its place.
    new: PathBuf,
}

impl Diff {
    /// Prints what follows.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let old = topology_file::load(&self.old, output)?;
        let new = topology_file::load(&self.new, output)?;
        let (Some(old), Some(new)) = (old, new) else {
            return Ok(Outcome::Faults);
        };
        let follows = Consequences::of(&old, &new);
        if output.is_json() {
            output.json(&follows.json())?;
        } else {
            follows.print(output)?;
        }
        Ok(if follows.is_empty() {
            Outcome::Done
        } else {
            Outcome::Faults
        })
    }
}
