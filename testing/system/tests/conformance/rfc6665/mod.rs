//! RFC 6665: event notification, as the notifier of presence shows it.

use sip::msg::Name;

use super::watching::{notified, publish, says, subscribe};
use super::{Case, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 6665,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "4.2.1.1",
        sentence: "a SUBSCRIBE for a package that is not understood is answered 489 with Allow-Events",
        check: unknown_package,
    },
    Case {
        section: "4.2.1.1",
        sentence: "a SUBSCRIBE without Event is answered 489",
        check: no_package,
    },
    Case {
        section: "4.2.1.1",
        sentence: "an Expires below the minimum is answered 423 with Min-Expires",
        check: too_brief,
    },
    Case {
        section: "4.2.1.1",
        sentence: "the 200 to a SUBSCRIBE has an Expires no longer than was asked, and a Contact",
        check: the_answer,
    },
    Case {
        section: "4.2.1.2",
        sentence: "a NOTIFY follows every accepted SUBSCRIBE at once, refreshes too",
        check: notify_at_once,
    },
    Case {
        section: "4.2.2",
        sentence: "a NOTIFY has the Event and the id of its SUBSCRIBE",
        check: event_and_id,
    },
    Case {
        section: "4.2.2",
        sentence: "a NOTIFY has a Subscription-State, with expires while it is active",
        check: state,
    },
    Case {
        section: "4.2.2",
        sentence: "CSeq rises from one NOTIFY of a dialog to the next",
        check: numbers_rise,
    },
    Case {
        section: "4.4.1",
        sentence: "a SUBSCRIBE with Expires 0 ends the subscription with a last NOTIFY that says terminated",
        check: ended,
    },
    Case {
        section: "4.4.3",
        sentence: "a SUBSCRIBE with Expires 0 outside of a dialog fetches the state once",
        check: fetch,
    },
    Case {
        section: "4.2.1.1",
        sentence: "a SUBSCRIBE within a dialog that is not known is answered 481",
        check: unknown_dialog,
    },
    Case {
        section: "4.2.2",
        sentence: "after a NOTIFY was answered 481 the subscription is gone",
        check: refused_notify,
    },
    Case {
        section: "4.5.2",
        sentence: "the NOTIFYs of a subscription carry the route set of its dialog, from outside too",
        check: from_outside,
    },
    Case {
        section: "7.2",
        sentence: "two subscriptions of one dialog with different ids are two",
        check: two_ids,
    },
    Case {
        section: "4.2.1.1",
        sentence: "without Expires the default of the package is taken, and told",
        check: default_expiry,
    },
    Case {
        section: "4.2.1.1",
        sentence: "a SUBSCRIBE is answered 200, whether or not its subscription is decided",
        check: never_202,
    },
    Case {
        section: "4.2.1.1",
        sentence: "an Accept that the package cannot serve is answered 406",
        check: accept,
    },
    Case {
        section: "4.2.1.2",
        sentence: "a refresh with another Expires moves the end of the subscription",
        check: moved_end,
    },
    Case {
        section: "4.2.2",
        sentence: "the NOTIFYs of a dialog have its Call-ID, its tags and the Contact of the watcher as their Request-URI",
        check: in_the_dialog,
    },
    Case {
        section: "4.4.1",
        sentence: "each SUBSCRIBE outside of a dialog makes a subscription of its own",
        check: two_dialogs,
    },
    Case {
        section: "8.2.1",
        sentence: "a SUBSCRIBE within a dialog whose package is another is no refresh of it",
        check: another_package,
    },
    Case {
        section: "4.2.1.1",
        sentence: "what a SUBSCRIBE requires and nobody understands is answered 420",
        check: requires,
    },
    Case {
        section: "4.3",
        sentence: "a SUBSCRIBE for what a phone knows, and no server, goes to the phone within a dialog",
        check: to_a_phone,
    },
    Case {
        section: "8.2.1",
        sentence: "package and id are compared byte by byte; the name of the parameter in any case",
        check: ids_and_packages,
    },
];

