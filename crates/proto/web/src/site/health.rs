//! How a machine is, judged from what it found out: the answer of `/health`.
//!
//! The words are those of the health check draft (`application/health+json`): `pass`, `warn`, `fail`, for the whole and
//! for each part. Whoever balances looks at the status alone: 200 while the machine can serve, 503 when it cannot, or
//! should get nothing new. To clients outside nothing is said that names a machine.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::Location;

/// A copy of the directory older than this is told, although it still serves.
const OLD_COPY: Duration = Duration::from_secs(60);
/// With less than this share of a disk free, in thousandths, there is a warning; with less than [`FULL`] nothing is safe.
const FILLING: u64 = 50;
const FULL: u64 = 10;
/// With less than this left of a certificate there is a warning: renewals are made before.
const RENEW: i64 = 14;

/// What a machine has found out about itself.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Its SIP side, if it has one.
    pub sip: Option<SipFacts>,
    /// Its users, if it knows them.
    pub directory: Option<DirectoryFacts>,
    /// The disk that its state is on.
    pub disk: DiskFacts,
    /// Days left of each certificate; negative when it has ended.
    pub certificates: Vec<i64>,
}

/// The SIP side.
#[derive(Clone, Copy, Debug)]
pub struct SipFacts {
    /// Whether every listener is open.
    pub listening: bool,
    /// Whether the machine is about to end.
    pub draining: bool,
}

/// The directory of users.
#[derive(Clone, Copy, Debug)]
pub enum DirectoryFacts {
    /// This machine has the original.
    Master,
    /// It has a copy, which was last known to be whole so long ago.
    Copy(Duration),
    /// It has the copy of an earlier run, and has not heard the original since.
    Kept,
    /// It has a copy, and nothing is in it yet.
    Empty,
}

/// The disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskFacts {
    /// Whether it takes what is written.
    pub writable: bool,
    /// Bytes that are left for us.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
}

/// How one part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Pass,
    Warn,
    Fail,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

struct Part {
    name: &'static str,
    state: State,
    value: Value,
    unit: Option<&'static str>,
}

/// Judges the facts: the status, and what is told.
pub(super) fn report(facts: &Facts, location: Location, machine: &str) -> (StatusCode, Vec<u8>) {
    let parts = parts(facts);
    let worst = parts.iter().map(|part| part.state).max();
    let worst = worst.unwrap_or(State::Pass);
    let mut checks = Map::new();
    for part in parts {
        let mut told = Map::new();
        told.insert("status".to_owned(), part.state.word().into());
        told.insert("observedValue".to_owned(), part.value);
        if let Some(unit) = part.unit {
            told.insert("observedUnit".to_owned(), unit.into());
        }
        checks.insert(part.name.to_owned(), json!([told]));
    }
    let mut whole = Map::new();
    whole.insert("status".to_owned(), worst.word().into());
    if location == Location::Inside {
        whole.insert("serviceId".to_owned(), machine.into());
    }
    whole.insert("checks".to_owned(), checks.into());
    let status = match worst {
        State::Pass | State::Warn => StatusCode::OK,
        State::Fail => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Value::from(whole).to_string().into_bytes())
}

fn parts(facts: &Facts) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(sip) = facts.sip {
        parts.push(sip_part(sip));
    }
    if let Some(directory) = facts.directory {
        parts.push(directory_part(directory));
    }
    parts.push(disk_part(facts.disk));
    if let Some(days) = facts.certificates.iter().min() {
        parts.push(certificate_part(*days));
    }
    parts
}

fn sip_part(sip: SipFacts) -> Part {
    let (state, value) = match sip {
        SipFacts { draining: true, .. } => (State::Fail, "draining"),
        SipFacts {
            listening: false, ..
        } => (State::Fail, "closed"),
        SipFacts {
            listening: true, ..
        } => (State::Pass, "listening"),
    };
    Part {
        name: "sip:listener",
        state,
        value: value.into(),
        unit: None,
    }
}

/// An old copy still serves: a Director answers from it while every Front End is away. An empty one serves nobody.
fn directory_part(directory: DirectoryFacts) -> Part {
    let (state, value) = match directory {
        DirectoryFacts::Master => (State::Pass, 0.into()),
        DirectoryFacts::Copy(age) if age <= OLD_COPY => (State::Pass, age.as_secs().into()),
        DirectoryFacts::Copy(age) => (State::Warn, age.as_secs().into()),
        DirectoryFacts::Kept => (State::Warn, Value::Null),
        DirectoryFacts::Empty => (State::Fail, Value::Null),
    };
    Part {
        name: "directory:age",
        state,
        value,
        unit: Some("s"),
    }
}

