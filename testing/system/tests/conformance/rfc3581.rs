//! RFC 3581: symmetric response routing over UDP.

use sip::msg::Name;
use system::agent::{Agent, values};

use super::{Case, Fault, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 3581,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "4",
        sentence: "rport gets the source port, and received the source address even where it is that of sent-by",
        check: filled_in,
    },
    Case {
        section: "4",
        sentence: "the response goes to the address and port that the request came from, not to sent-by",
        check: to_the_source,
    },
    Case {
        section: "4",
        sentence: "an rport that was filled in goes on with the request and comes back as it was",
        check: below_our_own,
    },
    Case {
        section: "3",
        sentence: "a request that leaves over UDP has an empty rport in the Via of the proxy",
        check: in_our_own,
    },
    Case {
        section: "4",
        sentence: "requests from two ports of one address are answered each to its own",
        check: two_ports,
    },
];

const SKIPPED: &[Skipped] = &[Skipped {
    section: "4",
    sentence: "without rport a response goes to the port in sent-by",
    reason: "it goes to the source port all the same, so that phones behind a translator hear it (decision 0018)",
}];

#[test]
fn conforms() {
    run(&RFC);
}

const OURS: &str = "sip:fe01.contoso.net";

/// The parameters of the top Via that say where a request came from.
fn noted(message: &sip::msg::Message) -> Result<(Option<String>, Option<String>), Fault> {
    let via = message.via()?;
    let value = |name: &str| via.params.value(name).map(str::to_owned);
    Ok((value("received"), value("rport")))
}

/// What they have to say.
fn source(agent: &mut Agent) -> Result<(Option<String>, Option<String>), Fault> {
    let local = agent.link().local()?;
    Ok((Some(local.ip().to_string()), Some(local.port().to_string())))
}

fn filled_in(site: &Site) -> Verdict {
    let mut agent = site.over_udp()?;
    let request = agent.request("OPTIONS", OURS);
    let answer = agent.ask(&request)?;
    is(&answer, 200)?;
    let (said, wanted) = (noted(&answer)?, source(&mut agent)?);
    ensure!(said == wanted, "Via says {said:?}, it is {wanted:?}");
    Ok(())
}

fn to_the_source(site: &Site) -> Verdict {
    let mut agent = site.over_udp()?;
    let via = "SIP/2.0/UDP 192.0.2.1:9;branch=z9hG4bKsource;rport";
    let request = agent.request("OPTIONS", OURS).set("Via", via);
    let answer = agent.ask(&request)?;
    is(&answer, 200)?;
    let (said, wanted) = (noted(&answer)?, source(&mut agent)?);
    ensure!(said == wanted, "Via says {said:?}, it is {wanted:?}");
    Ok(())
}

/// Signs a fresh user in over UDP.
fn phone(site: &Site) -> Result<Agent, Fault> {
    let mut agent = site.over_udp()?.acting_for(&site.user());
    let draft = agent.registration();
    agent.sign_in(draft)?;
    Ok(agent)
}

fn below_our_own(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (phone(site)?, site.inside()?);
    let request = caller.request("MESSAGE", callee.aor());
    let request = caller.begin(request)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    let answer = caller.expect_status(&request, 200)?;
    let (said, wanted) = (noted(&answer)?, source(&mut caller)?);
    ensure!(said == wanted, "Via says {said:?}, it is {wanted:?}");
    let below = values(&came, Name::Via).pop().unwrap_or_default();
    let port = format!("rport={}", wanted.1.unwrap_or_default());
    ensure!(below.contains(&port), "Via is {below:?}");
    Ok(())
}

fn in_our_own(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, phone(site)?);
    let request = caller.request("MESSAGE", callee.aor());
    let request = caller.begin(request)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    let via = came.via()?;
    let is_empty = via.params.has("rport") && via.params.value("rport").is_none();
    ensure!(is_empty, "Via is {:?}", came.text(Name::Via));
    Ok(())
}

fn two_ports(site: &Site) -> Verdict {
    let (mut one, mut other) = (site.over_udp()?, site.over_udp()?);
    let first = one.request("OPTIONS", OURS);
    let second = other.request("OPTIONS", OURS);
    one.send(&first)?;
    other.send(&second)?;
    for (agent, request) in [(&mut other, &second), (&mut one, &first)] {
        let answer = agent.expect_final(request)?;
        let (said, wanted) = (noted(&answer)?, source(agent)?);
        ensure!(said == wanted, "Via says {said:?}, it is {wanted:?}");
    }
    Ok(())
}
