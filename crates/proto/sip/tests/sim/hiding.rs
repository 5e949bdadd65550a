//! Topology hiding: what phones outside hear names nothing of the inside, and all of it still leads there.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1, FE2};
use crate::dialog::DialogState;
use crate::phone::Phone;
use sip::config::InternalSignIn;
use sip::msg::{Message, Method, Name};
use std::time::Duration;

/// Where a phone of the inside is.
const DESK: &str = "10.0.2.7";
/// What nobody outside may read: machines, pools and addresses of the inside.
const INNER: [&str; 5] = ["contoso.net", "10.0.", "edge01", "dirpool", "fepool"];

fn signed_in(d: &mut Deployment, user: &'static str, at: &str) -> Phone {
    let from = if at == EDGE_OUTSIDE {
        "192.0.2.7"
    } else {
        DESK
    };
    let mut phone = Phone::connect_from(d, user, at, from);
    assert_eq!(
        phone.register(d, "Supported: path, outbound\n").status(),
        200
    );
    phone
}

fn heard_nothing_inner(d: &mut Deployment, phone: &mut Phone) {
    d.world.run_for(Duration::from_secs(1));
    phone.has_no(d, |_| false);
    let heard = String::from_utf8_lossy(&phone.heard);
    assert!(!heard.is_empty());
    for line in heard.lines() {
        let inner = INNER.iter().find(|name| line.contains(**name));
        assert_eq!(inner, None, "{} heard {line}", phone.user);
    }
}

fn ask(d: &mut Deployment, phone: &mut Phone, method: Method, to: &str, lines: &str) -> Message {
    let first = phone.request(d, method.as_str(), to, lines);
    let challenged = phone.wait_final(d, method);
    if challenged.status() != 407 {
        return challenged;
    }
    let header = Name::ProxyAuthenticate;
    let proof = phone.credentials(&challenged, header, method.as_str(), &first.uri);
    let lines = format!("Proxy-Authorization: {proof}\n{lines}");
    phone.request(d, method.as_str(), to, &lines);
    phone.wait_final(d, method)
}

/// Sends a request inside a dialog; the other end answers it.
fn inside(
    d: &mut Deployment,
    from: &mut Phone,
    to: &mut Phone,
    method: Method,
    dialog: &DialogState,
) -> Message {
    let contact = format!("Contact: <{}>\n", from.contact);
    from.in_dialog_with(d, method.as_str(), dialog, &contact);
    let came = to.wait_request(d, method);
    assert_eq!(came.uri(), to.contact, "{method:?} reached {}", to.user);
    if method != Method::Ack {
        to.answer(d, &came, 200);
        assert_eq!(from.wait_final(d, method).status(), 200, "{method:?}");
    }
    came
}

/// A call with everything in it, ended by the caller or by the callee.
fn whole_call(d: &mut Deployment, caller: &mut Phone, callee: &mut Phone, ended_by_caller: bool) {
    caller.request_with_credentials_if_asked(d, callee.user);
    let invite = callee.wait_request(d, Method::Invite);
    callee.answer(d, &invite, 180);
    caller.wait(d, "180", |m| m.status() == 180);
    callee.answer(d, &invite, 200);
    let accepted = caller.wait_final(d, Method::Invite);
    let here = DialogState::of_caller(&accepted);
    let there = DialogState::of_callee(&invite, &format!("t{}", callee.user));
    inside(d, caller, callee, Method::Ack, &here);
    for method in [Method::Invite, Method::Update, Method::Info] {
        inside(d, caller, callee, method, &here);
        if method == Method::Invite {
            inside(d, caller, callee, Method::Ack, &here);
        }
        inside(d, callee, caller, method, &there);
        if method == Method::Invite {
            inside(d, callee, caller, Method::Ack, &there);
        }
    }
    if ended_by_caller {
        inside(d, caller, callee, Method::Bye, &here);
    } else {
        inside(d, callee, caller, Method::Bye, &there);
    }
}

/// A call that is up; returns the caller's end.
fn answered(d: &mut Deployment, caller: &mut Phone, callee: &mut Phone) -> DialogState {
    caller.request_with_credentials_if_asked(d, callee.user);
    let invite = callee.wait_request(d, Method::Invite);
    callee.answer(d, &invite, 200);
    let dialog = DialogState::of_caller(&caller.wait_final(d, Method::Invite));
    inside(d, caller, callee, Method::Ack, &dialog);
    dialog
}

