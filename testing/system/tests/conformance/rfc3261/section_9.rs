//! Section 9: CANCEL.

use sip::msg::Name;
use system::agent::{Agent, Draft, values};

use crate::conformance::{Case, Fault, Site, Skipped, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "9.2",
        sentence: "a CANCEL that belongs to a request is answered 200 at once",
        check: is_answered,
    },
    Case {
        section: "9.2",
        sentence: "CANCEL reaches who rings, and the caller hears 487",
        check: reaches_who_rings,
    },
    Case {
        section: "9.1",
        sentence: "the CANCEL of a proxy has one Via, that of the request it cancels, and its Request-URI, Call-ID, To, From and number",
        check: looks_like_its_request,
    },
    Case {
        section: "9.2",
        sentence: "CANCEL changes nothing after a final answer",
        check: comes_too_late,
    },
    Case {
        section: "9.1",
        sentence: "CANCEL of a request that is not INVITE stops nothing",
        check: of_another_method,
    },
];

pub(crate) const SKIPPED: &[Skipped] = &[Skipped {
    section: "9.1",
    sentence: "a client waits for a provisional answer before it sends CANCEL",
    reason: "nothing that a proxy receives shows it; the cancelling leg is shown in the simulations",
}];

fn ringing(site: &Site) -> Result<(Agent, Agent, Draft, sip::msg::Message), Fault> {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let invite = caller.request("INVITE", callee.aor());
    let invite = caller.begin(invite)?;
    let asked = callee.expect("INVITE")?;
    callee.answer(&asked, 180)?;
    caller.expect_status(&invite, 180)?;
    Ok((caller, callee, invite, asked))
}

fn is_answered(site: &Site) -> Verdict {
    let (mut caller, _callee, invite, _) = ringing(site)?;
    let cancel = caller.cancel(&invite);
    let answer = caller.ask(&cancel)?;
    is(&answer, 200)?;
    ensure!(
        answer.cseq()?.method == "CANCEL",
        "it is the answer to {}",
        answer.cseq()?.method
    );
    Ok(())
}

fn reaches_who_rings(site: &Site) -> Verdict {
    let (mut caller, mut callee, invite, asked) = ringing(site)?;
    let cancel = caller.cancel(&invite);
    is(&caller.ask(&cancel)?, 200)?;
    let cancelled = callee.expect("CANCEL")?;
    callee.answer(&cancelled, 200)?;
    callee.answer(&asked, 487)?;
    callee.expect("ACK")?;
    let answer = caller.expect_final(&invite)?;
    is(&answer, 487)?;
    caller.acknowledge(&invite, &answer)?;
    Ok(())
}

fn looks_like_its_request(site: &Site) -> Verdict {
    let (mut caller, mut callee, invite, asked) = ringing(site)?;
    let cancel = caller.cancel(&invite);
    caller.send(&cancel)?;
    let came = callee.expect("CANCEL")?;
    let vias = values(&came, Name::Via);
    ensure!(
        vias.len() == 1 && Some(&vias[0]) == values(&asked, Name::Via).first(),
        "Via is {vias:?}"
    );
    ensure!(came.uri() == asked.uri(), "it goes to {}", came.uri());
    for name in [Name::From, Name::To, Name::CallId] {
        ensure!(
            came.text(name) == asked.text(name),
            "{name} is {:?}",
            came.text(name)
        );
    }
    ensure!(
        came.cseq()?.number == asked.cseq()?.number,
        "CSeq is {:?}",
        came.text(Name::CSeq)
    );
    Ok(())
}

fn comes_too_late(site: &Site) -> Verdict {
    let (mut caller, mut callee, invite, asked) = ringing(site)?;
    callee.answer(&asked, 200)?;
    let ok = caller.expect_status(&invite, 200)?;
    let cancel = caller.cancel(&invite);
    caller.send(&cancel)?;
    let mut call = caller.confirm(&invite, &ok)?;
    // What comes to the callee in this order shows that no CANCEL came between.
    callee.expect("ACK")?;
    let bye = caller.within(&mut call, "BYE");
    let bye = caller.begin(bye)?;
    let first = callee.take(system::tls::PATIENCE, "BYE", |message| message.is_request())?;
    ensure!(
        first.method_token() == "BYE",
        "{} came",
        first.method_token()
    );
    callee.answer(&first, 200)?;
    caller.expect_status(&bye, 200)?;
    Ok(())
}

fn of_another_method(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let request = caller.request("MESSAGE", callee.aor());
    let request = caller.begin(request)?;
    let came = callee.expect("MESSAGE")?;
    let cancel = caller.cancel(&request);
    caller.send(&cancel)?;
    callee.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    Ok(())
}
