//! Users change while the deployment runs.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sip::msg::Name;
use system::agent::Doors;
use system::deployment::{Deployment, User};
use system::sip_client::{SipClient, contacts};
use system::tls::{PATIENCE, Wire};
use system::wait;

use super::site::{DIR01, DIR02, EDGE01, FEPOOL01, FEPOOL02, Site, flow};

/// How soon a Director must know of a change.
const PROMISED: Duration = Duration::from_secs(1);
/// How long this machine may be held up by other work.
const AT_LAST: Duration = Duration::from_secs(20);
/// Changes are tried this often before the promise counts as broken.
const TRIES: usize = 3;
const CONTACT: &str = "sip:dave@tester.invalid;transport=tls";

fn user(number: usize) -> User {
    User {
        uri: format!("sip:dave{number}@contoso.com"),
        password: format!("Tr0ub4dor-and-{number}"),
    }
}

fn add(site: &Site, user: &User) {
    let words = [
        "user",
        "add",
        &user.uri,
        "--pool",
        FEPOOL01,
        "--password-stdin",
    ];
    site.operator().done(&words, &user.password).unwrap();
}

/// Signs in until the answer fits; returns how long that took.
fn until_fits(
    client: &mut SipClient,
    user: &User,
    fits: impl Fn(u16, &[String]) -> bool,
) -> Duration {
    let began = Instant::now();
    let fitting = || {
        let answer = client.register(user, Some(CONTACT)).unwrap();
        fits(answer.status(), &contacts(&answer)).then(|| began.elapsed())
    };
    wait::until(AT_LAST, fitting).expect("the change arrives")
}

fn is_sent_to(pool: &str) -> impl Fn(u16, &[String]) -> bool {
    move |status, contacts| status == 301 && contacts.first().is_some_and(|one| one.contains(pool))
}

#[test]
fn the_directors_learn_of_a_change_within_a_second() {
    let site = Site::new();
    let _product = site.up();
    for director in [DIR01, DIR02] {
        let mut client = site.phone(director);
        let mut promised = false;
        for number in 0..TRIES {
            let user = User {
                uri: format!("sip:new{number}-{director}@contoso.com"),
                ..user(number)
            };
            add(&site, &user);
            promised |= until_fits(&mut client, &user, is_sent_to(FEPOOL01)) < PROMISED;
            if promised {
                break;
            }
        }
        assert!(promised, "{director} learned of no change in time");
    }
}

#[test]
fn a_user_is_moved_given_another_password_and_removed() {
    let site = Site::new();
    let _product = site.up();
    let user = user(0);
    add(&site, &user);
    let mut client = site.phone(DIR01);
    until_fits(&mut client, &user, is_sent_to(FEPOOL01));

    site.operator()
        .done(&["user", "move", &user.uri, "--pool", FEPOOL02], "")
        .unwrap();
    until_fits(&mut client, &user, is_sent_to(FEPOOL02));

    let changed = User {
        password: "correct horse battery".to_owned(),
        ..user.clone()
    };
    site.operator()
        .done(
            &["user", "passwd", &user.uri, "--password-stdin"],
            &changed.password,
        )
        .unwrap();
    until_fits(&mut client, &changed, is_sent_to(FEPOOL02));
    let refused = client.register(&user, Some(CONTACT)).unwrap().status();
    assert_eq!(refused, 403, "the old password");

    site.operator()
        .done(&["user", "remove", &user.uri], "")
        .unwrap();
    until_fits(&mut client, &changed, |status, _| status == refused);
}

