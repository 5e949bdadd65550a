//! RFC 5393: amplification, loops and breadth.

use sip::msg::Name;
use system::agent::values;

use super::ringing::{Fork, QUIET, Ringing};
use super::{Case, Fault, Rfc, Site, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 5393,
    cases: &[CASES],
    skipped: &[],
};

const CASES: &[Case] = &[
    Case {
        section: "4.2",
        sentence: "a loop is found by the digest in the branch, whatever happened in between",
        check: a_loop,
    },
    Case {
        section: "4.2",
        sentence: "a spiral, with another Request-URI, is no loop",
        check: a_spiral,
    },
    Case {
        section: "4.2",
        sentence: "the method is not part of the digest",
        check: a_cancel_has_the_branch,
    },
    Case {
        section: "5.3.3",
        sentence: "a request without Max-Breadth is forwarded with one of 60",
        check: breadth_is_added,
    },
    Case {
        section: "5.3.3",
        sentence: "the sum of Max-Breadth over the branches is not more than what came",
        check: breadth_is_shared,
    },
    Case {
        section: "5.3.3",
        sentence: "a fork wider than Max-Breadth is answered 440",
        check: breadth_is_exhausted,
    },
    Case {
        section: "5.3.3",
        sentence: "a request for one target keeps the Max-Breadth that it came with",
        check: breadth_is_kept,
    },
    Case {
        section: "5.3.3",
        sentence: "a request with Max-Breadth 0 goes to nobody",
        check: no_breadth,
    },
    Case {
        section: "5.3.3",
        sentence: "one group after another may use the whole breadth, since the one before has ended",
        check: breadth_is_whole_again,
    },
    Case {
        section: "4.2",
        sentence: "a request whose Via repeats without our branch is no loop: Via alone proves nothing",
        check: a_name_is_no_loop,
    },
];

fn top_via(call: &Ringing) -> Result<String, Fault> {
    let via = values(&call.came, Name::Via).into_iter().next();
    via.ok_or_else(|| Fault::new("no Via"))
}

fn a_loop(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let again = call.caller.request("MESSAGE", call.callee.aor());
    let again = again
        .with("Via", "SIP/2.0/TLS between.invalid;branch=z9hG4bKbetween")
        .with("Via", top_via(&call)?);
    is(&call.caller.ask(&again)?, 482)?;
    is(&call.refuse(486)?, 486)
}

fn a_spiral(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let mut third = site.inside()?;
    let again = call.caller.request("MESSAGE", third.aor());
    let again = call.caller.begin(again.with("Via", top_via(&call)?))?;
    let came = third.expect("MESSAGE")?;
    third.answer(&came, 200)?;
    call.caller.expect_status(&again, 200)?;
    is(&call.refuse(486)?, 486)
}

fn a_cancel_has_the_branch(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    call.ring()?;
    let cancel = call.caller.cancel(&call.invite);
    call.caller.send(&cancel)?;
    let cancel = call.callee.expect("CANCEL")?;
    let (one, other) = (cancel.via()?.branch(), call.came.via()?.branch());
    ensure!(one == other, "the branches are {one:?} and {other:?}");
    call.callee.answer(&cancel, 200)?;
    is(&call.refuse(487)?, 487)
}

fn breadth_is_added(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let breadth = call.came.text(Name::MaxBreadth).map(str::to_owned);
    ensure!(
        breadth.as_deref() == Some("60"),
        "Max-Breadth is {breadth:?}"
    );
    is(&call.refuse(486)?, 486)
}

fn breadth_is_shared(site: &Site) -> Verdict {
    let mut fork = Fork::begin_with(site, &["1.0", "1.0"], |i| i.with("Max-Breadth", 7))?;
    let mut sum = 0;
    for phone in 0..2 {
        let came = fork.answers(phone, 486)?;
        let share: u32 = came.text(Name::MaxBreadth).unwrap_or("0").parse()?;
        ensure!(share > 0, "a branch has no breadth");
        sum += share;
    }
    ensure!(sum <= 7, "the sum is {sum}");
    is(&fork.caller.expect_final(&fork.invite)?, 486)
}

fn breadth_is_exhausted(site: &Site) -> Verdict {
    let mut fork = Fork::begin_with(site, &["1.0", "1.0"], |i| i.with("Max-Breadth", 1))?;
    is(&fork.caller.expect_final(&fork.invite)?, 440)
}

#[test]
fn conforms() {
    run(&RFC);
}

fn breadth_is_kept(site: &Site) -> Verdict {
    let mut call = Ringing::begin_with(site, |invite| invite.with("Max-Breadth", 3))?;
    let breadth = call.came.text(Name::MaxBreadth).map(str::to_owned);
    ensure!(
        breadth.as_deref() == Some("3"),
        "Max-Breadth is {breadth:?}"
    );
    is(&call.refuse(486)?, 486)
}

fn no_breadth(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let request = caller.request("MESSAGE", callee.aor());
    is(&caller.ask(&request.with("Max-Breadth", 0))?, 440)?;
    callee.expect_none(QUIET, "a MESSAGE", sip::msg::Message::is_request)?;
    Ok(())
}

fn breadth_is_whole_again(site: &Site) -> Verdict {
    let mut fork = Fork::begin_with(site, &["1.0", "0.5"], |i| i.with("Max-Breadth", 1))?;
    for phone in 0..2 {
        let came = fork.answers(phone, 486)?;
        let breadth = came.text(Name::MaxBreadth);
        ensure!(breadth == Some("1"), "Max-Breadth is {breadth:?}");
    }
    is(&fork.caller.expect_final(&fork.invite)?, 486)
}

fn a_name_is_no_loop(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let mut own = top_via(&call)?;
    own.replace_range(
        own.find(";branch=").unwrap_or(own.len())..,
        ";branch=z9hG4bKanother",
    );
    let again = call.caller.request("MESSAGE", call.callee.aor());
    let again = call.caller.begin(again.with("Via", own))?;
    let came = call.callee.expect("MESSAGE")?;
    call.callee.answer(&came, 200)?;
    call.caller.expect_status(&again, 200)?;
    is(&call.refuse(486)?, 486)
}
