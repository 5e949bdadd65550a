//! RFC 3327: Path.

use sip::msg::Name;

use super::{Case, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 3327,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "5.3",
        sentence: "the 200 repeats the Path that the registrar stored, for a client that says path",
        check: repeated,
    },
    Case {
        section: "5.2",
        sentence: "a Path that a client wrote itself leads nowhere: it is not kept",
        check: not_its_own,
    },
    Case {
        section: "5.4",
        sentence: "a request for the user follows the stored Path",
        check: followed,
    },
    Case {
        section: "5.2",
        sentence: "the entry that the Edge adds asks for loose routing",
        check: is_loose,
    },
    Case {
        section: "5.3",
        sentence: "a refresh replaces the Path that was stored",
        check: replaced,
    },
];

const SKIPPED: &[Skipped] = &[Skipped {
    section: "5.3",
    sentence: "a Path from a client that does not say path may be answered 420 or 421",
    reason: "it is kept: only our own proxies add one, and the client could not be reached without",
}];

#[test]
fn conforms() {
    run(&RFC);
}

fn repeated(site: &Site) -> Verdict {
    let mut agent = site.outside()?;
    for (supported, expected) in [("path", 1), ("timer", 0)] {
        let draft = agent.registration().with("Supported", supported);
        let (_, answer) = agent.prove(draft)?;
        is(&answer, 200)?;
        let path = system::agent::values(&answer, Name::Path);
        ensure!(path.len() == expected, "{supported}: Path is {path:?}");
    }
    Ok(())
}

fn not_its_own(site: &Site) -> Verdict {
    let mut agent = site.outside()?;
    let draft = agent.registration().with("Supported", "path");
    let (_, answer) = agent.prove(draft.with("Path", "<sip:evil.example;lr>"))?;
    is(&answer, 200)?;
    let path = system::agent::values(&answer, Name::Path);
    ensure!(
        path.len() == 1 && !path[0].contains("evil"),
        "Path is {path:?}"
    );
    Ok(())
}

fn followed(site: &Site) -> Verdict {
    let mut callee = site.outside()?;
    let mut caller = site.inside()?;
    let request = caller.request("MESSAGE", callee.aor());
    let request = caller.begin(request)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    let via = system::agent::values(&came, Name::Via);
    ensure!(
        via.iter().any(|one| one.contains("sip.contoso.com")),
        "Via is {via:?}"
    );
    Ok(())
}

fn is_loose(site: &Site) -> Verdict {
    let mut agent = site.outside()?;
    let draft = agent.registration().with("Supported", "path");
    let (_, answer) = agent.prove(draft)?;
    is(&answer, 200)?;
    let path = system::agent::values(&answer, Name::Path);
    ensure!(
        !path.is_empty() && path.iter().all(|one| one.contains(";lr")),
        "Path is {path:?}"
    );
    Ok(())
}

/// The same binding comes over another flow, so another Path belongs to it.
fn replaced(site: &Site) -> Verdict {
    let user = site.user();
    let contact = "sip:moving@192.0.2.7";
    let sign_in = || {
        let agent = site.doors().outside()?.acting_for(&user);
        let mut agent = agent.at(contact);
        let draft = agent.registration();
        agent.sign_in(draft)?;
        Ok::<_, system::agent::AgentError>(agent)
    };
    let (mut before, mut after, mut caller) = (sign_in()?, sign_in()?, site.inside()?);
    let request = caller.request("MESSAGE", &user.uri);
    let request = caller.begin(request)?;
    let came = after.expect("MESSAGE")?;
    after.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    before.expect_none(
        super::ringing::QUIET,
        "a MESSAGE",
        sip::msg::Message::is_request,
    )?;
    Ok(())
}
