//! Back-end subscriptions: ours at another pool, for those on lists whose home is there (RFC 4662 2).
//!
//! There is one for each watcher and user, however many lists of the watcher have the user; it lives with the worker that
//! keeps these lists. Nothing is sent here: each method answers with [`Step`]s that its owner carries out.
//!
//! ```text
//! Asking --2xx--> Active --in time--> Asking: the same dialog
//!   |  \--403, 404, 603 and the like--> Over, until a list asks again
//!   \--anything else--> Waiting --a while, longer each time--> Asking: a new dialog
//! Active or Waiting --the connection to the server is lost--> Waiting, a moment
//! the last list leaves: Expires 0 in the dialog, and nothing is kept
//! ```
//!
//! RFC 6665 4.1.2.2 and 4.1.3 say which ends are tried again; a refresh that fails without ending the subscription is
//! tried again while its time lasts. Bounds: [`super::Bounds::elsewhere`]; an entry that finds no room has ended.

mod words;

pub(crate) use words::{Answer, News, Remote, Request, Said, State, Step, Wish};

use super::notice::Reason;
use super::{MAX_EXPIRES, MIN_EXPIRES};
use crate::role::Why;
use base::Mono;
use base::net::FlowId;
use base::random::Random;
use base::timers::TimerId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The longest that is asked for; less if no list needs it for so long.
const EXPIRES: Duration = Duration::from_secs(600);
/// How long after a failure it is tried again, doubled each time, and the longest.
const RETRY: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(300);
/// After a lost connection the subscriptions that went over it begin anew within this time, not all at once.
const SOON: Duration = Duration::from_secs(2);
/// A list that asks again after those who declined does so in vain for this long.
const DECLINED: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Asking,
    Active,
    Waiting,
    Over,
}

struct Backend {
    watcher: Arc<str>,
    resource: Arc<str>,
    call_id: String,
    tag: String,
    remote: Option<Remote>,
    /// The CSeq number of our latest request, and of theirs.
    sent: u32,
    heard: u32,
    turn: u64,
    phase: Phase,
    said: Option<Said>,
    /// When the other end forgets us.
    ends: Mono,
    asked: Mono,
    failures: u32,
    flow: Option<FlowId>,
    timer: Option<TimerId>,
    /// Which entries of which lists, and until when they are sure to want it.
    lists: BTreeMap<(u64, usize), Mono>,
}

/// The back-end subscriptions of one worker.
pub(crate) struct Backends {
    bound: usize,
    all: BTreeMap<u64, Backend>,
    by_pair: HashMap<(Arc<str>, Arc<str>), u64>,
    by_flow: BTreeSet<(FlowId, u64)>,
    latest: u64,
}

impl Backend {
    fn wishes(&self) -> Vec<Wish> {
        let wish = |(&(list, entry), &until): (&(u64, usize), &Mono)| Wish {
            watcher: Arc::clone(&self.watcher),
            resource: Arc::clone(&self.resource),
            list,
            entry,
            until,
        };
        self.lists.iter().map(wish).collect()
    }

    /// Begins a dialog.
    fn renew(&mut self, random: &mut Random) {
        self.call_id = format!("{:016x}{:016x}", random.next_u64(), random.next_u64());
        self.tag = format!("{:016x}", random.next_u64());
        self.remote = None;
        (self.sent, self.heard) = (0, 0);
    }

    fn request(&mut self, number: u64, turn: Option<u64>, expires: Duration) -> Step {
        self.sent += 1;
        Step::Send(Box::new(Request {
            number,
            turn,
            watcher: Arc::clone(&self.watcher),
            resource: Arc::clone(&self.resource),
            call_id: self.call_id.clone(),
            tag: self.tag.clone(),
            cseq: self.sent,
            remote: self.remote.clone(),
            expires,
        }))
    }

    /// Asks for as long as a list needs it.
    fn ask(&mut self, now: Mono, number: u64) -> Step {
        let until = self.lists.values().max().copied().unwrap_or(now);
        let expires = until.since(now).clamp(MIN_EXPIRES, EXPIRES);
        self.turn += 1;
        self.phase = Phase::Asking;
        self.asked = now;
        self.request(number, Some(self.turn), expires)
    }

