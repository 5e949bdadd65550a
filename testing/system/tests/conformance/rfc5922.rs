//! RFC 5922: which domain a certificate proves, when a partner connects to the Edge and when the Edge connects to one.
//!
//! The deployment is in open federation, where nothing but the certificate tells one partner from another. A partner that
//! connects and has proven the domain of From is told by the inside that there is no such user; who has not is refused by
//! the Edge. A server of a partner is sent the message or is left before a word.

use sip::msg::{Message, Name, Uri};
use system::agent::{Agent, AgentError, Link, values};
use system::authority::{Identity, Naming, Validity};
use system::tls::{Manner, PATIENCE, Wire, WireError, certificates};

use super::abroad::{Abroad, Crossing, arrives, run_abroad, write_to};
use super::{Fault, Skipped, Trial, Verdict, ensure, is};
use crate::live::site::{EDGE01, OUTSIDE};

/// A certificate, and whether it proves `fabrikam.com`; `%` in it is a domain that no other case has.
struct Certificate {
    section: &'static str,
    sentence: &'static str,
    naming: Naming<'static>,
    proves: bool,
}

const PLAIN: Naming<'static> = Naming {
    common: "anything",
    hosts: &[],
    uris: &[],
    for_mail: false,
    validity: Validity::Current,
};

const CERTIFICATES: &[Certificate] = &[
    Certificate {
        section: "7.1",
        sentence: "a dNSName in the subjectAltName proves its domain",
        naming: Naming {
            hosts: &["%"],
            ..PLAIN
        },
        proves: true,
    },
    Certificate {
        section: "7.1",
        sentence: "a sip URI that has no user proves its domain",
        naming: Naming {
            uris: &["sip:%"],
            ..PLAIN
        },
        proves: true,
    },
    Certificate {
        section: "7.1",
        sentence: "the scheme of such a URI may be in capitals",
        naming: Naming {
            uris: &["SIP:%"],
            ..PLAIN
        },
        proves: true,
    },
    Certificate {
        section: "7.1",
        sentence: "each of several proves its domain",
        naming: Naming {
            uris: &["sip:first.example", "sip:%"],
            ..PLAIN
        },
        proves: true,
    },
    Certificate {
        section: "7.1",
        sentence: "beside a sip URI of a domain no dNSName proves anything",
        naming: Naming {
            hosts: &["%"],
            uris: &["sip:first.example"],
            ..PLAIN
        },
        proves: false,
    },
    Certificate {
        section: "7.1",
        sentence: "a URI of a user proves no domain, and takes nothing from a dNSName",
        naming: Naming {
            hosts: &["%"],
            uris: &["sip:bob@first.example"],
            ..PLAIN
        },
        proves: true,
    },
    Certificate {
        section: "7.1",
        sentence: "a URI of a user proves no domain",
        naming: Naming {
            uris: &["sip:bob@%"],
            ..PLAIN
        },
        proves: false,
    },
    Certificate {
        section: "7.1",
        sentence: "a URI of another scheme proves no domain",
        naming: Naming {
            uris: &["https://%", "sips:%"],
            ..PLAIN
        },
        proves: false,
    },
    Certificate {
        section: "7.1",
        sentence: "without a subjectAltName the common name proves its domain",
        naming: Naming {
            common: "%",
            ..PLAIN
        },
        proves: true,
    },
    Certificate {
        section: "7.1",
        sentence: "with a subjectAltName the common name proves nothing",
        naming: Naming {
            common: "%",
            hosts: &["host7.example.net"],
            ..PLAIN
        },
        proves: false,
    },
    Certificate {
        section: "7.1",
        sentence: "a certificate whose time is over proves nothing (RFC 5280)",
        naming: Naming {
            hosts: &["%"],
            validity: Validity::Over,
            ..PLAIN
        },
        proves: false,
    },
    Certificate {
        section: "7.1",
        sentence: "a certificate whose extended key usage is for something else proves nothing",
        naming: Naming {
            hosts: &["%"],
            for_mail: true,
            ..PLAIN
        },
        proves: false,
    },
    Certificate {
        section: "7.2",
        sentence: "domains are compared without regard to case",
        naming: Naming {
            uris: &["sip:X%"],
            ..PLAIN
        },
        proves: true,
    },
    Certificate {
        section: "7.2",
        sentence: "a wildcard proves nothing",
        naming: Naming {
            hosts: &["*.example", "*.%"],
            ..PLAIN
        },
        proves: false,
    },
    Certificate {
        section: "7.2",
        sentence: "a name below, above or beside a domain does not prove it",
        naming: Naming {
            hosts: &["sip.%", "example", "not%"],
            ..PLAIN
        },
        proves: false,
    },
];

