//! Real phones write to somebody who is away and get what others wrote to them meanwhile, where the topology keeps messages.

use std::time::Duration;

use system::needs::are_met;
use system::phones::{Baresip, Event, Linphone, Phone, Registration, Watches};
use system::wait;

use super::phones::{NEEDS, Trial};

const PATIENCE: Duration = Duration::from_secs(20);
const LINES: &str = "[sip.offline_messages]\nkeep = \"1h\"";

/// Writes to somebody who is away and waits until that was accepted `times` in all.
fn write(phone: &mut dyn Phone, to: &str, text: &str, times: usize) {
    phone.send_message(to, text).unwrap();
    let accepted = |phone: &dyn Phone| {
        let log = phone.log();
        let answers = log.iter().filter(|line| line.starts_with("SIP/2.0 202 "));
        (answers.count() >= times).then_some(())
    };
    wait::until(PATIENCE, || accepted(phone)).expect("it is kept for them");
}

fn signed_in<P: Phone>(mut phone: P) -> P {
    assert_eq!(phone.registration().unwrap(), Registration::Registered);
    phone
}

#[test]
fn a_phone_gets_what_was_written_while_it_was_away() {
    if !are_met(
        "away::a_phone_gets_what_was_written_while_it_was_away",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::with_lines(LINES);
    let [alice, bob] = [0, 1].map(|user| trial.account(user, trial.inside()));
    let baresip = |last| {
        signed_in(trial.with(&alice, last, Watches::Nobody, |s| {
            Baresip::start(s).unwrap()
        }))
    };
    let linphone =
        |last| signed_in(trial.with(&bob, last, Watches::Nobody, |s| Linphone::start(s).unwrap()));

    // Never there so far; two, so that their order shows.
    let mut mobile = linphone(2);
    write(&mut mobile, &alice.uri(), "the first", 1);
    write(&mut mobile, &alice.uri(), "the second", 2);
    let mut desk = baresip(1);
    for text in ["the first", "the second"] {
        desk.wait_for(&Event::Message(text.to_owned())).unwrap();
    }

    // Signed out.
    desk.quit().unwrap();
    write(&mut mobile, &alice.uri(), "the third", 3);
    let mut desk = baresip(3);
    desk.wait_for(&Event::Message("the third".to_owned()))
        .unwrap();

    // Gone without a word.
    drop(mobile);
    write(&mut desk, &bob.uri(), "the fourth", 1);
    let mut mobile = linphone(4);
    mobile
        .wait_for(&Event::Message("the fourth".to_owned()))
        .unwrap();
}
