//! RFC 5626: flows that clients keep.

use sip::msg::{Message, Name};
use system::agent::{Agent, Draft};

use super::ringing::QUIET;
use super::{Case, Fault, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 5626,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "6",
        sentence: "the 200 to a REGISTER that binds a flow has Require: outbound",
        check: says_outbound,
    },
    Case {
        section: "6",
        sentence: "reg-id of a client that does not say outbound is ignored",
        check: not_without_support,
    },
    Case {
        section: "6",
        sentence: "two Contacts with reg-id in one REGISTER are answered 400",
        check: one_flow_at_a_time,
    },
    Case {
        section: "6",
        sentence: "instance and reg-id tell bindings apart, whatever the Contact URI",
        check: by_instance,
    },
    Case {
        section: "5.1",
        sentence: "the Path that an edge proxy adds has ob",
        check: path_has_ob,
    },
    Case {
        section: "5.3",
        sentence: "a request for a phone outside goes to it over the flow that it opened",
        check: over_the_flow,
    },
    Case {
        section: "5.3",
        sentence: "when the newest flow of an instance is gone the next one is tried",
        check: next_flow,
    },
    Case {
        section: "4.4.1",
        sentence: "two CRLF are answered with one",
        check: pong,
    },
    Case {
        section: "5.3",
        sentence: "two flows of one instance are not tried at the same time",
        check: one_at_a_time,
    },
    Case {
        section: "5.3.1",
        sentence: "a flow token that was changed, or made up, leads nowhere",
        check: forged_token,
    },
    Case {
        section: "8",
        sentence: "a STUN request over UDP is answered with the address that it came from",
        check: stun,
    },
    Case {
        section: "6",
        sentence: "a flow that is bound again replaces the old one of the same reg-id",
        check: same_flow,
    },
    Case {
        section: "5.3",
        sentence: "a request for a phone whose only flow is gone is answered 480",
        check: no_flow_left,
    },
];

const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "5.3.1",
        sentence: "a flow token that was changed is answered 403",
        reason: "from a client no token leads anywhere before its dialog, so its request goes the way of any other",
    },
    Skipped {
        section: "6",
        sentence: "a first hop without ob in its Path is answered 439",
        reason: "the only proxies that a REGISTER passes are ours and have it; unit tests of the registrar show it",
    },
    Skipped {
        section: "5.4",
        sentence: "a flow without keep-alives for longer than its Flow-Timer is dead",
        reason: "takes 150 s; the simulation shows it on its own clock",
    },
];

#[test]
fn conforms() {
    run(&RFC);
}

fn flow(draft: Draft, agent: &Agent, instance: &str, number: u32) -> Draft {
    let contact = agent.contact();
    draft
        .set(
            "Contact",
            format_args!("<{contact}>;+sip.instance=\"<urn:uuid:{instance}>\";reg-id={number}"),
        )
        .with("Supported", "path, outbound")
}

/// A fresh agent outside that has bound this flow.
fn bound(site: &Site, user: &system::deployment::User, number: u32) -> Result<Agent, Fault> {
    let mut agent = site.doors().outside()?.acting_for(user);
    let draft = agent.registration();
    let draft = flow(draft, &agent, "one", number);
    agent.sign_in(draft)?;
    Ok(agent)
}

fn says_outbound(site: &Site) -> Verdict {
    let mut agent = site.outside()?;
    let draft = agent.registration();
    let draft = flow(draft, &agent, "one", 1);
    let (_, answer) = agent.prove(draft)?;
    is(&answer, 200)?;
    let said = answer.text(Name::Require);
    ensure!(said == Some("outbound"), "Require is {said:?}");
    let timer = answer
        .text(Name::FlowTimer)
        .and_then(|text| text.parse::<u32>().ok());
    ensure!(timer.is_some(), "there is no Flow-Timer");
    Ok(())
}

fn not_without_support(site: &Site) -> Verdict {
    let mut agent = site.outside()?;
    for number in [1, 2] {
        let draft = agent.registration();
        let draft = flow(draft, &agent, "one", number).set("Supported", "path");
        let (_, answer) = agent.prove(draft)?;
        is(&answer, 200)?;
        ensure!(answer.get(Name::Require).is_none(), "it requires something");
        let all = system::agent::values(&answer, Name::Contact);
        let own = all
            .iter()
            .filter(|one| one.contains("urn:uuid:one"))
            .count();
        ensure!(own == 1, "Contact is {all:?}");
    }
    Ok(())
}

fn one_flow_at_a_time(site: &Site) -> Verdict {
    let mut agent = site.outside()?;
    let draft = agent.registration();
    let draft = flow(draft, &agent, "one", 1).with(
        "Contact",
        "<sip:other@192.0.2.9>;+sip.instance=\"<urn:uuid:one>\";reg-id=2",
    );
    let (_, answer) = agent.prove(draft)?;
    is(&answer, 400)
}

