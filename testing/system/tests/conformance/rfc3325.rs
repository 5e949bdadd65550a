//! RFC 3325: who says who somebody is, inside and towards other organisations; and the demands of RFC 3324 behind it.

use sip::msg::{Message, Name};
use system::agent::Agent;
use system::authority::Naming;

use super::abroad::{Abroad, Crossing, TRUSTED, run_abroad};
use super::{Fault, Skipped, Verdict, ensure, is};

const CASES: &[Crossing] = &[
    Crossing {
        section: "5",
        sentence: "an identity that a client asserts is replaced by the one that it has proven",
        check: asserted,
    },
    Crossing {
        section: "5",
        sentence: "nothing is asserted of a user who has proven nothing",
        check: unproven,
    },
    Crossing {
        section: "5",
        sentence: "an identity in the response of a phone goes no further",
        check: in_a_response,
    },
    Crossing {
        section: "5",
        sentence: "what a partner asserts whom nobody trusts goes no further",
        check: from_untrusted,
    },
    Crossing {
        section: "5",
        sentence: "what a trusted partner asserts of its own users arrives, and nothing that it asserts of others",
        check: from_trusted,
    },
    Crossing {
        section: "5",
        sentence: "a trusted partner is told the identity, and the wish to keep it private with it",
        check: to_trusted,
    },
    Crossing {
        section: "9.2",
        sentence: "P-Preferred-Identity goes no further than who has proven the user",
        check: preferred,
    },
    Crossing {
        section: "7",
        sentence: "with Privacy: id no phone learns the asserted identity",
        check: identity_kept,
    },
    Crossing {
        section: "7",
        sentence: "with Privacy: id or without Privacy no partner learns it whom nobody trusts",
        check: to_untrusted,
    },
    Crossing {
        section: "7",
        sentence: "with Privacy: none it is not taken out for anybody",
        check: asked_for_none,
    },
];

const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "6",
        sentence: "a proxy chooses among the user's identities by P-Preferred-Identity",
        reason: "a user has one identity",
    },
    Skipped {
        section: "9.1",
        sentence: "of two values one is a tel URI",
        reason: "a user has no number here, so one value is written",
    },
];

/// RFC 3324 says what such a mechanism has to do.
const DEMANDS: &[Crossing] = &[
    Crossing {
        section: "4",
        sentence: "the asserted identity is one that was proven by authentication",
        check: asserted,
    },
    Crossing {
        section: "5.1",
        sentence: "it is told to whom is in the trust domain",
        check: to_trusted,
    },
    Crossing {
        section: "5.2",
        sentence: "it is believed when it comes from there",
        check: from_trusted,
    },
    Crossing {
        section: "5.3",
        sentence: "outside the trust domain it is told by the user's wish alone",
        check: to_untrusted,
    },
    Crossing {
        section: "5.4",
        sentence: "it is not believed when it comes from outside",
        check: from_untrusted,
    },
    Crossing {
        section: "8",
        sentence: "the user may ask that it be kept private",
        check: identity_kept,
    },
];

const NOT_DEMANDED: &[Skipped] = &[Skipped {
    section: "2.3",
    sentence: "the members of a trust domain agree in writing on how users are authenticated",
    reason: "what partners agree on is theirs; `trusted` in the topology says that they did",
}];

#[test]
fn conforms() {
    let abroad = Abroad::start();
    run_abroad(&abroad, 3325, CASES, [], SKIPPED);
    run_abroad(&abroad, 3324, DEMANDS, [], NOT_DEMANDED);
}

/// Sends a message with these lines; returns what came.
pub(super) fn sent(
    from: &mut Agent,
    to: &mut Agent,
    lines: &[(&str, &str)],
) -> Result<Message, Fault> {
    let draft = from.request("MESSAGE", to.aor());
    let draft = lines
        .iter()
        .fold(draft, |draft, (name, value)| draft.with(name, value));
    let draft = from.begin(draft)?;
    let came = to.expect("MESSAGE")?;
    to.answer(&came, 200)?;
    from.expect_status(&draft, 200)?;
    Ok(came)
}

