//! Two phones of different makers watch each other and see what changes, inside and across the perimeter.
//!
//! Each publishes its own state and subscribes to the other's. Baresip says in between that its user is away; Linphone,
//! whose console has no word for that, signs out.

use system::deployment::Entrance;
use system::needs::are_met;
use system::phones::{Event, Phone as _, Registration};

use super::phones::{NEEDS, Trial};

fn watch_each_other(trial: &Trial, baresip: &Entrance, linphone: &Entrance) {
    let (first, second) = (trial.account(0, baresip), trial.account(1, linphone));
    let mut bob = trial.linphone_watching(&second, Some(&first.uri()));
    assert_eq!(bob.registration().unwrap(), Registration::Registered);
    let mut alice = trial.baresip_watching(&first, Some(&second.uri()));
    assert_eq!(alice.registration().unwrap(), Registration::Registered);
    alice.wait_for(&Event::Peer { online: true }).unwrap();
    bob.wait_for(&Event::Peer { online: true }).unwrap();
    alice.show(false).unwrap();
    bob.wait_for(&Event::Peer { online: false }).unwrap();
    alice.show(true).unwrap();
    bob.wait_for(&Event::Peer { online: true }).unwrap();
    bob.quit().unwrap();
    alice.wait_for(&Event::Peer { online: false }).unwrap();
}

#[test]
fn inside_each_sees_the_other_come_and_go() {
    if !are_met("presence::inside_each_sees_the_other_come_and_go", &NEEDS) {
        return;
    }
    let trial = Trial::start();
    watch_each_other(&trial, trial.inside(), trial.inside());
}

#[test]
fn across_the_perimeter_each_sees_the_other_come_and_go() {
    if !are_met(
        "presence::across_the_perimeter_each_sees_the_other_come_and_go",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::start();
    watch_each_other(&trial, trial.inside(), trial.outside());
}
