//! RFC 3903: publication of event state.

use sip::msg::Name;

use super::watching::{notified, publication, publish, says, subscribe, tag_of};
use super::{Case, Fault, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 3903,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "6",
        sentence: "a PUBLISH for a package that is not understood is answered 489 with Allow-Events",
        check: unknown_package,
    },
    Case {
        section: "6",
        sentence: "a PUBLISH by somebody who may not is answered 403",
        check: by_another,
    },
    Case {
        section: "6",
        sentence: "a SIP-If-Match that fits nothing is answered 412",
        check: no_match,
    },
    Case {
        section: "6",
        sentence: "an Expires below the minimum is answered 423 with Min-Expires",
        check: too_brief,
    },
    Case {
        section: "6",
        sentence: "a body of another type is answered 415 with Accept",
        check: other_type,
    },
    Case {
        section: "6",
        sentence: "an initial PUBLISH without a body is answered 400",
        check: no_body,
    },
    Case {
        section: "6",
        sentence: "the 200 has a SIP-ETag and an Expires",
        check: the_answer,
    },
    Case {
        section: "6",
        sentence: "each PUBLISH that succeeds gives a new entity tag, and the old one fits no more",
        check: new_tag_each_time,
    },
    Case {
        section: "6",
        sentence: "a refresh without a body keeps what was published",
        check: refresh_keeps,
    },
    Case {
        section: "6",
        sentence: "a PUBLISH with Expires 0 removes what was published",
        check: removal,
    },
    Case {
        section: "6",
        sentence: "a request that comes again has the answer of the first time",
        check: once_more,
    },
    Case {
        section: "11.1",
        sentence: "what several endpoints publish is kept apart by entity tags and told together",
        check: two_endpoints,
    },
    Case {
        section: "6",
        sentence: "a PUBLISH that requires an extension that is not understood is answered 420 with Unsupported",
        check: requires,
    },
    Case {
        section: "6",
        sentence: "without Expires the server chooses, and says so",
        check: chosen_expiry,
    },
    Case {
        section: "6",
        sentence: "an Expires that is very long is answered with a shorter one",
        check: long_expiry,
    },
    Case {
        section: "6",
        sentence: "a PUBLISH with a tag and a body replaces what that tag stands for",
        check: replaces,
    },
    Case {
        section: "6",
        sentence: "a tag of one user fits no publication of another",
        check: of_another,
    },
    Case {
        section: "4",
        sentence: "a PUBLISH makes no dialog: its answer has no Contact that would be used and no Record-Route",
        check: no_dialog,
    },
    Case {
        section: "6",
        sentence: "a publication that was removed is gone, and its tag is answered 412",
        check: tag_is_gone,
    },
    Case {
        section: "6",
        sentence: "a removal that comes again has the answer of the first time too",
        check: removal_once_more,
    },
];

const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "4.2",
        sentence: "a publisher does not send a PUBLISH before the last one is answered",
        reason: "a rule for publishers; nothing here publishes",
    },
    Skipped {
        section: "6",
        sentence: "a PUBLISH with several entity tags is refused",
        reason: "SIP-If-Match holds one tag by its grammar; what else stands there fits nothing",
    },
];

#[test]
fn conforms() {
    run(&RFC);
}

fn unknown_package(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let request = publication(&mut user, "open").set("Event", "dialog");
    let answer = user.ask(&request)?;
    is(&answer, 489)?;
    ensure!(answer.get(Name::AllowEvents).is_some(), "no Allow-Events");
    Ok(())
}

fn by_another(site: &Site) -> Verdict {
    let (mut user, other) = (site.inside()?, site.user());
    let request = publication(&mut user, "open");
    let request = request
        .start(format!("PUBLISH {} SIP/2.0", other.uri))
        .set("To", format_args!("<{}>", other.uri));
    is(&user.ask(&request)?, 403)
}

fn no_match(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let request = publication(&mut user, "open").with("SIP-If-Match", "nothing");
    is(&user.ask(&request)?, 412)
}

fn too_brief(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let request = publication(&mut user, "open").with("Expires", 1);
    let answer = user.ask(&request)?;
    is(&answer, 423)?;
    ensure!(answer.get(Name::MinExpires).is_some(), "no Min-Expires");
    Ok(())
}

fn other_type(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let request = publication(&mut user, "open").set("Content-Type", "text/plain");
    let answer = user.ask(&request)?;
    is(&answer, 415)?;
    let accept = answer.text(Name::Accept).unwrap_or_default();
    ensure!(accept == "application/pidf+xml", "Accept: {accept}");
    Ok(())
}

fn no_body(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let aor = user.aor().to_owned();
    let request = user.request("PUBLISH", &aor).with("Event", "presence");
    is(&user.ask(&request)?, 400)
}

fn the_answer(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let request = publication(&mut user, "open").with("Expires", 120);
    let answer = user.ask(&request)?;
    is(&answer, 200)?;
    tag_of(&answer)?;
    let expires = answer.expires().ok().flatten();
    ensure!(
        expires.is_some_and(|secs| secs <= 120),
        "Expires: {expires:?}"
    );
    Ok(())
}

