//! Section 7: messages, as they pass through servers of ours.

use sip::msg::Name;
use system::agent::{Agent, Draft, values};

use crate::conformance::{Case, Fault, Site, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "7.1",
        sentence: "the version in a start line is compared without regard to case",
        check: version_in_lower_case,
    },
    Case {
        section: "7.1",
        sentence: "another version than 2.0 is answered 505",
        check: another_version,
    },
    Case {
        section: "7.1",
        sentence: "names of methods are compared with regard to case",
        check: methods_are_case_sensitive,
    },
    Case {
        section: "7.3.1",
        sentence: "lines of one header keep their order",
        check: order_of_lines,
    },
    Case {
        section: "7.3.1",
        sentence: "names of headers are compared without regard to case",
        check: header_names_in_any_case,
    },
    Case {
        section: "7.3.1",
        sentence: "a header that a proxy does not know passes as it was written",
        check: unknown_headers_pass,
    },
    Case {
        section: "7.3.1",
        sentence: "a header may go on in further lines that begin with white space",
        check: folded_headers,
    },
    Case {
        section: "7.3.3",
        sentence: "headers are understood in their compact form",
        check: compact_forms,
    },
    Case {
        section: "7.4",
        sentence: "a body passes byte for byte, whatever its type",
        check: any_body,
    },
    Case {
        section: "7.4.2",
        sentence: "Content-Encoding and the bytes it describes pass untouched",
        check: encoded_body,
    },
    Case {
        section: "7.5",
        sentence: "empty lines before a start line are passed over",
        check: empty_lines_first,
    },
    Case {
        section: "7.5",
        sentence: "two requests in one piece of a stream are told apart by Content-Length",
        check: two_at_once,
    },
];

/// Has the request delivered to a user inside; returns it as it came.
fn deliver(
    site: &Site,
    method: &str,
    change: impl Fn(Draft) -> Draft,
) -> Result<sip::msg::Message, Fault> {
    let (mut caller, mut callee) = (site.inside()?, site.inside()?);
    let request = caller.request(method, callee.aor());
    let request = caller.begin(change(request))?;
    let came = callee.expect(method)?;
    callee.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    Ok(came)
}

fn at_the_edge(site: &Site) -> Result<(Agent, Draft), Fault> {
    let mut agent = site.at_edge()?;
    let request = agent.request("OPTIONS", "sip:sip.contoso.com");
    Ok((agent, request))
}

fn version_in_lower_case(site: &Site) -> Verdict {
    let (mut agent, request) = at_the_edge(site)?;
    is(
        &agent.ask(&request.start("OPTIONS sip:sip.contoso.com sip/2.0"))?,
        200,
    )
}

fn another_version(site: &Site) -> Verdict {
    let (mut agent, request) = at_the_edge(site)?;
    is(
        &agent.ask(&request.start("OPTIONS sip:sip.contoso.com SIP/7.0"))?,
        505,
    )
}

fn methods_are_case_sensitive(site: &Site) -> Verdict {
    let mut caller = site.inside()?;
    let mut callee = site.inside()?;
    let request = caller.request("Message", callee.aor());
    let request = caller.begin(request)?;
    let came = callee.expect("Message")?;
    callee.answer(&came, 405)?;
    is(&caller.expect_final(&request)?, 405)
}

fn order_of_lines(site: &Site) -> Verdict {
    let came = deliver(site, "MESSAGE", |draft| {
        draft
            .with("Call-Info", "<http://one.invalid>")
            .with("X-Between", "1")
            .with("Call-Info", "<http://two.invalid>, <http://three.invalid>")
    })?;
    let text = String::from_utf8_lossy(came.bytes()).into_owned();
    let places: Vec<Option<usize>> = ["one.", "X-Between", "two.", "three."]
        .iter()
        .map(|word| text.find(word))
        .collect();
    ensure!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "they stand at {places:?}"
    );
    Ok(())
}

fn header_names_in_any_case(site: &Site) -> Verdict {
    let (mut agent, request) = at_the_edge(site)?;
    let text = String::from_utf8_lossy(&request.bytes())
        .replace("Call-ID", "cALL-iD")
        .replace("CSeq", "CSEQ")
        .replace("From", "from")
        .replace("Content-Length", "content-length");
    agent.send_raw(text.as_bytes())?;
    is(&agent.expect_final(&request)?, 200)
}

