//! Subscriptions, publications and notifications through the deployment.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1, FE2};
use crate::dialog::DialogState;
use crate::phone::Phone;
use crate::workers::Workers;
use sip::config::InternalSignIn;
use sip::msg::{Message, Method, Name};
use std::time::Duration;

pub(crate) fn signed_in(d: &mut Deployment, user: &'static str, at: &str) -> Phone {
    let mut phone = Phone::connect(d, user, at);
    assert_eq!(phone.register(d, "").status(), 200, "{user} at {at}");
    phone
}

/// Sends a request, answers a challenge, returns the final response.
pub(crate) fn ask(
    d: &mut Deployment,
    phone: &mut Phone,
    method: &str,
    to: &str,
    lines: &str,
) -> Message {
    let kind = Method::of(method.as_bytes());
    let sent = send(d, phone, method, to, lines);
    let first = phone.wait_final(d, kind);
    if first.status() != 407 {
        return first;
    }
    let proof = phone.credentials(&first, Name::ProxyAuthenticate, method, &sent);
    send(
        d,
        phone,
        method,
        to,
        &format!("Proxy-Authorization: {proof}\n{lines}"),
    );
    phone.wait_final(d, kind)
}

/// `lines` may end with an empty line and a body.
fn send(d: &mut Deployment, phone: &mut Phone, method: &str, to: &str, lines: &str) -> String {
    phone.cseq += 1;
    let (branch, aor, n) = (phone.fresh_branch(), phone.aor(), phone.cseq);
    let uri = format!("sip:{to}@contoso.com");
    let (lines, body) = lines
        .split_once("\n\n")
        .unwrap_or_else(|| (lines.trim_end(), ""));
    let lines = if lines.is_empty() {
        String::new()
    } else {
        format!("{lines}\n")
    };
    let text = format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.7;branch={branch};rport\nMax-Forwards: 70\n\
         From: <{aor}>;tag=f{n}\nTo: <{uri}>\nCall-ID: {branch}\nCSeq: {n} {method}\nContact: <{}>\n\
         {lines}Content-Length: {}\n\n{body}",
        phone.contact,
        body.len(),
    );
    phone.send(d, &text);
    uri
}

pub(crate) fn document(id: &str, basic: &str) -> String {
    format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:x@y'><tuple id='{id}'>\
         <status><basic>{basic}</basic></status></tuple></presence>"
    )
}

pub(crate) fn publication(basic: &str) -> String {
    format!(
        "Event: presence\nContent-Type: application/pidf+xml\n\n{}",
        document("t1", basic)
    )
}

pub(crate) fn subscribe(
    d: &mut Deployment,
    phone: &mut Phone,
    to: &str,
    event: &str,
) -> DialogState {
    let done = ask(
        d,
        phone,
        "SUBSCRIBE",
        to,
        &format!("Event: {event}\nExpires: 600\n"),
    );
    assert_eq!(
        (done.status(), done.text(Name::Expires)),
        (200, Some("600"))
    );
    DialogState::of_caller(&done)
}

pub(crate) fn notified(d: &mut Deployment, phone: &mut Phone) -> Message {
    let notify = phone.wait_request(d, Method::Notify);
    phone.answer(d, &notify, 200);
    notify
}

pub(crate) fn says(notify: &Message, text: &str) -> bool {
    std::str::from_utf8(notify.body()).unwrap().contains(text)
}

/// Where the watcher and the watched are.
const PLACES: [(&str, &str); 4] = [
    (FE1, FE1),
    (EDGE_OUTSIDE, FE1),
    (FE1, EDGE_OUTSIDE),
    (DIR1, EDGE_OUTSIDE),
];

