//! The flows of one node: what arrived unfinished, who is there, and what waits for them.
//!
//! Towards servers flows are few and shared: one that is open to a machine carries everything for it, whoever opened
//! it (RFC 5923, the name being proven either way). A machine that could not be reached rests: it is tried after all
//! others, for twice as long after each failure, until a flow to it opens. One that asks for a rest gets it.

use crate::msg::Framer;
use base::Mono;
use base::net::{Face, FlowId, Hop, Link, Peer, WorkerId};
use base::numbered::NumberMap;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How long a machine rests after its first failure.
const REST: Duration = Duration::from_secs(1);
/// The longest rest; UCMA rests ten minutes, but a restarted server should be found sooner.
const REST_MAX: Duration = Duration::from_secs(60);

/// Beyond this, rests that are over are forgotten; only servers of others can be that many.
const MAX_RESTING: usize = 4096;

/// One branch of a relayed request, from outside the table of relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LegId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    pub(crate) leg: u8,
    pub(crate) tries: u8,
}

/// One flow.
pub(crate) struct Flow {
    /// `None` until it is open.
    pub(crate) link: Option<Arc<Link>>,
    pub(crate) framer: Framer,
    /// Bytes of it that are counted as unfinished.
    pub(crate) held: usize,
    /// Since when it has been sending a message that is not whole; only for clients.
    pub(crate) unfinished: Option<Mono>,
    /// Whether an alarm looks after that.
    pub(crate) is_timed: bool,
    /// Whether a message has come.
    pub(crate) has_spoken: bool,
    /// The user who proved themself on it.
    pub(crate) user: Option<Arc<str>>,
    /// Whether somebody proved themself on it and nobody offended since; only for clients.
    pub(crate) trusted: bool,
    /// Where we asked it to lead.
    hop: Option<Hop>,
    /// Whether it is to be closed and what still comes on it is ignored.
    pub(crate) closing: bool,
    /// When something came last.
    pub(crate) heard: Mono,
    /// Whether its client promised signs of life.
    pub(crate) must_live: bool,
    ends: Ends,
}

/// What ends with a flow.
#[derive(Default)]
pub(crate) struct Ends {
    /// Requests that left on it and are not answered.
    pub(crate) waiting: BTreeSet<LegId>,
    /// Relayed INVITEs that came on it and are not answered.
    pub(crate) calling: BTreeSet<(u32, u32)>,
    /// Workers that were handed a request that came on it.
    pub(crate) told: BTreeSet<WorkerId>,
}

impl Ends {
    fn len(&self) -> usize {
        self.waiting.len() + self.calling.len()
    }
}

struct Rest {
    until: Mono,
    next: Duration,
}

/// All flows of a node.
pub(crate) struct Flows {
    worker: WorkerId,
    all: NumberMap<FlowId, Flow>,
    to_server: HashMap<Arc<str>, FlowId>,
    /// Open flows over which we may send to a partner, by domain (RFC 5923).
    to_partner: HashMap<Arc<str>, FlowId>,
    resting: HashMap<Arc<str>, Rest>,
    /// What ends with flows of other workers; an entry only while there is something.
    elsewhere: NumberMap<FlowId, Ends>,
    opened: u64,
}

impl Flows {
    pub(crate) fn new(worker: WorkerId) -> Self {
        Self {
            worker,
            all: NumberMap::default(),
            to_server: HashMap::new(),
            to_partner: HashMap::new(),
            resting: HashMap::new(),
            elsewhere: NumberMap::default(),
            opened: 0,
        }
    }

    pub(crate) fn get(&self, id: FlowId) -> Option<&Flow> {
        self.all.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: FlowId) -> Option<&mut Flow> {
        self.all.get_mut(&id)
    }

    /// Tells whether bytes sent on this flow may arrive: it is here, or another worker's.
    pub(crate) fn may_carry(&self, id: FlowId) -> bool {
        id.worker() != self.worker || self.all.contains_key(&id)
    }

