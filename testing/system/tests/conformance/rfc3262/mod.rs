//! RFC 3262: reliable provisional responses, which pass.

use sip::msg::Name;

use super::ringing::{Fork, Ringing};
use super::{Case, Fault, Rfc, Site, Skipped, Verdict, ensure, is, run};
use system::agent::Dialog;

const RFC: Rfc = Rfc {
    number: 3262,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "3",
        sentence: "a reliable provisional passes with RSeq and Require, and its PRACK reaches the phone with RAck",
        check: prack,
    },
    Case {
        section: "3",
        sentence: "the copies of a reliable provisional pass, each of them",
        check: copies,
    },
    Case {
        section: "3",
        sentence: "the 100 of a proxy is never reliable, whatever the INVITE requires",
        check: own_100,
    },
    Case {
        section: "4",
        sentence: "each of several early dialogs has a PRACK of its own, which reaches its phone alone",
        check: each_its_own,
    },
];

const SKIPPED: &[Skipped] = &[Skipped {
    section: "3",
    sentence: "a reliable provisional is sent again until its PRACK comes; INVITEs that require 100rel unsupported are answered 420",
    reason: "rules for the phones; what a proxy answers itself is final, or a 100",
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

fn copies(site: &Site) -> Verdict {
    let mut call = Ringing::begin_with(site, |invite| invite.with("Supported", "100rel"))?;
    let early = call.callee.response(&call.came, 183);
    let early = early.with("RSeq", 7).with("Require", "100rel");
    for _ in 0..2 {
        call.callee.send(&early)?;
        call.caller.expect_status(&call.invite, 183)?;
    }
    is(&call.refuse(486)?, 486)
}

fn own_100(site: &Site) -> Verdict {
    let mut call = Ringing::begin_with(site, |invite| invite.with("Require", "100rel"))?;
    let trying = call.caller.expect_status(&call.invite, 100)?;
    for name in [Name::RSeq, Name::Require] {
        ensure!(trying.get(name).is_none(), "it has {}", name.as_str());
    }
    is(&call.refuse(486)?, 486)
}

fn each_its_own(site: &Site) -> Verdict {
    let mut fork = Fork::begin_with(site, &["1.0", "1.0"], |invite| {
        invite.with("Supported", "100rel")
    })?;
    let mut invites = Vec::new();
    for at in 0..2 {
        let phone = fork.phone(at)?;
        let came = phone.expect("INVITE")?;
        let early = phone.response(&came, 183);
        phone.send(&early.with("RSeq", 7 + at).with("Require", "100rel"))?;
        invites.push(came);
        let early = fork.caller.expect_status(&fork.invite, 183)?;
        let dialog = Dialog::of_caller(&fork.invite, &early);
        let mut dialog = dialog.ok_or_else(|| Fault::new("the 183 makes no dialog"))?;
        let own = format!("{} 1 INVITE", 7 + at);
        let prack = fork.caller.within(&mut dialog, "PRACK").with("RAck", &own);
        let sent = fork.caller.begin(prack)?;
        let phone = fork.phone(at)?;
        let prack = phone.expect("PRACK")?;
        ensure!(prack.text(Name::RAck) == Some(&own), "another RAck");
        phone.answer(&prack, 200)?;
        is(&fork.caller.expect_final(&sent)?, 200)?;
    }
    for (at, came) in invites.iter().enumerate() {
        fork.phone(at)?.answer(came, 486)?;
    }
    is(&fork.caller.expect_final(&fork.invite)?, 486)
}
