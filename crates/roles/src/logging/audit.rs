//! What the agent records of itself: who commanded what, what ended, what is wrong. Commands are recorded whatever
//! scenario runs.

use std::net::SocketAddr;
use std::time::Duration;

use logs::authority::Asker;
use logs::wire::{Refused, Request};
use logs::{Component, Flags, Level, Record, Running, Value};
use traces::{Recorder, Recovery};

/// Records a command and what became of it.
pub(super) fn command(
    recorder: &Recorder,
    (asker, from): (&Asker, SocketAddr),
    request: &Request,
    outcome: Result<(), &Refused>,
) {
    let what = request.what();
    let (name, level) = match asker {
        Asker::Operator(name) => (format!("operator {name}"), Level::Info),
        Asker::Machine(name) => (name.clone(), Level::Warning),
        Asker::Stranger => ("a stranger".to_owned(), Level::Warning),
    };
    match outcome {
        Ok(()) => tracing::info!(%from, who = name, what, "logging: a command was followed"),
        Err(why) => tracing::info!(%from, who = name, what, %why, "logging: a command was refused"),
    }
    recorder.insist(Component::Logging, level, Flags::SECURITY, |record| {
        record.peer = Some(from);
        record.peer_name = Some(Value::new(&name));
        record.request = Some(Value::new(what));
        record.decision = Some(
            if outcome.is_ok() {
                "followed"
            } else {
                "refused"
            }
            .into(),
        );
        record.reason = outcome.err().map(|why| Value::new(&why.to_string()));
        // A search is told with all that was looked for: that is what may be asked about later.
        record.text = serde_json::to_string(request)
            .unwrap_or_default()
            .as_str()
            .into();
    });
}

/// Records that a scenario has ended by itself.
pub(super) fn over(recorder: &Recorder, scenario: &Running) {
    tracing::info!(%scenario, "logging: a scenario is over");
    note(recorder, Level::Info, "over", |record| {
        record.reason = Some(Value::new(&scenario.to_string()));
    });
}

/// Records that the clock was set back, for whoever wonders about the order of records.
pub(super) fn set_back(recorder: &Recorder, by: Duration) {
    let seconds = by.as_secs();
    tracing::warn!(
        seconds,
        "the clock was set back; scenarios end as much earlier by it"
    );
    note(recorder, Level::Warning, "clock-set-back", |record| {
        record.reason = Some(Value::new(&format!("by {seconds} s")));
    });
}

/// Records that traces are kept from here on, and what a crash has left of earlier ones.
pub(super) fn opened(recorder: &Recorder, recovery: &Recovery, after: Option<&str>) {
    let Recovery {
        files,
        mended,
        unmended,
        torn_bytes,
        damaged_bytes,
    } = recovery;
    let grave = *damaged_bytes > 0 || *unmended > 0;
    let level = if grave || *torn_bytes > 0 {
        Level::Warning
    } else {
        Level::Info
    };
    if grave || *torn_bytes > 0 {
        tracing::warn!(
            files,
            mended,
            unmended,
            torn_bytes,
            damaged_bytes,
            "traces were mended"
        );
    }
    note(recorder, level, "opened", |record| {
        let mut reason = format!(
            "{files} files, {mended} mended, {unmended} cannot be mended, {torn_bytes} bytes torn, \
             {damaged_bytes} bytes damaged"
        );
        if let Some(after) = after {
            reason.push_str("; before that: ");
            reason.push_str(after);
        }
        record.reason = Some(Value::new(&reason));
    });
}

/// Records what is wrong with the agent.
pub(super) fn trouble(recorder: &Recorder, what: &str) {
    tracing::error!(what, "logging is in trouble");
    note(recorder, Level::Error, "trouble", |record| {
        record.reason = Some(Value::new(what));
    });
}

fn note(recorder: &Recorder, level: Level, decision: &'static str, fill: impl FnOnce(&mut Record)) {
    recorder.record(Component::Logging, level, Flags::DIAG, |record| {
        record.decision = Some(decision.into());
        fill(record);
    });
}