const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "4.1.2.4",
        sentence: "a subscriber waits for the NOTIFYs of each fork until timer N fires",
        reason: "a rule for subscribers; nothing here subscribes",
    },
    Skipped {
        section: "4.1.3",
        sentence: "a subscriber answers 481 to a NOTIFY that it does not know",
        reason: "a rule for subscribers; nothing here subscribes",
    },
    Skipped {
        section: "4.5.1",
        sentence: "a notifier has a GRUU as Contact",
        reason: "its Contact names one machine, which is reachable by name from everywhere inside; dialogs come by the route",
    },
];

#[test]
fn conforms() {
    run(&RFC);
}

fn unknown_package(site: &Site) -> Verdict {
    let mut watcher = site.inside()?;
    let aor = watcher.aor().to_owned();
    let request = watcher.request("SUBSCRIBE", &aor).with("Event", "nonsense");
    let answer = watcher.ask(&request)?;
    is(&answer, 489)?;
    let allowed = answer.text(Name::AllowEvents).unwrap_or_default();
    ensure!(allowed.contains("presence"), "Allow-Events: {allowed}");
    Ok(())
}

fn no_package(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let request = watcher.request("SUBSCRIBE", &user.uri);
    is(&watcher.ask(&request)?, 489)
}

fn too_brief(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let request = watcher
        .request("SUBSCRIBE", &user.uri)
        .with("Event", "presence");
    let answer = watcher.ask(&request.with("Expires", 1))?;
    is(&answer, 423)?;
    ensure!(answer.get(Name::MinExpires).is_some(), "no Min-Expires");
    Ok(())
}

fn the_answer(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let watching = subscribe(&mut watcher, &user.uri, "presence")?;
    let expires = watching.answer.expires().ok().flatten();
    ensure!(
        expires.is_some_and(|secs| secs <= 600),
        "Expires: {expires:?}"
    );
    ensure!(watching.answer.get(Name::Contact).is_some(), "no Contact");
    Ok(())
}

fn notify_at_once(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let mut watching = subscribe(&mut watcher, &user.uri, "presence")?;
    notified(&mut watcher)?;
    for _ in 0..2 {
        let refresh = watcher.within(&mut watching.dialog, "SUBSCRIBE");
        let refresh = refresh.with("Event", "presence").with("Expires", 300);
        is(&watcher.ask(&refresh)?, 200)?;
        notified(&mut watcher)?;
    }
    Ok(())
}

fn event_and_id(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    subscribe(&mut watcher, &user.uri, "presence;id=seven")?;
    let notify = notified(&mut watcher)?;
    let event = notify.text(Name::Event).unwrap_or_default();
    ensure!(event == "presence;id=seven", "Event: {event}");
    Ok(())
}

fn state(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    subscribe(&mut watcher, &user.uri, "presence")?;
    let notify = notified(&mut watcher)?;
    let state = notify.text(Name::SubscriptionState).unwrap_or_default();
    let left = state.strip_prefix("active;expires=");
    let left: Option<u32> = left.and_then(|secs| secs.parse().ok());
    ensure!(
        left.is_some_and(|secs| (1..=600).contains(&secs)),
        "Subscription-State: {state}"
    );
    Ok(())
}

fn numbers_rise(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    let aor = user.aor().to_owned();
    subscribe(&mut watcher, &aor, "presence")?;
    let mut last = 0;
    for basic in ["open", "closed"] {
        let number = notified(&mut watcher)?.cseq()?.number;
        ensure!(number > last, "{number} after {last}");
        last = number;
        publish(&mut user, basic)?;
    }
    let number = notified(&mut watcher)?.cseq()?.number;
    ensure!(number > last, "{number} after {last}");
    Ok(())
}

fn ended(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let mut watching = subscribe(&mut watcher, &user.uri, "presence")?;
    notified(&mut watcher)?;
    let end = watcher.within(&mut watching.dialog, "SUBSCRIBE");
    let end = end.with("Event", "presence").with("Expires", 0);
    is(&watcher.ask(&end)?, 200)?;
    let last = notified(&mut watcher)?;
    let state = last.text(Name::SubscriptionState).unwrap_or_default();
    ensure!(
        state.starts_with("terminated"),
        "Subscription-State: {state}"
    );
    let again = watcher.within(&mut watching.dialog, "SUBSCRIBE");
    is(&watcher.ask(&again.with("Event", "presence"))?, 481)
}

