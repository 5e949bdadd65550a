//! Section 22: who answers for whom. What Digest itself asks is in `rfc8760`.

use sip::msg::{Method, Name};
use system::agent::values;

use crate::conformance::ringing::{QUIET, Ringing};
use crate::conformance::{Case, Site, Skipped, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "22.1",
        sentence: "ACK and CANCEL are not challenged",
        check: never_challenged,
    },
    Case {
        section: "22.1",
        sentence: "whoever does not prove who they are is told no more than that they have to",
        check: nothing_before_proof,
    },
    Case {
        section: "22.3",
        sentence: "credentials of our realm end at the proxy that asked for them",
        check: ours_end_here,
    },
    Case {
        section: "22.3",
        sentence: "credentials of another realm are forwarded as they came, for a proxy or a user agent further on",
        check: others_pass,
    },
    Case {
        section: "22.2",
        sentence: "the challenge of a user agent and the credentials for it pass, so that the call comes about",
        check: a_phone_challenges,
    },
];

pub(crate) const SKIPPED: &[Skipped] = &[Skipped {
    section: "22.1",
    sentence: "a user agent does not try again with credentials that were refused",
    reason: "a rule for user agents",
}];

fn never_challenged(site: &Site) -> Verdict {
    let (mut agent, callee) = (site.at_front_end()?, site.user());
    let invite = agent.request("INVITE", &callee.uri);
    let challenge = agent.ask(&invite)?;
    is(&challenge, 407)?;
    agent.acknowledge(&invite, &challenge)?;
    let invite = agent.request("INVITE", &callee.uri);
    let cancel = agent.cancel(&invite);
    is(&agent.ask(&cancel)?, 481)?;
    agent.expect_none(QUIET, "another challenge", |m| {
        m.status() == 407 && m.method() != Method::Invite
    })?;
    Ok(())
}

fn nothing_before_proof(site: &Site) -> Verdict {
    let there = site.inside()?;
    let mut agent = site.at_front_end()?;
    for uri in [
        there.aor(),
        &site.user().uri,
        "sip:nobody.at.all@contoso.com",
    ] {
        let request = agent.request("MESSAGE", uri);
        is(&agent.ask(&request)?, 407)?;
    }
    Ok(())
}

/// Credentials that a phone made for somebody else.
const FOREIGN: &str = "Digest username=\"me\", realm=\"further.example\", nonce=\"n1\", \
                       uri=\"sip:further.example\", response=\"0123456789abcdef0123456789abcdef\"";

fn ours_end_here(site: &Site) -> Verdict {
    let mut callee = site.inside()?;
    let mut caller = site.at_front_end()?.acting_for(&site.user());
    let request = caller.request("MESSAGE", callee.aor());
    let challenge = caller.ask(&request)?;
    is(&challenge, 407)?;
    let request = caller.answer_challenge(&request, &challenge)?;
    caller.send(&request)?;
    let came = callee.expect("MESSAGE")?;
    callee.answer(&came, 200)?;
    caller.expect_status(&request, 200)?;
    let left = came.get(Name::ProxyAuthorization).is_some();
    ensure!(!left, "the credentials went on");
    Ok(())
}

fn others_pass(site: &Site) -> Verdict {
    for (mut caller, mut callee, header) in [
        (site.inside()?, site.inside()?, "Proxy-Authorization"),
        (site.inside()?, site.inside()?, "Authorization"),
        (site.inside()?, site.outside()?, "Proxy-Authorization"),
        // Here credentials of our realm stand beside the others, and end.
        (site.outside()?, site.inside()?, "Authorization"),
    ] {
        let request = caller
            .request("MESSAGE", callee.aor())
            .with(header, FOREIGN);
        let request = caller.begin(request)?;
        let came = callee.expect("MESSAGE")?;
        callee.answer(&came, 200)?;
        caller.expect_status(&request, 200)?;
        let lines: Vec<&str> = [Name::Authorization, Name::ProxyAuthorization]
            .into_iter()
            .flat_map(|name| came.all(name))
            .filter(|field| field.name.as_str() == header)
            .filter_map(|field| field.text())
            .collect();
        ensure!(lines == [FOREIGN], "{header} is {lines:?}");
    }
    Ok(())
}

fn a_phone_challenges(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let challenge = "Digest realm=\"phone\", nonce=\"n\", algorithm=MD5, qop=\"auth\"";
    let refusal = call.callee.response(&call.came, 401);
    call.callee
        .send(&refusal.with("WWW-Authenticate", challenge))?;
    call.callee.expect("ACK")?;
    let refused = call.caller.expect_final(&call.invite)?;
    is(&refused, 401)?;
    ensure!(
        values(&refused, Name::WwwAuthenticate)
            .join(", ")
            .contains("realm=\"phone\""),
        "the challenge is {:?}",
        refused.text(Name::WwwAuthenticate)
    );
    call.caller.acknowledge(&call.invite, &refused)?;
    let credentials = FOREIGN.replace("further.example", "phone");
    let again = call.caller.request("INVITE", call.callee.aor());
    let again = again.with("Authorization", &credentials);
    call.invite = call.caller.begin(again)?;
    call.came = call.callee.expect("INVITE")?;
    let came = call.came.text(Name::Authorization);
    ensure!(came == Some(&*credentials), "Authorization is {came:?}");
    call.accept()?;
    Ok(())
}
