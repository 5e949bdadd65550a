//! RFC 3311: UPDATE, which passes.

use super::ringing::Ringing;
use super::{Case, Fault, Rfc, Site, Verdict, ensure, is, run};
use system::agent::Dialog;

const RFC: Rfc = Rfc {
    number: 3311,
    cases: &[CASES],
    skipped: &[],
};

const CASES: &[Case] = &[
    Case {
        section: "5.1",
        sentence: "an UPDATE in an early dialog reaches the phone with its body",
        check: early,
    },
    Case {
        section: "5.2",
        sentence: "an UPDATE of the callee reaches the caller, and its 491 comes back",
        check: glare,
    },
];

fn early(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let ringing = call.ring()?;
    let dialog = Dialog::of_caller(&call.invite, &ringing);
    let mut dialog = dialog.ok_or_else(|| Fault::new("the 180 makes no dialog"))?;
    let update = call
        .caller
        .within(&mut dialog, "UPDATE")
        .body("application/sdp", "v=0\r\n");
    let sent = call.caller.begin(update)?;
    let came = call.callee.expect("UPDATE")?;
    ensure!(came.body() == b"v=0\r\n", "the body is another");
    call.callee.answer(&came, 200)?;
    is(&call.caller.expect_final(&sent)?, 200)?;
    is(&call.refuse(486)?, 486)
}

fn glare(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let (_, mut dialog) = call.accept()?;
    let update = call.callee.within(&mut dialog, "UPDATE");
    let sent = call.callee.begin(update)?;
    let came = call.caller.expect("UPDATE")?;
    call.caller.answer(&came, 491)?;
    is(&call.callee.expect_final(&sent)?, 491)
}

#[test]
fn conforms() {
    run(&RFC);
}
