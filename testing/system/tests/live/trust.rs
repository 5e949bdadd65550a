//! Who is let in, and as whom: the handshake decides, and what it decided holds for every request.
//!
//! The stranger is Debian's `openssl`. Every refusal has its nearest admission beside it: the same door, the same
//! authority, a certificate that is in order.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sip::msg::Name;
use system::authority::{Authority, Identity, Validity};
use system::needs::{Need, are_met};
use system::process::Mark;
use system::sip_client::{SipClient, Words};
use system::stranger::{Door, Outcome, knock, self_signed};
use system::tls::{PATIENCE, Wire};
use system::wait;

use super::site::{DIR01, DIR02, EDGE01, FE01, Site, flow};

const NEEDS: [Need; 1] = [Need::Program("openssl")];
const SOON: Duration = Duration::from_secs(10);
const ALICE: &str = "sip:alice@contoso.com";
const CAROL: &str = "sip:carol@contoso.com";

/// Doors that only machines of the topology pass.
const MUTUAL: [(&str, u8); 2] = [(EDGE01, flow::EDGE_INSIDE), (FE01, flow::DIRECTORY)];
/// Doors that phones pass without a certificate.
const EITHER: [(&str, u8); 2] = [(DIR01, flow::SIGN_IN), (FE01, flow::SIGN_IN)];

/// A request that whoever is let in gets an answer to.
fn request(machine: &str, row: u8) -> String {
    if row == flow::DIRECTORY {
        return format!("GET /directory/snapshot HTTP/1.1\nHost: {machine}\n");
    }
    format!(
        "OPTIONS sip:{machine} SIP/2.0\nVia: SIP/2.0/TLS stranger.invalid;branch=z9hG4bKstranger\n\
         From: <sip:stranger@stranger.invalid>;tag=1\nTo: <sip:{machine}>\nCall-ID: stranger\n\
         CSeq: 1 OPTIONS\nMax-Forwards: 70\nContent-Length: 0\n"
    )
}

fn try_door(site: &Site, (machine, row): (&str, u8), identity: Option<&Identity>) -> Outcome {
    let root = site.operator().root();
    let door = Door {
        address: site.address(machine, row),
        name: machine,
        root: &root,
    };
    knock(door, identity, &request(machine, row), site.folder()).unwrap()
}

fn is_answered(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered(line) if line.contains(" 200"))
}

