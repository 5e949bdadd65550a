//! Flows that phones keep (RFC 5626), addresses of one phone (RFC 5627), and what the 200 to a REGISTER tells.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1};
use crate::phone::{Phone, Sent};
use base::UnixMillis;
use directory::{Change, Revision};
use sip::msg::{Message, Method, Name};
use std::time::Duration;

const KNOWS: &str = "Supported: path, outbound, gruu\n";

fn phone(d: &mut Deployment, user: &'static str, to: &str, instance: u32, flow: u32) -> Phone {
    let mut phone = Phone::connect(d, user, to);
    phone.params = format!(";+sip.instance=\"<urn:uuid:{instance}>\";reg-id={flow}");
    phone
}

fn signed_in(d: &mut Deployment, user: &'static str, to: &str, instance: u32, flow: u32) -> Phone {
    let mut phone = phone(d, user, to, instance, flow);
    assert_eq!(phone.register(d, KNOWS).status(), 200);
    phone
}

/// The parameter of the Contact with this instance.
fn gruu(answer: &Message, instance: u32, kind: &str) -> String {
    let of_it = |text: &&str| text.contains(&format!("urn:uuid:{instance}>"));
    let contacts = || answer.elements(Name::Contact);
    let contact = contacts().find(|one| one.text().filter(of_it).is_some());
    let address = contact.unwrap().address().unwrap();
    address.param(kind).unwrap().trim_matches('"').to_owned()
}

fn send(d: &mut Deployment, from: &mut Phone, method: &str, uri: &str) -> Sent {
    let branch = from.fresh_branch();
    let sent = Sent {
        call_id: format!("to-gruu-{branch}"),
        branch,
        cseq: 1,
        uri: uri.to_owned(),
        from: format!("<{}>;tag=g", from.aor()),
        has_credentials: false,
    };
    from.resend(d, method, &sent, "");
    sent
}

#[test]
fn both_addresses_of_a_phone_reach_it_and_no_other() {
    let mut d = Deployment::new(1);
    let mut desk = phone(&mut d, "alice", FE1, 1, 1);
    let mut soft = signed_in(&mut d, "alice", EDGE_OUTSIDE, 2, 1);
    let answer = desk.register(&mut d, KNOWS);
    let mut bob = signed_in(&mut d, "bob", FE1, 3, 1);
    let public = gruu(&answer, 1, "pub-gruu");
    assert_eq!(public, "sip:alice@contoso.com;gr=urn:uuid:1");
    let temporary = gruu(&answer, 1, "temp-gruu");
    assert!(!temporary.contains("alice"), "{temporary}");
    for uri in [public, temporary] {
        send(&mut d, &mut bob, "MESSAGE", &uri);
        let came = desk.wait_request(&mut d, Method::Message);
        assert_eq!(came.uri(), desk.contact);
        desk.answer(&mut d, &came, 200);
        assert_eq!(bob.wait_final(&mut d, Method::Message).status(), 200);
        assert!(soft.has_no(&mut d, Message::is_request), "{uri}");
    }
}

#[test]
fn a_directors_user_reaches_a_temporary_address_and_it_ends_with_its_call() {
    let mut d = Deployment::new(2);
    let mut alice = phone(&mut d, "alice", EDGE_OUTSIDE, 1, 1);
    let answer = alice.register(&mut d, KNOWS);
    let (public, temporary) = (gruu(&answer, 1, "pub-gruu"), gruu(&answer, 1, "temp-gruu"));
    let again = alice.register(&mut d, KNOWS);
    let newer = gruu(&again, 1, "temp-gruu");
    assert_ne!(temporary, newer);
    let mut bob = Phone::connect(&mut d, "bob", DIR1);
    bob.agent = "old phone";
    assert_eq!(bob.register(&mut d, "").status(), 200);
    for uri in [&public, &temporary, &newer] {
        send(&mut d, &mut bob, "MESSAGE", uri);
        let came = alice.wait_request(&mut d, Method::Message);
        alice.answer(&mut d, &came, 200);
        assert_eq!(bob.wait_final(&mut d, Method::Message).status(), 200);
    }
    // The same phone with another Call-ID.
    let mut alice = signed_in(&mut d, "alice", EDGE_OUTSIDE, 1, 1);
    for uri in [&temporary, &newer] {
        send(&mut d, &mut bob, "MESSAGE", uri);
        assert_eq!(bob.wait_final(&mut d, Method::Message).status(), 404);
    }
    send(&mut d, &mut bob, "MESSAGE", &public);
    let came = alice.wait_request(&mut d, Method::Message);
    alice.answer(&mut d, &came, 200);
    assert_eq!(bob.wait_final(&mut d, Method::Message).status(), 200);
    send(
        &mut d,
        &mut bob,
        "MESSAGE",
        "sip:alice@contoso.com;gr=urn:uuid:9",
    );
    assert_eq!(bob.wait_final(&mut d, Method::Message).status(), 480);
}

