//! The rules of a place as they are planned, and as the kernel of this machine has them.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use firewall::loaded::Table;
use firewall::plan::{Place, Plan, Rules};
use firewall::render;
use roles::filtering::{Folder, Pending, TABLE};
use runtime::nft;
use topology::Topology;

use super::Where;

/// Where a trial of rules keeps what it needs.
#[derive(Debug, clap::Args)]
pub(super) struct RunDir {
    /// Where rules that wait to be confirmed keep the way back.
    #[arg(long, value_name = "DIR", default_value = "/run/vestibule/firewall")]
    run_dir: PathBuf,
}

impl RunDir {
    /// Returns the folder, wherever the process goes later.
    pub(super) fn folder(&self) -> anyhow::Result<Folder> {
        let path = std::path::absolute(&self.run_dir);
        let path = path.with_context(|| format!("cannot find {}", self.run_dir.display()))?;
        Ok(Folder::new(path))
    }
}

/// The rules of a place, planned and loaded.
pub(super) struct Beside {
    /// Where.
    pub(super) place: Place,
    /// The text that loads what is planned.
    pub(super) text: String,
    /// The rules as the plan has them.
    pub(super) rules: Rules,
    /// As the kernel has them once they are loaded.
    pub(super) planned: Table,
    /// As it has them at this moment.
    pub(super) loaded: Option<Table>,
}

impl Beside {
    /// Asks the kernel what is loaded and what it would make of the plan; changes nothing.
    pub(super) fn read(topology: &Topology, place: &Where) -> anyhow::Result<Self> {
        let Some(place) = place.place(topology)? else {
            bail!("say whose rules: --machine FQDN, or --boundary outside or inside");
        };
        let plan = Plan::of(topology);
        let rules = super::rules(&plan, &place)?.clone();
        let text = render::nft::text(&rules);
        let loaded = nft::listing(TABLE)?;
        let planned = nft::rehearse(&text, TABLE).context(
            "the plan cannot be tried in a network namespace of its own, so nothing was changed",
        )?;
        Ok(Self {
            place,
            text,
            rules,
            planned: Table::read(&planned)?,
            loaded: loaded.map(|listing| Table::read(&listing)).transpose()?,
        })
    }
}

/// Says that a trial waits, and how it ends.
pub(super) fn waiting(pending: &Pending) -> String {
    format!(
        "{pending}; `vestibule firewall confirm` keeps them, `vestibule firewall rollback` takes them back"
    )
}
