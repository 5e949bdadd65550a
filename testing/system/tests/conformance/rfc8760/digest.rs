//! Challenges, and credentials that are not taken. Sections are of RFC 8760, or of 7616 and 3261 where they say so.

use sip::auth::Challenge;
use sip::msg::{Message, Name};
use system::agent::{Agent, Draft};
use system::deployment::User;

use crate::conformance::{Case, Fault, Site, Skipped, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "2.3",
        sentence: "each algorithm has a challenge of its own, the preferred one first, MD5 unless configured not among them",
        check: strongest_first,
    },
    Case {
        section: "2.6",
        sentence: "a challenge offers qop=auth and all of one answer have the same realm and nonce",
        check: one_nonce,
    },
    Case {
        section: "3261/22.2",
        sentence: "a registrar challenges with 401 and WWW-Authenticate, in the realm of the user's domain",
        check: registrar_challenges,
    },
    Case {
        section: "3261/22.3",
        sentence: "a proxy challenges with 407 and Proxy-Authenticate",
        check: proxy_challenges,
    },
    Case {
        section: "7616/3.3",
        sentence: "each challenge has another nonce",
        check: another_nonce,
    },
    Case {
        section: "7616/3.4.5",
        sentence: "credentials are refused when they come again with the same count, and the new challenge is stale=true",
        check: replayed,
    },
    Case {
        section: "7616/3.3",
        sentence: "a nonce that the server did not make brings a new challenge, not stale",
        check: forged_nonce,
    },
    Case {
        section: "7616/3.4.6",
        sentence: "credentials whose uri names another resource than the Request-URI are not taken",
        check: another_uri,
    },
    Case {
        section: "3261/22.4",
        sentence: "Basic credentials are not taken",
        check: basic,
    },
    Case {
        section: "2.4",
        sentence: "credentials of an algorithm that was not offered bring a new challenge",
        check: another_algorithm,
    },
    Case {
        section: "7616/3.3",
        sentence: "a wrong response is refused without another challenge, so that no phone goes on guessing",
        check: wrong_response,
    },
    Case {
        section: "7616/3.4",
        sentence: "a nonce is good for further requests with a rising count",
        check: used_again,
    },
    Case {
        section: "7616/3.4",
        sentence: "credentials without nc or cnonce are not taken where qop was offered",
        check: without_count,
    },
    Case {
        section: "7616/3.4",
        sentence: "credentials without an algorithm mean MD5, which was not offered",
        check: no_algorithm,
    },
    Case {
        section: "3261/22.3",
        sentence: "credentials of another realm are passed over, and those of ours are taken",
        check: two_realms,
    },
    Case {
        section: "3261/22",
        sentence: "a user who proves who they are does not speak for another in From",
        check: for_another,
    },
    Case {
        section: "3261/26",
        sentence: "a name that does not exist is challenged, and refused, as one that does",
        check: no_such_user,
    },
];

pub(crate) const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "7616/3.4.3",
        sentence: "qop=auth-int protects the body",
        reason: "optional for a server, and not offered: no phone speaks it",
    },
    Skipped {
        section: "7616/3.4.4",
        sentence: "userhash hides the user's name",
        reason: "optional for a server, and not offered: it would make every look-up a search",
    },
    Skipped {
        section: "7616/3.5",
        sentence: "Authentication-Info proves the server's knowledge of the secret",
        reason: "a MAY; the server has proven its name by its certificate",
    },
];

fn challenged(site: &Site) -> Result<(Agent, Draft, Message), Fault> {
    let mut phone = site.at_front_end()?.acting_for(&site.user());
    let register = phone.registration();
    let answer = phone.ask(&register)?;
    is(&answer, 401)?;
    Ok((phone, register, answer))
}

fn challenges(answer: &Message) -> Vec<Challenge<'_>> {
    let lines = answer.all(Name::WwwAuthenticate);
    lines
        .filter_map(|line| Challenge::parse(line.text()?).ok())
        .collect()
}

