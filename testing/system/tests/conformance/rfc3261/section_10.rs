//! Section 10: registrations.

use sip::msg::{Message, Name};

use crate::conformance::{Case, Site, Skipped, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "10.3",
        sentence: "the answer names every current binding and how long each lasts",
        check: all_bindings,
    },
    Case {
        section: "10.2.3",
        sentence: "a REGISTER without Contact changes nothing and is told the bindings",
        check: fetch,
    },
    Case {
        section: "10.3",
        sentence: "the Contact's own expires counts before the Expires header",
        check: own_expires,
    },
    Case {
        section: "10.3",
        sentence: "an interval that is too brief is answered 423 with Min-Expires",
        check: too_brief,
    },
    Case {
        section: "10.2.2",
        sentence: "* with Expires: 0 removes all bindings",
        check: star,
    },
    Case {
        section: "10.3",
        sentence: "* with another Contact or without Expires: 0 is answered 400 and removes nothing",
        check: wrong_star,
    },
    Case {
        section: "10.2.2",
        sentence: "a Contact with expires=0 removes that binding and no other",
        check: one_removed,
    },
    Case {
        section: "10.3",
        sentence: "a lower CSeq of the same Call-ID changes nothing",
        check: out_of_order,
    },
    Case {
        section: "10.3",
        sentence: "when one of several Contacts cannot be bound none is",
        check: as_a_whole,
    },
    Case {
        section: "10.3",
        sentence: "a Contact that is the same URI in other letters is the same binding",
        check: same_uri,
    },
    Case {
        section: "10.3",
        sentence: "an extension in Require that the registrar does not know is answered 420 with Unsupported",
        check: unknown_extension,
    },
    Case {
        section: "10.3",
        sentence: "a user who is not the one in To may not change the bindings: 403",
        check: for_another,
    },
    Case {
        section: "10.3",
        sentence: "a 200 tells the time in Date",
        check: tells_the_time,
    },
];

pub(crate) const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "10.3",
        sentence: "a repeated CSeq of the same Call-ID is refused",
        reason: "carried out again without effect, as a Director may send one REGISTER to two servers",
    },
    Skipped {
        section: "10.2.1",
        sentence: "a third party may register for a user",
        reason: "nobody has that right; refused with 403",
    },
];

/// The values of Contact in an answer.
fn contacts(answer: &Message) -> Vec<String> {
    system::agent::values(answer, Name::Contact)
}

fn all_bindings(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let more = agent
        .registration()
        .with("Contact", "<sip:more@192.0.2.9>;expires=400");
    let (_, answer) = agent.prove(more)?;
    is(&answer, 200)?;
    let all = contacts(&answer);
    ensure!(all.len() == 2, "Contact is {all:?}");
    ensure!(
        all.iter().all(|one| one.contains(";expires=")),
        "Contact is {all:?}"
    );
    let own = agent.contact().to_owned();
    ensure!(
        all.iter().any(|one| one.contains(&own)),
        "Contact is {all:?}"
    );
    Ok(())
}

fn fetch(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    for _ in 0..2 {
        let ask = agent.registration().without("Contact").set("Expires", 0);
        let (_, answer) = agent.prove(ask)?;
        is(&answer, 200)?;
        ensure!(
            contacts(&answer).len() == 1,
            "Contact is {:?}",
            contacts(&answer)
        );
    }
    Ok(())
}

fn own_expires(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let contact = format!("<{}>;expires=333", agent.contact());
    let ask = agent
        .registration()
        .set("Contact", contact)
        .set("Expires", 444);
    let (_, answer) = agent.prove(ask)?;
    is(&answer, 200)?;
    let all = contacts(&answer);
    ensure!(
        all.iter().any(|one| one.contains(";expires=333")),
        "Contact is {all:?}"
    );
    Ok(())
}

fn too_brief(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let ask = agent.registration().set("Expires", 1);
    let (_, answer) = agent.prove(ask)?;
    is(&answer, 423)?;
    let min = answer
        .text(Name::MinExpires)
        .and_then(|text| text.parse::<u32>().ok());
    ensure!(min.is_some_and(|min| min > 1), "Min-Expires is {min:?}");
    Ok(())
}

