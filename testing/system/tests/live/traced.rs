//! What machines record of those who come to them, read from their trace files by Debian's zstd: the same request under one
//! number on every machine, why somebody was refused, and no secret anywhere.

use logs::{Component, Level, Record};
use system::authority::Authority;
use system::deployment::Deployment;
use system::dig::short;
use system::needs::{Need, are_met};
use system::stranger::{Door, knock};
use system::trails::Trails;
use system::wait;
use system::web::curl::Answer;

use super::site::{DIR01, DIR02, DNS01, FE01, Site, flow, topology};
use super::websites::{Asker, LB01, ROOT, RP01, WEB, WEB_OUTSIDE, at, row};

const PEERS: [Need; 2] = [Need::Program("curl"), Need::Program("zstdcat")];
/// What an outsider says of the name of a request.
const FORGED: &str = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
const SOON: std::time::Duration = std::time::Duration::from_secs(30);
const SECRETS: [&str; 3] = ["5ECRET-cookie", "5ECRET-ticket", "5ECRET-password"];

fn trails(site: &Site) -> Trails {
    Trails::of(&site.folder().join("state"))
}

/// The reference topology, with a VIP that reads requests or passes connections through.
fn up(site: &Site, reads: bool) -> Deployment {
    if !reads {
        return site.up();
    }
    let text = std::fs::read_to_string(topology()).unwrap();
    let vip = "vip = \"10.0.0.10\"\n";
    let text = text.replace(vip, &format!("{vip}vip_mode = \"http\"\n"));
    let file = site.folder().join("reading.toml");
    std::fs::write(&file, text).unwrap();
    site.up_with(&file)
}

/// Asks from outside, with all that should not be kept or believed.
fn ask(site: &Site, mark: &str) -> Answer {
    let curl = Asker::of(site).with(&[
        "--header",
        &format!("traceparent: {FORGED}"),
        "--header",
        "tracestate: outsider=1",
        "--cookie",
        &format!("session={}", SECRETS[0]),
        "--header",
        &format!("X-Web-Ticket: {}", SECRETS[1]),
        "--user",
        &format!("alice@contoso.com:{}", SECRETS[2]),
    ]);
    let published = at(site, RP01, row::PUBLISHED, "HTTPS");
    let address = format!(
        "https://{WEB_OUTSIDE}{ROOT}?sipuri=sip:{mark}&access_token={}",
        SECRETS[1]
    );
    curl.ask(published, &address).unwrap()
}

fn of(component: Component, mark: &str) -> impl Fn(&Record) -> bool {
    move |record| {
        let request = record.request.as_deref().unwrap_or_default();
        record.component == component && request.contains(mark)
    }
}

#[test]
fn a_request_from_outside_has_one_number_on_its_whole_way_and_outsiders_neither_set_nor_see_it() {
    if !are_met("traced::request", &PEERS) {
        return;
    }
    for reads in [true, false] {
        let site = Site::new();
        let _product = up(&site, reads);
        let trails = trails(&site);
        let mark = "marked@contoso.com";
        let answer = ask(&site, mark);
        assert_eq!(answer.status, 200, "{answer:?}");
        let told = answer
            .headers
            .iter()
            .find(|(name, _)| name.starts_with("trace"));
        assert_eq!(told, None);

        let proxied = trails
            .wait_for(RP01, of(Component::ReverseProxy, mark))
            .unwrap();
        assert_eq!(proxied.status, Some(200));
        assert_eq!(proxied.decision.as_deref(), Some("passed"));
        assert_eq!(proxied.peer_name.as_deref(), Some(WEB_OUTSIDE));
        let number = proxied.correlation.unwrap();
        assert_ne!(number.to_string(), &FORGED[19..35]);
        let by_either = || {
            let records = [DIR01, DIR02].map(|machine| trails.records(machine));
            let mut records = records.into_iter().flatten();
            records.find(|record| of(Component::Web, mark)(record))
        };
        let answered = wait::until(SOON, by_either).expect("a Director has recorded it");
        assert_eq!(answered.correlation, Some(number));
        assert_eq!(answered.decision.as_deref(), Some("autodiscover_root"));
        assert_eq!(
            answered.peer.map(|peer| peer.ip()),
            proxied.peer.map(|peer| peer.ip())
        );
        if reads {
            let balanced = trails
                .wait_for(LB01, of(Component::Balancer, mark))
                .unwrap();
            assert_eq!(balanced.correlation, Some(number));
            let member = balanced.peer_name.unwrap();
            assert!([DIR01, DIR02].contains(&&*member), "{member}");
        }
        for machine in [RP01, LB01, DIR01, DIR02] {
            let text = trails.text(machine);
            for secret in SECRETS {
                assert!(!text.contains(secret), "{machine}: {text}");
            }
        }
    }
}