#[test]
fn a_blocked_watcher_of_a_user_at_home_elsewhere_is_told_no_more() {
    let site = Site::new();
    let product = site.up();
    let [watched, watcher] = [user(0), user(1)];
    for (user, pool) in [(&watched, FEPOOL02), (&watcher, FEPOOL01)] {
        let words = ["user", "add", &user.uri, "--pool", pool, "--password-stdin"];
        site.operator().done(&words, &user.password).unwrap();
        until_fits(&mut site.phone(DIR01), user, is_sent_to(pool));
    }
    let doors = Doors::of(&product).unwrap();
    let _phone = doors.sign_in_inside(&watched).unwrap();
    let mut agent = doors.sign_in_outside(&watcher).unwrap();
    let request = agent
        .request("SUBSCRIBE", &watched.uri)
        .with("Event", "presence");
    let (_, answer) = agent.prove(request).unwrap();
    assert_eq!(answer.status(), 200);
    let first = agent.expect("NOTIFY").unwrap();
    agent.answer(&first, 200).unwrap();

    let words = ["user", "block", &watched.uri, &watcher.uri];
    site.operator().done(&words, "").unwrap();
    let last = agent.expect("NOTIFY").unwrap();
    agent.answer(&last, 200).unwrap();
    let state = last.text(Name::SubscriptionState).unwrap();
    assert_eq!(state, "terminated;reason=rejected");

    let list = site
        .operator()
        .done(&["user", "list", "--json"], "")
        .unwrap();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let listed = list.as_array().unwrap().iter();
    let blocked = listed.filter(|one| one["aor"] == watched.uri.as_str());
    let blocked: Vec<_> = blocked.map(|one| &one["blocked"]).collect();
    assert_eq!(blocked, [&serde_json::json!([watcher.uri])]);
}

#[test]
fn no_file_holds_a_password() {
    let site = Site::new();
    let product = site.up();
    let added = user(0);
    add(&site, &added);
    until_fits(&mut site.phone(DIR01), &added, is_sent_to(FEPOOL01));
    let mut passwords: Vec<&str> = product
        .facts()
        .users
        .iter()
        .map(|user| user.password.as_str())
        .collect();
    passwords.push(&added.password);
    let mut looked_at = 0;
    each_file(site.operator().state(), &mut |path, contents| {
        looked_at += 1;
        for password in &passwords {
            let found = contents
                .windows(password.len())
                .any(|window| window == password.as_bytes());
            assert!(!found, "{} holds a password", path.display());
        }
    });
    assert!(looked_at > 20, "only {looked_at} files were looked at");
}

#[test]
fn the_log_at_its_most_talkative_holds_no_secret() {
    let site = Site::new();
    let words = [
        "up",
        "--loopback",
        &site.block().network().to_string(),
        "--json",
        "--log",
        "trace",
    ];
    let words = words.into_iter().map(Into::into).collect();
    let mut product = Deployment::start("up", words, site.folder()).unwrap();
    let ready = product.process().mark();
    let known = user(0);
    add(&site, &known);
    let wrong = User {
        password: "a wrong password".to_owned(),
        ..known.clone()
    };
    let mut inside = site.phone(DIR01);
    until_fits(&mut inside, &known, is_sent_to(FEPOOL01));
    assert_eq!(
        inside.register(&wrong, Some(CONTACT)).unwrap().status(),
        403
    );
    let mut outside = site.phone_outside();
    until_fits(&mut outside, &known, |status, _| status == 200);
    // Refused for want of a certificate: one line says so.
    let address = site.address(EDGE01, flow::EDGE_INSIDE);
    let refused = Wire::connect(&site.phone_manner(), address, EDGE01)
        .and_then(|mut wire| wire.drain(Instant::now() + PATIENCE));
    drop(refused);
    let is_line = |line: &str| line.contains("connection refused") && line.contains("reason");
    product
        .process()
        .wait_line(ready, AT_LAST, "the refusal", is_line)
        .unwrap();
    for line in product.process().lines_since(ready) {
        for secret in [
            known.password.as_str(),
            &wrong.password,
            "response=",
            "nonce=",
            "PRIVATE KEY",
        ] {
            assert!(!line.contains(secret), "{secret} in: {line}");
        }
    }
}

fn each_file(folder: &Path, look: &mut dyn FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            each_file(&path, look);
        } else if kind.is_file() {
            look(&path, &fs::read(&path).unwrap());
        }
    }
}