const CASES: &[Crossing] = &[
    Crossing {
        section: "7.3",
        sentence: "what is compared is the domain of the URI, not the host that the name service names for it",
        check: not_the_host,
    },
    Crossing {
        section: "7.3",
        sentence: "a server whose certificate no believed authority signed is left at once",
        check: unknown_authority,
    },
    Crossing {
        section: "7.4",
        sentence: "without a certificate a partner is nobody",
        check: no_certificate,
    },
    Crossing {
        section: "7.5",
        sentence: "the Record-Route towards a partner names what the certificate shown there proves",
        check: record_route,
    },
    Crossing {
        section: "6",
        sentence: "the certificate that the Edge shows to partners, either way, proves the domain of its users",
        check: own_certificate,
    },
];

const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "7.4",
        sentence: "a server without a certificate of the client falls back to Digest",
        reason: "partners have no passwords here: without a certificate one is nobody",
    },
    Skipped {
        section: "7.2",
        sentence: "internationalised names are compared in their ASCII form",
        reason: "SIP hosts are ASCII, and so are dNSName entries; nothing here converts either",
    },
    Skipped {
        section: "7.8",
        sentence: "a server of several domains shows the certificate of the one that is called",
        reason: "the outside certificate of an Edge names all domains of the deployment",
    },
];

#[test]
fn conforms() {
    let abroad = Abroad::start();
    let sentences: Vec<(String, &Certificate)> = CERTIFICATES
        .iter()
        .map(|certificate| {
            (
                format!("{}; of a server", certificate.sentence),
                certificate,
            )
        })
        .collect();
    let of_clients = CERTIFICATES.iter().map(|certificate| Trial {
        section: certificate.section,
        sentence: certificate.sentence,
        check: Box::new(|_| of_a_client(&abroad, certificate)),
    });
    let of_servers = sentences.iter().map(|(sentence, certificate)| Trial {
        section: certificate.section,
        sentence,
        check: Box::new(|_| of_a_server(&abroad, certificate)),
    });
    run_abroad(&abroad, 5922, CASES, of_clients.chain(of_servers), SKIPPED);
}

