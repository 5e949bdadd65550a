//! `vestibule firewall confirm` and `vestibule firewall rollback`: end a trial of rules from any session.

use anyhow::bail;
use roles::filtering::{Ask, Folder, Outcome as Ended, TrialError, ask};
use runtime::control::ControlError;

use super::apply::told;
use super::kernel::RunDir;
use super::trial;
use crate::output::{Outcome, Output};

/// Keep the rules that `apply` loaded and that wait to be confirmed.
#[derive(clap::Args)]
pub(crate) struct Confirm {
    #[command(flatten)]
    run_dir: RunDir,
}

/// Load the rules again that `apply` replaced, at once.
#[derive(clap::Args)]
#[command(after_help = "\
Works also where the process that waited for the confirmation is gone. Rules that were confirmed stay: to go back from
them, apply the topology of before.")]
pub(crate) struct Rollback {
    #[command(flatten)]
    run_dir: RunDir,
}

impl Confirm {
    /// Ends the trial.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        end(&self.run_dir, Ask::Confirm, output)
    }
}

impl Rollback {
    /// Ends the trial.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        end(&self.run_dir, Ask::Rollback, output)
    }
}

fn end(run_dir: &RunDir, word: Ask, output: &Output) -> anyhow::Result<Outcome> {
    let folder = run_dir.folder()?;
    if folder.pending()?.is_none() {
        bail!(
            "no rules wait to be confirmed ({})",
            folder.path().display()
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        match ask(&folder, word).await {
            Err(TrialError::Control(ControlError::NotRunning { .. })) => alone(&folder, word).await,
            other => other,
        }
    });
    let ended = ended.map_err(told)?;
    if output.is_json() {
        output.json(&ended)?;
    } else {
        output.line(trial::words(&ended))?;
    }
    let is_done = match word {
        Ask::Confirm => ended == Ended::Confirmed,
        Ask::Rollback => matches!(ended, Ended::RolledBack { .. }),
    };
    Ok(if is_done {
        Outcome::Done
    } else {
        Outcome::Faults
    })
}

/// Ends a trial whose watchdog is gone.
async fn alone(folder: &Folder, word: Ask) -> Result<Ended, TrialError> {
    let claim = folder.claim().await?;
    match word {
        Ask::Confirm => claim.end().map(|()| Ended::Confirmed),
        Ask::Rollback => claim
            .go_back()
            .map(|()| Ended::RolledBack { is_late: false }),
    }
}
