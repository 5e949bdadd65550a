//! Ending in order.

use std::net::TcpStream;
use std::time::Duration;

use base::net::Effect;
use bytes::Bytes;
use runtime::worker::{Drained, Limits};
use rustls::version::TLS13;

use crate::authority::Authority;
use crate::phone::{self, PATIENCE, Phone};
use crate::rig::{NAME, Plan, Rig, Told};

fn connect(rig: &Rig, authority: &Authority) -> Phone {
    Phone::connect(rig.addr, NAME, phone::config(authority, None, &[&TLS13])).unwrap()
}

#[test]
fn a_drain_closes_every_flow_with_a_notice_and_accepts_no_more() {
    let authority = Authority::new();
    let rig = Rig::start(
        &authority,
        Plan {
            workers: 2,
            ..Plan::default()
        },
    );
    let phones: Vec<_> = (0..6).map(|_| connect(&rig, &authority)).collect();
    rig.counted(|counted| counted.opened == 6);
    let (addr, workers) = (rig.addr, rig.workers);
    let draining = std::thread::spawn(move || workers.drain(PATIENCE));
    for mut phone in phones {
        assert_eq!(phone.hear_all().unwrap(), b"");
    }
    assert_eq!(
        draining.join().unwrap(),
        Drained {
            closed: 6,
            cut: 0,
            lost: 0,
            failed: 0
        }
    );
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn a_drain_waits_for_the_machine_and_for_what_it_sent() {
    let authority = Authority::new();
    let rig = Rig::start(
        &authority,
        Plan {
            echo: false,
            ..Plan::default()
        },
    );
    let mut phone = connect(&rig, &authority);
    let (flow, _) = rig.opened();
    rig.tell(0, Told::Busy(true));
    // Letters are read in order, so whoever hears this knows that the machine is busy.
    let mark = Bytes::from_static(b"busy");
    rig.tell(
        0,
        Told::Do(Effect::Send {
            flow,
            bytes: mark.clone(),
        }),
    );
    assert_eq!(phone.hear(mark.len()).unwrap(), mark);
    let mailbox = rig.workers.mailboxes()[0].clone();
    let (addr, workers) = (rig.addr, rig.workers);
    let draining = std::thread::spawn(move || workers.drain(PATIENCE));
    // It has begun once nobody is accepted any more.
    while TcpStream::connect(addr).is_ok() {}
    assert!(!draining.is_finished());
    let payload = Bytes::from(vec![9; 900_000]);
    mailbox
        .post(Told::Do(Effect::Send {
            flow,
            bytes: payload.clone(),
        }))
        .unwrap();
    mailbox.post(Told::Busy(false)).unwrap();
    let heard = phone.hear_all().unwrap();
    assert!(
        heard == payload,
        "{} of {} bytes came",
        heard.len(),
        payload.len()
    );
    assert_eq!(
        draining.join().unwrap(),
        Drained {
            closed: 1,
            cut: 0,
            lost: 0,
            failed: 0
        }
    );
}

#[test]
fn a_drain_gives_up_at_its_deadline_and_says_what_was_cut() {
    let authority = Authority::new();
    let limits = Limits {
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
    let _silent = connect(&rig, &authority);
    let (flow, _) = rig.opened();
    rig.act(
        0,
        Effect::Send {
            flow,
            bytes: Bytes::from(vec![9; 32 << 20]),
        },
    );
    rig.counted(|counted| counted.writes == 1);
    let drained = rig.workers.drain(Duration::from_millis(200));
    assert_eq!((drained.closed, drained.cut, drained.failed), (0, 1, 0));
    assert!(drained.lost > 0);
}
