//! One Director is killed: sign-ins go on through the other, with no change anywhere.

use std::net::SocketAddr;
use std::time::Duration;

use system::deployment::{Deployment, User};
use system::sip_client::{SipClient, contacts};
use system::tls::Wire;
use system::wait;

use super::site::{DIR01, DIR02, EDGE01, FE01, FEPOOL01, Site, flow};

const USERS: usize = 24;
/// A machine that was away rests for some seconds before it is tried again.
const SOON: Duration = Duration::from_secs(60);

/// The topology's SIP machines but one, each a process of its own.
struct Machines {
    site: Site,
    users: Vec<User>,
    dir01: Deployment,
    /// What the name of the Director pool leads to.
    directors: [(&'static str, SocketAddr); 2],
    front_end: SocketAddr,
    _others: [Deployment; 3],
}

impl Machines {
    fn start() -> Self {
        let site = Site::new();
        site.prepare();
        let users = site.import(USERS);
        let others = [FE01, DIR02, EDGE01].map(|machine| site.run(machine));
        let dir01 = site.run(DIR01);
        for director in [DIR01, DIR02] {
            wait_for_users(&site, director);
        }
        Self {
            directors: [DIR01, DIR02]
                .map(|machine| (machine, site.address(machine, flow::SIGN_IN))),
            front_end: site.address(FE01, flow::SIGN_IN),
            site,
            users,
            dir01,
            _others: others,
        }
    }

    /// Signs in as a phone inside does: the first Director that answers, then where it says.
    fn sign_in_inside(&self, user: &User) {
        let manner = self.site.phone_manner();
        let reached = self
            .directors
            .iter()
            .find_map(|(name, at)| Wire::connect(&manner, *at, name).ok());
        let mut client = SipClient::new(reached.expect("a Director of the pool answers"));
        let contact = contact(user, "inside");
        let answer = client.register(user, Some(&contact)).unwrap();
        assert_eq!(answer.status(), 301, "{}", user.uri);
        let home = contacts(&answer).into_iter().next().unwrap();
        assert!(home.contains(FEPOOL01), "{home}");
        let mut client = SipClient::new(Wire::connect(&manner, self.front_end, FEPOOL01).unwrap());
        let answer = client.register_at(user, &home, Some(&contact)).unwrap();
        assert_eq!(answer.status(), 200, "{}", user.uri);
    }

    fn sign_in_outside(&self, user: &User) -> SipClient {
        let mut client = self.site.phone_outside();
        self.refresh(&mut client, user);
        client
    }

    fn refresh(&self, client: &mut SipClient, user: &User) {
        let answer = client
            .register(user, Some(&contact(user, "outside")))
            .unwrap();
        assert_eq!(answer.status(), 200, "{}", user.uri);
    }

    fn sign_all_in(&self, users: &[User]) -> Vec<SipClient> {
        users.iter().for_each(|user| self.sign_in_inside(user));
        users
            .iter()
            .map(|user| self.sign_in_outside(user))
            .collect()
    }
}

fn wait_for_users(site: &Site, machine: &str) {
    let knows_all = || {
        let directory = site.report(machine).directory?;
        (directory.users == USERS).then_some(())
    };
    assert!(
        wait::until(SOON, knows_all).is_some(),
        "{machine} has no copy of the directory"
    );
}

fn contact(user: &User, place: &str) -> String {
    let name = user
        .uri
        .trim_start_matches("sip:")
        .split('@')
        .next()
        .unwrap_or_default();
    format!("sip:{name}@{place}.invalid;transport=tls")
}

#[test]
fn one_director_is_killed_and_sign_ins_go_on_through_the_other() {
    let mut machines = Machines::start();
    let third = USERS / 3;
    let (before, rest) = machines.users.split_at(third);
    let (before, during, after) = (
        before.to_vec(),
        rest[..third].to_vec(),
        rest[third..].to_vec(),
    );

    let mut phones = machines.sign_all_in(&before);
    machines.dir01.kill().unwrap();
    for (phone, user) in phones.iter_mut().zip(&before) {
        machines.refresh(phone, user);
    }
    machines.sign_all_in(&during);

    machines.dir01.restart().unwrap();
    wait_for_users(&machines.site, DIR01);
    let used_again = || {
        let _phone = machines.sign_in_outside(&after[0]);
        (machines.site.report(DIR01).count("requests") > 0).then_some(())
    };
    assert!(
        wait::until(SOON, used_again).is_some(),
        "the Edge never uses it again"
    );
    machines.sign_all_in(&after);
}