fn disk_part(disk: DiskFacts) -> Part {
    let free = disk.free.saturating_mul(1000).checked_div(disk.size);
    let state = match free {
        _ if !disk.writable => State::Fail,
        None => State::Fail,
        Some(free) if free < FULL => State::Fail,
        Some(free) if free < FILLING => State::Warn,
        Some(_) => State::Pass,
    };
    let value = if disk.writable {
        disk.free.into()
    } else {
        Value::from("not writable")
    };
    Part {
        name: "disk:free",
        state,
        value,
        unit: disk.writable.then_some("bytes"),
    }
}

fn certificate_part(days: i64) -> Part {
    let state = match days {
        ..0 => State::Fail,
        0..RENEW => State::Warn,
        RENEW.. => State::Pass,
    };
    Part {
        name: "certificate:remaining",
        state,
        value: days.into(),
        unit: Some("d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Facts {
        Facts {
            sip: Some(SipFacts {
                listening: true,
                draining: false,
            }),
            directory: Some(DirectoryFacts::Copy(Duration::from_secs(1))),
            disk: DiskFacts {
                writable: true,
                free: 500,
                size: 1000,
            },
            certificates: vec![30, 90],
        }
    }

    fn told(facts: &Facts) -> (u16, Value) {
        let (status, body) = report(facts, Location::Inside, "dir01.contoso.net");
        (status.as_u16(), serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn a_machine_that_is_well_says_so_part_by_part() {
        let (status, body) = told(&well());
        assert_eq!((status, &body["status"]), (200, &"pass".into()));
        assert_eq!(body["serviceId"], "dir01.contoso.net");
        let checks = body["checks"].as_object().unwrap();
        let names: Vec<&String> = checks.keys().collect();
        assert_eq!(
            names,
            [
                "certificate:remaining",
                "directory:age",
                "disk:free",
                "sip:listener"
            ]
        );
        assert_eq!(checks["certificate:remaining"][0]["observedValue"], 30);
    }

    #[test]
    fn nobody_outside_is_told_a_machine() {
        let (_, body) = report(&well(), Location::Outside, "dir01.contoso.net");
        assert!(!String::from_utf8(body).unwrap().contains("dir01"));
    }

    #[test]
    fn each_part_alone_turns_the_whole() {
        type Spoil = fn(&mut Facts);
        let cases: [(Spoil, &str, &str, u16); 12] = [
            (
                |f| {
                    f.sip = f.sip.map(|s| SipFacts {
                        draining: true,
                        ..s
                    })
                },
                "sip:listener",
                "fail",
                503,
            ),
            (
                |f| {
                    f.sip = f.sip.map(|s| SipFacts {
                        listening: false,
                        ..s
                    })
                },
                "sip:listener",
                "fail",
                503,
            ),
            (
                |f| f.directory = Some(DirectoryFacts::Empty),
                "directory:age",
                "fail",
                503,
            ),
            (
                |f| f.directory = Some(DirectoryFacts::Copy(Duration::from_secs(61))),
                "directory:age",
                "warn",
                200,
            ),
            (
                |f| f.directory = Some(DirectoryFacts::Kept),
                "directory:age",
                "warn",
                200,
            ),
            (
                |f| f.directory = Some(DirectoryFacts::Master),
                "directory:age",
                "pass",
                200,
            ),
            (|f| f.disk.writable = false, "disk:free", "fail", 503),
            (|f| f.disk.free = 9, "disk:free", "fail", 503),
            (|f| f.disk.free = 49, "disk:free", "warn", 200),
            (|f| f.disk.size = 0, "disk:free", "fail", 503),
            (
                |f| f.certificates.push(-1),
                "certificate:remaining",
                "fail",
                503,
            ),
            (
                |f| f.certificates.push(13),
                "certificate:remaining",
                "warn",
                200,
            ),
        ];
        for (spoil, part, state, status) in cases {
            let mut facts = well();
            spoil(&mut facts);
            let (told, body) = told(&facts);
            assert_eq!(
                (told, &body["status"]),
                (status, &state.into()),
                "{facts:?}"
            );
            assert_eq!(body["checks"][part][0]["status"], state, "{facts:?}");
        }
    }
}
