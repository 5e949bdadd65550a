//! Section 16, responses and CANCEL: what goes back at once, what is chosen, what is ended.

use sip::msg::{Method, Name};
use system::agent::values;

use crate::conformance::ringing::{Fork, QUIET, Ringing};
use crate::conformance::{Case, Site, Skipped, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "16.7",
        sentence: "the Via of the proxy is taken off a response",
        check: via_is_taken_off,
    },
    Case {
        section: "16.7",
        sentence: "a 100 is not forwarded",
        check: a_100_stays,
    },
    Case {
        section: "16.7",
        sentence: "any other provisional response to an INVITE is forwarded at once",
        check: provisionals_pass,
    },
    Case {
        section: "16.7",
        sentence: "every 2xx to an INVITE is forwarded, also after the first",
        check: every_2xx,
    },
    Case {
        section: "16.7",
        sentence: "of final responses a 6xx is chosen before all others",
        check: a_6xx_wins,
    },
    Case {
        section: "16.7",
        sentence: "without a 6xx one of the lowest class is chosen",
        check: the_lowest_class,
    },
    Case {
        section: "16.7",
        sentence: "a final response that is no 2xx waits until all branches have answered",
        check: a_refusal_waits,
    },
    Case {
        section: "16.7",
        sentence: "the challenges of all branches are collected into the 401 or 407 that is forwarded",
        check: challenges_are_collected,
    },
    Case {
        section: "16.7",
        sentence: "a 503 from downstream is not forwarded as such",
        check: a_503_stays,
    },
    Case {
        section: "16.7",
        sentence: "after a 2xx or 6xx the pending branches are cancelled",
        check: the_others_are_cancelled,
    },
    Case {
        section: "16.7",
        sentence: "a 3xx with Contact is forwarded where the proxy does not recurse",
        check: a_3xx_passes,
    },
    Case {
        section: "16.10",
        sentence: "a CANCEL that matches is answered 200 and passed to every pending branch",
        check: a_cancel_passes,
    },
    Case {
        section: "9.2",
        sentence: "a CANCEL that matches no transaction is answered 481",
        check: a_stray_cancel,
    },
];

pub(crate) const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "16.8",
        sentence: "timer C is longer than three minutes and is put off by a 101 to 199",
        reason: "takes minutes; shown on the virtual clock (sim::forking)",
    },
    Skipped {
        section: "16.9",
        sentence: "a transport error counts as a 503",
        reason: "needs a machine that dies; shown by sim::faults and the kill tests",
    },
    Skipped {
        section: "16.6",
        sentence: "with a strict router as the next hop the Request-URI goes to the end of the Route",
        reason: "only a Path of a machine of ours can name one; shown by sim::routing",
    },
];

fn via_is_taken_off(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let refused = call.refuse(486)?;
    let vias = values(&refused, Name::Via);
    let own = call.invite.get("Via").unwrap_or_default();
    let branch = own.split("branch=").nth(1).unwrap_or_default();
    let branch = branch.split(';').next().unwrap_or_default();
    ensure!(
        vias.len() == 1 && vias.iter().all(|via| via.contains(branch)),
        "Via is {vias:?}"
    );
    Ok(())
}

fn a_100_stays(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    call.caller.expect_status(&call.invite, 100)?;
    call.callee.answer(&call.came, 100)?;
    call.caller
        .expect_none(QUIET, "100", |m| m.status() == 100)?;
    is(&call.refuse(486)?, 486)
}

fn provisionals_pass(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    for status in [180, 183, 199] {
        call.callee.answer(&call.came, status)?;
        call.caller.expect_status(&call.invite, status)?;
    }
    is(&call.refuse(486)?, 486)
}

fn every_2xx(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    for _ in 0..3 {
        call.callee.answer(&call.came, 200)?;
        call.caller.expect_status(&call.invite, 200)?;
    }
    Ok(())
}

fn a_6xx_wins(site: &Site) -> Verdict {
    let mut fork = Fork::begin(site, &["1.0", "1.0"])?;
    fork.answers(0, 486)?;
    fork.answers(1, 603)?;
    is(&fork.caller.expect_final(&fork.invite)?, 603)
}

fn the_lowest_class(site: &Site) -> Verdict {
    let mut fork = Fork::begin(site, &["1.0", "1.0"])?;
    fork.answers(0, 500)?;
    fork.answers(1, 486)?;
    is(&fork.caller.expect_final(&fork.invite)?, 486)
}

fn a_refusal_waits(site: &Site) -> Verdict {
    let mut fork = Fork::begin(site, &["1.0", "1.0"])?;
    fork.answers(0, 486)?;
    let final_one = |m: &sip::msg::Message| m.status() >= 200;
    fork.caller
        .expect_none(QUIET, "a final response", final_one)?;
    fork.answers(1, 200)?;
    is(&fork.caller.expect_final(&fork.invite)?, 200)
}

fn challenges_are_collected(site: &Site) -> Verdict {
    let mut fork = Fork::begin(site, &["1.0", "1.0"])?;
    for (at, status, name) in [(0, 401, "WWW-Authenticate"), (1, 407, "Proxy-Authenticate")] {
        let phone = fork.phone(at)?;
        let came = phone.expect("INVITE")?;
        let challenge = format!("Digest realm=\"phone{at}\", nonce=\"n\"");
        let refused = phone.response(&came, status).with(name, challenge);
        phone.send(&refused)?;
    }
    let refused = fork.caller.expect_final(&fork.invite)?;
    for (name, realm) in [
        (Name::WwwAuthenticate, "phone0"),
        (Name::ProxyAuthenticate, "phone1"),
    ] {
        let text = refused.text(name).unwrap_or_default();
        ensure!(text.contains(realm), "{} is {text:?}", name.as_str());
    }
    Ok(())
}

fn a_503_stays(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    is(&call.refuse(503)?, 500)
}

fn the_others_are_cancelled(site: &Site) -> Verdict {
    for status in [200, 603] {
        let mut fork = Fork::begin(site, &["1.0", "1.0"])?;
        let rings = fork.answers(0, 180)?;
        fork.answers(1, status)?;
        let phone = fork.phone(0)?;
        let cancel = phone.expect("CANCEL")?;
        ensure!(
            cancel.via()?.branch() == rings.via()?.branch(),
            "the CANCEL has another branch"
        );
        phone.answer(&cancel, 200)?;
        phone.answer(&rings, 487)?;
        is(&fork.caller.expect_final(&fork.invite)?, status)?;
    }
    Ok(())
}

fn a_3xx_passes(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let moved = call.refuse(302)?;
    is(&moved, 302)?;
    ensure!(moved.get(Name::Contact).is_some(), "Contact is gone");
    Ok(())
}

fn a_cancel_passes(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    call.ring()?;
    let cancel = call.caller.cancel(&call.invite);
    call.caller.send(&cancel)?;
    let came = call.callee.expect("CANCEL")?;
    call.callee.answer(&came, 200)?;
    let answered = |m: &sip::msg::Message| m.status() == 200 && m.method() == Method::Cancel;
    call.caller
        .take(system::tls::PATIENCE, "200 to CANCEL", answered)?;
    is(&call.refuse(487)?, 487)
}

fn a_stray_cancel(site: &Site) -> Verdict {
    let (mut caller, callee) = (site.inside()?, site.inside()?);
    let never = caller.request("INVITE", callee.aor());
    let cancel = caller.cancel(&never);
    is(&caller.ask(&cancel)?, 481)
}
