//! Another organisation, run by Kamailio, and ours: calls and messages both ways over mutual TLS, and who is refused.
//!
//! The partner's certificates come from an authority of its own, which only the federation side of the Edge believes. Its
//! phone and ours are scripts ([`system::agent`]).

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use sip::msg::{Message, Name};
use system::agent::{Agent, Dialog, Doors, Link};
use system::authority::{Authority, Identity};
use system::block::Block;
use system::deployment::{Deployment, User};
use system::kamailio::KamailioError;
use system::needs::{Need, are_met};
use system::partner::{Partner, Setup};
use system::tls::{Manner, Wire};

const REFERENCE: &str = include_str!("../../../../examples/reference.toml");
pub(super) const DOMAIN: &str = "fabrikam.com";
pub(super) const BOB: &str = "sip:bob@fabrikam.com";
pub(super) const NEEDS: [Need; 1] = [Need::Program("kamailio")];
/// The name of our Edge outside.
const EDGE: &str = "sip.contoso.com";
/// Where partners of the trial listen, and their phones come.
const PORT: u16 = 5061;
const PHONES: u16 = 5060;

/// Ours, running, and what a partner is made of.
pub(super) struct Trial {
    folder: tempfile::TempDir,
    theirs: Block,
    pub(super) authority: Authority,
    pub(super) product: Deployment,
    _ours: Block,
}

impl Trial {
    /// `lines` makes the federation part of the topology from the address of the partner and the file it is believed by.
    pub(super) fn start(lines: impl FnOnce(Ipv4Addr, &str) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (Block::take(), Block::take());
        let home = folder.path().join("partner");
        std::fs::create_dir_all(&home).unwrap();
        let authority = Authority::new(&home).unwrap();
        let ca = authority.root().display().to_string();
        let lines = lines(theirs.address(1), &ca);
        let file = folder.path().join("topology.toml");
        std::fs::write(&file, format!("{REFERENCE}\n{lines}\n")).unwrap();
        let product = Deployment::up(Some(&file), &ours, folder.path()).unwrap();
        Self {
            folder,
            theirs,
            authority,
            product,
            _ours: ours,
        }
    }

    /// The partner is listed, with its servers.
    pub(super) fn allowing() -> Self {
        Self::start(|at, ca| {
            format!(
                "[federation]\nmode = \"allow\"\nca = \"{ca}\"\n\
                 [[federation.partner]]\ndomain = \"{DOMAIN}\"\nservers = [\"{at}:{PORT}\"]"
            )
        })
    }

    pub(super) fn edge(&self) -> SocketAddr {
        let names = self.product.names();
        let at = names.addresses(EDGE).first().copied().unwrap();
        SocketAddr::from((at, 5061))
    }

    pub(super) fn partner(&self, identity: &Identity) -> Result<Partner, KamailioError> {
        Partner::start(&Setup {
            folder: &self.folder.path().join("partner"),
            at: self.theirs.address(1),
            port: PORT,
            phones: PHONES,
            domain: DOMAIN,
            identity,
            believed: &self.product.root_certificate(),
            edge: self.edge(),
        })
    }

    /// The partner's phone, signed in there.
    pub(super) fn bob(&self) -> Agent {
        let server = SocketAddr::from((self.theirs.address(1), PHONES));
        let link = Link::tcp(self.theirs.address(9), server).unwrap();
        let bob = User {
            uri: BOB.to_owned(),
            password: String::new(),
        };
        let mut agent = Agent::new(link).unwrap().acting_for(&bob);
        let registration = agent.registration();
        agent.sign_in(registration).unwrap();
        agent
    }

    pub(super) fn user(&self, number: usize) -> &User {
        &self.product.facts().users[number]
    }

    pub(super) fn alice(&self) -> Agent {
        let doors = Doors::of(&self.product).unwrap();
        doors.sign_in_inside(self.user(0)).unwrap()
    }

    pub(super) fn outside(&self) -> Agent {
        let doors = Doors::of(&self.product).unwrap();
        doors.sign_in_outside(self.user(1)).unwrap()
    }