fn new_tag_each_time(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let first = publish(&mut user, "open")?;
    let change = publication(&mut user, "closed").with("SIP-If-Match", &first);
    let answer = user.ask(&change)?;
    is(&answer, 200)?;
    ensure!(tag_of(&answer)? != first, "the tag stayed");
    let late = publication(&mut user, "open").with("SIP-If-Match", &first);
    is(&user.ask(&late)?, 412)
}

fn once_more(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let first = publish(&mut user, "open")?;
    let change = publication(&mut user, "closed").with("SIP-If-Match", &first);
    let answer = user.ask(&change)?;
    is(&answer, 200)?;
    let again = user.ask(&change)?;
    is(&again, 200)?;
    ensure!(tag_of(&again)? == tag_of(&answer)?, "another tag");
    Ok(())
}

fn refresh_keeps(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    let tag = publish(&mut user, "closed")?;
    let aor = user.aor().to_owned();
    let refresh = user.request("PUBLISH", &aor).with("Event", "presence");
    is(&user.ask(&refresh.with("SIP-If-Match", tag))?, 200)?;
    subscribe(&mut watcher, &aor, "presence")?;
    says(&notified(&mut watcher)?, "<basic>closed</basic>")
}

fn removal(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    let tag = publish(&mut user, "closed")?;
    let aor = user.aor().to_owned();
    let removal = user.request("PUBLISH", &aor).with("Event", "presence");
    let removal = removal.with("SIP-If-Match", tag).with("Expires", 0);
    is(&user.ask(&removal)?, 200)?;
    subscribe(&mut watcher, &aor, "presence")?;
    // Signed in and without a publication, the user is open.
    says(&notified(&mut watcher)?, "<basic>open</basic>")
}

fn two_endpoints(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let mut one = site.doors().sign_in_inside(&user)?;
    let mut other = site.doors().sign_in_outside(&user)?;
    let first = publish(&mut one, "closed")?;
    let second = publish(&mut other, "open")?;
    ensure!(first != second, "both have the tag {first}");
    subscribe(&mut watcher, &user.uri, "presence")?;
    let notify = notified(&mut watcher)?;
    says(&notify, "<basic>closed</basic>")?;
    says(&notify, "<basic>open</basic>")
}

fn requires(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let request = publication(&mut user, "open").with("Require", "nothing-known");
    let answer = user.ask(&request)?;
    is(&answer, 420)?;
    let tag = answer.text(Name::Unsupported);
    ensure!(tag == Some("nothing-known"), "Unsupported is {tag:?}");
    Ok(())
}

fn expiry_of(site: &Site, asked: Option<u32>) -> Result<Option<u32>, Fault> {
    let mut user = site.inside()?;
    let request = publication(&mut user, "open");
    let request = match asked {
        Some(asked) => request.with("Expires", asked),
        None => request,
    };
    let answer = user.ask(&request)?;
    is(&answer, 200)?;
    Ok(answer.expires()?)
}

fn chosen_expiry(site: &Site) -> Verdict {
    let chosen = expiry_of(site, None)?;
    ensure!(chosen.is_some_and(|secs| secs > 0), "Expires is {chosen:?}");
    Ok(())
}

fn long_expiry(site: &Site) -> Verdict {
    let told = expiry_of(site, Some(4_000_000_000))?;
    ensure!(
        told.is_some_and(|secs| (1..=86_400).contains(&secs)),
        "Expires is {told:?}"
    );
    Ok(())
}

fn replaces(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    let tag = publish(&mut user, "open")?;
    let change = publication(&mut user, "closed").with("SIP-If-Match", tag);
    is(&user.ask(&change)?, 200)?;
    subscribe(&mut watcher, user.aor(), "presence")?;
    let told = notified(&mut watcher)?;
    says(&told, "<basic>closed</basic>")?;
    ensure!(says(&told, "<basic>open</basic>").is_err(), "both are told");
    Ok(())
}

fn of_another(site: &Site) -> Verdict {
    let (mut user, mut other) = (site.inside()?, site.inside()?);
    let tag = publish(&mut user, "open")?;
    let stolen = publication(&mut other, "closed").with("SIP-If-Match", tag);
    is(&other.ask(&stolen)?, 412)
}

fn no_dialog(site: &Site) -> Verdict {
    let mut user = site.outside()?;
    let request = publication(&mut user, "open");
    let (_, answer) = user.prove(request)?;
    is(&answer, 200)?;
    let route = answer.get(Name::RecordRoute);
    ensure!(route.is_none(), "there is a Record-Route");
    Ok(())
}

fn tag_is_gone(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let tag = publish(&mut user, "open")?;
    let aor = user.aor().to_owned();
    let removal = user.request("PUBLISH", &aor).with("Event", "presence");
    let removal = removal.with("SIP-If-Match", &tag).with("Expires", 0);
    is(&user.ask(&removal)?, 200)?;
    let late = publication(&mut user, "closed").with("SIP-If-Match", tag);
    is(&user.ask(&late)?, 412)
}

fn removal_once_more(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let tag = publish(&mut user, "open")?;
    let aor = user.aor().to_owned();
    let removal = user.request("PUBLISH", &aor).with("Event", "presence");
    let removal = removal.with("SIP-If-Match", tag).with("Expires", 0);
    let answer = user.ask(&removal)?;
    is(&answer, 200)?;
    let again = user.ask(&removal)?;
    is(&again, 200)?;
    ensure!(tag_of(&again)? == tag_of(&answer)?, "another tag");
    Ok(())
}
