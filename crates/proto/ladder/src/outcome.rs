//! What came of it, in one sentence, and what else to know.

use logs::Record;

use crate::known::Known;
use crate::model::{Arrow, Event, Ladder, Remark, Row, Seen};
use crate::words::{cut, label, plain, span, spoken};

/// A clock that is off by less is not worth a remark, in microseconds.
const WORTH_SAYING: u64 = 1000;
/// So long may a reason be in the sentence, in columns.
const LONGEST: usize = 200;

/// Fills in the sentence and the remarks.
pub(crate) fn tell(ladder: &mut Ladder, known: &Known) {
    let (sentence, is_good) = sentence(ladder);
    ladder.sentence = sentence;
    ladder.is_good = is_good;
    ladder.remarks = remarks(ladder);
    ladder.remarks.extend(others_missing(ladder, known));
}

/// Machines that gave no records and may have had some, though nobody spoke of them.
fn others_missing(ladder: &Ladder, known: &Known) -> Vec<Remark> {
    let is_drawn = |name: &str| ladder.parties.iter().any(|party| party.name == name);
    let others = known.servers.iter().filter(|(name, _)| !is_drawn(name));
    let missing = others.filter_map(|(name, server)| Some((name, server.missing.as_deref()?)));
    missing
        .map(|(name, why)| Remark(format!("{name} gave no records: {}", plain(why))))
        .collect()
}

fn sentence(ladder: &Ladder) -> (String, Option<bool>) {
    let requests = ladder.arrows().filter(|arrow| status(arrow).is_none());
    let Some((first, record)) = requests
        .filter_map(|arrow| arrow.record().map(|record| (arrow, record)))
        .next()
    else {
        return match ladder.arrows().next() {
            Some(_) => (
                "Only answers were recorded, and no request.".to_owned(),
                None,
            ),
            None if ladder.rows.is_empty() => ("No message was recorded.".to_owned(), None),
            None => (
                "No SIP message belongs to it; what machines did about it is shown.".to_owned(),
                None,
            ),
        };
    };
    let what = subject(ladder, first, record);
    let method = record.method.as_deref().unwrap_or_default();
    let Some(last) = last_answer(ladder, first, method) else {
        return (unanswered(ladder, &what, method), None);
    };
    let (Some(code), Some(answer)) = (status(last), last.record()) else {
        return (what, None);
    };
    let took = span(last.at().saturating_sub(first.at()));
    let answer = cut(&label(answer), 60, false);
    match code {
        200..300 if method == "INVITE" => (talked(ladder, first, &what, &answer, last), Some(true)),
        200..300 => {
            let by = by(ladder, last, "answered");
            (
                format!("{what} succeeded after {took} with {answer}{by}."),
                Some(true),
            )
        }
        487 if was_cancelled(ladder) => (format!("{what} was cancelled after {took}."), Some(true)),
        300..=399 => {
            let by = by(ladder, last, "decided");
            let ended = format!("{what} was sent elsewhere with {answer}{by}");
            (format!("{ended}; nobody followed in this flow."), None)
        }
        401 | 407 => {
            let by = by(ladder, last, "asked");
            (
                format!(
                    "{what} was asked for credentials with {answer}{by}; none that were right came."
                ),
                Some(false),
            )
        }
        _ => {
            let by = by(ladder, last, "decided");
            (
                format!("{what} failed after {took} with {answer}{by}."),
                Some(false),
            )
        }
    }
}

/// Who asks for what: `INVITE from alice@a to bob@b`.
fn subject(ladder: &Ladder, first: &Arrow, record: &Record) -> String {
    let name = |uri: &Option<logs::Value>| {
        uri.as_deref()
            .map(|uri| cut(&plain(spoken(uri)), 80, false))
    };
    let method = plain(record.method.as_deref().unwrap_or_default());
    let from = name(&record.from).unwrap_or_else(|| ladder.name(first.from).to_owned());
    if method == "REGISTER" {
        let who = name(&record.to).unwrap_or(from);
        return format!("REGISTER of {who}");
    }
    let to = name(&record.to).or_else(|| name(&record.request));
    let to = to.map(|to| format!(" to {to}")).unwrap_or_default();
    format!("{method} from {from}{to}")
}