    /// A flow is open.
    pub(crate) fn opened(&mut self, id: FlowId, link: Arc<Link>) {
        if let Peer::Server(server) = &link.peer {
            self.resting.remove(&server.name);
            self.to_server.entry(Arc::clone(&server.name)).or_insert(id);
        }
        let flow = self.all.entry(id).or_insert_with(|| Flow::new(None));
        if let (Some(hop), Peer::Partner(_)) = (&flow.hop, &link.peer) {
            self.resting.remove(&key(hop));
            self.to_partner.insert(Arc::clone(&hop.name), id);
        }
        flow.link = Some(link);
    }

    /// A partner lets us send our own requests over a connection that it opened (RFC 5923 5).
    pub(crate) fn lend(&mut self, id: FlowId, domains: &[Arc<str>]) {
        for domain in domains {
            self.to_partner.entry(Arc::clone(domain)).or_insert(id);
        }
    }

    /// Returns an open flow over which we may send to a partner.
    pub(crate) fn to_partner(&self, domain: &str) -> Option<FlowId> {
        let id = *self.to_partner.get(domain)?;
        let flow = self.get(id)?;
        (flow.link.is_some() && !flow.closing).then_some(id)
    }

    /// A flow is gone, ours or another worker's. Returns how many unfinished bytes it held, and what ends with it.
    pub(crate) fn closed(&mut self, id: FlowId, now: Mono) -> (usize, Ends) {
        let Some(flow) = self.all.remove(&id) else {
            return (0, self.elsewhere.remove(&id).unwrap_or_default());
        };
        let server = flow.server_name();
        if matches!(
            flow.link.as_ref().map(|link| &link.peer),
            Some(Peer::Partner(_))
        ) {
            self.to_partner.retain(|_, own| *own != id);
        }
        if let Some(name) = &server
            && self.to_server.get(name) == Some(&id)
        {
            self.to_server.remove(name);
        }
        if flow.link.is_none()
            && let Some(name) = server
        {
            self.rest(name, now);
        }
        (flow.held, flow.ends)
    }

    /// A request that came on a flow of ours was handed to another worker, which is told when the flow is gone.
    pub(crate) fn handed(&mut self, id: FlowId, worker: WorkerId) {
        if let Some(flow) = self.all.get_mut(&id) {
            flow.ends.told.insert(worker);
        }
    }

    /// A request has left on a flow.
    pub(crate) fn await_on(&mut self, id: FlowId, leg: LegId) {
        if let Some(ends) = self.ends_of(id) {
            ends.waiting.insert(leg);
        }
    }

    /// A request that left on a flow is answered, or not waited for.
    pub(crate) fn await_no_more(&mut self, id: FlowId, leg: LegId) {
        if let Some(ends) = self.ends_of(id) {
            ends.waiting.remove(&leg);
        }
        self.forget_empty(id);
    }

    /// An INVITE that came on a flow is being relayed.
    pub(crate) fn calls(&mut self, id: FlowId, relay: (u32, u32)) {
        if let Some(ends) = self.ends_of(id) {
            ends.calling.insert(relay);
        }
    }

    /// An INVITE that came on a flow is answered.
    pub(crate) fn calls_no_more(&mut self, id: FlowId, relay: (u32, u32)) {
        if let Some(ends) = self.ends_of(id) {
            ends.calling.remove(&relay);
        }
        self.forget_empty(id);
    }

    fn ends_of(&mut self, id: FlowId) -> Option<&mut Ends> {
        if id.worker() == self.worker {
            self.all.get_mut(&id).map(|flow| &mut flow.ends)
        } else {
            Some(self.elsewhere.entry(id).or_default())
        }
    }

    fn forget_empty(&mut self, id: FlowId) {
        if self.elsewhere.get(&id).is_some_and(|ends| ends.len() == 0) {
            self.elsewhere.remove(&id);
        }
    }

