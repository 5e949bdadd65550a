//! RFC 3263: where the servers of another domain are, with what RFC 2782 says of their order.
//!
//! The Edge is the client: it asks a name service that a case fills, and servers of the case's own wait for it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hickory_proto::rr::RecordType;
use sip::msg::{Message, Name};
use system::agent::Agent;
use system::authority::Naming;
use system::tls::Door;

use super::abroad::{Abroad, Crossing, PORT, arrives, nobody_comes, run_abroad, write_to};
use super::ringing::QUIET;
use super::{Fault, Skipped, Verdict, ensure, is};

const CASES: &[Crossing] = &[
    Crossing {
        section: "4.1",
        sentence: "NAPTR records are taken in their order; those of transports that are not spoken are passed over",
        check: naptr,
    },
    Crossing {
        section: "4.1",
        sentence: "without a NAPTR record of use, SRV records of the transport that is spoken are asked for",
        check: no_naptr_of_use,
    },
    Crossing {
        section: "4.1",
        sentence: "for a sips URI nothing but TLS is looked for",
        check: secure,
    },
    Crossing {
        section: "4.2",
        sentence: "a port in the URI leaves out NAPTR and SRV; the addresses of the domain have it",
        check: port,
    },
    Crossing {
        section: "4.2",
        sentence: "without SRV records the addresses of the domain are taken, with the usual port",
        check: addresses_alone,
    },
    Crossing {
        section: "4.2",
        sentence: "addresses of both families are tried",
        check: both_families,
    },
    Crossing {
        section: "4.3",
        sentence: "a server that answers 503 is left for the next, with the same request under another branch",
        check: unavailable,
    },
    Crossing {
        section: "4.3",
        sentence: "a server that cannot be connected to is left for the next",
        check: unreachable,
    },
    Crossing {
        section: "4.3",
        sentence: "a server that breaks the connection before it has answered is left for the next",
        check: broken,
    },
    Crossing {
        section: "4.3",
        sentence: "a server that says nothing to an INVITE is left for the next",
        check: silent,
    },
    Crossing {
        section: "4.3",
        sentence: "a server that has said anything provisional is not left for another",
        check: rings,
    },
    Crossing {
        section: "4.3",
        sentence: "any other final response is the answer, and nobody else is asked",
        check: refused,
    },
    Crossing {
        section: "4.3",
        sentence: "a server that has failed is not the first to be asked next time",
        check: remembered,
    },
    Crossing {
        section: "4.3",
        sentence: "when every server has failed the caller is told, and not with a 503",
        check: all_failed,
    },
    Crossing {
        section: "4",
        sentence: "CANCEL and the ACK of a refusal go to the server that has the INVITE",
        check: same_server,
    },
    Crossing {
        section: "2782",
        sentence: "servers are tried by priority, and among equals by weight",
        check: priorities,
    },
    Crossing {
        section: "2782",
        sentence: "a target that is the root means that there is no such service",
        check: decidedly_not,
    },
];

const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "4.1",
        sentence: "a transport that the URI names is used; UDP and TCP are looked for",
        reason: "between organisations nothing but TLS proves a domain (docs/decisions/0027-federation-names.md)",
    },
    Skipped {
        section: "4",
        sentence: "maddr in the URI is the target",
        reason: "a user could lead the Edge anywhere by it; where a request goes is the domain's word alone",
    },
    Skipped {
        section: "4.4",
        sentence: "a stateless proxy sends what is sent again to the same server",
        reason: "requests to partners are relayed with state; only an ACK is not, and it goes where a connection is",
    },
    Skipped {
        section: "4.3",
        sentence: "a server that says nothing to another request is left for the next when timer F fires",
        reason: "by then whoever sent the request has given it up too (RFC 4320)",
    },
    Skipped {
        section: "5",
        sentence: "a response whose connection is gone is sent to where the sent-by of Via leads",
        reason: "it goes over another connection that proves the partner, never to an address that a message names",
    },
];

