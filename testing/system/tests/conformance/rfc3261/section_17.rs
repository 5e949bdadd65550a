//! Section 17: transactions, over a reliable transport.

use std::time::Duration;

use sip::msg::{Method, Name};
use system::agent::values;

use crate::conformance::ringing::{QUIET, Ringing};
use crate::conformance::{Case, Site, Skipped, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "17.2.1",
        sentence: "an INVITE that is not answered within 200 ms gets a 100",
        check: trying_at_once,
    },
    Case {
        section: "17.2.1",
        sentence: "an INVITE that comes again gets the latest provisional response and goes no further",
        check: an_invite_again,
    },
    Case {
        section: "17.2.2",
        sentence: "another request that comes again while it is being answered is not carried out twice",
        check: a_request_again,
    },
    Case {
        section: "17.1.1.3",
        sentence: "the ACK for a refusal has the Request-URI, Call-ID, From and top Via of the INVITE, only that Via, and \
                   the To of the response",
        check: the_ack_of_a_refusal,
    },
    Case {
        section: "17.1.1.2",
        sentence: "a refusal that comes again is acknowledged again and not passed on again",
        check: a_refusal_again,
    },
    Case {
        section: "17.1.3",
        sentence: "a response matches by branch and method: with a branch that was never sent it is dropped",
        check: a_foreign_branch,
    },
    Case {
        section: "17.2.3",
        sentence: "the ACK for a refusal of ours ends there",
        check: an_ack_ends_here,
    },
    Case {
        section: "13.3.1.4",
        sentence: "the ACK for a 2xx passes end to end",
        check: an_ack_passes,
    },
];

pub(crate) const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "17.1.1.2",
        sentence: "timers A, B and D of the INVITE client",
        reason: "takes half a minute and loss; shown on the virtual clock (sim::transactions, txn::client)",
    },
    Skipped {
        section: "17.1.2.2",
        sentence: "timers E, F and K of the non-INVITE client",
        reason: "as above",
    },
    Skipped {
        section: "17.2",
        sentence: "timers G, H, I and J of the servers",
        reason: "as above (sim::transactions, txn::server)",
    },
];

fn trying_at_once(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    call.caller.expect_status(&call.invite, 100)?;
    is(&call.refuse(486)?, 486)
}

fn an_invite_again(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    call.ring()?;
    call.caller.send(&call.invite)?;
    call.caller.expect_status(&call.invite, 180)?;
    call.callee
        .expect_none(QUIET, "INVITE", |m| m.is_request())?;
    is(&call.refuse(486)?, 486)
}

fn a_request_again(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let sent = caller.request("MESSAGE", callee.aor());
    let sent = caller.begin(sent)?;
    let came = callee.expect("MESSAGE")?;
    caller.send(&sent)?;
    callee.expect_none(QUIET, "MESSAGE", |m| m.is_request())?;
    callee.answer(&came, 200)?;
    caller.expect_status(&sent, 200)?;
    Ok(())
}

fn the_ack_of_a_refusal(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let refused = call.callee.answer(&call.came, 486)?;
    let ack = call.callee.expect("ACK")?;
    let (came, vias) = (&call.came, values(&ack, Name::Via));
    ensure!(ack.uri() == came.uri(), "the Request-URI is {}", ack.uri());
    ensure!(
        vias.len() == 1 && vias.first() == values(came, Name::Via).first(),
        "Via is {vias:?}"
    );
    for name in [Name::CallId, Name::From] {
        ensure!(
            ack.text(name) == came.text(name),
            "{} differs",
            name.as_str()
        );
    }
    ensure!(
        ack.text(Name::To) == refused.get("To"),
        "To is {:?}",
        ack.text(Name::To)
    );
    ensure!(
        ack.cseq()?.number == came.cseq()?.number,
        "CSeq has another number"
    );
    is(&call.caller.expect_final(&call.invite)?, 486)
}

fn a_refusal_again(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    call.callee.answer(&call.came, 486)?;
    call.callee.expect("ACK")?;
    call.caller.expect_status(&call.invite, 486)?;
    call.callee.answer(&call.came, 486)?;
    call.caller
        .expect_none(QUIET, "486", |m| m.status() == 486)?;
    Ok(())
}

fn a_foreign_branch(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let ringing = call.callee.response(&call.came, 180);
    let top = ringing.get("Via").unwrap_or_default();
    let branch = call.came.via()?.branch().unwrap_or_default().to_owned();
    let other = top.replace(&branch, "z9hG4bKnever-sent");
    let forged = ringing.set("Via", other);
    call.callee.send(&forged)?;
    call.caller
        .expect_none(QUIET, "180", |m| m.status() == 180)?;
    is(&call.refuse(486)?, 486)
}

fn an_ack_ends_here(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let invite = caller
        .request("INVITE", callee.aor())
        .set("Max-Forwards", 0);
    let refused = caller.ask(&invite)?;
    is(&refused, 483)?;
    caller.acknowledge(&invite, &refused)?;
    let is_ack = |m: &sip::msg::Message| m.method() == Method::Ack;
    callee.expect_none(QUIET, "ACK", is_ack)?;
    caller.expect_none(Duration::from_millis(50), "an answer to the ACK", |_| true)?;
    Ok(())
}

fn an_ack_passes(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let (_, callee) = call.accept()?;
    ensure!(!callee.route.is_empty(), "there is no route back");
    Ok(())
}
