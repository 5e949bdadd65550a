//! The network, its clock and its clients.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::net::{
    Closed, Effect, Event, Face, Fingerprint, FlowId, Hop, Link, Peer, Transport, WorkerId,
};
use base::random::Random;
use base::{Machine, Mono, Now, Step, UnixMillis};
use bytes::Bytes;

use crate::{Act, Host, Place};

/// When every simulation begins, in milliseconds since 1970.
const EPOCH: u64 = 1_800_000_000_000;
/// Bounds of the one-way latency, in microseconds.
const LATENCY: (u64, usize) = (200, 4_800);
/// Steps that one run may take; more means that two machines send to each other without end.
const MAX_STEPS: usize = 1_000_000;

/// One host of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostId(usize);

/// A client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientFlow(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Host(usize, FlowId),
    Client(ClientFlow),
}

struct Pipe {
    ends: [End; 2],
    /// When the last event towards each end arrives; later ones do not overtake it.
    last: [Mono; 2],
}

struct Slot<H: Host> {
    host: Option<H>,
    place: Place,
    wake: Option<Mono>,
    accepted: u64,
}

#[derive(Default)]
struct ClientEnd {
    read: Vec<u8>,
    open: bool,
}

/// An address at which a test itself answers.
struct Station {
    at: SocketAddr,
    proves: Peer,
    reached: Vec<ClientFlow>,
}

enum Due<I> {
    Net(End, Event),
    Own(usize, I),
}

/// Hosts, clients, connections and time.
pub struct World<H: Host> {
    now: Now,
    random: Random,
    hosts: Vec<Slot<H>>,
    clients: Vec<ClientEnd>,
    stations: Vec<Station>,
    pipes: Vec<Pipe>,
    of_end: BTreeMap<End, usize>,
    queue: BTreeMap<(Mono, u64), Due<<H::Machine as Machine>::Input>>,
    queued: u64,
    trace: Vec<u8>,
}

