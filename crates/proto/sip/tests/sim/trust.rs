//! What a taken Edge, a stranger and a forger can not do.

use crate::deployment::{Deployment, EDGE_OUTSIDE, FE1};
use crate::phone::{DialogState, Phone};
use sip::msg::{Method, Name};
use std::time::Duration;

/// The Edge in the test is honest; a client behind it tries what a taken Edge would: a request inside a dialog that
/// does not exist, with identities of ours.
#[test]
fn a_to_tag_alone_does_not_get_past_the_director() {
    let mut d = Deployment::new(60);
    let mut bob = Phone::connect(&mut d, "bob", FE1);
    bob.register(&mut d, "");
    let mut mallory = Phone::connect(&mut d, "alice", EDGE_OUTSIDE);
    let dialog = DialogState {
        call_id: "made-up".into(),
        local: "<sip:alice@contoso.com>;tag=1".into(),
        remote: "<sip:bob@contoso.com>;tag=2".into(),
        remote_target: "sip:bob@contoso.com".into(),
        routes: vec![],
        cseq: 1,
    };
    mallory.in_dialog(&mut d, "MESSAGE", &dialog);
    assert_eq!(mallory.wait_final(&mut d, Method::Message).status(), 407);
    assert!(bob.has_no(&mut d, |m| m.is_request()));
}

#[test]
fn a_route_that_is_not_ours_leads_nowhere() {
    let routes = [
        "<sip:198.51.100.9:5061;lr>",
        "<sip:fe01.contoso.net;lr>",
        "<sip:AAAAAAAAAAAAAAAAAAAAAAAAAAAA@fe01.contoso.net:5061;transport=tls;lr>",
    ];
    for route in routes {
        let mut d = Deployment::new(61);
        let mut mallory = Phone::connect(&mut d, "alice", EDGE_OUTSIDE);
        let dialog = DialogState {
            call_id: "made-up".into(),
            local: "<sip:alice@contoso.com>;tag=1".into(),
            remote: "<sip:bob@contoso.com>;tag=2".into(),
            remote_target: "sip:bob@contoso.com".into(),
            routes: vec![route.into()],
            cseq: 1,
        };
        mallory.in_dialog(&mut d, "BYE", &dialog);
        let answer = mallory.wait_final(&mut d, Method::Bye);
        assert!(
            [403, 407].contains(&answer.status()),
            "{route}: {}",
            answer.status()
        );
        mallory.in_dialog(&mut d, "ACK", &dialog);
        d.world.run_for(Duration::from_secs(1));
    }
}

#[test]
fn a_dialogs_route_does_not_work_in_another_dialog() {
    let mut d = Deployment::new(62);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "");
    let mut bob = Phone::connect(&mut d, "bob", EDGE_OUTSIDE);
    bob.register(&mut d, "");
    alice.request(&mut d, "INVITE", "bob", "");
    let invite = bob.wait_request(&mut d, Method::Invite);
    bob.answer(&mut d, &invite, 200);
    alice.wait_final(&mut d, Method::Invite);
    let mut stolen = DialogState::of_callee(&invite, "tbob");
    stolen.call_id = "another".into();
    let mut mallory = Phone::connect(&mut d, "bob", EDGE_OUTSIDE);
    mallory.in_dialog(&mut d, "BYE", &stolen);
    let answer = mallory.wait_final(&mut d, Method::Bye).status();
    assert!([403, 407].contains(&answer), "{answer}");
    assert!(alice.has_no(&mut d, |m| m.is_request() && m.method() == Method::Bye));
}

#[test]
fn a_forged_response_moves_nothing() {
    let mut d = Deployment::new(63);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "");
    let mut bob = Phone::connect(&mut d, "bob", FE1);
    bob.register(&mut d, "");
    let mallory = Phone::connect(&mut d, "mallory", FE1);
    alice.request(&mut d, "MESSAGE", "bob", "");
    let message = bob.wait_request(&mut d, Method::Message);
    let via = message
        .text(Name::Via)
        .unwrap()
        .replace("branch=z9hG4bK", "branch=z9hG4bKA");
    let forged = format!(
        "SIP/2.0 200 OK\nVia: {via}\nFrom: <sip:alice@contoso.com>;tag=1\nTo: <sip:bob@contoso.com>;tag=2\n\
         Call-ID: x\nCSeq: 1 MESSAGE\nContent-Length: 0\n\n"
    );
    mallory.send(&mut d, &forged);
    d.world.run_for(Duration::from_secs(1));
    assert!(alice.has_no(&mut d, |m| !m.is_request()));
    let fe1 = d.fe1;
    assert_eq!(d.world.host(fe1).unwrap().node.stats().stray_responses, 1);
}

#[test]
fn bytes_that_are_not_sip_close_the_connection_and_nobody_else_notices() {
    let garbage: [&[u8]; 4] = [
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 4096],
        &[b'A'; 200_000],
    ];
    for bytes in garbage {
        let mut d = Deployment::new(64);
        let mut alice = Phone::connect(&mut d, "alice", FE1);
        let mallory = Phone::connect(&mut d, "mallory", FE1);
        d.world.write(mallory.flow, bytes.to_vec());
        d.world.run_for(Duration::from_secs(1));
        assert!(!d.world.is_open(mallory.flow));
        assert_eq!(alice.register(&mut d, "").status(), 200);
    }
}

#[test]
fn a_keep_alive_is_answered() {
    let mut d = Deployment::new(65);
    let alice = Phone::connect(&mut d, "alice", FE1);
    d.world.write(alice.flow, &b"\r\n\r\n"[..]);
    assert!(
        d.world
            .run_until(Duration::from_secs(1), |world| world.unread(alice.flow)
                == b"\r\n")
    );
}
