//! Flows that the machine opens.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use base::net::{Closed, Effect, Face, FlowId, Hop, Peer, Transport, WorkerId};
use bytes::Bytes;
use runtime::tls::Auth;
use runtime::worker::Limits;

use crate::authority::Authority;
use crate::rig::{NAME, Plan, Rig};

const FAR: &str = "fe01.example.com";

fn pair(authority: &Authority) -> (Rig, Rig) {
    let near = Rig::start(
        authority,
        Plan {
            echo: false,
            ..Plan::default()
        },
    );
    let plan = Plan {
        auth: Some(Auth::Required),
        ..Plan::default()
    };
    let far = Rig::start_as(
        authority,
        &authority.issue(&[FAR, "fepool.example.com"]),
        plan,
    );
    (near, far)
}

fn name_of(peer: &Peer) -> Option<&str> {
    if let Peer::Server(server) = peer {
        Some(&server.name)
    } else {
        None
    }
}

#[test]
fn both_ends_know_each_other_and_early_sends_arrive() {
    let authority = Authority::new();
    let (near, far) = pair(&authority);
    let flow = near.dial(1, "fepool.example.com", far.addr, Transport::Tls);
    near.act(
        0,
        Effect::Send {
            flow,
            bytes: Bytes::from_static(b"before it is open"),
        },
    );
    let (opened, link) = near.opened();
    assert_eq!((opened, link.remote), (flow, far.addr));
    assert_eq!(name_of(&link.peer), Some(FAR));
    assert_eq!(near.received(flow, 17), b"before it is open");
    assert_eq!(name_of(&far.opened().1.peer), Some(NAME));
}

#[test]
fn a_close_that_overtakes_the_opening_waits_for_what_was_sent() {
    let authority = Authority::new();
    let (near, far) = pair(&authority);
    let flow = near.dial(1, FAR, far.addr, Transport::Tls);
    near.act(
        0,
        Effect::Send {
            flow,
            bytes: Bytes::from_static(b"bye"),
        },
    );
    near.act(0, Effect::Close { flow });
    let (accepted, _) = far.opened();
    assert_eq!(far.received(accepted, 3), b"bye");
    assert_eq!(near.closed(), (flow, Closed::Asked));
    assert_eq!(far.closed(), (accepted, Closed::ByPeer));
}

#[test]
fn another_name_an_unknown_authority_and_a_wildcard_are_refused() {
    let authority = Authority::new();
    let (near, far) = pair(&authority);
    let flow = near.dial(1, "fe02.example.com", far.addr, Transport::Tls);
    assert_eq!(near.closed(), (flow, Closed::Handshake));

    let foreign = Rig::start(&Authority::new(), Plan::default());
    let flow = near.dial(2, NAME, foreign.addr, Transport::Tls);
    assert_eq!(near.closed(), (flow, Closed::Handshake));

    let plan = Plan {
        auth: Some(Auth::Optional),
        ..Plan::default()
    };
    let wild = Rig::start_as(&authority, &authority.issue(&["*.example.com"]), plan);
    let flow = near.dial(3, FAR, wild.addr, Transport::Tls);
    assert_eq!(near.closed(), (flow, Closed::Handshake));
    assert_eq!(near.workers.snapshot().opened, 0);
}

#[test]
fn our_own_refusal_at_the_far_end_is_heard_as_a_closed_flow() {
    let authority = Authority::new();
    let near = Rig::start_as(
        &authority,
        &authority.issue_expired(&[NAME]),
        Plan::default(),
    );
    let plan = Plan {
        auth: Some(Auth::Required),
        ..Plan::default()
    };
    let far = Rig::start_as(&authority, &authority.issue(&[FAR]), plan);
    let flow = near.dial(1, FAR, far.addr, Transport::Tls);
    // With TLS 1.3 the opener is through before the other side has judged its certificate.
    assert_eq!(near.closed().0, flow);
    far.counted(|counted| counted.refused_certificate == 1 && counted.opened == 0);
}

#[test]
fn nobody_there_is_unreachable_and_so_is_what_no_socket_leads_to() {
    let authority = Authority::new();
    let near = Rig::start(&authority, Plan::default());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let flow = near.dial(1, FAR, gone, Transport::Tls);
    assert_eq!(near.closed(), (flow, Closed::Unreachable));
    // The rig receives datagrams over IPv4 only.
    let elsewhere = (Ipv6Addr::LOCALHOST, gone.port()).into();
    let flow = near.dial(2, FAR, elsewhere, Transport::Udp);
    assert_eq!(near.closed(), (flow, Closed::Unreachable));
    near.counted(|counted| counted.flows == 0);
}

#[test]
fn whoever_accepts_and_says_nothing_is_given_up() {
    let authority = Authority::new();
    let limits = Limits {
        handshake_time: Duration::from_millis(150),
        ..Limits::default()
    };
    let near = Rig::start(
        &authority,
        Plan {
            limits,
            ..Plan::default()
        },
    );
    let mute = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let flow = near.dial(1, FAR, mute.local_addr().unwrap(), Transport::Tls);
    assert_eq!(near.closed(), (flow, Closed::Handshake));
}

#[test]
fn without_credentials_for_a_face_nothing_is_opened_there() {
    let authority = Authority::new();
    let (near, far) = pair(&authority);
    let flow = FlowId::opened(WorkerId(0), 1);
    let hop = Hop {
        face: Face::Outside,
        ..Hop::inside(FAR, far.addr)
    };
    near.act(0, Effect::Open { flow, hop });
    assert_eq!(near.closed(), (flow, Closed::Handshake));
}

#[test]
fn plain_tcp_is_opened_without_a_proof() {
    let authority = Authority::new();
    let near = Rig::start(
        &authority,
        Plan {
            echo: false,
            ..Plan::default()
        },
    );
    let far = Rig::start(
        &authority,
        Plan {
            auth: None,
            ..Plan::default()
        },
    );
    let flow = near.dial(1, FAR, far.addr, Transport::Tcp);
    near.act(
        0,
        Effect::Send {
            flow,
            bytes: Bytes::from_static(b"ping"),
        },
    );
    let (opened, link) = near.opened();
    assert_eq!((opened, &link.peer), (flow, &Peer::Client));
    assert_eq!(near.received(flow, 4), b"ping");
    let local: SocketAddr = link.local;
    assert_eq!(far.opened().1.remote, local);
}
