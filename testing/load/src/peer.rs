//! The servers under measurement, each its own process, all with the same accounts.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use rustls::pki_types::ServerName;
use serde::Serialize;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::actor::Actor;
use crate::cpu::Tree;
use crate::phone::{Fault, Target, Work};
use crate::process::Process;
use crate::tls::{self, Files};

/// The SIP domain of all peers.
pub(crate) const DOMAIN: &str = "load.example";
/// The one password of the accounts; they live for one run on loopback.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// How many accounts there are.
pub(crate) const USERS: usize = 1000;

/// Threads of the echo server and of our own: one per core. Kamailio has as many workers.
pub(crate) const WORKERS: usize = 2;

/// How long a server may take to start.
const START: Duration = Duration::from_secs(15);

/// Between two looks whether it has.
const PAUSE: Duration = Duration::from_millis(100);

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Name {
    /// Ours, with a worker for each core.
    Vestibule,
    /// Ours on one core, with one worker.
    OneCore,
    /// Ours, three machines in a row.
    Chain,
    /// The one that we compare with, as Debian's service starts it.
    Kamailio,
    /// The same with its fast memory manager (`-x fm`) in place of the checking one.
    KamailioFast,
    /// The floor.
    Echo,
}

impl Name {
    /// Returns how tables call it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Vestibule => "vestibule",
            Self::OneCore => "vestibule, one core",
            Self::Chain => "Edge, Director, Front End",
            Self::Kamailio => "kamailio",
            Self::KamailioFast => "kamailio -x fm",
            Self::Echo => "rustls echo",
        }
    }
}

/// A started server and how phones reach it.
#[derive(Debug)]
pub(crate) struct Server {
    /// The processes that are measured, together.
    pub(crate) measured: Vec<Process>,
    /// Processes that it needs to do its work; they are not measured.
    pub(crate) companions: Vec<Process>,
    /// Where the measured ones tell their metrics, if they do.
    pub(crate) pages: Vec<SocketAddr>,
    /// Its listener.
    pub(crate) target: Target,
}

impl Server {
    /// Waits until the server does one unit of work for the account that was made last.
    ///
    /// # Errors
    /// It ended, or took too long.
    pub(crate) async fn ready(mut self, work: Work) -> anyhow::Result<Self> {
        let deadline = Instant::now() + START;
        loop {
            for process in self.measured.iter_mut().chain(&mut self.companions) {
                process.check()?;
            }
            match self.try_once(work).await {
                Ok(()) => return Ok(self),
                Err(fault) if Instant::now() >= deadline => return Err(fault.into()),
                // Not there yet: the next try is the condition, the pause only keeps the tries few.
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn try_once(&self, work: Work) -> Result<(), Fault> {
        // Of the accounts the last ones, of which the load takes none.
        let mut actor = Actor::connect(&self.target, work.actors(USERS) - 1, work).await?;
        actor.work(work).await?;
        actor.hang_up().await;
        Ok(())
    }

    /// Returns the measured processes with what descends from them.
    pub(crate) fn trees(&self) -> Vec<Tree> {
        self.measured.iter().map(Process::tree).collect()
    }

    /// Returns what the measured processes complained about.
    pub(crate) fn complaints(&self) -> String {
        let all = self.measured.iter().map(Process::complaints);
        all.collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    /// Ends all its processes.
    pub(crate) async fn stop(self) {
        for process in self.measured.into_iter().chain(self.companions) {
            process.stop().await;
        }
    }
}

/// Starts the echo server: this program again, as a process of its own.
///
/// # Errors
/// It does not start.
pub(crate) async fn start_echo(below: &Path, files: &Files) -> anyhow::Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("echo")
        .arg("--certificate")
        .arg(&files.certificate)
        .arg("--key")
        .arg(&files.key);
    let log = below.join("echo.log");
    let (process, mut lines) = Process::start_talking("the echo server", &mut command, &log)?;
    let line = timeout(START, lines.next_line())
        .await??
        .unwrap_or_default();
    let Some(addr) = line.strip_prefix("listening ") else {
        bail!("the echo server does not say where it listens: {line:?}");
    };
    let target = Target {
        addr: addr.parse::<SocketAddr>()?,
        name: ServerName::try_from(DOMAIN)?,
        tls: tls::client(&files.certificate)?,
        domain: DOMAIN.to_owned(),
        password: PASSWORD.to_owned(),
        callee: None,
    };
    Server {
        measured: vec![process],
        companions: Vec::new(),
        pages: Vec::new(),
        target,
    }
    .ready(Work::Echo(1))
    .await
}

/// Makes the certificate of the peers that have none of their own.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn certificate(below: &Path) -> anyhow::Result<Files> {
    tls::make(below, DOMAIN)
}
