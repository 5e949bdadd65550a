//! Sections 13, 14 and 15: sessions begin, change and end through servers of ours.

use sip::msg::Name;

use crate::conformance::{Case, Site, Verdict, ensure, is};
use system::agent::{Call, SDP};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "13.2.1",
        sentence: "the offer in an INVITE and the answer in its 200 pass byte for byte",
        check: offer_and_answer,
    },
    Case {
        section: "13.3.1.1",
        sentence: "each provisional answer comes to the caller, in its order",
        check: provisional_answers,
    },
    Case {
        section: "13.3.1.3",
        sentence: "a callee that is busy is heard, with all it says",
        check: busy,
    },
    Case {
        section: "13.3.1.4",
        sentence: "a 200 that is sent again is passed again, and so is the ACK",
        check: two_hundred_again,
    },
    Case {
        section: "13.2.2.3",
        sentence: "the proxy itself acknowledges a final answer other than 2xx",
        check: acknowledged_by_the_proxy,
    },
    Case {
        section: "14.1",
        sentence: "either side changes a session by INVITE within the dialog",
        check: reinvite,
    },
    Case {
        section: "14.2",
        sentence: "491 to an INVITE within a dialog comes back, and the call goes on",
        check: glare,
    },
    Case {
        section: "14.2",
        sentence: "488 to an INVITE within a dialog comes back, and the call goes on",
        check: not_acceptable,
    },
    Case {
        section: "15.1.1",
        sentence: "the caller ends a call by BYE",
        check: caller_ends,
    },
    Case {
        section: "15.1.1",
        sentence: "the callee ends a call by BYE",
        check: callee_ends,
    },
    Case {
        section: "15.1.2",
        sentence: "481 to a BYE comes back to who sent it",
        check: bye_for_nothing,
    },
];

fn offer_and_answer(site: &Site) -> Verdict {
    let call = Call::between(site.inside()?, site.outside()?)?;
    for message in [&call.asked, &call.ok] {
        ensure!(
            message.body() == SDP.as_bytes(),
            "it came as {:?}",
            String::from_utf8_lossy(message.body())
        );
        ensure!(
            message.text(Name::ContentType) == Some("application/sdp"),
            "its type is {:?}",
            message.text(Name::ContentType)
        );
    }
    Ok(())
}

fn provisional_answers(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let invite = caller.request("INVITE", callee.aor());
    let invite = caller.begin(invite)?;
    let asked = callee.expect("INVITE")?;
    let statuses = [180, 183, 182, 199];
    for status in statuses {
        callee.answer(&asked, status)?;
    }
    for status in statuses {
        let next = caller.take(system::tls::PATIENCE, "an answer", |message| {
            message.status() > 100
        })?;
        is(&next, status)?;
    }
    callee.answer(&asked, 480)?;
    let last = caller.expect_final(&invite)?;
    caller.acknowledge(&invite, &last)?;
    is(&last, 480)
}

fn busy(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let invite = caller.request("INVITE", callee.aor());
    let invite = caller.begin(invite)?;
    let asked = callee.expect("INVITE")?;
    let answer = callee
        .response(&asked, 486)
        .with("Retry-After", "20 (lunch)");
    callee.send(&answer.start("SIP/2.0 486 In a meeting"))?;
    let came = caller.expect_final(&invite)?;
    caller.acknowledge(&invite, &came)?;
    is(&came, 486)?;
    let until = came.named("Retry-After").and_then(|field| field.text());
    ensure!(until == Some("20 (lunch)"), "Retry-After is {until:?}");
    ensure!(
        came.reason() == b"In a meeting",
        "the reason is {:?}",
        String::from_utf8_lossy(came.reason())
    );
    Ok(())
}

fn two_hundred_again(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.inside()?)?;
    call.callee.send(&call.answer)?;
    let again = call.caller.expect_status(&call.invite, 200)?;
    ensure!(
        again.bytes() == call.ok.bytes(),
        "it came as {:?}",
        String::from_utf8_lossy(again.bytes())
    );
    call.caller.confirm(&call.invite, &again)?;
    call.callee.expect("ACK")?;
    Ok(())
}

fn acknowledged_by_the_proxy(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let invite = caller.request("INVITE", callee.aor());
    let _invite = caller.begin(invite)?;
    let asked = callee.expect("INVITE")?;
    callee.answer(&asked, 486)?;
    // The caller stays silent.
    let ack = callee.expect("ACK")?;
    ensure!(
        ack.via()?.branch() == asked.via()?.branch(),
        "its branch is {:?}",
        ack.via()?.branch()
    );
    Ok(())
}

fn reinvite(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.outside()?)?;
    call.caller_asks("INVITE", 200)?;
    call.callee_asks("INVITE", 200)?;
    Ok(())
}

fn glare(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.inside()?)?;
    call.caller_asks("INVITE", 491)?;
    call.callee_asks("INVITE", 491)?;
    call.caller_asks("INFO", 200)?;
    Ok(())
}

fn not_acceptable(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.inside()?)?;
    call.callee_asks("INVITE", 488)?;
    call.caller_asks("BYE", 200)?;
    Ok(())
}

fn caller_ends(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.outside()?)?;
    call.caller_asks("BYE", 200)?;
    Ok(())
}

fn callee_ends(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.outside()?)?;
    call.callee_asks("BYE", 200)?;
    Ok(())
}

fn bye_for_nothing(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.inside()?)?;
    call.caller_asks("BYE", 200)?;
    call.caller_asks("BYE", 481)?;
    Ok(())
}
