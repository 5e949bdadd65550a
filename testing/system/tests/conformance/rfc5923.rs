//! RFC 5923: one connection for the requests of both sides, and for whom.

use sip::msg::Message;
use system::agent::{Agent, Draft};
use system::authority::{Identity, Naming};

use super::abroad::{Abroad, Crossing, arrives, nobody_comes, run_abroad, write_to};
use super::ringing::QUIET;
use super::{Fault, Skipped, Verdict, ensure, is};

const CASES: &[Crossing] = &[
    Crossing {
        section: "7.1",
        sentence: "a request over a connection that we opened has alias in the topmost Via",
        check: says_alias,
    },
    Crossing {
        section: "7.1",
        sentence: "further requests for the same domain go over the connection that is there",
        check: one_connection,
    },
    Crossing {
        section: "7.1",
        sentence: "the other side's requests are taken on the connection that we opened",
        check: taken_back,
    },
    Crossing {
        section: "7.1",
        sentence: "and they are taken on the usual port as before",
        check: taken_at_the_port,
    },
    Crossing {
        section: "7.1",
        sentence: "a connection that has proven one domain carries nothing for another, though the address is the same",
        check: not_for_another,
    },
    Crossing {
        section: "7.1",
        sentence: "when the connection is gone the next request opens a new one",
        check: opened_anew,
    },
    Crossing {
        section: "7.1",
        sentence: "a CANCEL whose connection is gone ends the call for the caller at least",
        check: cancel_without_connection,
    },
    Crossing {
        section: "7.2",
        sentence: "over a connection on which alias was said our requests go back",
        check: lent,
    },
    Crossing {
        section: "7.2",
        sentence: "over a connection on which it was not said none does",
        check: not_lent,
    },
    Crossing {
        section: "7.2",
        sentence: "it is lent for the domains of its certificate and no other, whatever the request says",
        check: lent_for_its_domains,
    },
    Crossing {
        section: "7.2",
        sentence: "when a lent connection is gone a new one is opened to where the domain's servers are",
        check: lent_and_gone,
    },
    Crossing {
        section: "7.2",
        sentence: "alias in the request of a client changes nothing",
        check: of_a_client,
    },
];

const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "7.2",
        sentence: "a connection is reused only for the address and port that its Via names",
        reason: "that the certificate proves the domain of the request is what counts, whichever server it is \
                 (docs/decisions/0026-routes-of-partners.md)",
    },
    Skipped {
        section: "7.3",
        sentence: "an alias is formed after both sides have shown certificates",
        reason: "partners are let in with a certificate alone: rfc5922 7.4",
    },
    Skipped {
        section: "8",
        sentence: "TCP connections are reused",
        reason: "without TLS there are no partners",
    },
];

#[test]
fn conforms() {
    run_abroad(&Abroad::start(), 5923, CASES, [], SKIPPED);
}

/// A caller of ours, and a server of a partner that has taken a message of theirs.
fn acquainted(abroad: &Abroad) -> Result<(Agent, Agent, Message, String), Fault> {
    let (mut caller, domain, door) = abroad.one_server()?;
    let sent = write_to(&mut caller, &domain)?;
    let mut server = abroad.meet(&door)?;
    let came = arrives(&mut caller, &sent, &mut server)?;
    Ok((caller, server, came, domain))
}

fn says_alias(abroad: &Abroad) -> Verdict {
    let (_, _, came, _) = acquainted(abroad)?;
    let via = came.via()?;
    ensure!(via.params.has("alias"), "{via:?}");
    Ok(())
}

fn one_connection(abroad: &Abroad) -> Verdict {
    let (mut caller, mut server, _, domain) = acquainted(abroad)?;
    let mut other = abroad.site().inside()?;
    for caller in [&mut caller, &mut other] {
        let sent = write_to(caller, &domain)?;
        arrives(caller, &sent, &mut server)?;
    }
    Ok(())
}

/// A message of the partner's bob for a user of ours.
fn from_bob(server: &mut Agent, domain: &str, user: &Agent) -> Draft {
    server
        .request("MESSAGE", user.aor())
        .set("From", format_args!("<sip:bob@{domain}>;tag=1"))
}

fn is_taken(server: &mut Agent, sent: &Draft, user: &mut Agent) -> Verdict {
    server.send(sent)?;
    let came = user.expect("MESSAGE")?;
    user.answer(&came, 200)?;
    server.expect_status(sent, 200)?;
    Ok(())
}

fn taken_back(abroad: &Abroad) -> Verdict {
    let (mut caller, mut server, _, domain) = acquainted(abroad)?;
    let sent = from_bob(&mut server, &domain, &caller);
    is_taken(&mut server, &sent, &mut caller)
}

fn identity_of(abroad: &Abroad, domain: &str) -> Result<Identity, Fault> {
    abroad.identity(&Naming {
        hosts: &[domain],
        ..Naming::default()
    })
}

fn taken_at_the_port(abroad: &Abroad) -> Verdict {
    let (mut caller, _first, _, domain) = acquainted(abroad)?;
    let mut second = abroad.come(&identity_of(abroad, &domain)?)?;
    let sent = from_bob(&mut second, &domain, &caller);
    is_taken(&mut second, &sent, &mut caller)
}

