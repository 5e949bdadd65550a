//! What a try is expected to end in: how deep it goes, which name is proven, what is asked.

use crate::plan::{Direction, Place};
use std::net::IpAddr;

use base::net::{Face, Role};
use topology::flows::{End, Protocol, Security};
use topology::resolve::{Host, Instance};
use topology::{Machine, Pool, Port, RecordData, Topology};

/// What should come of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A flow wants it: it is answered.
    Wanted(Wanted),
    /// No flow wants it: it does not arrive.
    Unwanted {
        /// What a datagram asks; on a connection nothing is said.
        question: Option<Question>,
        /// Where the plan stops it first, and in which direction.
        stopped: (Place, Direction),
    },
}

/// What a flow wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The lines of the port summary that want it, by their place in it, ascending.
    pub rows: Vec<usize>,
    /// Their numbers in the flow table, ascending, each once.
    pub flows: Vec<u8>,
    /// Who proves a name.
    pub proof: Proof,
    /// The name that the other side has to prove, and by which it is asked.
    pub name: String,
    /// What is asked.
    pub question: Question,
    /// Whether the listener expects to hear first whose connection it is (the PROXY protocol), since a balancer asks.
    pub passed_on: bool,
    /// Whether somebody without a certificate has to be refused there.
    pub strangers_refused: bool,
}

/// Who proves a name by a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Nobody: there is no TLS.
    Nobody,
    /// Whoever listens.
    Listener,
    /// Both sides.
    Both,
}

/// What is asked of whoever listens; none of it changes anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// SIP OPTIONS.
    Options,
    /// `GET /health` of a web site.
    Health,
    /// The changes of a directory that nobody has: the answer is that they are gone.
    Directory,
    /// An address in DNS.
    Address {
        /// Of whom.
        of: String,
    },
    /// The time (NTP).
    Time,
    /// Any page of a web server that is not ours.
    Web,
    /// Nothing: the other side speaks first and says that it is SSH.
    Banner,
    /// How a logging agent is. Machines may not know: that they are told so is the agent's answer.
    Agent,
    /// Nothing beyond the handshake: of a store, which is not ours, no more is known.
    Handshake,
}

/// Works out what a flow wants of one of its hosts.
pub(super) struct Wishes<'a> {
    topology: &'a Topology,
    known_inside: String,
    known_outside: String,
}

impl<'a> Wishes<'a> {
    pub(super) fn new(topology: &'a Topology) -> Self {
        let records = topology.records();
        Self {
            topology,
            known_inside: known(topology, &records, Face::Inside),
            known_outside: known(topology, &records, Face::Outside),
        }
    }

    /// Returns what one line of the summary wants of a server beside the deployment, which has no name.
    pub(super) fn beside(&self, row: usize, instance: &Instance, address: IpAddr) -> Wanted {
        Wanted {
            name: address.to_string(),
            ..self.of_service(row, instance)
        }
    }

    /// Returns what one line of the summary wants at one host.
    pub(super) fn of(&self, row: usize, instance: &Instance, host: &Host) -> Wanted {
        Wanted {
            name: self.name(instance, host),
            ..self.of_service(row, instance)
        }
    }

    fn of_service(&self, row: usize, instance: &Instance) -> Wanted {
        Wanted {
            rows: vec![row],
            flows: vec![instance.flow.id],
            proof: match instance.service.security {
                Security::Plain | Security::Own => Proof::Nobody,
                Security::Tls => Proof::Listener,
                Security::Mutual | Security::Either => Proof::Both,
            },
            name: String::new(),
            question: self.question(instance),
            passed_on: false,
            strangers_refused: false,
        }
    }

    fn question(&self, instance: &Instance) -> Question {
        match (instance.service.protocol, instance.service.port) {
            (Protocol::Sip, _) => Question::Options,
            (_, Port::InterServer) => Question::Directory,
            (Protocol::Http | Protocol::Https, port) if port.is_ours() => Question::Health,
            (Protocol::Http | Protocol::Https, _) => Question::Web,
            (Protocol::Dns, _) => Question::Address {
                of: self.known_name(face_of(instance)).to_owned(),
            },
            (Protocol::Ntp, _) => Question::Time,
            (Protocol::Ssh, _) => Question::Banner,
            (Protocol::Logging, _) => Question::Agent,
            (Protocol::Store, _) => Question::Handshake,
        }
    }

