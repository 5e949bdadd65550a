//! RFC 4320: non-INVITE transactions.

use std::time::Duration;

use super::ringing::QUIET;
use super::{Case, Rfc, Site, Skipped, Verdict, run};

const RFC: Rfc = Rfc {
    number: 4320,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "4.1",
        sentence: "no provisional but 100 is sent to a non-INVITE request",
        check: no_ringing_for_a_message,
    },
    Case {
        section: "4.1",
        sentence: "a non-INVITE request that is not answered by the time timer E reaches T2 gets a 100",
        check: patience,
    },
    Case {
        section: "4.1",
        sentence: "over UDP no 100 is sent to a non-INVITE request before timer E has reached T2, however often it comes",
        check: not_before,
    },
    Case {
        section: "4.2",
        sentence: "a 408 of a phone to a non-INVITE request is not passed on",
        check: no_408,
    },
];

const SKIPPED: &[Skipped] = &[Skipped {
    section: "4.2",
    sentence: "no 408 is sent to a non-INVITE request, and no response after its transaction has ended",
    reason: "takes more than half a minute; shown on the virtual clock (sim::calls)",
}];

fn no_ringing_for_a_message(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let sent = caller.request("MESSAGE", callee.aor());
    let sent = caller.begin(sent)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 183)?;
    caller.expect_none(QUIET, "183", |m| m.status() == 183)?;
    callee.answer(&came, 200)?;
    caller.expect_status(&sent, 200)?;
    Ok(())
}

fn patience(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let sent = caller.request("MESSAGE", callee.aor());
    let sent = caller.begin(sent)?;
    let came = callee.expect("MESSAGE")?;
    caller.expect_none(Duration::from_secs(2), "an early 100", |m| {
        m.status() == 100
    })?;
    caller.expect_status(&sent, 100)?;
    callee.answer(&came, 200)?;
    caller.expect_status(&sent, 200)?;
    Ok(())
}

#[test]
fn conforms() {
    run(&RFC);
}

fn not_before(site: &Site) -> Verdict {
    let (user, mut callee) = (site.user(), site.inside()?);
    let mut caller = site.over_udp()?.acting_for(&user);
    let registration = caller.registration();
    caller.sign_in(registration)?;
    let sent = caller.request("MESSAGE", callee.aor());
    let sent = caller.begin(sent)?;
    let came = callee.expect("MESSAGE")?;
    for _ in 0..3 {
        caller.send(&sent)?;
        caller.expect_none(Duration::from_millis(700), "an early 100", |m| {
            m.status() == 100
        })?;
    }
    callee.answer(&came, 200)?;
    caller.expect_status(&sent, 200)?;
    callee.expect_none(QUIET, "a second MESSAGE", sip::msg::Message::is_request)?;
    Ok(())
}

fn no_408(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let sent = caller.request("MESSAGE", callee.aor());
    let sent = caller.begin(sent)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 408)?;
    caller.expect_none(QUIET, "a final response", |m| m.status() >= 200)?;
    // The connection is served as before.
    let next = caller.request("MESSAGE", callee.aor());
    let next = caller.begin(next)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    caller.expect_status(&next, 200)?;
    drop(sent);
    Ok(())
}
