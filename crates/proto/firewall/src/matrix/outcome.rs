//! What came of one try, as it stands in a report.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use topology::flows::Carrier;

use super::expected::Expected;
use super::found::{Depth, Found, Verdict};
use super::tries::Try;
use super::words::Words;

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// From where, as in `runs`.
    pub from: String,
    /// From which address, where one was chosen.
    pub source: Option<IpAddr>,
    /// To whom: a machine, the pool of a VIP, a gateway.
    pub to: String,
    /// At which address.
    pub address: IpAddr,
    /// At which port.
    pub port: u16,
    /// Over what.
    pub carrier: Carrier,
    /// Whether a flow wants it.
    pub wanted: bool,
    /// The numbers of the flows that do.
    pub flows: Vec<u8>,
    /// Their lines of the port summary, by their place in `rows`.
    pub rows: Vec<usize>,
    /// Where the plan stops it, where no flow wants it: a machine or boundary, and the direction.
    pub stopped_at: Option<String>,
    /// What was found.
    #[serde(flatten)]
    pub found: Found,
    /// How far it came.
    pub depth: Depth,
    /// Whether that is right.
    pub verdict: Verdict,
    /// Why not, in words.
    pub why: Option<String>,
}

impl Outcome {
    /// Takes what a try found.
    pub(super) fn of(from: &str, one: &Try, found: &Found, words: Words) -> Self {
        let verdict = found.verdict(&one.expected);
        let (rows, flows) = match &one.expected {
            Expected::Wanted(wanted) => (wanted.rows.clone(), wanted.flows.clone()),
            Expected::Unwanted { .. } => (Vec::new(), Vec::new()),
        };
        let stopped_at = match &one.expected {
            Expected::Wanted(_) => None,
            Expected::Unwanted {
                stopped: (place, direction),
                ..
            } => Some(format!("{place}, {}", direction.name())),
        };
        Self {
            from: from.to_owned(),
            source: one.from,
            to: one.to.name.clone(),
            address: one.to.socket.ip(),
            port: one.to.socket.port(),
            carrier: one.to.carrier,
            wanted: stopped_at.is_none(),
            flows,
            rows,
            depth: found.depth(),
            why: (verdict != Verdict::Pass)
                .then(|| words.why(found, verdict, stopped_at.as_deref())),
            stopped_at,
            found: found.clone(),
            verdict,
        }
    }

    /// Tells whether it went wrong, or could not be made.
    #[must_use]
    pub const fn is_wrong(&self) -> bool {
        matches!(self.verdict, Verdict::Fail | Verdict::Untried)
    }

    /// Tells who tried whom and why it went wrong.
    #[must_use]
    pub fn sentence(&self) -> String {
        let socket = SocketAddr::new(self.address, self.port);
        let carrier = match self.carrier {
            Carrier::Tcp => "TCP",
            Carrier::Udp => "UDP",
        };
        let why = self.why.as_deref().unwrap_or_default();
        format!("{} → {} ({carrier} {socket}): {why}", self.from, self.to)
    }
}