#[test]
fn conforms() {
    run_abroad(&Abroad::start(), 3263, CASES, [], SKIPPED);
}

fn naptr(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let (first, second) = (abroad.server(&domain)?, abroad.server(&domain)?);
    let (zone, name) = (abroad.zone(), |service: &str| format!("{service}.{domain}"));
    let at = |service: &str| format!("{service}.{domain}.");
    zone.naptr(&domain, (10, 10), "SIP+D2U", &at("_sip._udp"));
    zone.naptr(&domain, (50, 20), "SIPS+D2T", &at("_sips._tcp.late"));
    zone.naptr(&domain, (50, 10), "sips+d2t", &at("_sips._tcp.early"));
    for (service, port, host) in [
        ("_sips._tcp.early", first.at().port(), "s1"),
        ("_sips._tcp.late", second.at().port(), "s2"),
    ] {
        zone.srv(&name(service), (1, 1, port), &at(host));
    }
    zone.host(&name("s1"), first.at().ip());
    zone.host(&name("s2"), second.at().ip());
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    arrives(&mut caller, &sent, &mut abroad.meet(&first)?)?;
    ensure!(
        !zone.was_asked(&name("_sip._udp"), RecordType::SRV),
        "servers of UDP were looked for"
    );
    Ok(())
}

fn no_naptr_of_use(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let server = abroad.server(&domain)?;
    let zone = abroad.zone();
    zone.naptr(&domain, (1, 1), "SIP+D2T", &format!("_sip._tcp.{domain}."));
    abroad.publish(&domain, &[server.at()]);
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    arrives(&mut caller, &sent, &mut abroad.meet(&server)?)?;
    ensure!(
        zone.was_asked(&domain, RecordType::NAPTR),
        "NAPTR was not asked for"
    );
    Ok(())
}

fn secure(abroad: &Abroad) -> Verdict {
    let (mut caller, domain, server) = abroad.one_server()?;
    let contact = caller.contact().replacen("sip:", "sips:", 1);
    let request = caller
        .request("MESSAGE", &format!("sips:bob@{domain}"))
        .set("Contact", format_args!("<{contact}>"));
    let sent = caller.begin(request)?;
    let came = arrives(&mut caller, &sent, &mut abroad.meet(&server)?)?;
    ensure!(came.uri().starts_with("sips:"), "it is for {}", came.uri());
    for service in ["_sip._tcp", "_sip._udp"] {
        let name = format!("{service}.{domain}");
        ensure!(
            !abroad.zone().was_asked(&name, RecordType::SRV),
            "{name} was asked for"
        );
    }
    Ok(())
}

fn port(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let at = SocketAddr::from((abroad.address(), 5999));
    let naming = Naming {
        hosts: &[&domain],
        ..Naming::default()
    };
    let (server, other) = (abroad.server_at(at, &naming)?, abroad.server(&domain)?);
    abroad.publish(&domain, &[other.at()]);
    abroad.zone().host(&domain, at.ip());
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &format!("{domain}:5999"))?;
    arrives(&mut caller, &sent, &mut abroad.meet(&server)?)?;
    let services = format!("_sips._tcp.{domain}");
    for (name, kind) in [(&domain, RecordType::NAPTR), (&services, RecordType::SRV)] {
        ensure!(!abroad.zone().was_asked(name, kind), "{kind} was asked for");
    }
    Ok(())
}

fn addresses_alone(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let server = abroad.server(&domain)?;
    abroad.zone().host(&domain, server.at().ip());
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    arrives(&mut caller, &sent, &mut abroad.meet(&server)?)?;
    Ok(())
}

fn both_families(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let server = abroad.server(&domain)?;
    let zone = abroad.zone();
    zone.host(&domain, IpAddr::V6(Ipv6Addr::LOCALHOST));
    zone.host(&domain, server.at().ip());
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    arrives(&mut caller, &sent, &mut abroad.meet(&server)?)?;
    for kind in [RecordType::A, RecordType::AAAA] {
        ensure!(zone.was_asked(&domain, kind), "{kind} was not asked for");
    }
    Ok(())
}

