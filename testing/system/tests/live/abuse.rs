//! Strangers at a running product: a scanner, somebody who guesses a password; and the user who is meant.

use std::net::IpAddr;
use std::time::Instant;

use system::deployment::User;
use system::sip_client::SipClient;
use system::tls::{PATIENCE, Wire};

use super::site::{DIR01, Site, flow};

/// Connects from another address of this test than others do.
fn phone_from(site: &Site, from: IpAddr) -> SipClient {
    let at = site.address(DIR01, flow::SIGN_IN);
    SipClient::new(Wire::connect_from(&site.phone_manner(), at, DIR01, Some(from)).unwrap())
}

#[test]
fn a_scanner_is_not_answered_and_a_guesser_does_not_lock_the_user_out() {
    let site = Site::new();
    let product = site.up();
    let user = product.facts().users[0].clone();
    let (bad, good) = (
        site.block().address(201).into(),
        site.block().address(202).into(),
    );

    let mut scanner = phone_from(&site, bad);
    scanner.call_itself("friendly-scanner");
    let request = scanner.compose(system::sip_client::Words {
        method: "OPTIONS",
        uri: "sip:100@1.1.1.1",
        from: "sip:100@1.1.1.1",
        to: "sip:100@1.1.1.1",
    });
    scanner.wire().send(&request.write()).unwrap();
    let (rest, _) = scanner.wire().drain(Instant::now() + PATIENCE).unwrap();
    assert!(rest.is_empty(), "a scanner learns nothing");

    let wrong = User {
        password: "not this one".to_owned(),
        ..user.clone()
    };
    let guess = || {
        phone_from(&site, bad)
            .register(&wrong, None)
            .unwrap()
            .status()
    };
    let answers: Vec<u16> = (0..14).map(|_| guess()).collect();
    assert_eq!(answers[..10], [403; 10]);
    // What fades meanwhile may allow some more.
    assert_eq!(answers[12..], [503; 2]);
    let mut phone = phone_from(&site, good);
    let status = phone.register(&user, None).unwrap().status();
    assert!([200, 301].contains(&status), "{status}");

    let shown = site.operator().done(&["limits", "show"], "").unwrap();
    assert!(shown.contains(&bad.to_string()), "{shown}");
    let words = ["limits", "forgive", &bad.to_string(), "--machine", DIR01];
    site.operator().done(&words, "").unwrap();
    let shown = site.operator().done(&["limits", "show"], "").unwrap();
    assert!(!shown.contains(&bad.to_string()), "{shown}");
}
