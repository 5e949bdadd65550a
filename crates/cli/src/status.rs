//! `vestibule status`: asks running machines how they are, over the sockets in their state directories.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use pki::State;
use roles::machine::{CONTROL_SOCKET, MachineStatus, Reply, Request};
use runtime::control::{ControlError, call};

use crate::output::{Outcome, Output, Table};
use crate::topology_file;

/// Ask running machines how they are.
#[derive(clap::Args)]
#[command(after_help = "\
Ends with 1 if a machine that has state here is not running. Cert. is the time until the
first certificate of the machine expires. With --json it also tells listeners, flows, counters
and sources that behave badly.")]
pub(crate) struct Status {
    /// Only this machine.
    #[arg(long, value_name = "FQDN")]
    machine: Option<String>,
    /// The state directory of the machines.
    #[arg(long, value_name = "DIR", default_value = "vestibule-state")]
    state: PathBuf,
}

/// What came of asking one machine.
pub(crate) enum Answer {
    Running(Box<MachineStatus>),
    NotRunning,
    Failed(String),
}

impl Status {
    /// Prints the answers; not all is well unless every machine asked is running.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let answers = ask(&State::new(&self.state), self.machine.as_deref())?;
        print(&answers, output)?;
        let well = answers
            .iter()
            .all(|(_, answer)| matches!(answer, Answer::Running(_)));
        Ok(if well { Outcome::Done } else { Outcome::Faults })
    }
}

/// Asks the machines that have state here, or the one of them that is named, how they are.
pub(crate) fn ask(state: &State, named: Option<&str>) -> anyhow::Result<Vec<(String, Answer)>> {
    let names = machines(state, named)?;
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
    Ok(answers)
}

/// The machines that have state here, or the one of them that is named.
pub(crate) fn machines(state: &State, named: Option<&str>) -> anyhow::Result<Vec<String>> {
    let names = with_state(state)?;
    if names.is_empty() {
        bail!(
            "no machine has state in {}; name the state directory with --state",
            state.machines().display()
        );
    }
    let Some(name) = named.map(str::to_ascii_lowercase) else {
        return Ok(names);
    };
    if !names.contains(&name) {
        let place = state.root().display().to_string();
        let known = names.iter().map(String::as_str);
        bail!(topology_file::unknown_machine(&place, &name, known));
    }
    Ok(vec![name])
}

/// All machines that have state here, in alphabetical order.
pub(crate) fn with_state(state: &State) -> anyhow::Result<Vec<String>> {
    let folder = state.machines();
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
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
        "Machine", "State", "Up", "Conn.", "Requests", "Users", "Bindings", "Cert.",
    ])
    .right(2)
    .right(3)
    .right(4)
    .right(5)
    .right(6)
    .right(7);
    for (name, answer) in answers {
        table.row(match answer {
            Answer::Running(status) => running(status),
            Answer::NotRunning => down(name, "not running"),
            Answer::Failed(reason) => down(name, reason),
        });
    }
    output.table(&table)?;
    answers.iter().try_for_each(|(name, answer)| match answer {
        Answer::Running(status) => {
            balanced(status, output)?;
            published(name, status, output)?;
            abuse(name, status, output)?;
            health(name, status, output)?;
            logging(name, status, output)
        }
        Answer::NotRunning | Answer::Failed(_) => Ok(()),
    })
}

/// The members of the pools whose VIPs a machine holds.
fn balanced(status: &MachineStatus, output: &Output) -> anyhow::Result<()> {
    if status.balanced.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["VIP of", "Member", "State", "Conn."]).right(3);
    for pool in &status.balanced {
        for member in &pool.members {
            table.row([
                pool.pool.clone(),
                member.member.clone(),
                member.state.clone(),
                member.open.to_string(),
            ]);
        }
    }
    output.line("")?;
    output.table(&table)
}

/// One line about what came by a reverse proxy.
fn published(name: &str, status: &MachineStatus, output: &Output) -> anyhow::Result<()> {
    let Some(proxy) = &status.published else {
        return Ok(());
    };
    let count = |name: &str| proxy.counted.get(name).copied().unwrap_or_default();
    let refused = count("refused") + count("misdirected") + count("outside_malformed");
    output.line(format!(
        "{name}: {} connections from outside, {} requests passed on, {refused} refused, {} without an answer",
        proxy.connections,
        count("passed"),
        count("unanswered"),
    ))
}

/// One line about a machine that has sources it does not serve.
fn abuse(name: &str, status: &MachineStatus, output: &Output) -> anyhow::Result<()> {
    let Some(abuse) = &status.abuse else {
        return Ok(());
    };
    let shut = abuse
        .sources
        .iter()
        .filter(|source| source.gets != "served");
    match shut.count() {
        0 => Ok(()),
        count => output.line(format!(
            "{name}: {count} sources are not served as usual; `vestibule limits show` tells which"
        )),
    }
}

/// One line about each machine that a name service leaves out of its answers.
fn health(name: &str, status: &MachineStatus, output: &Output) -> anyhow::Result<()> {
    let away = status.health.iter().filter(|one| one.standing != "up");
    away.into_iter().try_for_each(|one| {
        let fault = one.fault.as_ref().map(|fault| format!(": {fault}"));
        output.line(format!(
            "{name} sees {} {}{}",
            one.member,
            one.standing,
            fault.unwrap_or_default()
        ))
    })
}

/// One line about what a machine traces, and one about what is wrong with that.
fn logging(name: &str, status: &MachineStatus, output: &Output) -> anyhow::Result<()> {
    let logging = &status.logging;
    let running = match &*logging.running {
        [] => "nothing".to_owned(),
        all => all.join(", "),
    };
    output.line(format!(
        "{name} traces {running}: {} records kept, {} dropped, {} of {} used",
        logging.kept,
        logging.dropped,
        size(logging.bytes),
        size(logging.bytes_max),
    ))?;
    match &logging.trouble {
        Some(trouble) => output.line(format!("{name}: {trouble}")),
        None => Ok(()),
    }
}

fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = UNITS.iter().find(|(_, unit)| bytes >= *unit);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(name, unit)| format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
    )
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
        number(soonest.map(|days| format!("{days} d"))),
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
