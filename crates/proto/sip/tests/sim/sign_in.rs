//! Signing in: who is let in, and where they end up.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1, FE2};
use crate::phone::Phone;
use base::UnixMillis;
use sip::config::InternalSignIn;
use sip::location::Locations as _;
use sip::msg::Name;
use std::time::Duration;

fn bindings(d: &mut Deployment, fe: testkit::HostId, user: &str) -> usize {
    let table = d.world.host(fe).unwrap().table.clone();
    table
        .find(&format!("sip:{user}@contoso.com"), d.world.now().wall)
        .len()
}

#[test]
fn inside_the_director_sends_the_user_home() {
    let mut d = Deployment::new(1);
    let mut alice = Phone::connect(&mut d, "alice", DIR1);
    let redirect = alice.register(&mut d, "");
    assert_eq!(redirect.status(), 301);
    let contacts: Vec<&str> = redirect
        .all(Name::Contact)
        .filter_map(|field| field.text())
        .collect();
    let [home, backup] = contacts.as_slice() else {
        panic!("{contacts:?}")
    };
    assert!(
        home.starts_with("<sip:fepool01.contoso.net:5061;transport=tls;")
            && home.ends_with(">;q=0.7")
    );
    assert!(
        backup.starts_with("<sip:fepool02.contoso.net:5061;transport=tls;")
            && backup.ends_with(">;q=0.3")
    );
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    let welcome = alice.register(&mut d, "");
    assert_eq!(welcome.status(), 200);
    assert!(
        welcome
            .text(Name::Contact)
            .unwrap()
            .contains(";expires=600")
    );
    let fe1 = d.fe1;
    assert_eq!(bindings(&mut d, fe1, "alice"), 1);
}

/// linphone puts the first Contact of the redirect into the Request-URI and answers no second challenge.
#[test]
fn the_directors_ticket_spares_the_second_challenge_once_it_is_fresh_and_only_its_user() {
    let mut d = Deployment::new(30);
    let mut alice = Phone::connect(&mut d, "alice", DIR1);
    let redirect = alice.register(&mut d, "");
    let contact = redirect.elements(Name::Contact).next().unwrap();
    let home = contact.address().unwrap().uri.to_owned();
    for (user, after, expected) in [("alice", 0, 200), ("bob", 0, 401), ("alice", 61, 401)] {
        d.world.run_for(Duration::from_secs(after));
        let mut phone = Phone::connect(&mut d, user, FE1);
        phone.domain_uri.clone_from(&home);
        phone.send_register(&mut d, "");
        let answer = phone.wait_final(&mut d, sip::msg::Method::Register);
        assert_eq!(answer.status(), expected, "{user} after {after} s");
    }
}

#[test]
fn a_front_end_that_is_not_home_and_not_the_backup_redirects() {
    let mut d = Deployment::new(2);
    d.users.apply(
        directory::Revision(9),
        directory::Change::Put(crate::deployment::user("dora", "edgepool01.contoso.net")),
    );
    let mut dora = Phone::connect(&mut d, "dora", FE1);
    assert_eq!(dora.register(&mut d, "").status(), 301);
}

#[test]
fn from_outside_the_edge_and_the_director_bring_the_registration_home() {
    let mut d = Deployment::new(3);
    let mut bob = Phone::connect(&mut d, "bob", EDGE_OUTSIDE);
    let welcome = bob.register(&mut d, "");
    assert_eq!(welcome.status(), 200);
    let fe1 = d.fe1;
    let table = d.world.host(fe1).unwrap().table.clone();
    let found = table.find("sip:bob@contoso.com", d.world.now().wall);
    assert_eq!(found.len(), 1);
    assert!(found[0].remote);
    assert!(
        found[0].route[0].contains("@edge01.contoso.net:5061"),
        "{:?}",
        found[0].route
    );
}

#[test]
fn a_client_that_cannot_follow_a_redirect_is_proxied() {
    for (internal, agent) in [
        (InternalSignIn::Proxy, "phone"),
        (InternalSignIn::Redirect, "Old phone 1"),
    ] {
        let mut d = Deployment::with(4, internal);
        let mut alice = Phone::connect(&mut d, "alice", DIR1);
        alice.agent = agent;
        assert_eq!(alice.register(&mut d, "").status(), 200, "{agent}");
        let fe1 = d.fe1;
        let table = d.world.host(fe1).unwrap().table.clone();
        let found = table.find("sip:alice@contoso.com", d.world.now().wall);
        assert!(
            found[0].route[0].contains("@dir01.contoso.net:5061"),
            "{:?}",
            found[0].route
        );
        assert!(!found[0].remote);
    }
}