trait Begins {
    fn request_with_credentials_if_asked(&mut self, d: &mut Deployment, to: &str);
}

impl Begins for Phone {
    fn request_with_credentials_if_asked(&mut self, d: &mut Deployment, to: &str) {
        let first = self.request(d, "INVITE", to, "");
        let heard = self.wait(d, "100 or 407", |m| matches!(m.status(), 100 | 407));
        let challenged = if heard.status() == 407 {
            heard
        } else {
            d.world.run_for(Duration::from_secs(1));
            if self.has_no(d, |m| m.status() == 407) {
                return;
            }
            self.wait(d, "407", |m| m.status() == 407)
        };
        self.ack(d, &first, &challenged);
        let header = Name::ProxyAuthenticate;
        let proof = self.credentials(&challenged, header, "INVITE", &first.uri);
        self.request(d, "INVITE", to, &format!("Proxy-Authorization: {proof}\n"));
    }
}

#[test]
fn calls_through_the_edge_work_and_name_nothing_of_the_inside() {
    let places = [
        (FE1, EDGE_OUTSIDE),
        (FE2, EDGE_OUTSIDE),
        (DIR1, EDGE_OUTSIDE),
        (EDGE_OUTSIDE, FE1),
        (EDGE_OUTSIDE, DIR1),
        (EDGE_OUTSIDE, EDGE_OUTSIDE),
    ];
    for (seed, (caller_at, callee_at)) in (120..).zip(places) {
        let mut d = Deployment::with(seed, InternalSignIn::Proxy);
        let caller = if caller_at == FE2 { "carol" } else { "alice" };
        let mut caller = signed_in(&mut d, caller, caller_at);
        let mut bob = signed_in(&mut d, "bob", callee_at);
        for ended_by_caller in [true, false] {
            whole_call(&mut d, &mut caller, &mut bob, ended_by_caller);
        }
        for (phone, at) in [(&mut caller, caller_at), (&mut bob, callee_at)] {
            if at == EDGE_OUTSIDE {
                heard_nothing_inner(&mut d, phone);
            }
        }
    }
}

#[test]
fn a_call_goes_on_when_the_edge_was_started_again_but_for_the_lost_flow() {
    let mut d = Deployment::with(130, InternalSignIn::Proxy);
    let mut alice = signed_in(&mut d, "alice", EDGE_OUTSIDE);
    let mut bob = signed_in(&mut d, "bob", FE1);
    let dialog = answered(&mut d, &mut alice, &mut bob);
    let edge = d.edge;
    let killed = d.world.kill(edge).unwrap();
    d.restart(edge, killed);
    let mut again = Phone::connect_from(&mut d, "alice", EDGE_OUTSIDE, "192.0.2.7");
    again.cseq = 100;
    inside(&mut d, &mut again, &mut bob, Method::Bye, &dialog);
    heard_nothing_inner(&mut d, &mut again);
}

#[test]
fn refusals_cancels_messages_and_redirections_name_nothing_of_the_inside() {
    let mut d = Deployment::with(131, InternalSignIn::Proxy);
    let mut alice = signed_in(&mut d, "alice", EDGE_OUTSIDE);
    let mut bob = signed_in(&mut d, "bob", FE1);
    // From outside: refused, redirected, cancelled, unknown.
    alice.request_with_credentials_if_asked(&mut d, "bob");
    let invite = bob.wait_request(&mut d, Method::Invite);
    let reply = sip::msg::Reply::to(&invite, 302)
        .to_tag("x")
        .header(Name::Contact, format!("<sip:bob@{DESK}:5060>"))
        .header(Name::Contact, "<sip:carol@contoso.com>")
        .header(Name::Warning, "399 pc7.contoso.net \"Moved\"")
        .header(Name::ErrorInfo, "<https://help.contoso.net/moved>");
    d.world.write(bob.flow, reply.write());
    let moved = alice.wait_final(&mut d, Method::Invite);
    assert_eq!(moved.status(), 302);
    let contacts: Vec<_> = moved.elements(Name::Contact).collect();
    assert_eq!(contacts.len(), 2);
    assert_eq!(contacts[1].text(), Some("<sip:carol@contoso.com>"));
    assert_eq!(
        moved.text(Name::Warning),
        Some("399 sip.contoso.com \"Moved\"")
    );
    let unknown = ask(&mut d, &mut alice, Method::Options, "nobody", "");
    assert_eq!(unknown.status(), 404);
    // To outside: a message, and a call that is cancelled.
    bob.request(&mut d, "MESSAGE", "alice", "");
    let came = alice.wait_request(&mut d, Method::Message);
    alice.answer(&mut d, &came, 200);
    assert_eq!(bob.wait_final(&mut d, Method::Message).status(), 200);
    let sent = bob.request(&mut d, "INVITE", "alice", "");
    let ringing = alice.wait_request(&mut d, Method::Invite);
    alice.answer(&mut d, &ringing, 180);
    bob.wait(&mut d, "180", |m| m.status() == 180);
    bob.resend(&mut d, "CANCEL", &sent, "");
    let cancel = alice.wait_request(&mut d, Method::Cancel);
    assert_eq!(cancel.text(Name::Via), ringing.text(Name::Via));
    alice.answer(&mut d, &cancel, 200);
    alice.answer(&mut d, &ringing, 487);
    alice.wait_request(&mut d, Method::Ack);
    let end = bob.wait(&mut d, "487", |m| m.status() == 487);
    bob.ack(&mut d, &sent, &end);
    heard_nothing_inner(&mut d, &mut alice);
}

