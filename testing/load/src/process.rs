//! One server process under measurement: started in the foreground, in its own process group, and surely stopped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::cpu::Tree;

/// How long a server may take to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many bytes of a server's complaints are shown.
const SHOWN: usize = 2000;

/// A running server; dropping it kills its whole process group.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    pid: u32,
    log: PathBuf,
}

impl Process {
    /// Starts a command. What it says on standard error goes to a file.
    ///
    /// # Errors
    /// The program is not there or may not be run, or the file cannot be made.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> anyhow::Result<Self> {
        command.stdout(Stdio::null()).stderr(File::create(log)?);
        Self::spawn(name, command, log.to_owned())
    }

    /// Starts a command that tells something on its standard output; the rest of what it says goes to a file.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn start_talking(
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> anyhow::Result<(Self, Lines<BufReader<ChildStdout>>)> {
        command.stdout(Stdio::piped()).stderr(File::create(log)?);
        let mut process = Self::spawn(name, command, log.to_owned())?;
        let out = process
            .child
            .stdout
            .take()
            .context("standard output was just piped")?;
        Ok((process, BufReader::new(out).lines()))
    }

    fn spawn(name: &'static str, command: &mut Command, log: PathBuf) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let pid = child
            .id()
            .with_context(|| format!("{name} ended at once"))?;
        Ok(Self {
            name,
            child,
            pid,
            log,
        })
    }

    /// Returns the process and its descendants, for measuring.
    pub(crate) const fn tree(&self) -> Tree {
        Tree::of(self.pid)
    }

    /// Fails if the server has ended by itself.
    ///
    /// # Errors
    /// It has.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => {
                bail!(
                    "{} ended by itself: {status}; it said: {}",
                    self.name,
                    self.complaints()
                )
            }
            None => Ok(()),
        }
    }

    /// Returns the first of what the server wrote. A server that writes while it is measured is
    /// measured wrongly, so the caller shows it.
    pub(crate) fn complaints(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(log.get(..SHOWN).unwrap_or(&log)).into_owned();
        text.trim().to_owned()
    }

    /// Asks the server to end and waits for it; kills it when it does not.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            // A killed child is collected; there is nothing to learn from how it ended.
            let _ = self.child.wait().await;
        }
    }

    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // The group may be gone already, which is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Only a child that was not collected still owns its number.
        if self.child.id().is_some() {
            self.signal(Signal::KILL);
        }
    }
}
