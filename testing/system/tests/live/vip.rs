//! A Director pool behind nothing but its VIP: phones come by the balancer, and a member that dies is not missed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use system::agent::Doors;
use system::deployment::{Deployment, Entrance};
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

#[test]
fn phones_sign_in_at_the_vip_and_a_member_that_dies_is_not_missed() {
    let site = Site::new();
    let file = behind_the_vip(site.folder());
    site.prepare();
    let users = site.import(USERS);
    let run = |machine: &str| Deployment::run(&file, machine, site.block(), site.folder()).unwrap();
    let _others = [FE01, DIR02].map(run);
    let mut dir01 = run(DIR01);
    for director in [DIR01, DIR02] {
        let knows_all = || (site.report(director).directory?.users == USERS).then_some(());
        wait::until(SOON, knows_all).expect("a copy of the directory");
    }

    // Last, so that it finds both up from the first and none has to warm up.
    let _balancer = run(LB01);
    let vip = site.address(LB01, flow::SIGN_IN);
    let front_end = site.address(FE01, flow::SIGN_IN);
    assert_eq!(
        site.report(LB01).address(PASSED_ON),
        None,
        "it only opens those"
    );
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
    let doors = Doors::new(
        site.phone_manner(),
        names,
        entrance(DIRPOOL01),
        entrance(OUTSIDE),
    );
    wait::until(SOON, || (seen(&site) == ["up", "up"]).then_some(())).expect("both are up");
    let (before, after) = users.split_at(USERS / 2);
    let shares = || [DIR01, DIR02].map(|machine| requests(&site, machine));
    let begun = shares();
    for user in before {
        doors.sign_in_inside(user).unwrap();
    }
    // Each sign-in is two requests; counters are told a little later.
    let all = begun.iter().sum::<u64>() + 2 * before.len() as u64;
    let counted = || Some(shares()).filter(|both| both.iter().sum::<u64>() >= all);
    let shared = wait::until(SOON, counted).expect("all requests are counted");
    let rose = shared
        .iter()
        .zip(begun)
        .all(|(now, before)| *now >= before + 2);
    assert!(rose, "{begun:?}, then {shared:?}");

    dir01.kill().unwrap();
    for user in after {
        doors.sign_in_inside(user).unwrap();
    }
    let took_over = || (requests(&site, DIR02) >= shared[1] + 2 * after.len() as u64).then_some(());
    wait::until(SOON, took_over).expect("the other member has it all");
    wait::until(SOON, || (seen(&site) == ["down", "up"]).then_some(()))
        .expect("it is seen to be down");
    dir01.restart().unwrap();
    wait::until(SOON, || (seen(&site) == ["up", "up"]).then_some(())).expect("it is seen again");
}
