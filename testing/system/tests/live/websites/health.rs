//! What machines say of their own health.

use std::time::Duration;

use system::needs::{Need, are_met};
use system::wait;
use system::web::curl::Answer;

use super::super::site::{DIR01, FE01, Site};
use super::{Asker, Look, at, row};

const SOON: Duration = Duration::from_secs(20);

fn ask(site: &Site, machine: &str, row: u8) -> Option<Answer> {
    let curl = Asker::of(site);
    let address = format!("https://{machine}/health");
    curl.ask(at(site, machine, row, "HTTPS"), &address).ok()
}

fn part(page: &Answer, name: &str) -> String {
    let status = &page.json()["checks"][name][0]["status"];
    status.as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_director_is_well_once_it_knows_its_users_and_not_while_it_drains() {
    if !are_met("websites::health", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    site.prepare();
    let _director = site.run(DIR01);
    let first = ask(&site, DIR01, row::INTERNAL).unwrap();
    assert_eq!(
        (first.status, part(&first, "directory:age").as_str()),
        (503, "fail")
    );
    assert_eq!(part(&first, "sip:listener"), "pass");

    let _front_end = site.run(FE01);
    let well = wait::until(SOON, || {
        ask(&site, DIR01, row::INTERNAL).filter(|page| page.status == 200)
    });
    let well = well.expect("a copy that is there");
    for name in ["sip:listener", "directory:age", "certificate:remaining"] {
        assert_eq!(part(&well, name), "pass", "{well:?}");
    }
    // How much room there is, is not ours to say.
    assert!(["pass", "warn"].contains(&part(&well, "disk:free").as_str()));
    assert_eq!(well.json()["serviceId"], DIR01);
    assert_eq!(well.head("content-type"), "application/health+json");
    let home = ask(&site, FE01, row::FRONT_END).unwrap();
    assert_eq!(
        (home.status, part(&home, "directory:age").as_str()),
        (200, "pass")
    );

    // Balancers and names ask from other processes, so a drain is announced before it begins.
    let address = at(&site, DIR01, row::INTERNAL, "HTTPS");
    let curl = Asker::of(&site);
    let words = ["drain", "--machine", DIR01];
    site.operator().done(&words, "").unwrap();
    let drains = || {
        let page = curl.ask(address, &format!("https://{DIR01}/health")).ok()?;
        (page.status == 503).then_some(page)
    };
    let drains = wait::until(SOON, drains).expect("a word about the drain");
    assert_eq!(
        drains.json()["checks"]["sip:listener"][0]["observedValue"],
        "draining"
    );
}
