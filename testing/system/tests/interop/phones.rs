//! Real phones sign in, call and write through the whole reference topology, from inside and from outside.
//!
//! Inside, Linphone is redirected to its home pool and Baresip, which cannot follow, is signed in through the Director;
//! outside, both come in through the Edge. When one of these fails, look whether its twin in `peers_alone` passes.

use std::path::PathBuf;

use system::block::Block;
use system::deployment::{Deployment, Entrance, NameServers};
use system::names::{Names, Resolver};
use system::needs::{Need, are_met};
use system::operator::Operator;
use system::phones::{Account, Baresip, Event, Linphone, Phone, Registration, Setup, Watches};

use super::scenario::{cancel, message, reject, talk};

pub(crate) const NEEDS: [Need; 3] = [
    Need::Root,
    Need::Program("baresip"),
    Need::Program("linphonec"),
];

const REFERENCE: &str = include_str!("../../../../examples/reference.toml");

/// The reference topology, running, and a place for phones.
pub(crate) struct Trial {
    folder: tempfile::TempDir,
    phones: Block,
    product: Deployment,
    _servers: Block,
}

impl Trial {
    pub(crate) fn start() -> Self {
        Self::of(None)
    }

    /// The reference topology with more lines at its end.
    pub(crate) fn with_lines(lines: &str) -> Self {
        Self::of(Some(&format!("{REFERENCE}\n{lines}\n")))
    }

    fn of(topology: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (servers, phones) = (Block::take(), Block::take());
        let file = topology.map(|text| {
            let file = folder.path().join("topology.toml");
            std::fs::write(&file, text).unwrap();
            file
        });
        let product = Deployment::up(file.as_deref(), &servers, folder.path()).unwrap();
        Self {
            folder,
            phones,
            product,
            _servers: servers,
        }
    }

    pub(crate) fn inside(&self) -> &Entrance {
        &self.product.facts().inside
    }

    pub(crate) fn outside(&self) -> &Entrance {
        &self.product.facts().outside
    }

    pub(crate) fn names(&self) -> Names {
        self.product.names()
    }

    pub(crate) fn operator(&self) -> Operator {
        Operator::of(&self.product.state())
    }

    /// A Baresip of a user, at an entrance.
    pub(crate) fn baresip_of(&self, user: usize, entrance: &Entrance, last: u8) -> Baresip {
        let account = self.account(user, entrance);
        self.with(&account, last, Watches::Nobody, |setup| {
            Baresip::start(setup).unwrap()
        })
    }

    pub(crate) fn name_servers(&self) -> NameServers {
        self.product.facts().name_servers
    }

    pub(crate) fn account(&self, user: usize, entrance: &Entrance) -> Account {
        self.product.account(user, entrance).unwrap()
    }

    fn baresip(&self, account: &Account) -> Baresip {
        self.with(account, 1, Watches::Nobody, |setup| {
            Baresip::start(setup).unwrap()
        })
    }

    fn linphone(&self, account: &Account) -> Linphone {
        self.with(account, 2, Watches::Nobody, |setup| {
            Linphone::start(setup).unwrap()
        })
    }

