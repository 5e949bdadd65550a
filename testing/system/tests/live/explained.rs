//! What fails is explained: one search on each machine, for the name of a request, says at every hop what was decided
//! about it and why; and nothing that was captured holds a secret.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use logs::{Correlation, Criterion, Query, Record, Span, Time};
use sip::msg::Message;
use system::agent::{Agent, Draft, Link};
use system::deployment::{Deployment, User};
use system::sip_client::contacts;
use system::tls::Wire;
use system::wait;
use traces::{Options, Traces};

use super::site::{DIR01, EDGE01, FE01, OUTSIDE, Site, flow};

const SOON: Duration = Duration::from_secs(60);
const MACHINES: [&str; 3] = [EDGE01, DIR01, FE01];

/// An Edge, one Director and the Front End of the first pool. The second pool is down all the time.
struct Trial {
    site: Site,
    /// Two users of the first pool and one of the second.
    users: Vec<User>,
    running: Vec<Deployment>,
    secrets: BTreeSet<String>,
}

/// What one request was called, and how it ended for its sender.
struct Asked {
    name: Correlation,
    status: u16,
}

impl Trial {
    fn start() -> Self {
        let site = Site::new();
        site.prepare();
        let users = site.import_into([super::site::FEPOOL01, super::site::FEPOOL02], [2, 1]);
        let users: Vec<User> = users.into_iter().flatten().collect();
        let running = [FE01, DIR01, EDGE01].map(|machine| site.run(machine));
        let knows_all = || {
            let directory = site.report(DIR01).directory?;
            (directory.users == users.len()).then_some(())
        };
        wait::until(SOON, knows_all).expect("the Director has the users");
        let secrets = users.iter().map(|user| user.password.clone()).collect();
        Self {
            site,
            users,
            running: running.into(),
            secrets,
        }
    }

    fn outside(&self, user: &User) -> Agent {
        let at = self.site.address(EDGE01, flow::OUTSIDE);
        let wire = Wire::connect(&self.site.phone_manner(), at, OUTSIDE).unwrap();
        Agent::new(Link::Tls(Box::new(wire)))
            .unwrap()
            .acting_for(user)
    }

    fn ask(&mut self, agent: &mut Agent, request: Draft) -> Asked {
        let (sent, answer) = agent.prove(request).unwrap();
        if sent.method() == "INVITE" {
            agent.acknowledge(&sent, &answer).unwrap();
        }
        self.asked(&sent, &answer)
    }

    fn asked(&mut self, sent: &Draft, answer: &Message) -> Asked {
        for name in ["Authorization", "Proxy-Authorization"] {
            for value in sent.all(name).flat_map(|value| value.split(',')) {
                let proof = value.trim().strip_prefix("response=");
                let proof = proof.map(|proof| proof.trim_matches('"').to_owned());
                self.secrets.extend(proof);
            }
        }
        for contact in contacts(answer) {
            let ticket = contact.split(";ticket=").nth(1);
            self.secrets.extend(ticket.map(str::to_owned));
        }
        let call_id = sent.get("Call-ID").unwrap();
        Asked {
            name: Correlation::of_request(call_id, sent.number(), sent.method()),
            status: answer.status(),
        }
    }

    fn register(&mut self, user: &User, expected: u16) -> (Agent, Asked) {
        let mut agent = self.outside(user);
        let request = agent.registration();
        let asked = self.ask(&mut agent, request);
        assert_eq!(asked.status, expected, "{}", user.uri);
        (agent, asked)
    }

    /// Ends the machines, so that all that they captured is on the disk, and opens it.
    fn end(mut self) -> Captured {
        for machine in &mut self.running {
            machine.process().stop().unwrap();
        }
        let open = |machine: &'static str| {
            let folder = self
                .site
                .folder()
                .join("state/machines")
                .join(machine)
                .join("traces");
            let (traces, _) = Traces::open(&folder, machine, Options::default()).unwrap();
            (machine, traces)
        };
        Captured {
            traces: MACHINES.map(open),
            _site: self.site,
        }
    }
}

