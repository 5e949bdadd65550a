//! RFC 3428: what is asked of a message relay, where the topology makes the home pool one.

use std::time::Duration;

use sip::msg::{Message, Name};
use system::agent::Agent;
use system::deployment::User;
use system::tls::PATIENCE;
use system::wait;

use super::super::{Case, Fault, Site, Trial, Verdict, ensure, is};
use crate::live::site::FE01;

/// What the topology of these cases has besides.
pub(super) const LINES: &str = "[sip.offline_messages]\nkeep = \"1h\"\n";
/// What is sent one after the other would have come by then.
const AT_ONCE: Duration = Duration::from_millis(300);

const CASES: &[Case] = &[
    Case {
        section: "7",
        sentence: "a message relay that stores a message answers 202, without a body or a Contact",
        check: accepted,
    },
    Case {
        section: "7",
        sentence: "a stored message comes as it was sent once its user signs in, inside and outside",
        check: delivered,
    },
    Case {
        section: "7",
        sentence: "a stored message says when it was sent, so that its Expires can be understood",
        check: dated,
    },
    Case {
        section: "7",
        sentence: "Expires counts from the Date of a message; one that has expired is not stored",
        check: expired_by_date,
    },
    Case {
        section: "7",
        sentence: "without a Date, Expires counts from the arrival; what expires while it is stored is not delivered",
        check: expires_while_stored,
    },
    Case {
        section: "7",
        sentence: "a message that its receiver refuses with a 6xx was delivered, and is not sent again",
        check: refused_for_good,
    },
    Case {
        section: "7",
        sentence: "a message that its receiver refuses with 480 was not delivered, and comes at the next registration",
        check: refused_for_now,
    },
    Case {
        section: "8",
        sentence: "of the messages to one user no more than one is outstanding at a time, the first sent first",
        check: one_at_a_time,
    },
    Case {
        section: "4",
        sentence: "a MESSAGE within a dialog is not stored",
        check: within_a_dialog,
    },
];

/// The cases, on a deployment that keeps messages.
pub(super) fn trials(site: &Site) -> Vec<Trial<'_>> {
    let trial = |case: &Case| {
        let check = case.check;
        Trial {
            section: case.section,
            sentence: case.sentence,
            check: Box::new(move |_: &Site| check(site)),
        }
    };
    CASES.iter().map(trial).collect()
}

/// Sends a message with these lines; returns the final answer.
fn send(
    sender: &mut Agent,
    to: &str,
    text: &str,
    lines: &[(&str, &str)],
) -> Result<Message, Fault> {
    let mut message = sender.request("MESSAGE", to);
    for (name, value) in lines {
        message = message.with(name, value);
    }
    let message = sender.begin(message.body("text/plain", text))?;
    Ok(sender.expect_final(&message)?)
}

/// Somebody who writes, and somebody who is away.
fn ends(site: &Site) -> Result<(Agent, User), Fault> {
    Ok((site.inside()?, site.user()))
}

fn takes(receiver: &mut Agent, text: &str, status: u16) -> Result<Message, Fault> {
    let came = receiver.expect("MESSAGE")?;
    ensure!(
        came.body() == text.as_bytes(),
        "another came: {}",
        String::from_utf8_lossy(came.body())
    );
    receiver.answer(&came, status)?;
    Ok(came)
}

fn accepted(site: &Site) -> Verdict {
    let (mut sender, away) = ends(site)?;
    let answer = send(&mut sender, &away.uri, "hello", &[])?;
    is(&answer, 202)?;
    ensure!(answer.body().is_empty(), "it has a body");
    ensure!(answer.get(Name::Contact).is_none(), "it has a Contact");
    Ok(())
}

fn delivered(site: &Site) -> Verdict {
    for is_inside in [true, false] {
        let (mut sender, away) = ends(site)?;
        let lines = [("Subject", "lunch"), ("Content-Language", "de")];
        is(
            &send(&mut sender, &away.uri, "gr\u{fc}\u{df}e", &lines)?,
            202,
        )?;
        let mut receiver = if is_inside {
            site.doors().sign_in_inside(&away)?
        } else {
            site.doors().sign_in_outside(&away)?
        };
        let came = takes(&mut receiver, "gr\u{fc}\u{df}e", 200)?;
        let from = came.from().map(|from| from.uri.to_owned());
        ensure!(from.as_deref() == Ok(sender.aor()), "it is from {from:?}");
        for (name, value) in lines {
            let has = came.named(name).and_then(|field| field.text());
            ensure!(has == Some(value), "{name} is {has:?}");
        }
    }
    Ok(())
}

