//! Section 19: when two URIs are one, as the bindings of the registrar show it; URIs where they do not belong; tags.

use super::section_10::registers;
use crate::conformance::{Case, Site, Verdict, ensure, is};
use system::agent::{Draft, values};

use sip::msg::Name;

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "19.1.4",
        sentence: "URIs that differ in what does not count are one",
        check: |site| all_are(site, &SAME, 1),
    },
    Case {
        section: "19.1.4",
        sentence: "URIs that differ in what counts are two",
        check: |site| all_are(site, &DIFFERENT, 2),
    },
    Case {
        section: "19.1.1",
        sentence: "header fields have no place in a Request-URI: 400",
        check: no_headers_in_a_request_uri,
    },
    Case {
        section: "19.1.2",
        sentence: "parameters that are not known are kept: a Contact comes back and is called as it was written",
        check: kept_as_written,
    },
    Case {
        section: "19.3",
        sentence: "a tag of ours is another for each request, and not short",
        check: tags_differ,
    },
];

/// The user part decoded; host, names and most values of parameters in any case; parameters that only one has, unless
/// they are those that count; any order of parameters and headers.
const SAME: [(&str, &str); 7] = [
    (
        "sip:%65va@Host.example;transport=TCP",
        "sip:eva@hOST.eXAMPLE;Transport=tcp",
    ),
    ("sip:ian@host.example", "sip:ian@host.example;colour=red"),
    (
        "sip:ian@host.example;lock=on",
        "sip:ian@host.example;colour=red",
    ),
    (
        "sip:host.example;transport=tcp;method=INVITE?To=sip:ian%40host.example",
        "sip:host.example;method=INVITE;transport=tcp?To=sip:ian%40host.example",
    ),
    (
        "sip:ian@host.example?Subject=one%20two&Priority=urgent",
        "sip:ian@host.example?Priority=urgent&Subject=one%20two",
    ),
    (
        "sip:ian@host.example;lock=on",
        "sip:ian@host.example;LOCK=ON",
    ),
    ("sips:ian@host.example", "SIPS:ian@host.example"),
];

/// The user part by case; a port, and the parameters user, ttl, method, maddr and transport, that only one has; values
/// of a parameter that both have; headers; the scheme; a name and its address.
const DIFFERENT: [(&str, &str); 12] = [
    ("sip:EVA@host.example", "sip:eva@host.example"),
    ("sip:ian@host.example", "sip:ian@host.example:5060"),
    ("sip:ian@host.example", "sip:ian@host.example;transport=udp"),
    (
        "sip:ian@host.example",
        "sip:ian@host.example:6000;transport=tcp",
    ),
    ("sip:ian@host.example", "sip:ian@host.example;user=phone"),
    ("sip:ian@host.example", "sip:ian@host.example;ttl=1"),
    ("sip:ian@host.example", "sip:ian@host.example;method=INVITE"),
    (
        "sip:ian@host.example",
        "sip:ian@host.example;maddr=192.0.2.4",
    ),
    ("sip:ian@host.example", "sip:ian@host.example?Subject=one"),
    (
        "sip:ian@host.example;lock=on",
        "sip:ian@host.example;lock=off",
    ),
    ("sip:ian@host.example", "sips:ian@host.example"),
    ("sip:ian@host.example", "sip:ian@192.0.2.4"),
];

/// Registers each pair, the second after the first; so many bindings are there then, in either order.
fn all_are(site: &Site, pairs: &[(&str, &str)], count: usize) -> Verdict {
    let mut agent = site.inside()?;
    for (one, other) in pairs {
        for both in [[one, other], [other, one]] {
            let nothing = |draft: Draft| draft.set("Contact", "*").set("Expires", 0);
            registers(&mut agent, 200, nothing)?;
            let mut told = Vec::new();
            for uri in both {
                let bind = |draft: Draft| {
                    let draft = draft.set("Contact", format_args!("<{uri}>"));
                    // RFC 5630: a sips Contact is bound by way of a sips Request-URI only.
                    match uri.get(..5) {
                        Some(scheme) if scheme.eq_ignore_ascii_case("sips:") => {
                            let asked = draft.uri().replacen("sip:", "sips:", 1);
                            draft.start(format!("REGISTER {asked} SIP/2.0"))
                        }
                        _ => draft,
                    }
                };
                told = values(&registers(&mut agent, 200, bind)?, Name::Contact);
            }
            ensure!(told.len() == count, "{one} and {other}: {told:?}");
        }
    }
    Ok(())
}

fn no_headers_in_a_request_uri(site: &Site) -> Verdict {
    let (mut caller, callee) = (site.inside()?, site.inside()?);
    let uri = format!("{}?Subject=one", callee.aor());
    let request = caller
        .request("MESSAGE", &uri)
        .set("To", format_args!("<{}>", callee.aor()));
    is(&caller.ask(&request)?, 400)
}

fn kept_as_written(site: &Site) -> Verdict {
    let mut phone = site.inside()?;
    let contact = format!("{};Odd=%41b;flag", phone.contact());
    let bind = |draft: Draft| draft.set("Contact", format_args!("<{contact}>"));
    let told = values(&registers(&mut phone, 200, bind)?, Name::Contact);
    ensure!(
        told.iter()
            .any(|one| one.starts_with(&format!("<{contact}>"))),
        "Contact is {told:?}"
    );
    let mut caller = site.inside()?;
    let request = caller.request("MESSAGE", phone.aor());
    let request = caller.begin(request)?;
    let came = phone.expect("MESSAGE")?;
    phone.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    ensure!(came.uri() == contact, "the Request-URI is {}", came.uri());
    Ok(())
}

fn tags_differ(site: &Site) -> Verdict {
    let mut agent = site.at_edge()?;
    let mut tags = std::collections::BTreeSet::new();
    for _ in 0..16 {
        let request = agent.request("OPTIONS", "sip:sip.contoso.com");
        let answer = agent.ask(&request)?;
        let tag = answer.to()?.tag().unwrap_or_default().to_owned();
        ensure!(tag.len() >= 6, "the tag is {tag:?}");
        ensure!(tags.insert(tag.clone()), "{tag} stands twice");
    }
    Ok(())
}