/// A caller, and a domain of two servers.
fn two_servers(abroad: &Abroad) -> Result<(Agent, String, Door, Door), Fault> {
    let domain = abroad.domain();
    let (first, second) = (abroad.server(&domain)?, abroad.server(&domain)?);
    abroad.publish(&domain, &[first.at(), second.at()]);
    Ok((abroad.site().inside()?, domain, first, second))
}

/// Where nobody listens.
fn dead(abroad: &Abroad) -> SocketAddr {
    SocketAddr::from((abroad.address(), PORT))
}

fn unavailable(abroad: &Abroad) -> Verdict {
    let (mut caller, domain, first, second) = two_servers(abroad)?;
    let sent = write_to(&mut caller, &domain)?;
    let mut refusing = abroad.meet(&first)?;
    let before = refusing.expect("MESSAGE")?;
    refusing.answer(&before, 503)?;
    let after = arrives(&mut caller, &sent, &mut abroad.meet(&second)?)?;
    is_again(&before, &after)
}

/// The same request as a new transaction.
fn is_again(before: &Message, after: &Message) -> Verdict {
    let branch = |message: &Message| Ok::<_, Fault>(message.via()?.branch().map(str::to_owned));
    ensure!(
        branch(before)? != branch(after)?,
        "the branch is the same: {:?}",
        branch(after)?
    );
    for name in [Name::CallId, Name::CSeq, Name::From, Name::To] {
        ensure!(
            before.text(name) == after.text(name),
            "{} differs: {:?}, then {:?}",
            name.as_str(),
            before.text(name),
            after.text(name)
        );
    }
    ensure!(before.uri() == after.uri(), "it is for {}", after.uri());
    Ok(())
}

fn unreachable(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let second = abroad.server(&domain)?;
    abroad.publish(&domain, &[dead(abroad), second.at()]);
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    arrives(&mut caller, &sent, &mut abroad.meet(&second)?)?;
    Ok(())
}

fn broken(abroad: &Abroad) -> Verdict {
    let (mut caller, domain, first, second) = two_servers(abroad)?;
    let sent = write_to(&mut caller, &domain)?;
    let mut breaking = abroad.meet(&first)?;
    let before = breaking.expect("MESSAGE")?;
    drop(breaking);
    let after = arrives(&mut caller, &sent, &mut abroad.meet(&second)?)?;
    is_again(&before, &after)
}

fn silent(abroad: &Abroad) -> Verdict {
    let (mut caller, domain, first, second) = two_servers(abroad)?;
    let invite = caller.request("INVITE", &format!("sip:bob@{domain}"));
    let invite = caller.begin(invite)?;
    let mut saying_nothing = abroad.meet(&first)?;
    let before = saying_nothing.expect("INVITE")?;
    let mut answering = abroad.meet(&second)?;
    let after = answering.expect("INVITE")?;
    answering.answer(&after, 486)?;
    answering.expect("ACK")?;
    let end = caller.expect_status(&invite, 486)?;
    caller.acknowledge(&invite, &end)?;
    is_again(&before, &after)
}

fn rings(abroad: &Abroad) -> Verdict {
    let (mut caller, domain, first, second) = two_servers(abroad)?;
    let invite = caller.request("INVITE", &format!("sip:bob@{domain}"));
    let invite = caller.begin(invite)?;
    let mut ringing = abroad.meet(&first)?;
    let came = ringing.expect("INVITE")?;
    ringing.answer(&came, 180)?;
    caller.expect_status(&invite, 180)?;
    drop(ringing);
    let end = caller.expect_final(&invite)?;
    ensure!(end.status() >= 400, "it ended with {}", end.status());
    caller.acknowledge(&invite, &end)?;
    nobody_comes(&second)
}

