//! RFC 3311: UPDATE, which passes.

use sip::msg::Name;

use super::ringing::Ringing;
use super::{Case, Fault, Rfc, Site, Skipped, Verdict, ensure, is, run};
use system::agent::Dialog;

const RFC: Rfc = Rfc {
    number: 3311,
    cases: &[CASES],
    skipped: &[SKIPPED],
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
    Case {
        section: "5.1",
        sentence: "an UPDATE refreshes the target: what follows goes to its Contact",
        check: refreshes_the_target,
    },
    Case {
        section: "5.2",
        sentence: "a 500 with Retry-After or a 504 of the receiver comes back as it is",
        check: refusals,
    },
];

const SKIPPED: &[Skipped] = &[Skipped {
    section: "5.2",
    sentence: "an UPDATE that crosses another is answered 491 or 500",
    reason: "a rule for the phones; their answers pass",
}];

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

fn refreshes_the_target(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let (mut here, mut there) = call.accept()?;
    let moved = format!("{};moved=1", call.caller.contact());
    let update = call.caller.within(&mut here, "UPDATE");
    let update = update.set("Contact", format_args!("<{moved}>"));
    let sent = call.caller.begin(update)?;
    let came = call.callee.expect("UPDATE")?;
    let contact = came.text(Name::Contact).unwrap_or_default().to_owned();
    call.callee.answer(&came, 200)?;
    is(&call.caller.expect_final(&sent)?, 200)?;
    there.target = contact.trim_matches(['<', '>']).to_owned();
    let bye = call.callee.within(&mut there, "BYE");
    let sent = call.callee.begin(bye)?;
    let came = call.caller.expect("BYE")?;
    ensure!(came.uri() == moved, "it is for {}", came.uri());
    call.caller.answer(&came, 200)?;
    is(&call.callee.expect_final(&sent)?, 200)
}

fn refusals(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let (mut dialog, _) = call.accept()?;
    for status in [500, 504] {
        let update = call.caller.within(&mut dialog, "UPDATE");
        let sent = call.caller.begin(update)?;
        let came = call.callee.expect("UPDATE")?;
        let refusal = call.callee.response(&came, status);
        call.callee.send(&refusal.with("Retry-After", 3))?;
        let heard = call.caller.expect_final(&sent)?;
        is(&heard, status)?;
        let wait = heard.text(Name::RetryAfter);
        ensure!(wait == Some("3"), "Retry-After is {wait:?}");
    }
    Ok(())
}
