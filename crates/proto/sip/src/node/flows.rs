//! The flows of one node: what arrived unfinished, who is there, and what waits for them.
//!
//! Towards servers flows are few and shared: one that is open to a machine carries everything for it, whoever opened
//! it (RFC 5923, the name being proven either way). A machine that could not be reached rests: it is tried after all
//! others, for twice as long after each failure, until a flow to it opens.

use crate::msg::Framer;
use base::Mono;
use base::net::{FlowId, Hop, Link, Peer, WorkerId};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How long a machine rests after its first failure.
const REST: Duration = Duration::from_secs(1);
/// The longest rest; UCMA rests ten minutes, but a restarted server should be found sooner.
const REST_MAX: Duration = Duration::from_secs(60);

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
    /// The user who proved themself on it.
    pub(crate) user: Option<Arc<str>>,
    /// Where we asked it to lead.
    hop: Option<Hop>,
    /// Requests that left on it and are not answered.
    pub(crate) waiting: BTreeSet<LegId>,
    /// Whether it is to be closed and what still comes on it is ignored.
    pub(crate) closing: bool,
    /// Relayed INVITEs that came on it and are not answered.
    pub(crate) calling: BTreeSet<(u32, u32)>,
}

struct Rest {
    until: Mono,
    next: Duration,
}

/// All flows of a node.
pub(crate) struct Flows {
    worker: WorkerId,
    all: HashMap<FlowId, Flow>,
    to_server: HashMap<Arc<str>, FlowId>,
    resting: HashMap<Arc<str>, Rest>,
    opened: u64,
}

impl Flows {
    pub(crate) fn new(worker: WorkerId) -> Self {
        Self {
            worker,
            all: HashMap::new(),
            to_server: HashMap::new(),
            resting: HashMap::new(),
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
        flow.link = Some(link);
    }

    /// A flow is gone. Returns it, with what waited for it.
    pub(crate) fn closed(&mut self, id: FlowId, now: Mono) -> Option<Flow> {
        let flow = self.all.remove(&id)?;
        let server = flow.server_name();
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
        Some(flow)
    }

    /// Returns a flow to a server, and the hop to open it with if there was none.
    pub(crate) fn to(&mut self, hop: &Hop) -> (FlowId, bool) {
        let known = self.to_server.get(&hop.name).copied();
        if let Some(id) = known.filter(|id| self.get(*id).is_some_and(|flow| !flow.closing)) {
            return (id, false);
        }
        self.opened += 1;
        let id = FlowId::opened(self.worker, self.opened).over(hop.transport);
        self.all.insert(id, Flow::new(Some(hop.clone())));
        self.to_server.insert(Arc::clone(&hop.name), id);
        (id, true)
    }

    /// Puts those that rest behind those that do not; otherwise the order stays.
    pub(crate) fn order(&self, hops: &mut [Hop], now: Mono) {
        hops.sort_by_key(|hop| self.is_resting(&hop.name, now));
    }

    fn is_resting(&self, name: &str, now: Mono) -> bool {
        self.resting.get(name).is_some_and(|rest| rest.until > now)
    }

    fn rest(&mut self, name: Arc<str>, now: Mono) {
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
        let of = |flow: &Flow| flow.waiting.len() + flow.calling.len();
        self.all.values().map(of).sum()
    }

    /// Returns how many flows there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

impl Flow {
    fn new(hop: Option<Hop>) -> Self {
        Self {
            link: None,
            framer: Framer::new(),
            held: 0,
            user: None,
            hop,
            closing: false,
            waiting: BTreeSet::new(),
            calling: BTreeSet::new(),
        }
    }

    /// Tells whether a server is at the other end.
    pub(crate) fn is_server(&self) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| matches!(link.peer, Peer::Server(_)))
    }

    fn server_name(&self) -> Option<Arc<str>> {
        match (&self.hop, self.link.as_ref().map(|link| &link.peer)) {
            (Some(hop), _) => Some(Arc::clone(&hop.name)),
            (None, Some(Peer::Server(server))) => Some(Arc::clone(&server.name)),
            (None, _) => None,
        }
    }
}
