//! How a machine is: the answer of `vestibule status`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use base::net::Face;
use runtime::clock::Clock;
use runtime::tls::Store;
use serde::{Deserialize, Serialize};
use sip::guard::{Standing, Verdict};
use topology::flows::Protocol;
use topology::role_name;

use super::balanced::{self, BalancedPool};
use super::flows::{FlowStatus, flow_statuses};
use super::logged::{self, LoggingStatus};
use super::published::{self, ProxyStatus};
use super::{Shared, WebCounts};
use crate::health::MemberStatus;
use crate::replication;

/// How one machine is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MachineStatus {
    /// Its FQDN.
    pub machine: String,
    /// What it does.
    pub roles: Vec<String>,
    /// The process that runs it.
    pub pid: u32,
    /// For how long, in seconds.
    pub uptime_s: u64,
    /// Where it listens.
    pub listeners: Vec<ListenerStatus>,
    /// The rows of the flow table that touch it.
    pub flows: Vec<FlowStatus>,
    /// Its SIP side, if it has one.
    pub sip: Option<SipStatus>,
    /// Who behaved badly towards its SIP side, if it has one.
    pub abuse: Option<AbuseStatus>,
    /// Its users, if it knows them.
    pub directory: Option<DirectoryStatus>,
    /// Its registrations, if it keeps them.
    pub bindings: Option<BindingStatus>,
    /// The messages that wait for their users, if it keeps some.
    #[serde(default)]
    pub messages: Option<MessageStatus>,
    /// The pools whose VIPs it holds, if it is a balancer.
    #[serde(default)]
    pub balanced: Vec<BalancedPool>,
    /// What was asked of its web sites, by name of the counter, if it has any.
    #[serde(default)]
    pub web: BTreeMap<String, u64>,
    /// What came by it from outside, if it is a reverse proxy.
    #[serde(default)]
    pub published: Option<ProxyStatus>,
    /// How others are, if it asks them, as a name service does.
    #[serde(default)]
    pub health: Vec<MemberStatus>,
    /// Its logging agent.
    #[serde(default)]
    pub logging: LoggingStatus,
    /// Its certificates.
    pub certificates: Vec<CertificateStatus>,
}

/// One listening address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// Where.
    pub address: SocketAddr,
    /// `inside` or `outside`.
    pub face: String,
    /// What is spoken.
    pub protocol: String,
    /// The rows of the flow table that name it.
    pub flows: Vec<u8>,
    /// Whether it is open. Only ports of the logging agent may be shut while a machine runs; its trouble says why.
    pub open: bool,
}

/// The SIP side of a machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SipStatus {
    /// Connections that are open.
    pub connections: u64,
    /// Requests that came.
    pub requests: u64,
    /// Responses that came.
    pub responses: u64,
    /// Requests sent on.
    pub forwarded: u64,
    /// Requests being sent on now.
    pub relays: usize,
    /// Requests that moved to another server after a failure.
    pub failovers: u64,
    /// Requests not sent to a server that asked for relief.
    pub held_back: u64,
    /// Subscriptions now.
    pub subscriptions: usize,
    /// Subscriptions of its own at other pools now, for those on lists.
    #[serde(default)]
    pub subscriptions_elsewhere: usize,
    /// Publications now.
    pub publications: usize,
    /// Messages that broke a rule.
    pub malformed: u64,
    /// Connections closed because of what came on them.
    pub closed_for_cause: u64,
    /// Flows closed since nothing came for longer than their clients promised.
    pub silent: u64,
    /// Responses that belonged to nothing.
    pub stray_responses: u64,
    /// Answers not given since they would have been much longer than what a source without proof had sent.
    #[serde(default)]
    pub withheld: u64,
    /// Requests that ended here, by reason.
    pub ended: BTreeMap<String, u64>,
    /// What federation partners sent and took, by partner.
    #[serde(default)]
    pub partners: BTreeMap<String, PartnerStatus>,
    /// What the runtime counted.
    pub network: BTreeMap<String, u64>,
}

/// Who behaved badly, and what became of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AbuseStatus {
    /// Requests answered 503 because of who sent them.
    pub slowed: u64,
    /// Requests not answered because of who sent them.
    pub ignored: u64,
    /// Requests of scanners, not answered.
    pub scanners: u64,
    /// Requests with wrong credentials.
    pub bad_credentials: u64,
    /// Connections refused because of who asked for them.
    pub refused: u64,
    /// Sources that are known, good ones too.
    pub known: usize,
    /// The worst of them, at most [`WORST`].
    pub sources: Vec<SourceStatus>,
}

