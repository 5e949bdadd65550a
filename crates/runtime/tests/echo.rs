//! Bytes in and out, over TLS and plain TCP.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Arc;

use base::net::{Effect, Peer, Transport};
use bytes::Bytes;
use runtime::tls::Auth;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, StreamOwned};

use crate::authority::Authority;
use crate::phone::{self, Drip, Phone};
use crate::rig::{NAME, Plan, Report, Rig, Told};

fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

#[test]
fn both_versions_of_tls_carry_small_and_large_payloads_unchanged() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, Plan::default());
    for version in [&TLS12, &TLS13] {
        let config = phone::config(&authority, None, &[version]);
        let mut phone = Phone::connect(rig.addr, NAME, config).unwrap();
        phone.echo(b"x").unwrap();
        phone.echo(&pattern(400)).unwrap();
        phone.echo(&pattern(100_000)).unwrap();
        let (_, link) = rig.opened();
        assert_eq!(link.peer, Peer::Client);
        assert_eq!(link.transport, Transport::Tls);
        assert_eq!(link.local, rig.addr);
    }
    rig.counted(|counted| counted.bytes_received == 200_802 && counted.bytes_sent == 200_802);
}

#[test]
fn a_flow_is_opened_then_heard_then_closed_once() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, Plan::default());
    let mut phone =
        Phone::connect(rig.addr, NAME, phone::config(&authority, None, &[&TLS13])).unwrap();
    phone.echo(b"hello").unwrap();
    drop(phone);
    let (opened, _) = rig.opened();
    assert_eq!(rig.received(opened, 5), b"hello");
    let (closed, why) = rig.closed();
    assert_eq!((closed, why), (opened, base::net::Closed::ByPeer));
    rig.counted(|counted| counted.flows == 0 && counted.closed == 1);
}

#[test]
fn plain_tcp_carries_bytes_and_what_was_sent_before_its_end() {
    let authority = Authority::new();
    let rig = Rig::start(
        &authority,
        Plan {
            auth: None,
            ..Plan::default()
        },
    );
    let mut stream = phone::plain(rig.addr);
    stream.write_all(b"ping").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"ping");
    assert_eq!(rig.opened().1.transport, Transport::Tcp);
}

#[test]
fn what_was_sent_before_a_close_arrives_whole_at_a_slow_reader() {
    let authority = Authority::new();
    let rig = Rig::start(
        &authority,
        Plan {
            echo: false,
            ..Plan::default()
        },
    );
    let mut phone =
        Phone::connect(rig.addr, NAME, phone::config(&authority, None, &[&TLS13])).unwrap();
    let (flow, _) = rig.opened();
    let payload = pattern(900_000);
    for piece in payload.chunks(9_000) {
        rig.act(
            0,
            Effect::Send {
                flow,
                bytes: Bytes::copy_from_slice(piece),
            },
        );
    }
    rig.act(0, Effect::Close { flow });
    let mut heard = Vec::new();
    while heard.len() < payload.len() {
        let step = (payload.len() - heard.len()).min(1_000);
        heard.extend(phone.hear(step).unwrap());
    }
    assert!(
        heard == payload,
        "{} of {} bytes came",
        heard.len(),
        payload.len()
    );
    assert_eq!(phone.hear_all().unwrap(), b"");
    assert_eq!(rig.closed(), (flow, base::net::Closed::Asked));
}

#[test]
fn sends_of_one_turn_leave_in_one_write() {
    let authority = Authority::new();
    let rig = Rig::start(
        &authority,
        Plan {
            echo: false,
            ..Plan::default()
        },
    );
    let mut phone =
        Phone::connect(rig.addr, NAME, phone::config(&authority, None, &[&TLS13])).unwrap();
    let (flow, _) = rig.opened();
    // While the worker is held, the letters gather and are then read in one turn.
    let (release, held) = std::sync::mpsc::channel();
    rig.tell(0, Told::Block(held));
    for _ in 0..10 {
        rig.act(
            0,
            Effect::Send {
                flow,
                bytes: Bytes::from_static(b"0123456789"),
            },
        );
    }
    drop(release);
    assert_eq!(phone.hear(100).unwrap(), b"0123456789".repeat(10));
    assert!(rig.workers.snapshot().writes <= 2);
}

#[test]
fn the_machine_is_ticked_at_its_deadline_and_not_before() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, Plan::default());
    let late = rig
        .clock
        .mono()
        .after(std::time::Duration::from_millis(900));
    let soon = rig.clock.mono().after(std::time::Duration::from_millis(30));
    for wanted in [soon, late] {
        rig.tell(0, Told::Wake(wanted));
        let ticked = rig.until(|_, report| match report {
            Report::Ticked(at) => Some(*at),
            Report::Heard(_) => None,
        });
        assert!(ticked >= wanted);
    }
}

#[test]
fn a_peer_that_sends_a_byte_at_a_time_is_understood() {
    let authority = Authority::new();
    let rig = Rig::start(
        &authority,
        Plan {
            auth: Some(Auth::Required),
            ..Plan::default()
        },
    );
    let edge = authority.issue(&["edge01.example.com"]);
    for version in [&TLS12, &TLS13] {
        let config = phone::config(&authority, Some(&edge), &[version]);
        let connection = ClientConnection::new(config, NAME.try_into().unwrap()).unwrap();
        let mut stream = StreamOwned::new(connection, Drip::connect(rig.addr));
        stream.write_all(b"slow but sure").unwrap();
        let mut heard = [0; 13];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"slow but sure");
    }
}

#[test]
fn handshake_messages_and_payload_in_tiny_records_are_understood() {
    let authority = Authority::new();
    let rig = Rig::start(
        &authority,
        Plan {
            auth: Some(Auth::Required),
            ..Plan::default()
        },
    );
    let edge = authority.issue(&["edge01.example.com"]);
    for version in [&TLS12, &TLS13] {
        let mut config = phone::config(&authority, Some(&edge), &[version]);
        Arc::make_mut(&mut config).max_fragment_size = Some(48);
        let mut phone = Phone::connect(rig.addr, NAME, config).unwrap();
        phone.echo(&pattern(5_000)).unwrap();
    }
}
