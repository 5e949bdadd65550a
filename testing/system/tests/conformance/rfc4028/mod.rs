//! RFC 4028: session timers, which are between the phones: a proxy that asks for none changes nothing.

use sip::msg::Name;

use super::ringing::Ringing;
use super::{Case, Rfc, Site, Skipped, Verdict, ensure, is, run};
use system::agent::Call;

const RFC: Rfc = Rfc {
    number: 4028,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "8.1",
        sentence: "Session-Expires and Min-SE pass as they came",
        check: the_offer_passes,
    },
    Case {
        section: "8.2",
        sentence: "the refresher that the phone chose passes as it came",
        check: the_answer_passes,
    },
    Case {
        section: "6",
        sentence: "a 422 of the phone comes back with its Min-SE",
        check: too_small,
    },
    Case {
        section: "8.1",
        sentence: "a request that requires timer passes, and the Require with it",
        check: required,
    },
    Case {
        section: "8.1",
        sentence: "an interval below any minimum is the phones' affair: no 422 of a proxy that asks for none",
        check: any_interval,
    },
    Case {
        section: "10",
        sentence: "a refresh by re-INVITE or UPDATE reaches the other end from either side",
        check: refreshes,
    },
    Case {
        section: "8.1",
        sentence: "a request without Session-Expires gets none",
        check: none_is_added,
    },
    Case {
        section: "8.2",
        sentence: "a 2xx without Session-Expires gets none",
        check: none_in_the_answer,
    },
];

const SKIPPED: &[Skipped] = &[Skipped {
    section: "8.1",
    sentence: "a proxy that lowers the interval or asks for a timer follows the rules for that",
    reason: "ours does neither: a dialog costs it nothing that a timer would free",
}];

fn the_offer_passes(site: &Site) -> Verdict {
    let mut call = Ringing::begin_with(site, |invite| {
        invite
            .with("Session-Expires", "1800;refresher=uac")
            .with("Min-SE", 90)
    })?;
    let came = (
        call.came.text(Name::SessionExpires),
        call.came.text(Name::MinSe),
    );
    ensure!(
        came == (Some("1800;refresher=uac"), Some("90")),
        "it came as {came:?}"
    );
    is(&call.refuse(486)?, 486)
}

fn the_answer_passes(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let accepted = call.callee.response(&call.came, 200);
    let accepted = accepted
        .with("Session-Expires", "900;refresher=uas")
        .with("Require", "timer");
    call.callee.send(&accepted)?;
    let heard = call.caller.expect_status(&call.invite, 200)?;
    let interval = heard.text(Name::SessionExpires);
    ensure!(
        interval == Some("900;refresher=uas"),
        "Session-Expires is {interval:?}"
    );
    ensure!(heard.has_token(Name::Require, "timer"), "Require is gone");
    Ok(())
}

fn required(site: &Site) -> Verdict {
    let mut call = Ringing::begin_with(site, |invite| {
        invite.with("Require", "timer").with("Session-Expires", 90)
    })?;
    let passes = call.came.has_token(Name::Require, "timer");
    ensure!(passes, "Require is gone");
    is(&call.refuse(486)?, 486)
}

fn any_interval(site: &Site) -> Verdict {
    let mut call = Ringing::begin_with(site, |invite| {
        let offers = invite.with("Supported", "timer");
        offers.with("Session-Expires", 1)
    })?;
    let interval = call.came.text(Name::SessionExpires).map(str::to_owned);
    ensure!(interval.as_deref() == Some("1"), "it is {interval:?}");
    is(&call.refuse(486)?, 486)
}

fn refreshes(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.outside()?)?;
    for method in ["INVITE", "UPDATE"] {
        call.caller_asks(method, 200)?;
        call.callee_asks(method, 200)?;
    }
    Ok(())
}

fn too_small(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let refused = call.callee.response(&call.came, 422).with("Min-SE", 3600);
    call.callee.send(&refused)?;
    let heard = call.caller.expect_final(&call.invite)?;
    is(&heard, 422)?;
    ensure!(
        heard.text(Name::MinSe) == Some("3600"),
        "Min-SE is {:?}",
        heard.text(Name::MinSe)
    );
    Ok(())
}

fn none_is_added(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    ensure!(
        call.came.get(Name::SessionExpires).is_none(),
        "there is one"
    );
    is(&call.refuse(486)?, 486)
}

#[test]
fn conforms() {
    run(&RFC);
}

fn none_in_the_answer(site: &Site) -> Verdict {
    let mut call = Ringing::begin_with(site, |invite| {
        invite
            .with("Supported", "timer")
            .with("Session-Expires", 1800)
    })?;
    let accepted = call.callee.answer(&call.came, 200)?;
    ensure!(accepted.get("Session-Expires").is_none(), "the phone asks");
    let heard = call.caller.expect_status(&call.invite, 200)?;
    for name in [Name::SessionExpires, Name::Require] {
        ensure!(heard.get(name).is_none(), "it has {}", name.as_str());
    }
    Ok(())
}
