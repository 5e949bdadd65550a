//! RFC 5630: the `sips` scheme, with what RFC 3261 16.6 and 26.2.2 say of it.

use sip::msg::{Message, Name, Uri};
use system::agent::{Agent, Draft, values};

use super::{Case, Fault, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 5630,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "5.2",
        sentence: "the sip and the sips address of a user are the same address",
        check: same_address,
    },
    Case {
        section: "5.2",
        sentence: "a sips Contact in a REGISTER whose Request-URI is not sips is answered 400",
        check: contact_without_request_uri,
    },
    Case {
        section: "5.2",
        sentence: "through an Edge a sips Contact is bound, with a Path and a Service-Route of sips",
        check: through_the_edge,
    },
    Case {
        section: "5.3",
        sentence: "a request for a sips URI is not sent to a sip Contact, but answered 480 with Warning 380",
        check: never_downgraded,
    },
    Case {
        section: "5.3",
        sentence: "a request for a sip URI reaches a sips Contact with sip in its Request-URI",
        check: sip_stays_sip,
    },
    Case {
        section: "5.3",
        sentence: "no request for a sips URI goes to a gateway without TLS",
        check: gateway,
    },
    Case {
        section: "5.3",
        sentence: "no request for a sips URI is taken without TLS",
        check: in_the_clear,
    },
    Case {
        section: "3261/16.6",
        sentence: "every entry of Record-Route is sips in a dialog of sips, and the dialog follows it both ways",
        check: recorded,
    },
    Case {
        section: "3261/12.1.1",
        sentence: "the Contact in the answer to a SUBSCRIBE for a sips URI is sips",
        check: subscribed,
    },
    Case {
        section: "5.4",
        sentence: "whoever registers with sips is redirected to a sips Contact",
        check: redirected,
    },
];

const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "5.1",
        sentence: "a user agent writes sips in Contact when its Request-URI is sips",
        reason: "a rule for user agents",
    },
    Skipped {
        section: "5.3",
        sentence: "a proxy that takes nothing but sips answers 480 with Warning 381",
        reason: "a SHOULD for such proxies: ours takes both schemes",
    },
];

#[test]
fn conforms() {
    run(&RFC);
}

fn sips(uri: &str) -> String {
    uri.replacen("sip:", "sips:", 1)
}

/// A REGISTER for the domain of its user, with sips in the Request-URI and in Contact.
fn registration(agent: &mut Agent) -> Draft {
    let domain = agent.aor().rsplit('@').next().unwrap_or_default();
    let line = format!("REGISTER sips:{domain} SIP/2.0");
    agent.registration().start(line)
}

fn with_sips_contact(agent: Agent, site: &Site) -> Agent {
    let contact = sips(agent.contact());
    agent.acting_for(&site.user()).at(&contact)
}

/// A phone that has registered with sips, at the Front End.
fn secured(site: &Site) -> Result<Agent, Fault> {
    let mut agent = with_sips_contact(site.at_front_end()?, site);
    let register = registration(&mut agent);
    agent.sign_in(register)?;
    Ok(agent)
}

fn warned(answer: &Message) -> Verdict {
    is(answer, 480)?;
    let warning = answer.text(Name::Warning).unwrap_or_default();
    ensure!(warning.starts_with("380 "), "Warning is {warning:?}");
    Ok(())
}

fn all_sips(what: &str, entries: &[String]) -> Verdict {
    ensure!(!entries.is_empty(), "no {what}");
    let are = entries.iter().all(|one| one.starts_with("<sips:"));
    ensure!(are, "{what} is {entries:?}");
    Ok(())
}

fn same_address(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, secured(site)?);
    for uri in [callee.aor().to_owned(), sips(callee.aor())] {
        let sent = caller.request("MESSAGE", &uri);
        let sent = caller.begin(sent)?;
        let came = callee.expect("MESSAGE")?;
        callee.answer(&came, 200)?;
        caller.expect_status(&sent, 200)?;
    }
    Ok(())
}

fn contact_without_request_uri(site: &Site) -> Verdict {
    let mut agent = with_sips_contact(site.at_front_end()?, site);
    let register = agent.registration();
    let (_, answer) = agent.prove(register)?;
    is(&answer, 400)
}