/// An authority of the test's own, or the deployment's, with a folder of its own for what it issues.
fn folder(site: &Site, name: &str) -> std::path::PathBuf {
    let folder = site.folder().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn without_a_certificate_only_the_doors_of_phones_open() {
    if !are_met(
        "trust::without_a_certificate_only_the_doors_of_phones_open",
        &NEEDS,
    ) {
        return;
    }
    let site = Site::new();
    let _product = site.up();
    for door in MUTUAL {
        let outcome = try_door(&site, door, None);
        assert!(
            outcome.is_alert("certificate required"),
            "{door:?}: {outcome:?}"
        );
    }
    for door in EITHER {
        let outcome = try_door(&site, door, None);
        assert!(is_answered(&outcome), "{door:?}: {outcome:?}");
    }
    assert!(site.report(EDGE01).count("refused_no_certificate") > 0);
}

#[test]
fn a_certificate_that_does_not_verify_is_refused_at_every_door() {
    if !are_met(
        "trust::a_certificate_that_does_not_verify_is_refused_at_every_door",
        &NEEDS,
    ) {
        return;
    }
    let site = Site::new();
    let _product = site.up();
    let home = site.operator().state().join("ca");
    let (own, other, ours) = (
        folder(&site, "own"),
        folder(&site, "other"),
        folder(&site, "ours"),
    );
    let foreign = Authority::new(&other).unwrap().issue(&[DIR02]).unwrap();
    let authority = Authority::of(&home, &ours).unwrap();
    let expired = authority.issue_for(&[DIR02], Validity::Over).unwrap();
    let strangers = [
        // What a tool signs with its own key is an authority of its own, which is no certificate of a machine.
        (
            "self-signed",
            self_signed(DIR02, &own).unwrap(),
            "certificate unknown",
        ),
        ("of another authority", foreign, "unknown ca"),
        ("expired", expired, "certificate expired"),
    ];
    for door in MUTUAL.into_iter().chain(EITHER) {
        for (what, identity, alert) in &strangers {
            let outcome = try_door(&site, door, Some(identity));
            assert!(outcome.is_alert(alert), "{what} at {door:?}: {outcome:?}");
        }
    }
    for machine in [EDGE01, DIR01, FE01] {
        assert!(
            site.report(machine).count("refused_certificate") >= 3,
            "{machine}"
        );
    }
    let sound = authority.issue(&[DIR02]).unwrap();
    for door in MUTUAL.into_iter().chain(EITHER) {
        let outcome = try_door(&site, door, Some(&sound));
        assert!(
            is_answered(&outcome),
            "the same certificate in order, at {door:?}: {outcome:?}"
        );
    }
}

#[test]
fn a_valid_certificate_for_another_name_makes_no_server() {
    if !are_met(
        "trust::a_valid_certificate_for_another_name_makes_no_server",
        &NEEDS,
    ) {
        return;
    }
    let site = Site::new();
    let _product = site.up();
    let authority = Authority::of(&site.operator().state().join("ca"), &folder(&site, "ours"));
    let nobody = authority.unwrap().issue(&["nobody.contoso.net"]).unwrap();
    for door in MUTUAL {
        let outcome = try_door(&site, door, Some(&nobody));
        assert!(
            matches!(outcome, Outcome::Refused(_)),
            "{door:?}: {outcome:?}"
        );
    }
    assert!(site.report(EDGE01).count("refused_stranger") > 0);
    let manner = system::tls::Manner::showing(&site.operator().root(), &nobody).unwrap();
    for (machine, row) in EITHER {
        // Where phones may come without a certificate, this one is a phone: what it asserts counts for nothing.
        let wire = Wire::connect(&manner, site.address(machine, row), machine).unwrap();
        assert_eq!(
            assert_alice(&mut SipClient::new(wire), "MESSAGE"),
            407,
            "{machine}"
        );
    }
}

#[test]
fn an_operators_certificate_makes_no_server() {
    if !are_met("trust::an_operators_certificate_makes_no_server", &NEEDS) {
        return;
    }
    let site = Site::new();
    let _product = site.up();
    // Even an operator who is called as a machine is.
    let example = super::site::topology();
    let issue = ["certs", "issue", text(&example), "--operator", DIR01];
    site.operator().done(&issue, "").unwrap();
    let files = site.operator().state().join("operators").join(DIR01);
    let identity = Identity {
        certificate: files.join("cert.pem"),
        key: files.join("key.pem"),
    };
    for door in MUTUAL {
        let outcome = try_door(&site, door, Some(&identity));
        assert!(
            matches!(outcome, Outcome::Refused(_)),
            "{door:?}: {outcome:?}"
        );
    }
    assert!(site.report(EDGE01).count("refused_stranger") > 0);
    let manner = system::tls::Manner::showing(&site.operator().root(), &identity).unwrap();
    for (machine, row) in EITHER {
        let wire = Wire::connect(&manner, site.address(machine, row), machine).unwrap();
        let status = assert_alice(&mut SipClient::new(wire), "MESSAGE");
        assert_eq!(status, 407, "a client like any other at {machine}");
    }
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_revoked_certificate_is_refused_after_a_reload() {
    if !are_met(
        "trust::a_revoked_certificate_is_refused_after_a_reload",
        &NEEDS,
    ) {
        return;
    }
    let site = Site::new();
    let mut product = site.up();
    let stolen = site.operator().identity(DIR02);
    for door in MUTUAL.into_iter().chain(EITHER) {
        assert!(
            is_answered(&try_door(&site, door, Some(&stolen))),
            "before, at {door:?}"
        );
    }
    site.operator()
        .done(&["certs", "revoke", "--machine", DIR02], "")
        .unwrap();
    let mark = product.process().mark();
    product.process().reload();
    wait_reloaded(&mut product, mark);
    for door in MUTUAL.into_iter().chain(EITHER) {
        let outcome = try_door(&site, door, Some(&stolen));
        assert!(
            outcome.is_alert("certificate revoked"),
            "{door:?}: {outcome:?}"
        );
        let outcome = try_door(&site, door, Some(&site.operator().identity(DIR01)));
        assert!(
            is_answered(&outcome),
            "another machine's certificate, at {door:?}: {outcome:?}"
        );
    }
}

fn wait_reloaded(product: &mut system::deployment::Deployment, mark: Mark) {
    let said = |line: &str| line.contains("read again");
    product
        .process()
        .wait_line(mark, SOON, "the reload", said)
        .unwrap();
}

/// Sends a request to Carol that claims, with an asserted identity, to come from Alice; returns the answer's status.
fn assert_alice(client: &mut SipClient, method: &str) -> u16 {
    let (uri, to) = if method == "REGISTER" {
        ("sip:contoso.com", ALICE)
    } else {
        (CAROL, CAROL)
    };
    let words = Words {
        method,
        uri,
        from: ALICE,
        to,
    };
    let request = client
        .compose(words)
        .header(Name::PAssertedIdentity, format_args!("<{ALICE}>"))
        .header(Name::Contact, "<sip:alice@stranger.invalid;transport=tls>");
    client.ask(&request).unwrap().status()
}

#[test]
fn an_edge_cannot_assert_one_of_our_users() {
    let site = Site::new();
    let _product = site.up();
    for machine in [DIR01, FE01] {
        let mut edge = SipClient::new(site.server(EDGE01, machine, flow::SIGN_IN));
        let mut phone = site.phone(machine);
        for (method, challenge) in [("MESSAGE", 407), ("INVITE", 407), ("REGISTER", 401)] {
            assert_eq!(
                assert_alice(&mut edge, method),
                challenge,
                "Edge, {method} to {machine}"
            );
            assert_eq!(
                assert_alice(&mut phone, method),
                challenge,
                "phone, {method} to {machine}"
            );
        }
    }
    // A Director's word counts: the Front End looks for Carol, who is not there.
    let mut director = SipClient::new(site.server(DIR01, FE01, flow::SIGN_IN));
    assert_eq!(assert_alice(&mut director, "MESSAGE"), 480);
}

#[test]
fn a_user_cannot_write_as_another_by_pretending_to_be_inside_a_dialog() {
    let site = Site::new();
    let product = site.up();
    let [alice, _, carol] = product.facts().users.as_slice() else {
        panic!("three users for trials")
    };
    let contact = "sip:carol@tester.invalid;transport=tls";
    let (mut sender, mut receiver) = (site.phone(FE01), site.phone(FE01));
    let own = "sip:alice@tester.invalid;transport=tls";
    assert_eq!(sender.register(alice, Some(own)).unwrap().status(), 200);
    assert_eq!(
        receiver.register(carol, Some(contact)).unwrap().status(),
        200
    );
    let words = Words {
        method: "MESSAGE",
        uri: contact,
        from: "sip:bob@contoso.com",
        to: CAROL,
    };
    for to in [format!("<{CAROL}>"), format!("<{CAROL}>;tag=none")] {
        let text = String::from_utf8(sender.compose(words).write().to_vec()).unwrap();
        let text = text.replace(&format!("To: <{CAROL}>"), &format!("To: {to}"));
        sender.wire().send(text.as_bytes()).unwrap();
        let status = sender.answer(SOON).expect("nobody but us answers").status();
        assert!(matches!(status, 403 | 407), "To: {to}: {status}");
    }
}

#[test]
fn the_directory_is_given_to_directors_and_not_to_edges() {
    let site = Site::new();
    let _product = site.up();
    for path in [
        "/directory/snapshot",
        "/directory/changes?log=0&from=0",
        "/other",
    ] {
        let status = get(&mut site.server(EDGE01, FE01, flow::DIRECTORY), path);
        assert_eq!(status, 403, "{path}");
    }
    let status = get(
        &mut site.server(DIR01, FE01, flow::DIRECTORY),
        "/directory/snapshot",
    );
    assert_eq!(status, 200);
    // Let in, and told to begin with a snapshot: no log has this name.
    let mut wire = site.server(DIR01, FE01, flow::DIRECTORY);
    assert_eq!(get(&mut wire, "/directory/changes?log=0&from=0"), 410);
}

/// Asks for a page; returns the status.
fn get(wire: &mut Wire, path: &str) -> u16 {
    wire.send(format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").as_bytes())
        .unwrap();
    let mut head = Vec::new();
    while !head.windows(2).any(|pair| pair == b"\r\n") {
        head.extend_from_slice(&wire.receive(Instant::now() + PATIENCE).unwrap());
    }
    let line = String::from_utf8_lossy(&head);
    line.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap()
}

#[test]
fn plain_text_on_a_tls_port_is_closed_and_counted() {
    let site = Site::new();
    let _product = site.up();
    for (machine, row) in [
        (EDGE01, flow::EDGE_INSIDE),
        (EDGE01, flow::OUTSIDE),
        (DIR01, flow::SIGN_IN),
    ] {
        let before = site.report(machine).count("refused_not_tls");
        let mut plain = TcpStream::connect(site.address(machine, row)).unwrap();
        plain.set_read_timeout(Some(PATIENCE)).unwrap();
        plain
            .write_all(request(machine, row).replace('\n', "\r\n").as_bytes())
            .unwrap();
        let mut answer = Vec::new();
        // The end may be a reset, since what was sent is not read.
        let _ended = plain.read_to_end(&mut answer);
        assert!(
            answer.len() < 16 && !answer.starts_with(b"SIP"),
            "{machine}: {answer:?}"
        );
        let counted = || (site.report(machine).count("refused_not_tls") > before).then_some(());
        assert!(wait::until(SOON, counted).is_some(), "{machine}");
    }
}