#[test]
fn a_phone_outside_sees_its_own_contact_and_none_of_its_users_phones_inside() {
    let mut d = Deployment::with(132, InternalSignIn::Proxy);
    let _desk = signed_in(&mut d, "alice", FE1);
    let mut alice = signed_in(&mut d, "alice", EDGE_OUTSIDE);
    // Behind a translator, as most are.
    alice.contact = "sip:alice@10.9.9.9:5061;transport=tls".to_owned();
    let answer = alice.register(&mut d, "Supported: path\n");
    let contacts: Vec<String> = answer
        .elements(Name::Contact)
        .map(|contact| contact.address().unwrap().uri.to_owned())
        .collect();
    assert_eq!(contacts.len(), 3);
    assert!(contacts.contains(&alice.contact), "{contacts:?}");
    assert_eq!(answer.all(Name::Path).count(), 1);
    // What is hidden can be named: the phone at the desk is signed out from outside.
    let hidden = contacts.iter().find(|one| one.contains("@sip.contoso.com"));
    let own = std::mem::replace(&mut alice.contact, hidden.unwrap().clone());
    alice.params = ";expires=0".to_owned();
    let answer = alice.register(&mut d, "");
    assert_eq!(answer.elements(Name::Contact).count(), 2);
    alice.contact = own;
    heard_nothing_inner(&mut d, &mut alice);
}

#[test]
fn subscriptions_of_a_phone_outside_name_nothing_of_the_inside() {
    let mut d = Deployment::with(133, InternalSignIn::Proxy);
    let _desk = signed_in(&mut d, "alice", FE1);
    let _bob = signed_in(&mut d, "bob", FE1);
    let mut alice = signed_in(&mut d, "alice", EDGE_OUTSIDE);
    for (package, to) in [("presence", "bob"), ("reg", "alice")] {
        let event = format!("Event: {package}\n");
        let accepted = ask(&mut d, &mut alice, Method::Subscribe, to, &event);
        assert_eq!(accepted.status(), 200, "{package}");
        let notify = alice.wait_request(&mut d, Method::Notify);
        let body = String::from_utf8_lossy(notify.body()).into_owned();
        assert!(
            package != "reg" || body.matches("<uri>").count() == 2,
            "{body}"
        );
        alice.answer(&mut d, &notify, 200);
        // A refresh goes to the machine whose Contact was hidden.
        let dialog = DialogState::of_caller(&accepted);
        let lines = format!("{event}Expires: 0\nContact: <{}>\n", alice.contact);
        alice.in_dialog_with(&mut d, "SUBSCRIBE", &dialog, &lines);
        assert_eq!(alice.wait_final(&mut d, Method::Subscribe).status(), 200);
        let last = alice.wait_request(&mut d, Method::Notify);
        alice.answer(&mut d, &last, 200);
    }
    heard_nothing_inner(&mut d, &mut alice);
}