    fn say(&mut self, said: Said) -> Option<Step> {
        if self.said.as_ref() == Some(&said) {
            return None;
        }
        self.said = Some(said.clone());
        Some(Step::Tell(self.wishes(), said))
    }

    /// Waits for another try, longer each time; at least for as long as the other end wants.
    fn pause(&mut self, random: &mut Random, number: u64, at_least: Option<Duration>) -> Step {
        let wait = (RETRY * 2_u32.saturating_pow(self.failures.min(8))).min(RETRY_MAX);
        self.failures += 1;
        let wait = between(random, wait.mul_f32(0.75), wait.mul_f32(1.25));
        let at_least = at_least.unwrap_or_default().min(RETRY_MAX);
        Step::Set(number, wait.max(at_least))
    }
}

impl Backends {
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            bound,
            all: BTreeMap::new(),
            by_pair: HashMap::new(),
            by_flow: BTreeSet::new(),
            latest: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// A list has this user, or goes on having them.
    pub(crate) fn want(&mut self, now: Mono, random: &mut Random, wish: Wish) -> Vec<Step> {
        let pair = (Arc::clone(&wish.watcher), Arc::clone(&wish.resource));
        let number = match self.by_pair.get(&pair) {
            Some(number) => *number,
            None if self.all.len() >= self.bound => {
                return vec![Step::Tell(vec![wish], Said::Ended(Reason::Probation))];
            }
            None => {
                self.latest += 1;
                self.by_pair.insert(pair, self.latest);
                self.all.insert(self.latest, begun(&wish, random, now));
                self.latest
            }
        };
        let Some(one) = self.all.get_mut(&number) else {
            return Vec::new();
        };
        one.lists.insert((wish.list, wish.entry), wish.until);
        let known = one.said.clone();
        let mut steps: Vec<Step> = known
            .map(|said| Step::Tell(vec![wish], said))
            .into_iter()
            .collect();
        let is_new = one.sent == 0;
        if is_new || one.phase == Phase::Over && now.since(one.asked) >= DECLINED {
            one.renew(random);
            steps.push(one.ask(now, number));
        }
        steps
    }

    /// A list has the user no longer.
    pub(crate) fn leave(
        &mut self,
        watcher: &Arc<str>,
        resource: &Arc<str>,
        entry: (u64, usize),
    ) -> Vec<Step> {
        let pair = (Arc::clone(watcher), Arc::clone(resource));
        let Some(number) = self.by_pair.get(&pair).copied() else {
            return Vec::new();
        };
        if let Some(one) = self.all.get_mut(&number) {
            one.lists.remove(&entry);
        }
        self.end_unless_wanted(number)
    }

    /// Ends the dialog of what no list has. Where the answer is not there yet, it is waited for.
    fn end_unless_wanted(&mut self, number: u64) -> Vec<Step> {
        let Some(one) = self.all.get_mut(&number) else {
            return Vec::new();
        };
        let is_begun = one.phase == Phase::Asking && one.remote.is_none();
        if !one.lists.is_empty() || is_begun {
            return Vec::new();
        }
        let mut steps: Vec<Step> = one.timer.take().map(Step::Cancel).into_iter().collect();
        if one.remote.is_some() {
            steps.push(one.request(number, None, Duration::ZERO));
        }
        let pair = (Arc::clone(&one.watcher), Arc::clone(&one.resource));
        self.by_pair.remove(&pair);
        self.on_flow(number, None);
        self.all.remove(&number);
        steps
    }

    /// An answer, or that there will be none.
    pub(crate) fn answered(
        &mut self,
        now: Mono,
        random: &mut Random,
        (number, turn): (u64, u64),
        answer: Answer,
    ) -> Vec<Step> {
        let Some(one) = self.all.get_mut(&number).filter(|one| one.turn == turn) else {
            return Vec::new();
        };
        let is_first = one.sent == 1;
        let mut steps = match answer {
            Answer::Accepted {
                remote,
                expires,
                flow,
            } => {
                let steps = one.accepted(now, random, number, remote, expires);
                self.on_flow(number, Some(flow));
                steps
            }
            Answer::Refused { status, .. } if ends_for_good(status).is_some() => {
                let reason = ends_for_good(status).unwrap_or(Reason::Rejected);
                one.over(reason)
            }
            // The other end knows of no such dialog: a new one is begun at once, but not twice in a row.
            Answer::Refused { status: 481, .. } if !is_first && one.failures == 0 => {
                one.failures = 1;
                one.renew(random);
                vec![one.ask(now, number)]
            }
            Answer::Refused { status, .. } if !is_first && !ends(status) && one.ends > now => {
                one.phase = Phase::Active;
                vec![one.pause(random, number, None)]
            }
            Answer::Lost if !is_first && one.ends > now => {
                one.phase = Phase::Active;
                vec![one.pause(random, number, None)]
            }
            Answer::Refused { retry_after, .. } => {
                let said = Said::Ended(Reason::Probation);
                one.failed(random, number, said, retry_after)
            }
            Answer::Lost => one.failed(random, number, Said::Away, None),
        };
        steps.extend(self.end_unless_wanted(number));
        steps
    }

