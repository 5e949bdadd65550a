//! Overload between our own machines (RFC 7339, loss-based): a server that is getting full asks those who send to it to
//! hold back part of what begins something new, before it has to refuse it.
//!
//! - Towards a server our Via says `oc`, so that it may ask. It asks in the Via of a response; clients, gateways and
//!   partners neither ask nor are asked.
//! - How much is asked for follows from how full the tables of relays and of waiting registrations are, and from how
//!   late the worker gets to its timers.
//! - What belongs to a call that is up, and what is marked as an emergency, is never held back (10.1), and has the last
//!   part of the table for itself.
//!
//! Nothing is asked while there is no need: what was asked ends by itself, as its validity is short.

use super::Node;
use crate::msg::{Message, Name, Via};
use base::Mono;
use base::net::{FlowId, Link, Peer, Server};
use base::random::Random;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What our Via says to a server of ours (RFC 7339 4.1, 4.2).
pub(super) const OFFER: &str = ";oc;oc-algo=\"loss\"";
/// A table fuller than this many percent asks for relief; when full, for nearly all.
const HIGH_WATER: usize = 80;
/// Beyond this, the rest of the table of relays is for calls that are up and for emergencies.
const RESERVED: usize = 95;
/// Timers that are served this late show that the worker does not keep up; at the second all is asked for.
const LAG: (usize, usize) = (1_000, 5_000);
/// The most that is asked for, so that some request is always there whose answer says how it is.
const MOST: u64 = 95;
/// How long what we ask for holds. Each response renews it.
const VALIDITY: Duration = Duration::from_millis(1_000);
/// RFC 7339 4.3: where none is given.
const VALIDITY_DEFAULT: Duration = Duration::from_millis(500);
/// What a server asks for holds no longer than this.
const VALIDITY_MAX: Duration = Duration::from_secs(30);

/// What one server has asked for.
struct Asked {
    percent: usize,
    until: Mono,
    sequence: (u64, u64),
}

/// What servers have asked for; no more entries than the topology has machines.
#[derive(Default)]
pub(super) struct Throttles(HashMap<Arc<str>, Asked>);

impl Throttles {
    /// Takes in what the Via of a response says; what is older than what is known does not count (RFC 7339 4.4).
    fn learn(&mut self, server: &Server, via: &Via<'_>, now: Mono) {
        let value = |name| via.params.value(name);
        let percent = value("oc").and_then(|oc| oc.parse::<usize>().ok());
        let is_loss = value("oc-algo").is_none_or(|algo| algo.trim_matches('"') == "loss");
        let (Some(percent), true) = (percent.filter(|percent| *percent <= 100), is_loss) else {
            return;
        };
        let given = value("oc-validity").and_then(|millis| millis.parse().ok());
        let validity = given.map_or(VALIDITY_DEFAULT, Duration::from_millis);
        let sequence = value("oc-seq").and_then(sequence).unwrap_or_default();
        if self
            .0
            .get(&server.name)
            .is_some_and(|asked| asked.sequence > sequence)
        {
            return;
        }
        let until = now.after(validity.min(VALIDITY_MAX));
        let asked = Asked {
            percent,
            until,
            sequence,
        };
        self.0.insert(Arc::clone(&server.name), asked);
    }

    /// Draws whether a request that could go to this server is held back.
    pub(super) fn holds_back(&self, server: &str, now: Mono, random: &mut Random) -> bool {
        let asked = self.0.get(server).filter(|asked| asked.until > now);
        asked.is_some_and(|asked| random.below(100) < asked.percent)
    }
}

fn sequence(text: &str) -> Option<(u64, u64)> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    Some((whole.parse().ok()?, part.parse().ok()?))
}

/// Tells whether a request is favoured: it belongs to a dialog that is up, or somebody's life may depend on it.
pub(super) fn is_favoured(request: &Message) -> bool {
    let inside = request.to().is_ok_and(|to| to.tag().is_some());
    let marked = |text: &str| text.trim().eq_ignore_ascii_case("emergency");
    let sos = |uri: &str| uri.to_ascii_lowercase().starts_with("urn:service:sos");
    inside || request.text(Name::Priority).is_some_and(marked) || sos(request.uri())
}

impl Node {
    /// Learns from a response of a server whose top Via is ours.
    pub(super) fn learn_overload(&mut self, link: &Link, via: &Via<'_>) {
        if let Peer::Server(server) = &link.peer {
            self.throttles.learn(server, via, self.now.mono);
        }
    }

    /// Tells whether a new relay must be refused, as the table is full for such a request.
    pub(super) fn is_full_for(&self, request: &Message) -> bool {
        let (have, bound) = (self.relays.len(), self.config.bounds.relays);
        have >= bound || (fill(have, bound) >= RESERVED && !is_favoured(request))
    }

    /// Takes note of how late a tick is; earlier lateness fades.
    pub(super) fn note_lag(&mut self, due: Option<Mono>) {
        let late = due.map_or(Duration::ZERO, |due| self.now.mono.since(due));
        self.lag = late.max(self.lag / 2);
    }

    /// How many of a hundred new requests whoever sends them should hold back.
    pub(super) fn relief(&self) -> u64 {
        let bounds = &self.config.bounds;
        let relays = fill(self.relays.len(), bounds.relays);
        let commits = fill(self.commits.len(), bounds.commits);
        let full = ramp(relays.max(commits), HIGH_WATER, 100);
        let lag = usize::try_from(self.lag.as_millis()).unwrap_or(usize::MAX);
        full.max(ramp(lag, LAG.0, LAG.1))
    }

    /// Sends an answer to a request, and with it what we ask of a server that offers to hold back.
    pub(super) fn send_answer(&mut self, id: FlowId, link: &Link, bytes: Bytes) {
        let relief = if matches!(link.peer, Peer::Server(_)) {
            self.relief()
        } else {
            0
        };
        if relief == 0 {
            return self.send(id, bytes);
        }
        let asking = self.asking(&bytes, relief);
        self.send(id, asking.unwrap_or(bytes));
    }

    /// The same answer, asking for relief in the Via of whoever offered it.
    fn asking(&self, bytes: &Bytes, relief: u64) -> Option<Bytes> {
        let answer = Message::parse(bytes.clone(), &self.server_limits).ok()?;
        let top = answer.elements(Name::Via).next()?;
        let via = top.text()?;
        Via::parse(via).ok()?.params.get("oc")?;
        let since = self.now.wall;
        let value = format!(
            ";oc={relief};oc-algo=\"loss\";oc-validity={};oc-seq={}.{:03}",
            VALIDITY.as_millis(),
            since.as_secs(),
            since.0 % 1_000
        );
        let mut edit = answer.edit();
        edit.replace(&top, via.replacen(OFFER, &value, 1));
        Some(edit.write())
    }
}

fn fill(have: usize, bound: usize) -> usize {
    have.saturating_mul(100) / bound.max(1)
}

/// From nothing at `low` to [`MOST`] at `high`.
fn ramp(value: usize, low: usize, high: usize) -> u64 {
    let over = u64::try_from(value.saturating_sub(low)).unwrap_or(u64::MAX);
    let span = u64::try_from(high - low).unwrap_or(u64::MAX);
    (over.saturating_mul(MOST) / span.max(1)).min(MOST)
}