struct Captured {
    traces: [(&'static str, Traces); 3],
    _site: Site,
}

impl Captured {
    /// One search on one machine.
    fn search(&self, machine: &str, what: Option<Criterion>) -> Vec<Record> {
        let (_, traces) = self
            .traces
            .iter()
            .find(|(name, _)| *name == machine)
            .unwrap();
        let now = Time::ZERO.after(SystemTime::UNIX_EPOCH.elapsed().unwrap());
        let mut query = Query::within(Span::parse(None, None, now).unwrap());
        query.criteria.extend(what);
        let mut found = Vec::new();
        let mut take = |hit: traces::Hit| {
            found.push(logs::line::read(&hit.text).unwrap());
            ControlFlow::Continue(())
        };
        let never = AtomicBool::new(false);
        traces.search(&query, &never, &mut take).unwrap();
        found
    }

    /// Tells whether a machine says of a request that this was decided, with these words in the reason.
    fn says(&self, machine: &str, asked: &Asked, decision: &str, reason: &str) {
        let found = self.search(machine, Some(Criterion::Correlation(asked.name)));
        let fits = |record: &Record| {
            let why = record.reason.as_deref().unwrap_or_default();
            record.decision.as_deref() == Some(decision) && why.contains(reason)
        };
        assert!(
            found.iter().any(fits),
            "{machine} does not say {decision:?} because {reason:?} of {}: {found:#?}",
            asked.name
        );
        assert!(
            found.iter().any(|record| !record.text.is_empty()),
            "{machine} has no message"
        );
    }

    fn knows_nothing_of(&self, machine: &str, asked: &Asked) {
        let found = self.search(machine, Some(Criterion::Correlation(asked.name)));
        assert!(found.is_empty(), "{machine}: {found:#?}");
    }
}

/// What a script did: each request by its fate.
struct Fates {
    wrong_password: Asked,
    unknown_user: Asked,
    wrong_domain: Asked,
    signed_in: Asked,
    redirected: Asked,
    not_registered: Asked,
    pool_down: Asked,
    busy: Asked,
}

impl Trial {
    fn play(&mut self) -> Fates {
        let [ann, ben, cid] = [0, 1, 2].map(|user| self.users[user].clone());
        let stranger = |uri: &str, password: &str| User {
            uri: uri.to_owned(),
            password: password.to_owned(),
        };
        let liar = stranger(&ann.uri, "not-the-secret");
        let nobody = stranger("sip:nobody@contoso.com", "secret-of-nobody");
        let foreigner = stranger("sip:user0@fabrikam.example", "secret-of-foreigner");
        let unknown = [&liar, &nobody, &foreigner].map(|user| user.password.clone());
        self.secrets.extend(unknown);
        let (_, wrong_password) = self.register(&liar, 403);
        let (_, unknown_user) = self.register(&nobody, 403);
        let (_, wrong_domain) = self.register(&foreigner, 403);
        let (mut caller, signed_in) = self.register(&ann, 200);
        let invite = caller.request("INVITE", &ben.uri);
        let not_registered = self.ask(&mut caller, invite);
        assert_eq!(not_registered.status, 480);
        let invite = caller.request("INVITE", &cid.uri);
        let pool_down = self.ask(&mut caller, invite);
        assert_eq!(pool_down.status, 500);
        let (mut callee, _) = self.register(&ben, 200);
        let busy = self.call_somebody_busy(&mut caller, &mut callee);
        Fates {
            wrong_password,
            unknown_user,
            wrong_domain,
            signed_in,
            redirected: self.sign_in_inside(&ann),
            not_registered,
            pool_down,
            busy,
        }
    }

    fn call_somebody_busy(&mut self, caller: &mut Agent, callee: &mut Agent) -> Asked {
        let invite = caller.request("INVITE", callee.aor());
        let sent = caller.begin(invite).unwrap();
        let came = callee.expect("INVITE").unwrap();
        callee.answer(&came, 486).unwrap();
        let answer = caller.expect_final(&sent).unwrap();
        caller.acknowledge(&sent, &answer).unwrap();
        let busy = self.asked(&sent, &answer);
        assert_eq!(busy.status, 486);
        busy
    }

    /// The Director's answer has a ticket.
    fn sign_in_inside(&mut self, user: &User) -> Asked {
        let at = self.site.address(DIR01, flow::SIGN_IN);
        let wire = Wire::connect(&self.site.phone_manner(), at, DIR01).unwrap();
        let agent = Agent::new(Link::Tls(Box::new(wire))).unwrap();
        let mut agent = agent.acting_for(user);
        let request = agent.registration();
        let redirected = self.ask(&mut agent, request);
        assert_eq!(redirected.status, 301);
        redirected
    }
}

#[test]
fn a_failed_sign_in_or_call_is_explained_at_every_hop_by_one_name_and_without_secrets() {
    let mut trial = Trial::start();
    let fates = trial.play();
    let ann = trial.users[0].uri.clone();
    let secrets = trial.secrets.clone();
    let is_digest = |secret: &String| secret.len() == 64;
    assert!(secrets.iter().any(is_digest), "{secrets:?}");
    assert!(secrets.len() > 8, "{secrets:?}");
    let captured = trial.end();
    let wrong_password = format!("the password of {ann} is wrong");
    let nobody = "sip:nobody@contoso.com does not exist";
    for (machine, fate, decision, reason) in [
        (EDGE01, &fates.wrong_password, "forwarded", DIR01),
        (DIR01, &fates.wrong_password, "refused", &wrong_password),
        (EDGE01, &fates.unknown_user, "forwarded", DIR01),
        (DIR01, &fates.unknown_user, "refused", nobody),
        (
            EDGE01,
            &fates.wrong_domain,
            "refused",
            "neither end is of our domains",
        ),
        (EDGE01, &fates.signed_in, "forwarded", DIR01),
        (DIR01, &fates.signed_in, "forwarded", FE01),
        (FE01, &fates.signed_in, "bound", &ann),
        (
            DIR01,
            &fates.redirected,
            "redirected",
            "at home in fepool01",
        ),
        (EDGE01, &fates.not_registered, "forwarded", DIR01),
        (
            DIR01,
            &fates.not_registered,
            "forwarded",
            "is at home in fepool01",
        ),
        (
            FE01,
            &fates.not_registered,
            "forwarded",
            "not registered here",
        ),
        (
            DIR01,
            &fates.pool_down,
            "forwarded",
            "is at home in fepool02",
        ),
        (DIR01, &fates.pool_down, "lost", "could not be made"),
        (
            FE01,
            &fates.pool_down,
            "unreached",
            "no-server: fe02.contoso.net",
        ),
        (EDGE01, &fates.pool_down, "failed", "500"),
        (FE01, &fates.busy, "failed", "486 is the answer"),
        (EDGE01, &fates.busy, "failed", "486"),
    ] {
        captured.says(machine, fate, decision, reason);
    }
    captured.knows_nothing_of(FE01, &fates.wrong_password);
    captured.knows_nothing_of(FE01, &fates.unknown_user);
    captured.knows_nothing_of(DIR01, &fates.wrong_domain);
    for machine in MACHINES {
        let all = captured.search(machine, None);
        assert!(all.len() > 10, "{machine}: {}", all.len());
        for record in all {
            let text = format!("{record:?}");
            let shown = secrets.iter().find(|secret| text.contains(secret.as_str()));
            assert_eq!(shown, None, "{machine}: {text}");
        }
    }
}
