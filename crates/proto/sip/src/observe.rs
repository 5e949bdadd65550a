//! What a node lets others see of its work: each message, what was decided about each request and why, and the steps that
//! followed. For whoever looks for a fault; nothing here changes what a node does.
//!
//! - A [`Sight`] is one message on the wire, or one [`Remark`] of the node about its own work.
//! - [`Observing`] says what is wanted. A node looks there before it makes anything, so that an unwatched one loses a
//!   branch by it.
//!
//! A message is seen as it was on the wire, secrets and all: who keeps it must take them out. What an Edge hides from
//! those outside is seen both ways, since the same request is seen once on each side of it.

use crate::msg::{Message, Method};
use base::Valve;
use base::net::{FlowId, Link, Peer, Transport};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// How much a remark matters; the more, the less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Something failed or was refused.
    Trouble,
    /// Ordinary work.
    Work,
    /// One step of it.
    Step,
}

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Messages and transactions.
    Stack,
    /// Where a request goes.
    Routing,
    /// Who somebody is.
    Authentication,
    /// Bindings.
    Registrar,
    /// The crossing to the outside.
    Edge,
    /// Partners.
    Federation,
    /// Subscriptions and publications.
    Presence,
    /// Messages for users who are away.
    Messaging,
    /// What is held against sources.
    Guard,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Stack,
        Self::Routing,
        Self::Authentication,
        Self::Registrar,
        Self::Edge,
        Self::Federation,
        Self::Presence,
        Self::Messaging,
        Self::Guard,
    ];
}

/// What is wanted of the nodes of a machine; it may change at any time.
#[derive(Debug, Default)]
pub struct Observing {
    /// Shut while whoever looks has more than they can take. Trouble is told all the same.
    room: Arc<Valve>,
    messages: AtomicBool,
    /// How many grades, the gravest first.
    grades: AtomicU8,
}

impl Observing {
    /// Nothing is wanted yet; what is made later is made only while there is room for it.
    #[must_use]
    pub fn new(room: Arc<Valve>) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    /// Wants messages or not, and remarks of this grade and graver ones, or none.
    pub fn set(&self, messages: bool, remarks: Option<Grade>) {
        self.messages.store(messages, Ordering::Relaxed);
        let grades = remarks.map_or(0, |least| least as u8 + 1);
        self.grades.store(grades, Ordering::Relaxed);
    }

    /// Tells whether a message is to be shown; one that is wanted and finds no room is counted.
    #[must_use]
    pub fn messages(&self) -> bool {
        self.messages.load(Ordering::Relaxed) && self.room.admits()
    }

    /// Tells whether a remark of this grade is to be made; one that is wanted and finds no room is counted.
    #[must_use]
    pub fn remarks(&self, grade: Grade) -> bool {
        self.wants(grade) && (grade == Grade::Trouble || self.room.admits())
    }

    /// Tells whether it is worth gathering what a remark of any grade could say.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.wants(Grade::Trouble) && self.room.is_open()
    }

    fn wants(&self, grade: Grade) -> bool {
        (grade as u8) < self.grades.load(Ordering::Relaxed)
    }
}

/// Whether a message came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// To us.
    In,
    /// From us.
    Out,
}

/// One thing seen.
#[derive(Clone, Debug)]
pub enum Sight {
    /// A message on the wire.
    Message {
        /// Which way it went.
        way: Way,
        /// Who is at the other end.
        end: End,
        /// All of it, as it was on the wire.
        bytes: Bytes,
    },
    /// Something to say about our own work.
    Remark(Box<Remark>),
}

/// The other end of a flow, as far as this worker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The flow; of another worker perhaps.
    pub flow: FlowId,
    /// How bytes travel on it.
    pub transport: Transport,
    /// Our address.
    pub local: Option<SocketAddr>,
    /// Theirs.
    pub remote: Option<SocketAddr>,
    /// Who they have proven to be: a machine, a partner's domain, a gateway, a user. Of a flow that is not open yet, who
    /// they must prove to be.
    pub name: Option<Arc<str>>,
    /// Whether they are a machine of ours, which sees the same message.
    pub is_ours: bool,
    /// Whether they are a machine that only asks us how we are.
    pub only_asks: bool,
}

impl End {
    /// A flow of which nothing else is known.
    pub(crate) const fn of(flow: FlowId) -> Self {
        Self {
            flow,
            transport: flow.transport(),
            local: None,
            remote: None,
            name: None,
            is_ours: false,
            only_asks: false,
        }
    }

    /// Adds what a link says; `user` is who has proven themself on it.
    #[must_use]
    pub fn linked(mut self, link: &Link, user: Option<&Arc<str>>) -> Self {
        self.transport = link.transport;
        self.local = Some(link.local);
        self.remote = Some(link.remote);
        self.name = match &link.peer {
            Peer::Server(server) => Some(Arc::clone(&server.name)),
            Peer::Partner(domains) => domains.first().cloned(),
            Peer::Gateway(name) => Some(Arc::clone(name)),
            Peer::Client => user.cloned(),
        };
        self.is_ours = matches!(link.peer, Peer::Server(_));
        self.only_asks = crate::role::only_asks(&link.peer);
        self
    }
}

/// What a remark says of the request that it is about; in one piece of memory, as it is made on the way of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    words: Box<str>,
    ends: [usize; 4],
    /// The number in its CSeq.
    pub cseq: u32,
}

