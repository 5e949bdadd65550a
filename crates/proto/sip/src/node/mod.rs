//! One SIP node: the machine that each worker of a Director, Edge or Front End drives.
//!
//! ```text
//! bytes -> Framer -> Message --request--> role::decide -> Decision -> reply | relay | register | nothing
//!                        \--response--> the branch of our Via -> relay's leg, or the flow that it names
//! ```
//!
//! - [`flows`](self): connections, unfinished messages, reuse, resting servers.
//! - `inbound`, `datagram`: what arrives. `answers`: our own answers over UDP, kept for requests that come again. `relay`: requests sent on with state. `outgoing`: how a message changes on its way.
//! - `keeping`, `delivering`: messages for users who are away, there and back.
//! - `observing`: what others are let see.
//! - `slow`: clients that take their time.
//! - `watch`: what strangers do that they should not, and what follows from it.
//! - Decisions are the roles' ([`crate::role`]); this module carries them out.
//!
//! Invariants: a response is sent only to the flow that its request came on, or to another flow of the same server; a
//! relay ends when its server transaction and all its legs have; every table has a bound ([`crate::config::Bounds`]).

mod answers;
mod backend;
mod cancel;
mod datagram;
mod delivering;
mod eventing;
mod flows;
mod groups;
mod hiding;
mod inbound;
mod keepalive;
mod keeping;
mod listing;
mod locating;
mod merged;
mod note;
mod observing;
mod outgoing;
mod overload;
mod own;
mod partners;
mod pending;
mod rank;
mod registering;
mod relay;
mod relays;
mod responses;
mod slow;
mod stats;
mod watch;

pub(crate) use flows::Flows;
pub use note::{Handed, Note};
pub use pending::Pending;
pub use stats::{PartnerStats, Stats};

use crate::auth::Nonces;
use crate::config::Config;
use crate::event::{Backends, Events, Watched};
use crate::guard::Guard;
use crate::locate::{Answer, Places, Question};
use crate::location::{Change, Locations};
use crate::msg::{FrameError, Invalid, Limits};
use crate::observe::{Grade, Observing, Sight, Topic};
use crate::offline;
use crate::role::notes::Notes;
use crate::txn::Timer;
use answers::Answers;
use base::net::{Effect, Event, FlowId, Link, Peer};
use base::random::Random;
use base::timers::{TimerId, Timers};
use base::{Machine, Now, Step};
use bytes::Bytes;
use directory::{Directory, Revision};
use flows::LegId;
use merged::Merged;
use overload::Throttles;
use own::OwnRequests;
use relays::Relays;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long after a change the counters are reported.
const REPORT: Duration = Duration::from_millis(500);

/// What may arrive at a node.
#[derive(Debug)]
pub enum Input {
    /// From the network.
    Net(Event),
    /// The change log's answer to [`Action::Commit`] or [`Action::Store`].
    Committed {
        /// Which one.
        ticket: u64,
        /// Whether it is durable and visible in [`Locations`] or [`Shared::offline`].
        done: bool,
    },
    /// Another worker has told us something with [`Action::Tell`].
    Told(Note),
    /// [`Action::Tell`] could not be carried out: that worker has no room.
    Untold(Note),
    /// The name service's answer to [`Action::Resolve`].
    Resolved {
        /// Which one.
        ticket: u64,
        /// What it says.
        answer: Answer,
    },
    /// Whether this machine is about to end and takes nothing new if it can be helped. It serves what comes all the same;
    /// whoever asks how it is hears of it.
    Draining(bool),
}

impl From<Event> for Input {
    fn from(event: Event) -> Self {
        Self::Net(event)
    }
}

