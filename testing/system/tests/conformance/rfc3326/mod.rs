//! RFC 3326: Reason.

use sip::msg::Name;

use super::ringing::{Fork, Ringing};
use super::{Case, Rfc, Site, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 3326,
    cases: &[CASES],
    skipped: &[],
};

const CASES: &[Case] = &[
    Case {
        section: "3.1",
        sentence: "the Reason of a CANCEL goes with the CANCEL that the proxy sends for it",
        check: of_a_cancel,
    },
    Case {
        section: "3.1",
        sentence: "a phone that is cancelled since another answered is told cause 200",
        check: completed_elsewhere,
    },
    Case {
        section: "2",
        sentence: "the Reason of a BYE passes as it is",
        check: of_a_bye,
    },
    Case {
        section: "2",
        sentence: "several reasons, and those of protocols that are not known, pass as they are",
        check: several,
    },
];

const REASON: &str = "Q.850;cause=16;text=\"Terminated\", SIP;cause=580";

fn of_a_cancel(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    call.ring()?;
    let cancel = call.caller.cancel(&call.invite).with("Reason", REASON);
    call.caller.send(&cancel)?;
    let came = call.callee.expect("CANCEL")?;
    let reason = came.text(Name::Reason);
    ensure!(reason == Some(REASON), "Reason is {reason:?}");
    call.callee.answer(&came, 200)?;
    is(&call.refuse(487)?, 487)
}

fn completed_elsewhere(site: &Site) -> Verdict {
    let mut fork = Fork::begin(site, &["1.0", "1.0"])?;
    let rings = fork.answers(0, 180)?;
    fork.answers(1, 200)?;
    let phone = fork.phone(0)?;
    let cancel = phone.expect("CANCEL")?;
    let reason = cancel.text(Name::Reason).unwrap_or_default();
    ensure!(
        reason.starts_with("SIP") && reason.contains("cause=200"),
        "Reason is {reason:?}"
    );
    phone.answer(&cancel, 200)?;
    phone.answer(&rings, 487)?;
    Ok(())
}

fn of_a_bye(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let (mut dialog, _) = call.accept()?;
    let bye = call
        .caller
        .within(&mut dialog, "BYE")
        .with("Reason", REASON);
    let sent = call.caller.begin(bye)?;
    let came = call.callee.expect("BYE")?;
    let reason = came.text(Name::Reason);
    ensure!(reason == Some(REASON), "Reason is {reason:?}");
    call.callee.answer(&came, 200)?;
    is(&call.caller.expect_final(&sent)?, 200)
}

#[test]
fn conforms() {
    run(&RFC);
}

fn several(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let (mut dialog, _) = call.accept()?;
    let reasons = [
        "Q.850;cause=16;text=\"Terminated\"",
        "SIP;cause=600",
        "X-ours;cause=7",
    ];
    let bye = call.caller.within(&mut dialog, "BYE");
    let bye = reasons.iter().fold(bye, |bye, one| bye.with("Reason", one));
    let sent = call.caller.begin(bye)?;
    let came = call.callee.expect("BYE")?;
    let said = system::agent::values(&came, Name::Reason);
    ensure!(said == reasons, "Reason is {said:?}");
    call.callee.answer(&came, 200)?;
    is(&call.caller.expect_final(&sent)?, 200)
}
