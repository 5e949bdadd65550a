//! RFC 4662 one subscription for a list, with RFC 5367: the list is in the request.

use sip::msg::{Message, Name};
use system::agent::{Agent, Draft};

use super::watching::{notified, publish, says};
use super::{Case, Fault, Rfc, Site, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 4662,
    cases: &[CASES],
    skipped: &[],
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
        section: "4.1",
        sentence: "200 and NOTIFY have Require: eventlist",
        check: requires_eventlist,
    },
    Case {
        section: "4.5",
        sentence: "the first NOTIFY has the full state, as multipart/related",
        check: full_state,
    },
    Case {
        section: "2",
        sentence: "the server subscribes to those whom another pool serves, and tells how they come, change and go",
        check: elsewhere,
    },
    Case {
        section: "5.5",
        sentence: "a subscription to a resource that is declined or has no resource is terminated, with the reason",
        check: reasons,
    },
    Case {
        section: "3",
        sentence: "a list that the server knows by its URI is subscribed to without a body, and its changes are told whole",
        check: known_to_the_server,
    },
    Case {
        section: "5.6.2",
        sentence: "after the full state a NOTIFY may have the changed resources alone, under the next version",
        check: partial_state,
    },
];

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

/// Subscribes to a list and takes the first NOTIFY.
fn first_of(watcher: &mut Agent, uris: &[&str]) -> Result<(Message, Message), Fault> {
    let request = subscription(watcher, uris, "eventlist");
    let (_, answer) = watcher.prove(request)?;
    is(&answer, 200)?;
    let first = notified(watcher)?;
    Ok((answer, first))
}

/// Takes NOTIFYs until one says this.
fn hears(watcher: &mut Agent, text: &str) -> Result<Message, Fault> {
    for _ in 0..10 {
        let notify = notified(watcher)?;
        if says(&notify, text).is_ok() {
            return Ok(notify);
        }
    }
    Err(Fault::new(format!("ten NOTIFYs and no {text}")))
}

fn requires_eventlist(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.inside()?);
    let (answer, first) = first_of(&mut watcher, &[user.aor()])?;
    for message in [&answer, &first] {
        let required = message.text(Name::Require);
        ensure!(required == Some("eventlist"), "Require is {required:?}");
    }
    Ok(())
}

fn elsewhere(site: &Site) -> Verdict {
    for mut watcher in [site.inside()?, site.outside()?] {
        let (user, near) = (site.user_elsewhere(), site.inside()?);
        first_of(&mut watcher, &[near.aor(), &user.uri])?;
        let mut phone = site.doors().sign_in_inside(&user)?;
        let came = hears(&mut watcher, &format!("<resource uri=\"{}\">", user.uri))?;
        if says(&came, "<basic>open</basic>").is_err() {
            hears(&mut watcher, "<basic>open</basic>")?;
        }
        publish(&mut phone, "closed")?;
        hears(&mut watcher, "<basic>closed</basic>")?;
        publish(&mut phone, "open")?;
        hears(&mut watcher, "<basic>open</basic>")?;
        let goodbye = phone.registration().set("Expires", 0);
        is(&phone.sign_in(goodbye)?, 200)?;
        hears(&mut watcher, "<basic>closed</basic>")?;
    }
    Ok(())
}

fn reasons(site: &Site) -> Verdict {
    let (mut watcher, hider, open) = (site.inside()?, site.user_elsewhere(), site.user_elsewhere());
    let words = ["user", "block", &hider.uri, watcher.aor()];
    let done = site.place().operator().done(&words, "");
    done.map_err(Fault::new)?;
    let _phone = site.doors().sign_in_inside(&open)?;
    let nobody = "sip:nobody@contoso.com";
    let (_, first) = first_of(&mut watcher, &[&hider.uri, nobody, &open.uri])?;
    says(&first, "reason=\"noresource\"")?;
    // The other pool may speak a moment later, and may have accepted before it knew of the block.
    let mut missing = vec!["<basic>open</basic>", "reason=\"rejected\""];
    missing.retain(|text| says(&first, text).is_err());
    while !missing.is_empty() {
        let notify = notified(&mut watcher)?;
        missing.retain(|text| says(&notify, text).is_err());
    }
    Ok(())
}

fn known_to_the_server(site: &Site) -> Verdict {
    let (user, far) = (site.user(), site.user_elsewhere());
    let mut watcher = site.doors().sign_in_inside(&user)?;
    let near = site.inside()?;
    let change = |what: &str, whom: &str| {
        let words = ["user", "contacts", &user.uri, what, whom];
        let done = site.place().operator().done(&words, "");
        done.map(drop).map_err(Fault::new)
    };
    change("add", near.aor())?;
    let request = subscription(&mut watcher, &[], "eventlist");
    let request = ["Require", "Content-Disposition", "Content-Type"]
        .into_iter()
        .fold(request.body("text/plain", ""), Draft::without);
    let (_, answer) = watcher.prove(request)?;
    is(&answer, 200)?;
    let one = format!("<resource uri=\"{}\">", near.aor());
    let two = format!("<resource uri=\"{}\">", far.uri);
    hears(&mut watcher, &one)?;
    change("add", &far.uri)?;
    let more = hears(&mut watcher, &two)?;
    says(&more, "fullState=\"true\"")?;
    says(&more, &one)?;
    let _phone = site.doors().sign_in_inside(&far)?;
    hears(&mut watcher, "<basic>open</basic>")?;
    change("remove", near.aor())?;
    let less = hears(&mut watcher, "fullState=\"true\"")?;
    ensure!(says(&less, &one).is_err(), "who was removed is still there");
    says(&less, &two)
}

fn partial_state(site: &Site) -> Verdict {
    let (mut watcher, near, far) = (site.inside()?, site.inside()?, site.user_elsewhere());
    let (_, first) = first_of(&mut watcher, &[near.aor(), &far.uri])?;
    says(&first, "version=\"0\"")?;
    says(&first, "fullState=\"true\"")?;
    let _phone = site.doors().sign_in_inside(&far)?;
    let second = hears(&mut watcher, "<basic>open</basic>")?;
    says(&second, "fullState=\"false\"")?;
    ensure!(
        says(&second, &format!("uri=\"{}\"", near.aor())).is_err(),
        "somebody is told of who has not changed"
    );
    Ok(())
}

fn full_state(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.inside()?);
    let (_, notify) = first_of(&mut watcher, &[user.aor()])?;
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
