//! RFC 5627: addresses of one phone (GRUUs), with RFC 3327 and RFC 3608 in their own files.

use sip::msg::{Message, Name};
use system::agent::Agent;

use super::{Case, Fault, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 5627,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "5.3",
        sentence: "a client that says gruu is told both addresses of its instance",
        check: told,
    },
    Case {
        section: "5.3",
        sentence: "a client that does not say gruu is told none",
        check: not_told,
    },
    Case {
        section: "3.1",
        sentence: "the public address stays the same, the temporary one is new each time",
        check: stays_or_changes,
    },
    Case {
        section: "5.4",
        sentence: "a request for either address reaches that instance and no other",
        check: reaches_one,
    },
    Case {
        section: "5.4",
        sentence: "the public address of an instance that is not registered is answered 480",
        check: away,
    },
    Case {
        section: "5.4",
        sentence: "a temporary address is answered 404 once its instance registered with another Call-ID",
        check: ends,
    },
    Case {
        section: "5.4",
        sentence: "a temporary address that was made up is answered 404",
        check: made_up,
    },
    Case {
        section: "5.1",
        sentence: "a Contact that is a GRUU of the registrar itself is answered 403",
        check: contact_is_gruu,
    },
    Case {
        section: "5.1",
        sentence: "a temporary address of before is good as long as its instance refreshes with the same Call-ID",
        check: older_one,
    },
    Case {
        section: "5.2",
        sentence: "each Contact of the answer that has an instance has addresses of its own",
        check: of_each,
    },
];

const SKIPPED: &[Skipped] = &[Skipped {
    section: "4.3",
    sentence: "a user agent puts its GRUU into Contact",
    reason: "a rule for user agents",
}];

#[test]
fn conforms() {
    run(&RFC);
}

fn registered(agent: &mut Agent, instance: &str) -> Result<Message, Fault> {
    let contact = format!(
        "<{}>;+sip.instance=\"<urn:uuid:{instance}>\"",
        agent.contact()
    );
    let draft = agent.registration().set("Contact", contact);
    let (_, answer) = agent.prove(draft.with("Supported", "gruu"))?;
    is(&answer, 200)?;
    Ok(answer)
}

fn address(answer: &Message, instance: &str, kind: &str) -> Result<String, Fault> {
    let all = system::agent::values(answer, Name::Contact);
    let own = all
        .iter()
        .find(|one| one.contains(&format!("urn:uuid:{instance}>")));
    let found = own.and_then(|one| {
        let address = sip::msg::Address::parse(one).ok()?;
        Some(address.param(kind)?.trim_matches('"').to_owned())
    });
    found.ok_or_else(|| Fault::new(format_args!("no {kind} in {all:?}")))
}

fn told(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let answer = registered(&mut agent, "one")?;
    let public = address(&answer, "one", "pub-gruu")?;
    let expected = format!("{};gr=urn:uuid:one", agent.aor());
    ensure!(public == expected, "pub-gruu is {public}");
    let temporary = address(&answer, "one", "temp-gruu")?;
    ensure!(
        temporary.ends_with("@contoso.com;gr"),
        "temp-gruu is {temporary}"
    );
    Ok(())
}

fn not_told(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let contact = format!("<{}>;+sip.instance=\"<urn:uuid:one>\"", agent.contact());
    let draft = agent.registration().set("Contact", contact);
    let (_, answer) = agent.prove(draft)?;
    is(&answer, 200)?;
    ensure!(address(&answer, "one", "pub-gruu").is_err(), "there is one");
    Ok(())
}

fn stays_or_changes(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let (one, two) = (
        registered(&mut agent, "one")?,
        registered(&mut agent, "one")?,
    );
    let both = |kind: &str| -> Result<_, Fault> {
        Ok((address(&one, "one", kind)?, address(&two, "one", kind)?))
    };
    let (first, second) = both("pub-gruu")?;
    ensure!(first == second, "{first} became {second}");
    let (first, second) = both("temp-gruu")?;
    ensure!(first != second, "it is {first} twice");
    Ok(())
}

