//! The ways of users through the whole topology: sign-in, calls and messages, web sites, from outside and from inside.

use system::agent::Call;
use system::bed::{CLIENTS, Ground, STRANGERS};
use system::phones::{Baresip, Linphone};
use system::web::curl::{Answer, Curl};
use topology::Fqdn;

use super::site::{Site, is_possible, with};
use super::sweep::sweep;
use crate::interop::scenario::{message, talk};

pub(super) const ROOT: &str =
    "/Autodiscover/AutodiscoverService.svc/root?sipuri=sip:alice@contoso.com";

#[test]
fn phones_outside_and_inside_sign_in_call_and_write() {
    let test = "namespaces::phones_outside_and_inside_sign_in_call_and_write";
    with(test, &["baresip", "linphonec"], |site| {
        let (mut alice, alice_uri) = site.phone(0, STRANGERS[0], Linphone::start);
        let (mut bob, bob_uri) = site.phone(1, CLIENTS[0], Baresip::start);
        talk(&mut alice, &mut bob, &bob_uri, true);
        talk(&mut bob, &mut alice, &alice_uri, false);
        message(&mut alice, &mut bob, &bob_uri, "from outside");
        message(&mut bob, &mut alice, &alice_uri, "from inside");
        // At home in the other pool.
        let (mut carol, carol_uri) = site.phone(2, CLIENTS[1], Linphone::start);
        talk(&mut alice, &mut carol, &carol_uri, true);
        talk(&mut carol, &mut bob, &bob_uri, true);
        message(&mut carol, &mut alice, &alice_uri, "from the other pool");
    });
}

#[test]
fn browsers_outside_and_inside_reach_the_web_sites() {
    let test = "namespaces::browsers_outside_and_inside_reach_the_web_sites";
    with(test, &["curl"], |site| {
        for pool in [
            "dirpool01.contoso.net",
            "fepool01.contoso.net",
            "fepool02.contoso.net",
        ] {
            let web = site.bed.topology().pool(pool).unwrap().web.clone().unwrap();
            // From outside by the reverse proxy; the Directors' by the VIP, the others' straight.
            let outside = browse(
                site,
                STRANGERS[0],
                &format!("https://{}{ROOT}", web.external),
            );
            let inside = browse(site, CLIENTS[0], &format!("https://{}{ROOT}", web.internal));
            for (answer, place) in [(outside, "External"), (inside, "Internal")] {
                assert_eq!(answer.status, 200, "{pool} {place}: {answer:?}");
                let told = format!("\"AccessLocation\":\"{place}\"");
                assert!(answer.body.contains(&told), "{pool}: {answer:?}");
            }
            let plain = |place: &str, name: &Fqdn| {
                browse(site, place, &format!("http://{name}{ROOT}")).status
            };
            assert_eq!(plain(STRANGERS[1], &web.external), 301, "{pool}");
            assert_eq!(plain(CLIENTS[1], &web.internal), 200, "{pool}");
        }
        // Discovery begins without TLS and is passed on, also outside.
        let url = format!("http://lyncdiscover.contoso.com{ROOT}");
        let discovery = browse(site, STRANGERS[1], &url);
        assert_eq!(discovery.status, 200, "{discovery:?}");
    });
}

pub(super) fn browse(site: &Site, place: &str, url: &str) -> Answer {
    let folder = site.folder(&format!("browser-{place}"));
    let browser = Curl::believing(&site.running.operator().root());
    let browser = browser.asking(site.names(place), &folder);
    let fetched = site.bed.at(place).enter(|| browser.fetch(&[], url));
    fetched.unwrap_or_else(|error| panic!("{url} from {place}: {error}"))
}

#[test]
fn everything_works_without_ipv4() {
    if !is_possible("namespaces::everything_works_without_ipv4", &["curl"]) {
        return;
    }
    let site = Site::start(include_str!("ipv6.toml"), &Ground::IPV6);
    let doors = site.running.doors(&site.bed).unwrap();
    let [alice, bob, ..] = site.running.users() else {
        panic!("this bed has users");
    };
    let outside = site.bed.at(STRANGERS[0]);
    let caller = outside.enter(|| doors.sign_in_outside(alice)).unwrap();
    let inside = site.bed.at(CLIENTS[0]);
    let callee = inside.enter(|| doors.sign_in_inside(bob)).unwrap();
    let mut call = Call::between(caller, callee).unwrap();
    call.caller_asks("MESSAGE", 200).unwrap();
    call.callee_asks("BYE", 200).unwrap();
    sweep(&site.bed, &site.filters);
}
