//! Section 10: registrations.

use sip::msg::{Message, Name};
use system::agent::{Agent, Draft, values};

use crate::conformance::{Case, Fault, Site, Skipped, Verdict, ensure, is};

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
    Case {
        section: "10.2.1.1",
        sentence: "without any wish for an interval the registrar chooses one and says which",
        check: an_interval_of_its_own,
    },
    Case {
        section: "10.2.1.2",
        sentence: "q is kept with the binding and told; without one nothing is told",
        check: preference,
    },
    Case {
        section: "10.2.2",
        sentence: "* with Expires: 0 from another device removes all bindings too, whatever their Call-ID",
        check: star_from_another_device,
    },
    Case {
        section: "10.3",
        sentence: "a refresh in another order of Call-IDs, with a lower CSeq, is carried out",
        check: another_call,
    },
    Case {
        section: "10.3",
        sentence: "a binding beyond the limit of a user is refused, and the others stay",
        check: too_many,
    },
    Case {
        section: "10.3",
        sentence: "what was registered for one address-of-record does not show at another",
        check: apart,
    },
    Case {
        section: "20.10",
        sentence: "a malformed expires parameter counts as an hour, of which the registrar grants what it grants",
        check: odd_expires,
    },
];

pub(crate) const SKIPPED: &[Skipped] = &[Skipped {
    section: "10.3",
    sentence: "a repeated CSeq of the same Call-ID is refused",
    reason: "carried out again without effect, as a Director may send one REGISTER to two servers",
}];

/// Sends the agent's next REGISTER, changed; it must be answered with this status.
pub(super) fn registers(
    agent: &mut Agent,
    status: u16,
    change: impl FnOnce(Draft) -> Draft,
) -> Result<Message, Fault> {
    let draft = change(agent.registration());
    let (_, answer) = agent.prove(draft)?;
    is(&answer, status)?;
    Ok(answer)
}

/// Asks for the bindings and changes none; returns them as they are told.
pub(super) fn bindings(agent: &mut Agent) -> Result<Vec<String>, Fault> {
    let answer = registers(agent, 200, |draft| draft.without("Contact"))?;
    Ok(contacts(&answer))
}

/// There are so many of them, and one of them says each of these.
fn are(told: &[String], count: usize, words: &[&str]) -> Verdict {
    let is_told = |word: &&str| told.iter().any(|one| one.contains(*word));
    let as_expected = told.len() == count && words.iter().all(is_told);
    ensure!(as_expected, "Contact is {told:?}");
    Ok(())
}

/// The values of Contact in an answer.
fn contacts(answer: &Message) -> Vec<String> {
    values(answer, Name::Contact)
}

const MORE: &str = "<sip:more@192.0.2.9>";

fn all_bindings(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let more = |draft: Draft| draft.with("Contact", format_args!("{MORE};expires=400"));
    let all = contacts(&registers(&mut agent, 200, more)?);
    are(&all, 2, &[agent.contact(), MORE])?;
    let all_say = all.iter().all(|one| one.contains(";expires="));
    ensure!(all_say, "Contact is {all:?}");
    Ok(())
}

fn fetch(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    for _ in 0..2 {
        let ask = |draft: Draft| draft.without("Contact").set("Expires", 0);
        let told = contacts(&registers(&mut agent, 200, ask)?);
        are(&told, 1, &[])?;
    }
    Ok(())
}

fn own_expires(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let contact = format!("<{}>;expires=333", agent.contact());
    let both = |draft: Draft| draft.set("Contact", contact).set("Expires", 444);
    let told = contacts(&registers(&mut agent, 200, both)?);
    are(&told, 1, &[";expires=333"])
}

fn too_brief(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let answer = registers(&mut agent, 423, |draft| draft.set("Expires", 1))?;
    let min = answer.text(Name::MinExpires);
    let min = min.and_then(|text| text.parse::<u32>().ok());
    ensure!(min.is_some_and(|min| min > 1), "Min-Expires is {min:?}");
    Ok(())
}

fn all_gone(draft: Draft) -> Draft {
    draft.set("Contact", "*").set("Expires", 0)
}

fn star(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let told = contacts(&registers(&mut agent, 200, all_gone)?);
    are(&told, 0, &[])
}

fn wrong_star(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    for (contact, expires) in [("*", 600), ("*, <sip:more@192.0.2.9>", 0)] {
        let wrong = |draft: Draft| draft.set("Contact", contact).set("Expires", expires);
        registers(&mut agent, 400, wrong)?;
    }
    are(&bindings(&mut agent)?, 1, &[])
}

fn one_removed(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    registers(&mut agent, 200, |draft| draft.with("Contact", MORE))?;
    let gone = |draft: Draft| draft.set("Contact", format_args!("{MORE};expires=0"));
    let left = contacts(&registers(&mut agent, 200, gone)?);
    are(&left, 1, &[agent.contact()])
}