fn star(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let ask = agent.registration().set("Contact", "*").set("Expires", 0);
    let (_, answer) = agent.prove(ask)?;
    is(&answer, 200)?;
    ensure!(
        contacts(&answer).is_empty(),
        "Contact is {:?}",
        contacts(&answer)
    );
    Ok(())
}

fn wrong_star(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    for (contact, expires) in [("*", 600), ("*, <sip:more@192.0.2.9>", 0)] {
        let ask = agent
            .registration()
            .set("Contact", contact)
            .set("Expires", expires);
        let (_, answer) = agent.prove(ask)?;
        is(&answer, 400)?;
    }
    let ask = agent.registration().without("Contact");
    let (_, answer) = agent.prove(ask)?;
    ensure!(
        contacts(&answer).len() == 1,
        "Contact is {:?}",
        contacts(&answer)
    );
    Ok(())
}

fn one_removed(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let more = agent.registration().with("Contact", "<sip:more@192.0.2.9>");
    let (_, answer) = agent.prove(more)?;
    is(&answer, 200)?;
    let gone = agent
        .registration()
        .set("Contact", "<sip:more@192.0.2.9>;expires=0");
    let (_, answer) = agent.prove(gone)?;
    is(&answer, 200)?;
    let (left, own) = (contacts(&answer), agent.contact());
    ensure!(
        left.len() == 1 && left[0].contains(own),
        "Contact is {left:?}"
    );
    Ok(())
}

fn out_of_order(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let first = agent.registration();
    let call = first.get("Call-ID").unwrap_or_default().to_owned();
    let late = agent.registration().set("CSeq", "100 REGISTER");
    let (_, answer) = agent.prove(late)?;
    is(&answer, 200)?;
    let gone = agent.registration().set("Call-ID", call).set("Expires", 0);
    let early = gone.set("CSeq", "2 REGISTER");
    let (_, answer) = agent.prove(early)?;
    is(&answer, 400)?;
    let ask = agent
        .registration()
        .without("Contact")
        .set("CSeq", "200 REGISTER");
    let (_, answer) = agent.prove(ask)?;
    ensure!(
        contacts(&answer).len() == 1,
        "Contact is {:?}",
        contacts(&answer)
    );
    Ok(())
}

fn as_a_whole(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    for bad in [
        "<mailto:me@contoso.com>",
        "<tel:+15550100>",
        "<sip:x@192.0.2.9>;expires=1",
    ] {
        let both = format!("<sip:good@192.0.2.9>, {bad}");
        let ask = agent.registration().set("Contact", both);
        let (_, answer) = agent.prove(ask)?;
        ensure!(
            matches!(answer.status(), 400 | 423),
            "{bad} got {}",
            answer.status()
        );
    }
    let ask = agent.registration().without("Contact");
    let (_, answer) = agent.prove(ask)?;
    ensure!(
        contacts(&answer).len() == 1,
        "Contact is {:?}",
        contacts(&answer)
    );
    Ok(())
}

fn same_uri(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    for same in [
        "<sip:%6done@HOST.example>",
        "<sip:mone@host.example>",
        "<sip:mone@host.EXAMPLE>",
    ] {
        let ask = agent.registration().with("Contact", same);
        let (_, answer) = agent.prove(ask)?;
        is(&answer, 200)?;
        ensure!(
            contacts(&answer).len() == 2,
            "Contact is {:?}",
            contacts(&answer)
        );
    }
    Ok(())
}

fn unknown_extension(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let ask = agent.registration().with("Require", "nothingSupportsThis");
    let (_, answer) = agent.prove(ask)?;
    is(&answer, 420)?;
    let named = answer.text(Name::Unsupported);
    ensure!(
        named == Some("nothingSupportsThis"),
        "Unsupported is {named:?}"
    );
    Ok(())
}

fn for_another(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let other = site.user().uri;
    for name in ["To", "From"] {
        let ask = agent.registration().set(name, format!("<{other}>;tag=x"));
        let (_, answer) = agent.prove(ask)?;
        is(&answer, 403)?;
    }
    Ok(())
}

fn tells_the_time(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let ask = agent.registration();
    let (_, answer) = agent.prove(ask)?;
    is(&answer, 200)?;
    let date = answer.text(Name::Date).unwrap_or_default();
    ensure!(
        date.ends_with(" GMT") && date.len() == 29,
        "Date is {date:?}"
    );
    Ok(())
}