fn refused(abroad: &Abroad) -> Verdict {
    let (mut caller, domain, first, second) = two_servers(abroad)?;
    let sent = write_to(&mut caller, &domain)?;
    let mut server = abroad.meet(&first)?;
    let came = server.expect("MESSAGE")?;
    server.answer(&came, 404)?;
    is(&caller.expect_final(&sent)?, 404)?;
    for status in [500, 603] {
        refuses(&mut caller, &mut server, &domain, status)?;
    }
    nobody_comes(&second)
}

fn refuses(caller: &mut Agent, server: &mut Agent, domain: &str, status: u16) -> Verdict {
    let sent = write_to(caller, domain)?;
    let came = server.expect("MESSAGE")?;
    server.answer(&came, status)?;
    is(&caller.expect_final(&sent)?, status)
}

fn remembered(abroad: &Abroad) -> Verdict {
    let (mut caller, domain, first, second) = two_servers(abroad)?;
    let sent = write_to(&mut caller, &domain)?;
    let mut tired = abroad.meet(&first)?;
    let came = tired.expect("MESSAGE")?;
    let refusal = tired.response(&came, 503).with("Retry-After", 60);
    tired.send(&refusal)?;
    let mut server = abroad.meet(&second)?;
    arrives(&mut caller, &sent, &mut server)?;
    let sent = write_to(&mut caller, &domain)?;
    arrives(&mut caller, &sent, &mut server)?;
    tired.expect_none(QUIET, "MESSAGE", Message::is_request)?;
    Ok(())
}

fn all_failed(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let first = abroad.server(&domain)?;
    abroad.publish(&domain, &[first.at(), dead(abroad)]);
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    let mut server = abroad.meet(&first)?;
    let came = server.expect("MESSAGE")?;
    server.answer(&came, 503)?;
    is(&caller.expect_final(&sent)?, 504)
}

fn same_server(abroad: &Abroad) -> Verdict {
    let (mut caller, domain, first, second) = two_servers(abroad)?;
    let invite = caller.request("INVITE", &format!("sip:bob@{domain}"));
    let invite = caller.begin(invite)?;
    let mut refusing = abroad.meet(&first)?;
    let came = refusing.expect("INVITE")?;
    refusing.answer(&came, 503)?;
    refusing.expect("ACK")?;
    let mut ringing = abroad.meet(&second)?;
    let came = ringing.expect("INVITE")?;
    ringing.answer(&came, 180)?;
    caller.expect_status(&invite, 180)?;
    let cancel = caller.cancel(&invite);
    caller.send(&cancel)?;
    let cancelled = ringing.expect("CANCEL")?;
    ringing.answer(&cancelled, 200)?;
    ringing.answer(&came, 487)?;
    ringing.expect("ACK")?;
    let end = caller.expect_status(&invite, 487)?;
    caller.acknowledge(&invite, &end)?;
    refusing.expect_none(QUIET, "CANCEL", Message::is_request)?;
    Ok(())
}

fn priorities(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let doors = [
        abroad.server(&domain)?,
        abroad.server(&domain)?,
        abroad.server(&domain)?,
    ];
    // The last is asked first; of the others nearly always the one with weight.
    let places = [(7, 0), (7, u16::MAX), (3, 0)];
    let name = format!("_sips._tcp.{domain}");
    for (number, (door, (priority, weight))) in doors.iter().zip(places).enumerate() {
        let host = format!("s{number}.{domain}");
        abroad.zone().host(&host, door.at().ip());
        let at = (priority, weight, door.at().port());
        abroad.zone().srv(&name, at, &format!("{host}."));
    }
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    for door in [&doors[2], &doors[1]] {
        let mut server = abroad.meet(door)?;
        let came = server.expect("MESSAGE")?;
        server.answer(&came, 503)?;
    }
    arrives(&mut caller, &sent, &mut abroad.meet(&doors[0])?)?;
    Ok(())
}

fn decidedly_not(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let server = abroad.server(&domain)?;
    abroad
        .zone()
        .srv(&format!("_sips._tcp.{domain}"), (0, 0, 0), ".");
    abroad.zone().host(&domain, server.at().ip());
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    is(&caller.expect_final(&sent)?, 504)?;
    nobody_comes(&server)
}
