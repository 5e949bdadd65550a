//! RFC 3608: Service-Route.

use sip::msg::Name;

use super::{Case, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 3608,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "5",
        sentence: "the 200 to a phone outside has a Service-Route that names the Edge as it is known outside",
        check: told,
    },
    Case {
        section: "6.1",
        sentence: "a request that takes the Service-Route arrives, and one that does not arrives too",
        check: taken_or_not,
    },
    Case {
        section: "6.3",
        sentence: "a REGISTER that is refused has no Service-Route in its answer",
        check: not_when_refused,
    },
    Case {
        section: "6.3",
        sentence: "a Service-Route that a client writes itself is not given back",
        check: not_its_own,
    },
    Case {
        section: "6.3",
        sentence: "each refresh says it again",
        check: each_time,
    },
];

const SKIPPED: &[Skipped] = &[Skipped {
    section: "6.1",
    sentence: "a user agent takes the latest Service-Route as its preloaded Route",
    reason: "a rule for user agents",
}];

#[test]
fn conforms() {
    run(&RFC);
}

fn told(site: &Site) -> Verdict {
    let mut agent = site.outside()?;
    let draft = agent.registration();
    let (_, answer) = agent.prove(draft)?;
    is(&answer, 200)?;
    let route = system::agent::values(&answer, Name::ServiceRoute);
    ensure!(
        route.len() == 1 && route[0].contains("sip.contoso.com") && route[0].contains(";lr"),
        "Service-Route is {route:?}"
    );
    Ok(())
}

fn taken_or_not(site: &Site) -> Verdict {
    let mut caller = site.outside()?;
    let mut callee = site.inside()?;
    let draft = caller.registration();
    let (_, answer) = caller.prove(draft)?;
    let route = answer
        .text(Name::ServiceRoute)
        .unwrap_or_default()
        .to_owned();
    for taken in [true, false] {
        let mut request = caller.request("MESSAGE", callee.aor());
        if taken {
            request = request.with("Route", &route);
        }
        let request = caller.begin(request)?;
        let came = callee.expect("MESSAGE")?;
        callee.answer(&came, 200)?;
        caller.expect_status(&request, 200)?;
        ensure!(came.get(Name::Route).is_none(), "a Route is left");
    }
    Ok(())
}

fn not_when_refused(site: &Site) -> Verdict {
    let mut agent = site.outside()?;
    let brief = agent.registration().set("Expires", 1);
    let (_, refused) = agent.prove(brief)?;
    is(&refused, 423)?;
    ensure!(refused.get(Name::ServiceRoute).is_none(), "there is one");
    Ok(())
}

fn not_its_own(site: &Site) -> Verdict {
    let mut agent = site.outside()?;
    let draft = agent.registration();
    let (_, answer) = agent.prove(draft.with("Service-Route", "<sip:elsewhere.example;lr>"))?;
    is(&answer, 200)?;
    let route = system::agent::values(&answer, Name::ServiceRoute);
    let own = route.iter().all(|one| one.contains("sip.contoso.com"));
    ensure!(own && route.len() == 1, "Service-Route is {route:?}");
    Ok(())
}

fn each_time(site: &Site) -> Verdict {
    let mut agent = site.outside()?;
    let mut routes = Vec::new();
    for _ in 0..2 {
        let draft = agent.registration();
        let (_, answer) = agent.prove(draft)?;
        is(&answer, 200)?;
        routes.push(answer.text(Name::ServiceRoute).map(str::to_owned));
    }
    ensure!(routes[0].is_some() && routes[0] == routes[1], "{routes:?}");
    Ok(())
}
