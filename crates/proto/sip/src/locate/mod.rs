//! Where a foreign domain's servers are (RFC 3263), as questions and answers: who asks the name service is the owner's
//! business.
//!
//! ```text
//! NAPTR of the domain -> SRV of its replacement ----------------\
//!       \-(none)-> SRV _sipfederationtls._tcp -> SRV _sips._tcp -+-> addresses of each target, in the order of RFC 2782
//!                                                    \-(none)-> addresses of the domain itself
//! ```
//!
//! Only TLS over TCP is looked for: between organisations nothing else proves a domain (RFC 5922), so a `sips` URI is
//! served by the same path (RFC 5630 3.1.3). Without NAPTR the name under which federation is published comes before the
//! one of RFC 3263 (`docs/decisions/0027-federation-names.md`). A port in the URI, or servers written in the topology,
//! leave out NAPTR and SRV (RFC 3263 4.2).
//!
//! Bounds: [`MAX_TARGETS`] targets, [`MAX_ADDRESSES`] addresses, so at most a dozen questions; what records name beyond
//! that is not looked at.

mod order;
mod places;
#[cfg(test)]
mod tests;

pub(crate) use places::{Found, PATIENCE, Places};

use base::random::Random;
use order::by_weight;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// More SRV targets of a domain are not looked at.
const MAX_TARGETS: usize = 8;
/// More addresses of a domain are not tried.
const MAX_ADDRESSES: usize = 16;
/// However long or short records say they hold, what came of them is kept this long.
const KEPT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3600));

/// What kind of records is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// NAPTR (RFC 3403).
    Naptr,
    /// SRV (RFC 2782).
    Srv,
    /// A and AAAA together.
    Address,
}

/// One question to the name service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What for.
    pub kind: Kind,
    /// The name, without a dot at its end.
    pub name: String,
}

/// One record of an answer; names without a dot at their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Where a service is described.
    Naptr {
        /// Lower goes first.
        order: u16,
        /// Lower goes first among equal orders.
        preference: u16,
        /// As `SIPS+D2T`.
        service: String,
        /// The name of SRV records.
        replacement: String,
    },
    /// A server.
    Srv {
        /// Lower goes first.
        priority: u16,
        /// Share among equals.
        weight: u16,
        /// Its port.
        port: u16,
        /// Its name; empty if the service is decidedly not there.
        target: String,
    },
    /// An address.
    Address(IpAddr),
}

/// What the name service says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These records, of the kind that was asked for.
    Records {
        /// In any order.
        records: Vec<Record>,
        /// How long they hold.
        life: Duration,
    },
    /// There are none.
    Nothing,
    /// No server answered, or not in time.
    Failed,
}

/// Where to ask from: a domain, and a port if the URI named one.
pub(crate) type Place = (Arc<str>, Option<u16>);

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask this, then give the answer to [`Lookup::answer`].
    Ask(Question),
    /// It is over; empty if nothing is there.
    Found {
        addresses: Vec<SocketAddr>,
        life: Duration,
    },
}

#[derive(Debug)]
enum Stage {
    Naptr,
    /// The first name is asked for; the others if it has nothing.
    Srv(VecDeque<String>),
    /// The first server's addresses are asked for.
    Addresses(VecDeque<(String, u16)>),
}

/// One search for the servers of a domain.
#[derive(Debug)]
pub(crate) struct Lookup {
    domain: Arc<str>,
    port: u16,
    stage: Stage,
    found: Vec<SocketAddr>,
    life: Duration,
}

impl Lookup {
    /// Begins with the domain itself; `port` is where its servers listen if nothing says otherwise.
    pub(crate) fn of_domain(domain: Arc<str>, port: u16) -> Self {
        Self::new(domain, port, Stage::Naptr)
    }

