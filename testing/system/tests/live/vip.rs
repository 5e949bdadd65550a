//! A Director pool behind nothing but its VIP: phones come by the balancer, and a member that dies is not missed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use system::agent::Doors;
use system::deployment::{Deployment, Entrance, User};
use system::names::Names;
use system::wait;

use super::site::{DIR01, DIR02, FE01, FEPOOL01, OUTSIDE, Site, flow, topology};

const LB01: &str = "lb01.contoso.net";
const DIRPOOL01: &str = "dirpool01.contoso.net";
/// The row by which the balancer passes on to the members.
const PASSED_ON: u8 = 21;
const USERS: usize = 40;
const SOON: Duration = Duration::from_secs(30);

/// The reference topology with everything at the VIP.
fn behind_the_vip(folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(topology()).unwrap();
    let text = text
        .replace("\"dns+hlb\"", "\"hlb\"")
        .replace("web = {", "# web = {");
    let file = folder.join("hlb.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn requests(site: &Site, machine: &str) -> u64 {
    site.report(machine).sip.unwrap().requests
}

/// How the balancer sees the two members.
fn seen(site: &Site) -> Vec<String> {
    let balanced = site.report(LB01).balanced;
    let members = balanced.into_iter().flat_map(|pool| pool.members);
    members.map(|member| member.state).collect()
}

/// A Director pool of two behind its VIP, with phones.
struct Behind {
    site: Site,
    users: Vec<User>,
    doors: Doors,
    dir01: Deployment,
    _others: [Deployment; 3],
}

impl Behind {
    fn new() -> Self {
        let site = Site::new();
        let file = behind_the_vip(site.folder());
        site.prepare();
        let users = site.import(USERS);
        let run =
            |machine: &str| Deployment::run(&file, machine, site.block(), site.folder()).unwrap();
        let [front_end, dir02] = [FE01, DIR02].map(run);
        let dir01 = run(DIR01);
        for director in [DIR01, DIR02] {
            let knows_all = || (site.report(director).directory?.users == USERS).then_some(());
            wait::until(SOON, knows_all).expect("a copy of the directory");
        }
        // Last, so that it finds both up from the first and none has to warm up.
        let balancer = run(LB01);
        let doors = doors(&site);
        wait::until(SOON, || (seen(&site) == ["up", "up"]).then_some(())).expect("both are up");
        Self {
            site,
            users,
            doors,
            dir01,
            _others: [front_end, dir02, balancer],
        }
    }

    fn sign_in(&self, users: &[User]) {
        for user in users {
            self.doors.sign_in_inside(user).unwrap();
        }
    }

    /// Waits until the Directors have counted so many requests together; returns what each has.
    fn shares(&self, all: u64) -> [u64; 2] {
        let shares = || [DIR01, DIR02].map(|machine| requests(&self.site, machine));
        let counted = || Some(shares()).filter(|both| both.iter().sum::<u64>() >= all);
        wait::until(SOON, counted).expect("all requests are counted")
    }
}

/// The entrances of phones: everything at the VIP.
fn doors(site: &Site) -> Doors {
    let vip = site.address(LB01, flow::SIGN_IN);
    let front_end = site.address(FE01, flow::SIGN_IN);
    let mut names = Names::default();
    for (name, address) in [(DIRPOOL01, vip), (FEPOOL01, front_end)] {
        let SocketAddr::V4(address) = address else {
            panic!("{address} is no IPv4 address");
        };
        names.add(name, *address.ip());
    }
    let entrance = |host: &str| Entrance {
        host: host.to_owned(),
        port: vip.port(),
    };
    Doors::new(
        site.phone_manner(),
        names,
        entrance(DIRPOOL01),
        entrance(OUTSIDE),
    )
}

#[test]
fn phones_sign_in_at_the_vip_and_a_member_that_dies_is_not_missed() {
    let mut behind = Behind::new();
    let users = behind.users.clone();
    let (before, after) = users.split_at(USERS / 2);
    assert_eq!(
        behind.site.report(LB01).address(PASSED_ON),
        None,
        "it only opens those"
    );
    let begun = behind.shares(0);
    behind.sign_in(before);
    // Each sign-in is two requests; counters are told a little later.
    let shared = behind.shares(begun.iter().sum::<u64>() + 2 * before.len() as u64);
    let rose = shared
        .iter()
        .zip(begun)
        .all(|(now, before)| *now >= before + 2);
    assert!(rose, "{begun:?}, then {shared:?}");

    behind.dir01.kill().unwrap();
    behind.sign_in(after);
    let site = &behind.site;
    let took_over = || (requests(site, DIR02) >= shared[1] + 2 * after.len() as u64).then_some(());
    wait::until(SOON, took_over).expect("the other member has it all");
    wait::until(SOON, || (seen(site) == ["down", "up"]).then_some(()))
        .expect("it is seen to be down");
    behind.dir01.restart().unwrap();
    wait::until(SOON, || (seen(site) == ["up", "up"]).then_some(())).expect("it is seen again");
}

#[test]
fn a_member_that_is_drained_by_command_gets_nothing_new_until_it_is_undrained() {
    let behind = Behind::new();
    let (before, after) = behind.users.split_at(USERS / 2);
    let operator = behind.site.operator();
    let said = operator.done(&["drain", DIR01], "").unwrap();
    assert!(said.contains(LB01) && !said.contains("dir02"), "{said}");
    assert_eq!(seen(&behind.site), ["draining", "up"]);
    let begun = behind.shares(0);
    behind.sign_in(before);
    let sent = 2 * before.len() as u64;
    // Health is asked after by OPTIONS, which count too; each sign-in is two requests more.
    let has_it_all = || (requests(&behind.site, DIR02) >= begun[1] + sent).then_some(());
    wait::until(SOON, has_it_all).expect("the other member has it all");
    let drained = requests(&behind.site, DIR01);
    assert!(drained < begun[0] + sent / 2, "{begun:?}, then {drained}");

    operator.done(&["undrain", DIR01], "").unwrap();
    assert_eq!(seen(&behind.site), ["up", "up"]);
    let begun = behind.shares(0);
    behind.sign_in(after);
    let shared = behind.shares(begun.iter().sum::<u64>() + 2 * after.len() as u64);
    assert!(shared[0] >= begun[0] + 2, "{begun:?}, then {shared:?}");
    let unknown = operator
        .command(&["drain", "dir09.contoso.net"], "")
        .unwrap();
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
}
