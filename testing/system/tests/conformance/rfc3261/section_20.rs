//! Section 20 (with 8.1.1): headers that a server must have, must not have twice, or must understand.

use sip::msg::Name;
use system::agent::Draft;

use crate::conformance::{Case, Fault, Site, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "8.1.1",
        sentence: "a request without To is answered 400",
        check: |site| lacks(site, "To"),
    },
    Case {
        section: "8.1.1",
        sentence: "a request without From is answered 400",
        check: |site| lacks(site, "From"),
    },
    Case {
        section: "8.1.1",
        sentence: "a request without CSeq is answered 400",
        check: |site| lacks(site, "CSeq"),
    },
    Case {
        section: "8.1.1",
        sentence: "a request without Call-ID is answered 400",
        check: |site| lacks(site, "Call-ID"),
    },
    Case {
        section: "8.1.1.5",
        sentence: "a CSeq with another method than the request's is answered 400",
        check: |site| says(site, "CSeq", "1 INVITE"),
    },
    Case {
        section: "20.16",
        sentence: "a CSeq of 2^32 is answered 400",
        check: |site| says(site, "CSeq", "4294967296 OPTIONS"),
    },
    Case {
        section: "20.22",
        sentence: "a Max-Forwards that is no number is answered 400",
        check: |site| says(site, "Max-Forwards", "many"),
    },
    Case {
        section: "20.20",
        sentence: "a From that is no address is answered 400",
        check: |site| says(site, "From", "<sip:open@invalid;tag=1"),
    },
    Case {
        section: "20.39",
        sentence: "a To that is no address is answered 400",
        check: |site| says(site, "To", "\"never closed <sip:a@b.invalid>"),
    },
    Case {
        section: "7.3.1",
        sentence: "a second Call-ID is answered 400",
        check: |site| twice(site, "Call-ID", "other"),
    },
    Case {
        section: "7.3.1",
        sentence: "a second CSeq is answered 400",
        check: |site| twice(site, "CSeq", "2 OPTIONS"),
    },
    Case {
        section: "7.3.1",
        sentence: "a second To is answered 400",
        check: |site| twice(site, "To", "<sip:b@b.invalid>"),
    },
    Case {
        section: "16.6",
        sentence: "Max-Forwards is added where there is none",
        check: max_forwards_is_added,
    },
    Case {
        section: "20.14",
        sentence: "a Content-Length that is no number is answered 400 on a stream",
        check: |site| says(site, "Content-Length", "-1"),
    },
    Case {
        section: "20.38",
        sentence: "Timestamp of an INVITE is in its 100",
        check: timestamp_in_a_hundred,
    },
    Case {
        section: "20.1",
        sentence: "a media type with q=0 is not acceptable, and the most exact range decides",
        check: accept_of_nothing,
    },
];

fn request(site: &Site) -> Result<(system::agent::Agent, Draft), Fault> {
    let mut agent = site.at_edge()?;
    let request = agent.request("OPTIONS", "sip:sip.contoso.com");
    Ok((agent, request))
}

/// Sends it; the answer is told by its Via, since the rest may be what is wrong.
fn is_refused(site: &Site, change: impl Fn(Draft) -> Draft) -> Verdict {
    let (mut agent, request) = request(site)?;
    agent.send(&change(request))?;
    let answer = agent.take(system::tls::PATIENCE, "400", |message| {
        !message.is_request()
    })?;
    is(&answer, 400)
}

fn lacks(site: &Site, name: &str) -> Verdict {
    let (mut agent, request) = request(site)?;
    agent.send(&request.without(name))?;
    // The answer lacks it, too, so it cannot be read as a message.
    let mut said = Vec::new();
    let deadline = std::time::Instant::now() + system::tls::PATIENCE;
    while !said.windows(4).any(|end| end == b"\r\n\r\n") {
        said.extend_from_slice(&agent.link().receive(deadline)?);
    }
    ensure!(
        said.starts_with(b"SIP/2.0 400 "),
        "it said {:?}",
        String::from_utf8_lossy(&said)
    );
    Ok(())
}

fn says(site: &Site, name: &str, value: &str) -> Verdict {
    is_refused_raw(site, |draft| draft.set(name, value))
}

fn twice(site: &Site, name: &str, value: &str) -> Verdict {
    is_refused(site, |draft| draft.with(name, value))
}

fn is_refused_raw(site: &Site, change: impl Fn(Draft) -> Draft) -> Verdict {
    let (mut agent, request) = request(site)?;
    agent.send(&change(request))?;
    let deadline = std::time::Instant::now() + system::tls::PATIENCE;
    let said = agent.link().receive(deadline)?;
    ensure!(
        said.starts_with(b"SIP/2.0 400 "),
        "it said {:?}",
        String::from_utf8_lossy(&said)
    );
    Ok(())
}

fn max_forwards_is_added(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let request = caller.request("MESSAGE", callee.aor());
    let request = caller.begin(request.without("Max-Forwards"))?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    ensure!(
        came.max_forwards()?.is_some_and(|left| left >= 69),
        "Max-Forwards is {:?}",
        came.text(Name::MaxForwards)
    );
    Ok(())
}

fn timestamp_in_a_hundred(site: &Site) -> Verdict {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let invite = caller.request("INVITE", callee.aor());
    let invite = caller.begin(invite.with("Timestamp", "54.21"))?;
    let trying = caller.expect_status(&invite, 100)?;
    let there = trying.text(Name::Timestamp).map(str::to_owned);
    let asked = callee.expect("INVITE")?;
    callee.answer(&asked, 486)?;
    let last = caller.expect_final(&invite)?;
    caller.acknowledge(&invite, &last)?;
    ensure!(
        there
            .as_deref()
            .is_some_and(|value| value.starts_with("54.21")),
        "Timestamp is {there:?}"
    );
    Ok(())
}

fn accept_of_nothing(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    for (accept, status) in [
        ("application/pidf+xml;q=0", 406),
        ("application/pidf+xml;q=0, */*;q=0.5", 406),
        ("application/*;q=0.000, text/plain", 406),
        ("", 406),
        ("*/*;q=0, application/pidf+xml;q=0.1", 200),
        ("APPLICATION/Pidf+Xml ; q=0.2", 200),
    ] {
        let request = watcher.request("SUBSCRIBE", &user.uri);
        let request = request.with("Event", "presence").with("Expires", 0);
        let answer = watcher.ask(&request.with("Accept", accept))?;
        let got = answer.status();
        ensure!(got == status, "{accept}: {got} in place of {status}");
    }
    Ok(())
}