impl<H: Host> World<H> {
    /// Makes an empty world; the seed decides every latency.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            now: Now {
                mono: Mono::ZERO,
                wall: UnixMillis(EPOCH),
            },
            random: Random::new(seed),
            hosts: Vec::new(),
            clients: Vec::new(),
            stations: Vec::new(),
            pipes: Vec::new(),
            of_end: BTreeMap::new(),
            queue: BTreeMap::new(),
            queued: 0,
            trace: Vec::new(),
        }
    }

    /// Returns the time.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
    }

    /// Returns everything that was sent, with time and sender: equal for equal seeds.
    #[must_use]
    pub fn trace(&self) -> &[u8] {
        &self.trace
    }

    /// Adds a host.
    pub fn add(&mut self, place: Place, host: H) -> HostId {
        self.hosts.push(Slot {
            host: Some(host),
            place,
            wake: None,
            accepted: 0,
        });
        let id = self.hosts.len() - 1;
        self.drain(id);
        HostId(id)
    }

    /// Returns a host; `None` while it is dead.
    pub fn host(&mut self, id: HostId) -> Option<&mut H> {
        self.hosts.get_mut(id.0)?.host.as_mut()
    }

    /// Ends a host at once, as `kill -9` does; the other ends of its connections learn of it.
    pub fn kill(&mut self, id: HostId) -> Option<H> {
        let host = self.hosts.get_mut(id.0)?.host.take();
        let mine = |end: &End| matches!(end, End::Host(of, _) if *of == id.0);
        let ends: Vec<End> = self.of_end.keys().copied().filter(mine).collect();
        for end in ends {
            self.hang_up(end, Closed::ByPeer);
        }
        host
    }

    /// Starts a host again in its old place.
    pub fn restart(&mut self, id: HostId, host: H) {
        if let Some(slot) = self.hosts.get_mut(id.0) {
            slot.host = Some(host);
        }
        self.drain(id.0);
    }

    /// Connects a client to a listening address.
    pub fn connect(&mut self, from: SocketAddr, to: SocketAddr) -> ClientFlow {
        self.connect_holding(from, to, None)
    }

    /// Connects a client that proves to hold a certificate, if it names one.
    pub fn connect_holding(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        certificate: Option<Fingerprint>,
    ) -> ClientFlow {
        let flow = ClientFlow(self.clients.len());
        self.clients.push(ClientEnd::default());
        if let Some((host, face)) = self.listener(to) {
            let place = self.hosts[host].place.clone();
            let link = Link {
                certificate,
                ..link_of(Peer::Client, face, to, from)
            };
            let server = self.accept(host, link);
            self.join(End::Client(flow), End::Host(host, server));
            let link = Arc::new(link_of(place.proves, face, from, to));
            let opened = Event::Opened {
                flow: FlowId::from_bits(0),
                link,
            };
            self.deliver(End::Client(flow), opened);
        }
        flow
    }

    /// From here on whoever connects to this address reaches the test, which proves to be this peer.
    pub fn stand(&mut self, at: SocketAddr, proves: Peer) {
        self.stations.push(Station {
            at,
            proves,
            reached: Vec::new(),
        });
    }

    /// Returns the connections that were made to an address where the test stands.
    pub fn reached(&self, at: SocketAddr) -> Vec<ClientFlow> {
        let station = self.stations.iter().find(|station| station.at == at);
        station.map_or_else(Vec::new, |station| station.reached.clone())
    }

    /// Sends bytes from a client.
    pub fn write(&mut self, flow: ClientFlow, bytes: impl Into<Bytes>) {
        self.carry(End::Client(flow), bytes.into());
    }

    /// Takes what has arrived at a client.
    pub fn read(&mut self, flow: ClientFlow) -> Vec<u8> {
        std::mem::take(&mut self.clients[flow.0].read)
    }

    /// Returns what has arrived at a client and was not taken.
    #[must_use]
    pub fn unread(&self, flow: ClientFlow) -> &[u8] {
        &self.clients[flow.0].read
    }

    /// Tells whether a client's connection is open.
    #[must_use]
    pub fn is_open(&self, flow: ClientFlow) -> bool {
        self.clients[flow.0].open
    }

    /// Closes a client's connection.
    pub fn close(&mut self, flow: ClientFlow) {
        self.hang_up(End::Client(flow), Closed::ByPeer);
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now.mono.after(time);
        self.run(end, |_| false);
    }

    /// Lets time pass until something is so; false if it was not within `limit`.
    pub fn run_until(&mut self, limit: Duration, done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now.mono.after(limit);
        self.run(end, done)
    }

    fn run(&mut self, end: Mono, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        for _ in 0..MAX_STEPS {
            if done(self) {
                return true;
            }
            let event = self.queue.first_key_value().map(|(key, _)| key.0);
            let wake = self
                .hosts
                .iter()
                .filter(|slot| slot.host.is_some())
                .filter_map(|slot| slot.wake)
                .min();
            let next = event.into_iter().chain(wake).min().filter(|at| *at <= end);
            let Some(next) = next else {
                self.advance(end);
                return done(self);
            };
            self.advance(next);
            if event == Some(next) {
                if let Some((_, due)) = self.queue.pop_first() {
                    self.happen(due);
                }
            } else {
                self.wake_hosts();
            }
        }
        panic!("{MAX_STEPS} steps without an end: something goes round in circles");
    }

    fn advance(&mut self, to: Mono) {
        let passed = to.since(self.now.mono);
        self.now.wall = UnixMillis(EPOCH + to.as_micros() / 1000);
        self.now.mono = self.now.mono.after(passed);
    }

    fn wake_hosts(&mut self) {
        for id in 0..self.hosts.len() {
            let slot = &mut self.hosts[id];
            if slot.wake.is_some_and(|at| at <= self.now.mono) {
                slot.wake = None;
                if let Some(host) = &mut slot.host {
                    host.machine().tick(self.now);
                }
                self.drain(id);
            }
        }
    }

    fn happen(&mut self, due: Due<<H::Machine as Machine>::Input>) {
        match due {
            Due::Own(id, input) => self.feed(id, input),
            Due::Net(End::Host(id, _), event) => self.feed(id, H::input(event)),
            Due::Net(End::Client(flow), event) => {
                let client = &mut self.clients[flow.0];
                match event {
                    Event::Opened { .. } => client.open = true,
                    Event::Received { bytes, .. } => client.read.extend_from_slice(&bytes),
                    Event::Closed { .. } => client.open = false,
                    Event::Passed { .. } => {}
                }
            }
        }
    }

    fn feed(&mut self, id: usize, input: <H::Machine as Machine>::Input) {
        let Some(host) = &mut self.hosts[id].host else {
            return;
        };
        host.machine().handle(self.now, input);
        self.drain(id);
    }

    fn drain(&mut self, id: usize) {
        loop {
            let now = self.now;
            let slot = &mut self.hosts[id];
            let Some(host) = &mut slot.host else { return };
            match host.machine().poll() {
                Step::Wait(until) => {
                    slot.wake = until;
                    return;
                }
                Step::Do(action) => match host.act(now, action) {
                    Act::Net(effect) => self.carry_out(id, effect),
                    Act::Later(wait, input) => {
                        let at = now.mono.after(wait);
                        self.enqueue(at, Due::Own(id, input));
                    }
                    Act::Done => {}
                },
            }
        }
    }

    fn carry_out(&mut self, id: usize, effect: Effect) {
        match effect {
            Effect::Open { flow, hop } => self.open(id, flow, &hop),
            Effect::Send { flow, bytes } => self.carry(End::Host(id, flow), bytes),
            Effect::Close { flow } => self.hang_up(End::Host(id, flow), Closed::ByPeer),
            Effect::Pass { .. } => panic!("a world has one worker per host"),
        }
    }

    fn open(&mut self, id: usize, flow: FlowId, hop: &Hop) {
        let end = End::Host(id, flow);
        if self.open_station(end, hop) {
            return;
        }
        let Some((other, other_face)) = self.listener(hop.addr) else {
            let wait = self.latency();
            let at = self.now.mono.after(wait);
            let closed = Event::Closed {
                flow,
                why: Closed::Unreachable,
            };
            return self.enqueue(at, Due::Net(end, closed));
        };
        let me = self.hosts[id].place.clone();
        let from = me.listens.first().map_or(hop.addr, |(addr, _)| *addr);
        let theirs = self.accept(other, link_of(me.proves, other_face, hop.addr, from));
        self.join(end, End::Host(other, theirs));
        let link = link_of(
            self.hosts[other].place.proves.clone(),
            hop.face,
            from,
            hop.addr,
        );
        let link = Arc::new(link);
        self.deliver(end, Event::Opened { flow, link });
    }

    /// Connects a host to where the test stands, if it does there.
    fn open_station(&mut self, end: End, hop: &Hop) -> bool {
        let flow = ClientFlow(self.clients.len());
        let Some(station) = self.stations.iter_mut().find(|one| one.at == hop.addr) else {
            return false;
        };
        station.reached.push(flow);
        let link = Link {
            transport: hop.transport,
            ..link_of(station.proves.clone(), hop.face, hop.addr, hop.addr)
        };
        self.clients.push(ClientEnd::default());
        self.join(end, End::Client(flow));
        let link = Arc::new(link);
        for to in [End::Client(flow), end] {
            let opened = Event::Opened {
                flow: flow_of(to),
                link: Arc::clone(&link),
            };
            self.deliver(to, opened);
        }
        true
    }

    fn accept(&mut self, host: usize, link: Link) -> FlowId {
        let slot = &mut self.hosts[host];
        slot.accepted += 1;
        let flow = FlowId::accepted(WorkerId(0), slot.accepted);
        let wait = self.latency();
        let at = self.now.mono.after(wait);
        let link = Arc::new(link);
        self.enqueue(
            at,
            Due::Net(End::Host(host, flow), Event::Opened { flow, link }),
        );
        flow
    }

    fn join(&mut self, a: End, b: End) {
        let opened = self
            .now
            .mono
            .after(Duration::from_micros(LATENCY.0 + LATENCY.1 as u64));
        self.pipes.push(Pipe {
            ends: [a, b],
            last: [opened; 2],
        });
        self.of_end.insert(a, self.pipes.len() - 1);
        self.of_end.insert(b, self.pipes.len() - 1);
    }

    fn carry(&mut self, from: End, bytes: Bytes) {
        let Some((pipe, side)) = self.other_side(from) else {
            return;
        };
        let to = self.pipes[pipe].ends[side];
        let head = format!("{} {from:?} -> {to:?}\n", self.now.mono.as_micros());
        self.trace.extend_from_slice(head.as_bytes());
        self.trace.extend_from_slice(&bytes);
        let flow = flow_of(to);
        self.deliver(to, Event::Received { flow, bytes });
    }

    fn hang_up(&mut self, from: End, why: Closed) {
        let Some((pipe, side)) = self.other_side(from) else {
            return;
        };
        let to = self.pipes[pipe].ends[side];
        let closed = Event::Closed {
            flow: flow_of(to),
            why,
        };
        self.deliver(to, closed);
        let own = Event::Closed {
            flow: flow_of(from),
            why: Closed::Asked,
        };
        self.enqueue(self.now.mono, Due::Net(from, own));
        self.of_end.remove(&from);
        self.of_end.remove(&to);
    }

    fn other_side(&self, end: End) -> Option<(usize, usize)> {
        let pipe = *self.of_end.get(&end)?;
        let side = usize::from(self.pipes[pipe].ends[0] == end);
        Some((pipe, side))
    }

    /// Queues an event for one end of a connection, never before what was queued for it earlier.
    fn deliver(&mut self, to: End, event: Event) {
        let wait = self.latency();
        let mut at = self.now.mono.after(wait);
        if let Some(pipe) = self.of_end.get(&to).map(|pipe| &mut self.pipes[*pipe]) {
            let side = usize::from(pipe.ends[1] == to);
            at = at.max(pipe.last[side]);
            pipe.last[side] = at;
        }
        self.enqueue(at, Due::Net(to, event));
    }

    fn enqueue(&mut self, at: Mono, due: Due<<H::Machine as Machine>::Input>) {
        self.queued += 1;
        self.queue.insert((at, self.queued), due);
    }

    fn listener(&self, addr: SocketAddr) -> Option<(usize, Face)> {
        self.hosts
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.host.is_some())
            .find_map(|(id, slot)| {
                slot.place
                    .listens
                    .iter()
                    .find(|(at, _)| *at == addr)
                    .map(|(_, face)| (id, *face))
            })
    }

    fn latency(&mut self) -> Duration {
        Duration::from_micros(LATENCY.0 + self.random.below(LATENCY.1) as u64)
    }
}

fn flow_of(end: End) -> FlowId {
    match end {
        End::Host(_, flow) => flow,
        End::Client(_) => FlowId::from_bits(0),
    }
}

const fn link_of(peer: Peer, face: Face, local: SocketAddr, remote: SocketAddr) -> Link {
    Link {
        peer,
        transport: Transport::Tls,
        face,
        local,
        remote,
        certificate: None,
    }
}