fn asserted(abroad: &Abroad) -> Verdict {
    let another = abroad.site().user().uri;
    for (mut from, mut to) in [
        (abroad.site().inside()?, abroad.site().outside()?),
        (abroad.site().inside()?, abroad.site().inside()?),
    ] {
        let (claim, own) = (format!("<{another}>"), format!("<{}>", from.aor()));
        let lines = [
            ("P-Asserted-Identity", &*claim),
            ("Remote-Party-ID", &*claim),
        ];
        let came = sent(&mut from, &mut to, &lines)?;
        let says = came.text(Name::PAssertedIdentity);
        ensure!(says == Some(&own), "P-Asserted-Identity is {says:?}");
        ensure!(
            came.get(Name::RemotePartyId).is_none(),
            "Remote-Party-ID passes"
        );
    }
    Ok(())
}

fn preferred(abroad: &Abroad) -> Verdict {
    let (mut from, mut to) = (abroad.site().inside()?, abroad.site().outside()?);
    let another = format!("<{}>", abroad.site().user().uri);
    let own = format!("<{}>", from.aor());
    let came = sent(&mut from, &mut to, &[("P-Preferred-Identity", &another)])?;
    ensure!(
        came.get(Name::PPreferredIdentity).is_none(),
        "P-Preferred-Identity passes"
    );
    let says = came.text(Name::PAssertedIdentity);
    ensure!(says == Some(&own), "P-Asserted-Identity is {says:?}");
    Ok(())
}

fn identity_kept(abroad: &Abroad) -> Verdict {
    for (mut from, mut to) in [
        (abroad.site().inside()?, abroad.site().outside()?),
        (abroad.site().inside()?, abroad.site().inside()?),
    ] {
        let came = sent(&mut from, &mut to, &[("Privacy", "id")])?;
        let says = came.text(Name::PAssertedIdentity);
        ensure!(says.is_none(), "P-Asserted-Identity is {says:?}");
    }
    Ok(())
}

fn unproven(abroad: &Abroad) -> Verdict {
    let (mut stranger, to) = (abroad.site().at_front_end()?, abroad.site().user());
    let claim = format!("<{}>", abroad.site().user().uri);
    let request = stranger
        .request("MESSAGE", &to.uri)
        .set("From", format_args!("{claim};tag=1"))
        .with("P-Asserted-Identity", &claim);
    is(&stranger.ask(&request)?, 407)
}

fn in_a_response(abroad: &Abroad) -> Verdict {
    let site = abroad.site();
    for (mut from, mut to) in [
        (site.inside()?, site.inside()?),
        (site.inside()?, site.outside()?),
    ] {
        let request = from.request("MESSAGE", to.aor());
        let request = from.begin(request)?;
        let came = to.expect("MESSAGE")?;
        let another = format!("<{}>", site.user().uri);
        let answer = to
            .response(&came, 200)
            .with("P-Asserted-Identity", &another)
            .with("P-Preferred-Identity", &another);
        to.send(&answer)?;
        let heard = from.expect_status(&request, 200)?;
        for name in [Name::PAssertedIdentity, Name::PPreferredIdentity] {
            let says = heard.text(name);
            ensure!(says.is_none(), "{} is {says:?}", name.as_str());
        }
    }
    Ok(())
}

/// A message of bob of this domain, who asserts this; returns what our user gets.
fn from_partner(abroad: &Abroad, domain: &str, asserts: &str) -> Result<Message, Fault> {
    let identity = abroad.identity(&Naming {
        hosts: &[domain],
        ..Naming::default()
    })?;
    let (mut server, mut to) = (abroad.come(&identity)?, abroad.site().inside()?);
    let sent = server
        .request("MESSAGE", to.aor())
        .set("From", format_args!("<sip:bob@{domain}>;tag=1"))
        .with("P-Asserted-Identity", asserts);
    server.send(&sent)?;
    let came = to.expect("MESSAGE")?;
    to.answer(&came, 200)?;
    server.expect_status(&sent, 200)?;
    Ok(came)
}