fn dated(site: &Site) -> Verdict {
    const SENT: &str = "Sat, 13 Nov 2010 23:29:00 GMT";
    let (mut sender, away) = ends(site)?;
    is(&send(&mut sender, &away.uri, "1", &[("Date", SENT)])?, 202)?;
    is(
        &send(&mut sender, &away.uri, "2", &[("Expires", "600")])?,
        202,
    )?;
    let mut receiver = site.doors().sign_in_inside(&away)?;
    let came = takes(&mut receiver, "1", 200)?;
    ensure!(came.text(Name::Date) == Some(SENT), "its Date was changed");
    let came = takes(&mut receiver, "2", 200)?;
    ensure!(matches!(came.date(), Ok(Some(_))), "it has no Date");
    ensure!(
        came.text(Name::Expires) == Some("600"),
        "its Expires was changed"
    );
    Ok(())
}

fn expired_by_date(site: &Site) -> Verdict {
    let (mut sender, away) = ends(site)?;
    let lines = [
        ("Date", "Sat, 13 Nov 2010 23:29:00 GMT"),
        ("Expires", "600"),
    ];
    is(&send(&mut sender, &away.uri, "old", &lines)?, 480)
}

/// The only case whose messages expire.
fn expires_while_stored(site: &Site) -> Verdict {
    let (mut sender, away) = ends(site)?;
    is(
        &send(&mut sender, &away.uri, "brief", &[("Expires", "1")])?,
        202,
    )?;
    let expired = || {
        site.place()
            .report(FE01)
            .messages
            .filter(|kept| kept.expired > 0)
    };
    wait::until(PATIENCE, expired).ok_or_else(|| Fault::new("it does not expire"))?;
    let mut receiver = site.doors().sign_in_inside(&away)?;
    let message = sender
        .request("MESSAGE", &away.uri)
        .body("text/plain", "live");
    let message = sender.begin(message)?;
    takes(&mut receiver, "live", 200)?;
    sender.expect_status(&message, 200)?;
    Ok(())
}

/// Two messages wait, and the first is answered so.
fn first_of_two(site: &Site, status: u16) -> Result<Agent, Fault> {
    let (mut sender, away) = ends(site)?;
    for text in ["1", "2"] {
        is(&send(&mut sender, &away.uri, text, &[])?, 202)?;
    }
    let mut receiver = site.doors().sign_in_inside(&away)?;
    takes(&mut receiver, "1", status)?;
    Ok(receiver)
}

fn refused_for_good(site: &Site) -> Verdict {
    let mut receiver = first_of_two(site, 603)?;
    takes(&mut receiver, "2", 200)?;
    Ok(())
}

fn refused_for_now(site: &Site) -> Verdict {
    let mut receiver = first_of_two(site, 480)?;
    receiver.expect_none(AT_ONCE, "second message", |m| m.method_token() == "MESSAGE")?;
    let again = receiver.registration();
    let (_, answer) = receiver.prove(again)?;
    is(&answer, 200)?;
    takes(&mut receiver, "1", 200)?;
    takes(&mut receiver, "2", 200)?;
    Ok(())
}

fn one_at_a_time(site: &Site) -> Verdict {
    let (mut sender, away) = ends(site)?;
    for text in ["1", "2", "3"] {
        is(&send(&mut sender, &away.uri, text, &[])?, 202)?;
    }
    let mut receiver = site.doors().sign_in_inside(&away)?;
    for text in ["1", "2", "3"] {
        let came = receiver.expect("MESSAGE")?;
        ensure!(came.body() == text.as_bytes(), "they come in another order");
        receiver.expect_none(AT_ONCE, "second message", |m| m.method_token() == "MESSAGE")?;
        receiver.answer(&came, 200)?;
    }
    Ok(())
}

fn within_a_dialog(site: &Site) -> Verdict {
    let (mut sender, away) = ends(site)?;
    let to = format!("<{}>;tag=elsewhere", away.uri);
    let message = sender.request("MESSAGE", &away.uri).set("To", to);
    let message = sender.begin(message.body("text/plain", "in a call"))?;
    is(&sender.expect_final(&message)?, 481)
}
