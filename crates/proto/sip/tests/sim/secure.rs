//! `sips` (RFC 5630), and both sides of a Front End between TLS and what is not (RFC 5658).

use crate::workers::{Asked, Workers};
use base::net::FlowId;
use sip::msg::{Message, Method, Name};

const ALICE: &str = "<sip:alice@contoso.com>;tag=a";
const SIPS_BOB: &str = "sips:bob@contoso.com";
const CONTACT: &str = "Contact: <sips:x@192.168.0.2>\n";

fn front_end() -> Workers {
    Workers::of("fe01.contoso.net", 1)
}

fn last(w: &mut Workers, flow: FlowId) -> Message {
    let mut last = w.next(flow);
    while !w.has_nothing(flow) {
        last = w.next(flow);
    }
    last
}

fn asks(w: &mut Workers, flow: FlowId, method: &str, uri: &str, branch: &str) {
    let asked = Asked {
        method,
        uri,
        from: ALICE,
        to: "<sip:bob@contoso.com>",
        branch,
    };
    w.ask(flow, &asked, "");
}

/// Bob registers; returns the answer.
fn registers(w: &mut Workers, flow: FlowId, scheme: &str, lines: &str) -> Message {
    let ticketed = w.ticketed("bob");
    let register = Asked {
        method: "REGISTER",
        uri: &ticketed.replacen("sip", scheme, 1),
        from: "<sip:bob@contoso.com>;tag=1",
        to: "<sip:bob@contoso.com>",
        branch: &format!("register-{flow:?}-{scheme}"),
    };
    w.ask(flow, &register, lines);
    w.next(flow)
}

fn warning(message: &Message) -> &str {
    message.text(Name::Warning).unwrap_or_default()
}

#[test]
fn sips_reaches_what_was_registered_as_sips_and_nothing_else() {
    let mut w = front_end();
    let (alice, bob, old) = (w.client(0, 1), w.client(0, 2), w.datagrams(0, 3));
    w.sign_in(alice, "alice");
    assert_eq!(
        registers(&mut w, old, "sip", "Contact: <sip:old@192.168.0.3>\n").status(),
        200
    );
    asks(&mut w, alice, "MESSAGE", SIPS_BOB, "none");
    let refused = last(&mut w, alice);
    assert_eq!(refused.status(), 480);
    assert!(
        warning(&refused).starts_with("380 "),
        "{}",
        warning(&refused)
    );

    assert_eq!(registers(&mut w, bob, "sips", CONTACT).status(), 200);
    asks(&mut w, alice, "INVITE", SIPS_BOB, "one");
    let invite = w.next(bob);
    assert_eq!(invite.uri(), "sips:x@192.168.0.2");
    let recorded: Vec<_> = invite
        .elements(Name::RecordRoute)
        .filter_map(|r| r.text())
        .collect();
    assert!(!recorded.is_empty());
    assert!(
        recorded.iter().all(|entry| entry.starts_with("<sips:")),
        "{recorded:?}"
    );
    assert!(w.has_nothing(old), "a phone without TLS was asked");
}

/// RFC 5630 5.3: the scheme of the Request-URI stays, and what was registered over TLS is still reached over it.
#[test]
fn sip_reaches_a_sips_contact_as_sip() {
    let mut w = front_end();
    let (alice, bob) = (w.datagrams(0, 1), w.client(0, 2));
    w.sign_in(alice, "alice");
    assert_eq!(registers(&mut w, bob, "sips", CONTACT).status(), 200);
    asks(&mut w, alice, "MESSAGE", "sip:bob@contoso.com", "one");
    assert_eq!(w.next(bob).uri(), "sip:x@192.168.0.2");
}

#[test]
fn nothing_asks_for_sips_without_tls() {
    let mut w = front_end();
    let bob = w.client(0, 9);
    assert_eq!(registers(&mut w, bob, "sips", CONTACT).status(), 200);
    let (udp, tcp) = (w.datagrams(0, 1), w.in_the_clear(0, 2));
    for flow in [udp, tcp] {
        w.sign_in(flow, "alice");
        asks(&mut w, flow, "MESSAGE", SIPS_BOB, &format!("{flow:?}"));
        let refused = last(&mut w, flow);
        assert_eq!(refused.status(), 480);
        assert!(
            warning(&refused).starts_with("380 "),
            "{}",
            warning(&refused)
        );
        assert_eq!(registers(&mut w, flow, "sips", CONTACT).status(), 480);
    }
    assert!(w.has_nothing(bob));
}

