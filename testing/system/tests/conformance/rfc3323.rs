//! RFC 3323: privacy, with the Edge as the privacy service; and RFC 3325: who says who somebody is.

use sip::msg::{Message, Name};
use system::agent::Agent;

use super::{Case, Rfc, Site, Skipped, Verdict, ensure, is, run};

const PRIVACY: Rfc = Rfc {
    number: 3323,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const IDENTITY: Rfc = Rfc {
    number: 3325,
    cases: &[IDENTITIES],
    skipped: &[SKIPPED_IDENTITIES],
};

const CASES: &[Case] = &[
    Case {
        section: "5.1",
        sentence: "header hides Via and Contact, and is taken off Privacy once done",
        check: header,
    },
    Case {
        section: "5.3",
        sentence: "user leaves out Subject, Organization, User-Agent and the like, before a request leaves",
        check: user,
    },
    Case {
        section: "5",
        sentence: "a critical service that cannot be had is answered 500, in both directions",
        check: critical,
    },
    Case {
        section: "5",
        sentence: "a request that asks for none passes with all that it says",
        check: none,
    },
];

const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "5.2",
        sentence: "session: the privacy service carries the media",
        reason: "media never passes through Vestibule; critical is refused",
    },
    Skipped {
        section: "5.3",
        sentence: "user: From and Call-ID are made anonymous",
        reason: "both name the dialog to its ends, and an Edge keeps none; critical is refused",
    },
];

const IDENTITIES: &[Case] = &[
    Case {
        section: "5",
        sentence: "an identity that a client asserts is replaced by the one that it has proven",
        check: asserted,
    },
    Case {
        section: "9.2",
        sentence: "P-Preferred-Identity goes no further than who has proven the user",
        check: preferred,
    },
    Case {
        section: "7",
        sentence: "with Privacy: id no phone learns the asserted identity",
        check: identity_kept,
    },
];

const SKIPPED_IDENTITIES: &[Skipped] = &[Skipped {
    section: "6",
    sentence: "a proxy chooses among the user's identities by P-Preferred-Identity",
    reason: "a user has one identity",
}];

#[test]
fn privacy_conforms() {
    run(&PRIVACY);
}

#[test]
fn identity_conforms() {
    run(&IDENTITY);
}

/// Sends a message with these lines; returns what came.
fn sent(from: &mut Agent, to: &mut Agent, lines: &[(&str, &str)]) -> Result<Message, super::Fault> {
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

const PERSONAL: [(&str, &str); 4] = [
    ("Subject", "Hello"),
    ("Organization", "Contoso"),
    ("User-Agent", "a phone"),
    ("Reply-To", "<sip:me@contoso.com>"),
];

fn header(site: &Site) -> Verdict {
    let (from, mut to) = (site.inside()?, site.outside()?);
    let own = format!("{};gr=urn:uuid:1", from.aor());
    let mut from = from.at(&own);
    let came = sent(&mut from, &mut to, &[("Privacy", "header;id")])?;
    ensure!(
        came.text(Name::Privacy) == Some("id"),
        "{:?}",
        came.text(Name::Privacy)
    );
    let contact = came.text(Name::Contact).unwrap_or_default();
    ensure!(!contact.contains(&own), "Contact is {contact}");
    ensure!(
        came.elements(Name::Via).count() == 1,
        "more than our Via is shown"
    );
    Ok(())
}

fn user(site: &Site) -> Verdict {
    let mut lines = PERSONAL.to_vec();
    lines.push(("Privacy", "user"));
    let (mut from, mut to) = (site.inside()?, site.outside()?);
    let came = sent(&mut from, &mut to, &lines)?;
    for (name, _) in PERSONAL {
        ensure!(came.named(name).is_none(), "{name} is shown");
    }
    Ok(())
}

fn none(site: &Site) -> Verdict {
    let (mut from, mut to) = (site.inside()?, site.outside()?);
    let mut lines = PERSONAL.to_vec();
    lines.push(("Privacy", "none"));
    let came = sent(&mut from, &mut to, &lines)?;
    for (name, value) in lines {
        let text = came.named(name).and_then(|line| line.text());
        ensure!(text == Some(value), "{name} is {text:?}");
    }
    Ok(())
}

fn critical(site: &Site) -> Verdict {
    for wishes in ["user;critical", "session;critical"] {
        for (mut from, to) in [
            (site.inside()?, site.outside()?),
            (site.outside()?, site.inside()?),
        ] {
            let draft = from.request("MESSAGE", to.aor()).with("Privacy", wishes);
            let (_, answer) = from.prove(draft)?;
            is(&answer, 500)?;
        }
    }
    Ok(())
}

fn asserted(site: &Site) -> Verdict {
    let another = site.user().uri;
    for (mut from, mut to) in [
        (site.inside()?, site.outside()?),
        (site.inside()?, site.inside()?),
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

fn preferred(site: &Site) -> Verdict {
    let (mut from, mut to) = (site.inside()?, site.outside()?);
    let another = format!("<{}>", site.user().uri);
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

fn identity_kept(site: &Site) -> Verdict {
    for (mut from, mut to) in [
        (site.inside()?, site.outside()?),
        (site.inside()?, site.inside()?),
    ] {
        let came = sent(&mut from, &mut to, &[("Privacy", "id")])?;
        let says = came.text(Name::PAssertedIdentity);
        ensure!(says.is_none(), "P-Asserted-Identity is {says:?}");
    }
    Ok(())
}
