//! `vestibule firewall watchdog`: the process that keeps a trial of rules. `apply` starts it; nobody else needs to.

use std::io::{Write as _, stdin, stdout};

use anyhow::Context as _;
use roles::filtering::{Order, keep};

use super::kernel::RunDir;
use crate::output::Outcome;

/// Load rules and take them back unless they are confirmed; `apply` starts this.
#[derive(clap::Args)]
pub(crate) struct Watchdog {
    #[command(flatten)]
    run_dir: RunDir,
}

impl Watchdog {
    /// Reads the order from standard input and keeps the trial to its end.
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        // Out of the terminal's session before anything is loaded: its end is not the end of this process.
        runtime::process::leave_session().context("cannot leave the session of the terminal")?;
        let folder = self.run_dir.folder()?;
        let mut line = String::new();
        stdin().read_line(&mut line)?;
        let order: Order = serde_json::from_str(&line).context("this is no order")?;
        std::env::set_current_dir("/")?;
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        tokio.block_on(keep(&folder, order, |event| {
            if let Ok(line) = serde_json::to_string(event) {
                // The foreground may be gone; the trial goes on.
                let _ = writeln!(stdout(), "{line}");
            }
        }));
        Ok(Outcome::Done)
    }
}