    /// Returns a flow to a server, and the hop to open it with if there was none.
    pub(crate) fn to(&mut self, hop: &Hop) -> (FlowId, bool) {
        let known = self.to_server.get(&key(hop)).copied();
        if let Some(id) = known.filter(|id| self.get(*id).is_some_and(|flow| !flow.closing)) {
            return (id, false);
        }
        self.opened += 1;
        let id = FlowId::opened(self.worker, self.opened).over(hop.transport);
        self.all.insert(id, Flow::new(Some(hop.clone())));
        self.to_server.insert(key(hop), id);
        (id, true)
    }

    /// Puts those that rest behind those that do not; otherwise the order stays.
    pub(crate) fn order(&self, hops: &mut [Hop], now: Mono) {
        hops.sort_by_key(|hop| self.is_resting(&key(hop), now));
    }

    /// Does the same for what can be sent only once: before all others stand those to whom a flow is open, since with a
    /// flow that does not come to be it would be lost.
    pub(crate) fn order_for_one_try(&self, hops: &mut [Hop], now: Mono) {
        hops.sort_by_key(|hop| (!self.is_open(&hop.name), self.is_resting(&hop.name, now)));
    }

    fn is_open(&self, name: &str) -> bool {
        let flow = self.to_server.get(name).and_then(|id| self.get(*id));
        flow.is_some_and(|flow| flow.link.is_some() && !flow.closing)
    }

    pub(crate) fn is_resting(&self, name: &str, now: Mono) -> bool {
        self.resting.get(name).is_some_and(|rest| rest.until > now)
    }

    /// A gateway answers.
    pub(crate) fn answers(&mut self, name: &str) {
        self.resting.remove(name);
    }

    /// A server has asked to be left alone until then.
    pub(crate) fn rest_until(&mut self, hop: &Hop, until: Mono) {
        let next = REST;
        let rest = self.resting.entry(key(hop)).or_insert(Rest { until, next });
        rest.until = rest.until.max(until);
    }

    /// A server could not be reached, or says nothing.
    pub(crate) fn rest(&mut self, name: Arc<str>, now: Mono) {
        if self.resting.len() >= MAX_RESTING {
            self.resting.retain(|_, rest| rest.until > now);
        }
        let rest = self.resting.entry(name).or_insert(Rest {
            until: now,
            next: REST,
        });
        rest.until = now.after(rest.next);
        rest.next = (rest.next * 2).min(REST_MAX);
    }

    /// Returns how many entries say that something waits for a flow.
    #[expect(clippy::disallowed_methods, reason = "a sum is the same in any order")]
    pub(crate) fn waiting(&self) -> usize {
        let here = self.all.values().map(|flow| &flow.ends);
        here.chain(self.elsewhere.values()).map(Ends::len).sum()
    }

    /// Returns how many flows there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

/// What a flow to a hop is known by: machines of ours by name; of a partner, whose servers all have the name of their
/// domain, each by its address too.
pub(super) fn key(hop: &Hop) -> Arc<str> {
    match hop.face {
        Face::Inside => Arc::clone(&hop.name),
        Face::Outside => Arc::from(format!("{} {}", hop.name, hop.addr)),
    }
}

impl Flow {
    fn new(hop: Option<Hop>) -> Self {
        Self {
            link: None,
            framer: Framer::new(),
            held: 0,
            unfinished: None,
            is_timed: false,
            has_spoken: false,
            user: None,
            trusted: false,
            hop,
            closing: false,
            heard: Mono::ZERO,
            must_live: false,
            ends: Ends::default(),
        }
    }

    /// Where we asked it to lead, if we did.
    pub(crate) const fn hop(&self) -> Option<&Hop> {
        self.hop.as_ref()
    }

    /// Tells whether a server is at the other end.
    pub(crate) fn is_server(&self) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| matches!(link.peer, Peer::Server(_)))
    }

    fn server_name(&self) -> Option<Arc<str>> {
        match (&self.hop, self.link.as_ref().map(|link| &link.peer)) {
            (Some(hop), _) => Some(key(hop)),
            (None, Some(Peer::Server(server))) => Some(Arc::clone(&server.name)),
            (None, _) => None,
        }
    }
}
