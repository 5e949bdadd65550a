//! RFC 3856 presence, with RFC 3857 (who watches) and RFC 3680 (where a user is registered).

use sip::msg::{Message, Name};

use super::watching::{notified, publish, says, subscribe};
use super::{Case, Fault, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 3856,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const WATCHERS: Rfc = Rfc {
    number: 3857,
    cases: &[OF_WATCHERS],
    skipped: &[],
};

const REGISTRATIONS: Rfc = Rfc {
    number: 3680,
    cases: &[OF_REGISTRATIONS],
    skipped: &[SKIPPED_OF_REGISTRATIONS],
};

const CASES: &[Case] = &[
    Case {
        section: "6.7",
        sentence: "a NOTIFY has a document of the type application/pidf+xml about the user",
        check: pidf,
    },
    Case {
        section: "6.5",
        sentence: "an Accept without application/pidf+xml is answered 406",
        check: not_acceptable,
    },
    Case {
        section: "6.6.1",
        sentence: "a subscription by somebody who is not proven is not accepted",
        check: stranger,
    },
    Case {
        section: "6.6.2",
        sentence: "a subscription of somebody whom the user blocks is answered 603 or 403",
        check: blocked,
    },
    Case {
        section: "6.6.2",
        sentence: "a subscription of somebody who is blocked later ends with the reason rejected",
        check: blocked_later,
    },
    Case {
        section: "6.8",
        sentence: "a watcher is told when the user signs out, whatever the phone has published",
        check: signs_out,
    },
    Case {
        section: "6.8",
        sentence: "a watcher is told when the user signs in",
        check: signs_in,
    },
    Case {
        section: "6.10",
        sentence: "changes in quick succession are told together, the latest for certain",
        check: together,
    },
];

const SKIPPED: &[Skipped] = &[Skipped {
    section: "6.10",
    sentence: "a watcher is told no more than once in five seconds",
    reason: "once in a second, by decision 0023",
}];

const OF_WATCHERS: &[Case] = &[
    Case {
        section: "4.7",
        sentence: "a user who subscribes to presence.winfo is told who watches, and of those who come",
        check: who_watches,
    },
    Case {
        section: "4.5",
        sentence: "nobody else is told who watches a user",
        check: others_may_not,
    },
    Case {
        section: "4.4",
        sentence: "an Accept without application/watcherinfo+xml is answered 406",
        check: winfo_not_acceptable,
    },
    Case {
        section: "4.7.1",
        sentence: "the first document is the full state of version 0, and versions rise by one",
        check: winfo_versions,
    },
    Case {
        section: "4.7.1",
        sentence: "a watcher who has left is no longer among those who watch",
        check: winfo_left,
    },
    Case {
        section: "4.10",
        sentence: "a fetch tells who watches and does not begin to watch",
        check: winfo_fetch,
    },
];

const OF_REGISTRATIONS: &[Case] = &[
    Case {
        section: "4.7",
        sentence: "a user who subscribes to reg is told each Contact, and of changes",
        check: where_registered,
    },
    Case {
        section: "5.2",
        sentence: "versions begin at 0 and rise by one",
        check: versions,
    },
    Case {
        section: "4.4",
        sentence: "an Accept without application/reginfo+xml is answered 406",
        check: reg_not_acceptable,
    },
    Case {
        section: "4.5",
        sentence: "nobody else is told where a user is registered",
        check: reg_of_another,
    },
    Case {
        section: "5.1",
        sentence: "the document is the full state, of the address-of-record that was asked for",
        check: reg_document,
    },
    Case {
        section: "5.1",
        sentence: "the id of a contact stays the same while it is bound",
        check: reg_ids,
    },
    Case {
        section: "4.7",
        sentence: "a user who signs out is told to be terminated",
        check: reg_terminated,
    },
];

const SKIPPED_OF_REGISTRATIONS: &[Skipped] = &[Skipped {
    section: "5.1",
    sentence: "a contact that has ended is told with its event before it is left out",
    reason: "every document is the full state; what is not in it has ended",
}];

#[test]
fn presence_conforms() {
    run(&RFC);
}

#[test]
fn watcher_information_conforms() {
    run(&WATCHERS);
}

#[test]
fn registration_information_conforms() {
    run(&REGISTRATIONS);
}

fn pidf(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    subscribe(&mut watcher, &user.uri, "presence")?;
    let notify = notified(&mut watcher)?;
    let media_type = notify.text(Name::ContentType).unwrap_or_default();
    ensure!(
        media_type == "application/pidf+xml",
        "Content-Type: {media_type}"
    );
    says(&notify, &format!("entity=\"{}\"", user.uri))
}

fn not_acceptable(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let request = watcher
        .request("SUBSCRIBE", &user.uri)
        .with("Event", "presence");
    is(&watcher.ask(&request.with("Accept", "text/plain"))?, 406)
}

fn stranger(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.at_front_end()?.acting_for(&site.user()), site.user());
    let request = watcher
        .request("SUBSCRIBE", &user.uri)
        .with("Event", "presence");
    is(&watcher.ask(&request)?, 407)
}