/// What a certificate says once `%` is this domain; an `X` before it stands for capitals.
fn with_domain<T>(
    naming: &Naming<'_>,
    domain: &str,
    then: impl FnOnce(&Naming<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let capitals = domain.to_uppercase();
    let fill = |text: &&str| text.replace("X%", &capitals).replace('%', domain);
    let common = fill(&naming.common);
    let hosts: Vec<String> = naming.hosts.iter().map(fill).collect();
    let uris: Vec<String> = naming.uris.iter().map(fill).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
    then(&Naming {
        common: &common,
        hosts: &hosts,
        uris: &uris,
        ..*naming
    })
}

fn of_a_client(abroad: &Abroad, certificate: &Certificate) -> Verdict {
    let domain = abroad.domain();
    let identity = with_domain(&certificate.naming, &domain, |naming| {
        abroad.identity(naming)
    })?;
    let status = asked(abroad, &identity, &domain)?.map(|answer| answer.status());
    let expected = if certificate.proves { 404 } else { 403 };
    // Who proves no domain at all is sent away before a word.
    let fits = status == Some(expected) || (status.is_none() && !certificate.proves);
    ensure!(fits, "answered {status:?} in place of {expected}");
    Ok(())
}

/// What a request of a user of this domain is answered on a connection with this certificate; `None` if it is closed.
fn asked(abroad: &Abroad, identity: &Identity, domain: &str) -> Result<Option<Message>, Fault> {
    let mut server = abroad.come(identity)?;
    let sent = server
        .request("MESSAGE", "sip:nobody-of-ours@contoso.com")
        .set("From", format_args!("<sip:bob@{domain}>;tag=1"));
    match server.ask(&sent) {
        Ok(answer) => Ok(Some(answer)),
        Err(AgentError::Wire(error)) if error.is_end() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn of_a_server(abroad: &Abroad, certificate: &Certificate) -> Verdict {
    let domain = abroad.domain();
    let door = with_domain(&certificate.naming, &domain, |naming| {
        abroad.server_showing(naming)
    })?;
    abroad.publish(&domain, &[door.at()]);
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    if certificate.proves {
        arrives(&mut caller, &sent, &mut abroad.meet(&door)?)?;
        return Ok(());
    }
    is_left(door.accept(PATIENCE))?;
    is(&caller.expect_final(&sent)?, 504)
}

/// The Edge has closed the connection, in the handshake or right after it, and has said nothing.
fn is_left(connection: Result<Wire, WireError>) -> Verdict {
    let deadline = std::time::Instant::now() + PATIENCE;
    match connection.and_then(|mut wire| wire.receive(deadline)) {
        Err(error) if error.is_end() => Ok(()),
        Err(error) => Err(error.into()),
        Ok(said) => Err(Fault::new(String::from_utf8_lossy(&said))),
    }
}

fn not_the_host(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    let host = format!("s1.{domain}");
    let door = abroad.server(&host)?;
    abroad.publish(&domain, &[door.at()]);
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    is_left(door.accept(PATIENCE))?;
    is(&caller.expect_final(&sent)?, 504)
}

fn unknown_authority(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    // Our own authority is none that partners' certificates come from.
    let folder = tempfile::tempdir()?;
    let home = abroad.site().place().folder().join("state/ca");
    let ours = system::authority::Authority::of(&home, folder.path())?;
    let forged = ours.issue(&[&domain])?;
    let root = abroad.site().place().operator().root();
    let at = std::net::SocketAddr::from((abroad.address(), super::abroad::PORT));
    let door = system::tls::Door::open(at, &root, &forged)?;
    abroad.publish(&domain, &[door.at()]);
    let mut caller = abroad.site().inside()?;
    let sent = write_to(&mut caller, &domain)?;
    is_left(door.accept(PATIENCE))?;
    is(&caller.expect_final(&sent)?, 504)
}

fn no_certificate(abroad: &Abroad) -> Verdict {
    let manner = Manner::of_a_phone(&abroad.site().place().operator().root())?;
    is_left(Wire::connect(&manner, abroad.edge()?, OUTSIDE))
}

fn record_route(abroad: &Abroad) -> Verdict {
    let (mut caller, domain, door) = abroad.one_server()?;
    let invite = caller.request("INVITE", &format!("sip:bob@{domain}"));
    let invite = caller.begin(invite)?;
    let wire = door.accept(PATIENCE)?;
    let shown = wire.shown().ok_or_else(|| Fault::new("no certificate"))?;
    let mut server = Agent::new(Link::Tls(Box::new(wire)))?;
    let came = server.expect("INVITE")?;
    let route = values(&came, Name::RecordRoute);
    let first = route.first().ok_or_else(|| Fault::new("no Record-Route"))?;
    let uri = first.trim_start_matches('<').split('>').next();
    let host = Uri::parse(uri.unwrap_or_default())?.host.to_owned();
    let der = String::from_utf8_lossy(&shown);
    ensure!(der.contains(&host), "{host} is not in the certificate");
    server.answer(&came, 486)?;
    let end = caller.expect_status(&invite, 486)?;
    caller.acknowledge(&invite, &end)?;
    Ok(())
}

fn own_certificate(abroad: &Abroad) -> Verdict {
    let (mut caller, domain, door) = abroad.one_server()?;
    let sent = write_to(&mut caller, &domain)?;
    let wire = door.accept(PATIENCE)?;
    let called = wire.shown();
    arrives(
        &mut caller,
        &sent,
        &mut Agent::new(Link::Tls(Box::new(wire)))?,
    )?;
    let folder = abroad.site().place().folder();
    let file = folder.join(format!("state/machines/{EDGE01}/tls-outside/cert.pem"));
    let ours = certificates(&file)?;
    ensure!(
        called.as_ref() == ours.first(),
        "partners are called with another certificate than {}",
        file.display()
    );
    // As a dNSName stands in the certificate: its length, then its letters.
    let name = [&[0x82, 11], b"contoso.com".as_slice()].concat();
    let is_there = ours
        .iter()
        .take(1)
        .any(|one| one.windows(name.len()).any(|part| part == name));
    ensure!(is_there, "contoso.com is not among its names");
    Ok(())
}
