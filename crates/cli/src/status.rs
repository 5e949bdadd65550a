//! `vestibule status`: asks running machines how they are, over the sockets in their state directories.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use pki::State;
use roles::machine::{CONTROL_SOCKET, MachineStatus, Reply, Request};
use runtime::control::{ControlError, call};

use crate::output::{Outcome, Output, Table};

/// Ask running machines how they are.
#[derive(clap::Args)]
pub(crate) struct Status {
    /// Only this machine.
    #[arg(long, value_name = "FQDN")]
    machine: Option<String>,
    /// Where the deployment keeps what outlives it.
    #[arg(long, value_name = "DIR", default_value = "vestibule-state")]
    state: PathBuf,
}

/// What came of asking one machine.
enum Answer {
    Running(Box<MachineStatus>),
    NotRunning,
    Failed(String),
}

impl Status {
    /// Prints the answers; not all is well unless every machine asked is running.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let state = State::new(&self.state);
        let names = match self.machine {
            Some(name) => vec![name],
            None => machines(&state.machines())?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut answers = Vec::new();
        for name in names {
            let socket = state.machine(&name).join(CONTROL_SOCKET);
            let answer = match runtime.block_on(call(&socket, &Request::Status)) {
                Ok(Reply::Status(status)) => Answer::Running(status),
                Ok(_) => Answer::Failed("it answered something else than was asked".to_owned()),
                Err(ControlError::NotRunning { .. }) => Answer::NotRunning,
                Err(error) => Answer::Failed(format!("{:#}", anyhow::Error::new(error))),
            };
            answers.push((name, answer));
        }
        print(&answers, output)?;
        let well = answers
            .iter()
            .all(|(_, answer)| matches!(answer, Answer::Running(_)));
        Ok(if well { Outcome::Done } else { Outcome::Faults })
    }
}

/// The machines that have state here.
pub(crate) fn machines(folder: &Path) -> anyhow::Result<Vec<String>> {
    let entries = std::fs::read_dir(folder);
    let entries =
        entries.with_context(|| format!("no machine has state in {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    if names.is_empty() {
        bail!("no machine has state in {}", folder.display());
    }
    names.sort_unstable();
    Ok(names)
}

fn print(answers: &[(String, Answer)], output: &Output) -> anyhow::Result<()> {
    if output.is_json() {
        let machines: Vec<serde_json::Value> = answers.iter().map(json).collect();
        return output.json(&machines);
    }
    let mut table = Table::new([
        "Machine",
        "State",
        "Up",
        "Connections",
        "Requests",
        "Users",
        "Bindings",
        "Certificate",
    ])
    .right(2)
    .right(3)
    .right(4)
    .right(5)
    .right(6);
    for (name, answer) in answers {
        table.row(match answer {
            Answer::Running(status) => running(status),
            Answer::NotRunning => down(name, "not running"),
            Answer::Failed(reason) => down(name, reason),
        });
    }
    output.table(&table)
}

fn json((name, answer): &(String, Answer)) -> serde_json::Value {
    match answer {
        Answer::Running(status) => {
            serde_json::json!({ "machine": name, "running": true, "status": status })
        }
        Answer::NotRunning => serde_json::json!({ "machine": name, "running": false }),
        Answer::Failed(reason) => {
            serde_json::json!({ "machine": name, "running": false, "error": reason })
        }
    }
}

fn down(name: &str, state: &str) -> [String; 8] {
    let nothing = String::new;
    [
        name.to_owned(),
        state.to_owned(),
        nothing(),
        nothing(),
        nothing(),
        nothing(),
        nothing(),
        nothing(),
    ]
}

fn running(status: &MachineStatus) -> [String; 8] {
    let number = |value: Option<String>| value.unwrap_or_default();
    let sip = status.sip.as_ref();
    let users = status.directory.as_ref().map(|directory| {
        let how = match &directory.copy {
            None if directory.master => "master".to_owned(),
            None => "copy".to_owned(),
            Some(copy) if copy.is_connected => "copy".to_owned(),
            Some(_) => "copy, master away".to_owned(),
        };
        format!("{} ({how})", directory.users)
    });
    let soonest = status
        .certificates
        .iter()
        .map(|certificate| certificate.days_left)
        .min();
    [
        status.machine.clone(),
        "running".to_owned(),
        uptime(status.uptime_s),
        number(sip.map(|sip| sip.connections.to_string())),
        number(sip.map(|sip| sip.requests.to_string())),
        number(users),
        number(
            status
                .bindings
                .as_ref()
                .map(|bindings| bindings.bindings.to_string()),
        ),
        number(soonest.map(|days| format!("{days} days"))),
    ]
}

fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
