//! RFC 3323: privacy, with the Edge as the privacy service.

use sip::msg::Name;

use super::rfc3325::sent;
use super::{Case, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 3323,
    cases: &[CASES],
    skipped: &[SKIPPED],
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

#[test]
fn conforms() {
    run(&RFC);
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