fn strongest_first(site: &Site) -> Verdict {
    let (_, _, answer) = challenged(site)?;
    let names: Vec<String> = challenges(&answer)
        .iter()
        .map(|one| format!("{:?}", one.algorithm))
        .collect();
    ensure!(
        names.first().is_some_and(|first| first == "Sha256") && !names.contains(&"Md5".to_owned()),
        "offered: {names:?}"
    );
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    ensure!(sorted.len() == names.len(), "offered twice: {names:?}");
    Ok(())
}

fn one_nonce(site: &Site) -> Verdict {
    let (_, _, answer) = challenged(site)?;
    let all = challenges(&answer);
    for one in &all {
        ensure!(one.has_auth, "no qop=auth");
        ensure!(one.nonce == all[0].nonce, "nonces differ");
        ensure!(one.realm == all[0].realm, "realms differ");
    }
    Ok(())
}

fn registrar_challenges(site: &Site) -> Verdict {
    let (phone, _, answer) = challenged(site)?;
    let domain = phone.aor().rsplit('@').next().unwrap_or_default();
    let all = challenges(&answer);
    ensure!(!all.is_empty(), "no challenge");
    ensure!(all.iter().all(|one| one.realm == domain), "another realm");
    ensure!(
        answer.get(Name::ProxyAuthenticate).is_none(),
        "challenged as by a proxy"
    );
    Ok(())
}

fn proxy_challenges(site: &Site) -> Verdict {
    let mut caller = site.at_front_end()?.acting_for(&site.user());
    let request = caller.request("MESSAGE", &site.user().uri);
    let answer = caller.ask(&request)?;
    is(&answer, 407)?;
    ensure!(
        answer.get(Name::ProxyAuthenticate).is_some(),
        "no challenge"
    );
    Ok(())
}

fn another_nonce(site: &Site) -> Verdict {
    let (_, _, one) = challenged(site)?;
    let (_, _, two) = challenged(site)?;
    ensure!(
        challenges(&one)[0].nonce != challenges(&two)[0].nonce,
        "the same nonce"
    );
    Ok(())
}

fn replayed(site: &Site) -> Verdict {
    let user = site.user();
    let mut phone = site.at_front_end()?.acting_for(&user);
    let register = phone.registration();
    let (proven, answer) = phone.prove(register)?;
    is(&answer, 200)?;
    let credentials = proven.get("Authorization").unwrap_or_default().to_owned();
    let mut other = site.at_front_end()?.acting_for(&user);
    let again = other.registration().with("Authorization", credentials);
    let answer = other.ask(&again)?;
    is(&answer, 401)?;
    ensure!(challenges(&answer)[0].stale, "not stale");
    Ok(())
}