/// How one source stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its address, or network.
    pub source: String,
    /// Its points; half of them fade in five minutes.
    pub points: f64,
    /// What it did since it is known.
    pub offences: u64,
    /// What it gets: `served`, `slowed`, `ignored` or `refused`.
    pub gets: String,
}

/// Sources that `status` names.
const WORST: usize = 10;

/// What one federation partner sent and took.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct PartnerStatus {
    /// Requests from it.
    pub received: u64,
    /// Requests to it.
    pub sent: u64,
    /// Requests and connections beyond its limits.
    pub refused: u64,
    /// Connections now.
    pub connections: usize,
}

impl From<sip::PartnerStats> for PartnerStatus {
    fn from(stats: sip::PartnerStats) -> Self {
        Self {
            received: stats.received,
            sent: stats.sent,
            refused: stats.refused,
            connections: stats.flows,
        }
    }
}

/// The users that a machine knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DirectoryStatus {
    /// Whether it masters them; others hold a copy.
    pub master: bool,
    /// How many.
    pub users: usize,
    /// The number of the last change that it has.
    pub revision: u64,
    /// How the copy stands.
    pub copy: Option<replication::Status>,
}

/// The registrations that a machine keeps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BindingStatus {
    /// Users with registrations.
    pub users: usize,
    /// Registrations.
    pub bindings: usize,
    /// Records in the change log since the start.
    pub records: u64,
    /// Writes with one fdatasync each; fewer than records when many come at once.
    pub commits: u64,
    /// Whether the disk has failed and nothing more is acknowledged.
    pub broken: bool,
}

/// The messages that a machine keeps for users who are away.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MessageStatus {
    /// Users for whom some wait.
    pub users: usize,
    /// Messages that wait.
    pub messages: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// Messages kept since the start.
    pub kept: u64,
    /// Kept messages that a phone has taken.
    pub delivered: u64,
    /// Kept messages that the phones of their user have refused for good.
    pub declined: u64,
    /// Kept messages that have expired.
    pub expired: u64,
    /// Messages that were not kept for want of room.
    pub refused: u64,
    /// Whether the disk has failed and nothing more is kept.
    pub broken: bool,
}

/// One certificate in use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// `inside` or `outside`.
    pub face: String,
    /// Its subject.
    pub subject: String,
    /// Days until it expires; negative when it has.
    pub days_left: i64,
}

impl Shared {
    pub(super) fn status(&self) -> MachineStatus {
        let listeners = self.listeners();
        MachineStatus {
            machine: self.view.machine.fqdn.as_str().to_owned(),
            roles: self
                .view
                .roles
                .iter()
                .map(|role| role_name(*role).to_owned())
                .collect(),
            pid: std::process::id(),
            uptime_s: self.started.elapsed().as_secs(),
            flows: flow_statuses(&self.topology, &self.view, &listeners),
            listeners,
            sip: self.sip_status(),
            abuse: self.abuse_status(),
            directory: self.directory_status(),
            bindings: self.binding_status(),
            messages: self.message_status(),
            balanced: self.vips.as_ref().map(balanced::pools).unwrap_or_default(),
            web: self.web_status(),
            published: self.proxy.as_ref().map(published::status),
            health: self.health_status(),
            logging: logged::status(&self.agent),
            certificates: self.certificate_statuses(),
        }
    }

    fn sip_status(&self) -> Option<SipStatus> {
        let node = self.node.as_ref()?.total();
        let network = self
            .counters
            .as_ref()
            .map(|read| read())
            .unwrap_or_default();
        let named = network
            .each()
            .into_iter()
            .map(|(name, _, _, value)| (name.to_owned(), value));
        Some(SipStatus {
            connections: network.flows,
            requests: node.requests,
            responses: node.responses,
            forwarded: node.forwarded + node.relayed_stateless,
            relays: node.relays,
            failovers: node.failovers,
            held_back: node.held_back,
            subscriptions: node.subscriptions,
            subscriptions_elsewhere: node.backends,
            publications: node.publications,
            malformed: node.malformed,
            closed_for_cause: node.closed_for_cause,
            silent: node.silent,
            stray_responses: node.stray_responses,
            withheld: node.withheld,
            partners: node
                .partners
                .iter()
                .map(|(name, stats)| (name.to_string(), (*stats).into()))
                .collect(),
            ended: node
                .ended
                .iter()
                .map(|(why, count)| ((*why).to_owned(), *count))
                .collect(),
            network: named.collect(),
        })
    }

