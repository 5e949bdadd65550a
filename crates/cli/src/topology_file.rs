//! Reads the topology file for every command that needs one.

use std::path::Path;

use anyhow::Context as _;
use topology::Topology;

use crate::output::Output;

/// Reads and checks a file. `None` if it has faults, all of which have been told.
pub(crate) fn load(path: &Path, output: &Output) -> anyhow::Result<Option<Topology>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    match Topology::parse(&text, &name) {
        Ok(topology) => Ok(Some(topology)),
        Err(faults) if output.is_json() => {
            output.json(&faults)?;
            Ok(None)
        }
        Err(faults) => {
            output.complain(faults.render(output.has_error_colour()))?;
            Ok(None)
        }
    }
}