#[test]
fn a_phone_with_two_flows_rings_once_and_the_other_flow_stands_in() {
    let mut d = Deployment::new(3);
    let mut first = signed_in(&mut d, "alice", EDGE_OUTSIDE, 1, 1);
    d.world.run_for(Duration::from_secs(1));
    let mut second = signed_in(&mut d, "alice", EDGE_OUTSIDE, 1, 2);
    let mut bob = signed_in(&mut d, "bob", FE1, 3, 1);
    send(&mut d, &mut bob, "MESSAGE", "sip:alice@contoso.com");
    let came = second.wait_request(&mut d, Method::Message);
    second.answer(&mut d, &came, 200);
    assert_eq!(bob.wait_final(&mut d, Method::Message).status(), 200);
    assert!(first.has_no(&mut d, Message::is_request));
    d.world.close(second.flow);
    d.world.run_for(Duration::from_secs(1));
    send(&mut d, &mut bob, "MESSAGE", "sip:alice@contoso.com");
    let came = first.wait_request(&mut d, Method::Message);
    first.answer(&mut d, &came, 200);
    assert_eq!(bob.wait_final(&mut d, Method::Message).status(), 200);
}

#[test]
fn a_flow_that_breaks_its_promise_of_life_is_dead() {
    for door in [FE1, EDGE_OUTSIDE] {
        let mut d = Deployment::new(4);
        let mut alice = phone(&mut d, "alice", door, 1, 1);
        let answer = alice.register(&mut d, KNOWS);
        assert_eq!(answer.text(Name::Require), Some("outbound"));
        assert_eq!(answer.text(Name::FlowTimer), Some("120"));
        let mut bob = Phone::connect(&mut d, "bob", FE1);
        assert_eq!(bob.register(&mut d, "").status(), 200);
        for (ping, expected) in [(true, 200), (false, 480)] {
            for _ in 0..4 {
                d.world.run_for(Duration::from_secs(60));
                if ping {
                    alice.send(&mut d, "\n\n");
                }
            }
            send(&mut d, &mut bob, "MESSAGE", "sip:alice@contoso.com");
            if ping {
                let came = alice.wait_request(&mut d, Method::Message);
                alice.answer(&mut d, &came, 200);
            }
            let answer = bob.wait_final(&mut d, Method::Message);
            assert_eq!(answer.status(), expected, "{door}");
        }
    }
}

#[test]
fn the_answer_tells_path_route_and_time() {
    let mut d = Deployment::new(5);
    let mut alice = phone(&mut d, "alice", EDGE_OUTSIDE, 1, 1);
    let answer = alice.register(&mut d, KNOWS);
    let path = answer.text(Name::Path).unwrap();
    assert!(
        path.contains("@sip.contoso.com:443") && path.contains(";ob"),
        "{path}"
    );
    let route = answer.text(Name::ServiceRoute).unwrap().to_owned();
    assert_eq!(route, "<sip:sip.contoso.com:443;transport=tls;lr>");
    assert!(answer.text(Name::Date).unwrap().ends_with(" GMT"));
    // What takes the route goes where the rest goes.
    let mut bob = signed_in(&mut d, "bob", FE1, 3, 1);
    let sent = alice.request_with_credentials(&mut d, "MESSAGE", "bob");
    let came = bob.wait_request(&mut d, Method::Message);
    bob.answer(&mut d, &came, 200);
    assert_eq!(alice.wait_final(&mut d, Method::Message).status(), 200);
    let challenged = {
        alice.request(&mut d, "MESSAGE", "bob", &format!("Route: {route}\n"));
        alice.wait_final(&mut d, Method::Message)
    };
    assert_eq!(challenged.status(), 407);
    let proof = alice.credentials(&challenged, Name::ProxyAuthenticate, "MESSAGE", &sent.uri);
    let extra = format!("Route: {route}\nProxy-Authorization: {proof}\n");
    alice.request(&mut d, "MESSAGE", "bob", &extra);
    let came = bob.wait_request(&mut d, Method::Message);
    bob.answer(&mut d, &came, 200);
    assert_eq!(alice.wait_final(&mut d, Method::Message).status(), 200);
    // Straight at the registrar there is no way to tell of.
    let answer = bob.register(&mut d, KNOWS);
    assert_eq!(answer.text(Name::ServiceRoute), None);
}