    /// A script in place of the partner's server, with this certificate.
    pub(super) fn impostor(&self, identity: &Identity) -> Agent {
        let ours = self.product.root_certificate();
        let manner = Manner::showing(&ours, identity).unwrap();
        let wire = Wire::connect(&manner, self.edge(), EDGE).unwrap();
        Agent::new(Link::Tls(Box::new(wire))).unwrap()
    }

    fn ca_of_ours(&self) -> PathBuf {
        self.product.root_certificate()
    }
}

/// Calls, rings, answers; returns what came to the callee and both ends of the dialog.
pub(super) fn set_up(
    caller: &mut Agent,
    callee: &mut Agent,
    uri: &str,
) -> (Message, Dialog, Dialog) {
    let invite = caller.request("INVITE", uri);
    let invite = caller.begin(invite).unwrap();
    let asked = callee.expect("INVITE").unwrap();
    callee.answer(&asked, 180).unwrap();
    caller.expect_status(&invite, 180).unwrap();
    let answer = callee.answer(&asked, 200).unwrap();
    let ok = caller.expect_status(&invite, 200).unwrap();
    let here = caller.confirm(&invite, &ok).unwrap();
    callee.expect("ACK").unwrap();
    let there = Dialog::of_callee(&asked, &answer).unwrap();
    (asked, here, there)
}

/// A whole call; `callee_hangs_up` says who ends it.
pub(super) fn call(
    caller: &mut Agent,
    callee: &mut Agent,
    uri: &str,
    callee_hangs_up: bool,
) -> Message {
    let (asked, here, there) = set_up(caller, callee, uri);
    let (ender, other, mut dialog) = if callee_hangs_up {
        (callee, caller, there)
    } else {
        (caller, callee, here)
    };
    let bye = ender.within(&mut dialog, "BYE");
    let bye = ender.begin(bye).unwrap();
    let ended = other.expect("BYE").unwrap();
    other.answer(&ended, 200).unwrap();
    ender.expect_status(&bye, 200).unwrap();
    asked
}

pub(super) fn message(from: &mut Agent, to: &mut Agent, uri: &str) -> Message {
    let sent = from.request("MESSAGE", uri);
    let sent = from.begin(sent).unwrap();
    let got = to.expect("MESSAGE").unwrap();
    to.answer(&got, 200).unwrap();
    from.expect_status(&sent, 200).unwrap();
    got
}