fn from_untrusted(abroad: &Abroad) -> Verdict {
    let domain = abroad.domain();
    for asserts in [
        format!("<sip:bob@{domain}>"),
        "<sip:alice@contoso.com>".to_owned(),
    ] {
        let came = from_partner(abroad, &domain, &asserts)?;
        let says = came.text(Name::PAssertedIdentity);
        ensure!(says.is_none(), "P-Asserted-Identity is {says:?}");
    }
    Ok(())
}

fn from_trusted(abroad: &Abroad) -> Verdict {
    let own = format!("<sip:robert@{TRUSTED}>");
    let came = from_partner(abroad, TRUSTED, &own)?;
    let says = came.text(Name::PAssertedIdentity);
    ensure!(says == Some(&own), "P-Asserted-Identity is {says:?}");
    for other in ["<sip:alice@contoso.com>", "<sip:bob@elsewhere.example>"] {
        let came = from_partner(abroad, TRUSTED, other)?;
        let says = came.text(Name::PAssertedIdentity);
        ensure!(says.is_none(), "P-Asserted-Identity is {says:?}");
    }
    Ok(())
}

/// A message of a user of ours to a partner's bob, with this wish; returns what is asserted there, and who sent it.
fn to_partner(
    abroad: &Abroad,
    domain: &str,
    wish: Option<&str>,
) -> Result<(Message, String), Fault> {
    let identity = abroad.identity(&Naming {
        hosts: &[domain],
        ..Naming::default()
    })?;
    // The partner calls and lends its connection, so that its name need not be found.
    let (mut server, mut from) = (abroad.come(&identity)?, abroad.site().inside()?);
    let hello = server.request("OPTIONS", from.aor());
    let via = format!("{};alias", server.via());
    let hello = hello
        .set("Via", via)
        .set("From", format_args!("<sip:bob@{domain}>;tag=1"));
    server.send(&hello)?;
    let asked = from.expect("OPTIONS")?;
    from.answer(&asked, 200)?;
    server.expect_status(&hello, 200)?;
    let request = from.request("MESSAGE", &format!("sip:bob@{domain}"));
    let request = match wish {
        Some(wish) => request.with("Privacy", wish),
        None => request,
    };
    let sent = from.begin(request)?;
    let came = server.expect("MESSAGE")?;
    server.answer(&came, 200)?;
    from.expect_status(&sent, 200)?;
    Ok((came, format!("<{}>", from.aor())))
}

fn to_trusted(abroad: &Abroad) -> Verdict {
    for wish in [None, Some("id")] {
        let (came, own) = to_partner(abroad, &abroad.domain_of_trust(), wish)?;
        let says = came.text(Name::PAssertedIdentity);
        ensure!(says == Some(&own), "P-Asserted-Identity is {says:?}");
        let privacy = came.text(Name::Privacy);
        ensure!(privacy == wish, "Privacy is {privacy:?}");
    }
    Ok(())
}

fn to_untrusted(abroad: &Abroad) -> Verdict {
    for wish in [None, Some("id")] {
        let (came, _) = to_partner(abroad, &abroad.domain(), wish)?;
        let says = came.text(Name::PAssertedIdentity);
        ensure!(says.is_none(), "P-Asserted-Identity is {says:?}");
    }
    Ok(())
}

fn asked_for_none(abroad: &Abroad) -> Verdict {
    let (came, own) = to_partner(abroad, &abroad.domain(), Some("none"))?;
    let says = came.text(Name::PAssertedIdentity);
    ensure!(says == Some(&own), "P-Asserted-Identity is {says:?}");
    Ok(())
}
