//! Section 11: OPTIONS, to a server of ours and through it.

use sip::msg::Name;

use crate::conformance::{Case, Site, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "11.2",
        sentence: "OPTIONS to a server itself is answered 200, by each role",
        check: each_role_answers,
    },
    Case {
        section: "11",
        sentence: "OPTIONS for a user passes, and so does all that the user says of itself",
        check: passes,
    },
    Case {
        section: "11",
        sentence: "OPTIONS for a user who is not signed in is not answered by a server in the user's place",
        check: nobody_there,
    },
];

fn each_role_answers(site: &Site) -> Verdict {
    let doors = [
        (site.at_director()?, "sip:dir01.contoso.net"),
        (site.at_front_end()?, "sip:fe01.contoso.net"),
        (site.at_edge()?, "sip:sip.contoso.com"),
    ];
    for (mut agent, uri) in doors {
        let request = agent.request("OPTIONS", uri);
        is(&agent.ask(&request)?, 200)?;
    }
    Ok(())
}

fn passes(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let request = caller.request("OPTIONS", callee.aor());
    let request = caller.begin(request.with("Accept", "application/sdp"))?;
    let came = callee.expect("OPTIONS")?;
    let said = [
        ("Allow", "INVITE, ACK, PRACK"),
        ("Accept", "application/sdp, text/plain"),
        ("Supported", "100rel, timer"),
        ("Accept-Language", "en, ko"),
    ];
    let answer = callee.response(&came, 200);
    let answer = said
        .iter()
        .fold(answer, |answer, (name, value)| answer.with(name, value));
    callee.send(&answer)?;
    let came = caller.expect_status(&request, 200)?;
    for (name, value) in said {
        let there = came.named(name).and_then(|field| field.text());
        ensure!(there == Some(value), "{name} is {there:?}");
    }
    ensure!(
        came.text(Name::Contact) == answer.get("Contact"),
        "Contact is {:?}",
        came.text(Name::Contact)
    );
    Ok(())
}

fn nobody_there(site: &Site) -> Verdict {
    let mut caller = site.inside()?;
    let request = caller.request("OPTIONS", &site.user().uri);
    is(&caller.ask(&request)?, 480)
}