    /// A NOTIFY for one of our dialogs, which may come before the answer.
    pub(crate) fn told(
        &mut self,
        random: &mut Random,
        number: u64,
        news: News,
    ) -> Result<Vec<Step>, Why> {
        let in_dialog = |one: &&mut Backend| {
            let remote = one.remote.as_ref();
            one.call_id == news.call_id
                && one.tag == news.tag
                && remote.is_none_or(|remote| remote.tag == news.remote.tag)
        };
        let Some(one) = self.all.get_mut(&number).filter(in_dialog) else {
            // The last word of a subscription that we have ended.
            let is_last = matches!(news.state, State::Terminated { .. });
            return is_last.then(Vec::new).ok_or(Why::NoDialog);
        };
        if one.phase != Phase::Asking && one.remote.is_none() {
            return Err(Why::NoDialog);
        }
        if news.cseq <= one.heard {
            return Err(Why::OutOfOrder);
        }
        one.heard = news.cseq;
        match &mut one.remote {
            Some(known) => known.target = news.remote.target,
            none => *none = Some(news.remote),
        }
        let mut steps: Vec<Step> = match news.state {
            State::Active => one.say(Said::Document(news.body)).into_iter().collect(),
            State::Pending => one.say(Said::Pending).into_iter().collect(),
            State::Terminated {
                reason,
                retry_after,
            } => one.terminated(random, number, reason.as_deref(), retry_after),
        };
        steps.extend(self.end_unless_wanted(number));
        Ok(steps)
    }

    /// The time that was set has come.
    pub(crate) fn due(&mut self, now: Mono, random: &mut Random, number: u64) -> Vec<Step> {
        let Some(one) = self.all.get_mut(&number) else {
            return Vec::new();
        };
        one.timer = None;
        one.lists.retain(|_, until| *until > now);
        if one.lists.is_empty() {
            return self.end_unless_wanted(number);
        }
        let is_home = one.remote.as_ref().is_some_and(|remote| remote.is_home);
        match one.phase {
            Phase::Active if is_home && one.ends > now => vec![one.ask(now, number)],
            Phase::Active | Phase::Waiting => {
                let leaves = one.remote.is_some();
                let last = leaves.then(|| one.request(number, None, Duration::ZERO));
                one.renew(random);
                let first = one.ask(now, number);
                last.into_iter().chain([first]).collect()
            }
            Phase::Asking | Phase::Over => Vec::new(),
        }
    }

    /// A connection is lost, and with it what the other end keeps for who came over it.
    pub(crate) fn flow_closed(&mut self, random: &mut Random, flow: FlowId) -> Vec<Step> {
        let range = (flow, 0)..=(flow, u64::MAX);
        let lost: Vec<u64> = self.by_flow.range(range).map(|(_, n)| *n).collect();
        let mut steps = Vec::new();
        for number in lost {
            self.on_flow(number, None);
            let Some(one) = self.all.get_mut(&number) else {
                continue;
            };
            if one.phase == Phase::Active {
                one.phase = Phase::Waiting;
                one.remote = None;
                steps.push(Step::Set(number, between(random, SOON / 10, SOON)));
            }
        }
        steps
    }

    /// Remembers the timer that was set; returns the one set before.
    pub(crate) fn timed(&mut self, number: u64, timer: TimerId) -> Option<TimerId> {
        let Some(one) = self.all.get_mut(&number) else {
            return Some(timer);
        };
        one.timer.replace(timer)
    }