fn fetch(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    publish(&mut user, "open")?;
    let request = watcher
        .request("SUBSCRIBE", user.aor())
        .with("Event", "presence");
    is(&watcher.ask(&request.with("Expires", 0))?, 200)?;
    let notify = notified(&mut watcher)?;
    says(&notify, "<basic>open</basic>")?;
    let state = notify.text(Name::SubscriptionState).unwrap_or_default();
    ensure!(
        state.starts_with("terminated"),
        "Subscription-State: {state}"
    );
    Ok(())
}

fn unknown_dialog(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let mut watching = subscribe(&mut watcher, &user.uri, "presence")?;
    notified(&mut watcher)?;
    let stray = watcher
        .within(&mut watching.dialog, "SUBSCRIBE")
        .with("Event", "presence");
    is(&watcher.ask(&stray.set("Call-ID", "of-another-time"))?, 481)
}

fn refused_notify(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let mut watching = subscribe(&mut watcher, &user.uri, "presence")?;
    let notify = watcher.expect("NOTIFY")?;
    watcher.answer(&notify, 481)?;
    let again = watcher.within(&mut watching.dialog, "SUBSCRIBE");
    is(&watcher.ask(&again.with("Event", "presence"))?, 481)
}

fn from_outside(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.outside()?, site.inside()?);
    let aor = user.aor().to_owned();
    let mut watching = subscribe(&mut watcher, &aor, "presence")?;
    says(&notified(&mut watcher)?, "<basic>open</basic>")?;
    publish(&mut user, "closed")?;
    says(&notified(&mut watcher)?, "<basic>closed</basic>")?;
    let refresh = watcher.within(&mut watching.dialog, "SUBSCRIBE");
    is(&watcher.ask(&refresh.with("Event", "presence"))?, 200)?;
    notified(&mut watcher).map(drop)
}

fn two_ids(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let mut watching = subscribe(&mut watcher, &user.uri, "presence;id=one")?;
    notified(&mut watcher)?;
    let end = watcher.within(&mut watching.dialog, "SUBSCRIBE");
    is(
        &watcher.ask(&end.with("Event", "presence;id=two").with("Expires", 0))?,
        481,
    )?;
    let refresh = watcher.within(&mut watching.dialog, "SUBSCRIBE");
    is(
        &watcher.ask(&refresh.with("Event", "presence;id=one"))?,
        200,
    )?;
    notified(&mut watcher).map(drop)
}

fn default_expiry(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let request = watcher.request("SUBSCRIBE", &user.uri);
    let answer = watcher.ask(&request.with("Event", "presence"))?;
    is(&answer, 200)?;
    let told = answer.expires()?;
    ensure!(
        told.is_some_and(|secs| (1..=3600).contains(&secs)),
        "Expires: {told:?}"
    );
    notified(&mut watcher).map(drop)
}

fn never_202(site: &Site) -> Verdict {
    let (mut watcher, mut user) = (site.inside()?, site.inside()?);
    let aor = user.aor().to_owned();
    is(&subscribe(&mut watcher, &aor, "presence")?.answer, 200)?;
    notified(&mut watcher)?;
    for event in ["presence.winfo", "reg"] {
        is(&subscribe(&mut user, &aor, event)?.answer, 200)?;
        notified(&mut user)?;
    }
    Ok(())
}

fn accept(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let aor = user.aor().to_owned();
    for event in ["presence", "presence.winfo", "reg"] {
        for accept in ["text/plain", "text/*, image/png;q=0.5"] {
            let request = user.request("SUBSCRIBE", &aor).with("Event", event);
            let answer = user.ask(&request.with("Accept", accept))?;
            ensure!(
                answer.status() == 406,
                "{event}, {accept}: {}",
                answer.status()
            );
        }
    }
    Ok(())
}

fn moved_end(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let mut watching = subscribe(&mut watcher, &user.uri, "presence")?;
    notified(&mut watcher)?;
    let refresh = watcher.within(&mut watching.dialog, "SUBSCRIBE");
    let refresh = refresh.with("Event", "presence").with("Expires", 120);
    is(&watcher.ask(&refresh)?, 200)?;
    let told = notified(&mut watcher)?;
    let state = told.text(Name::SubscriptionState).unwrap_or_default();
    let left = state.strip_prefix("active;expires=");
    let left: Option<u32> = left.and_then(|secs| secs.parse().ok());
    ensure!(
        left.is_some_and(|secs| (1..=120).contains(&secs)),
        "Subscription-State: {state}"
    );
    Ok(())
}