fn not_for_another(abroad: &Abroad) -> Verdict {
    let (domain, other) = (abroad.domain(), abroad.domain());
    let door = abroad.server(&domain)?;
    abroad.publish(&domain, &[door.at()]);
    abroad.publish(&other, &[door.at()]);
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    let mut server = abroad.meet(&door)?;
    arrives(&mut caller, &sent, &mut server)?;
    let sent = write_to(&mut caller, &other)?;
    // The Edge asks for a certificate of the other domain, on another connection, and does not get it.
    drop(door.accept(system::tls::PATIENCE));
    is(&caller.expect_final(&sent)?, 504)?;
    server.expect_none(QUIET, "MESSAGE", Message::is_request)?;
    Ok(())
}

fn opened_anew(abroad: &Abroad) -> Verdict {
    let (mut caller, domain, door) = abroad.one_server()?;
    for _ in 0..2 {
        let sent = write_to(&mut caller, &domain)?;
        arrives(&mut caller, &sent, &mut abroad.meet(&door)?)?;
    }
    Ok(())
}

fn cancel_without_connection(abroad: &Abroad) -> Verdict {
    let (mut caller, mut server, _, domain) = acquainted(abroad)?;
    let invite = caller.request("INVITE", &format!("sip:bob@{domain}"));
    let invite = caller.begin(invite)?;
    let came = server.expect("INVITE")?;
    server.answer(&came, 180)?;
    caller.expect_status(&invite, 180)?;
    drop(server);
    let cancel = caller.cancel(&invite);
    caller.send(&cancel)?;
    let end = caller.expect_final(&invite)?;
    ensure!(end.status() >= 400, "it ended with {}", end.status());
    caller.acknowledge(&invite, &end)?;
    Ok(())
}

/// A partner's server that has connected and sent a message, with this done to it.
fn visitor(
    abroad: &Abroad,
    domains: &[&str],
    change: impl FnOnce(Draft) -> Draft,
) -> Result<(Agent, Agent), Fault> {
    let identity = abroad.identity(&Naming {
        hosts: domains,
        ..Naming::default()
    })?;
    let (mut server, mut user) = (abroad.come(&identity)?, abroad.site().inside()?);
    let domain = domains.first().copied().unwrap_or_default();
    let sent = change(from_bob(&mut server, domain, &user));
    is_taken(&mut server, &sent, &mut user)?;
    Ok((server, user))
}

fn with_alias(request: Draft) -> Draft {
    let via = request.get("Via").unwrap_or_default().to_owned();
    request.set("Via", format_args!("{via};alias"))
}

fn lent(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let (mut server, mut user) = visitor(abroad, &[&domain], with_alias)?;
    // Its name is not known to the name service, so there is no other way.
    let sent = write_to(&mut user, &domain)?;
    arrives(&mut user, &sent, &mut server)?;
    Ok(())
}

fn not_lent(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let door = abroad.server(&domain)?;
    abroad.publish(&domain, &[door.at()]);
    let (mut server, mut user) = visitor(abroad, &[&domain], |request| request)?;
    let sent = write_to(&mut user, &domain)?;
    arrives(&mut user, &sent, &mut abroad.meet(&door)?)?;
    server.expect_none(QUIET, "MESSAGE", Message::is_request)?;
    Ok(())
}

fn lent_for_its_domains(abroad: &Abroad) -> Verdict {
    let (one, two, other) = (abroad.domain(), abroad.domain(), abroad.domain());
    let (mut server, mut user) = visitor(abroad, &[&one, &two], |request| {
        let via = format!("SIP/2.0/TLS s1.{other}:5061;branch=z9hG4bK{other};rport;alias");
        request
            .set("Via", via)
            .set("Contact", format_args!("<sip:bob@{other}>"))
    })?;
    for domain in [&one, &two] {
        let sent = write_to(&mut user, domain)?;
        arrives(&mut user, &sent, &mut server)?;
    }
    let sent = write_to(&mut user, &other)?;
    is(&user.expect_final(&sent)?, 504)?;
    server.expect_none(QUIET, "MESSAGE", Message::is_request)?;
    Ok(())
}

fn lent_and_gone(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let door = abroad.server(&domain)?;
    abroad.publish(&domain, &[door.at()]);
    let (server, mut user) = visitor(abroad, &[&domain], with_alias)?;
    nobody_comes(&door)?;
    drop(server);
    let sent = write_to(&mut user, &domain)?;
    arrives(&mut user, &sent, &mut abroad.meet(&door)?)?;
    Ok(())
}

fn of_a_client(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let (mut phone, mut user) = (abroad.site().outside()?, abroad.site().inside()?);
    let via = format!("{};alias", phone.via());
    let request = phone.request("MESSAGE", user.aor()).set("Via", via);
    let sent = phone.begin(request)?;
    let came = user.expect("MESSAGE")?;
    user.answer(&came, 200)?;
    phone.expect_status(&sent, 200)?;
    let sent = write_to(&mut user, &domain)?;
    is(&user.expect_final(&sent)?, 504)?;
    phone.expect_none(QUIET, "MESSAGE", Message::is_request)?;
    Ok(())
}
