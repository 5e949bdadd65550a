//! What `up` and `run` have in common: starting machines, waiting for signals, ending in order.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use roles::machine::{Options, Running, StartError};
use runtime::clock::Clock;
use runtime::logging::{self, Format};
use runtime::signals::{Asked, Signals};
use runtime::worker::Drained;
use tokio::task::{JoinSet, spawn_blocking};
use topology::Topology;

use crate::output::Output;

/// How long a drain may take.
const GRACE: Duration = Duration::from_secs(10);

/// How long a machine says that it drains before it stops taking connections: who asks does so every two seconds.
const NOTICE: Duration = Duration::from_secs(3);

/// How a process logs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// What to log, to standard error: a level (error, warn, info, debug) or targets with levels as `info,sip=debug`.
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
    /// Write log lines as JSON.
    #[arg(long)]
    log_json: bool,
}

impl LogArgs {
    /// Sets logging up and takes as many files as the account may open.
    pub(crate) fn begin(&self) -> anyhow::Result<()> {
        let format = if self.log_json {
            Format::Json
        } else {
            Format::Text
        };
        logging::init(&self.log, format).context("logging cannot be set up")?;
        runtime::process::raise_open_files();
        Ok(())
    }
}

/// Machines that run in this process.
pub(crate) struct Machines {
    running: Vec<Running>,
}

impl Machines {
    /// Starts machines in this order, of a topology that was read from a file with this text; if one fails, those before
    /// it end again.
    pub(crate) fn start<'a>(
        topology: &Arc<Topology>,
        names: impl IntoIterator<Item = &'a str>,
        file: &str,
        state: &pki::State,
        workers: u8,
    ) -> Result<Self, StartError> {
        let options = Options {
            state: state.clone(),
            workers,
            clock: Clock::start(),
            file: file.into(),
        };
        let mut running = Vec::new();
        for name in names {
            match Running::start(Arc::clone(topology), name, &options) {
                Ok(machine) => running.push(machine),
                Err(error) => {
                    for machine in running {
                        let _nothing_was_begun: Drained = Running::drain(machine, Duration::ZERO);
                    }
                    return Err(error);
                }
            }
        }
        Ok(Self { running })
    }

    /// Returns the machines.
    pub(crate) fn running(&self) -> &[Running] {
        &self.running
    }

    /// Serves until a signal or an operator ends it, then drains; a second signal ends at once.
    pub(crate) async fn serve(self, output: &Output) -> anyhow::Result<()> {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let mut asked = JoinSet::new();
        for machine in &self.running {
            asked.spawn(machine.asked_to_drain());
        }
        loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Asked::Drain => break,
                    Asked::Reload => self.reload(output)?,
                },
                Some(_) = asked.join_next() => break,
            }
        }
        output.complain("draining; once more to end at once")?;
        if self.announce() {
            tokio::select! {
                () = tokio::time::sleep(NOTICE) => {}
                Asked::Drain = signals.next() => return output.complain("ended without waiting"),
            }
        }
        let drained = spawn_blocking(move || self.drain());
        tokio::select! {
            told = drained => output.complain(told.context("the drain was interrupted")?)?,
            Asked::Drain = signals.next() => output.complain("ended without waiting")?,
        }
        Ok(())
    }

    fn reload(&self, output: &Output) -> anyhow::Result<()> {
        let mut kept = 0;
        for machine in &self.running {
            if let Err(error) = machine.reload() {
                kept += 1;
                output.complain(format!("{:#}", anyhow::Error::new(error)))?;
            }
        }
        let read = self.running.len() - kept;
        output.complain(format!(
            "certificates, CA bundles and revocation lists of {read} of {} machines were read again",
            self.running.len()
        ))
    }

    /// Tells those who choose among machines that these drain; false if nobody outside this process does.
    fn announce(&self) -> bool {
        let ours: Vec<&str> = self.running.iter().map(Running::name).collect();
        let watched = self.running.iter().flat_map(Running::watchers);
        let is_watched = watched.into_iter().any(|name| !ours.contains(&name));
        if is_watched {
            self.running.iter().for_each(Running::announce_drain);
        }
        is_watched
    }

    /// Ends all machines at the same time and says how it went.
    fn drain(self) -> String {
        let drains: Vec<_> = self
            .running
            .into_iter()
            .map(|machine| std::thread::spawn(move || machine.drain(GRACE)))
            .collect();
        let (mut closed, mut cut, mut failed) = (0, 0, 0);
        for drain in drains {
            match drain.join() {
                Ok(drained) => {
                    closed += drained.closed;
                    cut += drained.cut;
                    failed += drained.failed;
                }
                Err(_panicked) => failed += 1,
            }
        }
        let trouble = if failed == 0 {
            String::new()
        } else {
            format!(", {failed} workers had failed")
        };
        format!("drained: {closed} connections closed in order, {cut} cut{trouble}")
    }
}
