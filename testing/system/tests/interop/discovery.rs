//! Real phones that are told an address and a password, and nothing of servers: they find theirs by asking our own name
//! service for the records of the domain (RFC 3263), inside and outside.

use std::net::Ipv4Addr;

use system::deployment::Entrance;
use system::names::Resolver;
use system::needs::are_met;
use system::phones::{Account, Baresip, Linphone, Phone, Registration, Watches};

use super::phones::{NEEDS, Trial};
use super::scenario::talk;

/// An account that names no server.
fn account(trial: &Trial, user: usize) -> Account {
    let nowhere = Entrance::default();
    trial.account(user, &nowhere)
}

fn phones(trial: &Trial, asks: [Ipv4Addr; 2]) -> (Baresip, Linphone, [String; 2]) {
    let (first, second) = (account(trial, 0), account(trial, 1));
    let [one, other] = asks.map(Resolver::Server);
    let mut alice = trial.resolving(&first, 1, one, Watches::Nobody, |setup| {
        Baresip::start(setup).unwrap()
    });
    let mut bob = trial.resolving(&second, 2, other, Watches::Nobody, |setup| {
        Linphone::start(setup).unwrap()
    });
    assert_eq!(alice.registration().unwrap(), Registration::Registered);
    assert_eq!(bob.registration().unwrap(), Registration::Registered);
    (alice, bob, [first.uri(), second.uri()])
}

#[test]
fn phones_that_know_nothing_but_their_domain_find_their_server_inside_and_outside() {
    if !are_met(
        "discovery::phones_that_know_nothing_but_their_domain_find_their_server_inside_and_outside",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::start();
    let servers = trial.name_servers();
    let [inside, outside] = [servers.inside, servers.outside].map(|server| *server.unwrap().ip());
    for asks in [[inside, inside], [outside, outside], [inside, outside]] {
        let (mut alice, mut bob, [alice_uri, bob_uri]) = phones(&trial, asks);
        talk(&mut alice, &mut bob, &bob_uri, true);
        talk(&mut bob, &mut alice, &alice_uri, false);
    }
}