fn out_of_order(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    registers(&mut agent, 200, |draft| draft.set("CSeq", "100 REGISTER"))?;
    let early = |draft: Draft| draft.set("Expires", 0).set("CSeq", "2 REGISTER");
    registers(&mut agent, 400, early)?;
    let later = |draft: Draft| draft.without("Contact").set("CSeq", "200 REGISTER");
    let told = contacts(&registers(&mut agent, 200, later)?);
    are(&told, 1, &[])
}

fn as_a_whole(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    for (bad, status) in [
        ("<mailto:me@contoso.com>", 400),
        ("<tel:+15550100>", 400),
        ("<sip:x@192.0.2.9>;expires=1", 423),
    ] {
        let both = |draft: Draft| draft.set("Contact", format_args!("{MORE}, {bad}"));
        registers(&mut agent, status, both)?;
    }
    are(&bindings(&mut agent)?, 1, &[])
}

fn same_uri(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    for same in [
        "<sip:%6done@HOST.example>",
        "<sip:mone@host.example>",
        "<sip:mone@host.EXAMPLE>",
    ] {
        let told = contacts(&registers(&mut agent, 200, |draft| {
            draft.with("Contact", same)
        })?);
        are(&told, 2, &[])?;
    }
    Ok(())
}

fn unknown_extension(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let answer = registers(&mut agent, 420, |draft| {
        draft.with("Require", "nothingSupportsThis")
    })?;
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
        registers(&mut agent, 403, |draft| {
            draft.set(name, format_args!("<{other}>;tag=x"))
        })?;
    }
    Ok(())
}

fn tells_the_time(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let answer = registers(&mut agent, 200, |draft| draft)?;
    let date = answer.text(Name::Date).unwrap_or_default();
    ensure!(
        date.ends_with(" GMT") && date.len() == 29,
        "Date is {date:?}"
    );
    Ok(())
}

fn an_interval_of_its_own(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let told = contacts(&registers(&mut agent, 200, |draft| {
        draft.without("Expires")
    })?);
    are(&told, 1, &[";expires=600"])
}

fn preference(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let both = |draft: Draft| draft.with("Contact", format_args!("{MORE};q=0.25"));
    let told = contacts(&registers(&mut agent, 200, both)?);
    are(&told, 2, &[";q=0.250"])?;
    let with_q = told.iter().filter(|one| one.contains(";q=")).count();
    ensure!(with_q == 1, "Contact is {told:?}");
    Ok(())
}

fn star_from_another_device(site: &Site) -> Verdict {
    let user = site.user();
    let mut one = site.doors().sign_in_inside(&user)?;
    let mut other = site.doors().sign_in_inside(&user)?;
    are(&bindings(&mut one)?, 2, &[])?;
    registers(&mut other, 200, all_gone)?;
    are(&bindings(&mut one)?, 0, &[])
}

fn another_call(site: &Site) -> Verdict {
    let user = site.user();
    let mut one = site.doors().sign_in_inside(&user)?;
    registers(&mut one, 200, |draft| draft.set("CSeq", "100 REGISTER"))?;
    let contact = format!("<{}>;expires=301", one.contact());
    let mut other = site.doors().sign_in_inside(&user)?;
    let told = contacts(&registers(&mut other, 200, |draft| {
        draft.set("Contact", contact)
    })?);
    are(&told, 2, &[";expires=301"])
}

fn too_many(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let more = |range: std::ops::Range<u32>| {
        let all: Vec<String> = range.map(|n| format!("<sip:{n}@192.0.2.9>")).collect();
        move |draft: Draft| draft.set("Contact", all.join(", "))
    };
    registers(&mut agent, 200, more(0..7))?;
    registers(&mut agent, 403, more(7..8))?;
    registers(&mut agent, 200, more(6..7))?;
    let own = agent.contact().to_owned();
    are(&bindings(&mut agent)?, 8, &[&own, "<sip:6@192.0.2.9>"])
}

fn apart(site: &Site) -> Verdict {
    let (mut one, mut other) = (site.inside()?, site.inside()?);
    for agent in [&mut one, &mut other] {
        registers(agent, 200, |draft| draft.with("Contact", MORE))?;
    }
    registers(&mut one, 200, all_gone)?;
    let own = other.contact().to_owned();
    are(&bindings(&mut other)?, 2, &[&own, MORE])
}

fn odd_expires(site: &Site) -> Verdict {
    let mut agent = site.inside()?;
    let contact = format!("<{}>;expires=soon", agent.contact());
    let odd = |draft: Draft| draft.set("Contact", contact).set("Expires", 444);
    let told = contacts(&registers(&mut agent, 200, odd)?);
    are(&told, 1, &[";expires=900"])
}