#[test]
fn a_disabled_user_is_not_reached_and_nobody_registers_for_another() {
    let mut d = Deployment::new(6);
    let mut alice = signed_in(&mut d, "alice", FE1, 1, 1);
    let mut bob = signed_in(&mut d, "bob", FE1, 3, 1);
    let mut off = crate::deployment::user("alice", "fepool01.contoso.net");
    off.enabled = false;
    off.changed = UnixMillis(1);
    d.users.apply(Revision(99), Change::Put(off));
    send(&mut d, &mut bob, "MESSAGE", "sip:alice@contoso.com");
    assert_eq!(bob.wait_final(&mut d, Method::Message).status(), 480);
    assert!(alice.has_no(&mut d, Message::is_request));

    let text = "REGISTER sip:contoso.com SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.7;branch=z9hG4bKthird\n\
         Max-Forwards: 70\nFrom: <sip:alice@contoso.com>;tag=x\nTo: <sip:bob@contoso.com>\nCall-ID: third\n\
         CSeq: 1 REGISTER\nContact: <sip:a@192.0.2.7>\n";
    bob.send(&mut d, &format!("{text}Content-Length: 0\n\n"));
    let challenged = bob.wait_final(&mut d, Method::Register);
    let proof = bob.credentials(
        &challenged,
        Name::WwwAuthenticate,
        "REGISTER",
        "sip:contoso.com",
    );
    let text = text
        .replace("third", "third2")
        .replace("CSeq: 1", "CSeq: 2");
    bob.send(
        &mut d,
        &format!("{text}Authorization: {proof}\nContent-Length: 0\n\n"),
    );
    assert_eq!(bob.wait_final(&mut d, Method::Register).status(), 403);
}

#[test]
fn a_request_inside_a_dialog_to_a_phones_address_arrives_as_its_contact() {
    let mut d = Deployment::new(7);
    let mut alice = phone(&mut d, "alice", EDGE_OUTSIDE, 1, 1);
    let answer = alice.register(&mut d, KNOWS);
    let public = gruu(&answer, 1, "pub-gruu");
    let mut bob = signed_in(&mut d, "bob", FE1, 3, 1);
    let sent = bob.request(&mut d, "INVITE", "alice", "");
    let came = alice.wait_request(&mut d, Method::Invite);
    alice.answer(&mut d, &came, 200);
    let ok = bob.wait_final(&mut d, Method::Invite);
    let routes: Vec<String> = ok
        .elements(Name::RecordRoute)
        .filter_map(|one| one.text().map(str::to_owned))
        .collect();
    let routes: Vec<String> = routes.into_iter().rev().collect();
    let to = ok.text(Name::To).unwrap();
    for (route, cseq) in [
        (format!("Route: {}\n", routes.join(", ")), 90),
        (String::new(), 91),
    ] {
        let branch = bob.fresh_branch();
        let text = format!(
            "BYE {public} SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.7;branch={branch};rport\nMax-Forwards: 70\n{route}\
             From: {}\nTo: {to}\nCall-ID: {}\nCSeq: {cseq} BYE\nContent-Length: 0\n\n",
            sent.from, sent.call_id,
        );
        bob.send(&mut d, &text);
        let bye = alice.wait_request(&mut d, Method::Bye);
        assert_eq!(bye.uri(), alice.contact, "{route}");
        alice.answer(&mut d, &bye, 200);
        assert_eq!(bob.wait_final(&mut d, Method::Bye).status(), 200);
    }
}