/// What a node asks for.
#[derive(Debug)]
pub enum Action {
    /// Of the network.
    Net(Effect),
    /// Of the change log: make these durable, in order, then answer with [`Input::Committed`].
    Commit {
        /// Comes back in the answer.
        ticket: u64,
        /// The changes.
        changes: Vec<Change>,
    },
    /// Of the log of kept messages: make these durable, in order, then answer with [`Input::Committed`].
    Store {
        /// Comes back in the answer.
        ticket: u64,
        /// The changes.
        changes: Vec<offline::Change>,
    },
    /// Of whoever carries letters between workers: give this to that one's node as [`Input::Told`], or back as
    /// [`Input::Untold`].
    Tell {
        /// To whom.
        worker: base::net::WorkerId,
        /// What.
        note: Note,
    },
    /// Of the name service outside: answer with [`Input::Resolved`].
    Resolve {
        /// Comes back in the answer.
        ticket: u64,
        /// What is asked.
        question: Question,
    },
    /// Of whoever keeps the log: somebody sent what breaks a rule.
    Complain(Complaint),
    /// Of whoever looks on: this was seen ([`Shared::observing`]).
    Observe(Sight),
    /// Of whoever watches: take note of the counters.
    Report(Box<Stats>),
}

/// What somebody sent that breaks a rule.
#[derive(Debug)]
pub struct Complaint {
    /// Who.
    pub remote: SocketAddr,
    /// What.
    pub fault: Fault,
}

/// How what was sent breaks the rules. Nothing of its text is kept.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A message is malformed; it was answered if that was possible.
    #[error("malformed message: {0}")]
    Message(Invalid),
    /// The bytes are no SIP; the connection is closed.
    #[error("not SIP: {0}")]
    Frame(FrameError),
    /// A message was not whole in time; the connection is closed.
    #[error("a message took too long")]
    Slow,
    /// No message came in time; the connection is closed.
    #[error("nothing was said")]
    Silent,
    /// Unfinished messages hold more memory than allowed; the connection is closed.
    #[error("unfinished messages hold too much memory")]
    Unfinished,
}

/// What several workers share.
#[derive(Clone)]
pub struct Shared {
    /// Who exists.
    pub users: Directory,
    /// Where they are.
    pub locations: Arc<dyn Locations>,
    /// What is kept for those who are away.
    pub offline: Arc<offline::Table>,
    /// Who behaves badly.
    pub guard: Arc<Guard>,
    /// Of whom somebody wants to hear.
    pub watched: Arc<Watched>,
    /// What of a node's work somebody wants to see.
    pub observing: Arc<Observing>,
}

/// What a timer of the node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alarm {
    Leg(LegId, Timer),
    CancelAgain(LegId, Duration),
    Answer(u64, Timer),
    Server(u32, u32, Timer),
    RingingTooLong(LegId),
    /// A leg has heard nothing yet.
    Hung(LegId),
    /// The group of targets that ends here has rung for long enough.
    NextGroup(u32, u32, usize),
    /// A non-INVITE request is not answered yet.
    Trying(u32, u32),
    Unfinished(FlowId),
    Silent(FlowId),
    /// A client may have broken its promise of signs of life.
    Lifeless(FlowId),
    Sweep,
    Report,
    CommitLate(u64),
    Event(crate::event::Alarm),
    /// Letters that found no room are sent again.
    Letters,
    Own(u64, Timer),
    /// A back-end subscription is to be refreshed or tried again.
    Backend(u64),
    SearchLate(u64),
}

/// One worker's SIP node.
pub struct Node {
    config: Arc<Config>,
    shared: Shared,
    nonces: Nonces,
    random: Random,
    now: Now,
    timers: Timers<Alarm>,
    flows: Flows,
    /// Bytes of unfinished messages on all flows together.
    unfinished: usize,
    server_limits: Limits,
    relays: Relays,
    throttles: Throttles,
    /// How late this worker serves its timers.
    lag: Duration,
    places: Places<LegId>,
    partners: partners::Partners,
    answers: Answers,
    merged: Merged,
    commits: BTreeMap<u64, registering::Waiting>,
    /// The removal of ended bindings that the change log has not answered yet.
    sweeping: Option<(u64, TimerId)>,
    /// Whose ended bindings are being removed.
    swept: Vec<String>,
    /// Changes to what is kept that the change log has not answered yet.
    storing: BTreeMap<u64, keeping::Storing>,
    next_ticket: u64,
    events: Events,
    /// Our own subscriptions at other pools.
    backends: Backends,
    /// The directory that subscriptions were last held against.
    reviewed: Revision,
    own: OwnRequests,
    /// Letters about lists that found no room.
    letters: Vec<(base::net::WorkerId, Note)>,
    out: VecDeque<Action>,
    stats: Stats,
    reporting: bool,
    draining: bool,
    notes: Notes,
}

