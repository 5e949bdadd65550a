//! Reads the topology file for every command that needs one, and finds machines in it.

use std::path::Path;

use anyhow::Context as _;
use topology::{Machine, Topology};

use crate::output::Output;

/// Reads and checks a file. `None` if it has faults, all of which have been told.
pub(crate) fn load(path: &Path, output: &Output) -> anyhow::Result<Option<Topology>> {
    Ok(read(path, output)?.map(|(topology, _)| topology))
}

/// The same, with the text.
pub(crate) fn read(path: &Path, output: &Output) -> anyhow::Result<Option<(Topology, String)>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    match Topology::parse(&text, &name) {
        Ok(topology) => Ok(Some((topology, text))),
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

/// Finds a machine by its name, in upper or lower case. A name that is not there is told with those that are.
pub(crate) fn machine<'a>(topology: &'a Topology, name: &str) -> anyhow::Result<&'a Machine> {
    let found = topology.machine(&name.to_ascii_lowercase());
    found.with_context(|| {
        let names = topology
            .machines()
            .iter()
            .map(|machine| machine.fqdn.as_str());
        unknown_machine("the topology", name, names)
    })
}

/// Says that a machine is not there, and which are.
pub(crate) fn unknown_machine<'a>(
    place: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> String {
    let known: Vec<&str> = known.collect();
    format!("{place} has no machine {name}; it has {}", known.join(", "))
}
