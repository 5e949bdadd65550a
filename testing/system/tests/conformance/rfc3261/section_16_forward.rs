//! Section 16, requests: what is checked, where they go, what is changed.

use sip::msg::Name;
use system::agent::values;

use crate::conformance::ringing::{Fork, QUIET, Ringing};
use crate::conformance::{Case, Fault, Site, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "16.3",
        sentence: "an OPTIONS with Max-Forwards 0 for the server itself may be answered by it",
        check: options_for_the_server,
    },
    Case {
        section: "16.3",
        sentence: "all options of Proxy-Require that are not understood are listed in Unsupported",
        check: all_options_are_named,
    },
    Case {
        section: "16.3",
        sentence: "a request that has passed the proxy before, unchanged, is a loop and answered 482",
        check: a_loop,
    },
    Case {
        section: "16.4",
        sentence: "a Request-URI that the proxy itself recorded is replaced by the last Route value",
        check: after_a_strict_router,
    },
    Case {
        section: "16.4",
        sentence: "the first Route value is removed if it names this proxy",
        check: own_route_is_removed,
    },
    Case {
        section: "16.6",
        sentence: "the Request-URI becomes that of the target",
        check: request_uri_of_the_target,
    },
    Case {
        section: "16.6",
        sentence: "header fields that need no change, and the body, are forwarded as they came and in their order",
        check: untouched,
    },
    Case {
        section: "16.6",
        sentence: "the Record-Route of a proxy is a SIP URI with lr that leads to it",
        check: record_route,
    },
    Case {
        section: "16.6",
        sentence: "a request without Max-Forwards gets one of 70",
        check: max_forwards_is_added,
    },
    Case {
        section: "16.6",
        sentence: "each branch of a fork has a branch parameter of its own",
        check: branches_differ,
    },
    Case {
        section: "16.5",
        sentence: "targets of a higher q are tried before those of a lower",
        check: by_preference,
    },
];

fn options_for_the_server(site: &Site) -> Verdict {
    let mut agent = site.at_front_end()?;
    let request = agent.request("OPTIONS", "sip:fe01.contoso.net");
    is(&agent.ask(&request.set("Max-Forwards", 0))?, 200)
}

fn all_options_are_named(site: &Site) -> Verdict {
    let (mut caller, callee) = (site.inside()?, site.inside()?);
    let request = caller.request("INVITE", callee.aor());
    let answer = caller.ask(&request.with("Proxy-Require", "one, two"))?;
    is(&answer, 420)?;
    let named = values(&answer, Name::Unsupported);
    ensure!(named == ["one", "two"], "Unsupported is {named:?}");
    Ok(())
}

fn a_loop(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let via = values(&call.came, Name::Via);
    let via = via.first().ok_or_else(|| Fault::new("no Via"))?;
    let mut again = call.caller.request("INVITE", call.callee.aor());
    again = again.with("Via", via);
    is(&call.caller.ask(&again)?, 482)?;
    is(&call.refuse(486)?, 486)
}

fn after_a_strict_router(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let (mut dialog, _) = call.accept()?;
    let bye = call.caller.within(&mut dialog, "BYE");
    let mut routes = dialog.route.clone();
    let first = routes.remove(0);
    routes.push(format!("<{}>", dialog.target));
    let first = first.trim_matches(['<', '>']);
    let strict = bye.start(format!("BYE {first} SIP/2.0")).without("Route");
    let strict = routes
        .iter()
        .fold(strict, |bye, route| bye.with("Route", route));
    let sent = call.caller.begin(strict)?;
    let came = call.callee.expect("BYE")?;
    ensure!(
        came.uri() == dialog.target,
        "the Request-URI is {}",
        came.uri()
    );
    call.callee.answer(&came, 200)?;
    call.caller.expect_status(&sent, 200)?;
    Ok(())
}

fn own_route_is_removed(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let (mut dialog, _) = call.accept()?;
    ensure!(!dialog.route.is_empty(), "there is no route to follow");
    let bye = call.caller.within(&mut dialog, "BYE");
    let sent = call.caller.begin(bye)?;
    let came = call.callee.expect("BYE")?;
    ensure!(came.get(Name::Route).is_none(), "a Route is left");
    call.callee.answer(&came, 200)?;
    call.caller.expect_status(&sent, 200)?;
    Ok(())
}

fn request_uri_of_the_target(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let (came, wanted) = (call.came.uri().to_owned(), call.callee.contact().to_owned());
    ensure!(came == wanted, "the Request-URI is {came}");
    is(&call.refuse(486)?, 486)
}

fn untouched(site: &Site) -> Verdict {
    let lines = [
        ("X-One", "a  b;c=\"d, e\""),
        ("Subject", "a subject, with a comma"),
        ("x-two", "\u{fc}ber"),
        ("Supported", "100rel,timer"),
    ];
    let body = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
    let mut call = Ringing::begin_with(site, |invite| {
        let all = lines
            .iter()
            .fold(invite, |invite, (name, value)| invite.with(name, value));
        all.body("application/sdp", body)
    })?;
    let kept = call.came.fields().filter_map(|field| {
        let name = std::str::from_utf8(field.name_bytes).ok()?;
        lines
            .iter()
            .any(|(own, _)| *own == name)
            .then_some((name, field.text()?))
    });
    let kept: Vec<_> = kept.collect();
    ensure!(kept == lines, "what came is {kept:?}");
    ensure!(call.came.body() == body.as_bytes(), "the body is another");
    for (name, known) in [
        ("From", Name::From),
        ("Call-ID", Name::CallId),
        ("CSeq", Name::CSeq),
    ] {
        let (sent, came) = (call.invite.get(name), call.came.text(known));
        ensure!(sent == came, "{name} is {came:?}");
    }
    is(&call.refuse(486)?, 486)
}

fn record_route(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let entries = values(&call.came, Name::RecordRoute);
    let is_sound = |entry: &String| entry.starts_with("<sip:") && entry.contains(";lr");
    ensure!(
        !entries.is_empty() && entries.iter().all(is_sound),
        "Record-Route is {entries:?}"
    );
    is(&call.refuse(486)?, 486)
}

fn max_forwards_is_added(site: &Site) -> Verdict {
    let mut call = Ringing::begin_with(site, |invite| invite.without("Max-Forwards"))?;
    let hops = call.came.text(Name::MaxForwards).map(str::to_owned);
    ensure!(hops.as_deref() == Some("70"), "Max-Forwards is {hops:?}");
    is(&call.refuse(486)?, 486)
}

fn branches_differ(site: &Site) -> Verdict {
    let mut fork = Fork::begin(site, &["1.0", "1.0"])?;
    let (one, two) = (fork.answers(0, 486)?, fork.answers(1, 486)?);
    let (one, two) = (one.via()?.branch(), two.via()?.branch());
    ensure!(one != two, "both are {one:?}");
    is(&fork.caller.expect_final(&fork.invite)?, 486)
}

fn by_preference(site: &Site) -> Verdict {
    let mut fork = Fork::begin(site, &["0.2", "0.9"])?;
    let came = fork.phone(1)?.expect("INVITE")?;
    fork.phone(0)?
        .expect_none(QUIET, "INVITE", |m| m.is_request())?;
    fork.phone(1)?.answer(&came, 486)?;
    fork.answers(0, 480)?;
    let refused = fork.caller.expect_final(&fork.invite)?;
    ensure!(
        matches!(refused.status(), 480 | 486),
        "it is {}",
        refused.status()
    );
    Ok(())
}
