//! RFC 3262: reliable provisional responses, which pass.

use sip::msg::Name;

use super::ringing::Ringing;
use super::{Case, Fault, Rfc, Site, Verdict, ensure, is, run};
use system::agent::Dialog;

const RFC: Rfc = Rfc {
    number: 3262,
    cases: &[CASES],
    skipped: &[],
};

const CASES: &[Case] = &[Case {
    section: "3",
    sentence: "a reliable provisional passes with RSeq and Require, and its PRACK reaches the phone with RAck",
    check: prack,
}];

fn prack(site: &Site) -> Verdict {
    let mut call = Ringing::begin_with(site, |invite| invite.with("Supported", "100rel"))?;
    let early = call.callee.response(&call.came, 183);
    call.callee
        .send(&early.with("RSeq", 7).with("Require", "100rel"))?;
    let early = call.caller.expect_status(&call.invite, 183)?;
    ensure!(
        early.text(Name::RSeq) == Some("7"),
        "RSeq is {:?}",
        early.text(Name::RSeq)
    );
    ensure!(early.has_token(Name::Require, "100rel"), "Require is gone");
    let dialog = Dialog::of_caller(&call.invite, &early);
    let mut dialog = dialog.ok_or_else(|| Fault::new("the 183 makes no dialog"))?;
    let prack = call
        .caller
        .within(&mut dialog, "PRACK")
        .with("RAck", "7 1 INVITE");
    let sent = call.caller.begin(prack)?;
    let came = call.callee.expect("PRACK")?;
    ensure!(
        came.text(Name::RAck) == Some("7 1 INVITE"),
        "RAck is {:?}",
        came.text(Name::RAck)
    );
    call.callee.answer(&came, 200)?;
    is(&call.caller.expect_final(&sent)?, 200)?;
    is(&call.refuse(486)?, 486)
}

#[test]
fn conforms() {
    run(&RFC);
}