fn through_the_edge(site: &Site) -> Verdict {
    let mut callee = with_sips_contact(site.at_edge()?, site);
    let register = registration(&mut callee).with("Supported", "path");
    let (_, answer) = callee.prove(register)?;
    is(&answer, 200)?;
    all_sips("Service-Route", &values(&answer, Name::ServiceRoute))?;
    let mut caller = secured(site)?;
    let sent = caller.request("MESSAGE", &sips(callee.aor()));
    let sent = caller.begin(sent)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    caller.expect_status(&sent, 200)?;
    ensure!(came.uri() == callee.contact(), "for {}", came.uri());
    Ok(())
}

fn never_downgraded(site: &Site) -> Verdict {
    for (mut caller, callee) in [
        (site.inside()?, site.inside()?),
        (site.inside()?, site.outside()?),
        (site.outside()?, site.inside()?),
    ] {
        let sent = caller.request("MESSAGE", &sips(callee.aor()));
        let (_, answer) = caller.prove(sent)?;
        warned(&answer)?;
    }
    Ok(())
}

fn sip_stays_sip(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, secured(site)?);
    let sent = caller.request("MESSAGE", callee.aor());
    let sent = caller.begin(sent)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    caller.expect_status(&sent, 200)?;
    let own = callee.contact().replacen("sips:", "sip:", 1);
    ensure!(came.uri() == own, "for {}", came.uri());
    Ok(())
}

fn gateway(site: &Site) -> Verdict {
    let mut gateways = site.gateways()?;
    let mut caller = secured(site)?;
    let sent = caller.request("MESSAGE", "sips:+82555@contoso.com");
    warned(&caller.ask(&sent)?)?;
    // The first that the gateway sees is what came after.
    let sent = caller.request("MESSAGE", "sip:+82555@contoso.com");
    let sent = caller.begin(sent)?;
    let came = gateways.first.expect("MESSAGE")?;
    gateways.first.answer(&came, 200)?;
    caller.expect_status(&sent, 200)?;
    let uri = Uri::parse(came.uri()).map_err(|_| Fault::new("no URI"))?;
    ensure!(uri.as_str().starts_with("sip:"), "for {}", came.uri());
    Ok(())
}

fn in_the_clear(site: &Site) -> Verdict {
    let callee = secured(site)?;
    for mut caller in [site.over_tcp()?, site.over_udp()?] {
        let sent = caller.request("MESSAGE", &sips(callee.aor()));
        warned(&caller.ask(&sent)?)?;
    }
    Ok(())
}

fn recorded(site: &Site) -> Verdict {
    let mut outside = with_sips_contact(site.at_edge()?, site);
    let register = registration(&mut outside);
    outside.sign_in(register)?;
    let mut callee = secured(site)?;
    let invite = outside.request("INVITE", &sips(callee.aor()));
    let invite = outside.begin(invite)?;
    let came = callee.expect("INVITE")?;
    all_sips("Record-Route", &values(&came, Name::RecordRoute))?;
    let answer = callee.answer(&came, 200)?;
    let ok = outside.expect_status(&invite, 200)?;
    all_sips("Record-Route outside", &values(&ok, Name::RecordRoute))?;
    let mut here = outside.confirm(&invite, &ok)?;
    callee.expect("ACK")?;
    let there = system::agent::Dialog::of_callee(&came, &answer);
    let mut there = there.ok_or_else(|| Fault::new("no dialog"))?;
    for callee_asks in [false, true] {
        let (from, to, dialog) = if callee_asks {
            (&mut callee, &mut outside, &mut there)
        } else {
            (&mut outside, &mut callee, &mut here)
        };
        let info = from.within(dialog, "INFO");
        let info = from.begin(info)?;
        let got = to.expect("INFO")?;
        to.answer(&got, 200)?;
        from.expect_status(&info, 200)?;
        ensure!(got.uri().starts_with("sips:"), "for {}", got.uri());
    }
    Ok(())
}

fn subscribed(site: &Site) -> Verdict {
    let (mut watcher, watched) = (secured(site)?, secured(site)?);
    let sent = watcher.request("SUBSCRIBE", &sips(watched.aor()));
    let sent = sent.with("Event", "presence").with("Expires", 60);
    let (_, answer) = watcher.prove(sent)?;
    is(&answer, 200)?;
    all_sips("Contact", &values(&answer, Name::Contact))
}

fn redirected(site: &Site) -> Verdict {
    let mut agent = with_sips_contact(site.at_director()?, site);
    let register = registration(&mut agent);
    let (_, answer) = agent.prove(register)?;
    is(&answer, 301)?;
    all_sips("Contact", &values(&answer, Name::Contact))
}