fn unknown_headers_pass(site: &Site) -> Verdict {
    const LINE: &str = "X-Odd.Name!: \"un;closed , <sip:x>  \u{e9}\u{4e2d}   ;=;,";
    let came = deliver(site, "MESSAGE", |draft| {
        let (name, value) = LINE.split_once(": ").unwrap_or_default();
        draft.with(name, value)
    })?;
    let text = String::from_utf8_lossy(came.bytes()).into_owned();
    ensure!(text.contains(LINE), "it came as {text}");
    Ok(())
}

fn folded_headers(site: &Site) -> Verdict {
    let came = deliver(site, "MESSAGE", |draft| {
        let to = draft.get("To").unwrap_or_default().to_owned();
        draft
            .set("To", format_args!("\r\n {to}\r\n\t;folded=yes"))
            .with("Subject", "one\r\n  two\r\n\tthree")
    })?;
    ensure!(
        came.to()?.param("folded") == Some("yes"),
        "To is {:?}",
        came.text(Name::To)
    );
    let subject: Vec<&str> = came
        .text(Name::Subject)
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    ensure!(subject == ["one", "two", "three"], "Subject is {subject:?}");
    Ok(())
}

fn compact_forms(site: &Site) -> Verdict {
    let came = deliver(site, "MESSAGE", |draft| {
        let mut short = Draft::new(format!("MESSAGE {} SIP/2.0", draft.uri()));
        let names = [
            ("Via", "v"),
            ("From", "f"),
            ("To", "t"),
            ("Call-ID", "i"),
            ("Contact", "m"),
        ];
        for (long, compact) in names {
            short = short.with(compact, draft.get(long).unwrap_or_default());
        }
        // The agent finds its answer by these.
        short = short.with("CSeq", "1 MESSAGE").with("Max-Forwards", 70);
        let via = draft.get("Via").unwrap_or_default().to_owned();
        short
            .without("v")
            .first("Via", via)
            .with("s", "short")
            .with("k", "timer")
            .with("l", 0)
    })?;
    let text = String::from_utf8_lossy(came.bytes()).into_owned();
    for line in ["\r\nf: ", "\r\nt: ", "\r\ni: ", "\r\nm: ", "\r\ns: short"] {
        ensure!(text.contains(line), "there is no {line:?} in {text}");
    }
    Ok(())
}

fn any_body(site: &Site) -> Verdict {
    let body: Vec<u8> = (0..=255_u8).cycle().take(5_000).collect();
    let came = deliver(site, "MESSAGE", |draft| {
        draft.body("application/octet-stream", body.clone())
    })?;
    ensure!(
        came.body() == body,
        "{} bytes of another body came",
        came.body().len()
    );
    Ok(())
}

fn encoded_body(site: &Site) -> Verdict {
    let body = b"\x1f\x8b\x08\0\0\r\n\r\nSIP/2.0 200 OK\r\n\r\n".to_vec();
    let came = deliver(site, "MESSAGE", |draft| {
        draft
            .body("text/plain", body.clone())
            .with("Content-Encoding", "gzip")
    })?;
    ensure!(came.body() == body, "the body is {:?}", came.body());
    let encoding = came
        .named("Content-Encoding")
        .and_then(|field| field.text());
    ensure!(encoding == Some("gzip"), "it is said to be {encoding:?}");
    Ok(())
}

fn empty_lines_first(site: &Site) -> Verdict {
    let (mut agent, request) = at_the_edge(site)?;
    let mut bytes = b"\r\n\r\n\r\n".to_vec();
    bytes.extend(request.bytes());
    agent.send_raw(&bytes)?;
    is(&agent.expect_final(&request)?, 200)
}

fn two_at_once(site: &Site) -> Verdict {
    let (mut agent, first) = at_the_edge(site)?;
    let second = agent.request("OPTIONS", "sip:sip.contoso.com");
    let first = first.body("text/plain", "OPTIONS sip:body SIP/2.0\r\n\r\n");
    let mut bytes = first.bytes();
    bytes.extend(second.bytes());
    agent.send_raw(&bytes)?;
    is(&agent.expect_final(&first)?, 200)?;
    let answer = agent.expect_final(&second)?;
    ensure!(
        values(&answer, Name::Via).len() == 1,
        "the second answer is not that of the second request"
    );
    is(&answer, 200)
}