    fn on_flow(&mut self, number: u64, flow: Option<FlowId>) {
        let Some(one) = self.all.get_mut(&number) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut one.flow, flow) {
            self.by_flow.remove(&(before, number));
        }
        if let Some(flow) = flow {
            self.by_flow.insert((flow, number));
        }
    }
}

impl Backend {
    fn accepted(
        &mut self,
        now: Mono,
        random: &mut Random,
        number: u64,
        remote: Remote,
        expires: Duration,
    ) -> Vec<Step> {
        if self
            .remote
            .as_ref()
            .is_some_and(|known| known.tag != remote.tag)
        {
            let said = Said::Ended(Reason::Probation);
            return self.failed(random, number, said, None);
        }
        let is_home = remote.is_home;
        match &mut self.remote {
            // The route of a dialog stays as it began.
            Some(known) if self.sent > 1 => known.target = remote.target,
            other => *other = Some(remote),
        }
        self.phase = Phase::Active;
        let expires = expires.min(MAX_EXPIRES);
        self.ends = now.after(expires);
        let set = if is_home {
            self.failures = 0;
            Step::Set(number, between(random, expires / 2, expires / 4 * 3))
        } else {
            self.pause(random, number, None)
        };
        let pending = self.said.is_none() || matches!(self.said, Some(Said::Ended(_) | Said::Away));
        let pending = pending.then(|| self.say(Said::Pending)).flatten();
        pending.into_iter().chain([set]).collect()
    }

    fn terminated(
        &mut self,
        random: &mut Random,
        number: u64,
        reason: Option<&str>,
        retry_after: Option<Duration>,
    ) -> Vec<Step> {
        // An answer that is still on its way means nothing any more.
        self.turn += 1;
        match reason {
            Some("rejected") => self.over(Reason::Rejected),
            Some("noresource" | "invariant") => self.over(Reason::NoResource),
            Some("probation" | "giveup") => {
                let said = Said::Ended(Reason::Probation);
                self.failed(random, number, said, retry_after)
            }
            // Its time was over, or another server is to take it: what was said holds until that one speaks.
            Some(_) | None => {
                self.phase = Phase::Waiting;
                self.remote = None;
                let wait = between(random, SOON / 10, SOON).max(retry_after.unwrap_or_default());
                vec![Step::Set(number, wait.min(RETRY_MAX))]
            }
        }
    }

    fn failed(
        &mut self,
        random: &mut Random,
        number: u64,
        said: Said,
        retry_after: Option<Duration>,
    ) -> Vec<Step> {
        self.phase = Phase::Waiting;
        self.remote = None;
        let set = self.pause(random, number, retry_after);
        self.say(said).into_iter().chain([set]).collect()
    }

    fn over(&mut self, reason: Reason) -> Vec<Step> {
        self.phase = Phase::Over;
        self.remote = None;
        self.failures = 0;
        let said = self.say(Said::Ended(reason));
        let timer = self.timer.take().map(Step::Cancel);
        said.into_iter().chain(timer).collect()
    }
}

fn begun(wish: &Wish, random: &mut Random, now: Mono) -> Backend {
    let mut one = Backend {
        watcher: Arc::clone(&wish.watcher),
        resource: Arc::clone(&wish.resource),
        call_id: String::new(),
        tag: String::new(),
        remote: None,
        sent: 0,
        heard: 0,
        turn: 0,
        phase: Phase::Waiting,
        said: None,
        ends: now,
        asked: now,
        failures: 0,
        flow: None,
        timer: None,
        lists: BTreeMap::new(),
    };
    one.renew(random);
    one
}

/// What it means that a SUBSCRIBE is declined and that asking again is of no use.
const fn ends_for_good(status: u16) -> Option<Reason> {
    match status {
        403 | 603 => Some(Reason::Rejected),
        404 | 410 | 604 => Some(Reason::NoResource),
        _ => None,
    }
}

/// Whether a refused refresh ends the subscription (RFC 6665 4.1.2.2).
const fn ends(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}

/// A time between two, so that not all of them come at once.
fn between(random: &mut Random, least: Duration, most: Duration) -> Duration {
    let span = usize::try_from(most.saturating_sub(least).as_millis()).unwrap_or(usize::MAX);
    let more = u64::try_from(random.below(span + 1)).unwrap_or_default();
    least + Duration::from_millis(more)
}

#[cfg(test)]
mod tests;
