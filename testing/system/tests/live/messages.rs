//! Messages for somebody who is away, at a Front End that keeps them: what was accepted survives a kill and is delivered
//! once.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use sip::msg::Name;
use system::agent::{Agent, AgentError, Link};
use system::deployment::{Deployment, User};
use system::tls::Wire;
use system::wait;

use super::site::{FE01, Site, flow, topology};
use super::status::get;

const PATIENCE: Duration = Duration::from_secs(30);
/// The process is killed once this many were accepted in a round.
const KILL_AFTER: usize = 100;
const ROUNDS: usize = 3;
/// No round sends more than this, should the kill fail.
const MESSAGES_EACH: usize = 3_000;

/// The Front End of the first pool with users, as a process of its own.
struct Trial {
    site: Site,
    users: Vec<User>,
    front_end: Deployment,
}

impl Trial {
    /// Starts it over the reference topology with these lines at its end.
    fn start(lines: &str, users: usize) -> Self {
        let site = Site::new();
        site.prepare();
        let users = site.import(users);
        let file: PathBuf = site.folder().join("topology.toml");
        let reference = std::fs::read_to_string(topology()).unwrap();
        std::fs::write(&file, format!("{reference}\n{lines}\n")).unwrap();
        let front_end = Deployment::run(&file, FE01, site.block(), site.folder()).unwrap();
        Self {
            site,
            users,
            front_end,
        }
    }

    /// Signs a user in at the Front End.
    fn phone(&self, user: usize) -> Agent {
        let at = self.site.address(FE01, flow::SIGN_IN);
        let wire = Wire::connect(&self.site.phone_manner(), at, FE01).unwrap();
        let agent = Agent::new(Link::Tls(Box::new(wire))).unwrap();
        let mut agent = agent.acting_for(&self.users[user]);
        let registration = agent.registration();
        agent.sign_in(registration).unwrap();
        agent
    }

    fn waiting(&self) -> usize {
        self.site.report(FE01).messages.unwrap().messages
    }

    /// Waits until everything is delivered and written down.
    fn nothing_waits(&self) {
        let none = || (self.waiting() == 0).then_some(());
        wait::until(PATIENCE, none).expect("all is delivered");
    }
}

/// Sends a message; returns the status of its final answer.
fn send(sender: &mut Agent, to: &str, text: &str) -> Result<u16, AgentError> {
    let message = sender.request("MESSAGE", to).body("text/plain", text);
    let message = sender.begin(message)?;
    Ok(sender.expect_final(&message)?.status())
}

/// Takes the next message.
fn take(receiver: &mut Agent) -> String {
    let came = receiver.expect("MESSAGE").unwrap();
    assert!(
        came.date().unwrap().is_some(),
        "it does not say when it was sent"
    );
    receiver.answer(&came, 200).unwrap();
    String::from_utf8(came.body().to_vec()).unwrap()
}

#[test]
fn a_message_that_was_accepted_survives_a_kill_and_comes_once() {
    let mut trial = Trial::start("[sip.offline_messages]", 2);
    let to = trial.users[1].uri.clone();
    let mut ann = trial.phone(0);
    for number in 0..3 {
        assert_eq!(
            send(&mut ann, &to, &format!("message {number}")).unwrap(),
            202
        );
    }
    trial.front_end.kill().unwrap();
    trial.front_end.restart().unwrap();
    assert_eq!(trial.waiting(), 3);
    let page = get(trial.site.address(FE01, flow::METRICS), "/metrics");
    let line = format!("vestibule_messages_waiting{{machine=\"{FE01}\"}} 3");
    assert!(page.lines().any(|one| one == line), "{page}");
    let mut ben = trial.phone(1);
    for number in 0..3 {
        let came = ben.expect("MESSAGE").unwrap();
        assert_eq!(came.body(), format!("message {number}").as_bytes());
        let identity = came.text(Name::PAssertedIdentity).unwrap();
        assert!(identity.contains(&trial.users[0].uri), "{identity}");
        ben.answer(&came, 200).unwrap();
    }
    trial.nothing_waits();
    let messages = || trial.site.report(FE01).messages;
    let counted = || messages().filter(|messages| messages.delivered == 3);
    wait::until(PATIENCE, counted).expect("three were delivered");

    // After one more kill nothing comes a second time: the first that ben hears is what is sent then.
    trial.front_end.kill().unwrap();
    trial.front_end.restart().unwrap();
    assert_eq!(trial.waiting(), 0);
    let (mut ben, mut ann) = (trial.phone(1), trial.phone(0));
    let live = ann.request("MESSAGE", &to).body("text/plain", "live");
    let live = ann.begin(live).unwrap();
    let came = ben.expect("MESSAGE").unwrap();
    assert_eq!(came.body(), b"live");
    ben.answer(&came, 200).unwrap();
    ann.expect_status(&live, 200).unwrap();
}

#[test]
fn nothing_is_kept_where_the_topology_does_not_ask_for_it() {
    let trial = Trial::start("", 2);
    let mut ann = trial.phone(0);
    assert_eq!(send(&mut ann, &trial.users[1].uri, "hello").unwrap(), 480);
    assert!(trial.site.report(FE01).messages.is_none());
    let folder = trial.site.operator().state().join("machines").join(FE01);
    let has = |name: &str| std::fs::read_dir(folder.join(name)).is_ok();
    assert!(has("bindings") && !has("messages"));
}

#[test]
fn a_kill_in_the_middle_of_many_loses_none_that_was_accepted_and_keeps_their_order() {
    let mut trial = Trial::start("[sip.offline_messages]\nper_user = 100000", 2);
    let to = trial.users[1].uri.clone();
    let mut promised: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let mut ann = trial.phone(0);
        let accepted = AtomicUsize::new(0);
        thread::scope(|scope| {
            let (accepted, promised, to) = (&accepted, &mut promised, &to);
            scope.spawn(move || {
                for number in 0..MESSAGES_EACH {
                    let text = format!("{round} {number}");
                    // The connection ends with the process.
                    let Ok(status) = send(&mut ann, to, &text) else {
                        return;
                    };
                    assert_eq!(status, 202);
                    promised.push(text);
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            });
            let enough = || (accepted.load(Ordering::Relaxed) >= KILL_AFTER).then_some(());
            wait::until(PATIENCE, enough).expect("messages are accepted");
            trial.front_end.kill().unwrap();
        });
        trial.front_end.restart().unwrap();
    }
    let waiting = trial.waiting();
    // The last of each round may have been written without an answer.
    assert!(
        (promised.len()..=promised.len() + ROUNDS).contains(&waiting),
        "{waiting}"
    );
    let mut ben = trial.phone(1);
    let came: Vec<String> = (0..waiting).map(|_| take(&mut ben)).collect();
    let mut expected = came.iter();
    for text in &promised {
        assert!(
            expected.any(|one| one == text),
            "{text} is lost or out of order"
        );
    }
    trial.nothing_waits();
}
