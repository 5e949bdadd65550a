//! Section 18: transports. Clients without TLS, at a Front End.

use std::time::Instant;

use sip::msg::{Message, Name};
use system::agent::{Agent, values};

use crate::conformance::ringing::QUIET;
use crate::conformance::{Case, Fault, Site, Skipped, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "18.2.1",
        sentence: "requests are taken over UDP and over TCP at the same port",
        check: both_transports,
    },
    Case {
        section: "18.2.1",
        sentence: "a sent-by that is not where the request came from gets received with the source address",
        check: received_is_noted,
    },
    Case {
        section: "18.2.2",
        sentence: "a response over TCP goes back on the connection of its request, whatever Via says",
        check: on_the_same_connection,
    },
    Case {
        section: "18.1.1",
        sentence: "the Via of the proxy names the transport by which the request leaves",
        check: via_names_the_transport,
    },
    Case {
        section: "18.1.1",
        sentence: "a request of the size of a large datagram is handled",
        check: a_large_datagram,
    },
    Case {
        section: "18.1.2",
        sentence: "a response over UDP that belongs to no request is dropped",
        check: a_stray_response,
    },
    Case {
        section: "18.3",
        sentence: "a datagram without Content-Length has its body up to the end",
        check: a_body_to_the_end,
    },
    Case {
        section: "18.3",
        sentence: "a response without Content-Length in a datagram has one on a stream",
        check: a_length_for_the_stream,
    },
    Case {
        section: "18.3",
        sentence: "what comes behind the body in a datagram is no part of it",
        check: bytes_behind_the_body,
    },
    Case {
        section: "18.3",
        sentence: "a request that ends before its body does is answered 400 over UDP",
        check: a_body_too_short,
    },
    Case {
        section: "18.3",
        sentence: "a response that ends before its body does is dropped over UDP",
        check: a_response_too_short,
    },
    Case {
        section: "18.3",
        sentence: "over TCP a body ends where Content-Length says, in however many pieces it comes",
        check: a_body_in_pieces,
    },
    Case {
        section: "18.3",
        sentence: "a datagram that is no message disturbs nothing that comes after it",
        check: garbage,
    },
];

pub(crate) const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "18.1.1",
        sentence: "a request within 200 bytes of the path MTU goes over TCP",
        reason: "a phone or gateway over UDP has no other way to it (decision 0017)",
    },
    Skipped {
        section: "18.1.1",
        sentence: "requests to a multicast address carry maddr and ttl",
        reason: "nothing is sent to groups",
    },
    Skipped {
        section: "18.2.2",
        sentence: "a response whose connection is gone goes over a new one to the address in Via",
        reason: "no connection is opened to a client; servers of ours are answered by another flow of theirs (sim::faults)",
    },
    Skipped {
        section: "18.4",
        sentence: "a transport that fails is told to its user, who takes it for a 503",
        reason: "needs a machine that dies; shown by sim::faults and the kill tests",
    },
];

const OURS: &str = "sip:fe01.contoso.net";

fn both_transports(site: &Site) -> Verdict {
    for mut agent in [site.over_tcp()?, site.over_udp()?] {
        let request = agent.request("OPTIONS", OURS);
        is(&agent.ask(&request)?, 200)?;
    }
    Ok(())
}

fn received_is_noted(site: &Site) -> Verdict {
    for mut agent in [site.over_tcp()?, site.over_udp()?] {
        let at = agent.link().local()?.ip().to_string();
        let word = agent.link().word();
        let via = format!("SIP/2.0/{word} elsewhere.invalid;branch=z9hG4bKelse{word};rport");
        let request = agent.request("OPTIONS", OURS).set("Via", via);
        let answer = agent.ask(&request)?;
        let noted = answer.via()?.params.value("received");
        ensure!(noted == Some(&*at), "{word}: received is {noted:?}");
    }
    Ok(())
}

fn on_the_same_connection(site: &Site) -> Verdict {
    let mut agent = site.over_tcp()?;
    let via = "SIP/2.0/TCP 192.0.2.1:9;branch=z9hG4bKnowhere";
    let request = agent.request("OPTIONS", OURS).set("Via", via);
    is(&agent.ask(&request)?, 200)
}

/// Signs a fresh user in without TLS.
fn signed_in(site: &Site, agent: Agent) -> Result<Agent, Fault> {
    let mut agent = agent.acting_for(&site.user());
    let draft = agent.registration();
    agent.sign_in(draft)?;
    Ok(agent)
}

/// A MESSAGE as these bytes reaches somebody who has TLS; returns it as it came.
fn delivered(
    site: &Site,
    mut sender: Agent,
    write: impl Fn(Vec<u8>) -> Vec<u8>,
    body: Vec<u8>,
) -> Result<Message, Fault> {
    let mut callee = site.inside()?;
    // What is written by hand carries no credentials, so the challenge is met before.
    let first = sender.request("MESSAGE", callee.aor());
    let (_, answer) = {
        let request = sender.begin(first)?;
        let came = callee.expect("MESSAGE")?;
        callee.answer(&came, 200)?;
        let answer = sender.expect_final(&request)?;
        (request, answer)
    };
    is(&answer, 200)?;
    let request = sender.request("MESSAGE", callee.aor());
    let request = request.body("application/octet-stream", body);
    sender.send_raw(&write(request.bytes()))?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    is(&sender.expect_final(&request)?, 200)?;
    Ok(came)
}

