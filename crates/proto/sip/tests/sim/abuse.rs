//! Strangers who guess, scan, flood, replay or dawdle; and those beside them who do not.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1};
use crate::phone::Phone;
use sip::msg::{Method, Name};
use std::time::Duration;

const BAD: &str = "198.51.100.66";

fn guess(d: &mut Deployment, phone: &mut Phone) -> u16 {
    phone.password = "wrong";
    phone.register(d, "").status()
}

/// Inside the Director counts; through an Edge the Edge does, in the answers that it passes back.
#[test]
fn whoever_guesses_a_password_is_slowed_and_the_user_signs_in_elsewhere() {
    for (seed, at) in (120..).zip([DIR1, FE1, EDGE_OUTSIDE]) {
        let mut d = Deployment::new(seed);
        let mut mallory = Phone::connect_from(&mut d, "alice", at, BAD);
        let answers: Vec<u16> = (0..14).map(|_| guess(&mut d, &mut mallory)).collect();
        // What fades meanwhile may allow one more.
        assert_eq!(answers[..10], [403; 10], "{at}");
        assert_eq!(answers[11..], [503; 3], "{at}");
        let mut alice = Phone::connect(&mut d, "alice", at);
        let status = alice.register(&mut d, "").status();
        assert!([200, 301].contains(&status), "{at}: {status}");
        d.world.run_for(Duration::from_secs(600));
        let mut late = Phone::connect_from(&mut d, "alice", at, BAD);
        assert_eq!(guess(&mut d, &mut late), 403, "{at}: it fades");
    }
}

/// The answers to a known and to an unknown user are the same but for what is random, before and after the limit.
#[test]
fn known_and_unknown_users_look_alike() {
    let shape = |user: &'static str| -> Vec<(u16, Vec<String>)> {
        let mut d = Deployment::new(124);
        let mut phone = Phone::connect_from(&mut d, user, DIR1, BAD);
        phone.password = "wrong";
        let mut answers = Vec::new();
        for _ in 0..14 {
            let answer = phone.register(&mut d, "");
            let text = String::from_utf8_lossy(answer.bytes()).into_owned();
            let names = text
                .lines()
                .filter_map(|line| Some(line.split_once(':')?.0.to_owned()));
            answers.push((answer.status(), names.collect()));
        }
        answers
    };
    assert_eq!(shape("alice"), shape("nobody"));
}

#[test]
fn a_scanner_gets_no_answer_and_a_phone_with_the_same_request_does() {
    for at in [DIR1, FE1, EDGE_OUTSIDE] {
        let mut d = Deployment::new(126);
        for agent in ["friendly-scanner", "VaxSIPUserAgent/3.1", "sipcli/v1.8"] {
            let mut scanner = Phone::connect_from(&mut d, "alice", at, BAD);
            scanner.agent = agent;
            scanner.send_register(&mut d, "");
            d.world.run_for(Duration::from_secs(2));
            assert!(scanner.has_no(&mut d, |_| true), "{agent} at {at}");
            assert!(!d.world.is_open(scanner.flow), "{agent} at {at}");
        }
        let mut alice = Phone::connect(&mut d, "alice", at);
        alice.send_register(&mut d, "");
        assert_eq!(alice.wait_final(&mut d, Method::Register).status(), 401);
    }
}

/// Whoever reads credentials on their way cannot use them again: not the same request, not with another one.
#[test]
fn credentials_are_good_once() {
    for (seed, at) in (130..).zip([DIR1, FE1, EDGE_OUTSIDE]) {
        let mut d = Deployment::new(seed);
        let mut alice = Phone::connect(&mut d, "alice", at);
        alice.send_register(&mut d, "");
        let challenge = alice.wait_final(&mut d, Method::Register);
        let name = Name::WwwAuthenticate;
        let credentials = alice.credentials(&challenge, name, "REGISTER", "sip:contoso.com");
        let line = format!("Authorization: {credentials}\n");
        alice.send_register(&mut d, &line);
        let status = alice.wait_final(&mut d, Method::Register).status();
        assert!([200, 301].contains(&status), "{at}: {status}");
        // Through the Edge a second Director may take it once.
        let mut refused = None;
        for _ in 0..8 {
            let mut mallory = Phone::connect_from(&mut d, "alice", at, BAD);
            mallory.send_register(&mut d, &line);
            let answer = mallory.wait_final(&mut d, Method::Register);
            refused = Some(answer).filter(|answer| answer.status() == 401);
        }
        let refused = refused.unwrap_or_else(|| panic!("{at}: replayed"));
        let text = refused.text(Name::WwwAuthenticate).unwrap();
        assert!(text.contains("stale=true"), "{at}: {text}");
    }
}