#[test]
fn wrong_password_and_unknown_user_look_the_same() {
    for server in [DIR1, FE1, EDGE_OUTSIDE] {
        let mut d = Deployment::new(5);
        let mut alice = Phone::connect(&mut d, "alice", server);
        alice.password = "guess";
        let wrong = alice.register(&mut d, "");
        let mut nobody = Phone::connect(&mut d, "mallory", server);
        let unknown = nobody.register(&mut d, "");
        assert_eq!((wrong.status(), wrong.reason()), (403, &b"Forbidden"[..]));
        assert_eq!(
            (unknown.status(), unknown.reason()),
            (403, &b"Forbidden"[..])
        );
        let names = |m: &sip::msg::Message| m.fields().map(|f| f.name).collect::<Vec<_>>();
        assert_eq!(names(&wrong), names(&unknown));
    }
}

#[test]
fn nobody_registers_for_somebody_else() {
    let mut d = Deployment::new(6);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.send_register(&mut d, "");
    let challenge = alice.wait_final(&mut d, sip::msg::Method::Register);
    let credentials = alice.credentials(
        &challenge,
        Name::WwwAuthenticate,
        "REGISTER",
        "sip:contoso.com",
    );
    alice.user = "bob";
    alice.send_register(&mut d, &format!("Authorization: {credentials}\n"));
    assert_eq!(
        alice
            .wait_final(&mut d, sip::msg::Method::Register)
            .status(),
        403
    );
    let fe1 = d.fe1;
    assert_eq!(bindings(&mut d, fe1, "bob"), 0);
}

/// RFC 3261 10.2: the topology of the model lets bob register whoever begins with a c.
#[test]
fn a_delegate_registers_another_user_and_no_third() {
    for (whom, expected) in [("carol", 301), ("alice", 403), ("cecil", 404)] {
        let mut d = Deployment::new(31);
        let mut bob = Phone::connect(&mut d, "bob", DIR1);
        bob.registers = Some(whom);
        let answer = bob.register(&mut d, "");
        assert_eq!(answer.status(), expected, "{whom}");
        if expected == 301 {
            let contact = answer.elements(Name::Contact).next().unwrap();
            let home = contact.address().unwrap().uri.to_owned();
            assert!(home.contains("fepool02"), "carol's home, not bob's: {home}");
            let mut again = Phone::connect(&mut d, "bob", FE2);
            again.registers = Some(whom);
            again.domain_uri = home;
            again.send_register(&mut d, "");
            let answer = again.wait_final(&mut d, sip::msg::Method::Register);
            assert_eq!(answer.status(), 200, "by the ticket, which is bob's");
        }
        let fe2 = d.fe2;
        assert_eq!(bindings(&mut d, fe2, "bob"), 0);
        assert_eq!(bindings(&mut d, fe2, whom), usize::from(expected == 301));
    }
}

/// What was registered for carol rings at bob's phone; its flow stays bob's.
#[test]
fn who_was_registered_by_a_delegate_is_reached_at_the_delegate() {
    for door in [DIR1, FE2, EDGE_OUTSIDE] {
        let mut d = Deployment::with(32, InternalSignIn::Proxy);
        let mut bob = Phone::connect(&mut d, "bob", door);
        bob.registers = Some("carol");
        assert_eq!(bob.register(&mut d, "").status(), 200, "{door}");
        let mut alice = Phone::connect(&mut d, "alice", FE1);
        assert_eq!(alice.register(&mut d, "").status(), 200);
        alice.request(&mut d, "MESSAGE", "carol", "");
        let message = bob.wait_request(&mut d, sip::msg::Method::Message);
        bob.answer(&mut d, &message, 200);
        let answer = alice.wait_final(&mut d, sip::msg::Method::Message);
        assert_eq!(answer.status(), 200, "{door}");
        bob.user = "carol";
        bob.request(&mut d, "MESSAGE", "alice", "");
        let refused = bob.wait_final(&mut d, sip::msg::Method::Message);
        assert_eq!(refused.status(), 407, "{door}: bob is not carol");
        bob.registers = None;
        bob.send_register(&mut d, "");
        let refused = bob.wait_final(&mut d, sip::msg::Method::Register);
        assert_eq!(refused.status(), 401, "{door}: bob is not carol");
    }
}

#[test]
fn an_old_nonce_is_stale_and_a_forged_one_is_worth_nothing() {
    let mut d = Deployment::new(7);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.send_register(&mut d, "");
    let challenge = alice.wait_final(&mut d, sip::msg::Method::Register);
    let credentials = alice.credentials(
        &challenge,
        Name::WwwAuthenticate,
        "REGISTER",
        "sip:contoso.com",
    );
    d.world.run_for(Duration::from_secs(301));
    alice.send_register(&mut d, &format!("Authorization: {credentials}\n"));
    let again = alice.wait_final(&mut d, sip::msg::Method::Register);
    assert_eq!(again.status(), 401);
    assert!(
        again
            .text(Name::WwwAuthenticate)
            .unwrap()
            .contains("stale=true")
    );
}

