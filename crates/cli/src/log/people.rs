//! A record on one line, for people.
//!
//! ```text
//! 2026-11-26T08:00:00.123456Z fe01 SipStack Info    <- INVITE sip:bob@example.com from dir01.example.com  call-id=a84b
//! ```
//!
//! The time can be given to `--from` as it stands, the Call-ID to `--call-id`.

use std::fmt::Write as _;

use logs::{Component, Direction, Level, Record};
use roles::controlling::Target;

/// How records are written.
pub(super) struct People {
    colour: bool,
    full: bool,
    /// Whether the first label of a name tells machines apart.
    short: bool,
    machine: usize,
    component: usize,
    level: usize,
}

impl People {
    /// Fits the columns to the machines that are asked.
    pub(super) fn of(targets: &[Target], full: bool, colour: bool) -> Self {
        let mut labels: Vec<&str> = targets.iter().map(|one| label(&one.machine)).collect();
        let all = labels.len();
        labels.sort_unstable();
        labels.dedup();
        // Of files it is not known which machines they have.
        let short = all > 0 && labels.len() == all;
        let widest = |names: &[&str]| names.iter().map(|name| name.len()).max().unwrap_or(0);
        let names: Vec<&str> = targets.iter().map(|one| &*one.machine).collect();
        Self {
            colour,
            full,
            short,
            machine: widest(if short { &labels } else { &names }),
            component: widest(Component::NAMES),
            level: widest(Level::NAMES),
        }
    }

    /// Adds a record.
    pub(super) fn write(&self, record: &Record, out: &mut String) {
        let machine: &str = if self.short {
            label(&record.machine)
        } else {
            &record.machine
        };
        let (begin, end) = self.colours(record.level);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{begin}{} {machine:<mw$} {:<cw$} {:<lw$} {}{end}",
            record.time,
            record.component,
            record.level,
            summary(record),
            mw = self.machine,
            cw = self.component,
            lw = self.level,
        );
        if self.full {
            for line in record.text.lines() {
                let _ = writeln!(out, "    {line}");
            }
        }
    }

    const fn colours(&self, level: Level) -> (&'static str, &'static str) {
        if !self.colour {
            return ("", "");
        }
        match level {
            Level::Fatal | Level::Error => ("\x1b[31m", "\x1b[0m"),
            Level::Warning => ("\x1b[33m", "\x1b[0m"),
            Level::Info => ("", ""),
            Level::Verbose | Level::Debug => ("\x1b[2m", "\x1b[0m"),
        }
    }
}

fn label(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// What happened, in as few words as the record has.
fn summary(record: &Record) -> String {
    let mut parts: Vec<String> = Vec::new();
    let arrow = record.direction.map(|direction| match direction {
        Direction::In => "<-",
        Direction::Out => "->",
    });
    parts.extend(arrow.map(str::to_owned));
    parts.extend(record.status.map(|status| status.to_string()));
    parts.extend(record.method.as_ref().map(ToString::to_string));
    if record.status.is_none() || record.call_id.is_none() {
        parts.extend(record.request.as_ref().map(ToString::to_string));
    }
    let peer = record.peer_name.as_ref().map(ToString::to_string);
    let peer = peer.or_else(|| record.peer.map(|peer| peer.to_string()));
    if let Some(peer) = peer {
        parts.push(match record.direction {
            Some(Direction::In) => format!("from {peer}"),
            Some(Direction::Out) => format!("to {peer}"),
            None => format!("({peer})"),
        });
    }
    match (&record.decision, &record.reason) {
        (Some(decision), Some(reason)) => parts.push(format!("{decision}: {reason}")),
        (Some(one), None) | (None, Some(one)) => parts.push(one.to_string()),
        (None, None) => {}
    }
    if record.method.is_none() && record.decision.is_none() && record.reason.is_none() {
        parts.extend(record.text.lines().next().map(str::to_owned));
    }
    if let Some(call_id) = &record.call_id {
        parts.push(format!(" call-id={call_id}"));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use logs::{Flags, Time};

    use super::*;

    fn record(level: Level) -> Record {
        let mut record = Record::new(
            Time::parse("2026-11-26T08:00:00.5Z").unwrap(),
            "fe01.contoso.net".into(),
            Component::SipStack,
            level,
            Flags::PROTOCOL,
        );
        record.text = "INVITE sip:bob@contoso.com SIP/2.0\nVia: x\n".into();
        record
    }

    fn people(full: bool, colour: bool) -> People {
        People {
            colour,
            full,
            short: true,
            machine: 6,
            component: 8,
            level: 7,
        }
    }

    fn line(people: &People, record: &Record) -> String {
        let mut out = String::new();
        people.write(record, &mut out);
        out
    }

    #[test]
    fn a_message_says_which_way_to_whom_and_of_which_call() {
        let mut invite = record(Level::Info);
        invite.direction = Some(Direction::In);
        invite.method = Some("INVITE".into());
        invite.request = Some("sip:bob@contoso.com".into());
        invite.peer_name = Some("dir01.contoso.net".into());
        invite.call_id = Some("a84b".into());
        assert_eq!(
            line(&people(true, false), &invite),
            "2026-11-26T08:00:00.500000Z fe01   SipStack Info    <- INVITE sip:bob@contoso.com from dir01.contoso.net  \
             call-id=a84b\n    INVITE sip:bob@contoso.com SIP/2.0\n    Via: x\n"
        );
        let mut answer = invite;
        (answer.direction, answer.status) = (Some(Direction::Out), Some(403));
        (answer.decision, answer.reason) = (Some("refused".into()), Some("no such user".into()));
        let line = line(&people(false, false), &answer);
        assert!(
            line.ends_with(
                "-> 403 INVITE to dir01.contoso.net refused: no such user  call-id=a84b\n"
            ),
            "{line}"
        );
    }

    #[test]
    fn what_has_only_words_shows_the_first_of_them_in_the_colour_of_its_level() {
        let shown = line(&people(false, true), &record(Level::Error));
        assert!(
            shown.starts_with("\x1b[31m2026") && shown.ends_with("SIP/2.0\x1b[0m\n"),
            "{shown}"
        );
        assert!(!line(&people(false, true), &record(Level::Info)).contains('\x1b'));
    }
}
