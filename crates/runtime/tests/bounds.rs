//! Every bound holds, and only whoever passes it suffers.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use base::net::{Closed, Effect, WorkerId};
use bytes::Bytes;
use runtime::worker::{Bound, Full, Limits};
use rustls::version::TLS13;

use crate::authority::Authority;
use crate::phone::{self, Phone};
use crate::rig::{NAME, Plan, Rig, Told};

const SOON: Duration = Duration::from_millis(150);

fn connect(rig: &Rig, authority: &Authority) -> Phone {
    Phone::connect(rig.addr, NAME, phone::config(authority, None, &[&TLS13])).unwrap()
}

#[test]
fn a_peer_that_does_not_read_is_closed_at_the_bound_on_bytes_and_others_are_served() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, Plan::default());
    let silent = connect(&rig, &authority);
    let (flow, _) = rig.opened();
    let mut other = connect(&rig, &authority);
    // More than the kernel buffers on both sides and the bound together.
    let block = Bytes::from(vec![7; 64 << 10]);
    for _ in 0..640 {
        rig.act(
            0,
            Effect::Send {
                flow,
                bytes: block.clone(),
            },
        );
    }
    assert_eq!(rig.closed(), (flow, Closed::Stalled));
    other.echo(b"still here").unwrap();
    assert_eq!(rig.workers.snapshot().stalled, 1);
    drop(silent);
}

#[test]
fn a_peer_that_takes_nothing_for_too_long_is_closed() {
    let authority = Authority::new();
    let limits = Limits {
        stall_time: SOON,
        unsent: 64 << 20,
        ..Limits::default()
    };
    let rig = Rig::start(
        &authority,
        Plan {
            limits,
            ..Plan::default()
        },
    );
    let silent = connect(&rig, &authority);
    let (flow, _) = rig.opened();
    rig.act(
        0,
        Effect::Send {
            flow,
            bytes: Bytes::from(vec![7; 32 << 20]),
        },
    );
    assert_eq!(rig.closed(), (flow, Closed::Stalled));
    drop(silent);
}

#[test]
fn a_handshake_that_does_not_come_to_an_end_is_given_up() {
    let authority = Authority::new();
    let limits = Limits {
        handshake_time: SOON,
        ..Limits::default()
    };
    let rig = Rig::start(
        &authority,
        Plan {
            limits,
            ..Plan::default()
        },
    );
    let mut half_open = phone::plain(rig.addr);
    let mut rest = Vec::new();
    half_open.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    rig.counted(|counted| counted.refused_slow == 1 && counted.handshakes == 0);
}

#[test]
fn handshakes_under_way_are_bounded() {
    let authority = Authority::new();
    let limits = Limits {
        // One source leaves half of the places to others.
        handshakes: 4,
        ..Limits::default()
    };
    let rig = Rig::start(
        &authority,
        Plan {
            limits,
            ..Plan::default()
        },
    );
    let waiting = [phone::plain(rig.addr), phone::plain(rig.addr)];
    rig.counted(|counted| counted.handshakes == 2);
    let _refused = phone::plain(rig.addr);
    rig.counted(|counted| counted.refused_busy == 1);
    drop(waiting);
    rig.counted(|counted| counted.handshakes == 0);
    connect(&rig, &authority).echo(b"hello").unwrap();
}

#[test]
fn connections_are_bounded_in_all_and_per_source() {
    let authority = Authority::new();
    let in_all = Limits {
        connections: 2,
        ..Limits::default()
    };
    let per_source = Limits {
        per_source: 2,
        ..Limits::default()
    };
    for limits in [in_all, per_source] {
        let rig = Rig::start(
            &authority,
            Plan {
                limits,
                ..Plan::default()
            },
        );
        let mut first = connect(&rig, &authority);
        let second = connect(&rig, &authority);
        let refused = Phone::connect(rig.addr, NAME, phone::config(&authority, None, &[&TLS13]));
        assert!(refused.is_err());
        rig.counted(|counted| counted.refused_full + counted.refused_source == 1);
        drop(second);
        rig.counted(|counted| counted.flows == 1);
        first.echo(b"hello").unwrap();
        connect(&rig, &authority).echo(b"hello").unwrap();
    }
}

#[test]
fn a_silent_flow_is_closed_and_one_that_talks_is_not() {
    let authority = Authority::new();
    let rig = Rig::start(
        &authority,
        Plan {
            idle: SOON * 4,
            ..Plan::default()
        },
    );
    let mut talking = connect(&rig, &authority);
    let (talks, _) = rig.opened();
    let mut silent = connect(&rig, &authority);
    let (silence, _) = rig.opened();
    let closed = loop {
        talking.echo(b"still here").unwrap();
        let snapshot = rig.workers.snapshot();
        if snapshot.idle > 0 {
            break rig.closed();
        }
    };
    assert_eq!(closed, (silence, Closed::Idle));
    assert_ne!(talks, silence);
    assert_eq!(silent.hear_all().unwrap(), b"");
}

#[test]
fn a_full_mailbox_says_so() {
    let authority = Authority::new();
    let limits = Limits {
        mailbox: 4,
        ..Limits::default()
    };
    let rig = Rig::start(
        &authority,
        Plan {
            limits,
            ..Plan::default()
        },
    );
    let (release, held) = std::sync::mpsc::channel();
    rig.tell(0, Told::Block(held));
    let mailbox = rig.workers.mailbox(WorkerId(0)).unwrap();
    let outcomes: Vec<_> = (0..6).map(|_| mailbox.post(Told::Busy(false))).collect();
    assert_eq!(outcomes.last(), Some(&Err(Full)));
    drop(release);
    rig.counted(|counted| counted.letters + counted.mailbox_full == 7 && counted.mailbox_full >= 1);
}

#[test]
fn a_port_that_another_listens_on_is_not_shared_unnoticed() {
    let other = Bound::bind((Ipv4Addr::LOCALHOST, 0).into(), 2).unwrap();
    assert!(Bound::bind(other.addr(), 2).is_err());
    assert!(Bound::bind(other.addr(), 1).is_err());
}

#[test]
fn a_socket_that_was_handed_in_serves_several_workers() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let bound = Bound::from_listener(listener, 3).unwrap();
    assert_eq!(bound.addr(), addr);
}