#[test]
fn a_watcher_sees_every_change_wherever_both_are() {
    for (seed, (watcher_at, user_at)) in (0..).zip(PLACES) {
        let d = &mut Deployment::with(seed, InternalSignIn::Proxy);
        let mut alice = signed_in(d, "alice", watcher_at);
        let mut bob = signed_in(d, "bob", user_at);
        let dialog = subscribe(d, &mut alice, "bob", "presence");
        let first = notified(d, &mut alice);
        assert!(says(&first, "<basic>open</basic>"), "registered is open");
        let state = first.text(Name::SubscriptionState).unwrap();
        assert!(state.starts_with("active;expires="), "{state}");
        assert_eq!(first.uri(), alice.contact);

        let kept = ask(d, &mut bob, "PUBLISH", "bob", &publication("closed"));
        assert_eq!(kept.status(), 200);
        assert!(kept.text(Name::SipEtag).is_some());
        assert!(says(&notified(d, &mut alice), "<basic>closed</basic>"));

        alice.in_dialog_with(
            d,
            "SUBSCRIBE",
            &dialog,
            "Event: presence\nExpires: 300\nContact: <sip:new@192.0.2.7>\n",
        );
        let refreshed = alice.wait_final(d, Method::Subscribe);
        assert_eq!(
            (refreshed.status(), refreshed.text(Name::Expires)),
            (200, Some("300"))
        );
        let again = notified(d, &mut alice);
        assert_eq!(
            again.uri(),
            "sip:new@192.0.2.7",
            "the Contact is the target"
        );

        alice.in_dialog_with(
            d,
            "SUBSCRIBE",
            &dialog,
            "Event: presence\nExpires: 0\nContact: <sip:new@192.0.2.7>\n",
        );
        assert_eq!(alice.wait_final(d, Method::Subscribe).status(), 200);
        let last = notified(d, &mut alice);
        assert_eq!(
            last.text(Name::SubscriptionState),
            Some("terminated;reason=timeout")
        );
        alice.in_dialog_with(
            d,
            "SUBSCRIBE",
            &dialog,
            "Event: presence\nContact: <sip:new@192.0.2.7>\n",
        );
        assert_eq!(alice.wait_final(d, Method::Subscribe).status(), 481);
        assert_eq!(d.world.host(d.fe1).unwrap().node.stats().subscriptions, 0);
    }
}

#[test]
fn a_watcher_of_another_pool_is_served_by_the_home_of_the_watched() {
    let d = &mut Deployment::with(9, InternalSignIn::Proxy);
    let mut carol = signed_in(d, "carol", FE2);
    let mut bob = signed_in(d, "bob", FE1);
    subscribe(d, &mut carol, "bob", "presence");
    assert!(says(&notified(d, &mut carol), "open"));
    assert_eq!(d.world.host(d.fe1).unwrap().node.stats().subscriptions, 1);
    bob.register(d, "Expires: 0\n");
    assert!(says(&notified(d, &mut carol), "<basic>closed</basic>"));
}

