//! The vocabulary of decisions.

use crate::auth::{Nonces, Uses};
use crate::config::Config;
use crate::location::Locations;
use crate::msg::{Message, Method, Name, Parts, Reply};
use crate::node::Flows;
use crate::role::notes::Notes;
use base::net::{FlowId, Hop, Link, Peer};
use base::random::Random;
use base::{Now, UnixMillis};
use directory::Directory;
use std::sync::Arc;

/// How long whoever is told 503 should wait: long enough to find another server first.
const RETRY_AFTER_SECS: u32 = 5;
/// RFC 5630 6; a word in place of our name, since the answer may go anywhere.
const NOT_SECURE: &str = "380 vestibule \"SIPS Not Allowed\"";

/// What a role may look at while it decides.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) users: &'a Directory,
    pub(crate) locations: &'a dyn Locations,
    pub(crate) flows: &'a Flows,
    pub(crate) nonces: &'a Nonces,
    pub(crate) uses: &'a Uses,
    pub(crate) random: &'a mut Random,
    pub(crate) now: Now,
    pub(crate) draining: bool,
    /// Why, for whoever asks later.
    pub(crate) notes: &'a Notes,
}

/// A request and who sent it.
pub(crate) struct Ask<'a> {
    pub(crate) request: &'a Message,
    /// What its check has read of it.
    pub(crate) parts: &'a Parts<'a>,
    pub(crate) flow: FlowId,
    pub(crate) link: &'a Link,
    /// The user who proved themself on this flow before.
    pub(crate) user: Option<Arc<str>>,
}

impl Ask<'_> {
    pub(crate) fn is_from_client(&self) -> bool {
        matches!(self.link.peer, Peer::Client)
    }

    pub(crate) fn is_from(&self, role: base::net::Role) -> bool {
        matches!(&self.link.peer, Peer::Server(server) if server.role == role)
    }
}

/// What is to be done with a request.
pub(crate) enum Decision<'r> {
    /// Answer it.
    Reply(Reply<'r>, Why),
    /// Answer it and remember on the flow who the user is.
    Welcome(Reply<'r>, Arc<str>),
    /// Say nothing.
    Drop(Why),
    /// Change the bindings of the user; the flow is theirs from then on.
    Register(Registering),
    /// It is about the event state that we keep: a subscription or a publication.
    Event(Eventing),
    /// Keep it until whom it is for signs in.
    Keep(Box<Keeping>),
    /// It is a notification for a subscription of ours.
    Told(crate::token::Subscriber),
    /// Send it on.
    Forward(Box<Plan>),
}

impl<'r> Decision<'r> {
    /// Answers with the status that belongs to the reason; an ACK is never answered.
    pub(crate) fn refuse(ask: &Ask<'r>, why: Why) -> Self {
        if ask.request.method() == Method::Ack {
            return Self::Drop(why);
        }
        Self::Reply(why.reply(ask.request), why)
    }
}

/// A REGISTER that our registrar is to carry out.
pub(crate) struct Registering {
    pub(crate) aor: Arc<str>,
    /// Who asks for it: the same user, or a delegate.
    pub(crate) by: Arc<str>,
    pub(crate) route: Vec<String>,
    pub(crate) remote: bool,
    /// Whether the first hop keeps the client's flow (RFC 5626).
    pub(crate) outbound: bool,
}

/// A SUBSCRIBE or PUBLISH that we answer for a user.
#[derive(Clone, Debug)]
pub(crate) struct Eventing {
    /// The user whom it is about: an address-of-record.
    pub(crate) aor: Arc<str>,
    /// Who asks; inside a dialog the one who began it.
    pub(crate) asker: Option<Arc<str>>,
    /// The URI for lists that was asked; then it is about all on a list, and `aor` is the watcher.
    pub(crate) list: Option<Arc<str>>,
}

/// A MESSAGE that reaches nobody and is kept for whom it is for.
pub(crate) struct Keeping {
    /// Whom it is for: an address-of-record.
    pub(crate) aor: Arc<str>,
    /// Who sent it: an address-of-record.
    pub(crate) sender: Arc<str>,
    /// What happens to P-Asserted-Identity.
    pub(crate) assert: Assert,
    /// From when on it is of no use.
    pub(crate) expires_at: UnixMillis,
    /// The user who has just proved themself on the flow.
    pub(crate) user: Option<Arc<str>>,
    /// How it is answered if it cannot be kept.
    pub(crate) otherwise: Why,
}

/// How a request is sent on.
pub(crate) struct Plan {
    /// Where to, in groups ([`Target::order`]); within a group all at once.
    pub(crate) targets: Vec<Target>,
    /// What happens to P-Asserted-Identity.
    pub(crate) assert: Assert,
    /// How we stay in the path of the dialog.
    pub(crate) record: Record,
    /// Our URI in front of the Path of a REGISTER.
    pub(crate) path: Option<String>,
    /// Whether the credentials were for us and go no further.
    pub(crate) strip_credentials: bool,
    /// Whether no state is kept (RFC 3261 16.11).
    pub(crate) stateless: bool,
    /// What it means that no server of a target can be reached.
    pub(crate) unreached: Why,
    /// The user who has just proved themself on the flow.
    pub(crate) user: Option<Arc<str>>,
}

impl Plan {
    /// To these targets and nothing more: state is kept, nothing is asserted or recorded, and credentials stay here.
    pub(crate) const fn to(targets: Vec<Target>) -> Self {
        Self {
            targets,
            assert: Assert::Strip,
            record: Record::No,
            path: None,
            strip_credentials: true,
            stateless: false,
            unreached: Why::NoServer,
            user: None,
        }
    }
}

/// One place to send to.
pub(crate) struct Target {
    /// The new Request-URI; `None` leaves it.
    pub(crate) uri: Option<String>,
    /// The Route lines that go with it; `None` leaves what came without our own entries.
    pub(crate) route: Vec<String>,
    /// The next hop.
    pub(crate) towards: Towards,
    /// Which group it is of: an INVITE goes to the lowest first and to the next once that has failed
    /// (RFC 3261 16.6: q values). Other requests go to all groups at once.
    pub(crate) order: u16,
    /// Other ways to the same place, tried one after the other while the one before fails without having been heard
    /// of: a phone's other flows (RFC 5626 5.3). Their own order and alternatives do not count.
    pub(crate) alternatives: Vec<Target>,
}

impl Target {
    /// A next hop for a request that keeps its Request-URI and has no Route left.
    pub(crate) const fn at(towards: Towards) -> Self {
        Self {
            uri: None,
            route: Vec::new(),
            towards,
            order: 0,
            alternatives: Vec::new(),
        }
    }
}

/// A next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Towards {
    /// A client's flow.
    Flow(FlowId),
    /// Servers, to be tried in this order.
    Servers(Vec<Hop>),
    /// The servers of a domain of others, which are to be found first.
    Partner(crate::locate::Place),
}

