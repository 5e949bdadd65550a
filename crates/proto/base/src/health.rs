//! Which members of a pool can be used: a core for whoever chooses among them, such as a name service or a balancer.
//!
//! Members are asked in turn ([`Action::Probe`]), and whoever uses them tells what became of it ([`Input::Failed`],
//! [`Input::Served`]). A member changes its standing only after several findings in a row, so that one lost packet moves
//! nothing; its first finding, and what it says of itself, count at once.
//!
//! ```text
//!            fall failures                    says that it takes no more
//!   Up ----------------------> Down       Up ----------------------> Draining
//!      <----------------------               <---------------------- rise good answers
//!            rise good answers            Draining --one failure--> Down
//! ```
//!
//! A member of which nothing is known yet is up: whoever has just begun must not take a deployment away.
//!
//! This is not the place that connects to anybody, and it does not know what a good answer is.
//!
//! Bounds: [`MEMBERS_MAX`] members, what is beyond is up without being asked; [`Pace::at_once`] questions under way; a
//! question that nobody answers within [`Pace::patience`] is a failure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::random::Random;
use crate::timers::{TimerId, Timers};
use crate::{Machine, Mono, Now, Step};

/// The most members that are asked; a topology has no more machines than a quarter of it.
pub const MEMBERS_MAX: usize = 4096;

/// Names a member: its place in the order of whoever made the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub usize);

/// How often members are asked, and how much changes a mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two questions to a member about whom there is no doubt; a tenth more or less, by chance.
    pub every: Duration,
    /// Between two questions while a change is in the air.
    pub again: Duration,
    /// How long an answer may take.
    pub patience: Duration,
    /// Good answers in a row that bring a member back.
    pub rise: u8,
    /// Failures in a row that take a member away.
    pub fall: u8,
    /// Questions under way.
    pub at_once: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(2),
            again: Duration::from_millis(500),
            patience: Duration::from_secs(2),
            rise: 2,
            fall: 2,
            at_once: 32,
        }
    }
}

/// Whether a member can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It takes what comes.
    Up,
    /// It does not answer.
    Down,
    /// It finishes what it has and takes nothing new.
    Draining,
}

/// What an answer says, or its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It serves.
    Well,
    /// It says that it takes nothing new.
    Draining,
    /// It cannot be reached, is somebody else, or says nothing useful.
    Failed,
}

/// What may arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A question was answered.
    Probed {
        /// Who was asked.
        member: MemberId,
        /// The ticket of the question; an answer that comes too late has none that counts.
        ticket: u64,
        /// What came of it.
        finding: Finding,
    },
    /// Whoever wanted to use a member could not.
    Failed(MemberId),
    /// A member was used with success.
    Served(MemberId),
}

/// What is asked of the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask this member how it is; answered with [`Input::Probed`].
    Probe {
        /// Whom.
        member: MemberId,
        /// Comes back in the answer.
        ticket: u64,
    },
    /// A member's standing is another one from here on.
    Changed {
        /// Whose.
        member: MemberId,
        /// What it is.
        standing: Standing,
    },
}

#[derive(Clone, Copy)]
enum Alarm {
    Ask(MemberId),
    Late(MemberId),
}

/// What is known of one member.
struct Member {
    standing: Standing,
    /// Whether anything was ever found.
    known: bool,
    good: u8,
    bad: u8,
    /// The question under way.
    asked: Option<u64>,
    timer: Option<TimerId>,
}

/// The members and what is known of them.
pub struct Health {
    pace: Pace,
    members: Vec<Member>,
    timers: Timers<Alarm>,
    random: Random,
    now: Mono,
    /// Whose turn came while as many questions as may be were under way; each member at most once.
    waiting: VecDeque<MemberId>,
    under_way: usize,
    next_ticket: u64,
    out: VecDeque<Action>,
}

impl Health {
    /// Begins with so many members, all of them up, and asks them at once. The seed spreads the questions.
    #[must_use]
    pub fn new(members: usize, pace: Pace, seed: [u8; 32], now: Now) -> Self {
        let fresh = || Member {
            standing: Standing::Up,
            known: false,
            good: 0,
            bad: 0,
            asked: None,
            timer: None,
        };
        let members = members.min(MEMBERS_MAX);
        let mut health = Self {
            pace,
            members: (0..members).map(|_| fresh()).collect(),
            timers: Timers::default(),
            random: Random::new(seed),
            now: now.mono,
            waiting: (0..members).map(MemberId).collect(),
            under_way: 0,
            next_ticket: 0,
            out: VecDeque::new(),
        };
        health.ask_waiting();
        health
    }

    /// Returns how a member stands.
    #[must_use]
    pub fn standing(&self, member: MemberId) -> Standing {
        let known = self.members.get(member.0);
        known.map_or(Standing::Up, |known| known.standing)
    }

