//! A Front End is killed in the middle of a stream of registrations: what it answered 200 is there after its restart,
//! and nothing is that was not sent.
//!
//! Several clients register contacts, each contact once, as fast as answers come. A contact is *promised* when its 200
//! has come and *possible* when it was sent and the connection broke before an answer. After the restart every user's
//! bindings must hold all promised contacts, and nothing but promised and possible ones.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use system::deployment::User;
use system::sip_client::{SipClient, contacts};
use system::tls::Wire;
use system::wait;

use super::site::{FE01, Site, flow};

const CLIENTS: usize = 6;
const USERS_EACH: usize = 100;
const ROUNDS: usize = 3;
/// The process is killed once this many were answered in a round.
const KILL_AFTER: usize = 500;
/// No client sends more than this in a round, should the kill fail.
const CONTACTS_EACH: usize = 2 * USERS_EACH;
const PATIENCE: Duration = Duration::from_secs(30);

/// What one client knows of its users.
struct Ledger {
    users: Vec<User>,
    promised: Vec<BTreeSet<String>>,
    possible: Vec<BTreeSet<String>>,
    interrupted: usize,
}

impl Ledger {
    fn new(users: &[User]) -> Self {
        let none = vec![BTreeSet::new(); users.len()];
        Self {
            users: users.to_vec(),
            promised: none.clone(),
            possible: none,
            interrupted: 0,
        }
    }

    /// Registers contacts until the connection ends; counts the promises.
    fn register(&mut self, client: &mut SipClient, round: usize, answered: &AtomicUsize) {
        for number in 0..CONTACTS_EACH {
            let at = number % self.users.len();
            let contact = format!("sip:r{round}n{number}@tester.invalid;transport=tls");
            match client.register(&self.users[at], Some(&contact)) {
                Ok(answer) => {
                    assert_eq!(answer.status(), 200);
                    self.promised[at].insert(contact);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    assert!(error.is_end(), "{error}");
                    self.possible[at].insert(contact);
                    self.interrupted += 1;
                    return;
                }
            }
        }
    }

    /// Asks for the bindings of every user; returns how many promises were found.
    fn audit(&self, client: &mut SipClient) -> usize {
        for (at, user) in self.users.iter().enumerate() {
            let answer = client.register(user, None).unwrap();
            assert_eq!(answer.status(), 200);
            let bound: BTreeSet<String> = contacts(&answer).into_iter().collect();
            let lost: Vec<&String> = self.promised[at].difference(&bound).collect();
            assert!(lost.is_empty(), "{} has lost {lost:?}", user.uri);
            let may_be = &self.promised[at] | &self.possible[at];
            let invented: Vec<&String> = bound.difference(&may_be).collect();
            assert!(invented.is_empty(), "{} has {invented:?}", user.uri);
        }
        self.promised.iter().map(BTreeSet::len).sum()
    }
}

#[test]
fn registrations_that_were_answered_survive_a_kill_and_none_is_invented() {
    let site = Site::new();
    site.prepare();
    let users = site.import(CLIENTS * USERS_EACH);
    let mut front_end = site.run(FE01);
    let at = site.address(FE01, flow::SIGN_IN);
    let manner = site.phone_manner();
    let client = || SipClient::new(Wire::connect(&manner, at, FE01).unwrap());
    let mut ledgers: Vec<Ledger> = users.chunks(USERS_EACH).map(Ledger::new).collect();
    for round in 0..ROUNDS {
        let answered = AtomicUsize::new(0);
        thread::scope(|scope| {
            for ledger in &mut ledgers {
                let (mut client, answered) = (client(), &answered);
                scope.spawn(move || ledger.register(&mut client, round, answered));
            }
            let enough = || (answered.load(Ordering::Relaxed) >= KILL_AFTER).then_some(());
            wait::until(PATIENCE, enough).expect("registrations are answered");
            front_end.kill().unwrap();
        });
        let interrupted: usize = ledgers.iter().map(|ledger| ledger.interrupted).sum();
        assert!(interrupted > round, "the kill came in the middle");
        front_end.restart().unwrap();
        let found: usize = ledgers
            .iter()
            .map(|ledger| ledger.audit(&mut client()))
            .sum();
        assert!(
            found >= (round + 1) * KILL_AFTER,
            "only {found} in round {round}"
        );
    }
}