    /// By which name the host is called: a server by its own, a web site by the site's.
    fn name(&self, instance: &Instance, host: &Host) -> String {
        let web = |name: fn(&topology::WebNames) -> &topology::Fqdn| {
            let pool = self.web_pool(host);
            let web = pool.and_then(|pool| pool.web.as_ref());
            web.map(|web| name(web).to_string())
        };
        let found = match instance.service.port {
            Port::WebHttp | Port::WebHttps => web(|web| &web.internal),
            Port::WebExternalHttp | Port::WebExternalHttps => web(|web| &web.external),
            Port::PublishedHttp => {
                let mut names = self.topology.discovery_names();
                names.next().map(|name| name.to_string())
            }
            Port::PublishedHttps => {
                let names = self.topology.published_names();
                names.first().map(ToString::to_string)
            }
            Port::Sip
            | Port::SipPlain
            | Port::EdgeAccess
            | Port::EdgeFederation
            | Port::InterServer
            | Port::Dns
            | Port::LogCommand
            | Port::LogSearch
            | Port::LogTail
            | Port::Store
            | Port::Metrics
            | Port::Ntp
            | Port::Revocation
            | Port::Ssh => self.shown_outside(host),
        };
        found.unwrap_or_else(|| host.name.to_string())
    }

    fn web_pool(&self, host: &Host) -> Option<&Pool> {
        if let Some(pool) = &host.vip_of {
            return self.topology.pool(pool.as_str());
        }
        let machine = self.machine(host)?;
        let mut pools = self.topology.pools_at(machine);
        pools.find(|pool| pool.web.is_some())
    }

    fn machine(&self, host: &Host) -> Option<&Machine> {
        self.topology.machine(host.machines.first()?.as_str())
    }

    /// The subject of the certificate that strangers are shown, if this is the face that they see.
    fn shown_outside(&self, host: &Host) -> Option<String> {
        if host.face == Face::Inside {
            return None;
        }
        let needs = self.topology.certificates(self.machine(host)?);
        let outside = needs.into_iter().find(|need| need.face == Face::Outside);
        outside.map(|need| need.subject.to_string())
    }

    /// A name that every name service of the deployment has for those who ask from a face.
    pub(super) fn known_name(&self, face: Face) -> &str {
        match face {
            Face::Inside => &self.known_inside,
            Face::Outside => &self.known_outside,
        }
    }
}

fn known(topology: &Topology, records: &[topology::Record], face: Face) -> String {
    let is_address = |record: &&topology::Record| {
        record.face == face && matches!(record.data, RecordData::Address(_))
    };
    let known = records.iter().find(is_address);
    let domain = || topology.domains().first().map(ToString::to_string);
    known
        .map(|record| record.name.clone())
        .or_else(domain)
        .unwrap_or_default()
}

impl Wanted {
    /// Takes in what another line wants at the same address and port; the stronger proof counts.
    pub(super) fn merge(&mut self, other: &Self) {
        self.rows.extend(&other.rows);
        self.flows.extend(&other.flows);
        self.flows.sort_unstable();
        self.flows.dedup();
        self.proof = self.proof.max(other.proof);
    }
}

/// The face on which an instance is spoken.
fn face_of(instance: &Instance) -> Face {
    let first = instance.destinations.first();
    first.map_or(Face::Inside, |party| party.face)
}

/// Tells whether the hosts of an instance are members to whom a balancer passes connections on.
pub(super) fn is_passed_on(instance: &Instance) -> bool {
    let behind = |end: End| matches!(end, End::Behind(Role::Director | Role::FrontEnd));
    instance.destinations.iter().all(|party| behind(party.end))
}