fn via_names_the_transport(site: &Site) -> Verdict {
    let phones = [
        signed_in(site, site.over_tcp()?)?,
        signed_in(site, site.over_udp()?)?,
        site.inside()?,
    ];
    let mut caller = site.inside()?;
    for mut phone in phones {
        let request = caller.request("MESSAGE", phone.aor());
        let request = caller.begin(request)?;
        let came = phone.expect("MESSAGE")?;
        phone.answer(&came, 200)?;
        caller.expect_status(&request, 200)?;
        let top = values(&came, Name::Via).swap_remove(0);
        let wanted = format!("SIP/2.0/{} ", phone.link().word());
        ensure!(top.starts_with(&wanted), "Via is {top:?}");
    }
    Ok(())
}

fn a_large_datagram(site: &Site) -> Verdict {
    let body: Vec<u8> = (0..=255_u8).cycle().take(60_000).collect();
    let sender = signed_in(site, site.over_udp()?)?;
    let came = delivered(site, sender, |bytes| bytes, body.clone())?;
    ensure!(came.body() == body, "{} bytes came", came.body().len());
    Ok(())
}

fn a_stray_response(site: &Site) -> Verdict {
    let mut agent = site.over_udp()?;
    let request = agent.request("OPTIONS", OURS);
    let stray = request.clone().start("SIP/2.0 200 OK");
    agent.send(&stray)?;
    agent.expect_none(QUIET, "an answer to a response", |_| true)?;
    is(&agent.ask(&request)?, 200)
}

/// The line that says how long the body is, and another in its place.
fn with_length(bytes: &[u8], line: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let kept = head
        .split("\r\n")
        .filter(|one| !one.starts_with("Content-Length"));
    let mut lines: Vec<&str> = kept.collect();
    lines.extend(Some(line).filter(|line| !line.is_empty()));
    format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes()
}

fn a_body_to_the_end(site: &Site) -> Verdict {
    let sender = signed_in(site, site.over_udp()?)?;
    let write = |bytes: Vec<u8>| with_length(&bytes, "");
    let came = delivered(site, sender, write, b"to the end".to_vec())?;
    ensure!(
        came.body() == b"to the end",
        "the body is {:?}",
        came.body()
    );
    Ok(())
}

fn a_length_for_the_stream(site: &Site) -> Verdict {
    let mut phone = signed_in(site, site.over_udp()?)?;
    let mut caller = site.inside()?;
    let request = caller.request("MESSAGE", phone.aor());
    let request = caller.begin(request)?;
    let came = phone.expect("MESSAGE")?;
    let answer = phone.response(&came, 200).body("text/plain", "heard");
    phone.send_raw(&with_length(&answer.bytes(), ""))?;
    let heard = caller.expect_final(&request)?;
    is(&heard, 200)?;
    ensure!(heard.body() == b"heard", "the body is {:?}", heard.body());
    Ok(())
}

fn bytes_behind_the_body(site: &Site) -> Verdict {
    let sender = signed_in(site, site.over_udp()?)?;
    let write = |bytes: Vec<u8>| with_length(&bytes, "Content-Length: 4");
    let came = delivered(site, sender, write, b"bodyand more".to_vec())?;
    ensure!(came.body() == b"body", "the body is {:?}", came.body());
    Ok(())
}

fn a_body_too_short(site: &Site) -> Verdict {
    let mut agent = site.over_udp()?;
    let request = agent.request("OPTIONS", OURS).body("text/plain", "short");
    agent.send_raw(&with_length(&request.bytes(), "Content-Length: 400"))?;
    is(&agent.expect_final(&request)?, 400)
}

fn a_response_too_short(site: &Site) -> Verdict {
    let mut phone = signed_in(site, site.over_udp()?)?;
    let mut caller = site.inside()?;
    let request = caller.request("MESSAGE", phone.aor());
    let request = caller.begin(request)?;
    let came = phone.expect("MESSAGE")?;
    let broken = phone.response(&came, 200).body("text/plain", "short");
    phone.send_raw(&with_length(&broken.bytes(), "Content-Length: 400"))?;
    caller.expect_none(QUIET, "200", |m| m.status() == 200)?;
    phone.answer(&came, 202)?;
    is(&caller.expect_final(&request)?, 202)
}

fn a_body_in_pieces(site: &Site) -> Verdict {
    let mut agent = site.over_tcp()?;
    let first = agent
        .request("OPTIONS", OURS)
        .body("text/plain", "a\r\n\r\nb");
    let second = agent.request("OPTIONS", OURS);
    let mut bytes = first.bytes();
    bytes.extend(second.bytes());
    for piece in bytes.chunks(61) {
        agent.send_raw(piece)?;
    }
    is(&agent.expect_final(&first)?, 200)?;
    is(&agent.expect_final(&second)?, 200)
}

fn garbage(site: &Site) -> Verdict {
    let mut agent = site.over_udp()?;
    for bytes in [
        &b"\xff\xfe\0\0"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"OPTIONS",
        b" ",
    ] {
        agent.send_raw(bytes)?;
    }
    let request = agent.request("OPTIONS", OURS);
    let before = Instant::now();
    is(&agent.ask(&request)?, 200)?;
    ensure!(before.elapsed() < system::tls::PATIENCE, "it took too long");
    Ok(())
}
