//! Flows over datagrams: a pair of addresses that talks is a flow until nothing is heard for as long as allowed.
//!
//! Nothing proves that the sender of a datagram is where it says, so a pair costs little, is admitted by a gate of its
//! own (in all and per source) and is forgotten in time; a datagram that is not admitted is dropped and counted. Who is
//! there follows from the address ([`crate::tls::Identify::plain`]).
//!
//! The machine may name a pair itself, as it does for gateways. Datagrams from there belong to that flow unless the other
//! side had spoken first; sends of both leave from the same socket.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use base::Mono;
use base::net::{Closed, Event, FlowId, Hop, Link, Peer, Transport};
use bytes::Bytes;

use super::Plug;
use super::gate::{Admission, Gate};
use super::hub::Hub;
use super::net::Alarm;
use super::udp::DatagramSocket;

struct Pair {
    socket: Rc<DatagramSocket>,
    remote: SocketAddr,
    /// When something was heard; of a pair that we named, also when something was sent.
    alive: Mono,
    /// Its place at the gate; none for pairs that follow from the topology.
    place: Option<Admission>,
}

/// The pairs of one worker.
#[derive(Default)]
pub(crate) struct Datagrams {
    gate: Option<Arc<Gate>>,
    sockets: Vec<Rc<DatagramSocket>>,
    by_ends: HashMap<(SocketAddr, SocketAddr), FlowId>,
    pairs: HashMap<FlowId, Pair>,
    silent: Vec<FlowId>,
    now: Mono,
}

impl Datagrams {
    /// Lets pairs in, as many as the gate admits.
    pub(crate) fn open(&mut self, gate: Arc<Gate>) {
        self.gate = Some(gate);
    }

    /// Lets no more pairs in.
    pub(crate) fn close_door(&mut self) {
        self.gate = None;
    }

    pub(crate) fn add(&mut self, socket: DatagramSocket) -> Rc<DatagramSocket> {
        let socket = Rc::new(socket);
        self.sockets.push(Rc::clone(&socket));
        socket
    }

    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    pub(crate) fn knows(&self, flow: FlowId) -> bool {
        self.pairs.contains_key(&flow)
    }

    /// Sends one datagram: whether the system took it, or `None` if there is no such pair.
    pub(crate) fn send(&mut self, flow: FlowId, bytes: &[u8]) -> Option<bool> {
        let now = self.now;
        let pair = self.pairs.get_mut(&flow)?;
        if pair.place.is_none() {
            pair.alive = now;
        }
        Some(pair.socket.send(bytes, pair.remote))
    }

    pub(crate) fn remove(&mut self, flow: FlowId) -> bool {
        let Some(pair) = self.pairs.remove(&flow) else {
            return false;
        };
        let ends = (pair.socket.local, pair.remote);
        if self.by_ends.get(&ends) == Some(&flow) {
            self.by_ends.remove(&ends);
        }
        true
    }

    /// Looks whether a pair was silent for too long; if not, returns after how long to look again.
    pub(crate) fn silence(&mut self, flow: FlowId, now: Mono) -> Option<Duration> {
        let pair = self.pairs.get(&flow)?;
        let silent = now.since(pair.alive);
        if silent < pair.socket.idle {
            return Some(pair.socket.idle - silent);
        }
        self.silent.push(flow);
        None
    }

    /// Finds the flow of a pair that is known.
    fn heard(&mut self, ends: (SocketAddr, SocketAddr), now: Mono) -> Option<FlowId> {
        self.now = now;
        let flow = *self.by_ends.get(&ends)?;
        self.pairs.get_mut(&flow)?.alive = now;
        Some(flow)
    }

    fn insert(&mut self, flow: FlowId, pair: Pair) {
        let ends = (pair.socket.local, pair.remote);
        self.by_ends.entry(ends).or_insert(flow);
        self.pairs.insert(flow, pair);
    }

