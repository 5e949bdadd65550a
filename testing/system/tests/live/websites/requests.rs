//! A VIP that ends TLS: each request is given to a member, whatever connection it came by, and members know whose it is.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use system::deployment::Deployment;
use system::names::{Names, Resolver};
use system::needs::{Need, are_met, program};
use system::tls::{Manner, Wire};
use system::wait;
use system::web::curl::Answer;

use super::super::site::{DIR01, DIR02, FE01, Site, topology};
use super::sign_in::whoever_guesses_is_slowed_and_nobody_else;
use super::{Asker, Client, LB01, ROOT, WEB, WEB_OUTSIDE, at, row};

const SOON: Duration = Duration::from_secs(30);

/// The reference topology with a VIP that reads requests.
fn reading(site: &Site, more: &str) -> PathBuf {
    let text = std::fs::read_to_string(topology()).unwrap();
    let vip = "vip = \"10.0.0.10\"\n";
    assert!(text.contains(vip));
    let text = text.replace(vip, &format!("{vip}vip_mode = \"http\"\n"));
    let file = site.folder().join("reading.toml");
    std::fs::write(&file, text + more).unwrap();
    file
}

/// No bounds for what comes from one address.
const GENEROUS: &str =
    "\n[limits]\nrequests_per_source = 1000000\nhandshakes_per_source = 100000\n";

fn served(site: &Site) -> [u64; 2] {
    [DIR01, DIR02].map(|machine| site.report(machine).web["requests"])
}

