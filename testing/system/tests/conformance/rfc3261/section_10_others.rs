//! Section 10, third parties: who registers somebody else, by right (`[[delegate]]` in `site.toml`) and without.

use system::agent::Agent;

use super::section_10::{bindings, registers};
use crate::conformance::{Case, Site, Verdict, ensure, is};
use system::sip_client::contacts;

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "10.2",
        sentence: "a third party with the right registers a user, sent by the Director to that user's home",
        check: by_redirect,
    },
    Case {
        section: "10.2",
        sentence: "a third party with the right registers a user from outside",
        check: from_outside,
    },
    Case {
        section: "10.3",
        sentence: "an authenticated user without the right for the address in To is answered 403, at each door",
        check: without_the_right,
    },
    Case {
        section: "10.3",
        sentence: "an address in To that the domain does not have is answered 404 to who has the right for it",
        check: no_such_user,
    },
    Case {
        section: "10.3",
        sentence: "the right of a third party ends at its patterns: it may not speak as whom it registered",
        check: not_as_the_other,
    },
];

/// Somebody calls the user, and the third party's phone gets it.
fn is_reached(site: &Site, user: &str, third: &mut Agent) -> Verdict {
    let mut caller = site.inside()?;
    let message = caller.request("MESSAGE", user);
    let message = caller.begin(message)?;
    let came = third.expect("MESSAGE")?;
    third.answer(&came, 200)?;
    is(&caller.expect_final(&message)?, 200)
}

fn by_redirect(site: &Site) -> Verdict {
    let (third, user) = (site.user_of_the_other_pool(), site.user());
    let to = format!("<{}>", user.uri);
    let mut at_director = site.at_director()?.acting_for(&third);
    let sent = registers(&mut at_director, 301, |draft| draft.set("To", &to))?;
    let homes = contacts(&sent);
    let home = homes.first().map(String::as_str).unwrap_or_default();
    ensure!(home.contains("fepool01"), "the first home is {home:?}");
    let mut agent = site.at_front_end()?.acting_for(&third);
    // The ticket stands for credentials: this is answered 200 at once.
    let draft = agent.registration().set("To", &to);
    let draft = draft.start(format!("REGISTER {home} SIP/2.0"));
    is(&agent.ask(&draft)?, 200)?;
    is_reached(site, &user.uri, &mut agent)?;
    let mut own = site.doors().sign_in_inside(&user)?;
    let all = bindings(&mut own)?;
    ensure!(
        all.iter().any(|one| one.contains(agent.contact())),
        "Contact is {all:?}"
    );
    Ok(())
}

fn from_outside(site: &Site) -> Verdict {
    let (third, user) = (site.user_of_the_other_pool(), site.user());
    let mut agent = site.at_edge()?.acting_for(&third);
    let to = format!("<{}>", user.uri);
    registers(&mut agent, 200, |draft| draft.set("To", to))?;
    is_reached(site, &user.uri, &mut agent)
}

fn without_the_right(site: &Site) -> Verdict {
    let (user, other) = (site.user(), site.user());
    for agent in [site.at_director()?, site.at_front_end()?, site.at_edge()?] {
        let mut agent = agent.acting_for(&user);
        let to = format!("<{}>", other.uri);
        registers(&mut agent, 403, |draft| draft.set("To", to))?;
    }
    let mut own = site.doors().sign_in_inside(&other)?;
    let all = bindings(&mut own)?;
    ensure!(all.len() == 1, "Contact is {all:?}");
    Ok(())
}

fn no_such_user(site: &Site) -> Verdict {
    let third = site.user_of_the_other_pool();
    for agent in [site.at_director()?, site.at_front_end()?, site.at_edge()?] {
        let mut agent = agent.acting_for(&third);
        registers(&mut agent, 404, |draft| {
            draft.set("To", "<sip:user.unknown@contoso.com>")
        })?;
    }
    Ok(())
}

fn not_as_the_other(site: &Site) -> Verdict {
    let (third, user, callee) = (site.user_of_the_other_pool(), site.user(), site.inside()?);
    let mut agent = site.at_front_end()?.acting_for(&third);
    let to = format!("<{}>", user.uri);
    registers(&mut agent, 200, |draft| draft.set("To", to))?;
    let message = agent.request("MESSAGE", callee.aor());
    let message = message.set("From", format_args!("<{}>;tag=1", user.uri));
    let (_, refused) = agent.prove(message)?;
    is(&refused, 403)
}
