//! The machine that masters the directory: running, or its files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use directory::PoolName;
use pki::State;
use roles::directory_admin::{self, Admin, Rules, UserReply, UserRequest};
use roles::directory_log::{DirectoryLog, FOLDER};
use roles::machine::{Reply, Request};
use runtime::clock::Clock;
use runtime::control::{ControlError, call};
use topology::Topology;

use super::Place;
use crate::output::Output;
use crate::topology_file;

const TOPOLOGY: &str = "topology.toml";
/// The socket of a running machine, in its state directory.
const CONTROL_SOCKET: &str = "control.sock";

/// The way to the directory.
pub(super) struct Master {
    topology: Topology,
    rules: Rules,
    name: String,
    folder: PathBuf,
    /// Set once the machine was found not to be running.
    opened: Option<Admin>,
}

impl Master {
    /// Finds out which machine it is; `None` if the topology has faults, which have been told.
    pub(super) fn find(place: &Place, output: &Output) -> anyhow::Result<Option<Self>> {
        let Some(topology) = topology_file::load(&topology_path(place)?, output)? else {
            return Ok(None);
        };
        let machine = directory_admin::master(&topology);
        let name = machine
            .context("the topology has no Front End pool, so there are no users")?
            .fqdn
            .as_str()
            .to_owned();
        let folder = State::new(&place.state).machine(&name);
        let rules = Rules::from(&topology);
        Ok(Some(Self {
            topology,
            rules,
            name,
            folder,
            opened: None,
        }))
    }

    /// Returns the topology.
    pub(super) const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Returns what the topology says about users.
    pub(super) const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns the Front End pool if there is exactly one.
    pub(super) fn only_pool(&self) -> Option<PoolName> {
        match self.rules.pools.as_slice() {
            [only] => PoolName::parse(only).ok(),
            _ => None,
        }
    }

    /// Asks the running machine, or does it in its place.
    pub(super) fn ask(&mut self, request: UserRequest) -> anyhow::Result<UserReply> {
        if self.opened.is_none() {
            match self.ask_running(&request) {
                Ok(reply) => return self.take(reply),
                Err(ControlError::NotRunning { .. }) => self.opened = Some(self.open()?),
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot ask {}", self.name));
                }
            }
        }
        let admin = self.opened.as_ref().context("the directory is not open")?;
        Ok(admin.handle(Clock::start().wall(), request))
    }

    fn ask_running(&self, request: &UserRequest) -> Result<Reply, ControlError> {
        let socket = self.folder.join(CONTROL_SOCKET);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|source| ControlError::Io {
            path: socket.clone(),
            source,
        })?;
        runtime.block_on(call(&socket, &Request::Users(request.clone())))
    }

    fn take(&self, reply: Reply) -> anyhow::Result<UserReply> {
        match reply {
            Reply::Users(reply) => Ok(reply),
            Reply::Failed { reason } => bail!("{} could not do it: {reason}", self.name),
            Reply::NotMaster { .. } => {
                bail!(
                    "{} runs with another topology, in which it does not master the directory",
                    self.name
                )
            }
            Reply::Status(_) | Reply::File { .. } | Reply::Done => {
                bail!("{} answered something else than was asked", self.name)
            }
        }
    }

    /// Opens the change log of a machine that is not running. The machine must live here: a log made on another one
    /// would never be read.
    fn open(&self) -> anyhow::Result<Admin> {
        if !is_there(&self.folder)? {
            bail!(
                "{} masters the directory and has no state in {}; run this where it lives, or name its state \
                 directory with --state",
                self.name,
                self.folder.display()
            );
        }
        let opened = DirectoryLog::open(&self.folder.join(FOLDER));
        let (own, _) =
            opened.with_context(|| format!("cannot open the directory of {}", self.name))?;
        Ok(Admin::new(own, self.rules.clone()))
    }
}

fn topology_path(place: &Place) -> anyhow::Result<PathBuf> {
    if let Some(path) = &place.topology {
        return Ok(path.clone());
    }
    let path = place.state.join(TOPOLOGY);
    if !is_there(&path)? {
        bail!(
            "there is no {}; name the topology file with --topology",
            path.display()
        );
    }
    Ok(path)
}

fn is_there(path: &Path) -> anyhow::Result<bool> {
    path.try_exists()
        .with_context(|| format!("cannot look for {}", path.display()))
}
