//! The state directory of a trial: whether this topology may use it.
//!
//! A directory belongs to one topology, which may change from start to start as long as a machine stays. Two processes
//! never use one directory, and a second start leaves the files of the first alone.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;

use anyhow::{Context as _, bail};
use pki::State;
use roles::machine::{CONTROL_SOCKET, Reply, Request};
use runtime::control::{ControlError, call};
use topology::Topology;

use crate::status;

/// Makes the directory if it is missing, readable for this account only.
pub(super) fn make(state: &State) -> anyhow::Result<()> {
    let root = state.root();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(root);
    made.with_context(|| format!("cannot make the state directory {}", root.display()))
}

/// Refuses a directory that another topology has, or another process.
pub(super) async fn check(state: &State, topology: &Topology) -> anyhow::Result<()> {
    let root = state.root().display();
    let there = status::with_state(state)?;
    let (ours, others): (Vec<_>, Vec<_>) = there
        .iter()
        .partition(|name| topology.machine(name).is_some());
    if ours.is_empty() && !others.is_empty() {
        let others: Vec<&str> = others.into_iter().map(String::as_str).collect();
        bail!(
            "{root} belongs to another topology, with {}; choose another directory with --state",
            others.join(", ")
        );
    }
    for name in ours {
        let socket = state.machine(name).join(CONTROL_SOCKET);
        let answer: Result<Reply, _> = call(&socket, &Request::Status).await;
        let is_running = !matches!(
            answer,
            Err(ControlError::NotRunning { .. } | ControlError::Io { .. })
        );
        if is_running {
            bail!(
                "{name} is running with {root} already (see `vestibule status --state {root}`); a second trial needs \
                 its own --state and --loopback"
            );
        }
    }
    Ok(())
}
