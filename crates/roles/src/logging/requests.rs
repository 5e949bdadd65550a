//! Requests are carried out, each on a thread on which it may wait: for the disk, and for whoever reads the answer.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use logs::wire::{Answer, Done, Refused, Request};
use logs::{Query, RuleError, Rules, Scenarios, Span, Time};
use tokio::sync::mpsc;
use traces::{TraceFile, Traces};

use super::Agent;
use super::kept::ChangeError;
use super::reply::Piece;

/// Bytes of a file that go into one frame.
const CHUNK: usize = 128 << 10;
/// How long a tail waits for a record before it looks whether anybody still listens.
const LOOK: Duration = Duration::from_millis(200);

/// Where the parts of an answer go; slow readers make it wait.
pub(super) struct Out {
    pub(super) pieces: mpsc::Sender<Piece>,
    /// Whether nobody wants the rest.
    pub(super) cancelled: Arc<AtomicBool>,
}

impl Out {
    fn whole(&self, answer: Answer) -> ControlFlow<()> {
        self.put(Piece::Whole(answer))
    }

    fn put(&self, piece: Piece) -> ControlFlow<()> {
        match self.pieces.blocking_send(piece) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    fn is_over(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.pieces.is_closed()
    }
}

/// Carries a request out for an operator. What is given goes to `out`; blocks.
pub(super) fn carry_out(
    agent: &Agent,
    who: &str,
    request: Request,
    out: &Out,
) -> Result<Done, Refused> {
    if let Request::Status = request {
        let _gone = out.whole(Answer::Status(Box::new(agent.status())));
        return Ok(agent.done(1));
    }
    // Where nothing is traced, no other answer would be true.
    let traces = agent
        .traces()
        .ok_or_else(|| Refused::Failed(agent.why_shut()))?;
    match request {
        Request::Start { scenario, duration } => change(agent, out, |rules, scenarios, now| {
            rules
                .start(scenarios, &scenario, duration, who, now)
                .map(drop)
        }),
        Request::Stop { scenario } => change(agent, out, |rules, _, now| {
            rules.stop(&scenario, now).map(drop)
        }),
        Request::Update { duration } => {
            change(agent, out, |rules, _, now| rules.update(duration, now))
        }
        Request::Show => Ok(show(agent, out)),
        Request::Sync => {
            traces.sync().map_err(failed)?;
            Ok(agent.done(0))
        }
        Request::Status => Ok(agent.done(0)),
        Request::Search(query) => search(agent, traces, &query, out),
        Request::Tail(query) => tail(agent, traces, query, out),
        Request::Collect(span) => collect(agent, traces, span, out),
    }
}

fn failed(error: impl std::fmt::Display) -> Refused {
    Refused::Failed(error.to_string())
}

fn change(
    agent: &Agent,
    out: &Out,
    change: impl FnOnce(&mut Rules, &Scenarios, Time) -> Result<(), RuleError>,
) -> Result<Done, Refused> {
    let changed: Result<(), ChangeError> = agent.change(change);
    changed.map_err(failed)?;
    Ok(show(agent, out))
}

fn show(agent: &Agent, out: &Out) -> Done {
    let running = agent.running();
    let given = u64::try_from(running.len()).unwrap_or(u64::MAX);
    let _gone = out.whole(Answer::Running(running));
    agent.done(given)
}

fn search(agent: &Agent, traces: &Traces, query: &Query, out: &Out) -> Result<Done, Refused> {
    let found = traces.search(query, &out.cancelled, &mut |hit| {
        out.put(Piece::Record(hit.text))
    });
    let outcome = found.map_err(failed)?;
    Ok(Done {
        limited: outcome.limited,
        damaged: outcome.damaged,
        ..agent.done(outcome.given)
    })
}

fn tail(agent: &Agent, traces: &Traces, query: Query, out: &Out) -> Result<Done, Refused> {
    let tail = traces.tail(query).map_err(|_full| Refused::Busy)?;
    let mut given = 0;
    while !out.is_over() {
        let Ok(next) = tail.next(LOOK) else {
            break;
        };
        let missed = tail.missed();
        if missed > 0 && out.whole(Answer::Missed(missed)).is_break() {
            break;
        }
        if let Some(text) = next {
            given += 1;
            if out.put(Piece::Record(text)).is_break() {
                break;
            }
        }
    }
    Ok(agent.done(given))
}

/// Gives the files of this time, the one that is being written among them.
fn collect(agent: &Agent, traces: &Traces, span: Span, out: &Out) -> Result<Done, Refused> {
    traces.seal().map_err(failed)?;
    let mut given = 0;
    for file in traces.collect(span) {
        if out.is_over() {
            break;
        }
        match File::open(&file.path) {
            Ok(opened) => {
                let sent = send(&file, opened, out);
                let sent = sent.map_err(|error| failed(format!("{}: {error}", file.name)))?;
                if sent.is_break() {
                    break;
                }
                given += 1;
            }
            // It was too old, or there was no room for it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(format!("{}: {error}", file.name))),
        }
    }
    Ok(agent.done(given))
}

fn send(file: &TraceFile, mut opened: File, out: &Out) -> io::Result<ControlFlow<()>> {
    let begins = Answer::File {
        name: file.name.clone(),
        size: file.size,
    };
    if out.whole(begins).is_break() {
        return Ok(ControlFlow::Break(()));
    }
    let mut left = file.size;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let mut bytes = vec![0; most];
        opened.read_exact(&mut bytes)?;
        left -= u64::try_from(most).unwrap_or(left);
        if out.is_over() || out.whole(Answer::Bytes(bytes)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
