//! Nodes driven by hand: the workers of one machine, with the test as the network around them.

use crate::deployment::user;
use crate::machines::{MACHINES, config, server};
use base::net::{Closed, Effect, Event, Face, FlowId, Hop, Link, Peer, Transport, WorkerId};
use base::{Machine as _, Now, Step, UnixMillis};
use directory::{Change, Directory, Revision};
use sip::config::{Bounds, Config, InternalSignIn};
use sip::location::Table;
use sip::msg::{Limits, Message};
use sip::observe::{Observing, Sight};
use sip::token::{Key, Ticket};
use sip::{Action, Input, Node, Shared, offline};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The workers of one machine.
pub struct Workers {
    nodes: Vec<Node>,
    now: Now,
    links: BTreeMap<FlowId, Arc<Link>>,
    inbox: BTreeMap<FlowId, VecDeque<Message>>,
    /// Flows that were asked for.
    pub asked: Vec<(FlowId, Hop)>,
    /// How many messages one worker handed to another.
    pub passed: usize,
    /// How many notes one worker gave another.
    pub told: usize,
    /// Whether workers have no room for notes.
    pub is_full: bool,
    table: Arc<Table>,
    /// What is kept for users who are away.
    pub offline: Arc<offline::Table>,
    /// While there is a list, changes to what is kept wait in it.
    pub unwritten: Option<Vec<(usize, u64, Vec<offline::Change>)>>,
    pub users: Directory,
    /// What the nodes have let be seen, and which one.
    pub seen: Vec<(usize, Sight)>,
    /// What is wanted of them.
    pub observing: Arc<Observing>,
}

impl Workers {
    pub fn of(name: &str, workers: u8) -> Self {
        Self::with(name, workers, Bounds::default())
    }

    pub fn with(name: &str, workers: u8, bounds: Bounds) -> Self {
        Self::told(name, workers, |config| config.bounds = bounds)
    }

    /// Workers that are told something else than usual.
    pub fn told(name: &str, workers: u8, change: impl Fn(&mut Config)) -> Self {
        let machine = MACHINES.iter().find(|m| m.name == name).unwrap();
        let users = Directory::default();
        for (n, name) in ["alice", "bob", "dora", "erin"].into_iter().enumerate() {
            let put = Change::Put(user(name, "fepool01.contoso.net"));
            users.apply(Revision(n as u64 + 1), put);
        }
        let now = Now {
            wall: UnixMillis(1_800_000_000_000),
            ..Now::default()
        };
        let table = Arc::new(Table::default());
        let watched: Arc<sip::event::Watched> = Arc::default();
        let offline: Arc<offline::Table> = Arc::default();
        let observing: Arc<Observing> = Arc::default();
        let node = |worker: u8| {
            let mut config = config(machine, InternalSignIn::Proxy, 1);
            config.worker = WorkerId(worker);
            config.workers = workers;
            change(&mut config);
            let shared = Shared {
                guard: Arc::default(),
                users: users.clone(),
                locations: Arc::clone(&table) as _,
                offline: Arc::clone(&offline),
                watched: Arc::clone(&watched),
                observing: Arc::clone(&observing),
            };
            Node::new(Arc::new(config), shared, [worker; 32], now)
        };
        Self {
            nodes: (0..workers).map(node).collect(),
            now,
            links: BTreeMap::new(),
            inbox: BTreeMap::new(),
            asked: Vec::new(),
            passed: 0,
            told: 0,
            is_full: false,
            table,
            offline,
            unwritten: None,
            users,
            seen: Vec::new(),
            observing,
        }
    }

    pub fn node(&self, worker: u8) -> &Node {
        &self.nodes[usize::from(worker)]
    }

    /// A client connects.
    pub fn client(&mut self, worker: u8, serial: u64) -> FlowId {
        let flow = FlowId::accepted(WorkerId(worker), serial);
        self.open(flow, Peer::Client);
        flow
    }

    /// A machine of the deployment connects.
    pub fn server(&mut self, worker: u8, serial: u64, name: &str) -> FlowId {
        let flow = FlowId::accepted(WorkerId(worker), serial);
        self.open(flow, peer(name));
        flow
    }