fn reaches_one(site: &Site) -> Verdict {
    let user = site.user();
    let mut one = site.doors().sign_in_outside(&user)?;
    let answer = registered(&mut one, "one")?;
    let mut two = site.doors().sign_in_inside(&user)?;
    registered(&mut two, "two")?;
    let mut caller = site.outside()?;
    for kind in ["pub-gruu", "temp-gruu"] {
        let request = caller.request("MESSAGE", &address(&answer, "one", kind)?);
        let request = caller.begin(request)?;
        let came = one.expect("MESSAGE")?;
        ensure!(
            came.uri() == one.contact(),
            "the Request-URI is {}",
            came.uri()
        );
        one.answer(&came, 200)?;
        caller.expect_status(&request, 200)?;
    }
    // What would have forked is there by now: a message of its own comes first.
    let own = format!("{};gr=urn:uuid:two", user.uri);
    let request = caller.request("INFO", &own);
    caller.begin(request)?;
    two.expect("INFO")?;
    two.expect_none(std::time::Duration::ZERO, "a MESSAGE", |m| m.is_request())?;
    Ok(())
}

fn away(site: &Site) -> Verdict {
    let mut caller = site.inside()?;
    let callee = site.inside()?;
    let request = caller.request("MESSAGE", &format!("{};gr=urn:uuid:none", callee.aor()));
    let (_, answer) = caller.prove(request)?;
    is(&answer, 480)
}

fn ends(site: &Site) -> Verdict {
    let user = site.user();
    let mut before = site.doors().sign_in_inside(&user)?;
    let temporary = address(&registered(&mut before, "one")?, "one", "temp-gruu")?;
    let mut after = site.doors().sign_in_inside(&user)?;
    registered(&mut after, "one")?;
    let mut caller = site.inside()?;
    let request = caller.request("MESSAGE", &temporary);
    let (_, answer) = caller.prove(request)?;
    is(&answer, 404)
}

fn made_up(site: &Site) -> Verdict {
    let mut caller = site.inside()?;
    let request = caller.request(
        "MESSAGE",
        "sip:tgruu.AAAAAAAAAAAAAAAAAAAAAAAAAAAA@contoso.com;gr",
    );
    let (_, answer) = caller.prove(request)?;
    is(&answer, 404)
}

fn contact_is_gruu(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let answer = registered(&mut agent, "one")?;
    for kind in ["pub-gruu", "temp-gruu"] {
        let own = address(&answer, "one", kind)?;
        let contact = format!("<{own}>;+sip.instance=\"<urn:uuid:two>\"");
        let draft = agent.registration().set("Contact", contact);
        let (_, refused) = agent.prove(draft.with("Supported", "gruu"))?;
        ensure!(refused.status() == 403, "{kind}: {}", refused.status());
    }
    Ok(())
}

fn older_one(site: &Site) -> Verdict {
    let (mut agent, mut caller) = (site.inside()?, site.inside()?);
    let first = address(&registered(&mut agent, "one")?, "one", "temp-gruu")?;
    registered(&mut agent, "one")?;
    let request = caller.request("MESSAGE", &first);
    let request = caller.begin(request)?;
    let came = agent.expect("MESSAGE")?;
    agent.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    Ok(())
}

fn of_each(site: &Site) -> Verdict {
    let user = site.user();
    let mut one = site.doors().sign_in_inside(&user)?;
    registered(&mut one, "one")?;
    let mut two = site.doors().sign_in_inside(&user)?;
    let answer = registered(&mut two, "two")?;
    for instance in ["one", "two"] {
        let public = address(&answer, instance, "pub-gruu")?;
        let own = format!("gr=urn:uuid:{instance}");
        ensure!(public.ends_with(&own), "of {instance}: {public}");
    }
    Ok(())
}
