//! `vestibule firewall apply`: loads the rules of this machine, and takes them back unless somebody confirms them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use firewall::loaded::{Comparison, Table};
use roles::filtering::{Folder, MAX_TRIAL, Order, Outcome as Ended, TrialError};
use runtime::nft;
use serde_json::json;

use super::kernel::{Beside, RunDir, waiting};
use super::{Where, changes, trial};
use crate::output::{Outcome, Output};
use crate::topology_file;

/// Load the rules of this machine or boundary; they are taken back unless they are confirmed in time.
#[derive(clap::Args)]
#[command(after_help = "\
What would change is shown first. Then the new rules replace the old ones in one step, in the table `inet vestibule`;
no other table is touched. A process of its own waits for the confirmation: ENTER here, or `vestibule firewall confirm`
in any session. Without it the old rules are loaded again when the time is over, also when this terminal is gone.
Ctrl-C takes the rules back at once. Needs root.

Ends with 0 when the rules stay, with 1 when they were taken back.

Examples:
  vestibule firewall apply topology.toml --machine edge01.contoso.net
  vestibule firewall apply topology.toml --boundary outside --confirm-within 5m
  vestibule firewall apply topology.toml --machine edge01.contoso.net --yes     no waiting, for scripts")]
pub(crate) struct Apply {
    /// The topology file.
    topology: PathBuf,
    #[command(flatten)]
    place: Where,
    /// How long to wait for a confirmation, 1 h at most.
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = trial_time)]
    confirm_within: Duration,
    /// Load them for good, without waiting for a confirmation.
    #[arg(long, conflicts_with = "confirm_within")]
    yes: bool,
    #[command(flatten)]
    run_dir: RunDir,
}

/// Takes `90s`, `5m` or `1h`.
fn trial_time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("write it as 90s, 5m or 1h".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "this is no number".to_owned())?;
    let time = Duration::from_secs(number.saturating_mul(scale));
    if time.is_zero() || time > MAX_TRIAL {
        return Err("it is between 1s and 1h".to_owned());
    }
    Ok(time)
}

impl Apply {
    /// Loads the rules.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        let folder = self.run_dir.folder()?;
        if let Some(pending) = folder.pending()? {
            anyhow::bail!(waiting(&pending));
        }
        let beside = Beside::read(&topology, &self.place)?;
        let nothing = Table::default();
        let loaded = beside.loaded.as_ref().unwrap_or(&nothing);
        let comparison = Comparison::of(&beside.planned, loaded);
        if !output.is_json() {
            changes::head(&beside, &comparison, output)?;
            changes::print(&comparison, output)?;
        }
        let ended = if comparison.is_same() && comparison.is_labelled_alike() {
            None
        } else if self.yes {
            Some(load(&folder, &beside.text)?)
        } else {
            let order = Order {
                place: beside.place.to_string(),
                rules: beside.text.clone(),
                within_s: self.confirm_within.as_secs(),
            };
            let ended = trial::run(&folder, order, output)?;
            if ended.is_none() {
                return Ok(Outcome::Faults);
            }
            ended
        };
        if output.is_json() {
            let changes = changes::json(&comparison);
            output.json(&json!({ "place": beside.place, "changes": changes, "ended": ended }))?;
        }
        self.tell(&beside, ended, output)
    }

    /// Says how it ended and what is left to do.
    fn tell(
        &self,
        beside: &Beside,
        ended: Option<Ended>,
        output: &Output,
    ) -> anyhow::Result<Outcome> {
        if let Some(ended) = &ended
            && !output.is_json()
        {
            output.line(trial::words(ended))?;
        }
        match ended {
            Some(Ended::RolledBack { .. } | Ended::Stuck { .. }) => Ok(Outcome::Faults),
            Some(Ended::Confirmed) if !output.is_json() => {
                output.line(at_boot(&self.topology, beside))?;
                Ok(Outcome::Done)
            }
            Some(Ended::Confirmed) | None => Ok(Outcome::Done),
        }
    }
}

/// Loads rules for good.
fn load(folder: &Folder, text: &str) -> anyhow::Result<Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let claim = runtime.block_on(folder.claim()).map_err(told)?;
    claim.nothing_waits().map_err(told)?;
    nft::load(text).context("the rules were not loaded")?;
    Ok(Ended::Confirmed)
}

/// An error of a trial with the way out, where there is one.
pub(super) fn told(error: TrialError) -> anyhow::Error {
    if let TrialError::Waiting(pending) = error {
        return anyhow::anyhow!(waiting(&pending));
    }
    error.into()
}

fn at_boot(topology: &Path, beside: &Beside) -> String {
    let place = super::option(&beside.place);
    format!(
        "The kernel forgets rules when it restarts. To have them loaded at boot:\n  \
         vestibule firewall render {} {place} > /etc/nftables.d/vestibule.nft\n  \
         and in /etc/nftables.conf: include \"/etc/nftables.d/vestibule.nft\"; then: systemctl enable nftables",
        topology.display()
    )
}