fn signs_in(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    subscribe(&mut watcher, &user.uri, "presence")?;
    says(&notified(&mut watcher)?, "<basic>closed</basic>")?;
    let _phone = site.doors().sign_in_outside(&user)?;
    says(&notified(&mut watcher)?, "<basic>open</basic>")
}

fn blocked(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    block(site, &user.uri, watcher.aor())?;
    let request = watcher.request("SUBSCRIBE", &user.uri);
    let (_, answer) = watcher.prove(request.with("Event", "presence"))?;
    is(&answer, 603)
}

fn blocked_later(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.outside()?, site.inside()?);
    subscribe(&mut watcher, user.aor(), "presence")?;
    says(&notified(&mut watcher)?, "<basic>open</basic>")?;
    block(site, user.aor(), watcher.aor())?;
    let last = notified(&mut watcher)?;
    let state = last.text(Name::SubscriptionState).unwrap_or_default();
    ensure!(state == "terminated;reason=rejected", "{state}");
    says(&last, "<basic>closed</basic>")
}

/// By the operator, on the machine that masters the directory and is the home of all users here.
fn block(site: &Site, user: &str, watcher: &str) -> Verdict {
    let words = ["user", "block", user, watcher];
    let done = site.place().operator().done(&words, "");
    done.map(drop).map_err(Fault::new)
}

fn signs_out(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    let aor = user.aor().to_owned();
    for _ in 0..2 {
        publish(&mut user, "open")?;
    }
    subscribe(&mut watcher, &aor, "presence")?;
    says(&notified(&mut watcher)?, "<basic>open</basic>")?;
    let goodbye = user.registration().set("Expires", 0);
    is(&user.sign_in(goodbye)?, 200)?;
    let gone = notified(&mut watcher)?;
    ensure!(says(&gone, "<basic>open</basic>").is_err(), "still open");
    says(&gone, "<basic>closed</basic>")
}

fn together(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    let aor = user.aor().to_owned();
    subscribe(&mut watcher, &aor, "presence")?;
    notified(&mut watcher)?;
    for basic in ["closed", "closed", "closed", "closed", "open"] {
        publish(&mut user, basic)?;
    }
    let mut told = 0;
    loop {
        let notify = notified(&mut watcher)?;
        told += 1;
        if says(&notify, "id=\"t\"").is_ok() && says(&notify, "<basic>open</basic>").is_ok() {
            break;
        }
    }
    ensure!(told < 5, "each change was told");
    Ok(())
}

fn who_watches(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    let aor = user.aor().to_owned();
    subscribe(&mut user, &aor, "presence.winfo")?;
    let first = notified(&mut user)?;
    says(&first, "<watcher-list")?;
    let media_type = first.text(Name::ContentType).unwrap_or_default();
    ensure!(
        media_type == "application/watcherinfo+xml",
        "Content-Type: {media_type}"
    );
    subscribe(&mut watcher, &aor, "presence")?;
    says(&notified(&mut user)?, watcher.aor())
}

fn others_may_not(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let request = watcher.request("SUBSCRIBE", &user.uri);
    is(&watcher.ask(&request.with("Event", "presence.winfo"))?, 403)
}

fn where_registered(site: &Site) -> Verdict {
    let user = site.user();
    let mut phone = site.doors().sign_in_inside(&user)?;
    subscribe(&mut phone, &user.uri, "reg")?;
    says(&notified(&mut phone)?, "<contact ")?;
    let other = site.doors().sign_in_outside(&user)?;
    says(&notified(&mut phone)?, other.contact())
}

fn versions(site: &Site) -> Verdict {
    let user = site.user();
    let mut phone = site.doors().sign_in_inside(&user)?;
    subscribe(&mut phone, &user.uri, "reg")?;
    says(&notified(&mut phone)?, "version=\"0\"")?;
    let _other = site.doors().sign_in_outside(&user)?;
    says(&notified(&mut phone)?, "version=\"1\"")
}

