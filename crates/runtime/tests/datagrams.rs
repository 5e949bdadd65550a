//! Datagrams: pairs of addresses as flows, their bounds and their end.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use base::net::{Closed, Effect, Event, FlowId, Peer, Transport, WorkerId};
use bytes::Bytes;
use runtime::worker::Limits;

use crate::authority::Authority;
use crate::phone::PATIENCE;
use crate::rig::{Plan, Report, Rig};

struct Caller {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Caller {
    fn new(rig: &Rig) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            to: rig.udp,
        }
    }

    fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.to).unwrap();
    }

    fn hear(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        let (length, from) = self.socket.recv_from(&mut buffer).unwrap();
        assert_eq!(from, self.to, "answers leave from where the question went");
        buffer.truncate(length);
        buffer
    }
}

#[test]
fn a_pair_of_addresses_is_one_flow_and_a_datagram_one_event() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, Plan::default());
    let caller = Caller::new(&rig);
    caller.send(b"one");
    let (flow, link) = rig.opened();
    assert_eq!(
        (link.transport, &link.peer, link.local, link.remote),
        (
            Transport::Udp,
            &Peer::Client,
            rig.udp,
            caller.socket.local_addr().unwrap()
        )
    );
    assert_eq!(flow.transport(), Transport::Udp);
    assert_eq!(caller.hear(), b"one");
    let large = vec![b'x'; 60_000];
    caller.send(&large);
    assert_eq!(caller.hear(), large);
    let other = Caller::new(&rig);
    other.send(b"two");
    assert_eq!(other.hear(), b"two");
    rig.counted(|counted| {
        (
            counted.flows,
            counted.datagrams_received,
            counted.datagrams_sent,
        ) == (2, 3, 3)
    });
}

#[test]
fn a_pair_stays_with_one_worker() {
    let authority = Authority::new();
    let plan = Plan {
        workers: 4,
        ..Plan::default()
    };
    let rig = Rig::start(&authority, plan);
    for _ in 0..16 {
        let caller = Caller::new(&rig);
        for n in 0..4_u8 {
            caller.send(&[n]);
            assert_eq!(caller.hear(), [n]);
        }
    }
    rig.counted(|counted| counted.opened == 16 && counted.datagrams_received == 64);
}

#[test]
fn a_pair_that_the_machine_names_sends_from_the_listening_address() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, Plan::default());
    let gateway = Caller::new(&rig);
    let addr = gateway.socket.local_addr().unwrap();
    let flow = rig.dial(1, "gw01.example.com", addr, Transport::Udp);
    let bytes = Bytes::from_static(b"to the gateway");
    rig.act(0, Effect::Send { flow, bytes });
    assert_eq!(gateway.hear(), b"to the gateway");
    gateway.send(b"back");
    assert_eq!(
        rig.received(flow, 4),
        b"back",
        "the flow that was named hears it"
    );
    rig.act(0, Effect::Close { flow });
    assert_eq!(rig.closed(), (flow, Closed::Asked));
}

#[test]
fn a_silent_pair_is_forgotten() {
    let authority = Authority::new();
    let plan = Plan {
        idle: Duration::from_millis(100),
        ..Plan::default()
    };
    let rig = Rig::start(&authority, plan);
    let caller = Caller::new(&rig);
    caller.send(b"once");
    let (flow, _) = rig.opened();
    assert_eq!(rig.closed(), (flow, Closed::Idle));
    caller.send(b"again");
    let (again, _) = rig.opened();
    assert_ne!(flow, again, "names are never used again");
    rig.counted(|counted| counted.idle >= 1);
}

#[test]
fn one_source_has_no_more_pairs_than_it_may() {
    let authority = Authority::new();
    let limits = Limits {
        per_source: 2,
        ..Limits::default()
    };
    let rig = Rig::start(
        &authority,
        Plan {
            limits,
            ..Plan::default()
        },
    );
    let callers = [Caller::new(&rig), Caller::new(&rig), Caller::new(&rig)];
    for caller in &callers[..2] {
        caller.send(b"in");
        assert_eq!(caller.hear(), b"in");
    }
    callers[2].send(b"out");
    rig.counted(|counted| counted.datagrams_refused == 1 && counted.flows == 2);
    callers[0].send(b"still in");
    assert_eq!(callers[0].hear(), b"still in");
}

/// Whoever sends to a flow of another worker is told that it is gone, or would wait for an answer that cannot come.
#[test]
fn a_send_to_a_lost_flow_of_another_worker_is_answered() {
    let authority = Authority::new();
    let plan = Plan {
        workers: 2,
        ..Plan::default()
    };
    let rig = Rig::start(&authority, plan);
    for transport in [Transport::Tls, Transport::Udp] {
        let flow = FlowId::accepted(WorkerId(1), 99).over(transport);
        let bytes = Bytes::from_static(b"lost");
        rig.act(0, Effect::Send { flow, bytes });
        let told = rig.until(|worker, report| match report {
            Report::Heard(Event::Closed { flow, why }) => Some((worker, *flow, *why)),
            Report::Heard(_) | Report::Ticked(_) => None,
        });
        assert_eq!(told, (WorkerId(0), flow, Closed::ByPeer));
    }
}
