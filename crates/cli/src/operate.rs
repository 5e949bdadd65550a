//! `vestibule reload` and `vestibule drain`: what an operator tells running machines, over the sockets in their state
//! directories.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Context as _;
use pki::State;
use roles::machine::{CONTROL_SOCKET, Reply, Request};
use runtime::control::{ControlError, call};

use crate::output::{Outcome, Output};
use crate::status;

/// Which machines are meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Scope {
    /// Only this machine; without it all that run.
    #[arg(long, value_name = "FQDN")]
    pub(crate) machine: Option<String>,
    /// The state directory of the machines.
    #[arg(long, value_name = "DIR", default_value = "vestibule-state")]
    pub(crate) state: PathBuf,
}

/// Have running machines read certificates, CA bundles and revocation lists again; connections stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The topology file is read at the start only: after a change of it, restart the machines one after the other.")]
pub(crate) struct Reload {
    #[command(flatten)]
    scope: Scope,
}

/// Have running machines finish what they began, then end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
No new connections are taken; what was begun is finished, for at most 10 s. Machines of one process (`up`) end
together, whichever of them is named.")]
pub(crate) struct Drain {
    #[command(flatten)]
    scope: Scope,
}

impl Reload {
    /// Tells the machines.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        self.scope.tell(&Request::Reload, "reloaded", output)
    }
}

impl Drain {
    /// Tells the machines.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        self.scope.tell(&Request::Drain, "drains", output)
    }
}

impl Scope {
    pub(crate) fn tell(
        &self,
        request: &Request,
        done: &str,
        output: &Output,
    ) -> anyhow::Result<Outcome> {
        let state = State::new(&self.state);
        let names = status::machines(&state, self.machine.as_deref())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let ask = |name: &str, request: &Request| -> Result<Reply, ControlError> {
            let socket = state.machine(name).join(CONTROL_SOCKET);
            runtime.block_on(call(&socket, request))
        };
        // Without a name only what runs is meant. It is looked for first: the machines of one process end together.
        let runs = |name: &String| {
            self.machine.is_some()
                || !matches!(
                    ask(name, &Request::Status),
                    Err(ControlError::NotRunning { .. })
                )
        };
        let names: Vec<String> = names.into_iter().filter(runs).collect();
        let is_drain = matches!(request, Request::Drain);
        let mut told = Vec::new();
        let mut is_well = true;
        for name in names {
            let said = match ask(&name, request) {
                Ok(Reply::Done) => done.to_owned(),
                Ok(Reply::Failed { reason }) => {
                    is_well = false;
                    reason
                }
                Ok(_) => anyhow::bail!("{name} answered something else than was asked"),
                Err(error) if is_drain && !told.is_empty() && has_ended(&error) => done.to_owned(),
                Err(error) if self.machine.is_some() => {
                    return Err(error).with_context(|| format!("cannot reach {name}"));
                }
                // The others are told all the same.
                Err(error) => {
                    is_well = false;
                    format!("cannot be reached: {:#}", anyhow::Error::new(error))
                }
            };
            told.push((name, said));
        }
        tell_all(&told, output)?;
        Ok(if is_well && !told.is_empty() {
            Outcome::Done
        } else {
            Outcome::Faults
        })
    }
}

/// Tells whether the process at the other end is gone, perhaps before it could answer.
fn has_ended(error: &ControlError) -> bool {
    match error {
        ControlError::NotRunning { .. } => true,
        ControlError::Io { source, .. } => matches!(
            source.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof
        ),
        ControlError::Format { source, .. } => source.is_eof(),
        ControlError::Taken { .. } | ControlError::Timeout { .. } => false,
    }
}

fn tell_all(told: &[(String, String)], output: &Output) -> anyhow::Result<()> {
    if output.is_json() {
        let all = told
            .iter()
            .map(|(machine, said)| serde_json::json!({ "machine": machine, "said": said }));
        return output.json(&all.collect::<Vec<_>>());
    }
    if told.is_empty() {
        return output.complain("no machine is running here");
    }
    told.iter()
        .try_for_each(|(machine, said)| output.line(format!("{machine}: {said}")))
}
