//! Signing in by a certificate and no password.

use crate::deployment::{DIR1, Deployment, FE1, user};
use crate::phone::Phone;
use base::UnixMillis;
use base::net::Fingerprint;
use directory::{Certificate, Change, Revision};
use sip::msg::{Message, Method, Name};
use std::time::Duration;

const OURS: Fingerprint = [7; 32];

/// Lets alice sign in by these certificates until a time.
fn publish(d: &mut Deployment, certificates: &[Fingerprint], expires: UnixMillis) {
    let certificate = |fingerprint: &Fingerprint| Certificate {
        fingerprint: *fingerprint,
        issued: UnixMillis(0),
        expires,
    };
    let mut alice = user("alice", "fepool01.contoso.net");
    alice.certificates = certificates.iter().map(certificate).collect();
    let next = Revision(d.users.revision().0 + 1);
    d.users.apply(next, Change::Put(alice));
}

fn holder(d: &mut Deployment, name: &'static str, to: &str, certificate: Fingerprint) -> Phone {
    Phone::connect_holding(d, name, to, "192.0.2.7", Some(certificate))
}

fn register(d: &mut Deployment, phone: &mut Phone) -> Message {
    phone.send_register(d, "");
    phone.wait_final(d, Method::Register)
}

#[test]
fn a_certificate_stands_in_for_the_password_at_the_director_and_at_home() {
    let mut d = Deployment::new(70);
    publish(&mut d, &[OURS], UnixMillis(u64::MAX));
    let mut alice = holder(&mut d, "alice", DIR1, OURS);
    let redirect = register(&mut d, &mut alice);
    assert_eq!(redirect.status(), 301);
    let contact = redirect.elements(Name::Contact).next().unwrap();
    let home = contact.address().unwrap().uri.to_owned();
    assert!(
        home.starts_with("sip:sipcert.fepool01.contoso.net:5061;"),
        "{home}"
    );
    let mut alice = holder(&mut d, "alice", FE1, OURS);
    alice.domain_uri = "sip:sipcert.fepool01.contoso.net:5061;transport=tls".to_owned();
    assert_eq!(register(&mut d, &mut alice).status(), 200);
    // A refresh long after the ticket of the redirect is over.
    d.world.run_for(Duration::from_secs(300));
    assert_eq!(register(&mut d, &mut alice).status(), 200);
}

#[test]
fn a_certificate_is_good_for_its_user_and_nobody_else() {
    let mut d = Deployment::new(71);
    publish(&mut d, &[OURS], UnixMillis(u64::MAX));
    let mut bob = holder(&mut d, "bob", FE1, OURS);
    assert_eq!(register(&mut d, &mut bob).status(), 401);
    let mut unknown = holder(&mut d, "alice", FE1, [8; 32]);
    assert_eq!(register(&mut d, &mut unknown).status(), 401);
    let mut without = Phone::connect(&mut d, "alice", FE1);
    assert_eq!(register(&mut d, &mut without).status(), 401);
}

#[test]
fn a_revoked_certificate_is_of_no_use_from_the_next_request_on() {
    let mut d = Deployment::new(72);
    publish(&mut d, &[OURS], UnixMillis(u64::MAX));
    let mut alice = holder(&mut d, "alice", FE1, OURS);
    assert_eq!(register(&mut d, &mut alice).status(), 200);
    alice.request(&mut d, "MESSAGE", "alice", "");
    alice.wait_request(&mut d, Method::Message);
    publish(&mut d, &[], UnixMillis(u64::MAX));
    assert_eq!(register(&mut d, &mut alice).status(), 401);
    alice.request(&mut d, "MESSAGE", "alice", "");
    assert_eq!(alice.wait_final(&mut d, Method::Message).status(), 407);
}

#[test]
fn a_certificate_expires_by_the_clock() {
    let mut d = Deployment::new(73);
    let until = d.world.now().wall.after(Duration::from_secs(60));
    publish(&mut d, &[OURS], until);
    let mut alice = holder(&mut d, "alice", FE1, OURS);
    assert_eq!(register(&mut d, &mut alice).status(), 200);
    d.world.run_for(Duration::from_secs(61));
    assert_eq!(register(&mut d, &mut alice).status(), 401);
}

#[test]
fn who_has_a_certificate_of_no_worth_may_still_know_the_password() {
    let mut d = Deployment::new(74);
    let mut alice = holder(&mut d, "alice", FE1, [9; 32]);
    assert_eq!(alice.register(&mut d, "").status(), 200);
}
