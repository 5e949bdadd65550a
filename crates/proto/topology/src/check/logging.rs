//! Logging: scenarios by the names of what they listen to, and how much is kept.

use std::ops::Range;
use std::time::Duration;

use logs::{Component, Flags, Level, Scenario, ScenarioError, Scenarios, UnknownName, Watch};

use super::settings;
use crate::Logging;
use crate::fault::{Rule, Sink};
use crate::raw::{At, Raw, RawScenario, RawWatch};

/// A file of this size holds some hundred thousand records, and is read within a second.
const FILE_SIZE: usize = 32 << 20;
const FILE_SIZE_BOUNDS: (usize, usize, &str) = (1 << 20, 1 << 30, "write 1MiB to 1024MiB");
/// As the original.
const FILE_AGE: Duration = Duration::from_secs(3600);
const FILE_AGE_BOUNDS: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(7 * 86_400));
/// As the original: two weeks, within which somebody has complained.
const RETENTION: Duration = Duration::from_secs(14 * 86_400);
const RETENTION_BOUNDS: (Duration, Duration) =
    (Duration::from_secs(3600), Duration::from_secs(366 * 86_400));
/// A fifth. The original has four fifths, of volumes that hold nothing else; ours share one with the directory,
/// registrations and kept messages, and usually with the whole system.
const DISK_SHARE: u8 = 20;
const DISK_SHARE_BOUNDS: (u8, u8) = (1, 90);
/// What others fill is not for traces to fill up.
const KEEP_FREE: u8 = 5;
const KEEP_FREE_BOUNDS: (u8, u8) = (0, 90);
/// A second of a busy machine that traces everything, while the disk is slow.
const QUEUE: usize = 16 << 20;
const QUEUE_BOUNDS: (usize, usize, &str) = (64 << 10, 256 << 20, "write 64KiB to 256MiB");
/// The original has 5000; a busy machine that traces every message in and out has more.
const THROTTLE: u32 = 50_000;

/// Returns what is logged and how much of it is kept.
pub(super) fn logging(raw: &Raw, sink: &mut Sink) -> Logging {
    let written = &raw.logging;
    let size = settings::size(&written.file_size, FILE_SIZE, FILE_SIZE_BOUNDS, sink);
    Logging {
        scenarios: scenarios(&written.scenario, sink),
        file_size: u64::try_from(size).unwrap_or(u64::MAX),
        file_age: settings::duration(&written.file_age, FILE_AGE, FILE_AGE_BOUNDS, sink),
        retention: settings::duration(&written.retention, RETENTION, RETENTION_BOUNDS, sink),
        disk_share: percent(&written.disk_share, DISK_SHARE, DISK_SHARE_BOUNDS, sink),
        keep_free: percent(&written.keep_free, KEEP_FREE, KEEP_FREE_BOUNDS, sink),
        queue: settings::size(&written.queue, QUEUE, QUEUE_BOUNDS, sink),
        throttle: settings::one_or_more(
            &written.throttle,
            THROTTLE,
            "0 would silence every component",
            sink,
        ),
        bodies: written.bodies.unwrap_or(false),
    }
}

fn percent(at: &Option<At<u8>>, usual: u8, (least, most): (u8, u8), sink: &mut Sink) -> u8 {
    match at {
        None => usual,
        Some(at) if (least..=most).contains(&at.value) => at.value,
        Some(at) => {
            let message = format!("{} per cent is out of range", at.value);
            let help = format!("write {least} to {most}");
            sink.report(&at.span, Rule::Range, message, help);
            usual
        }
    }
}

fn scenarios(written: &[At<RawScenario>], sink: &mut Sink) -> Scenarios {
    let mut own: Vec<Scenario> = Vec::new();
    for at in written {
        let Some((name, scenario)) = scenario(&at.value, sink) else {
            continue;
        };
        own.push(scenario);
        // Asked of each one, so that the place is told at which it became too much.
        if let Err(error) = Scenarios::with(own.clone()) {
            report(&name, &error, sink);
            own.pop();
        }
    }
    Scenarios::with(own).unwrap_or_default()
}

fn scenario(raw: &RawScenario, sink: &mut Sink) -> Option<(Range<usize>, Scenario)> {
    let name = raw.name.as_ref()?;
    let read: Vec<Option<Watch>> = raw
        .watch
        .iter()
        .map(|one| watch(&one.value, sink))
        .collect();
    let all: Option<Vec<Watch>> = read.into_iter().collect();
    match Scenario::new(&name.value, all?) {
        Ok(scenario) => Some((name.span.clone(), scenario)),
        Err(error) => {
            report(&name.span, &error, sink);
            None
        }
    }
}

fn report(at: &Range<usize>, error: &ScenarioError, sink: &mut Sink) {
    let (rule, help) = match error {
        ScenarioError::Name(_) => (Rule::Name, "as in \"SlowSignIn\""),
        ScenarioError::Empty(_) => (
            Rule::Empty,
            "add a [[logging.scenario.watch]] with a component",
        ),
        ScenarioError::Twice { .. } => (
            Rule::Duplicate,
            "write one entry for each component, with the flags of both",
        ),
        ScenarioError::Taken(_) => (Rule::Duplicate, "remove one, or give it another name"),
        ScenarioError::TooMany(_) => (Rule::TooMany, "remove those that nobody starts"),
    };
    sink.report(at, rule, error.to_string(), help);
}

/// Without a level it is Info, without flags all of them.
fn watch(raw: &RawWatch, sink: &mut Sink) -> Option<Watch> {
    let component = word::<Component>(raw.component.as_ref()?, sink);
    let level = match &raw.level {
        Some(at) => word(at, sink),
        None => Some(Level::Info),
    };
    let flags = match &raw.flags {
        Some(list) => flags(list, sink),
        None => Some(Flags::ALL),
    };
    Some(Watch::of(component?, level?, flags?))
}

fn flags(list: &At<Vec<At<String>>>, sink: &mut Sink) -> Option<Flags> {
    if list.value.is_empty() {
        let help = "name at least one flag, or remove the key for all of them";
        sink.report(&list.span, Rule::Empty, "`flags` is empty", help);
    }
    let read: Vec<Option<Flags>> = list.value.iter().map(|at| flag(at, sink)).collect();
    let all: Option<Vec<Flags>> = read.into_iter().collect();
    all.map(|all| all.into_iter().fold(Flags::NONE, Flags::with))
}

/// One flag, or `All`; what joins several, or says that there are none, has no place in a list.
fn flag(at: &At<String>, sink: &mut Sink) -> Option<Flags> {
    let is_one = !at.value.contains('|') && at.value != "-";
    if is_one {
        return word(at, sink);
    }
    let message = format!("\"{}\" is not one flag", at.value);
    let help = "write each in quotes of its own";
    sink.report(&at.span, Rule::UnknownWord, message, help);
    None
}

/// A misspelt word would silently capture nothing.
fn word<T: std::str::FromStr<Err = UnknownName>>(at: &At<String>, sink: &mut Sink) -> Option<T> {
    let read = at.value.parse();
    let report = |error: &UnknownName| {
        let message = format!("there is no {} \"{}\"", error.kind, error.name);
        let help = match &error.hint {
            Some(hint) => format!("did you mean \"{hint}\"?"),
            None => format!("there are: {}", error.known),
        };
        sink.report(&at.span, Rule::UnknownWord, message, help);
    };
    read.inspect_err(report).ok()
}
