//! Section 16: proxy behaviour.

use sip::msg::Name;

use crate::conformance::{Case, Site, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "16.3",
        sentence: "a request with Max-Forwards 0 is answered 483",
        check: max_forwards_of_zero,
    },
    Case {
        section: "16.3",
        sentence: "an option in Proxy-Require that is not understood is answered 420",
        check: unknown_option,
    },
    Case {
        section: "16.6",
        sentence: "Max-Forwards is one less in what is forwarded",
        check: max_forwards_is_decremented,
    },
    Case {
        section: "16.6",
        sentence: "the Via of the proxy is put on top, with a branch that begins with the magic cookie",
        check: via_on_top,
    },
    Case {
        section: "16.5",
        sentence: "a request for a user is forwarded to where that user registered, in whichever pool",
        check: another_pool,
    },
];

fn max_forwards_of_zero(site: &Site) -> Verdict {
    let mut caller = site.inside()?;
    let callee = site.inside()?;
    let request = caller.request("INVITE", callee.aor());
    is(&caller.ask(&request.set("Max-Forwards", 0))?, 483)
}

fn unknown_option(site: &Site) -> Verdict {
    let mut caller = site.inside()?;
    let callee = site.inside()?;
    let request = caller.request("INVITE", callee.aor());
    let answer = caller.ask(&request.with("Proxy-Require", "nothingSupportsThis"))?;
    is(&answer, 420)?;
    ensure!(
        answer.text(Name::Unsupported) == Some("nothingSupportsThis"),
        "Unsupported is {:?}",
        answer.text(Name::Unsupported)
    );
    Ok(())
}

fn max_forwards_is_decremented(site: &Site) -> Verdict {
    let mut caller = site.inside()?;
    let mut callee = site.inside()?;
    let request = caller.request("MESSAGE", callee.aor());
    let request = caller.begin(request.set("Max-Forwards", 17))?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    ensure!(
        came.text(Name::MaxForwards) == Some("16"),
        "Max-Forwards is {:?}",
        came.text(Name::MaxForwards)
    );
    Ok(())
}

fn via_on_top(site: &Site) -> Verdict {
    let mut caller = site.inside()?;
    let mut callee = site.inside()?;
    let request = caller.request("MESSAGE", callee.aor());
    let request = caller.begin(request)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    let branch = came.via()?.branch().unwrap_or_default().to_owned();
    ensure!(branch.starts_with("z9hG4bK"), "its branch is {branch:?}");
    let below = system::agent::values(&came, Name::Via);
    ensure!(
        below.len() == 2 && request.get("Via").is_some_and(|via| !via.contains(&branch)),
        "Via is {below:?}"
    );
    Ok(())
}

fn another_pool(site: &Site) -> Verdict {
    let mut caller = site.outside()?;
    let mut callee = site
        .doors()
        .sign_in_inside(&site.user_of_the_other_pool())?;
    let request = caller.request("MESSAGE", callee.aor());
    let request = caller.begin(request)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    ensure!(
        came.uri() == callee.contact(),
        "the Request-URI is {}",
        came.uri()
    );
    Ok(())
}