#[test]
fn credentials_for_one_user_do_not_reach_another() {
    let mut d = Deployment::new(134);
    let mut bob = Phone::connect(&mut d, "bob", FE1);
    bob.register(&mut d, "");
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.request(&mut d, "MESSAGE", "bob", "");
    let challenge = alice.wait_final(&mut d, Method::Message);
    let name = Name::ProxyAuthenticate;
    let credentials = alice.credentials(&challenge, name, "MESSAGE", "sip:carol@contoso.com");
    let line = format!("Proxy-Authorization: {credentials}\n");
    alice.request(&mut d, "MESSAGE", "bob", &line);
    assert_eq!(alice.wait_final(&mut d, Method::Message).status(), 403);
    assert!(bob.has_no(&mut d, |m| m.is_request()));
}

#[test]
fn a_message_that_trickles_in_ends_the_connection_and_a_slow_line_does_not() {
    let mut d = Deployment::new(136);
    let trickle = Phone::connect_from(&mut d, "alice", EDGE_OUTSIDE, BAD);
    let mut slow = Phone::connect(&mut d, "bob", EDGE_OUTSIDE);
    let silent = Phone::connect_from(&mut d, "carol", EDGE_OUTSIDE, BAD);
    d.world.write(slow.flow, &b"\r\n"[..]);
    slow.send(&mut d, "OPTIONS sip:contoso.com SIP/2.0\n");
    for second in 0..30 {
        trickle.send(&mut d, "X");
        d.world.run_for(Duration::from_secs(1));
        if second == 15 {
            slow.send(&mut d, "Via: SIP/2.0/TLS 192.0.2.7;branch=z9hG4bKslow\nMax-Forwards: 0\n\
                               From: <sip:bob@contoso.com>;tag=1\nTo: <sip:contoso.com>\nCall-ID: slow\n\
                               CSeq: 1 OPTIONS\nContent-Length: 0\n\n");
        }
    }
    assert!(!d.world.is_open(trickle.flow));
    slow.wait_final(&mut d, Method::Options);
    assert!(d.world.is_open(silent.flow));
    d.world.run_for(Duration::from_secs(40));
    assert!(
        !d.world.is_open(silent.flow),
        "it said nothing for a minute"
    );
    assert!(d.world.is_open(slow.flow), "it has spoken");
}

/// What a flood costs the others: nothing. A phone registers and sends while another address sends all it can.
#[test]
fn a_flood_from_one_address_leaves_the_others_alone() {
    let mut d = Deployment::new(138);
    let flood = Phone::connect_from(&mut d, "mallory", EDGE_OUTSIDE, BAD);
    let one = |n: u32| {
        format!(
            "MESSAGE sip:nobody@contoso.com SIP/2.0\nVia: SIP/2.0/TLS a;branch=z9hG4bKf{n}\n\
             Max-Forwards: 70\nFrom: <sip:m@contoso.com>;tag=1\nTo: <sip:nobody@contoso.com>\n\
             Call-ID: f{n}\nCSeq: 1 MESSAGE\nContent-Length: 0\n\n"
        )
    };
    for round in 0..4 {
        let mut alice = Phone::connect(&mut d, "alice", EDGE_OUTSIDE);
        for part in 0..8 {
            let first = 800 * round + 100 * part;
            let many: String = (first..first + 100).map(one).collect();
            flood.send(&mut d, &many);
        }
        assert_eq!(
            alice.register(&mut d, "Expires: 60\n").status(),
            200,
            "{round}"
        );
        d.world.run_for(Duration::from_secs(61));
    }
    let edge = d.edge;
    let ended = &d.world.host(edge).unwrap().node.stats().ended;
    assert!(
        ended.get("slowed").is_some_and(|slowed| *slowed > 0),
        "{ended:?}"
    );
}