/// Runs a program that loads one address of the external site, at the VIP.
fn load(site: &Site, vip: SocketAddr, name: &str, words: &[&str]) -> String {
    let SocketAddr::V4(address) = vip else {
        panic!("{vip} is no IPv4 address");
    };
    let mut names = Names::default();
    names.add(WEB_OUTSIDE, *address.ip());
    let program = program(name).unwrap();
    let resolver = Resolver::Table(&names);
    let mut command = resolver.command(&program, site.folder()).unwrap();
    let url = format!("https://{WEB_OUTSIDE}:{}{ROOT}", vip.port());
    let output = command.args(words).arg(&url).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_name_of_the_pool_is_proven_at_the_vip_and_no_other() {
    if !are_met("requests::names", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let _product = site.up_with(&reading(&site, ""));
    let curl = Asker::of(&site);
    let sites = [
        (row::INTERNAL, WEB, "Internal"),
        (
            row::INTERNAL,
            "lyncdiscoverinternal.contoso.com",
            "Internal",
        ),
        (row::EXTERNAL, WEB_OUTSIDE, "External"),
        (row::EXTERNAL, "lyncdiscover.contoso.com", "External"),
    ];
    for (way, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        for (row, name, location) in sites {
            let vip = at(&site, LB01, row, "HTTPS");
            let answer = curl.with(&[way]).ask(vip, &format!("https://{name}{ROOT}"));
            let answer = answer.unwrap();
            assert_eq!(
                (answer.status, answer.version.as_str()),
                (200, version),
                "{name}"
            );
            assert!(answer.body.contains(location), "{name} {answer:?}");
        }
    }
    let plain = at(&site, LB01, row::EXTERNAL_PLAIN, "HTTP");
    let found = curl.ask(plain, &format!("http://lyncdiscover.contoso.com{ROOT}"));
    assert_eq!(found.unwrap().status, 200);
    let vip = at(&site, LB01, row::INTERNAL, "HTTPS");
    for name in ["dirpool01.contoso.net", DIR01, LB01, WEB_OUTSIDE] {
        let manner = Manner::of_a_phone(&site.operator().root()).unwrap();
        assert!(Wire::connect(&manner, vip, name).is_err(), "{name}");
    }
    // The name in the hello and the host of the request are one.
    let other = curl.with(&["--header", "Host: meet.contoso.com"]);
    let other = other.ask(vip, &format!("https://{WEB}{ROOT}")).unwrap();
    assert_eq!(other.status, 421);
}

#[test]
fn requests_of_one_connection_go_to_both_members() {
    let needs = [Need::Program("wrk"), Need::Program("h2load"), Need::Root];
    if !are_met("requests::spread", &needs) {
        return;
    }
    let site = Site::new();
    let _product = site.up_with(&reading(&site, GENEROUS));
    let vip = at(&site, LB01, row::EXTERNAL, "HTTPS");
    let both_rise = |begun: [u64; 2], by: u64| {
        let all = served(&site).into_iter().zip(begun);
        assert!(
            all.clone().all(|(now, then)| now >= then + by),
            "{:?}",
            all.collect::<Vec<_>>()
        );
    };
    let begun = served(&site);
    let said = load(&site, vip, "h2load", &["-n", "400", "-c", "1", "-m", "4"]);
    assert!(said.contains("status codes: 400 2xx"), "{said}");
    both_rise(begun, 50);
    let begun = served(&site);
    let said = load(&site, vip, "wrk", &["-t", "1", "-c", "1", "-d", "1s"]);
    assert!(
        said.contains(" requests in ") && !said.contains("Non-2xx"),
        "{said}"
    );
    assert!(!said.contains("Socket errors"), "{said}");
    both_rise(begun, 20);
}

#[test]
fn a_client_inside_stays_with_its_member_over_many_connections() {
    if !are_met("requests::source", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let _product = site.up_with(&reading(&site, ""));
    let vip = at(&site, LB01, row::INTERNAL, "HTTPS");
    let from = site.block().address(201).to_string();
    let curl = Asker::of(&site).with(&["--interface", &from]);
    let begun = served(&site);
    for _ in 0..10 {
        let answer = curl.ask(vip, &format!("https://{WEB}{ROOT}")).unwrap();
        assert_eq!(answer.status, 200);
    }
    let now = served(&site);
    let mut rose = [now[0] - begun[0], now[1] - begun[1]];
    rose.sort_unstable();
    assert_eq!(rose, [0, 10]);
}

#[test]
fn members_count_the_client_and_not_the_balancer() {
    if !are_met("requests::guessing", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let product = site.up_with(&reading(&site, ""));
    let user = product.facts().users[0].clone();
    whoever_guesses_is_slowed_and_nobody_else(&site, &user, &Client::inside(&site), WEB, 201);
    // By the reverse proxy, which says whose request it is, and the balancer says it again.
    let published = Client::published(&site);
    whoever_guesses_is_slowed_and_nobody_else(&site, &user, &published, WEB_OUTSIDE, 203);
}

/// Directors, a Front End and the balancer as processes of their own.
struct Apart {
    directors: [Deployment; 2],
    _others: [Deployment; 2],
    vip: SocketAddr,
}

impl Apart {
    fn new(site: &Site, file: &Path) -> Self {
        let operator = site.operator();
        operator.done(&["certs", "init"], "").unwrap();
        let words = ["certs", "issue", file.to_str().unwrap()];
        operator.done(&words, "").unwrap();
        let run =
            |machine: &str| Deployment::run(file, machine, site.block(), site.folder()).unwrap();
        let [front_end, dir01, dir02, balancer] = [FE01, DIR01, DIR02, LB01].map(run);
        Self {
            directors: [dir01, dir02],
            _others: [front_end, balancer],
            vip: at(site, LB01, row::EXTERNAL, "HTTPS"),
        }
    }
}

#[test]
fn a_member_that_is_killed_is_left_by_the_next_request() {
    if !are_met("requests::killed", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let mut apart = Apart::new(&site, &reading(&site, ""));
    let url = format!("https://{WEB_OUTSIDE}{ROOT}");
    let curl = Asker::of(&site);
    let both = || {
        let _ = curl.ask(apart.vip, &url).ok()?;
        served(&site).iter().all(|count| *count >= 2).then_some(())
    };
    wait::until(SOON, both).expect("both members are asked");
    apart.directors[0].kill().unwrap();
    let ask = |_| curl.ask(apart.vip, &url).unwrap().status;
    let answers: Vec<u16> = (0..20).map(ask).collect();
    assert_eq!(answers, [200; 20]);
}

#[test]
fn a_cookie_keeps_a_client_with_its_member_until_the_member_is_gone() {
    if !are_met("requests::cookies", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let file = reading(&site, "");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace(
        "vip_mode = \"http\"",
        "vip_mode = \"http\"\nvip_cookie = true",
    );
    std::fs::write(&file, text).unwrap();
    let mut apart = Apart::new(&site, &file);
    let (vip, curl) = (apart.vip, Asker::of(&site));
    let url = format!("https://{WEB_OUTSIDE}{ROOT}");
    // Every answer on a connection, not the first alone.
    let twice = curl.with(&["--http1.1", &url]).ask(vip, &url).unwrap();
    assert!(twice.header("set-cookie").is_some(), "{twice:?}");
    assert!(twice.body.contains("set-cookie: MS-WSMAN="), "{twice:?}");

    let answer = wait::until(SOON, || curl.ask(vip, &url).ok()).unwrap();
    let cookie = |answer: &Answer| {
        let set = answer.header("set-cookie")?;
        set.split(';').next().map(str::to_owned)
    };
    let first = cookie(&answer).unwrap();
    let bringing = curl.with(&["--cookie", &first]);
    let begun = served(&site);
    for way in ["--http1.1", "--http2"] {
        for _ in 0..5 {
            let answer = bringing.with(&[way]).ask(vip, &url).unwrap();
            assert_eq!((answer.status, cookie(&answer)), (200, None));
        }
    }
    let now = served(&site);
    let rose = [now[0] - begun[0], now[1] - begun[1]];
    assert!(rose == [10, 0] || rose == [0, 10], "{rose:?}");

    apart.directors[usize::from(rose[1] > 0)].kill().unwrap();
    let moved = bringing.ask(vip, &url).unwrap();
    let second = cookie(&moved).expect("a cookie of the other member");
    assert_eq!(moved.status, 200);
    assert_ne!(second, first);
    let stays = curl.with(&["--cookie", &second]).ask(vip, &url).unwrap();
    assert_eq!((stays.status, cookie(&stays)), (200, None));
    // One that is made up is nobody's.
    let made_up = curl.with(&["--cookie", "MS-WSMAN=dir01"]).ask(vip, &url);
    assert_eq!(cookie(&made_up.unwrap()), Some(second));
}
