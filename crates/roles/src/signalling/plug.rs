//! The SIP node on the runtime: what is for the network goes there, what is for the change log goes to the log.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::net::{Effect, Event, WorkerId};
use runtime::worker::{Mailbox, Plug};
use sip::guard::Guard;
use sip::locate::{Answer, Question};
use sip::{Action, Complaint, Input, Node, Note, Stats};

use super::durable::{Bindings, Durable, Messages, Table};
use super::observer::Observer;
use super::resolver::Resolver;

/// The latest counters of every worker's node, and the guard that they share.
pub struct NodeStats {
    workers: Vec<Mutex<Stats>>,
    guard: Arc<Guard>,
}

impl NodeStats {
    pub(super) fn new(workers: u8, guard: Arc<Guard>) -> Self {
        Self {
            workers: (0..workers).map(|_| Mutex::default()).collect(),
            guard,
        }
    }

    /// Returns the guard, which others than SIP may ask too.
    #[must_use]
    pub const fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    /// Returns the counters of all workers together.
    #[must_use]
    pub fn total(&self) -> Stats {
        let mut total = Stats::default();
        for one in &self.workers {
            total.add(&one.lock().unwrap_or_else(PoisonError::into_inner));
        }
        total
    }

    fn set(&self, worker: WorkerId, stats: &Stats) {
        if let Some(slot) = self.workers.get(usize::from(worker.0)) {
            slot.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone_from(stats);
        }
    }
}

/// What the nodes of a machine have written down.
#[derive(Clone)]
pub(super) struct Disk {
    pub(super) bindings: Arc<Bindings>,
    pub(super) messages: Arc<Messages>,
}

/// Fits a node to a worker.
pub struct SipPlug {
    worker: WorkerId,
    mailboxes: Vec<Mailbox<Input>>,
    disk: Disk,
    stats: Arc<NodeStats>,
    complaints: Complaints,
    resolver: Option<Resolver>,
    observer: Observer,
}

impl SipPlug {
    pub(super) fn new(
        worker: WorkerId,
        mailboxes: Vec<Mailbox<Input>>,
        disk: Disk,
        stats: Arc<NodeStats>,
        resolver: Option<Resolver>,
        observer: Observer,
    ) -> Self {
        Self {
            worker,
            mailboxes,
            disk,
            stats,
            complaints: Complaints::default(),
            resolver,
            observer,
        }
    }
}

impl SipPlug {
    /// Asks the name service; the answer comes by the mailbox. A lost one is the same to the node as none in time.
    fn resolve(&self, ticket: u64, question: Question) {
        let Some(mailbox) = self.mailbox_of(self.worker).cloned() else {
            return;
        };
        let post = move |answer| {
            if mailbox.post(Input::Resolved { ticket, answer }).is_err() {
                tracing::warn!("a worker's mailbox is full: an answer of the name service is lost");
            }
        };
        match self.resolver.clone() {
            None => post(Answer::Failed),
            Some(resolver) => {
                tokio::spawn(async move { post(resolver.ask(&question).await) });
            }
        }
    }

    /// Gives a note to another worker, or back to ours if that one has no room.
    fn tell(&self, worker: WorkerId, note: Note) {
        let (Some(theirs), Some(own)) = (self.mailbox_of(worker), self.mailbox_of(self.worker))
        else {
            return;
        };
        if theirs.post(Input::Told(note.clone())).is_err() && own.post(Input::Untold(note)).is_err()
        {
            tracing::warn!("the mailboxes of two workers are full: a request is lost");
        }
    }

    /// Makes changes durable and tells the node; whether that worked comes by the mailbox.
    fn commit<T: Table>(&self, log: &Durable<T>, ticket: u64, changes: &[T::Change]) {
        let Some(mailbox) = self.mailbox_of(self.worker).cloned() else {
            return;
        };
        log.commit(changes, move |done| {
            if mailbox.post(Input::Committed { ticket, done }).is_err() {
                // The answer is lost, not the change: whoever asked for it asks again and is told.
                tracing::warn!("a worker's mailbox is full: an answer of the log is lost");
            }
        });
    }

    fn mailbox_of(&self, worker: WorkerId) -> Option<&Mailbox<Input>> {
        self.mailboxes.get(usize::from(worker.0))
    }
}

/// Log lines a worker writes in one second about what others send; more are only counted.
const LINES_PER_SECOND: u32 = 10;

/// Keeps what others send from filling the log.
#[derive(Default)]
struct Complaints {
    second: Option<Instant>,
    lines: u32,
}

impl Complaints {
    fn log(&mut self, complaint: &Complaint) {
        let now = Instant::now();
        if self
            .second
            .is_none_or(|began| now.duration_since(began) >= Duration::from_secs(1))
        {
            let untold = self.lines.saturating_sub(LINES_PER_SECOND);
            if untold > 0 {
                tracing::info!(untold, "more messages that break a rule came");
            }
            self.second = Some(now);
            self.lines = 0;
        }
        self.lines += 1;
        if self.lines <= LINES_PER_SECOND {
            let Complaint { remote, fault } = complaint;
            tracing::info!(%remote, %fault, "a message breaks a rule");
        }
    }
}

impl Plug for SipPlug {
    type Machine = Node;

    fn input(&mut self, event: Event) -> Input {
        self.observer.flows().note(self.worker, &event);
        Input::Net(event)
    }

    fn act(&mut self, action: Action) -> Option<Effect> {
        match action {
            Action::Net(effect) => Some(effect),
            Action::Commit { ticket, changes } => {
                self.commit(&self.disk.bindings, ticket, &changes);
                None
            }
            Action::Store { ticket, changes } => {
                self.commit(&self.disk.messages, ticket, &changes);
                None
            }
            Action::Tell { worker, note } => {
                self.tell(worker, note);
                None
            }
            Action::Resolve { ticket, question } => {
                self.resolve(ticket, question);
                None
            }
            Action::Complain(complaint) => {
                self.complaints.log(&complaint);
                None
            }
            Action::Observe(sight) => {
                self.observer.keep(sight);
                None
            }
            Action::Report(stats) => {
                self.stats.set(self.worker, &stats);
                None
            }
        }
    }

    fn is_quiet(&self, machine: &Node) -> bool {
        machine.is_quiet()
    }
}