/// The last final answer to requests of a method; of several that of the latest request, nearest to who began.
fn last_answer<'a>(ladder: &'a Ladder, first: &Arrow, method: &str) -> Option<&'a Arrow> {
    let finals = ladder.arrows().filter(|arrow| {
        let record = arrow.record();
        let is_method = record.is_some_and(|record| record.method.as_deref() == Some(method));
        is_method && status(arrow).is_some_and(|status| status >= 200)
    });
    // A call that stands is asked again (re-INVITE); whether it came about says the first success.
    let is_success = |arrow: &Arrow| status(arrow).is_some_and(|status| status < 300);
    let begins = |arrow: &Arrow| arrow.to == first.from;
    let cseq = |arrow: &Arrow| arrow.record().and_then(|record| record.cseq);
    let mut best: Option<&Arrow> = None;
    for arrow in finals {
        let is_better = best.is_none_or(|best| {
            if method == "INVITE" && is_success(best) && begins(best) {
                return false;
            }
            (cseq(arrow), begins(arrow)) >= (cseq(best), begins(best))
        });
        if is_better && arrow.copy == 0 {
            best = Some(arrow);
        }
    }
    best
}

/// Who made an answer, and why, as far as records say.
fn by(ladder: &Ladder, answer: &Arrow, verb: &str) -> String {
    let origin = origin(ladder, answer);
    let name = ladder.name(origin.from);
    if !ladder.is_ours(origin.from) {
        return format!(", from {name}");
    }
    match decision(ladder, origin) {
        Some(event) => format!(", {verb} by {name}: {}", reason(&event.record)),
        None => format!(", from {name}, which has no record of why"),
    }
}

/// Goes back along the hops that an answer came by, to who made it.
fn origin<'a>(ladder: &'a Ladder, answer: &'a Arrow) -> &'a Arrow {
    let mut origin = answer;
    let key = |arrow: &Arrow| {
        let record = arrow.record()?;
        Some((record.cseq, record.method.clone(), record.status))
    };
    let before: Vec<&Arrow> = ladder
        .arrows()
        .take_while(|arrow| arrow.number < answer.number)
        .collect();
    for arrow in before.into_iter().rev() {
        if arrow.to == origin.from && key(arrow) == key(origin) {
            origin = arrow;
        }
    }
    origin
}

/// What was decided last about the request where its answer was made; better one that names the status.
fn decision<'a>(ladder: &'a Ladder, answer: &Arrow) -> Option<&'a Event> {
    let record = answer.record()?;
    let mut found: Option<&Event> = None;
    for row in &ladder.rows {
        match row {
            Row::Message(arrow) if arrow.number == answer.number => break,
            Row::Event(event) if event.party == answer.from => {
                let is_of_it = event.record.decision.is_some()
                    && (event.record.cseq.is_none() || event.record.cseq == record.cseq)
                    && (event.record.method.is_none() || event.record.method == record.method);
                let names_it = |event: &Event| event.record.status == record.status;
                if is_of_it && (names_it(event) || !found.is_some_and(names_it)) {
                    found = Some(event);
                }
            }
            Row::Message(_) | Row::Event(_) => {}
        }
    }
    found
}

fn reason(record: &Record) -> String {
    let reason = record.reason.as_deref().or(record.decision.as_deref());
    cut(&plain(reason.unwrap_or_default()), LONGEST, false)
}

