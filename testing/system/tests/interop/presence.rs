//! Phones of two makers watch each other through the whole reference topology.

use system::deployment::Entrance;
use system::needs::are_met;
use system::phones::{Baresip, Event, Linphone, Phone, Presence, Registration, Watches};

use super::phones::{NEEDS, Trial};

const ONLINE: Event = Event::Presence(Presence::Online);
const OFFLINE: Event = Event::Presence(Presence::Offline);

/// Each sees the other come, change where the phone has a word for it, and go.
fn see_each_other(trial: &Trial, baresip: &Entrance, linphone: &Entrance) {
    let (first, second) = (trial.account(0, baresip), trial.account(1, linphone));
    let [alice_uri, bob_uri] = [first.uri(), second.uri()];
    let new_alice = || {
        trial.with(&first, 1, Watches::One(&bob_uri), |setup| {
            Baresip::start(setup).unwrap()
        })
    };
    let new_bob = || {
        trial.with(&second, 2, Watches::One(&alice_uri), |setup| {
            Linphone::start(setup).unwrap()
        })
    };

    let mut alice = new_alice();
    assert_eq!(alice.registration().unwrap(), Registration::Registered);
    // This phone says nothing about the first state it hears, only of changes to it.
    alice.wait_for(&Event::Watching).unwrap();
    let mut bob = new_bob();
    assert_eq!(bob.registration().unwrap(), Registration::Registered);
    bob.wait_for(&ONLINE).unwrap();
    alice.wait_for(&ONLINE).unwrap();

    alice.show(Presence::Offline).unwrap();
    bob.wait_for(&OFFLINE).unwrap();
    alice.show(Presence::Online).unwrap();
    bob.wait_for(&ONLINE).unwrap();

    bob.quit().unwrap();
    alice.wait_for(&OFFLINE).unwrap();
    let mut bob = new_bob();
    bob.wait_for(&ONLINE).unwrap();
    alice.wait_for(&ONLINE).unwrap();

    alice.quit().unwrap();
    bob.wait_for(&OFFLINE).unwrap();
    bob.quit().unwrap();
}

#[test]
fn inside_phones_of_two_makers_see_each_other_come_change_and_go() {
    let name = "presence::inside_phones_of_two_makers_see_each_other_come_change_and_go";
    if !are_met(name, &NEEDS) {
        return;
    }
    let trial = Trial::start();
    see_each_other(&trial, trial.inside(), trial.inside());
}

#[test]
fn phones_inside_and_outside_see_each_other_come_change_and_go() {
    let name = "presence::phones_inside_and_outside_see_each_other_come_change_and_go";
    if !are_met(name, &NEEDS) {
        return;
    }
    let trial = Trial::start();
    see_each_other(&trial, trial.outside(), trial.inside());
    see_each_other(&trial, trial.inside(), trial.outside());
}

/// A phone of the first pool subscribes once to all on its list, and is told how one of the second pool comes and goes.
///
/// What it is told is read in its trace. Linphone 5.1 sends its list compressed, takes each notification, ends its own
/// reading of the parts with "cannot find next boundary", and shows nobody.
#[test]
fn a_phone_is_told_of_somebody_of_another_pool_by_one_subscription_to_its_list() {
    let name =
        "presence::a_phone_is_told_of_somebody_of_another_pool_by_one_subscription_to_its_list";
    if !are_met(name, &NEEDS) {
        return;
    }
    let trial = Trial::start();
    let (alice, bob) = (
        trial.account(0, trial.inside()),
        trial.account(1, trial.inside()),
    );
    let [alice_uri, bob_uri] = [alice.uri(), bob.uri()];
    let friends = [bob_uri.clone(), trial.account(2, trial.inside()).uri()];
    let mut phone = trial.with(&alice, 2, Watches::List(&friends), |setup| {
        Linphone::start(setup).unwrap()
    });
    assert_eq!(phone.registration().unwrap(), Registration::Registered);
    let gone = format!("entity=\"{bob_uri}\"><tuple id=\"user\"><status><basic>closed<");
    let (gone, here) = (
        Event::Line(gone),
        Event::Line(format!("<contact>{bob_uri}</contact>")),
    );
    phone.wait_for(&gone).unwrap();
    for _ in 0..2 {
        let mut peer = trial.with(&bob, 1, Watches::One(&alice_uri), |setup| {
            Baresip::start(setup).unwrap()
        });
        assert_eq!(peer.registration().unwrap(), Registration::Registered);
        phone.wait_for(&here).unwrap();
        peer.quit().unwrap();
        phone.wait_for(&gone).unwrap();
    }
    let log = phone.log();
    let lines = |start: &str| log.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(
        (lines("SUBSCRIBE sip:"), lines("SUBSCRIBE sip:rls@")),
        (1, 1)
    );
    assert!(lines("Content-Encoding: deflate") > 0);
    phone.quit().unwrap();
}