/// Sends a REGISTER with credentials that would be right but for one change.
fn changed(
    site: &Site,
    change: impl Fn(String, &Challenge<'_>) -> String,
) -> Result<Message, Fault> {
    let (mut phone, register, answer) = challenged(site)?;
    let right = phone.answer_challenge(&register, &answer)?;
    let line = right.get("Authorization").unwrap_or_default().to_owned();
    let wrong = change(line, &challenges(&answer)[0]);
    Ok(phone.ask(&right.set("Authorization", wrong))?)
}

fn forged_nonce(site: &Site) -> Verdict {
    let answer = changed(site, |line, challenge| {
        line.replace(&*challenge.nonce, "bm90IG9uZSBvZiB5b3Vycw")
    })?;
    is(&answer, 401)?;
    ensure!(!challenges(&answer)[0].stale, "stale");
    Ok(())
}

fn another_uri(site: &Site) -> Verdict {
    let user = site.user();
    let mut phone = site.at_front_end()?.acting_for(&user);
    let message = phone.request("MESSAGE", &site.user().uri);
    let answer = phone.ask(&message)?;
    is(&answer, 407)?;
    let for_one = phone.answer_challenge(&message, &answer)?;
    let line = for_one.get("Proxy-Authorization").unwrap_or_default();
    let another = phone.request("MESSAGE", &site.user().uri);
    let another = another.with("Proxy-Authorization", line);
    is(&phone.ask(&another)?, 403)
}

fn basic(site: &Site) -> Verdict {
    let answer = changed(site, |_, _| "Basic YWxpY2U6c2VjcmV0".to_owned())?;
    is(&answer, 401)
}

fn another_algorithm(site: &Site) -> Verdict {
    let answer = changed(site, |line, _| line.replace("SHA-256", "MD5"))?;
    is(&answer, 401)
}

fn wrong_response(site: &Site) -> Verdict {
    let answer = changed(site, |line, _| {
        let (before, after) = line.split_once("response=\"").unwrap_or((&line, ""));
        let flipped = if after.starts_with('0') { '1' } else { '0' };
        format!(
            "{before}response=\"{flipped}{}",
            after.get(1..).unwrap_or("")
        )
    })?;
    is(&answer, 403)?;
    ensure!(challenges(&answer).is_empty(), "there is a challenge");
    Ok(())
}

fn used_again(site: &Site) -> Verdict {
    let mut phone = site.at_front_end()?.acting_for(&site.user());
    let register = phone.registration();
    let (first, answer) = phone.prove(register)?;
    is(&answer, 200)?;
    let again = phone.registration();
    let again = phone.begin(again)?;
    is(&phone.expect_final(&again)?, 200)?;
    let nonce = |draft: &Draft| {
        let line = draft.get("Authorization").unwrap_or_default().to_owned();
        let rest = line.split_once("nonce=\"").map(|(_, rest)| rest.to_owned());
        rest.and_then(|rest| rest.split('"').next().map(str::to_owned))
    };
    ensure!(nonce(&first) == nonce(&again), "another nonce was used");
    Ok(())
}

/// The line without this parameter.
fn lacking(line: &str, name: &str) -> String {
    let parts = line.split(',').filter(|part| {
        let own = part.trim().strip_prefix(name);
        own.is_none_or(|rest| !rest.starts_with('='))
    });
    parts.collect::<Vec<_>>().join(",")
}

fn without_count(site: &Site) -> Verdict {
    for name in ["nc", "cnonce"] {
        let answer = changed(site, |line, _| lacking(&line, name))?;
        let refused = matches!(answer.status(), 400 | 401);
        ensure!(refused, "without {name}: {}", answer.status());
    }
    Ok(())
}

fn no_algorithm(site: &Site) -> Verdict {
    is(&changed(site, |line, _| lacking(&line, "algorithm"))?, 401)
}

fn two_realms(site: &Site) -> Verdict {
    let (mut phone, register, answer) = challenged(site)?;
    let right = phone.answer_challenge(&register, &answer)?;
    let other = "Digest username=\"x\",realm=\"elsewhere.example\",nonce=\"n\",uri=\"sip:x\",response=\"0\"";
    is(&phone.ask(&right.first("Authorization", other))?, 200)
}

fn for_another(site: &Site) -> Verdict {
    let (mut phone, register, answer) = challenged(site)?;
    let other = site.user().uri;
    let register = register
        .set("From", format_args!("<{other}>;tag=1"))
        .set("To", format_args!("<{other}>"));
    let proven = phone.answer_challenge(&register, &answer)?;
    let refusal = phone.ask(&proven)?;
    ensure!(
        matches!(refusal.status(), 401 | 403),
        "{} for another",
        refusal.status()
    );
    Ok(())
}

fn no_such_user(site: &Site) -> Verdict {
    let real = site.user();
    let nobody = User {
        uri: "sip:nobody-at-all@contoso.com".to_owned(),
        password: "guessed".to_owned(),
    };
    let guessed = User {
        uri: real.uri,
        password: "guessed".to_owned(),
    };
    let mut answers = Vec::new();
    for user in [nobody, guessed] {
        let mut phone = site.at_front_end()?.acting_for(&user);
        let register = phone.registration();
        let challenge = phone.ask(&register)?;
        let again = phone.answer_challenge(&register, &challenge)?;
        let refusal = phone.ask(&again)?;
        let words = String::from_utf8_lossy(refusal.reason()).into_owned();
        answers.push((challenge.status(), refusal.status(), words));
    }
    ensure!(answers[0] == answers[1], "{answers:?}");
    Ok(())
}
