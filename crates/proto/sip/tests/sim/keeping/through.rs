//! Between pools, through the Edge, and over a restart.

use super::*;

#[test]
fn a_user_whose_home_is_another_pool_has_no_messages_here() {
    let mut w = Workers::told("fe02.contoso.net", 2, |config| config.offline = Some(KEEPS));
    let alice = w.client(0, 1);
    w.sign_in(alice, "alice");
    message(&mut w, alice, 1, TEXT);
    let home = w.opens("fe01.contoso.net");
    w.close(home);
    assert_eq!(w.next(alice).status(), 503);
    assert_eq!(w.offline.counts().messages, 0);
}

fn text(d: &mut Deployment, phone: &mut Phone, to: &str) -> u16 {
    let sent = phone.request(d, "MESSAGE", to, "");
    let branch = sent.branch;
    let is_final =
        |m: &Message| m.status() >= 200 && m.via().is_ok_and(|via| via.branch() == Some(&*branch));
    phone.wait(d, "a final response", is_final).status()
}

/// The pool that stands in for the home is asked before anything is kept, and the home keeps it.
#[test]
fn through_director_and_home_and_over_a_restart_a_message_waits_for_its_user() {
    let mut d = Deployment::keeping(3, InternalSignIn::Redirect, KEEPS);
    let mut carol = Phone::connect(&mut d, "carol", crate::deployment::FE2);
    assert_eq!(carol.register(&mut d, "").status(), 200);
    assert_eq!(text(&mut d, &mut carol, "bob"), 202);
    let [fe1, fe2] = [d.fe1, d.fe2];
    let kept = |d: &mut Deployment, id| d.world.host(id).unwrap().offline.counts().messages;
    assert_eq!((kept(&mut d, fe1), kept(&mut d, fe2)), (1, 0));

    let killed = d.world.kill(fe1).unwrap();
    d.restart(fe1, killed);
    let mut bob = Phone::connect(&mut d, "bob", FE1);
    assert_eq!(bob.register(&mut d, "").status(), 200);
    let came = bob.wait_request(&mut d, Method::Message);
    let identity = came.text(Name::PAssertedIdentity);
    assert_eq!(identity, Some("<sip:carol@contoso.com>"));
    bob.answer(&mut d, &came, 200);
    d.world.run_for(Duration::from_secs(1));
    assert_eq!(kept(&mut d, fe1), 0);
    assert!(bob.has_no(&mut d, |m| m.method() == Method::Message && m.is_request()));

    // Who is there gets it at once, and nothing is kept.
    let sent = carol.request(&mut d, "MESSAGE", "bob", "");
    let came = bob.wait_request(&mut d, Method::Message);
    bob.answer(&mut d, &came, 200);
    let is_final = |m: &Message| m.via().is_ok_and(|via| via.branch() == Some(&*sent.branch));
    assert_eq!(carol.wait(&mut d, "200", is_final).status(), 200);
    assert_eq!(kept(&mut d, fe1), 0);
}

/// A phone outside is reached through the Edge with what was kept.
#[test]
fn a_user_outside_gets_it_through_the_edge() {
    let mut d = Deployment::keeping(5, InternalSignIn::Redirect, KEEPS);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    assert_eq!(alice.register(&mut d, "").status(), 200);
    assert_eq!(text(&mut d, &mut alice, "bob"), 202);
    let mut bob = Phone::connect(&mut d, "bob", crate::deployment::EDGE_OUTSIDE);
    assert_eq!(bob.register(&mut d, "").status(), 200);
    let came = bob.wait_request(&mut d, Method::Message);
    assert_eq!(
        came.text(Name::PAssertedIdentity),
        Some("<sip:alice@contoso.com>")
    );
    bob.answer(&mut d, &came, 200);
    d.world.run_for(Duration::from_secs(1));
    assert_eq!(d.world.host(d.fe1).unwrap().offline.counts().messages, 0);
}
