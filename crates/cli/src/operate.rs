//! `vestibule drain` and `vestibule undrain`: what an operator tells running machines, over the sockets in their state
//! directories.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Context as _;
use pki::State;
use roles::machine::{CONTROL_SOCKET, MachineStatus, Reply, Request};
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

/// Have running machines finish what they began, then end; or have balancers give a member nothing new.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
No new connections are taken; what was begun is finished, for at most 10 s. Machines of one process (`up`) end
together, whichever of them is named.

With a MEMBER nothing ends: the balancers that hold a VIP of its pool give it no new connections, and those that it has
go on. `vestibule status` shows how many are left. A balancer that is restarted has forgotten it.

Examples:
  vestibule drain --machine dir01.contoso.net   that machine finishes and ends
  vestibule drain dir01.contoso.net             its balancers leave it alone; run where they run")]
pub(crate) struct Drain {
    /// The member that balancers leave alone.
    #[arg(value_name = "MEMBER")]
    member: Option<String>,
    #[command(flatten)]
    scope: Scope,
}

/// Have balancers give a drained member its share again.
#[derive(Debug, clap::Args)]
pub(crate) struct Undrain {
    /// The member.
    #[arg(value_name = "MEMBER")]
    member: String,
    #[command(flatten)]
    scope: Scope,
}

impl Drain {
    /// Tells the machines.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self.member {
            None => self.scope.tell(&Request::Drain, "drains", output),
            Some(member) => {
                let done = format!("gives {member} nothing new");
                let drained = true;
                self.scope
                    .tell(&Request::Member { member, drained }, &done, output)
            }
        }
    }
}

impl Undrain {
    /// Tells the balancers.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Self { member, scope } = self;
        let done = format!("gives {member} its share again");
        let drained = false;
        scope.tell(&Request::Member { member, drained }, &done, output)
    }
}

impl Scope {
    pub(crate) fn tell(
        &self,
        request: &Request,
        done: &str,
        output: &Output,
    ) -> anyhow::Result<Outcome> {
        let told = self.told(request, done)?;
        told.print(output)?;
        Ok(told.outcome())
    }

    /// Tells the machines that are meant, and returns what they say.
    pub(crate) fn told(&self, request: &Request, done: &str) -> anyhow::Result<Told> {
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
        let is_meant = |name: &String| {
            self.machine.is_some()
                || match ask(name, &Request::Status) {
                    Err(ControlError::NotRunning { .. }) => false,
                    Ok(Reply::Status(status)) => concerns(request, &status),
                    Ok(_) | Err(_) => true,
                }
        };
        let names: Vec<String> = names.into_iter().filter(is_meant).collect();
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
        Ok(Told { told, is_well })
    }
}

/// What machines say.
pub(crate) struct Told {
    /// Each machine with its answer.
    pub(crate) told: Vec<(String, String)>,
    is_well: bool,
}

impl Told {
    /// Not all is well unless there are machines and each did what it was told.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.is_well && !self.told.is_empty() {
            Outcome::Done
        } else {
            Outcome::Faults
        }
    }

    /// Returns the same for programs.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let all = self.told.iter();
        all.map(|(machine, said)| serde_json::json!({ "machine": machine, "said": said }))
            .collect()
    }

    fn print(&self, output: &Output) -> anyhow::Result<()> {
        if output.is_json() {
            return output.json(&self.json());
        }
        self.lines(output)
    }

    /// Prints it for people.
    pub(crate) fn lines(&self, output: &Output) -> anyhow::Result<()> {
        if self.told.is_empty() {
            return output.complain("no machine that this concerns is running here");
        }
        let mut all = self.told.iter();
        all.try_for_each(|(machine, said)| output.line(format!("{machine}: {said}")))
    }
}

/// Of members only the balancers know that have them behind a VIP.
fn concerns(request: &Request, status: &MachineStatus) -> bool {
    let Request::Member { member, .. } = request else {
        return true;
    };
    let mut members = status.balanced.iter().flat_map(|pool| &pool.members);
    members.any(|one| one.member.eq_ignore_ascii_case(member))
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
