//! A phone that has a certificate and no password: enrolled at a web site with curl and openssl, good for its user, and of
//! no use once it is revoked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use system::deployment::Entrance;
use system::names::Resolver;
use system::needs::{Need, are_met};
use system::phones::{Account, Linphone, Phone, Registration, Setup, Watches};
use system::web::curl::{Answer, Curl};

use super::phones::{NEEDS, Trial};
use super::scenario::message;

const CURL: [Need; 2] = [Need::Program("curl"), Need::Program("openssl")];
/// The internal web site of the Directors.
const SITE: &str = "webdir.contoso.net";
/// Who calls this name is asked for a certificate.
const ENTRANCE: &str = "sipcert.contoso.com";
const HTTPS: u16 = 443;

/// What a user does at the web site.
struct Desk {
    curl: Curl,
    folder: tempfile::TempDir,
}

impl Desk {
    fn at(trial: &Trial) -> Self {
        let site = trial.names().addresses(SITE)[0];
        let root = trial.operator().root();
        let at = SocketAddr::new(site, HTTPS);
        Self {
            curl: Curl::believing(&root).knowing(SITE, at),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn ticket(&self, account: &Account) -> String {
        let user = format!("{}@{}:{}", account.user, account.domain, account.password);
        let url = format!("https://{SITE}/WebTicket/Ticket");
        let answer = self
            .curl
            .fetch(&["--request", "POST", "--user", &user], &url);
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// A key, and a signing request for somebody.
    fn request(&self, name: &str) -> (PathBuf, PathBuf) {
        let file = |end: &str| self.folder.path().join(format!("{name}.{end}"));
        let (key, csr) = (file("key"), file("csr"));
        let made = Command::new("openssl")
            .args([
                "req",
                "-new",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
            ])
            .args(["-nodes", "-subj", &format!("/CN={name}"), "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&csr)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        (key, csr)
    }

    fn enrol(&self, ticket: &str, csr: &Path) -> Answer {
        let bearer = format!("Authorization: Bearer {ticket}");
        let body = format!("@{}", csr.display());
        let url = format!("https://{SITE}/CertProv/Certificates");
        let words = ["--header", &bearer, "--data-binary", &body];
        self.curl.fetch(&words, &url).unwrap()
    }

    /// One file with a certificate for an account and its key.
    fn certificate(&self, account: &Account) -> PathBuf {
        let (key, csr) = self.request(&format!("{}@{}", account.user, account.domain));
        let answer = self.enrol(&self.ticket(account), &csr);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let key = std::fs::read_to_string(key).unwrap();
        let file = self.folder.path().join(format!("{}.pem", account.user));
        std::fs::write(&file, format!("{}{key}", answer.body)).unwrap();
        file
    }
}

/// The account without its password, at the entrance for those with a certificate.
fn without_password(trial: &Trial, user: usize) -> Account {
    let entrance = Entrance {
        host: ENTRANCE.to_owned(),
        port: trial.inside().port,
    };
    Account {
        password: "no password at all".to_owned(),
        ..trial.account(user, &entrance)
    }
}

fn phone(trial: &Trial, account: &Account, last: u8, certificate: &Path) -> Linphone {
    let names = trial.names();
    let names = Resolver::Table(&names);
    trial.resolving(account, last, names, Watches::Nobody, |setup| {
        Linphone::start(&Setup {
            certificate: Some(certificate),
            ..*setup
        })
        .unwrap()
    })
}

#[test]
fn a_phone_signs_in_by_an_enrolled_certificate_until_it_is_revoked() {
    let needs = [&NEEDS[..], &CURL].concat();
    if !are_met(
        "certificates::a_phone_signs_in_by_an_enrolled_certificate_until_it_is_revoked",
        &needs,
    ) {
        return;
    }
    let trial = Trial::start();
    let desk = Desk::at(&trial);
    let file = desk.certificate(&trial.account(0, trial.inside()));
    let alice = without_password(&trial, 0);
    let mut holder = phone(&trial, &alice, 1, &file);
    assert_eq!(holder.registration().unwrap(), Registration::Registered);
    // She is not merely registered: who writes to her reaches her, and she may write.
    let mut bob = trial.baresip_of(1, trial.inside(), 2);
    assert_eq!(bob.registration().unwrap(), Registration::Registered);
    let bob_uri = trial.account(1, trial.inside()).uri();
    message(
        &mut bob,
        &mut holder,
        &alice.uri(),
        "to whom has a certificate",
    );
    message(
        &mut holder,
        &mut bob,
        &bob_uri,
        "from whom has a certificate",
    );
    drop(holder);

    // It is alice's and nobody else's.
    let mut other = phone(&trial, &without_password(&trial, 1), 3, &file);
    let refused = other.registration().unwrap();
    assert!(
        matches!(refused, Registration::Refused(401 | 403)),
        "{refused:?}"
    );

    let operator = trial.operator();
    let listed = operator
        .done(&["user", "certs", "list", &alice.uri()], "")
        .unwrap();
    assert!(listed.contains("Fingerprint"), "{listed}");
    operator
        .done(&["user", "certs", "revoke", &alice.uri(), "--all"], "")
        .unwrap();
    let mut revoked = phone(&trial, &alice, 4, &file);
    let refused = revoked.registration().unwrap();
    assert!(
        matches!(refused, Registration::Refused(401 | 403)),
        "{refused:?}"
    );
}

#[test]
fn a_request_for_somebody_else_and_a_ticket_that_is_none_get_no_certificate() {
    if !are_met(
        "certificates::a_request_for_somebody_else_and_a_ticket_that_is_none_get_no_certificate",
        &[&NEEDS[..], &CURL].concat(),
    ) {
        return;
    }
    let trial = Trial::start();
    let desk = Desk::at(&trial);
    let account = trial.account(0, trial.inside());
    let ticket = desk.ticket(&account);
    let own = format!("{}@{}", account.user, account.domain);
    let (_, good) = desk.request(&own);
    for name in ["dir01.contoso.net", "somebody@contoso.com"] {
        let (_, foreign) = desk.request(name);
        let answer = desk.enrol(&ticket, &foreign);
        assert_eq!(answer.status, 422, "{name}");
        assert!(answer.body.contains(name), "{}", answer.body);
    }
    let (key, _) = desk.request(&own);
    assert_eq!(desk.enrol(&ticket, &key).status, 422, "a key is no request");
    let mut forged = ticket.clone();
    forged.replace_range(20..21, if &ticket[20..21] == "A" { "B" } else { "A" });
    for bad in ["", "made-up", &forged] {
        assert_eq!(desk.enrol(bad, &good).status, 401, "{bad}");
    }
    assert_eq!(
        desk.enrol(&ticket, &good).status,
        201,
        "beside them a good one is served"
    );
}
