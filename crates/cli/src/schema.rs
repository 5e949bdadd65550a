//! `vestibule schema`: the JSON Schema of the topology file, for editors.

use topology::Topology;

use crate::output::{Outcome, Output};

/// Print the JSON Schema of the topology file, for editors.
#[derive(clap::Args)]
pub(crate) struct Schema {}

impl Schema {
    /// Prints the schema.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        output.json(&Topology::schema())?;
        Ok(Outcome::Done)
    }
}
