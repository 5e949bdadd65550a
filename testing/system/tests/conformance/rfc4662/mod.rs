//! RFC 4662 one subscription for a list, with RFC 5367: the list is in the request.

use sip::msg::Name;
use system::agent::{Agent, Draft};

use super::watching::{notified, says};
use super::{Case, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 4662,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const REQUEST_CONTAINED: Rfc = Rfc {
    number: 5367,
    cases: &[OF_REQUESTS],
    skipped: &[],
};

const CASES: &[Case] = &[
    Case {
        section: "4.1",
        sentence: "a SUBSCRIBE to a list without Supported: eventlist is answered 421 with Require: eventlist",
        check: extension_required,
    },
    Case {
        section: "4.2",
        sentence: "200 and NOTIFY have Require: eventlist; the first NOTIFY has the full state as multipart/related",
        check: full_state,
    },
];

const SKIPPED: &[Skipped] = &[Skipped {
    section: "4.8",
    sentence: "the server subscribes to entries that others serve",
    reason: "such a list is refused with 488, by decision 0033",
}];

const OF_REQUESTS: &[Case] = &[
    Case {
        section: "5",
        sentence: "a subscription is made to each resource of the list, those named twice once",
        check: each_once,
    },
    Case {
        section: "4",
        sentence: "a body of another type than application/resource-lists+xml is answered 415",
        check: media_type,
    },
];

#[test]
fn lists_conform() {
    run(&RFC);
}

#[test]
fn request_contained_lists_conform() {
    run(&REQUEST_CONTAINED);
}

fn subscription(watcher: &mut Agent, uris: &[&str], supported: &str) -> Draft {
    let entries: String = uris
        .iter()
        .map(|uri| format!("<entry uri=\"{uri}\"/>"))
        .collect();
    let domain = watcher
        .aor()
        .split_once('@')
        .map_or("", |(_, domain)| domain);
    let to = format!("sip:rls@{domain}");
    let body = format!(
        "<?xml version=\"1.0\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\
         <list>{entries}</list></resource-lists>"
    );
    watcher
        .request("SUBSCRIBE", &to)
        .with("Event", "presence")
        .with("Expires", 600)
        .with("Supported", supported)
        .with("Require", "recipient-list-subscribe")
        .with("Content-Disposition", "recipient-list")
        .body("application/resource-lists+xml", body)
}

fn extension_required(site: &Site) -> Verdict {
    let mut watcher = site.inside()?;
    let request = subscription(&mut watcher, &[&site.user().uri], "timer");
    let (_, answer) = watcher.prove(request)?;
    is(&answer, 421)?;
    ensure!(
        answer.text(Name::Require) == Some("eventlist"),
        "no Require"
    );
    Ok(())
}

fn full_state(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.inside()?);
    let request = subscription(&mut watcher, &[user.aor()], "eventlist");
    let (_, answer) = watcher.prove(request)?;
    is(&answer, 200)?;
    ensure!(
        answer.text(Name::Require) == Some("eventlist"),
        "no Require"
    );
    let notify = notified(&mut watcher)?;
    ensure!(
        notify.text(Name::Require) == Some("eventlist"),
        "no Require"
    );
    let media_type = notify.text(Name::ContentType).unwrap_or_default();
    ensure!(
        media_type.starts_with("multipart/related;type=\"application/rlmi+xml\""),
        "it is {media_type}"
    );
    says(&notify, "fullState=\"true\"")?;
    says(&notify, "<basic>open</basic>")
}

fn each_once(site: &Site) -> Verdict {
    let (mut watcher, one, two) = (site.inside()?, site.inside()?, site.inside()?);
    let uris = [one.aor(), two.aor(), one.aor()];
    let request = subscription(&mut watcher, &uris, "eventlist");
    let (_, answer) = watcher.prove(request)?;
    is(&answer, 200)?;
    let notify = notified(&mut watcher)?;
    says(&notify, &format!("<resource uri=\"{}\">", one.aor()))?;
    let resources = String::from_utf8_lossy(notify.body())
        .matches("<resource ")
        .count();
    ensure!(resources == 2, "there are {resources} resources");
    Ok(())
}

fn media_type(site: &Site) -> Verdict {
    let mut watcher = site.inside()?;
    let request = subscription(&mut watcher, &[&site.user().uri], "eventlist");
    let (_, answer) = watcher.prove(request.body("text/plain", "sip:a@b"))?;
    is(&answer, 415)
}
