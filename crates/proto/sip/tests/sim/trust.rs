//! What a taken Edge, a stranger and a forger can not do.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1};
use crate::dialog::DialogState;
use crate::phone::Phone;
use directory::{Change, Revision};
use sip::config::InternalSignIn;
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

/// A user who signed in does not get past the Front End as somebody else by making up a dialog.
#[test]
fn a_signed_in_user_with_anothers_from_and_a_made_up_to_tag_gets_no_further() {
    let mut d = Deployment::new(66);
    let mut bob = Phone::connect(&mut d, "bob", FE1);
    bob.register(&mut d, "");
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "");
    let mut dialog = made_up(&bob.contact);
    dialog.local = "<sip:carol@contoso.com>;tag=1".into();
    for method in ["MESSAGE", "INVITE", "BYE", "ACK"] {
        alice.in_dialog(&mut d, method, &dialog);
        d.world.run_for(Duration::from_secs(1));
        let refused = alice.has_no(&mut d, |m| (200..300).contains(&m.status()));
        assert!(refused, "{method}");
        assert!(bob.has_no(&mut d, |m| m.is_request()), "{method}");
    }
}

fn made_up(target: &str) -> DialogState {
    DialogState {
        call_id: "made-up".into(),
        local: "<sip:alice@contoso.com>;tag=1".into(),
        remote: "<sip:bob@contoso.com>;tag=2".into(),
        remote_target: target.into(),
        routes: vec![],
        cseq: 1,
    }
}

/// RFC 3261 13.2.2.4 puts the credentials of an INVITE into its ACK; whoever saw them could use them for as long as the
/// nonce lives.
#[test]
fn credentials_never_reach_the_other_end() {
    let lines = "Proxy-Authorization: Digest username=\"alice\", realm=\"contoso.com\"\n\
                 Authorization: Digest username=\"alice\", realm=\"contoso.com\"\n";
    for (seed, (caller_at, callee_at)) in (70..).zip([
        (FE1, FE1),
        (FE1, EDGE_OUTSIDE),
        (EDGE_OUTSIDE, FE1),
        (EDGE_OUTSIDE, EDGE_OUTSIDE),
        (DIR1, DIR1),
    ]) {
        let mut d = Deployment::with(seed, InternalSignIn::Proxy);
        let mut alice = Phone::connect(&mut d, "alice", caller_at);
        alice.register(&mut d, "");
        let mut bob = Phone::connect(&mut d, "bob", callee_at);
        bob.register(&mut d, "");
        if caller_at == EDGE_OUTSIDE {
            alice.request_with_credentials(&mut d, "INVITE", "bob");
        } else {
            alice.request(&mut d, "INVITE", "bob", "");
        }
        let invite = bob.wait_request(&mut d, Method::Invite);
        bob.answer(&mut d, &invite, 200);
        let accepted = alice.wait_final(&mut d, Method::Invite);
        let dialog = DialogState::of_caller(&accepted);
        for method in [Method::Ack, Method::Info] {
            alice.in_dialog_with(&mut d, method.as_str(), &dialog, lines);
            let seen = bob.wait_request(&mut d, method);
            for name in [Name::ProxyAuthorization, Name::Authorization] {
                assert!(seen.get(name).is_none(), "{caller_at} -> {callee_at}");
            }
        }
    }
}

#[test]
fn a_user_who_is_disabled_sends_nothing_more_on_their_flow() {
    let mut d = Deployment::new(67);
    let mut bob = Phone::connect(&mut d, "bob", FE1);
    bob.register(&mut d, "");
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "");
    let mut user = crate::deployment::user("alice", "fepool01.contoso.net");
    user.enabled = false;
    d.users.apply(Revision(9), Change::Put(user));
    alice.request(&mut d, "MESSAGE", "bob", "");
    assert_eq!(alice.wait_final(&mut d, Method::Message).status(), 407);
    alice.in_dialog(&mut d, "BYE", &made_up(&bob.contact));
    assert_eq!(alice.wait_final(&mut d, Method::Bye).status(), 407);
    assert!(bob.has_no(&mut d, |m| m.is_request()));
}

#[test]
fn a_path_that_a_client_brings_leads_nowhere() {
    for at in [FE1, DIR1, EDGE_OUTSIDE] {
        let mut d = Deployment::with(68, InternalSignIn::Proxy);
        let mut bob = Phone::connect(&mut d, "bob", at);
        let own = "Path: <sip:dir01.contoso.net:5061;lr>,\n <sip:fe02.contoso.net;lr>\nPath: <sip:x.example;lr>\n";
        assert_eq!(bob.register(&mut d, own).status(), 200);
        let mut alice = Phone::connect(&mut d, "alice", FE1);
        alice.register(&mut d, "");
        alice.request(&mut d, "MESSAGE", "bob", "");
        let message = bob.wait_request(&mut d, Method::Message);
        bob.answer(&mut d, &message, 200);
        assert_eq!(alice.wait_final(&mut d, Method::Message).status(), 200);
    }
}

/// A recorded route proves that its bearer is one of the two ends, and as which of them they may speak.
#[test]
fn within_a_dialog_nobody_speaks_as_somebody_else() {
    for (seed, callee_at) in (90..).zip([FE1, EDGE_OUTSIDE]) {
        let mut d = Deployment::new(seed);
        let mut alice = Phone::connect(&mut d, "alice", FE1);
        alice.register(&mut d, "");
        let mut bob = Phone::connect(&mut d, "bob", callee_at);
        bob.register(&mut d, "");
        alice.request(&mut d, "INVITE", "bob", "");
        let invite = bob.wait_request(&mut d, Method::Invite);
        bob.answer(&mut d, &invite, 200);
        let accepted = alice.wait_final(&mut d, Method::Invite);
        let mut of_alice = DialogState::of_caller(&accepted);
        let mut of_bob = DialogState::of_callee(&invite, "tbob");
        alice.in_dialog(&mut d, "ACK", &of_alice);
        bob.wait_request(&mut d, Method::Ack);
        of_alice.local = of_alice.local.replace("alice", "carol");
        of_bob.local = of_bob.local.replace("bob@", "carol@");
        alice.in_dialog(&mut d, "MESSAGE", &of_alice);
        bob.in_dialog(&mut d, "MESSAGE", &of_bob);
        for phone in [&mut alice, &mut bob] {
            let refused = phone.wait_final(&mut d, Method::Message).status();
            assert!([403, 407].contains(&refused), "{callee_at}: {refused}");
            assert!(phone.has_no(&mut d, |m| m.is_request()));
        }
    }
}

#[test]
fn what_a_client_would_like_to_be_called_reaches_nobody() {
    let mut d = Deployment::new(75);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "");
    let mut bob = Phone::connect(&mut d, "bob", FE1);
    bob.register(&mut d, "");
    alice.request(
        &mut d,
        "MESSAGE",
        "bob",
        "P-Preferred-Identity: <sip:carol@contoso.com>\n",
    );
    let message = bob.wait_request(&mut d, Method::Message);
    assert!(message.get(Name::PPreferredIdentity).is_none());
    assert_eq!(
        message.text(Name::PAssertedIdentity),
        Some("<sip:alice@contoso.com>")
    );
}
