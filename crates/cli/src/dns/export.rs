//! `vestibule dns export`: zone files.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use dns::{FileFacts, ZoneFile};
use roles::names;
use serde_json::json;

use super::View;
use crate::output::{Outcome, Output};
use crate::topology_file;

/// Write the names as zone files, for BIND and others.
#[derive(clap::Args)]
#[command(after_help = "\
A file has every member of a pool, whether it is up or not. Without --out the files go to standard output.

Examples:
  vestibule dns export topology.toml --out zones
  vestibule dns export topology.toml --view outside --zone contoso.com --ns ns1.provider.example")]
pub(crate) struct Export {
    /// The topology file.
    topology: PathBuf,
    /// Who will ask.
    #[arg(long, value_enum, default_value = "inside")]
    view: View,
    /// Only this domain.
    #[arg(long, value_name = "DOMAIN")]
    zone: Option<String>,
    /// A server that will answer for the zones, once for each [default: the DNS machines of the topology].
    #[arg(long, value_name = "NAME")]
    ns: Vec<String>,
    /// The serial number [default: seconds since 1970].
    #[arg(long, value_name = "NUMBER")]
    serial: Option<u32>,
    /// An existing folder; a file DOMAIN.zone is written there for each.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Export {
    /// Writes the files.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        // Every machine sees the same names.
        let first = topology.machines().first();
        let view = first.and_then(|machine| topology.view(machine.fqdn.as_str()));
        let view = view.context("the topology has no machine")?;
        let zone = names::zone(&view).context("the names do not make a zone")?;
        let facts = FileFacts {
            servers: self.ns.clone(),
            serial: self.serial.unwrap_or_else(now),
        };
        let files = zone.files(self.view.face(), &facts);
        let mut files = files.context("a server given by --ns has no name")?;
        let known: Vec<String> = files.iter().map(|file| file.origin.clone()).collect();
        if let Some(wanted) = &self.zone {
            let wanted = wanted.trim_end_matches('.');
            files.retain(|file| file.origin.eq_ignore_ascii_case(wanted));
            if files.is_empty() {
                bail!("there is no zone {wanted}; there are {}", known.join(", "));
            }
        }
        if let Some(file) = files.iter().find(|file| !file.has_servers) {
            bail!(
                "no server answers for {} {}; name one with --ns",
                file.origin,
                self.view.name()
            );
        }
        self.write(&files, output)
    }

    fn write(&self, files: &[ZoneFile], output: &Output) -> anyhow::Result<Outcome> {
        let mut written = Vec::new();
        for file in files {
            let Some(folder) = &self.out else {
                if !output.is_json() {
                    output.bytes(file.text.as_bytes())?;
                }
                written.push(json!({ "zone": file.origin, "text": file.text }));
                continue;
            };
            let path = folder.join(format!("{}.zone", file.origin));
            let done = std::fs::write(&path, &file.text);
            done.with_context(|| format!("cannot write {}", path.display()))?;
            written.push(json!({ "zone": file.origin, "file": path }));
            if !output.is_json() {
                output.line(format!("{} is in {}", file.origin, path.display()))?;
            }
        }
        if output.is_json() {
            output.json(&written)?;
        }
        Ok(Outcome::Done)
    }
}

fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u32::try_from(since.unwrap_or_default().as_secs()).unwrap_or(u32::MAX)
}