#[test]
fn any_director_checks_the_nonce_of_another() {
    let mut d = Deployment::new(8);
    let mut at_first = Phone::connect(&mut d, "alice", DIR1);
    at_first.send_register(&mut d, "");
    let challenge = at_first.wait_final(&mut d, sip::msg::Method::Register);
    let mut at_second = Phone::connect(&mut d, "alice", "10.0.0.12:5061");
    let credentials = at_first.credentials(
        &challenge,
        Name::WwwAuthenticate,
        "REGISTER",
        "sip:contoso.com",
    );
    at_second.send_register(&mut d, &format!("Authorization: {credentials}\n"));
    assert_eq!(
        at_second
            .wait_final(&mut d, sip::msg::Method::Register)
            .status(),
        301
    );
}

#[test]
fn when_a_director_is_dead_the_other_signs_users_in() {
    for seed in 10..16 {
        let mut d = Deployment::new(seed);
        let dir1 = d.dir1;
        d.world.kill(dir1);
        for _ in 0..3 {
            let mut bob = Phone::connect(&mut d, "bob", EDGE_OUTSIDE);
            assert_eq!(bob.register(&mut d, "").status(), 200);
        }
    }
}

#[test]
fn when_the_home_pool_is_dead_its_backup_stands_in() {
    let mut d = Deployment::new(20);
    let fe1 = d.fe1;
    d.world.kill(fe1);
    let mut bob = Phone::connect(&mut d, "bob", EDGE_OUTSIDE);
    assert_eq!(bob.register(&mut d, "").status(), 200);
    let fe2 = d.fe2;
    assert_eq!(bindings(&mut d, fe2, "bob"), 1);
    let mut alice = Phone::connect(&mut d, "alice", FE2);
    assert_eq!(alice.register(&mut d, "").status(), 200);
}

/// A phone whose home was away signs in at the backup and stays there when the home is back: calls still find it.
#[test]
fn who_signed_in_at_the_backup_is_found_from_home() {
    let mut d = Deployment::new(25);
    let mut bob = Phone::connect(&mut d, "bob", FE2);
    assert_eq!(bob.register(&mut d, "").status(), 200);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    assert_eq!(alice.register(&mut d, "").status(), 200);
    alice.request(&mut d, "MESSAGE", "bob", "");
    let message = bob.wait_request(&mut d, sip::msg::Method::Message);
    bob.answer(&mut d, &message, 200);
    assert_eq!(
        alice.wait_final(&mut d, sip::msg::Method::Message).status(),
        200
    );
    let fe2 = d.fe2;
    d.world.kill(fe2);
    alice.request(&mut d, "MESSAGE", "bob", "");
    assert_eq!(
        alice.wait_final(&mut d, sip::msg::Method::Message).status(),
        480
    );
}

#[test]
fn registrations_end_by_themselves_and_on_request() {
    let mut d = Deployment::new(21);
    let fe1 = d.fe1;
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "Expires: 60\n");
    assert_eq!(bindings(&mut d, fe1, "alice"), 1);
    d.world.run_for(Duration::from_secs(70));
    let table = d.world.host(fe1).unwrap().table.clone();
    assert_eq!(table.counts(), (0, 0), "the sweep removed it");
    alice.register(&mut d, "");
    let gone = alice.register(&mut d, "Expires: 0\n");
    assert_eq!(gone.status(), 200);
    assert!(gone.get(Name::Contact).is_none());
    assert!(
        table
            .find("sip:alice@contoso.com", UnixMillis(0))
            .is_empty()
    );
}

#[test]
fn too_short_a_registration_is_told_the_minimum() {
    let mut d = Deployment::new(22);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    let brief = alice.register(&mut d, "Expires: 5\n");
    assert_eq!(brief.status(), 423);
    assert_eq!(brief.text(Name::MinExpires), Some("60"));
}

#[test]
fn a_user_has_no_more_endpoints_than_allowed() {
    let mut d = Deployment::new(23);
    for expected in [200, 200, 200, 403] {
        let mut phone = Phone::connect(&mut d, "alice", FE1);
        assert_eq!(phone.register(&mut d, "").status(), expected);
        d.world.run_for(Duration::from_micros(7_001));
    }
}

#[test]
fn a_front_end_that_was_killed_knows_its_registrations_again() {
    let mut d = Deployment::new(24);
    let mut bob = Phone::connect(&mut d, "bob", EDGE_OUTSIDE);
    assert_eq!(bob.register(&mut d, "").status(), 200);
    let fe1 = d.fe1;
    let killed = d.world.kill(fe1).unwrap();
    d.restart(fe1, killed);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    assert_eq!(alice.register(&mut d, "").status(), 200);
    alice.request(&mut d, "MESSAGE", "bob", "");
    let message = bob.wait_request(&mut d, sip::msg::Method::Message);
    bob.answer(&mut d, &message, 200);
    assert_eq!(
        alice.wait_final(&mut d, sip::msg::Method::Message).status(),
        200
    );
}