#[test]
fn an_entity_tag_fits_once_and_ends_with_its_time() {
    let d = &mut Deployment::with(1, InternalSignIn::Proxy);
    let mut bob = signed_in(d, "bob", FE1);
    let tag = |response: &Message| response.text(Name::SipEtag).unwrap().to_owned();
    let first = tag(&ask(d, &mut bob, "PUBLISH", "bob", &publication("open")));
    let refresh = format!("Event: presence\nSIP-If-Match: {first}\nExpires: 60\n");
    let second = tag(&ask(d, &mut bob, "PUBLISH", "bob", &refresh));
    assert_ne!(first, second);
    assert_eq!(ask(d, &mut bob, "PUBLISH", "bob", &refresh).status(), 412);
    d.world.run_for(Duration::from_secs(61));
    let late = format!("Event: presence\nSIP-If-Match: {second}\n");
    assert_eq!(ask(d, &mut bob, "PUBLISH", "bob", &late).status(), 412);
    let third = tag(&ask(d, &mut bob, "PUBLISH", "bob", &publication("open")));
    let gone = format!("Event: presence\nSIP-If-Match: {third}\nExpires: 0\n");
    assert_eq!(ask(d, &mut bob, "PUBLISH", "bob", &gone).status(), 200);
    assert_eq!(d.world.host(d.fe1).unwrap().node.stats().publications, 0);
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_own_status() {
    let d = &mut Deployment::with(2, InternalSignIn::Proxy);
    let mut alice = signed_in(d, "alice", FE1);
    signed_in(d, "bob", FE1);
    let presence = "Event: presence\n";
    let cases = [
        ("PUBLISH", "bob", publication("open"), 403),
        ("PUBLISH", "alice", presence.to_owned(), 400),
        (
            "PUBLISH",
            "alice",
            publication("x").replace("presence>", "nothing>"),
            400,
        ),
        (
            "PUBLISH",
            "alice",
            publication("x").replace("pidf+xml", "text"),
            415,
        ),
        (
            "PUBLISH",
            "alice",
            publication("x").replace("Event: presence", "Event: dialog"),
            489,
        ),
        (
            "PUBLISH",
            "alice",
            format!("Expires: 5\n{}", publication("x")),
            423,
        ),
        ("SUBSCRIBE", "bob", String::new(), 489),
        ("SUBSCRIBE", "alice", "Event: nonsense\n".to_owned(), 489),
        ("SUBSCRIBE", "bob", format!("{presence}Expires: 5\n"), 423),
        (
            "SUBSCRIBE",
            "bob",
            format!("{presence}Accept: text/html\n"),
            406,
        ),
        (
            "SUBSCRIBE",
            "bob",
            format!("{presence}Require: nonsense\n"),
            420,
        ),
        (
            "SUBSCRIBE",
            "bob",
            "Event: presence.winfo\n".to_owned(),
            403,
        ),
        ("SUBSCRIBE", "bob", "Event: reg\n".to_owned(), 403),
        ("SUBSCRIBE", "nobody", presence.to_owned(), 404),
    ];
    for (method, to, lines, status) in cases {
        let refused = ask(d, &mut alice, method, to, &lines);
        assert_eq!(refused.status(), status, "{method} {to} {lines}");
        match status {
            489 => assert!(
                refused
                    .text(Name::AllowEvents)
                    .unwrap()
                    .contains("presence")
            ),
            423 => assert_eq!(refused.text(Name::MinExpires), Some("60")),
            406 | 415 => assert_eq!(refused.text(Name::Accept), Some("application/pidf+xml")),
            420 => assert_eq!(refused.text(Name::Unsupported), Some("nonsense")),
            _ => {}
        }
    }
}

#[test]
fn a_user_sees_who_watches_and_where_they_are_registered() {
    let d = &mut Deployment::with(3, InternalSignIn::Proxy);
    let mut alice = signed_in(d, "alice", FE1);
    let mut bob = signed_in(d, "bob", FE1);
    subscribe(d, &mut bob, "bob", "presence.winfo");
    let first = notified(d, &mut bob);
    assert!(says(&first, "version=\"0\"") && !says(&first, "alice"));
    subscribe(d, &mut alice, "bob", "presence");
    notified(d, &mut alice);
    let second = notified(d, &mut bob);
    assert!(says(&second, "version=\"1\"") && says(&second, "sip:alice@contoso.com"));

    subscribe(d, &mut bob, "bob", "reg");
    let registered = notified(d, &mut bob);
    assert!(says(&registered, &bob.contact) && says(&registered, "state=\"active\""));
    let mut other = Phone::connect(d, "bob", FE1);
    assert_eq!(other.register(d, "").status(), 200);
    let both = notified(d, &mut bob);
    assert!(says(&both, &bob.contact) && says(&both, &other.contact));
}

#[test]
fn changes_in_quick_succession_are_told_once_with_the_latest() {
    let d = &mut Deployment::with(4, InternalSignIn::Proxy);
    let mut alice = signed_in(d, "alice", FE1);
    let mut bob = signed_in(d, "bob", FE1);
    subscribe(d, &mut alice, "bob", "presence");
    notified(d, &mut alice);
    for basic in ["closed", "open", "closed"] {
        ask(d, &mut bob, "PUBLISH", "bob", &publication(basic));
    }
    let told = notified(d, &mut alice);
    assert!(says(&told, "<basic>closed</basic>") && !says(&told, "<basic>open</basic>"));
    d.world.run_for(Duration::from_secs(5));
    assert!(alice.has_no(d, |m| m.method() == Method::Notify && m.is_request()));
    assert!(d.world.host(d.fe1).unwrap().node.stats().notifies_throttled >= 2);
}

#[test]
fn who_refuses_does_not_answer_or_has_gone_is_told_nothing_more() {
    for how in ["481", "silence", "closed"] {
        let d = &mut Deployment::with(5, InternalSignIn::Proxy);
        let mut alice = signed_in(d, "alice", FE1);
        subscribe(d, &mut alice, "bob", "presence");
        let notify = alice.wait_request(d, Method::Notify);
        match how {
            "481" => alice.answer(d, &notify, 481),
            "silence" => {}
            _ => d.world.close(alice.flow),
        }
        d.world.run_for(Duration::from_secs(40));
        assert_eq!(
            d.world.host(d.fe1).unwrap().node.stats().subscriptions,
            0,
            "{how}"
        );
    }
}

#[test]
fn a_subscription_that_is_not_refreshed_ends_with_a_word() {
    let d = &mut Deployment::with(6, InternalSignIn::Proxy);
    let mut alice = signed_in(d, "alice", FE1);
    subscribe(d, &mut alice, "bob", "presence");
    notified(d, &mut alice);
    d.world.run_for(Duration::from_secs(590));
    assert!(alice.has_no(d, |m| m.method() == Method::Notify && m.is_request()));
    d.world.run_for(Duration::from_secs(11));
    let last = notified(d, &mut alice);
    assert_eq!(
        last.text(Name::SubscriptionState),
        Some("terminated;reason=timeout")
    );
}

#[test]
fn a_notification_goes_by_another_director_when_one_is_lost() {
    for lose_first in [true, false] {
        let d = &mut Deployment::with(7, InternalSignIn::Proxy);
        let mut alice = signed_in(d, "alice", EDGE_OUTSIDE);
        let mut bob = signed_in(d, "bob", FE1);
        subscribe(d, &mut alice, "bob", "presence");
        notified(d, &mut alice);
        // The first notification is answered before the Director goes; else it would come again.
        d.world.run_for(Duration::from_secs(2));
        let lost = if lose_first { d.dir1 } else { d.dir2 };
        drop(d.world.kill(lost));
        ask(d, &mut bob, "PUBLISH", "bob", &publication("closed"));
        let told = notified(d, &mut alice);
        assert!(says(&told, "<basic>closed</basic>"), "{lose_first}");
    }
}

/// Alice and bob are of one worker's keeping or of another's; each is signed in on a worker of their own.
#[test]
fn the_worker_that_keeps_a_user_hears_of_all_that_concerns_them() {
    let mut machine = Workers::of("fe01.contoso.net", 3);
    let alice = machine.client(0, 1);
    machine.sign_in(alice, "alice");
    let ask = crate::workers::Asked {
        method: "SUBSCRIBE",
        uri: "sip:bob@contoso.com",
        from: "<sip:alice@contoso.com>;tag=a",
        to: "<sip:bob@contoso.com>",
        branch: "sub",
    };
    machine.ask(alice, &ask, "Event: presence\n");
    assert_eq!(machine.next(alice).status(), 200);
    let notify = machine.next(alice);
    assert!(says(&notify, "closed"));
    machine.answer(alice, &notify, 200, "");
    for worker in 1..3 {
        let bob = machine.client(worker, u64::from(worker));
        machine.sign_in(bob, "bob");
        machine.wait(Duration::from_secs(2));
        if worker == 1 {
            let notify = machine.next(alice);
            assert!(says(&notify, "open"), "worker {worker}");
            machine.answer(alice, &notify, 200, "");
        }
    }
    assert!(machine.told > 0);
    let kept = |machine: &Workers| {
        (0..3)
            .map(|w| machine.node(w).stats().subscriptions)
            .sum::<usize>()
    };
    assert_eq!(kept(&machine), 1);
    machine.close(alice);
    assert_eq!(kept(&machine), 0, "the flow was another worker's");
}
