//! RFC 6026: 2xx responses to INVITE.

use super::ringing::{QUIET, Ringing};
use super::{Case, Rfc, Site, Skipped, Verdict, run};

const RFC: Rfc = Rfc {
    number: 6026,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "7.1",
        sentence: "an INVITE that comes again after its 2xx is absorbed",
        check: an_invite_after_its_2xx,
    },
    Case {
        section: "7.1",
        sentence: "a 2xx that comes again is passed on by the accepted transaction",
        check: a_2xx_again,
    },
    Case {
        section: "7.2",
        sentence: "what is no 2xx is dropped once a 2xx has come",
        check: nothing_after_a_2xx,
    },
    Case {
        section: "7.3",
        sentence: "a 2xx that matches no transaction is not forwarded",
        check: a_stray_2xx,
    },
];

const SKIPPED: &[Skipped] = &[Skipped {
    section: "7.1",
    sentence: "timers L and M keep the accepted state for 64 * T1",
    reason: "takes half a minute; shown on the virtual clock (txn::client, txn::server)",
}];

fn an_invite_after_its_2xx(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    call.accept()?;
    call.caller.send(&call.invite)?;
    call.callee
        .expect_none(QUIET, "INVITE", |m| m.is_request())?;
    Ok(())
}

fn a_2xx_again(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    call.accept()?;
    call.callee.answer(&call.came, 200)?;
    call.caller.expect_status(&call.invite, 200)?;
    Ok(())
}

fn nothing_after_a_2xx(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    call.accept()?;
    call.callee.answer(&call.came, 486)?;
    call.callee.answer(&call.came, 180)?;
    call.caller.expect_none(QUIET, "a late response", |m| {
        m.status() > 100 && m.status() != 200
    })?;
    Ok(())
}

fn a_stray_2xx(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let accepted = call.callee.response(&call.came, 200);
    let branch = call.came.via()?.branch().unwrap_or_default().to_owned();
    let via = accepted
        .get("Via")
        .unwrap_or_default()
        .replace(&branch, "z9hG4bKnever-sent");
    let stray = accepted.set("Via", via);
    call.callee.send(&stray)?;
    call.caller
        .expect_none(QUIET, "200", |m| m.status() == 200)?;
    call.refuse(486)?;
    Ok(())
}

#[test]
fn conforms() {
    run(&RFC);
}
