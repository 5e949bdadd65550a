//! What a machine records of its own process: that it started, was told to load its certificates again, ends.

use logs::{Component, Flags, Level, Value};

use super::Shared;

/// Records an event of the process; `reason` is for people.
pub(super) fn record(shared: &Shared, level: Level, decision: &'static str, reason: &str) {
    let recorder = shared.agent.recorder();
    recorder.record(Component::Process, level, Flags::DIAG, |record| {
        record.decision = Some(decision.into());
        record.reason = Some(Value::new(reason));
    });
}

/// Records that the machine serves from here on.
pub(super) fn started(shared: &Shared) {
    let open = shared
        .status()
        .listeners
        .iter()
        .filter(|one| one.open)
        .count();
    let reason = format!(
        "vestibule {} as process {}, {open} ports open",
        env!("CARGO_PKG_VERSION"),
        std::process::id(),
    );
    record(shared, Level::Info, "started", &reason);
}