fn unanswered(ladder: &Ladder, what: &str, method: &str) -> String {
    let provisional = ladder.arrows().filter(|arrow| {
        let record = arrow.record();
        record.is_some_and(|record| {
            record.method.as_deref() == Some(method) && record.status.is_some()
        })
    });
    let last = provisional.last();
    let last = last.and_then(|arrow| {
        let origin = origin(ladder, arrow);
        Some((label(arrow.record()?), ladder.name(origin.from)))
    });
    let heard = match last {
        Some((label, name)) => format!("the last that was heard is {label} from {name}"),
        None => {
            let requests = ladder.arrows().filter(|arrow| status(arrow).is_none());
            let far = requests.last().map_or("", |arrow| ladder.name(arrow.to));
            format!("the last record is of a request to {far}")
        }
    };
    format!("{what} has no final answer in these records; {heard}.")
}

/// A call that came about, and how it ended.
fn talked(ladder: &Ladder, first: &Arrow, what: &str, answer: &str, last: &Arrow) -> String {
    let origin = origin(ladder, last);
    let by = ladder.name(origin.from);
    let waited = span(last.at().saturating_sub(first.at()));
    let bye = ladder.arrows().find(|arrow| {
        let record = arrow.record();
        record.is_some_and(|record| {
            record.method.as_deref() == Some("BYE") && record.status.is_none()
        })
    });
    let end = match bye {
        Some(bye) => {
            let lasted = span(bye.at().saturating_sub(last.at()));
            format!("; {} ended the call after {lasted}", ladder.name(bye.from))
        }
        None => "; no end of the call is recorded".to_owned(),
    };
    format!("{what} was answered after {waited} with {answer} by {by}{end}.")
}

fn was_cancelled(ladder: &Ladder) -> bool {
    ladder.arrows().any(|arrow| {
        let record = arrow.record();
        record.is_some_and(|record| record.method.as_deref() == Some("CANCEL"))
    })
}

fn status(arrow: &Arrow) -> Option<u16> {
    arrow.record().and_then(|record| record.status)
}

fn remarks(ladder: &Ladder) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (place, party) in ladder.parties.iter().enumerate() {
        if let Some(why) = &party.missing {
            remarks.push(format!("{} gave no records: {}", party.name, plain(why)));
        }
        if party.ahead.unsigned_abs() >= WORTH_SAYING {
            let way = if party.ahead > 0 {
                "ahead of"
            } else {
                "behind"
            };
            remarks.push(format!(
                "the clock of {} is {} {way} the others; times here are corrected",
                party.name,
                span(party.ahead.unsigned_abs())
            ));
        }
        let lost = |seen: Seen, end: fn(&Arrow) -> usize| {
            let mine = ladder
                .arrows()
                .filter(|arrow| arrow.seen == seen && end(arrow) == place);
            mine.count()
        };
        let (inn, out) = (
            lost(Seen::NotReceived, |arrow| arrow.to),
            lost(Seen::NotSent, |arrow| arrow.from),
        );
        if inn + out > 0 {
            remarks.push(format!(
                "{} has no record of {} that others exchanged with it (drawn with gaps)",
                party.name,
                messages(inn + out)
            ));
        }
    }
    let copies = ladder.arrows().filter(|arrow| arrow.copy > 0).count();
    if copies > 0 {
        let verb = if copies == 1 { "was" } else { "were" };
        remarks.push(format!("{} {verb} sent again", messages(copies)));
    }
    let confused = ladder.arrows().filter(|arrow| arrow.is_out_of_time).count();
    if confused > 0 {
        remarks.push(format!(
            "{} would arrive before being sent whatever the clocks were: a clock was set meanwhile",
            messages(confused)
        ));
    }
    if ladder.left_out > 0 {
        remarks.push(format!(
            "{} later records are left out: this shows the first {}",
            ladder.left_out,
            crate::MOST_RECORDS
        ));
    }
    remarks.into_iter().map(Remark).collect()
}

fn messages(many: usize) -> String {
    if many == 1 {
        "1 message".to_owned()
    } else {
        format!("{many} messages")
    }
}