impl Node {
    /// Makes a node. `seed` decides every random choice it will make.
    #[must_use]
    pub fn new(config: Arc<Config>, shared: Shared, seed: [u8; 32], now: Now) -> Self {
        let nonces = Nonces::new(config.keys.nonce, config.nonce_life).of_run(config.boot);
        let mut node = Self {
            flows: Flows::new(config.worker),
            unfinished: 0,
            server_limits: for_servers(&config.limits),
            relays: Relays::default(),
            throttles: Throttles::default(),
            lag: Duration::ZERO,
            places: Places::default(),
            partners: partners::Partners::default(),
            answers: Answers::default(),
            merged: Merged::default(),
            nonces,
            random: Random::new(seed),
            now,
            timers: Timers::default(),
            commits: BTreeMap::new(),
            sweeping: None,
            storing: BTreeMap::new(),
            next_ticket: 0,
            events: Events::new(config.bounds.events, Arc::clone(&shared.watched)),
            backends: Backends::new(config.bounds.events.elsewhere),
            reviewed: Revision::default(),
            swept: Vec::new(),
            own: OwnRequests::default(),
            letters: Vec::new(),
            out: VecDeque::new(),
            stats: Stats::default(),
            reporting: false,
            draining: false,
            notes: Notes::default(),
            shared,
            config,
        };
        if node.is_sweeper() {
            node.timers.set(now.mono, registering::SWEEP, Alarm::Sweep);
        }
        node
    }

