//! From a name of discovery to the server where a user signs in.

use system::needs::{Need, are_met};
use system::operator::Listener;
use system::sip_client::contacts;
use system::stranger::{Door, Outcome, knock};
use system::wait;

use super::super::site::{DIR01, DIR02, FE01, FEPOOL01, FEPOOL02, Site};
use super::{
    Client, DIRECTOR, LB01, Look, ROOT, WEB, WEB_OUTSIDE, access, at, discover, host, link, row,
};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_client_finds_its_server_by_the_vip_with_either_version_of_http() {
    if !are_met("websites::discovery", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let product = site.up();
    let user = &product.facts().users[0];
    let address = user.uri.trim_start_matches("sip:");
    for (words, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let client = Client::inside(&site).with(&[words]);
        let start = format!("http://lyncdiscoverinternal.contoso.com/?sipuri={address}");
        let answers = discover(&client, &start, address, &user.password);
        let statuses: Vec<u16> = answers.iter().map(|page| page.status).collect();
        // Plain root, root, no ticket, sent home; root there, and the document: the ticket is good everywhere.
        assert_eq!(statuses, [200, 200, 401, 200, 200, 200], "{answers:?}");
        let over_tls = answers.iter().skip(1);
        assert!(
            over_tls.into_iter().all(|page| page.version == version),
            "{answers:?}"
        );
        let server = access(&answers, "SipClientInternalAccess");
        assert_eq!(server["fqdn"], "dirpool01.contoso.net");
        let sign_in = site
            .report(DIR01)
            .address(super::super::site::flow::SIGN_IN)
            .unwrap();
        assert_eq!(server["port"], sign_in.port().to_string());
    }
    let web = site.report(DIR01).web["tickets"] + site.report(DIR02).web["tickets"];
    assert_eq!(web, 2, "one for each walk, counted");
}

#[test]
fn a_client_outside_is_told_nothing_of_the_inside() {
    if !are_met("websites::outside", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let product = site.up();
    let user = &product.facts().users[1];
    let address = user.uri.trim_start_matches("sip:");
    for client in [Client::outside(&site), Client::published(&site)] {
        let start = format!("http://lyncdiscover.contoso.com/?sipuri={address}");
        let answers = discover(&client, &start, address, &user.password);
        let server = access(&answers, "SipClientExternalAccess");
        assert_eq!(server["fqdn"], "sip.contoso.com");
        let others = ["/health", ROOT, "/nothing"];
        let others = others.map(|path| client.ask(&format!("https://{WEB_OUTSIDE}{path}")));
        for page in answers.iter().chain(&others) {
            assert!(!format!("{page:?}").contains("contoso.net"), "{page:?}");
        }
        let admin = client.ask("https://meet.contoso.com/admin");
        assert_eq!(admin.status, 404);
        let page = client.ask("https://meet.contoso.com/alice/4K2X");
        assert!(page.body.contains("sip:alice@contoso.com"), "{page:?}");
    }
}

#[test]
fn the_open_client_is_answered_in_its_own_form() {
    if !are_met("websites::xml", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let _product = site.up();
    let accept = "Accept: application/vnd.microsoft.rtc.autodiscover+xml;v=1";
    let client = Client::inside(&site).with(&["--header", accept]);
    let page = client.ask("http://lyncdiscoverinternal.contoso.com/?sipuri=alice@contoso.com");
    assert_eq!(page.status, 200);
    let kind = page.head("content-type");
    assert!(
        kind.starts_with("application/vnd.microsoft.rtc.autodiscover+xml"),
        "{kind}"
    );
    let before = "<AutodiscoverResponse AccessLocation=\"Internal\"><Root><Link token=\"Redirect\" href=\"https://";
    assert!(
        page.body.contains(&format!("{before}{WEB}")),
        "{}",
        page.body
    );
}

#[test]
fn a_user_who_moves_is_redirected_to_the_other_pool_by_autodiscover_and_at_the_next_sign_in() {
    if !are_met("websites::move", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let product = site.up();
    let user = product.facts().users[0].clone();
    let address = user.uri.trim_start_matches("sip:");
    let client = Client::inside(&site);
    let start = format!("https://{WEB}{ROOT}?sipuri={address}");
    let home = || {
        let answers = discover(&client, &start, address, &user.password);
        let mut redirects = answers.iter().filter_map(|page| link(page, "Redirect"));
        redirects.next_back().map(|href| host(&href).to_owned())
    };
    let first = home().unwrap();
    assert!(first.starts_with("fepool01"), "{first}");
    let words = ["user", "move", &user.uri, "--pool", FEPOOL02];
    site.operator().done(&words, "").unwrap();
    let moved = wait::until(SOON, || home().filter(|home| home.starts_with("fepool02")));
    assert!(moved.is_some(), "autodiscover still leads to {:?}", home());
    let sign_in = || {
        let answer = site.phone(DIRECTOR).register(&user, None).unwrap();
        let first = contacts(&answer).first().cloned();
        first.filter(|contact| contact.contains(FEPOOL02))
    };
    assert!(
        wait::until(SOON, sign_in).is_some(),
        "the Director still sends to {FEPOOL01}"
    );
}

#[test]
fn every_name_is_proven_to_a_foreign_client() {
    if !are_met("websites::names", &[Need::Program("openssl")]) {
        return;
    }
    let site = Site::new();
    let _product = site.up();
    let inside = at(&site, LB01, row::INTERNAL, "HTTPS");
    let outside = at(&site, LB01, row::EXTERNAL, "HTTPS");
    let home = at(&site, FE01, row::FRONT_END, "HTTPS");
    let home_outside = at(&site, FE01, row::FRONT_END_EXTERNAL, "HTTPS");
    let root = site.operator().root();
    for (address, name) in [
        (inside, WEB),
        (inside, "dirpool01.contoso.net"),
        (inside, "lyncdiscoverinternal.contoso.com"),
        (inside, "lyncdiscover.contoso.com"),
        (inside, "meet.contoso.com"),
        (inside, "dialin.contoso.com"),
        (outside, WEB_OUTSIDE),
        (outside, "lyncdiscover.contoso.com"),
        (outside, "meet.contoso.com"),
        (outside, "dialin.contoso.com"),
        (home, FE01),
        (home, FEPOOL01),
        (home_outside, "fepool01-webext.contoso.com"),
    ] {
        let root = &root;
        let request = format!("HEAD / HTTP/1.1\nHost: {name}\nConnection: close\n\n");
        let door = Door {
            address,
            name,
            root,
        };
        let outcome = knock(door, None, &request, site.folder()).unwrap();
        assert!(
            matches!(&outcome, Outcome::Answered(line) if line.starts_with("HTTP/1.1 ")),
            "{name}: {outcome:?}"
        );
    }
}

#[test]
fn the_rows_of_the_sites_are_live() {
    let site = Site::new();
    let _product = site.up();
    for (machine, rows) in [
        (
            DIR01,
            &[
                row::EXTERNAL_PLAIN,
                row::EXTERNAL,
                row::INTERNAL_PLAIN,
                row::INTERNAL,
            ][..],
        ),
        (FE01, &[row::FRONT_END_EXTERNAL, row::FRONT_END]),
    ] {
        let listeners = site.report(machine).listeners;
        for row in rows {
            let mut serving = listeners
                .iter()
                .filter(|listener| listener.flows.contains(row));
            assert!(
                serving.clone().count() > 0 && serving.all(|listener: &Listener| listener.open),
                "{machine} {row}"
            );
        }
    }
}