/// What stands between these in a document.
fn between<'a>(body: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

fn body(notify: &Message) -> String {
    String::from_utf8_lossy(notify.body()).into_owned()
}

fn refuses_another_type(site: &Site, event: &str) -> Verdict {
    let mut user = site.inside()?;
    let aor = user.aor().to_owned();
    let request = user.request("SUBSCRIBE", &aor).with("Event", event);
    is(
        &user.ask(&request.with("Accept", "application/pidf+xml"))?,
        406,
    )
}

fn winfo_not_acceptable(site: &Site) -> Verdict {
    refuses_another_type(site, "presence.winfo")
}

fn winfo_versions(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    let aor = user.aor().to_owned();
    subscribe(&mut user, &aor, "presence.winfo")?;
    let first = notified(&mut user)?;
    says(&first, "version=\"0\"")?;
    says(&first, "state=\"full\"")?;
    subscribe(&mut watcher, &aor, "presence")?;
    says(&notified(&mut user)?, "version=\"1\"")
}

fn winfo_left(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    let aor = user.aor().to_owned();
    let mut watching = subscribe(&mut watcher, &aor, "presence")?;
    notified(&mut watcher)?;
    subscribe(&mut user, &aor, "presence.winfo")?;
    says(&notified(&mut user)?, watcher.aor())?;
    let end = watcher.within(&mut watching.dialog, "SUBSCRIBE");
    let end = end.with("Event", "presence").with("Expires", 0);
    is(&watcher.ask(&end)?, 200)?;
    let told = body(&notified(&mut user)?);
    let own = told
        .split("<watcher ")
        .find(|one| one.contains(watcher.aor()));
    ensure!(
        own.is_none_or(|one| one.contains("terminated")),
        "still watching: {told}"
    );
    Ok(())
}

fn winfo_fetch(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    let aor = user.aor().to_owned();
    subscribe(&mut watcher, &aor, "presence")?;
    notified(&mut watcher)?;
    let request = user.request("SUBSCRIBE", &aor);
    let fetch = request.with("Event", "presence.winfo").with("Expires", 0);
    is(&user.ask(&fetch)?, 200)?;
    let told = notified(&mut user)?;
    says(&told, watcher.aor())?;
    let state = told.text(Name::SubscriptionState).unwrap_or_default();
    ensure!(
        state.starts_with("terminated"),
        "Subscription-State: {state}"
    );
    Ok(())
}

fn reg_not_acceptable(site: &Site) -> Verdict {
    refuses_another_type(site, "reg")
}

fn reg_of_another(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let request = watcher.request("SUBSCRIBE", &user.uri);
    is(&watcher.ask(&request.with("Event", "reg"))?, 403)
}

fn reg_document(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let aor = user.aor().to_owned();
    subscribe(&mut user, &aor, "reg")?;
    let told = notified(&mut user)?;
    let media_type = told.text(Name::ContentType).unwrap_or_default();
    ensure!(
        media_type == "application/reginfo+xml",
        "Content-Type: {media_type}"
    );
    says(&told, "state=\"full\"")?;
    says(&told, &format!("aor=\"{aor}\""))?;
    says(&told, "state=\"active\"")?;
    says(&told, user.contact())
}

fn reg_ids(site: &Site) -> Verdict {
    let user = site.user();
    let mut phone = site.doors().sign_in_inside(&user)?;
    subscribe(&mut phone, &user.uri, "reg")?;
    let before = body(&notified(&mut phone)?);
    let _other = site.doors().sign_in_outside(&user)?;
    let after = body(&notified(&mut phone)?);
    let id = between(&before, "<contact id=\"", "\"");
    ensure!(
        id.is_some_and(|id| after.contains(&format!("<contact id=\"{id}\""))),
        "{id:?} is not in {after}"
    );
    Ok(())
}

fn reg_terminated(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let aor = user.aor().to_owned();
    subscribe(&mut user, &aor, "reg")?;
    notified(&mut user)?;
    let goodbye = user.registration().set("Expires", 0);
    let (_, answer) = user.prove(goodbye)?;
    is(&answer, 200)?;
    let told = user.expect("NOTIFY")?;
    user.answer(&told, 200)?;
    says(&told, "state=\"terminated\"")
}