#[test]
fn whose_password_was_wrong_is_told_where_it_was_tried_and_the_password_is_not() {
    if !are_met("traced::password", &PEERS) {
        return;
    }
    let site = Site::new();
    let product = site.up();
    let user = product.facts().users[0].clone();
    let name = user.uri.trim_start_matches("sip:");
    let curl = Asker::of(&site).with(&["--request", "POST"]);
    let director = at(&site, DIR01, row::INTERNAL, "HTTPS");
    let ask = |password: &str| {
        let curl = curl.with(&["--user", &format!("{name}:{password}")]);
        curl.ask(director, &format!("https://{WEB}/WebTicket/Ticket"))
            .unwrap()
    };
    assert_eq!(ask(SECRETS[2]).status, 401);
    let ticket = ask(&user.password);
    assert_eq!(ticket.status, 200);

    let trails = trails(&site);
    let tried = |decision: &'static str| {
        move |record: &Record| {
            record.component == Component::Authentication
                && record.decision.as_deref() == Some(decision)
        }
    };
    let wrong = trails.wait_for(DIR01, tried("wrong")).unwrap();
    assert_eq!(wrong.level, Level::Warning);
    assert_eq!(wrong.from.as_deref(), Some(user.uri.as_str()));
    let proven = trails.wait_for(DIR01, tried("proven")).unwrap();
    let of_ticket = |record: &Record| {
        record.correlation == proven.correlation && record.component == Component::Web
    };
    let asked = trails.wait_for(DIR01, of_ticket).unwrap();
    assert_eq!(asked.decision.as_deref(), Some("ticket"));
    assert_eq!(asked.status, Some(200));
    let text = trails.text(DIR01);
    let token: serde_json::Value = serde_json::from_str(&ticket.body).unwrap();
    let token = token["access_token"].as_str().unwrap();
    for secret in [SECRETS[2], &user.password, token] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn a_machine_of_another_authority_is_told_with_its_certificate_and_the_reason() {
    let needs = [Need::Program("openssl"), Need::Program("zstdcat")];
    if !are_met("traced::certificate", &needs) {
        return;
    }
    let site = Site::new();
    let _product = site.up();
    let folder = tempfile::tempdir().unwrap();
    let forger = Authority::new(folder.path()).unwrap();
    let forged = forger.issue(&[FE01]).unwrap();
    let root = site.operator().root();
    let door = Door {
        address: site.address(FE01, flow::SIGN_IN),
        name: FE01,
        root: &root,
    };
    let request = "OPTIONS sip:fe01.contoso.net SIP/2.0\n\n";
    let heard = knock(door, Some(&forged), request, site.folder()).unwrap();
    assert!(
        heard.is_alert("unknown ca") || heard.is_alert("certificate"),
        "{heard:?}"
    );
    let refused =
        |record: &Record| record.component == Component::Tls && record.level == Level::Warning;
    let told = trails(&site).wait_for(FE01, refused).unwrap();
    assert_eq!(told.decision.as_deref(), Some("refused"));
    let reason = told.reason.unwrap();
    assert!(reason.contains("invalid peer certificate"), "{reason}");
    assert!(
        told.text.contains(&format!("names: {FE01}")),
        "{}",
        &*told.text
    );
    assert!(told.text.contains("sha256: "));

    // What the packet filter has is told once, whether it can be looked at or not.
    let filters = |record: &Record| record.component == Component::Firewall;
    let told = trails(&site).wait_for(FE01, filters).unwrap();
    let decision = told.decision.unwrap();
    assert!(["as_planned", "missing", "differs", "unseen"].contains(&&*decision));
}

#[test]
fn a_member_that_died_is_told_and_who_gets_its_connections_and_which_address_is_no_longer_given() {
    let needs = [
        Need::Program("curl"),
        Need::Program("zstdcat"),
        Need::Program("dig"),
    ];
    if !are_met("traced::dead", &needs) {
        return;
    }
    let site = Site::new();
    site.prepare();
    let _others = [FE01, DIR02].map(|machine| site.run(machine));
    let mut dir01 = site.run(DIR01);
    let _choosing = [LB01, DNS01].map(|machine| site.run(machine));
    let trails = trails(&site);
    dir01.kill().unwrap();
    let down = |record: &Record| {
        record.component == Component::Health
            && record.peer_name.as_deref() == Some(DIR01)
            && record.decision.as_deref() == Some("down")
    };
    for machine in [LB01, DNS01] {
        let told = trails.wait_for(machine, down).unwrap();
        assert_eq!(told.level, Level::Warning);
        let reason = told.reason.unwrap();
        assert!(reason.starts_with("from up to down: "), "{reason}");
    }

    let vip = at(&site, LB01, row::INTERNAL_PLAIN, "HTTP");
    let answer = Asker::of(&site)
        .ask(vip, &format!("http://{WEB}{ROOT}"))
        .unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let given = |record: &Record| {
        record.component == Component::Balancer && record.decision.as_deref() == Some(DIR02)
    };
    let told = trails.wait_for(LB01, given).unwrap();
    let reason = told.reason.unwrap();
    assert!(
        reason.contains(&format!("left out: {DIR01} down")),
        "{reason}"
    );

    let names = site.address(DNS01, flow::NAMES);
    let addresses = short(names, "dirpool01.contoso.net", "A").unwrap();
    assert_eq!(addresses.len(), 1, "{addresses:?}");
    let asked = |record: &Record| {
        record.component == Component::Names
            && record.request.as_deref() == Some("dirpool01.contoso.net")
    };
    let told = trails.wait_for(DNS01, asked).unwrap();
    assert_eq!(told.decision.as_deref(), Some("answered"));
    let reason = told.reason.unwrap();
    assert!(reason.contains(&format!("A {}", addresses[0])), "{reason}");
    assert!(reason.contains("left out, as not up: "), "{reason}");
}
