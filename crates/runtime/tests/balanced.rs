//! Connections that a balancer passes on say whose they are; nobody else may.

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::time::Duration;

use runtime::proxy_header::{Ends, own, write};
use runtime::worker::Limits;

use crate::authority::Authority;
use crate::phone;
use crate::rig::{Plan, Rig};

fn behind(balancer: [u8; 4], limits: Limits) -> Rig {
    let plan = Plan {
        auth: None,
        balancers: vec![Ipv4Addr::from(balancer).into()],
        limits,
        ..Plan::default()
    };
    Rig::start(&Authority::new(), plan)
}

fn ends(rig: &Rig) -> Ends {
    Ends {
        source: "192.0.2.7:1234".parse().unwrap(),
        destination: rig.addr,
    }
}

#[test]
fn the_client_is_whom_the_balancer_names_and_its_bytes_follow() {
    let rig = behind([127, 0, 0, 1], Limits::default());
    let ends = ends(&rig);
    let mut stream = phone::plain(rig.addr);
    stream
        .write_all(&[&write(&ends)[..], b"ping"].concat())
        .unwrap();
    let mut heard = [0; 4];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"ping");
    assert_eq!(rig.opened().1.remote, ends.source);
}

#[test]
fn a_balancer_that_asks_for_itself_is_itself() {
    let rig = behind([127, 0, 0, 1], Limits::default());
    let mut stream = phone::plain(rig.addr);
    stream.write_all(&own()).unwrap();
    let remote = rig.opened().1.remote;
    assert_eq!(remote, stream.local_addr().unwrap());
}

#[test]
fn what_a_balancer_passes_on_without_a_header_ends() {
    let limits = Limits {
        handshake_time: Duration::from_millis(200),
        ..Limits::default()
    };
    let rig = behind([127, 0, 0, 1], limits);
    let mut other = phone::plain(rig.addr);
    other.write_all(b"OPTIONS sip:a SIP/2.0\r\n\r\n").unwrap();
    assert_eq!(other.read(&mut [0; 1]).unwrap_or(0), 0);
    rig.counted(|counted| counted.refused_other == 1);
    let mut silent = phone::plain(rig.addr);
    silent.write_all(&write(&ends(&rig))[..20]).unwrap();
    assert_eq!(silent.read(&mut [0; 1]).unwrap_or(0), 0);
    rig.counted(|counted| counted.refused_slow == 1);
}

#[test]
fn a_header_from_anybody_else_is_nothing_but_bytes() {
    let rig = behind([127, 0, 0, 9], Limits::default());
    let mut stream = phone::plain(rig.addr);
    let header = write(&ends(&rig));
    stream.write_all(&header).unwrap();
    let (flow, link) = rig.opened();
    assert_eq!(link.remote, stream.local_addr().unwrap());
    assert_eq!(rig.received(flow, header.len()), header);
}