impl Subject {
    /// Reads it off a request, or a response; what is malformed is empty.
    #[must_use]
    pub fn of(request: &Message) -> Self {
        let from = request.from().map_or("", |from| from.uri);
        let to = request.to().map_or("", |to| to.uri);
        let parts = [
            request.call_id().unwrap_or_default(),
            request.method_token(),
            from,
            to,
            request.uri(),
        ];
        let mut words = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        let mut ends = [0; 4];
        for (at, part) in parts.into_iter().enumerate() {
            words.push_str(part);
            if let Some(end) = ends.get_mut(at) {
                *end = words.len();
            }
        }
        Self {
            words: words.into_boxed_str(),
            ends,
            cseq: request.cseq().map_or(0, |cseq| cseq.number),
        }
    }

    fn part(&self, from: usize, to: usize) -> &str {
        self.words.get(from..to).unwrap_or_default()
    }

    /// Returns its Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.part(0, self.ends[0])
    }

    /// Returns its method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.part(self.ends[0], self.ends[1])
    }

    /// Returns the URI in From.
    #[must_use]
    pub fn from(&self) -> &str {
        self.part(self.ends[1], self.ends[2])
    }

    /// Returns the URI in To.
    #[must_use]
    pub fn to(&self) -> &str {
        self.part(self.ends[2], self.ends[3])
    }

    /// Returns the Request-URI.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.part(self.ends[3], self.words.len())
    }

    /// Returns the bytes that it holds.
    #[must_use]
    pub const fn weight(&self) -> usize {
        self.words.len()
    }
}

/// What a node has to say about its own work.
#[derive(Clone, Debug)]
pub struct Remark {
    /// What it is about.
    pub topic: Topic,
    /// How much it matters.
    pub grade: Grade,
    /// Whether this is what became of a request when it came: of each there is one such remark.
    pub decides: bool,
    /// What was done, in one word.
    pub word: &'static str,
    /// Why, for people.
    pub reason: String,
    /// The status that it was answered with.
    pub status: Option<u16>,
    /// The request.
    pub subject: Option<Subject>,
    /// The user whom it is about, where no request says that.
    pub user: Option<Box<str>>,
    /// Where it came from.
    pub end: Option<End>,
    /// Who gets it next.
    pub next: Option<Arc<str>>,
}

impl Remark {
    /// Begins a remark.
    pub(crate) const fn new(topic: Topic, grade: Grade, word: &'static str) -> Self {
        Self {
            topic,
            grade,
            decides: false,
            word,
            reason: String::new(),
            status: None,
            subject: None,
            user: None,
            end: None,
            next: None,
        }
    }

    /// Says why.
    pub(crate) fn because(self, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            ..self
        }
    }

    /// Says about which request.
    pub(crate) fn about(self, request: &Message) -> Self {
        Self {
            subject: Some(Subject::of(request)),
            ..self
        }
    }

    /// Says which user it is about.
    pub(crate) fn of_user(self, user: &str) -> Self {
        Self {
            user: Some(user.into()),
            ..self
        }
    }

    /// Says where it came from.
    pub(crate) fn at(self, end: End) -> Self {
        Self {
            end: Some(end),
            ..self
        }
    }

    /// Says what it was answered with.
    pub(crate) const fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Says that it is what becomes of the request.
    pub(crate) const fn decides(mut self) -> Self {
        self.decides = true;
        self
    }

    /// Returns the bytes that it holds.
    #[must_use]
    pub fn weight(&self) -> usize {
        let subject = self.subject.as_ref().map_or(0, Subject::weight);
        size_of::<Self>() + self.reason.len() + subject
    }
}

/// Tells whether a request only asks how we are: balancers do so all day long.
pub(crate) fn is_probe(end: &End, request: &Message) -> bool {
    end.only_asks && request.method() == Method::Options
}

#[cfg(test)]
mod tests {
    use super::{Grade, Observing, Subject};
    use crate::msg::{Limits, Message};

    #[test]
    fn a_grade_is_wanted_with_all_graver_ones() {
        let observing = Observing::default();
        let wanted =
            || [Grade::Trouble, Grade::Work, Grade::Step].map(|grade| observing.remarks(grade));
        assert_eq!(wanted(), [false; 3]);
        observing.set(true, Some(Grade::Work));
        assert_eq!(wanted(), [true, true, false]);
        assert!(observing.messages());
        observing.set(false, Some(Grade::Step));
        assert_eq!(wanted(), [true; 3]);
        assert!(!observing.messages());
    }

    #[test]
    fn a_subject_is_what_the_request_says() {
        let text = "INVITE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\n\
                    From: A <sip:alice@a.example>;tag=1\r\nTo: <sip:bob@b.example;x=y>\r\nCall-ID: q@w\r\n\
                    CSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n";
        let request = Message::parse(text.into(), &Limits::default()).unwrap();
        let subject = Subject::of(&request);
        assert_eq!(
            (subject.call_id(), subject.method(), subject.cseq),
            ("q@w", "INVITE", 7)
        );
        assert_eq!(subject.from(), "sip:alice@a.example");
        assert_eq!(subject.to(), "sip:bob@b.example;x=y");
        assert_eq!(subject.uri(), "sip:bob@b.example");
    }
}