fn in_the_dialog(site: &Site) -> Verdict {
    for mut watcher in [site.inside()?, site.outside()?] {
        let watching = subscribe(&mut watcher, &site.user().uri, "presence")?;
        let notify = notified(&mut watcher)?;
        let dialog = &watching.dialog;
        ensure!(notify.call_id()? == dialog.call_id, "another Call-ID");
        ensure!(
            notify.text(Name::From) == Some(&dialog.remote),
            "From is {:?}",
            notify.text(Name::From)
        );
        ensure!(
            notify.text(Name::To) == Some(&dialog.local),
            "To is {:?}",
            notify.text(Name::To)
        );
        ensure!(
            notify.uri() == watcher.contact(),
            "it is for {}",
            notify.uri()
        );
    }
    Ok(())
}

fn two_dialogs(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let mut first = subscribe(&mut watcher, &user.uri, "presence")?;
    notified(&mut watcher)?;
    let mut second = subscribe(&mut watcher, &user.uri, "presence")?;
    notified(&mut watcher)?;
    let end = watcher.within(&mut first.dialog, "SUBSCRIBE");
    is(
        &watcher.ask(&end.with("Event", "presence").with("Expires", 0))?,
        200,
    )?;
    notified(&mut watcher)?;
    let refresh = watcher.within(&mut second.dialog, "SUBSCRIBE");
    is(&watcher.ask(&refresh.with("Event", "presence"))?, 200)?;
    notified(&mut watcher).map(drop)
}

fn another_package(site: &Site) -> Verdict {
    let mut user = site.inside()?;
    let aor = user.aor().to_owned();
    let mut watching = subscribe(&mut user, &aor, "presence")?;
    notified(&mut user)?;
    let other = user.within(&mut watching.dialog, "SUBSCRIBE");
    let answer = user.ask(&other.with("Event", "reg").with("Expires", 0))?;
    is(&answer, 481)?;
    let refresh = user.within(&mut watching.dialog, "SUBSCRIBE");
    is(&user.ask(&refresh.with("Event", "presence"))?, 200)?;
    notified(&mut user).map(drop)
}

fn requires(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    let request = watcher.request("SUBSCRIBE", &user.uri);
    let request = request.with("Event", "presence").with("Require", "nothing");
    let answer = watcher.ask(&request)?;
    is(&answer, 420)?;
    let tag = answer.text(Name::Unsupported);
    ensure!(tag == Some("nothing"), "Unsupported is {tag:?}");
    Ok(())
}

fn to_a_phone(site: &Site) -> Verdict {
    let mut call = system::agent::Call::between(site.inside()?, site.outside()?)?;
    for method in ["SUBSCRIBE", "NOTIFY"] {
        call.caller_asks(method, 200)?;
        call.callee_asks(method, 200)?;
    }
    Ok(())
}

fn ids_and_packages(site: &Site) -> Verdict {
    let (mut watcher, user) = (site.inside()?, site.user());
    // Nobody but a phone knows that package, and the asker is the only one there.
    let own = watcher.aor().to_owned();
    let other = watcher.request("SUBSCRIBE", &own);
    is(&watcher.ask(&other.with("Event", "Presence"))?, 489)?;
    let mut watching = subscribe(&mut watcher, &user.uri, "presence ; foo=1 ; ID=Seven")?;
    notified(&mut watcher)?;
    for (event, status) in [
        ("presence;id=seven", 481),
        ("presence", 481),
        ("presence;xid=Seven", 481),
        ("presence;id=Seven", 200),
    ] {
        let refresh = watcher.within(&mut watching.dialog, "SUBSCRIBE");
        let answer = watcher.ask(&refresh.with("Event", event))?;
        let got = answer.status();
        ensure!(got == status, "{event}: {got} in place of {status}");
    }
    notified(&mut watcher).map(drop)
}
