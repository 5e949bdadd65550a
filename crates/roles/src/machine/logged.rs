//! What a machine tells of its logging agent.

use logs::wire::AgentStatus;
use runtime::metrics::{Kind, Page};
use serde::{Deserialize, Serialize};

use crate::logging::Agent;

/// How a machine's logging agent is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggingStatus {
    /// Which scenarios run, until when and started by whom.
    pub running: Vec<String>,
    /// Records kept since the start.
    pub kept: u64,
    /// Records dropped since the start.
    pub dropped: u64,
    /// Trace files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many bytes they may take.
    pub bytes_max: u64,
    /// Bytes free on their file system.
    pub free: u64,
    /// The time of the oldest record.
    pub oldest: Option<String>,
    /// Components that are silenced, since they talk too much.
    pub silenced: Vec<String>,
    /// What is wrong, and what is done about it.
    pub trouble: Option<String>,
}

/// For `vestibule status`.
pub(super) fn status(agent: &Agent) -> LoggingStatus {
    let AgentStatus {
        version: _,
        now: _,
        kept,
        dropped,
        trouble,
        files,
        bytes,
        bytes_max,
        free,
        oldest,
        running,
        silenced,
    } = agent.status();
    LoggingStatus {
        running: running.iter().map(ToString::to_string).collect(),
        kept,
        dropped,
        files,
        bytes,
        bytes_max,
        free,
        oldest: oldest.map(|time| time.to_string()),
        silenced: silenced.iter().map(ToString::to_string).collect(),
        trouble,
    }
}

/// For a monitoring system.
pub(super) fn write(agent: &Agent, machine: &str, page: &mut Page) {
    let own = [("machine", machine)];
    let stats = agent.stats();
    let dropped = [
        ("queue", stats.dropped_full),
        ("throttle", stats.dropped_throttled),
        ("disk", stats.dropped_disk),
    ];
    let name = "vestibule_log_dropped";
    let help = "Trace records dropped: the queue was full, a component talked too much, the disk took no more.";
    page.metric(name, Kind::Counter, help);
    for (why, count) in dropped {
        page.value(name, &[("machine", machine), ("why", why)], count);
    }
    let [followed, refused, strangers] = agent.counts().all();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let (counter, gauge) = (Kind::Counter, Kind::Gauge);
    let troubled = u64::from(agent.status().trouble.is_some());
    for (name, kind, help, value) in [
        ("kept", counter, "Trace records kept.", stats.kept),
        (
            "files_removed",
            counter,
            "Trace files removed for their age or for want of room.",
            stats.removed,
        ),
        (
            "commands",
            counter,
            "Commands of operators that were followed.",
            followed,
        ),
        (
            "commands_refused",
            counter,
            "Commands that were refused.",
            refused,
        ),
        (
            "strangers",
            counter,
            "Connections to the logging agent that ended in their handshake.",
            strangers,
        ),
        (
            "trouble",
            gauge,
            "1 while something is wrong with the logging agent.",
            troubled,
        ),
        (
            "scenarios",
            gauge,
            "Logging scenarios that run.",
            count(agent.status().running.len()),
        ),
        (
            "silenced",
            gauge,
            "Components that are silenced, since they talk too much.",
            count(stats.silenced.len()),
        ),
        ("files", gauge, "Trace files.", count(stats.files)),
        ("bytes", gauge, "Bytes of trace files.", stats.bytes),
        (
            "bytes_max",
            gauge,
            "Bytes that trace files may take.",
            stats.bytes_max,
        ),
    ] {
        let name = format!("vestibule_log_{name}");
        page.metric(&name, kind, help).value(&name, &own, value);
    }
}