/// What happens to P-Asserted-Identity (RFC 3325).
#[derive(Clone, Debug)]
pub(crate) enum Assert {
    /// It came from a server that may assert.
    Keep,
    /// It came from somebody who may not.
    Strip,
    /// We say who it is: an address-of-record.
    User(Arc<str>),
}

/// How we stay in the path of a dialog (RFC 3261 16.6 step 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Not at all: no dialog, or it was recorded when it began.
    No,
    /// With a route entry per side; a client's side carries the token of its flow.
    Yes,
}

impl Record {
    /// For a request outside a dialog: whether one of this method may begin one, so that we must stay in its path.
    pub(crate) const fn of_new(method: Method) -> Self {
        use Method::{Invite, Notify, Refer, Subscribe, Update};
        if matches!(method, Invite | Subscribe | Refer | Notify | Update) {
            Self::Yes
        } else {
            Self::No
        }
    }
}

/// Why a request was answered, refused or dropped. For logs, counters and people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// We were asked ourselves.
    Answered,
    /// It is a message that was kept for whom it is for.
    Kept,
    /// We were asked ourselves, and are about to end.
    Draining,
    /// Credentials are needed.
    Challenged,
    /// The credentials are wrong, the user is unknown or disabled: not told apart on purpose.
    BadCredentials,
    /// The user is at home elsewhere.
    Redirected,
    /// Neither end is of a domain that we serve.
    NotOurDomain,
    /// No such user.
    UnknownUser,
    /// The user is not registered.
    Unreachable,
    /// A `sips` URI was asked for where there is no TLS, or is not what the user registered (RFC 5630 5.3).
    NotSecure,
    /// The flow that a route names is gone (RFC 5626 5.3).
    FlowGone,
    /// A route leads to a machine that is not of the topology.
    ForeignRoute,
    /// From does not name the user who proved themself.
    WrongIdentity,
    /// Max-Forwards is used up.
    TooManyHops,
    /// More branches at once than Max-Breadth allows (RFC 5393).
    TooBroad,
    /// It was here before and nothing has changed since (RFC 3261 16.3, RFC 5393).
    Loop,
    /// A copy of it has come already by another way (RFC 3261 8.2.2.2).
    Merged,
    /// Proxy-Require names what we do not know.
    Unsupported,
    /// Inside a dialog that we do not know.
    NoDialog,
    /// A CANCEL or ACK that matches nothing.
    Stray,
    /// This machine does not do that.
    NotServed,
    /// The sender may not ask this of us.
    Forbidden,
    /// No server of the pool answers.
    NoServer,
    /// The servers of a partner cannot be found or reached.
    PartnerAway,
    /// A privacy service that we do not have is critical (RFC 3323 5).
    NoPrivacy,
    /// We do not know the users yet: the copy of the directory has never been there.
    NotReady,
    /// We are full.
    Overloaded,
    /// The message breaks a rule.
    Malformed,
    /// Its source has offended too often, or asks too much: later.
    Slowed,
    /// Its source has offended so often that it gets no answer.
    Ignored,
    /// It is what scanners send.
    Scanner,
    /// An event package that we do not know.
    BadEvent,
    /// Who is watched does not want to be seen by the watcher.
    Blocked,
    /// The request is older than one that came before.
    OutOfOrder,
}

