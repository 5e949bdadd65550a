//! The phones against Kamailio, with nothing of ours between: proves that these tests can pass, so that a failure of
//! their twins against the product is the product's.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use system::authority::Authority;
use system::block::Block;
use system::kamailio::Kamailio;
use system::names::{Names, Resolver};
use system::needs::{Need, are_met};
use system::phones::{Account, Baresip, Event, Linphone, Phone, Registration, Setup, Watches};

use super::scenario::{cancel, message, reject, talk};

const DOMAIN: &str = "example.net";
const SERVER: &str = "sip.example.net";
const PORT: u16 = 5061;
const NEEDS: [Need; 4] = [
    Need::Root,
    Need::Program("kamailio"),
    Need::Program("baresip"),
    Need::Program("linphonec"),
];

/// Kamailio with a certificate, a place for the phones, and the names they need.
struct Office {
    folder: tempfile::TempDir,
    block: Block,
    names: Names,
    authority: Authority,
    _server: Kamailio,
}

impl Office {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let block = Block::take();
        let authority = Authority::new(folder.path()).unwrap();
        let identity = authority.issue(&[SERVER]).unwrap();
        let at = block.address(1);
        let server = Kamailio::start(folder.path(), (at, PORT), DOMAIN, &identity).unwrap();
        let mut names = Names::default();
        names.add(SERVER, at);
        // Resolves too, and is not in the certificate.
        names.add("other.example.net", at);
        Self {
            folder,
            block,
            names,
            authority,
            _server: server,
        }
    }

    fn account(user: &str) -> Account {
        Account {
            user: user.to_owned(),
            domain: DOMAIN.to_owned(),
            password: Kamailio::password(user),
            server: SERVER.to_owned(),
            port: PORT,
        }
    }

    fn with<P>(&self, account: &Account, last: u8, start: impl FnOnce(&Setup<'_>) -> P) -> P {
        let folder: PathBuf = self.folder.path().join(format!("{}-{last}", account.user));
        std::fs::create_dir(&folder).unwrap();
        let at: Ipv4Addr = self.block.address(last);
        let trust = self.authority.root();
        start(&Setup {
            account,
            certificate: None,
            names: Resolver::Table(&self.names),
            at,
            trust: &trust,
            folder: &folder,
            watches: Watches::Nobody,
        })
    }

    fn baresip(&self, account: &Account) -> Baresip {
        self.with(account, 11, |setup| Baresip::start(setup).unwrap())
    }

    fn linphone(&self, account: &Account) -> Linphone {
        self.with(account, 12, |setup| Linphone::start(setup).unwrap())
    }

    /// Returns both phones, signed in.
    fn signed_in(&self) -> (Baresip, Linphone) {
        let mut alice = self.baresip(&Self::account("alice"));
        let mut bob = self.linphone(&Self::account("bob"));
        assert_eq!(alice.registration().unwrap(), Registration::Registered);
        assert_eq!(bob.registration().unwrap(), Registration::Registered);
        (alice, bob)
    }
}

#[test]
fn calls_are_set_up_answered_and_ended_by_either_side() {
    if !are_met(
        "peers_alone::calls_are_set_up_answered_and_ended_by_either_side",
        &NEEDS,
    ) {
        return;
    }
    let office = Office::open();
    let (mut alice, mut bob) = office.signed_in();
    talk(&mut alice, &mut bob, "sip:bob@example.net", true);
    talk(&mut alice, &mut bob, "sip:bob@example.net", false);
    talk(&mut bob, &mut alice, "sip:alice@example.net", true);
    talk(&mut bob, &mut alice, "sip:alice@example.net", false);
}

#[test]
fn a_caller_cancels_and_a_callee_is_busy() {
    if !are_met("peers_alone::a_caller_cancels_and_a_callee_is_busy", &NEEDS) {
        return;
    }
    let office = Office::open();
    let (mut alice, mut bob) = office.signed_in();
    cancel(&mut alice, &mut bob, "sip:bob@example.net");
    cancel(&mut bob, &mut alice, "sip:alice@example.net");
    reject(&mut alice, &mut bob, "sip:bob@example.net");
    reject(&mut bob, &mut alice, "sip:alice@example.net");
    alice.call("sip:nobody@example.net").unwrap();
    alice.wait_for(&Event::Refused(404)).unwrap();
}

#[test]
fn a_message_goes_each_way() {
    if !are_met("peers_alone::a_message_goes_each_way", &NEEDS) {
        return;
    }
    let office = Office::open();
    let (mut alice, mut bob) = office.signed_in();
    message(
        &mut alice,
        &mut bob,
        "sip:bob@example.net",
        "from alice to bob",
    );
    message(
        &mut bob,
        &mut alice,
        "sip:alice@example.net",
        "from bob to alice",
    );
}

#[test]
fn a_wrong_password_is_refused() {
    if !are_met("peers_alone::a_wrong_password_is_refused", &NEEDS) {
        return;
    }
    let office = Office::open();
    let wrong = |user| Account {
        password: "wrong".to_owned(),
        ..Office::account(user)
    };
    assert_eq!(
        office.baresip(&wrong("alice")).registration().unwrap(),
        Registration::Refused(401)
    );
    assert_eq!(
        office.linphone(&wrong("bob")).registration().unwrap(),
        Registration::Refused(401)
    );
}

#[test]
fn linphone_refuses_a_server_whose_certificate_has_another_name() {
    if !are_met(
        "peers_alone::linphone_refuses_a_server_whose_certificate_has_another_name",
        &NEEDS,
    ) {
        return;
    }
    let office = Office::open();
    let account = Account {
        server: "other.example.net".to_owned(),
        ..Office::account("bob")
    };
    assert_eq!(
        office.linphone(&account).registration().unwrap(),
        Registration::Unreachable
    );
}