#[test]
fn a_place_that_was_hidden_is_found_by_whom_a_call_is_transferred_to() {
    let mut d = Deployment::with(134, InternalSignIn::Proxy);
    let mut alice = signed_in(&mut d, "alice", EDGE_OUTSIDE);
    let mut bob = signed_in(&mut d, "bob", FE1);
    let dialog = answered(&mut d, &mut alice, &mut bob);
    let target = format!(
        "Refer-To: \"{}\" <{}?Replaces=1>\n",
        bob.contact, dialog.remote_target
    );
    assert!(!target.contains(&format!("<{}", bob.contact)));
    alice.in_dialog_with(&mut d, "REFER", &dialog, &target);
    let came = bob.wait_request(&mut d, Method::Refer);
    let expected = format!("\"{0}\" <{0}?Replaces=1>", bob.contact);
    assert_eq!(came.text(Name::ReferTo), Some(expected.as_str()));
    bob.answer(&mut d, &came, 202);
    alice.wait_final(&mut d, Method::Refer);
    // The other way round: a place inside is hidden, its headers and places of others are not.
    let elsewhere = "<sip:third@host.example?Replaces=2>";
    for (target, is_hidden) in [
        ("<sip:third@10.0.2.9?Replaces=2>", true),
        (elsewhere, false),
    ] {
        let sent = bob.request(&mut d, "REFER", "alice", &format!("Refer-To: {target}\n"));
        let came = alice.wait_request(&mut d, Method::Refer);
        let says = came.text(Name::ReferTo).unwrap();
        assert_eq!(says.contains("@sip.contoso.com:443"), is_hidden, "{says}");
        assert!(says.ends_with("?Replaces=2>"), "{says}");
        assert_eq!(came.call_id().unwrap(), sent.call_id);
        alice.answer(&mut d, &came, 202);
        bob.wait_final(&mut d, Method::Refer);
    }
}

/// Who answers without the Via lines that we sealed, or with those of another request, is not heard.
#[test]
fn a_response_without_its_seal_or_with_anothers_goes_nowhere() {
    let mut d = Deployment::with(135, InternalSignIn::Proxy);
    let mut alice = signed_in(&mut d, "alice", EDGE_OUTSIDE);
    let mut bob = signed_in(&mut d, "bob", FE1);
    let [first, second] = [1, 2].map(|_| {
        bob.request(&mut d, "MESSAGE", "alice", "");
        alice.wait_request(&mut d, Method::Message)
    });
    let via = |m: &Message| m.text(Name::Via).unwrap().to_owned();
    let seal = |m: &Message| via(m).split_once(";hid=").unwrap().1.to_owned();
    let without = via(&first).split_once(";hid=").unwrap().0.to_owned();
    let another = via(&first).replace(&seal(&first), &seal(&second));
    assert_ne!(another, via(&first));
    for forged in [without, another] {
        let reply = String::from_utf8(sip::msg::Reply::to(&first, 200).write().to_vec()).unwrap();
        let reply = reply.replace(&via(&first), &forged);
        d.world.write(alice.flow, reply.into_bytes());
        d.world.run_for(Duration::from_secs(1));
        assert!(bob.has_no(&mut d, |m| m.status() == 200), "{forged}");
    }
    alice.answer(&mut d, &first, 200);
    assert_eq!(bob.wait_final(&mut d, Method::Message).status(), 200);
}

/// RFC 3261 16.3: what has come by so many hops that they cannot be hidden is refused, not shown.
#[test]
fn a_request_with_too_long_a_way_behind_it_is_refused() {
    let mut d = Deployment::with(136, InternalSignIn::Proxy);
    let mut alice = signed_in(&mut d, "alice", EDGE_OUTSIDE);
    let mut bob = signed_in(&mut d, "bob", FE1);
    let vias = |count| -> String {
        let via = |n| format!("Via: SIP/2.0/TLS pbx{n}.contoso.net;branch=z9hG4bKold{n}\n");
        (0..count).map(via).collect()
    };
    bob.request(&mut d, "MESSAGE", "alice", &vias(20));
    let came = alice.wait_request(&mut d, Method::Message);
    alice.answer(&mut d, &came, 200);
    let answer = bob.wait_final(&mut d, Method::Message);
    assert_eq!(
        (answer.status(), answer.elements(Name::Via).count()),
        (200, 21)
    );
    bob.request(&mut d, "MESSAGE", "alice", &vias(90));
    assert_eq!(bob.wait_final(&mut d, Method::Message).status(), 483);
    heard_nothing_inner(&mut d, &mut alice);
}