impl Why {
    /// Returns the status that tells it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Answered => 200,
            Self::Kept => 202,
            Self::Challenged => 407,
            Self::Redirected => 301,
            Self::Malformed => 400,
            Self::BadCredentials
            | Self::NotOurDomain
            | Self::ForeignRoute
            | Self::WrongIdentity
            | Self::Forbidden => 403,
            Self::UnknownUser => 404,
            Self::Unsupported => 420,
            Self::FlowGone => 430,
            Self::TooBroad => 440,
            Self::Unreachable | Self::NotSecure => 480,
            Self::NoDialog | Self::Stray => 481,
            Self::Loop | Self::Merged => 482,
            Self::TooManyHops => 483,
            Self::BadEvent => 489,
            Self::OutOfOrder => 500,
            Self::NotServed => 501,
            Self::NoPrivacy => 500,
            Self::NoServer
            | Self::NotReady
            | Self::Overloaded
            | Self::Draining
            | Self::Slowed
            | Self::Ignored
            | Self::Scanner => 503,
            Self::PartnerAway => 504,
            Self::Blocked => 603,
        }
    }

    /// Returns the answer that tells it to the sender of a request.
    pub(crate) fn reply(self, request: &Message) -> Reply<'_> {
        let reply = Reply::to(request, self.status());
        let reply = self.text().into_iter().fold(reply, Reply::reason);
        match self.status() {
            503 => reply.header(Name::RetryAfter, RETRY_AFTER_SECS),
            489 => reply.header(Name::AllowEvents, crate::event::Package::ALL),
            480 if self == Self::NotSecure => reply.header(Name::Warning, NOT_SECURE),
            _ => reply,
        }
    }

    /// Returns the reason phrase where the usual one says too little.
    #[must_use]
    pub const fn text(self) -> Option<&'static str> {
        match self {
            Self::NotOurDomain => Some("Domain Not Served Here"),
            Self::ForeignRoute => Some("Route Not Allowed"),
            Self::WrongIdentity => Some("From Is Not You"),
            Self::NoServer => Some("No Server Available"),
            Self::FlowGone => Some("Flow Failed"),
            Self::Merged => Some("Merged Request"),
            Self::NoPrivacy => Some("Privacy Service Not Available"),
            Self::Answered
            | Self::Kept
            | Self::Draining
            | Self::Challenged
            | Self::BadCredentials
            | Self::Redirected
            | Self::UnknownUser
            | Self::Unreachable
            | Self::NotSecure
            | Self::TooManyHops
            | Self::TooBroad
            | Self::Loop
            | Self::Unsupported
            | Self::NoDialog
            | Self::Stray
            | Self::NotServed
            | Self::Forbidden
            | Self::NotReady
            | Self::PartnerAway
            | Self::Overloaded
            | Self::Malformed
            | Self::Slowed
            | Self::Ignored
            | Self::Scanner
            | Self::BadEvent
            | Self::Blocked
            | Self::OutOfOrder => None,
        }
    }

    /// Returns the name that counters and logs use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Kept => "kept",
            Self::Draining => "draining",
            Self::Challenged => "challenged",
            Self::BadCredentials => "bad-credentials",
            Self::Redirected => "redirected",
            Self::NotOurDomain => "not-our-domain",
            Self::UnknownUser => "unknown-user",
            Self::Unreachable => "unreachable",
            Self::NotSecure => "not-secure",
            Self::FlowGone => "flow-gone",
            Self::ForeignRoute => "foreign-route",
            Self::Merged => "merged",
            Self::WrongIdentity => "wrong-identity",
            Self::TooManyHops => "too-many-hops",
            Self::TooBroad => "too-broad",
            Self::Loop => "loop",
            Self::Unsupported => "unsupported",
            Self::NoDialog => "no-dialog",
            Self::Stray => "stray",
            Self::NotServed => "not-served",
            Self::Forbidden => "forbidden",
            Self::NoServer => "no-server",
            Self::PartnerAway => "partner-away",
            Self::NoPrivacy => "no-privacy",
            Self::NotReady => "not-ready",
            Self::Overloaded => "overloaded",
            Self::Malformed => "malformed",
            Self::Slowed => "slowed",
            Self::Ignored => "ignored",
            Self::Scanner => "scanner",
            Self::BadEvent => "bad-event",
            Self::Blocked => "blocked",
            Self::OutOfOrder => "out-of-order",
        }
    }
}