    /// A flow that a node asked for opens. Returns it.
    pub fn opens(&mut self, name: &str) -> FlowId {
        let at = self.asked.iter().position(|(_, hop)| &*hop.name == name);
        let (flow, _) = self.asked.remove(at.unwrap());
        self.open(flow, peer(name));
        flow
    }

    /// A client connects over TCP without TLS.
    pub fn in_the_clear(&mut self, worker: u8, serial: u64) -> FlowId {
        let flow = FlowId::accepted(WorkerId(worker), serial).over(Transport::Tcp);
        self.open(flow, Peer::Client);
        flow
    }

    /// Datagrams come from a new address.
    pub fn datagrams(&mut self, worker: u8, serial: u64) -> FlowId {
        let flow = FlowId::accepted(WorkerId(worker), serial).over(Transport::Udp);
        self.open(flow, Peer::Client);
        flow
    }

    pub fn open(&mut self, flow: FlowId, peer: Peer) {
        let link = Arc::new(Link {
            peer,
            transport: flow.transport(),
            face: Face::Inside,
            local: crate::machines::addr("10.0.0.1:5061"),
            certificate: None,
            remote: crate::machines::addr("192.0.2.9:40000"),
        });
        self.links.insert(flow, Arc::clone(&link));
        self.feed(flow.worker(), Event::Opened { flow, link });
    }

    pub fn close(&mut self, flow: FlowId) {
        self.links.remove(&flow);
        let why = Closed::ByPeer;
        self.feed(flow.worker(), Event::Closed { flow, why });
    }

    /// Something is sent to us on a flow.
    pub fn say(&mut self, flow: FlowId, text: &str) {
        let bytes = text.replace('\n', "\r\n").into_bytes().into();
        self.feed(flow.worker(), Event::Received { flow, bytes });
    }