/// RFC 5630 5.2: the Request-URI and the Path are `sips` when the Contact is.
#[test]
fn a_sips_contact_is_taken_from_a_register_that_is_sips_throughout() {
    let mut w = front_end();
    let (tls, udp) = (w.client(0, 1), w.datagrams(0, 2));
    for flow in [tls, udp] {
        assert_eq!(
            registers(&mut w, flow, "sip", CONTACT).status(),
            400,
            "{flow:?}"
        );
    }
    let director = w.server(0, 3, "dir01.contoso.net");
    for (scheme, status) in [("sip", 400), ("sips", 200)] {
        let path = format!(
            "{CONTACT}P-Asserted-Identity: <sip:bob@contoso.com>\n\
             Path: <{scheme}:token@dir01.contoso.net:5061;transport=tls;lr;ob>\n"
        );
        let asked = Asked {
            method: "REGISTER",
            uri: "sips:contoso.com",
            from: "<sip:bob@contoso.com>;tag=1",
            to: "<sip:bob@contoso.com>",
            branch: scheme,
        };
        w.ask(director, &asked, &path);
        assert_eq!(w.next(director).status(), status, "{scheme}");
    }
}

#[test]
fn the_addresses_of_a_sips_phone_are_sips() {
    let mut w = front_end();
    let bob = w.client(0, 1);
    let lines = "Contact: <sips:x@192.168.0.2>;+sip.instance=\"<urn:uuid:1>\"\nSupported: gruu\n";
    let answer = registers(&mut w, bob, "sips", lines);
    let contact = answer.elements(Name::Contact).next().unwrap();
    let text = contact.text().unwrap();
    assert!(
        text.contains("pub-gruu=\"sips:bob@contoso.com;gr="),
        "{text}"
    );
    assert!(text.contains("temp-gruu=\"sips:"), "{text}");
}

/// The route set of one end: the entries that it was shown, nearest first.
fn routes(message: &Message, is_caller: bool) -> Vec<String> {
    let entries = message.elements(Name::RecordRoute);
    let mut all: Vec<String> = entries.map(|e| e.text().unwrap().to_owned()).collect();
    if is_caller {
        all.reverse();
    }
    all
}

/// RFC 3261 16.6 step 4, RFC 5658: each side has an entry by which it reaches us, and both lead to the other side.
#[test]
fn between_tls_and_what_is_not_two_entries_are_recorded_and_followed_both_ways() {
    let mut serial = 0;
    for caller_word in ["udp", "tcp", "tls"] {
        for callee_word in ["udp", "tcp", "tls"] {
            if caller_word == callee_word {
                continue;
            }
            let mut w = front_end();
            let mut place = |w: &mut Workers, word: &str| {
                serial += 1;
                match word {
                    "udp" => w.datagrams(0, serial),
                    "tcp" => w.in_the_clear(0, serial),
                    _ => w.client(0, serial),
                }
            };
            let (alice, bob) = (place(&mut w, caller_word), place(&mut w, callee_word));
            w.sign_in(alice, "alice");
            w.sign_in(bob, "bob");
            asks(&mut w, alice, "INVITE", "sip:bob@contoso.com", "one");
            let invite = w.next(bob);
            w.answer(bob, &invite, 200, "");
            let ok = last(&mut w, alice);
            assert_eq!(ok.status(), 200);
            let (near, far) = (routes(&invite, true), routes(&invite, false));
            let over = |entry: &str, word: &str| entry.contains(&format!(";transport={word};"));
            let what = format!("{caller_word} to {callee_word}: {near:?}");
            assert_eq!(near.len(), 2, "{what}");
            assert_eq!(far.len(), 2, "{what}");
            assert!(
                over(&near[0], caller_word) && over(&far[0], callee_word),
                "{what}"
            );

            let ends = [ALICE, "<sip:bob@contoso.com>;tag=there"];
            for (flow, other, set, [from, to]) in [
                (alice, bob, near, ends),
                (bob, alice, far, [ends[1], ends[0]]),
            ] {
                let info = format!(
                    "INFO sip:x@192.168.0.2 SIP/2.0\nVia: SIP/2.0/TLS 192.168.0.2;branch=z9hG4bKin{flow:?}\n\
                     Route: {}\nMax-Forwards: 70\nFrom: {from}\nTo: {to}\nCall-ID: one\nCSeq: 2 INFO\n\
                     Content-Length: 0\n\n",
                    set.join(", "),
                );
                w.say(flow, &info);
                let came = last(&mut w, other);
                assert_eq!(came.method(), Method::Info, "{what}");
                assert!(came.get(Name::Route).is_none(), "{what}");
            }
        }
    }
}