    fn socket_for(&self, hop: &Hop) -> Option<Rc<DatagramSocket>> {
        let fits = |socket: &&Rc<DatagramSocket>| {
            socket.face == hop.face && socket.local.is_ipv4() == hop.addr.is_ipv4()
        };
        self.sockets.iter().find(fits).map(Rc::clone)
    }
}

impl<P: Plug> Hub<P> {
    /// Takes in one datagram.
    pub(crate) fn take_datagram(
        self: &Rc<Self>,
        socket: &Rc<DatagramSocket>,
        remote: SocketAddr,
        bytes: Bytes,
    ) {
        let stats = self.net.stats();
        stats.datagrams_received.add(1);
        stats.bytes_received.add(bytes.len() as u64);
        if bytes.is_empty() {
            return;
        }
        let now = self.net.look().mono;
        let known = self.net.datagrams().heard((socket.local, remote), now);
        match known.or_else(|| self.meet(socket, remote)) {
            Some(flow) => self.hear(Event::Received { flow, bytes }),
            None => stats.datagrams_refused.add(1),
        }
    }

    /// Makes a flow of a pair that nobody knew.
    fn meet(self: &Rc<Self>, socket: &Rc<DatagramSocket>, remote: SocketAddr) -> Option<FlowId> {
        let gate = self.net.datagrams().gate.clone()?;
        let peer = self.wiring.identify.plain(remote.ip(), Transport::Udp)?;
        let mut place = gate.admit(remote.ip(), self.net.mono()).ok()?;
        place.shaken();
        let flow = self.net.next_id(Transport::Udp);
        let link = self.enter(flow, socket, remote, (peer, Some(place)));
        self.hear(Event::Opened { flow, link });
        Some(flow)
    }

    /// Opens a flow that the machine names; there is nothing to wait for.
    pub(crate) fn pair(self: &Rc<Self>, flow: FlowId, hop: &Hop) {
        self.net.stats().dialled.add(1);
        let identify = &self.wiring.identify;
        let peer = identify.plain(hop.addr.ip(), Transport::Udp);
        let socket = self.net.datagrams().socket_for(hop);
        let known = self.net.datagrams().knows(flow);
        let event = match (socket, peer) {
            (Some(socket), Some(peer)) if !known => {
                let link = self.enter(flow, &socket, hop.addr, (peer, None));
                Event::Opened { flow, link }
            }
            (Some(_) | None, _) => {
                self.net.stats().unreachable.add(1);
                let why = Closed::Unreachable;
                Event::Closed { flow, why }
            }
        };
        self.tell_later(event);
    }

    fn enter(
        &self,
        flow: FlowId,
        socket: &Rc<DatagramSocket>,
        remote: SocketAddr,
        (peer, place): (Peer, Option<Admission>),
    ) -> Arc<Link> {
        let pair = Pair {
            socket: Rc::clone(socket),
            remote,
            alive: self.net.mono(),
            place,
        };
        self.net.datagrams().insert(flow, pair);
        self.net.set_alarm(socket.idle, Alarm::Silence(flow));
        self.net.stats().flows.add(1);
        self.net.stats().opened.add(1);
        Arc::new(Link {
            peer,
            transport: Transport::Udp,
            face: socket.face,
            local: socket.local,
            certificate: None,
            remote,
        })
    }

    /// Forgets pairs that were silent for too long.
    pub(crate) fn end_silent_pairs(self: &Rc<Self>) {
        let silent = std::mem::take(&mut self.net.datagrams().silent);
        self.end_pairs(silent, Closed::Idle);
    }

    /// Forgets every pair.
    pub(crate) fn end_all_pairs(self: &Rc<Self>) {
        let mut all: Vec<FlowId> = self.net.datagrams().pairs.keys().copied().collect();
        all.sort_unstable();
        self.end_pairs(all, Closed::Draining);
    }

    fn end_pairs(self: &Rc<Self>, flows: Vec<FlowId>, why: Closed) {
        for flow in flows {
            if self.net.forget_pair(flow) {
                if why == Closed::Idle {
                    self.net.stats().idle.add(1);
                }
                self.hear(Event::Closed { flow, why });
            }
        }
    }
}