    /// A request as a phone writes it; `lines` are header lines that are not always there.
    /// `lines` may end with an empty line and a body.
    pub fn ask(&mut self, flow: FlowId, request: &Asked<'_>, lines: &str) {
        let Asked {
            method,
            uri,
            from,
            to,
            branch,
        } = request;
        let (lines, body) = match lines.split_once("\n\n") {
            Some((lines, body)) => (format!("{lines}\n"), body),
            None => ((*lines).to_owned(), ""),
        };
        let unless = |name: &str, line: &'static str| if lines.contains(name) { "" } else { line };
        let contact = unless("Contact:", "Contact: <sip:x@192.168.0.2>\n");
        let hops = unless("Max-Forwards:", "Max-Forwards: 70\n");
        let text = format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/TLS 192.168.0.2;branch=z9hG4bK{branch}\n{hops}From: {from}\n\
             To: {to}\nCall-ID: {branch}\nCSeq: 1 {method}\n{contact}{lines}Content-Length: {}\n\n{body}",
            body.len(),
        );
        self.say(flow, &text);
    }

    /// Answers what we sent on a flow.
    pub fn answer(&mut self, flow: FlowId, request: &Message, status: u16, lines: &str) {
        self.answer_changed(flow, request, status, lines, |text| text);
    }

    /// Answers with a text that something was done to.
    pub fn answer_changed(
        &mut self,
        flow: FlowId,
        request: &Message,
        status: u16,
        lines: &str,
        change: impl FnOnce(String) -> String,
    ) {
        let reply = sip::msg::Reply::to(request, status).to_tag("there").write();
        let text = std::str::from_utf8(&reply).unwrap().replace("\r\n", "\n");
        let (first, rest) = text.split_once('\n').unwrap();
        self.say(flow, &change(format!("{first}\n{lines}{rest}")));
    }

    /// Signs a user in with a Director's ticket.
    pub fn sign_in(&mut self, flow: FlowId, name: &str) {
        self.sign_in_with(flow, name, "");
    }

    /// The same, with header lines that are not always there.
    pub fn sign_in_with(&mut self, flow: FlowId, name: &str, lines: &str) {
        let aor = format!("sip:{name}@contoso.com");
        let register = Asked {
            method: "REGISTER",
            uri: &self.ticketed(name),
            from: &format!("<{aor}>;tag=1"),
            to: &format!("<{aor}>"),
            branch: &format!("{name}-{flow:?}"),
        };
        self.ask(flow, &register, lines);
        assert_eq!(self.next(flow).status(), 200);
    }

    /// What a Director has a user register with.
    pub fn ticketed(&self, name: &str) -> String {
        let aor = format!("sip:{name}@contoso.com");
        let until = self.now.wall.as_secs() + 60;
        let ticket = Ticket::mint(&aor, until, &Key::derive(&[7; 32], "ticket"));
        format!("sip:fepool01.contoso.net;ticket={ticket}")
    }

    /// Takes the next message that we sent on a flow.
    pub fn next(&mut self, flow: FlowId) -> Message {
        let next = self.inbox.get_mut(&flow).and_then(VecDeque::pop_front);
        next.unwrap_or_else(|| panic!("nothing was sent on {flow:?}"))
    }

    pub fn has_nothing(&self, flow: FlowId) -> bool {
        self.inbox.get(&flow).is_none_or(VecDeque::is_empty)
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now.mono.after(time);
        while self.now.mono < end {
            let step = end.since(self.now.mono).min(Duration::from_millis(500));
            self.now.mono = self.now.mono.after(step);
            self.now.wall = self.now.wall.after(step);
            for at in 0..self.nodes.len() {
                self.nodes[at].tick(self.now);
                self.drain(at);
            }
        }
    }

    fn feed(&mut self, worker: WorkerId, event: Event) {
        let at = usize::from(worker.0);
        self.nodes[at].handle(self.now, Input::Net(event));
        self.drain(at);
    }

    fn drain(&mut self, at: usize) {
        while let Step::Do(action) = self.nodes[at].poll() {
            match action {
                Action::Net(Effect::Send { flow, .. }) if self.is_gone(flow, at) => {
                    let why = Closed::ByPeer;
                    let closed = Input::Net(Event::Closed { flow, why });
                    self.nodes[at].handle(self.now, closed);
                }
                Action::Net(effect) => self.carry_out(effect),
                Action::Commit { ticket, changes } => {
                    changes.iter().for_each(|change| self.table.apply(change));
                    let done = Input::Committed { ticket, done: true };
                    self.nodes[at].handle(self.now, done);
                }
                Action::Store { ticket, changes } => match &mut self.unwritten {
                    Some(unwritten) => unwritten.push((at, ticket, changes)),
                    None => self.write((at, ticket, changes), true),
                },
                Action::Tell { worker, note } => {
                    self.told += 1;
                    if self.is_full {
                        self.nodes[at].handle(self.now, Input::Untold(note));
                        continue;
                    }
                    let to = usize::from(worker.0);
                    self.nodes[to].handle(self.now, Input::Told(note));
                    self.drain(to);
                }
                Action::Observe(sight) => self.seen.push((at, sight)),
                Action::Complain(_) | Action::Report(_) | Action::Resolve { .. } => {}
            }
        }
    }

    /// The log of kept messages has written a change, or could not.
    pub fn write(&mut self, (at, ticket, changes): (usize, u64, Vec<offline::Change>), done: bool) {
        if done {
            changes.iter().for_each(|change| self.offline.apply(change));
        }
        self.nodes[at].handle(self.now, Input::Committed { ticket, done });
        self.drain(at);
    }

    /// Whether a worker sends to a flow of another that is no more; it is told so.
    fn is_gone(&self, flow: FlowId, sender: usize) -> bool {
        usize::from(flow.worker().0) != sender && !self.links.contains_key(&flow)
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Open { flow, hop, .. } => self.asked.push((flow, hop)),
            Effect::Send { flow, bytes } => {
                let message = Message::parse(bytes, &Limits::SERVER).unwrap();
                self.inbox.entry(flow).or_default().push_back(message);
            }
            Effect::Close { flow } => self.close(flow),
            Effect::Pass {
                worker,
                flow,
                link,
                bytes,
            } => {
                self.passed += 1;
                self.feed(worker, Event::Passed { flow, link, bytes });
            }
        }
    }
}

/// A request that begins something.
pub struct Asked<'a> {
    pub method: &'a str,
    pub uri: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub branch: &'a str,
}

fn peer(name: &str) -> Peer {
    let machine = MACHINES.iter().find(|m| m.name == name).unwrap();
    Peer::Server(Arc::new(server(machine)))
}
