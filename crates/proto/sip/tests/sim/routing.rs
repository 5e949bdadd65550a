//! Route sets, loops and what every proxy checks first (RFC 3261 16.3, 16.4, 16.6; RFC 5393).

use crate::workers::{Asked, Workers};
use base::net::FlowId;
use sip::msg::{Message, Method, Name};

const ALICE_TO_BOB: Asked<'static> = Asked {
    method: "INVITE",
    uri: "sip:bob@contoso.com",
    from: "<sip:alice@contoso.com>;tag=a",
    to: "<sip:bob@contoso.com>",
    branch: "one",
};

fn front_end() -> (Workers, FlowId, FlowId) {
    let mut w = Workers::of("fe01.contoso.net", 1);
    let alice = w.client(0, 1);
    let bob = w.client(0, 2);
    w.sign_in(alice, "alice");
    w.sign_in(bob, "bob");
    (w, alice, bob)
}

fn last(w: &mut Workers, flow: FlowId) -> Message {
    let mut last = w.next(flow);
    while !w.has_nothing(flow) {
        last = w.next(flow);
    }
    last
}

/// What alice's phone would send to us inside the dialog: the entries of our Record-Route.
fn recorded(w: &mut Workers, alice: FlowId, bob: FlowId) -> Vec<String> {
    w.ask(alice, &ALICE_TO_BOB, "");
    let invite = w.next(bob);
    let entries = invite.elements(Name::RecordRoute);
    let mut routes: Vec<String> = entries.map(|e| e.text().unwrap().to_owned()).collect();
    w.answer(bob, &invite, 200, "");
    assert_eq!(last(w, alice).status(), 200);
    routes.reverse();
    routes
}

const BYE: Asked<'static> = Asked {
    method: "BYE",
    uri: "sip:x@192.168.0.2",
    from: "<sip:alice@contoso.com>;tag=a",
    to: "<sip:bob@contoso.com>;tag=there",
    branch: "one",
};

/// RFC 3261 16.4: before us a strict router has put our entry into the Request-URI.
#[test]
fn a_request_through_a_strict_router_arrives_as_any_other() {
    let (mut w, alice, bob) = front_end();
    let routes = recorded(&mut w, alice, bob);
    let strict = Asked {
        uri: routes[0].trim_matches(['<', '>']),
        ..BYE
    };
    let rest: String = routes[1..]
        .iter()
        .map(|r| format!("Route: {r}\n"))
        .collect();
    w.ask(
        alice,
        &strict,
        &format!("{rest}Route: <sip:x@192.168.0.2>\n"),
    );
    let bye = w.next(bob);
    assert_eq!(
        (bye.method(), bye.uri()),
        (Method::Bye, "sip:x@192.168.0.2")
    );
    assert!(bye.get(Name::Route).is_none());
}

/// RFC 3261 16.6 step 6: what a phone registered behind is a strict router.
#[test]
fn a_strict_router_behind_us_finds_itself_in_the_request_uri() {
    let mut w = Workers::of("fe01.contoso.net", 1);
    let director = w.server(0, 1, "dir01.contoso.net");
    let register = Asked {
        method: "REGISTER",
        uri: "sip:contoso.com",
        from: "<sip:bob@contoso.com>;tag=r",
        to: "<sip:bob@contoso.com>",
        branch: "register",
    };
    let lines = "Path: <sip:dir01.contoso.net>, <sip:far@192.0.2.9;lr>\n\
                 P-Asserted-Identity: <sip:bob@contoso.com>\n";
    w.ask(director, &register, lines);
    assert_eq!(w.next(director).status(), 200);
    let identity = "P-Asserted-Identity: <sip:alice@contoso.com>\n";
    w.ask(director, &ALICE_TO_BOB, identity);
    assert_eq!(w.next(director).status(), 100);
    let invite = w.next(director);
    assert_eq!(invite.uri(), "sip:dir01.contoso.net");
    let routes: Vec<_> = invite
        .elements(Name::Route)
        .map(|r| r.text().unwrap().to_owned())
        .collect();
    assert_eq!(routes, ["<sip:far@192.0.2.9;lr>", "<sip:x@192.168.0.2>"]);
}

/// RFC 5393 4.2: the same Request-URI again is a loop, another is a spiral.
#[test]
fn what_comes_back_unchanged_is_a_loop_and_changed_a_spiral() {
    for (uri, expected) in [
        ("sip:bob@contoso.com", Some(482)),
        ("sip:alice@contoso.com", None),
    ] {
        let (mut w, alice, bob) = front_end();
        w.ask(alice, &ALICE_TO_BOB, "");
        let invite = w.next(bob);
        let via = invite.elements(Name::Via).next().unwrap();
        let again = Asked {
            uri,
            from: "<sip:bob@contoso.com>;tag=b",
            branch: "two",
            ..ALICE_TO_BOB
        };
        w.ask(bob, &again, &format!("Via: {}\n", via.text().unwrap()));
        match expected {
            Some(status) => assert_eq!(last(&mut w, bob).status(), status),
            None => assert_eq!(w.next(bob).status(), 100),
        }
    }
}

#[test]
fn with_no_hops_left_a_request_for_us_is_answered_and_another_refused() {
    let (mut w, alice, bob) = front_end();
    for (branch, method, uri, expected) in [
        ("a", "OPTIONS", "sip:fe01.contoso.net", 200),
        ("b", "OPTIONS", "sip:bob@contoso.com", 483),
        ("c", "MESSAGE", "sip:bob@contoso.com", 483),
        ("d", "INVITE", "sip:bob@contoso.com", 483),
    ] {
        let request = Asked {
            method,
            uri,
            branch,
            ..ALICE_TO_BOB
        };
        w.ask(alice, &request, "Max-Forwards: 0\n");
        assert_eq!(last(&mut w, alice).status(), expected, "{method} {uri}");
    }
    assert!(w.has_nothing(bob));
    let again = w.client(0, 9);
    w.sign_in_with(again, "bob", "Max-Forwards: 0\n");
}

/// RFC 3261 16.3 step 5, 8.2.2.3.
#[test]
fn every_option_that_is_not_known_is_named_and_an_ack_is_never_answered() {
    let (mut w, alice, bob) = front_end();
    let lines = "Proxy-Require: privacy-of-ours, second\n";
    w.ask(alice, &ALICE_TO_BOB, lines);
    let refused = w.next(alice);
    assert_eq!(refused.status(), 420);
    let named = refused.elements(Name::Unsupported).map(|tag| tag.value);
    assert!(named.eq([&b"privacy-of-ours"[..], b"second"]));
    let ack = Asked {
        method: "ACK",
        ..ALICE_TO_BOB
    };
    w.ask(alice, &ack, lines);
    assert!(w.has_nothing(alice) && w.has_nothing(bob));
}