#[test]
fn calls_and_messages_go_both_ways_over_mutual_tls() {
    if !are_met(
        "federation::calls_and_messages_go_both_ways_over_mutual_tls",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::allowing();
    let identity = trial.authority.issue(&[DOMAIN]).unwrap();
    let _partner = trial.partner(&identity).unwrap();
    let (mut alice, mut bob) = (trial.alice(), trial.bob());
    let ours = trial.user(0).uri.clone();
    let came = call(&mut alice, &mut bob, BOB, false);
    assert!(
        came.text(Name::PAssertedIdentity).is_none(),
        "an identity went to a partner whom nobody trusts"
    );
    call(&mut alice, &mut bob, BOB, true);
    call(&mut bob, &mut alice, &ours, false);
    call(&mut bob, &mut alice, &ours, true);
    message(&mut alice, &mut bob, BOB);
    message(&mut bob, &mut alice, &ours);
    // A user of ours who is outside crosses the Edge twice.
    let mut away = trial.outside();
    let theirs = trial.user(1).uri.clone();
    call(&mut away, &mut bob, BOB, false);
    call(&mut bob, &mut away, &theirs, true);
}

#[test]
fn a_call_to_a_partner_is_cancelled_there() {
    if !are_met("federation::a_call_to_a_partner_is_cancelled_there", &NEEDS) {
        return;
    }
    let trial = Trial::allowing();
    let identity = trial.authority.issue(&[DOMAIN]).unwrap();
    let _partner = trial.partner(&identity).unwrap();
    let (mut alice, mut bob) = (trial.alice(), trial.bob());
    let invite = alice.request("INVITE", BOB);
    let invite = alice.begin(invite).unwrap();
    let asked = bob.expect("INVITE").unwrap();
    bob.answer(&asked, 180).unwrap();
    alice.expect_status(&invite, 180).unwrap();
    let cancel = alice.cancel(&invite);
    alice.send(&cancel).unwrap();
    let cancelled = bob.expect("CANCEL").unwrap();
    bob.answer(&cancelled, 200).unwrap();
    bob.answer(&asked, 487).unwrap();
    let end = alice.expect_status(&invite, 487).unwrap();
    alice.acknowledge(&invite, &end).unwrap();
}

#[test]
fn a_partner_whose_certificate_does_not_prove_its_domain_is_refused() {
    if !are_met(
        "federation::a_partner_whose_certificate_does_not_prove_its_domain_is_refused",
        &NEEDS,
    ) {
        return;
    }
    let trial = Trial::allowing();
    let other = trial.authority.issue(&["sip.fabrikam.com"]).unwrap();
    let _partner = trial.partner(&other).unwrap();
    let (mut alice, mut bob) = (trial.alice(), trial.bob());
    let invite = alice.request("INVITE", BOB);
    let invite = alice.begin(invite).unwrap();
    let end = alice.expect_final(&invite).unwrap();
    assert_eq!(end.status(), 504);
    alice.acknowledge(&invite, &end).unwrap();
    let ours = trial.user(0).uri.clone();
    let sent = bob.request("MESSAGE", &ours);
    let sent = bob.begin(sent).unwrap();
    assert!(bob.expect_final(&sent).unwrap().status() >= 400);
}

#[test]
fn a_partner_speaks_for_the_domains_of_its_certificate_only() {
    let trial = Trial::start(|_, ca| format!("[federation]\nmode = \"open\"\nca = \"{ca}\""));
    let identity = trial.authority.issue(&["woodgrove.example"]).unwrap();
    let ours = trial.user(0).uri.clone();
    let mut alice = trial.alice();
    let mut server = trial.impostor(&identity);
    for from in [
        "sip:bob@fabrikam.com",
        &ours,
        "sip:bob@sip.woodgrove.example",
    ] {
        let sent = server
            .request("MESSAGE", &ours)
            .set("From", format_args!("<{from}>;tag=1"));
        let end = server.ask(&sent).unwrap();
        assert_eq!(end.status(), 403, "{from}");
    }
    let proven = server
        .request("MESSAGE", &ours)
        .set("From", "<sip:bob@woodgrove.example>;tag=1")
        .with("P-Asserted-Identity", format_args!("<{ours}>"));
    server.send(&proven).unwrap();
    let got = alice.expect("MESSAGE").unwrap();
    assert!(got.text(Name::PAssertedIdentity).is_none());
    alice.answer(&got, 200).unwrap();
    server.expect_status(&proven, 200).unwrap();
    // A certificate of our own authority is none of a partner.
    let home = trial.product.state().join("ca");
    let folder = trial.folder.path().join("forged");
    std::fs::create_dir_all(&folder).unwrap();
    let forged = Authority::of(&home, &folder).unwrap();
    let forged = forged.issue(&["woodgrove.example"]).unwrap();
    let manner = Manner::showing(&trial.ca_of_ours(), &forged).unwrap();
    let refused = Wire::connect(&manner, trial.edge(), EDGE).and_then(|mut wire| {
        wire.receive(std::time::Instant::now() + Duration::from_secs(20))
            .map(drop)
    });
    assert!(refused.unwrap_err().is_end());
}

#[test]
fn the_next_server_of_a_partner_is_tried_when_the_first_is_dead() {
    if !are_met(
        "federation::the_next_server_of_a_partner_is_tried_when_the_first_is_dead",
        &NEEDS,
    ) {
        return;
    }
    let dead = Block::take();
    let first = dead.address(1);
    // Its port belongs to nobody: whoever connects there is refused.
    drop(TcpListener::bind((first, PORT)).unwrap());
    let trial = Trial::start(|at, ca| {
        format!(
            "[federation]\nmode = \"allow\"\nca = \"{ca}\"\n[[federation.partner]]\n\
             domain = \"{DOMAIN}\"\nservers = [\"{first}:{PORT}\", \"{at}:{PORT}\"]"
        )
    });
    let identity = trial.authority.issue(&[DOMAIN]).unwrap();
    let _partner = trial.partner(&identity).unwrap();
    let (mut alice, mut bob) = (trial.alice(), trial.bob());
    call(&mut alice, &mut bob, BOB, false);
}
