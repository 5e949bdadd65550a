//! The whole way: a browser outside, the reverse proxy, the VIP, a Director's own site; and the same under load.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use system::deployment::Deployment;
use system::names::Resolver;
use system::needs::{Need, are_met, program};
use system::stranger::{Door, Outcome, knock};
use system::wait;
use system::web::curl::Curl;

use super::super::site::{DIR01, DIR02, Site, topology};

const RP01: &str = "rp01.contoso.net";
/// The row of the published ports.
const PUBLISHED: u8 = 16;
/// The row of the internal site, over TLS.
const INTERNAL: u8 = 5;
const LB01: &str = "lb01.contoso.net";
const DIRECTORS: &str = "webdirexternal.contoso.com";
const DIRECTORS_INSIDE: &str = "webdir.contoso.net";
const ROOT: &str = "/Autodiscover/AutodiscoverService.svc/root?sipuri=sip:alice@contoso.com";
const SOON: std::time::Duration = std::time::Duration::from_secs(30);

/// The reference topology, with more requests from one address than a browser makes.
fn generous(folder: &Path) -> PathBuf {
    let mut text = std::fs::read_to_string(topology()).unwrap();
    text.push_str("\n[limits]\nrequests_per_source = 1000000\nhandshakes_per_source = 100000\n");
    let file = folder.join("generous.toml");
    std::fs::write(&file, text).unwrap();
    file
}

/// Everything in one process, and where TLS is published.
fn whole(site: &Site) -> (Deployment, SocketAddr) {
    let deployment = site.up_with(&generous(site.folder()));
    let listeners = site.report(RP01).listeners.into_iter();
    let published = listeners.filter(|one| one.open && one.flows.contains(&PUBLISHED));
    let addresses = published.map(|one| one.address);
    let tls = addresses.max_by_key(SocketAddr::port).unwrap();
    (deployment, tls)
}

/// The names that lead to an address.
fn names_at(deployment: &Deployment, address: IpAddr) -> Vec<String> {
    let names = deployment.facts().names.iter();
    let here = names.filter(|(_, all)| all.iter().any(|one| IpAddr::V4(*one) == address));
    here.map(|(name, _)| name.clone()).collect()
}

#[test]
fn every_published_name_leads_to_a_site_of_the_inside() {
    let needs = [Need::Program("curl"), Need::Program("openssl")];
    if !are_met("published chain", &needs) {
        return;
    }
    let site = Site::new();
    let (deployment, at) = whole(&site);
    let root = site.operator().root();
    let names = names_at(&deployment, at.ip());
    assert!(names.len() >= 5, "{names:?}");
    for name in &names {
        let browser = Curl::believing(&root).knowing(name, at);
        for way in ["--http1.1", "--http2"] {
            let url = format!("https://{name}:{}{ROOT}", at.port());
            // The short addresses have no discovery; what they answer is their own.
            let fetch = || {
                let answer = browser.fetch(&[way], &url).ok();
                answer.filter(|it| matches!(it.status, 200 | 404))
            };
            let answer = wait::until(SOON, fetch).expect("an answer of a site");
            let discovers = !name.starts_with("meet.") && !name.starts_with("dialin.");
            assert_eq!(answer.status == 200, discovers, "{name} {answer:?}");
            assert_eq!(answer.body.contains("External"), discovers, "{name}");
        }
        let door = Door {
            address: at,
            name,
            root: &root,
        };
        let request = format!("GET /health HTTP/1.1\nHost: {name}\n\n");
        let heard = knock(door, None, &request, site.folder()).unwrap();
        assert!(matches!(heard, Outcome::Answered(_)), "{name} {heard:?}");
    }
    let counted = site.report(RP01).published.unwrap().counted;
    let answered = 3 * names.len() as u64;
    assert!(counted["passed"] >= answered, "{counted:?}");
}

#[test]
fn wrk_and_h2load_go_the_whole_way_without_a_failure() {
    let needs = [Need::Program("wrk"), Need::Program("h2load"), Need::Root];
    if !are_met("published load", &needs) {
        return;
    }
    let site = Site::new();
    let (deployment, published) = whole(&site);
    let listeners = site.report(LB01).listeners.into_iter();
    let inside = listeners.filter(|one| one.open && one.flows.contains(&INTERNAL));
    let vip = inside.map(|one| one.address).next().unwrap();
    // From outside by the reverse proxy and the external VIP; inside by the VIP alone.
    for (name, at) in [(DIRECTORS, published), (DIRECTORS_INSIDE, vip)] {
        let before = served(&site);
        load(&site, &deployment, name, at);
        assert!(served(&site) > before + 1000, "{name}");
    }
}

/// How many requests the Directors have answered.
fn served(site: &Site) -> u64 {
    [DIR01, DIR02]
        .map(|machine| site.report(machine).web["requests"])
        .iter()
        .sum()
}

fn load(site: &Site, deployment: &Deployment, name: &str, at: SocketAddr) {
    let url = format!("https://{name}:{}{ROOT}", at.port());
    let browser = Curl::believing(&site.operator().root()).knowing(name, at);
    let well = || browser.fetch(&[], &url).ok().filter(|it| it.status == 200);
    wait::until(SOON, well).expect("the site answers");
    let names = deployment.names();
    let run = |name: &str, words: &[&str]| {
        let program = program(name).unwrap();
        let resolver = Resolver::Table(&names);
        let mut command = resolver.command(&program, site.folder()).unwrap();
        let output = command.args(words).arg(&url).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = run("wrk", &["-t", "1", "-c", "8", "-d", "2s"]);
    assert!(
        said.contains(" requests in ") && !said.contains("Non-2xx"),
        "{said}"
    );
    assert!(!said.contains("Socket errors"), "{said}");
    let said = run("h2load", &["-n", "1000", "-c", "4", "-m", "8"]);
    assert!(
        said.contains("1000 succeeded, 0 failed, 0 errored"),
        "{said}"
    );
    assert!(said.contains("status codes: 1000 2xx"), "{said}");
}
