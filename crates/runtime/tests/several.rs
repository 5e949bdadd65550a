//! Several workers: flows and messages of one are within reach of the others.

use base::net::{Effect, Event, FlowId, WorkerId};
use bytes::Bytes;
use runtime::worker::Full;
use rustls::version::TLS13;

use crate::authority::Authority;
use crate::phone::{self, PATIENCE, Phone};
use crate::rig::{NAME, Plan, Report, Rig, Told};

fn rig(authority: &Authority) -> Rig {
    Rig::start(
        authority,
        Plan {
            workers: 2,
            echo: false,
            ..Plan::default()
        },
    )
}

#[test]
fn a_flow_is_sent_to_and_closed_from_another_worker() {
    let authority = Authority::new();
    let rig = rig(&authority);
    let mut phone =
        Phone::connect(rig.addr, NAME, phone::config(&authority, None, &[&TLS13])).unwrap();
    let (flow, _) = rig.opened();
    let other = 1 - flow.worker().0;
    rig.act(
        other,
        Effect::Send {
            flow,
            bytes: Bytes::from_static(b"from afar"),
        },
    );
    rig.act(other, Effect::Close { flow });
    assert_eq!(phone.hear_all().unwrap(), b"from afar");
    assert_eq!(rig.closed().0, flow);
}

/// Whoever sent on a flow of another worker waits for an answer that cannot come any more.
#[test]
fn a_worker_that_sent_on_a_flow_of_another_is_told_of_its_end() {
    let authority = Authority::new();
    let rig = rig(&authority);
    let mut phone =
        Phone::connect(rig.addr, NAME, phone::config(&authority, None, &[&TLS13])).unwrap();
    let (flow, _) = rig.opened();
    let other = WorkerId(1 - flow.worker().0);
    let bytes = Bytes::from_static(b"from afar");
    rig.act(other.0, Effect::Send { flow, bytes });
    assert_eq!(phone.hear(9).unwrap(), b"from afar");
    drop(phone);
    let told = rig.until(|worker, report| match report {
        Report::Heard(Event::Closed { flow, .. }) if worker == other => Some(*flow),
        Report::Heard(_) | Report::Ticked(_) => None,
    });
    assert_eq!(told, flow);
}

#[test]
fn a_message_is_passed_to_another_worker_and_to_ones_own() {
    let authority = Authority::new();
    let rig = rig(&authority);
    let _phone =
        Phone::connect(rig.addr, NAME, phone::config(&authority, None, &[&TLS13])).unwrap();
    let (flow, link) = rig.opened();
    for to in [WorkerId(0), WorkerId(1)] {
        let bytes = Bytes::from_static(b"message");
        rig.act(
            flow.worker().0,
            Effect::Pass {
                worker: to,
                flow,
                link: link.clone(),
                bytes,
            },
        );
        let (heard_by, about) = rig.until(|worker, report| match report {
            Report::Heard(Event::Passed { flow, bytes, .. }) if bytes == "message" => {
                Some((worker, *flow))
            }
            Report::Heard(_) | Report::Ticked(_) => None,
        });
        assert_eq!((heard_by, about), (to, flow));
    }
}

#[test]
fn what_is_sent_to_nobody_does_nothing() {
    let authority = Authority::new();
    let rig = rig(&authority);
    for flow in [
        FlowId::accepted(WorkerId(0), 99),
        FlowId::accepted(WorkerId(1), 99),
        FlowId::from_bits(u64::MAX),
    ] {
        rig.act(
            0,
            Effect::Send {
                flow,
                bytes: Bytes::from_static(b"lost"),
            },
        );
        rig.act(0, Effect::Close { flow });
    }
    let mut phone =
        Phone::connect(rig.addr, NAME, phone::config(&authority, None, &[&TLS13])).unwrap();
    let (flow, _) = rig.opened();
    rig.act(
        0,
        Effect::Send {
            flow,
            bytes: Bytes::from_static(b"found"),
        },
    );
    assert_eq!(phone.hear(5).unwrap(), b"found");
}

#[test]
fn connections_are_spread_over_the_workers() {
    let authority = Authority::new();
    let rig = rig(&authority);
    let config = phone::config(&authority, None, &[&TLS13]);
    let phones: Vec<_> = (0..40)
        .map(|_| Phone::connect(rig.addr, NAME, config.clone()).unwrap())
        .collect();
    let mut per_worker = [0, 0];
    for _ in &phones {
        per_worker[usize::from(rig.opened().0.worker().0)] += 1;
    }
    assert!(per_worker.iter().all(|count| *count > 0), "{per_worker:?}");
}

#[test]
fn a_worker_whose_machine_panics_ends_and_the_other_goes_on() {
    let authority = Authority::new();
    let rig = rig(&authority);
    assert!(!rig.workers.has_failed());
    rig.tell(0, Told::Panic);
    rig.counted(|_| rig.workers.has_failed());
    assert_eq!(
        rig.workers.mailboxes()[0].post(Told::Busy(false)),
        Err(Full)
    );
    rig.tell(1, Told::Busy(false));
    assert_eq!(rig.workers.drain(PATIENCE).failed, 1);
}
