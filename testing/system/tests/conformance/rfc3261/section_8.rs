//! Section 8: general user agent behaviour, as far as a server of ours answers for itself.

use sip::msg::Name;

use crate::conformance::{Case, Site, Skipped, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "8.2.1",
        sentence: "a method that a server does not know is answered 405 by that server, with Allow",
        check: unknown_method,
    },
    Case {
        section: "8.2.2.3",
        sentence: "options in Require that are not understood are answered 420, and Unsupported lists them all",
        check: unknown_options,
    },
    Case {
        section: "8.2.2.1",
        sentence: "a Request-URI of a scheme that is not understood is answered 416",
        check: unknown_scheme,
    },
    Case {
        section: "8.2.6.2",
        sentence: "an answer has From, Call-ID, CSeq and all Via of its request, in their order",
        check: an_answer_copies,
    },
    Case {
        section: "8.2.6.2",
        sentence: "an answer other than 100 to a request without a tag in To has one",
        check: an_answer_is_tagged,
    },
    Case {
        section: "8.2.6.2",
        sentence: "a tag in To comes back as it was",
        check: a_tag_stays,
    },
    Case {
        section: "8.2.2.3",
        sentence: "420 names every extension that is required and not understood",
        check: every_extension,
    },
];

pub(crate) const SKIPPED: &[Skipped] = &[Skipped {
    section: "8.2.6.1",
    sentence: "a UAS does not send a provisional answer to a request other than INVITE",
    reason: "a rule for user agents; RFC 4320 has the one for servers",
}];

fn unknown_method(site: &Site) -> Verdict {
    let mut agent = site.at_director()?;
    let request = agent.request("BREW", "sip:dir01.contoso.net");
    let answer = agent.ask(&request)?;
    is(&answer, 405)?;
    ensure!(answer.get(Name::Allow).is_some(), "there is no Allow");
    Ok(())
}

fn unknown_options(site: &Site) -> Verdict {
    let mut agent = site.at_director()?;
    let request = agent.request("OPTIONS", "sip:dir01.contoso.net");
    let answer = agent.ask(&request.with("Require", "oneNobodyHas, another"))?;
    is(&answer, 420)?;
    let unsupported = system::agent::values(&answer, Name::Unsupported);
    ensure!(
        unsupported == ["oneNobodyHas", "another"],
        "Unsupported says {unsupported:?}"
    );
    Ok(())
}

fn unknown_scheme(site: &Site) -> Verdict {
    let mut agent = site.at_director()?;
    let request = agent.request("OPTIONS", "nobodyknowsthis:something");
    is(&agent.ask(&request)?, 416)
}

fn an_answer_copies(site: &Site) -> Verdict {
    let mut agent = site.at_edge()?;
    let request = agent
        .request("OPTIONS", "sip:sip.contoso.com")
        .with("Via", "SIP/2.0/UDP first.invalid;branch=z9hG4bKfirst");
    let answer = agent.ask(&request)?;
    is(&answer, 200)?;
    for name in [Name::From, Name::CallId, Name::CSeq] {
        let (said, back) = (request.get(name.as_str()), answer.text(name));
        ensure!(said == back, "{name} was {said:?} and is {back:?}");
    }
    let vias = system::agent::values(&answer, Name::Via);
    ensure!(vias.len() == 2, "{} Via came back", vias.len());
    ensure!(
        vias.last()
            .is_some_and(|last| last.contains("first.invalid")),
        "the order of Via is {vias:?}"
    );
    Ok(())
}

fn an_answer_is_tagged(site: &Site) -> Verdict {
    let mut agent = site.at_edge()?;
    let request = agent.request("OPTIONS", "sip:sip.contoso.com");
    let answer = agent.ask(&request)?;
    ensure!(
        answer.to()?.tag().is_some(),
        "To is {:?}",
        answer.text(Name::To)
    );
    Ok(())
}

fn a_tag_stays(site: &Site) -> Verdict {
    let mut agent = site.at_front_end()?;
    let request = agent.request("OPTIONS", "sip:fe01.contoso.net");
    let to = "<sip:fe01.contoso.net>;tag=mine";
    let answer = agent.ask(&request.set("To", to))?;
    ensure!(
        answer.text(Name::To) == Some(to),
        "To is {:?}",
        answer.text(Name::To)
    );
    Ok(())
}

fn every_extension(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let aor = agent.aor().to_owned();
    let (publish, subscribe) = (
        agent.request("PUBLISH", &aor).with("Event", "presence"),
        agent.request("SUBSCRIBE", &aor).with("Event", "presence"),
    );
    let register = agent.registration().with("Require", "path");
    for request in [publish, subscribe, register] {
        let method = request.method().to_owned();
        let request = request.with("Require", "one, two").with("Require", "three");
        let answer = agent.ask(&request)?;
        is(&answer, 420)?;
        let tags = system::agent::values(&answer, Name::Unsupported);
        ensure!(tags == ["one", "two", "three"], "{method}: {tags:?}");
    }
    Ok(())
}