    /// Asks whoever waits, as far as there is room.
    fn ask_waiting(&mut self) {
        while self.under_way < self.pace.at_once.max(1) {
            let Some(id) = self.waiting.pop_front() else {
                return;
            };
            let Some(member) = self.members.get_mut(id.0) else {
                continue;
            };
            let ticket = self.next_ticket;
            self.next_ticket += 1;
            self.under_way += 1;
            member.asked = Some(ticket);
            let late = Alarm::Late(id);
            member.timer = Some(self.timers.set(self.now, self.pace.patience, late));
            self.out.push_back(Action::Probe { member: id, ticket });
        }
    }

    fn answered(&mut self, id: MemberId, ticket: u64, finding: Finding) {
        let Some(member) = self.members.get_mut(id.0) else {
            return;
        };
        if member.asked != Some(ticket) {
            return;
        }
        if let Some(timer) = member.timer.take() {
            self.timers.cancel(timer);
        }
        self.ended(id, finding);
    }

    /// A question has ended: takes the finding in and sets the time of the next one.
    fn ended(&mut self, id: MemberId, finding: Finding) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(member) = self.members.get_mut(id.0) {
            member.asked = None;
        }
        self.take(id, finding);
        let wait = self.next_wait(id);
        let timer = self.timers.set(self.now, wait, Alarm::Ask(id));
        if let Some(member) = self.members.get_mut(id.0) {
            member.timer = Some(timer);
        }
    }

    fn take(&mut self, id: MemberId, finding: Finding) {
        let Some(member) = self.members.get_mut(id.0) else {
            return;
        };
        let first = !member.known;
        member.known = true;
        match finding {
            Finding::Well => (member.good, member.bad) = (member.good.saturating_add(1), 0),
            Finding::Draining => (member.good, member.bad) = (0, 0),
            Finding::Failed => (member.good, member.bad) = (0, member.bad.saturating_add(1)),
        }
        let risen = first || member.good >= self.pace.rise;
        let fallen = first || member.bad >= self.pace.fall;
        let standing = match (member.standing, finding) {
            (_, Finding::Draining) => Standing::Draining,
            (_, Finding::Well) if risen => Standing::Up,
            (Standing::Up, Finding::Failed) if fallen => Standing::Down,
            (Standing::Draining, Finding::Failed) => Standing::Down,
            (unchanged, Finding::Well | Finding::Failed) => unchanged,
        };
        if standing != member.standing {
            member.standing = standing;
            self.out.push_back(Action::Changed {
                member: id,
                standing,
            });
        }
    }

    /// Soon while a change is in the air, else at the usual pace, so that many who ask do not ask together.
    fn next_wait(&mut self, id: MemberId) -> Duration {
        let doubt = self
            .members
            .get(id.0)
            .is_some_and(|member| match member.standing {
                Standing::Up => member.bad > 0,
                Standing::Down | Standing::Draining => member.good > 0,
            });
        if doubt {
            return self.pace.again;
        }
        let tenth = self.pace.every / 10;
        let span = usize::try_from(tenth.as_micros() * 2).unwrap_or(usize::MAX);
        self.pace.every - tenth + Duration::from_micros(self.random.below(span) as u64)
    }

    /// Somebody could not use a member: that counts as a failure, and the member is asked at once.
    fn failed(&mut self, id: MemberId) {
        self.take(id, Finding::Failed);
        let Some(member) = self.members.get_mut(id.0) else {
            return;
        };
        if member.asked.is_some() {
            return;
        }
        // Without a timer it waits for its turn already.
        if let Some(timer) = member.timer.take() {
            self.timers.cancel(timer);
            self.waiting.push_back(id);
        }
    }

    /// Use that went well ends a row of failures; only an answer to a question brings a member back.
    fn served(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(id.0)
            && member.standing == Standing::Up
        {
            member.bad = 0;
        }
    }

    fn expire(&mut self) {
        while let Some(alarm) = self.timers.expired(self.now) {
            match alarm {
                Alarm::Ask(id) => {
                    if let Some(member) = self.members.get_mut(id.0) {
                        member.timer = None;
                    }
                    self.waiting.push_back(id);
                }
                Alarm::Late(id) => self.ended(id, Finding::Failed),
            }
        }
    }
}

impl Machine for Health {
    type Input = Input;
    type Action = Action;

    fn handle(&mut self, now: Now, input: Input) {
        self.now = now.mono;
        self.expire();
        match input {
            Input::Probed {
                member,
                ticket,
                finding,
            } => self.answered(member, ticket, finding),
            Input::Failed(member) => self.failed(member),
            Input::Served(member) => self.served(member),
        }
        self.ask_waiting();
    }

    fn tick(&mut self, now: Now) {
        self.now = now.mono;
        self.expire();
        self.ask_waiting();
    }

    fn poll(&mut self) -> Step<Action> {
        match self.out.pop_front() {
            Some(action) => Step::Do(action),
            None => Step::Wait(self.timers.next_wake()),
        }
    }
}