    /// Returns what was counted so far; gauges are as of the last event.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Tells whether nothing that was begun waits for an answer.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.commits.is_empty() && self.storing.is_empty() && self.relays.awaiting() == 0
    }

    fn net(&mut self, event: Event) {
        match event {
            Event::Opened { flow, link } => self.flow_opened(flow, link),
            Event::Received { flow, bytes } => self.received(flow, bytes),
            Event::Closed { flow, .. } => self.flow_closed(flow),
            Event::Passed { flow, link, bytes } => self.passed(flow, &link, bytes),
        }
    }

    fn flow_opened(&mut self, id: FlowId, link: Arc<Link>) {
        self.expect_words(id, &link);
        let fits = match &link.peer {
            Peer::Partner(domains) => domains
                .first()
                .is_some_and(|one| self.partners.opened(&self.config, one)),
            Peer::Server(_) | Peer::Gateway(_) | Peer::Client => true,
        };
        self.flows.opened(id, link);
        if !fits {
            self.say(
                Topic::Federation,
                Grade::Trouble,
                "refused",
                |node, remark| {
                    let reason = "the partner has as many connections as it may";
                    remark.at(node.end_of(id)).because(reason)
                },
            );
            if let Some(flow) = self.flows.get_mut(id) {
                flow.closing = true;
            }
            self.close(id);
        }
    }

    fn flow_closed(&mut self, id: FlowId) {
        let peer = self.flows.get(id).and_then(|flow| flow.link.as_ref());
        if let Some(Peer::Partner(domains)) = peer.map(|link| &link.peer)
            && let Some(one) = domains.first()
        {
            self.partners.closed(&self.config, one);
        }
        let (held, ends) = self.flows.closed(id, self.now.mono);
        self.unfinished = self.unfinished.saturating_sub(held);
        for worker in ends.told {
            let note = Note::FlowClosed(id);
            self.out.push_back(Action::Tell { worker, note });
        }
        // Also of another worker's flow, to which something was sent in vain.
        self.own_flow_closed(id);
        self.watcher_gone(id);
        self.backends_lost(id);
        for leg in ends.waiting {
            self.leg_lost(leg);
        }
        // A server of ours takes a lost flow as the end of the calls that it sent there, and a phone is gone with it.
        for (slot, generation) in ends.calling {
            self.cancel_relay(slot, generation);
        }
    }

    /// Sends a message.
    fn send(&mut self, flow: FlowId, bytes: Bytes) {
        self.see_out(flow, &bytes);
        self.send_bare(flow, bytes);
    }

    /// Sends what is no message: an answer to a sign of life.
    fn send_bare(&mut self, flow: FlowId, bytes: Bytes) {
        self.out
            .push_back(Action::Net(Effect::Send { flow, bytes }));
    }

    fn close(&mut self, flow: FlowId) {
        self.out.push_back(Action::Net(Effect::Close { flow }));
    }

    fn alarm(&mut self, alarm: Alarm) {
        match alarm {
            Alarm::Leg(leg, timer) => self.leg_timer(leg, timer),
            Alarm::CancelAgain(leg, wait) => self.cancel_again(leg, wait),
            Alarm::Answer(key, timer) => self.answer_timer(key, timer),
            Alarm::Server(slot, generation, timer) => self.server_timer(slot, generation, timer),
            Alarm::RingingTooLong(leg) => self.ringing_too_long(leg),
            Alarm::Hung(leg) => self.hung(leg),
            Alarm::NextGroup(slot, generation, end) => self.next_group(slot, generation, end),
            Alarm::Trying(slot, generation) => self.trying(slot, generation),
            Alarm::Unfinished(flow) => self.unfinished_alarm(flow),
            Alarm::Silent(flow) => self.silent_alarm(flow),
            Alarm::Lifeless(flow) => self.flow_silent(flow),
            Alarm::Sweep => self.sweep(),
            Alarm::Report => self.report(),
            Alarm::CommitLate(ticket) => self.committed(ticket, false),
            Alarm::Event(alarm) => self.event_alarm(alarm),
            Alarm::Letters => self.letters_again(),
            Alarm::Own(number, timer) => self.own_timer(number, timer),
            Alarm::Backend(number) => self.backend_due(number),
            Alarm::SearchLate(ticket) => self.search_late(ticket),
        }
    }

    /// One worker of a Front End removes ended bindings for all.
    fn is_sweeper(&self) -> bool {
        self.config.server.role == base::net::Role::FrontEnd && self.config.worker.0 == 0
    }

    /// Sees to it that counters are reported soon; an idle node reports nothing.
    fn gauge(&mut self) {
        self.stats.flows = self.flows.len();
        self.stats.relays = self.relays.len();
        (self.stats.subscriptions, self.stats.publications) = self.events.counts();
        self.stats.backends = self.backends.len();
        self.stats.notifies_throttled = self.events.throttled;
        if !self.reporting {
            self.reporting = true;
            self.timers.set(self.now.mono, REPORT, Alarm::Report);
        }
    }

    fn report(&mut self) {
        self.reporting = false;
        self.stats.partners = self.partners.stats();
        self.out
            .push_back(Action::Report(Box::new(self.stats.clone())));
    }

    fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }
}

/// What servers may send: each hop adds lines to a head that was within the limits when it came from a client.
fn for_servers(limits: &Limits) -> Limits {
    let head = (limits.head * 2).min(Limits::SERVER.head.max(limits.head));
    Limits {
        head,
        headers: limits.headers * 2,
        body: limits.body,
        message: head + limits.body,
    }
}

impl Machine for Node {
    type Input = Input;
    type Action = Action;

    fn handle(&mut self, now: Now, input: Input) {
        self.now = now;
        match input {
            Input::Net(event) => self.net(event),
            Input::Committed { ticket, done } => self.committed(ticket, done),
            Input::Told(note) => self.told(note),
            Input::Untold(note) => self.untold(&note),
            Input::Resolved { ticket, answer } => self.resolved(ticket, answer),
            Input::Draining(draining) => self.draining = draining,
        }
        self.gauge();
    }

    fn tick(&mut self, now: Now) {
        self.now = now;
        self.note_lag(self.timers.next_wake());
        while let Some(alarm) = self.timers.expired(now.mono) {
            self.alarm(alarm);
            if alarm != Alarm::Report && alarm != Alarm::Sweep {
                self.gauge();
            }
        }
    }

    fn poll(&mut self) -> Step<Action> {
        match self.out.pop_front() {
            Some(action) => Step::Do(action),
            None => Step::Wait(self.timers.next_wake()),
        }
    }
}