    fn abuse_status(&self) -> Option<AbuseStatus> {
        let node = self.node.as_ref()?;
        let ended = node.total().ended;
        let count = |why: &str| ended.get(why).copied().unwrap_or_default();
        let refused = self.counters.as_ref().map(|read| read().refused_penalty);
        let worst = node.guard().worst(self.clock.now().mono, WORST);
        Some(AbuseStatus {
            slowed: count("slowed"),
            ignored: count("ignored"),
            scanners: count("scanner"),
            bad_credentials: count("bad-credentials"),
            refused: refused.unwrap_or_default(),
            known: node.guard().known(),
            sources: worst.into_iter().map(source_status).collect(),
        })
    }

    fn directory_status(&self) -> Option<DirectoryStatus> {
        let users = self.directory.as_ref()?.directory();
        Some(DirectoryStatus {
            master: self.admin.is_some(),
            users: users.len(),
            revision: users.revision().0,
            copy: self.follower.as_ref().map(replication::StatusHandle::read),
        })
    }

    fn binding_status(&self) -> Option<BindingStatus> {
        let kept = self.bindings.as_ref()?;
        let log = kept.log_stats()?;
        let (users, bindings) = kept.table().counts();
        let store::Stats {
            records,
            commits,
            broken,
            ..
        } = log;
        Some(BindingStatus {
            users,
            bindings,
            records,
            commits,
            broken,
        })
    }

    pub(super) fn message_status(&self) -> Option<MessageStatus> {
        let messages = self.messages.as_ref()?;
        let waiting = messages.table().counts();
        let node = self.node.as_ref()?.total();
        Some(MessageStatus {
            users: waiting.users,
            messages: waiting.messages,
            bytes: waiting.bytes,
            kept: node.kept,
            delivered: node.kept_delivered,
            declined: node.kept_declined,
            expired: node.kept_expired,
            refused: node.kept_refused,
            broken: messages.log_stats()?.broken,
        })
    }

    /// The ports of the agent may be opened later than the others, and that stops nobody.
    fn listeners(&self) -> Vec<ListenerStatus> {
        let mut listeners = self.listeners.clone();
        let of_agent = |one: &&mut ListenerStatus| one.protocol == Protocol::Logging.name();
        for listener in listeners.iter_mut().filter(of_agent) {
            listener.open = self.agent.listens(listener.address);
        }
        listeners
    }

    fn web_status(&self) -> BTreeMap<String, u64> {
        let web = self.web.as_ref();
        let each = web.map(WebCounts::each).unwrap_or_default().into_iter();
        each.map(|(name, _, _, value)| (name.to_owned(), value))
            .collect()
    }

    fn health_status(&self) -> Vec<MemberStatus> {
        let board = self.board.as_ref();
        board.map_or_else(Vec::new, |board| board.status(self.clock.now()))
    }

    fn certificate_statuses(&self) -> Vec<CertificateStatus> {
        let faces = [(Face::Inside, &self.inside), (Face::Outside, &self.outside)];
        let read = |(face, store): (Face, &Option<Arc<Store>>)| {
            let (subject, days_left) = certificate(store.as_ref()?, self.clock)?;
            Some(CertificateStatus {
                face: face_name(face).to_owned(),
                subject,
                days_left,
            })
        };
        faces.into_iter().filter_map(read).collect()
    }
}

/// The subject of the certificate in use, and how many days are left of it.
pub(super) fn certificate(store: &Store, clock: Clock) -> Option<(String, i64)> {
    let info = pki::describe(store.current().chain().first()?).ok()?;
    let now = i64::try_from(clock.wall().as_secs()).ok()?;
    let left = info.not_after.unix_timestamp() - now;
    Some((info.subject, left.div_euclid(24 * 60 * 60)))
}

fn source_status(standing: Standing) -> SourceStatus {
    let gets = match standing.verdict {
        _ if standing.refused => "refused",
        Verdict::Pass | Verdict::Watch => "served",
        Verdict::Slow => "slowed",
        Verdict::Ignore => "ignored",
    };
    SourceStatus {
        source: standing.source.to_string(),
        points: (standing.points * 10.0).round() / 10.0,
        offences: standing.offences,
        gets: gets.to_owned(),
    }
}

/// Returns the word for a face.
#[must_use]
pub const fn face_name(face: Face) -> &'static str {
    match face {
        Face::Inside => "inside",
        Face::Outside => "outside",
    }
}