    /// Begins with servers that are known by name or address.
    pub(crate) fn of_servers(domain: Arc<str>, servers: &[(Arc<str>, u16)]) -> Self {
        let servers = servers.iter().take(MAX_TARGETS);
        let all = servers
            .map(|(host, port)| (host.to_string(), *port))
            .collect();
        Self::new(domain, 0, Stage::Addresses(all))
    }

    const fn new(domain: Arc<str>, port: u16, stage: Stage) -> Self {
        Self {
            domain,
            port,
            stage,
            found: Vec::new(),
            life: KEPT.1,
        }
    }

    /// Says what to do next.
    pub(crate) fn next(&mut self) -> Next {
        let question = match &mut self.stage {
            Stage::Naptr => Some((Kind::Naptr, self.domain.to_string())),
            Stage::Srv(names) => names.front().map(|name| (Kind::Srv, name.clone())),
            Stage::Addresses(servers) => {
                // An address needs no question.
                while let Some((ip, port)) = servers
                    .front()
                    .and_then(|(host, port)| Some((literal(host)?, *port)))
                {
                    self.found.push(SocketAddr::new(ip, port));
                    servers.pop_front();
                }
                servers
                    .front()
                    .map(|(host, _)| (Kind::Address, host.clone()))
            }
        };
        match question {
            Some((kind, name)) if self.found.len() < MAX_ADDRESSES => {
                Next::Ask(Question { kind, name })
            }
            Some(_) | None => {
                let mut addresses = std::mem::take(&mut self.found);
                addresses.truncate(MAX_ADDRESSES);
                Next::Found {
                    addresses,
                    life: self.life.clamp(KEPT.0, KEPT.1),
                }
            }
        }
    }

    /// Takes the answer to the question that [`Lookup::next`] gave.
    pub(crate) fn answer(&mut self, answer: Answer, random: &mut Random) {
        let records = match answer {
            Answer::Records { records, life } => {
                self.life = self.life.min(life);
                records
            }
            Answer::Nothing => Vec::new(),
            Answer::Failed => {
                self.life = KEPT.0;
                Vec::new()
            }
        };
        let next = match &mut self.stage {
            Stage::Naptr => Stage::Srv(self.services(records)),
            Stage::Srv(names) => {
                names.pop_front();
                let decided = !records.is_empty();
                let servers = by_weight(records, random);
                if decided {
                    Stage::Addresses(servers.into_iter().take(MAX_TARGETS).collect())
                } else if names.is_empty() {
                    let itself = (self.domain.to_string(), self.port);
                    Stage::Addresses(VecDeque::from([itself]))
                } else {
                    return;
                }
            }
            Stage::Addresses(servers) => {
                let port = servers.pop_front().map_or(self.port, |(_, port)| port);
                let addresses = records.into_iter().filter_map(|record| match record {
                    Record::Address(ip) => Some(SocketAddr::new(ip, port)),
                    Record::Naptr { .. } | Record::Srv { .. } => None,
                });
                self.found.extend(addresses);
                return;
            }
        };
        self.stage = next;
    }

    /// The names of SRV records: those of the NAPTR for TLS over TCP, best first; without any, the usual two.
    fn services(&self, records: Vec<Record>) -> VecDeque<String> {
        let mut named: Vec<(u16, u16, String)> = records
            .into_iter()
            .filter_map(|record| match record {
                Record::Naptr {
                    order,
                    preference,
                    service,
                    replacement,
                } if service.eq_ignore_ascii_case("SIPS+D2T") && !replacement.is_empty() => {
                    Some((order, preference, replacement))
                }
                Record::Naptr { .. } | Record::Srv { .. } | Record::Address(_) => None,
            })
            .collect();
        named.sort();
        if named.is_empty() {
            let domain = &self.domain;
            return VecDeque::from([
                format!("_sipfederationtls._tcp.{domain}"),
                format!("_sips._tcp.{domain}"),
            ]);
        }
        let best = named.into_iter().take(2);
        best.map(|(_, _, replacement)| replacement).collect()
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}