    pub(crate) fn with<P>(
        &self,
        account: &Account,
        last: u8,
        watches: Watches<'_>,
        start: impl FnOnce(&Setup<'_>) -> P,
    ) -> P {
        let names = self.product.names();
        self.resolving(account, last, Resolver::Table(&names), watches, start)
    }

    /// The same with another way to names.
    pub(crate) fn resolving<P>(
        &self,
        account: &Account,
        last: u8,
        names: Resolver<'_>,
        watches: Watches<'_>,
        start: impl FnOnce(&Setup<'_>) -> P,
    ) -> P {
        let folder: PathBuf = self.folder.path().join(format!("{}-{last}", account.user));
        std::fs::create_dir_all(&folder).unwrap();
        let trust = self.product.root_certificate();
        let at = self.phones.address(last);
        start(&Setup {
            account,
            names,
            certificate: None,
            at,
            trust: &trust,
            folder: &folder,
            watches,
        })
    }

    /// Returns both phones signed in at these entrances, and their addresses of record.
    fn signed_in(
        &self,
        baresip: &Entrance,
        linphone: &Entrance,
    ) -> (Baresip, Linphone, [String; 2]) {
        let (first, second) = (self.account(0, baresip), self.account(1, linphone));
        let (mut alice, mut bob) = (self.baresip(&first), self.linphone(&second));
        assert_eq!(alice.registration().unwrap(), Registration::Registered);
        assert_eq!(bob.registration().unwrap(), Registration::Registered);
        (alice, bob, [first.uri(), second.uri()])
    }
}

fn saw(phone: &dyn Phone, start_of_line: &str) -> bool {
    phone
        .log()
        .iter()
        .any(|line| line.starts_with(start_of_line))
}

#[test]
fn inside_one_phone_is_redirected_and_the_other_is_signed_in_by_proxy() {
    if !are_met(
        "phones::inside_one_phone_is_redirected_and_the_other_is_signed_in_by_proxy",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::start();
    let (alice, bob, _) = trial.signed_in(trial.inside(), trial.inside());
    assert!(
        !saw(&alice, "SIP/2.0 301 "),
        "this phone cannot follow a redirection"
    );
    assert!(
        saw(&bob, "SIP/2.0 301 "),
        "this phone is to be sent to its home pool"
    );
}

#[test]
fn where_the_deployment_says_so_nobody_is_redirected_and_calls_go_through_the_director() {
    if !are_met(
        "phones::where_the_deployment_says_so_nobody_is_redirected_and_calls_go_through_the_director",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::with_lines("[sip]\ninternal_sign_in = \"proxy\"");
    let (mut alice, mut bob, [alice_uri, bob_uri]) =
        trial.signed_in(trial.inside(), trial.inside());
    assert!(!saw(&alice, "SIP/2.0 301 ") && !saw(&bob, "SIP/2.0 301 "));
    talk(&mut alice, &mut bob, &bob_uri, true);
    talk(&mut bob, &mut alice, &alice_uri, true);
}

#[test]
fn outside_both_phones_sign_in_through_the_edge() {
    if !are_met(
        "phones::outside_both_phones_sign_in_through_the_edge",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::start();
    let (alice, bob, _) = trial.signed_in(trial.outside(), trial.outside());
    assert!(!saw(&alice, "SIP/2.0 301 ") && !saw(&bob, "SIP/2.0 301 "));
}

#[test]
fn a_call_between_inside_and_outside_is_ended_by_either_side() {
    if !are_met(
        "phones::a_call_between_inside_and_outside_is_ended_by_either_side",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::start();
    let ways = [
        (trial.outside(), trial.inside()),
        (trial.inside(), trial.outside()),
    ];
    for (baresip, linphone) in ways {
        let (mut alice, mut bob, [alice_uri, bob_uri]) = trial.signed_in(baresip, linphone);
        for caller_ends in [true, false] {
            talk(&mut alice, &mut bob, &bob_uri, caller_ends);
            talk(&mut bob, &mut alice, &alice_uri, caller_ends);
        }
    }
}

#[test]
fn between_inside_and_outside_a_call_is_cancelled_rejected_and_unanswerable() {
    if !are_met(
        "phones::between_inside_and_outside_a_call_is_cancelled_rejected_and_unanswerable",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::start();
    let (mut alice, mut bob, [alice_uri, bob_uri]) =
        trial.signed_in(trial.outside(), trial.inside());
    cancel(&mut alice, &mut bob, &bob_uri);
    cancel(&mut bob, &mut alice, &alice_uri);
    reject(&mut alice, &mut bob, &bob_uri);
    reject(&mut bob, &mut alice, &alice_uri);
    alice.call(&bob_uri.replace("sip:", "sip:nobody-")).unwrap();
    alice.wait_for(&Event::Refused(404)).unwrap();
}

#[test]
fn a_message_goes_each_way_between_inside_and_outside() {
    if !are_met(
        "phones::a_message_goes_each_way_between_inside_and_outside",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::start();
    let (mut alice, mut bob, [alice_uri, bob_uri]) =
        trial.signed_in(trial.outside(), trial.inside());
    message(&mut alice, &mut bob, &bob_uri, "from outside to inside");
    message(&mut bob, &mut alice, &alice_uri, "from inside to outside");
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_refused_in_the_same_way() {
    if !are_met(
        "phones::a_wrong_password_and_an_unknown_user_are_refused_in_the_same_way",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::start();
    for entrance in [trial.inside(), trial.outside()] {
        let wrong = Account {
            password: "wrong".to_owned(),
            ..trial.account(0, entrance)
        };
        let unknown = Account {
            user: "nobody".to_owned(),
            ..wrong.clone()
        };
        let outcome = trial.baresip(&wrong).registration().unwrap();
        assert!(
            matches!(outcome, Registration::Refused(401 | 403)),
            "{outcome:?}"
        );
        assert_eq!(trial.baresip(&unknown).registration().unwrap(), outcome);
        let outcome = trial.linphone(&wrong).registration().unwrap();
        assert!(
            matches!(outcome, Registration::Refused(401 | 403)),
            "{outcome:?}"
        );
        assert_eq!(trial.linphone(&unknown).registration().unwrap(), outcome);
    }
}
