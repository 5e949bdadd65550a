//! Passwords and tickets at the sites: what a guesser meets, and what a stolen or made-up ticket is worth.

use std::net::IpAddr;

use system::deployment::User;
use system::needs::{Need, are_met};
use system::sip_client::SipClient;
use system::tls::Wire;
use system::web::curl::Answer;

use super::super::site::{DIR01, FE01, Site, flow};
use super::{Asker, Client, Look, ROOT, WEB, WEB_OUTSIDE, at, row};

const TICKET: &str = "/WebTicket/Ticket";

/// Asks a Director for a ticket from an address of one's own.
fn ask(site: &Site, from: IpAddr, user: &str, password: &str) -> Answer {
    let curl = Asker::of(site);
    let curl = curl.with(&["--interface", &from.to_string(), "--request", "POST"]);
    let curl = curl.with(&["--user", &format!("{user}:{password}")]);
    let director = at(site, DIR01, row::INTERNAL, "HTTPS");
    curl.ask(director, &format!("https://{WEB}{TICKET}"))
        .unwrap()
}

#[test]
fn guessing_at_the_web_is_slowed_at_the_web_and_over_sip_and_the_user_is_not_locked_out() {
    if !are_met("websites::guessing", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let product = site.up();
    let user = product.facts().users[0].clone();
    let name = user.uri.trim_start_matches("sip:").to_owned();
    let (bad, good) = (
        site.block().address(201).into(),
        site.block().address(202).into(),
    );

    let wrong = ask(&site, bad, &name, "not this one");
    let unknown = ask(&site, bad, "nobody@contoso.com", "not this one");
    assert_eq!((wrong.status, unknown.status), (401, 401));
    let told = |page: &Answer| {
        let headers = page.headers.iter().filter(|(name, _)| name != "date");
        (headers.cloned().collect::<Vec<_>>(), page.body.clone())
    };
    assert_eq!(told(&wrong), told(&unknown), "nobody learns who exists");

    let answers: Vec<u16> = (0..13)
        .map(|_| ask(&site, bad, &name, "guess").status)
        .collect();
    assert_eq!(answers[..9], [401; 9]);
    // What fades meanwhile may allow some more.
    assert_eq!(answers[11..], [503; 2]);
    let right = ask(&site, bad, &name, &user.password);
    assert_eq!(right.status, 503, "the password is not looked at any more");
    assert!(!right.head("retry-after").is_empty());
    assert_eq!(
        register(&site, bad, &user),
        503,
        "and neither is it over SIP"
    );

    assert_eq!(ask(&site, good, &name, &user.password).status, 200);
    assert_eq!(register(&site, good, &user), 301);
    let shown = site.operator().done(&["limits", "show"], "").unwrap();
    assert!(shown.contains(&bad.to_string()), "{shown}");
}

#[test]
fn behind_the_reverse_proxy_whoever_guesses_is_slowed_and_nobody_else() {
    if !are_met("websites::guessing_outside", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let product = site.up();
    let user = product.facts().users[0].clone();
    let client = Client::published(&site);
    whoever_guesses_is_slowed_and_nobody_else(&site, &user, &client, WEB_OUTSIDE, 201);
}

/// Guesses from the address of this number and signs in from the next, at a host that machines in front pass on.
pub(super) fn whoever_guesses_is_slowed_and_nobody_else(
    site: &Site,
    user: &User,
    client: &Client,
    host: &str,
    guesser: u8,
) {
    let name = user.uri.trim_start_matches("sip:");
    let try_from = |last: u8, password: &str| {
        let from = site.block().address(last).to_string();
        let credentials = format!("{name}:{password}");
        let words = [
            "--interface",
            &from,
            "--request",
            "POST",
            "--user",
            &credentials,
        ];
        // What a client says of itself is not believed.
        let words = [&words[..], &["--header", "X-Forwarded-For: 192.0.2.1"]].concat();
        let address = format!("https://{host}{TICKET}");
        client.with(&words).ask(&address).status
    };
    // Each request may go to either Director, and each counts for itself: enough for both.
    let answers: Vec<u16> = (0..60).map(|_| try_from(guesser, "guess")).collect();
    assert_eq!(answers[..10], [401; 10]);
    assert_eq!(answers[58..], [503; 2], "{answers:?}");
    assert_eq!(try_from(guesser, &user.password), 503);
    assert_eq!(try_from(guesser + 1, &user.password), 200);
}

fn register(site: &Site, from: IpAddr, user: &User) -> u16 {
    let director = site.address(DIR01, flow::SIGN_IN);
    let wire = Wire::connect_from(&site.phone_manner(), director, DIR01, Some(from)).unwrap();
    SipClient::new(wire).register(user, None).unwrap().status()
}

#[test]
fn a_ticket_opens_one_users_document_on_one_site_and_a_forged_one_nothing() {
    if !are_met("websites::tickets", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let product = site.up();
    let [alice, bob] = [0, 1].map(|user| product.facts().users[user].clone());
    let client = Client::inside(&site);
    let credentials = format!(
        "{}:{}",
        alice.uri.trim_start_matches("sip:"),
        alice.password
    );
    let post = client.with(&["--request", "POST", "--user", &credentials]);
    let issued = post.ask(&format!("https://{WEB}{TICKET}"));
    let ticket = issued.json()["access_token"].as_str().unwrap().to_owned();
    let user = |client: &Client, host: &str, of: &User, ticket: &str| {
        let bearer = format!("Authorization: Bearer {ticket}");
        let address = format!("https://{host}{ROOT}/user?sipuri={}", of.uri);
        client.with(&["--header", &bearer]).ask(&address).status
    };
    assert_eq!(user(&client, WEB, &alice, &ticket), 200);
    assert_eq!(user(&client, WEB, &bob, &ticket), 403);
    let outside = Client::outside(&site);
    assert_eq!(user(&outside, WEB_OUTSIDE, &alice, &ticket), 401);
    let mut forged = ticket.clone();
    let other = if forged.ends_with('A') { "B" } else { "A" };
    forged.replace_range(forged.len() - 1.., other);
    for ticket in [forged.as_str(), "", "x"] {
        assert_eq!(user(&client, WEB, &alice, ticket), 401, "{ticket}");
    }

    let plain = client.with(&["--request", "POST", "--user", &credentials]);
    let refused = plain.ask(&format!("http://{WEB}{TICKET}"));
    assert_eq!(refused.status, 403, "without TLS no password is looked at");

    site.operator()
        .done(&["user", "remove", &alice.uri], "")
        .unwrap();
    let home = at(&site, FE01, row::FRONT_END, "HTTPS");
    let curl = Asker::of(&site);
    let bearer = format!("Authorization: Bearer {ticket}");
    let address = format!("https://fepool01.contoso.net{ROOT}/user");
    let gone = curl
        .with(&["--header", &bearer])
        .ask(home, &address)
        .unwrap();
    assert_eq!(gone.status, 404, "the ticket of a user who is gone");
}