fn by_instance(site: &Site) -> Verdict {
    let user = site.user();
    let mut agent = bound(site, &user, 1)?;
    for (contact, number, count) in [("sip:a@192.0.2.9", 1, 1), ("sip:b@192.0.2.9", 2, 2)] {
        let draft = agent.registration().with("Supported", "outbound");
        let draft = draft.set(
            "Contact",
            format_args!("<{contact}>;+sip.instance=\"<urn:uuid:one>\";reg-id={number}"),
        );
        let (_, answer) = agent.prove(draft)?;
        is(&answer, 200)?;
        let all = system::agent::values(&answer, Name::Contact);
        ensure!(all.len() == count, "Contact is {all:?}");
    }
    Ok(())
}

fn path_has_ob(site: &Site) -> Verdict {
    let mut agent = site.outside()?;
    let draft = agent.registration().with("Supported", "path");
    let (_, answer) = agent.prove(draft)?;
    is(&answer, 200)?;
    let path = answer.text(Name::Path).unwrap_or_default();
    ensure!(path.contains(";ob"), "Path is {path:?}");
    Ok(())
}

fn over_the_flow(site: &Site) -> Verdict {
    let user = site.user();
    let mut callee = bound(site, &user, 1)?;
    reaches(site, &user.uri, &mut callee)
}

fn next_flow(site: &Site) -> Verdict {
    let user = site.user();
    let mut first = bound(site, &user, 1)?;
    let second = bound(site, &user, 2)?;
    drop(second);
    reaches(site, &user.uri, &mut first)
}

fn reaches(site: &Site, uri: &str, callee: &mut Agent) -> Verdict {
    let mut caller = site.inside()?;
    let request = caller.request("MESSAGE", uri);
    let request = caller.begin(request)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    Ok(())
}

fn pong(site: &Site) -> Verdict {
    let mut agent = site.at_edge()?;
    agent.send_raw(b"\r\n\r\n")?;
    let deadline = std::time::Instant::now() + system::tls::PATIENCE;
    let came = agent.link().receive(deadline)?;
    ensure!(&came[..] == b"\r\n", "{came:?} came");
    Ok(())
}

fn one_at_a_time(site: &Site) -> Verdict {
    let user = site.user();
    let (mut first, mut second) = (bound(site, &user, 1)?, bound(site, &user, 2)?);
    reaches(site, &user.uri, &mut second)?;
    first.expect_none(QUIET, "a MESSAGE", Message::is_request)?;
    Ok(())
}

fn same_flow(site: &Site) -> Verdict {
    let user = site.user();
    let (mut first, mut second) = (bound(site, &user, 1)?, bound(site, &user, 1)?);
    reaches(site, &user.uri, &mut second)?;
    first.expect_none(QUIET, "a MESSAGE", Message::is_request)?;
    Ok(())
}

fn forged_token(site: &Site) -> Verdict {
    let (mut agent, mut callee) = (site.outside()?, site.inside()?);
    let draft = agent.registration().with("Supported", "path");
    let (_, answer) = agent.prove(draft)?;
    is(&answer, 200)?;
    let path = answer.text(Name::Path).unwrap_or_default().to_owned();
    let at = path.find('@').ok_or_else(|| Fault::new("no token"))?;
    let mut changed = path.clone();
    let letter = if path[..at].ends_with('A') { "B" } else { "A" };
    changed.replace_range(at - 1..at, letter);
    for route in [changed, path.replacen(&path[5..at], "made-up", 1)] {
        let request = agent.request("MESSAGE", callee.aor());
        let request = agent.begin(request.with("Route", &route))?;
        let came = callee.expect("MESSAGE")?;
        callee.answer(&came, 200)?;
        agent.expect_status(&request, 200)?;
        agent.expect_none(QUIET, "a MESSAGE", Message::is_request)?;
    }
    Ok(())
}

fn stun(site: &Site) -> Verdict {
    let mut agent = site.over_udp()?;
    // A Binding request without attributes: type, length, magic cookie, transaction.
    let transaction = *b"twelve bytes";
    let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], &transaction[..]].concat();
    agent.send_raw(&request)?;
    let deadline = std::time::Instant::now() + system::tls::PATIENCE;
    let came = agent.link().receive(deadline)?;
    ensure!(came.starts_with(&[1, 1]), "no Binding response: {came:?}");
    ensure!(came[8..20] == transaction, "another transaction: {came:?}");
    // XOR-MAPPED-ADDRESS (RFC 8489 14.2): the port under the first half of the cookie.
    let port = agent.link().local()?.port() ^ 0x2112;
    let mapped = [&[0, 0x20, 0, 8, 0, 1], &port.to_be_bytes()[..]].concat();
    let is_there = came.windows(mapped.len()).any(|part| part == mapped);
    ensure!(is_there, "the port is not there: {came:?}");
    Ok(())
}

fn no_flow_left(site: &Site) -> Verdict {
    let user = site.user();
    let (mut phone, mut caller) = (bound(site, &user, 1)?, site.inside()?);
    reaches(site, &user.uri, &mut phone)?;
    drop(phone);
    let request = caller.request("MESSAGE", &user.uri);
    let (_, answer) = caller.prove(request)?;
    is(&answer, 480)
}
