//! What traces say of connections: who came, who was refused, with which certificate, and nothing secret.

use std::net::TcpStream;
use std::sync::Arc;

use base::net::Transport;
use logs::{Component, Direction, Level, Record};
use runtime::http::{self, Secured};
use runtime::tls::{Auth, Store};
use runtime::worker::Limits;
use rustls::version::TLS13;
use tempfile::TempDir;
use traces::Notebook;

use crate::authority::Authority;
use crate::http::recorded;
use crate::phone::{self, Phone};
use crate::rig::{NAME, Plan, Rig};

struct Cast {
    authority: Authority,
    rig: Rig,
    notebook: Notebook,
    _folder: TempDir,
}

fn notebook() -> (Notebook, TempDir) {
    let folder = TempDir::new().unwrap();
    (Notebook::open(folder.path()).unwrap(), folder)
}

impl Cast {
    fn new(auth: Auth, limits: Limits) -> Self {
        let authority = Authority::new();
        let (notebook, folder) = notebook();
        let plan = Plan {
            auth: Some(auth),
            limits,
            recorder: notebook.recorder(),
            ..Plan::default()
        };
        Self {
            rig: Rig::start(&authority, plan),
            authority,
            notebook,
            _folder: folder,
        }
    }

    fn told(&self, component: Component, decision: &str) -> Record {
        let fits = |record: &Record| {
            record.component == component && record.decision.as_deref() == Some(decision)
        };
        let found = self.notebook.wait_for(fits);
        found.unwrap_or_else(|| panic!("not told: {:#?}", self.notebook.records()))
    }
}

#[test]
fn a_machine_that_proved_itself_is_told_by_name_and_its_connection_from_beginning_to_end() {
    let cast = Cast::new(Auth::Required, Limits::default());
    let edge = cast.authority.issue(&["edge01.example.com"]);
    let config = phone::config(&cast.authority, Some(&edge), &[&TLS13]);
    let mut phone = Phone::connect(cast.rig.addr, NAME, config).unwrap();
    phone.echo(b"hello").unwrap();
    let accepted = cast.told(Component::Tls, "accepted");
    assert_eq!(accepted.peer_name.as_deref(), Some("edge01.example.com"));
    assert_eq!(accepted.level, Level::Info);
    assert_eq!(accepted.direction, Some(Direction::In));
    assert_eq!(accepted.local, Some(cast.rig.addr));
    let reason = accepted.reason.unwrap();
    assert!(
        reason.contains("TLSv1_3") && reason.contains("TLS13_"),
        "{reason}"
    );
    drop(phone);
    let closed = cast.told(Component::SipStack, "closed");
    assert!(
        closed
            .reason
            .unwrap()
            .starts_with("the other side closed it")
    );
    let opened = cast.told(Component::SipStack, "opened");
    assert_eq!(opened.flow, accepted.flow);
    assert_eq!(opened.flow, closed.flow);
    assert_eq!(opened.peer_name.as_deref(), Some("edge01.example.com"));
}

#[test]
fn of_a_refused_certificate_it_is_told_which_one_it_was_and_why() {
    let cast = Cast::new(Auth::Required, Limits::default());
    let stranger = Authority::new();
    for (identity, why) in [
        (
            stranger.issue(&["fe01.example.com"]),
            "invalid peer certificate",
        ),
        (
            cast.authority.issue_expired(&["fe01.example.com"]),
            "expired",
        ),
        (cast.authority.issue(&["fe01.example.org"]), "names nobody"),
    ] {
        let config = phone::config(&cast.authority, Some(&identity), &[&TLS13]);
        let _refused =
            Phone::connect(cast.rig.addr, NAME, config).and_then(|mut phone| phone.echo(b"hello"));
        let fits = |record: &Record| {
            let reason = record.reason.as_deref().unwrap_or_default();
            record.component == Component::Tls && reason.contains(why)
        };
        let told = cast.notebook.wait_for(fits);
        let told = told.unwrap_or_else(|| panic!("{why}: {:#?}", cast.notebook.records()));
        assert_eq!(told.level, Level::Warning);
        assert_eq!(told.decision.as_deref(), Some("refused"));
        let hash = runtime::tls::fingerprint(&identity.chain()[0]);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(told.text.contains(&hash), "{}", &*told.text);
        assert!(
            told.text.contains("names: fe01.example."),
            "{}",
            &*told.text
        );
    }
}

#[test]
fn who_only_knocks_is_no_warning() {
    let cast = Cast::new(Auth::Required, Limits::default());
    drop(TcpStream::connect(cast.rig.addr).unwrap());
    let told = cast.told(Component::Tls, "refused");
    assert_eq!(told.level, Level::Verbose);
}

#[test]
fn a_flood_that_is_not_admitted_is_told_a_few_times_with_its_number() {
    let limits = Limits {
        per_source: 1,
        ..Limits::default()
    };
    let cast = Cast::new(Auth::Required, limits);
    let _first = TcpStream::connect(cast.rig.addr).unwrap();
    cast.rig.counted(|counted| counted.accepted == 1);
    let flood: Vec<_> = (0..200)
        .map(|_| TcpStream::connect(cast.rig.addr).unwrap())
        .collect();
    cast.rig.counted(|counted| counted.refused_source == 200);
    let refused = |record: &Record| {
        record.component == Component::SipStack && record.decision.as_deref() == Some("refused")
    };
    let told = cast.notebook.records().into_iter().filter(refused).count();
    assert!((1..=60).contains(&told), "{told} of {}", flood.len());
}

#[test]
fn a_server_that_proves_another_name_is_told_by_whoever_called_it() {
    let near = Cast::new(Auth::Required, Limits::default());
    let far = Rig::start(&near.authority, Plan::default());
    near.rig
        .dial(1, "fe01.example.com", far.addr, Transport::Tls);
    near.rig.closed();
    let told = near.told(Component::Tls, "refused");
    assert_eq!(told.direction, Some(Direction::Out));
    assert_eq!(told.peer, Some(far.addr));
    assert!(told.text.contains(&format!("names: {NAME}")), "{told:?}");
    near.rig.dial(2, NAME, far.addr, Transport::Tls);
    near.rig.opened();
    let told = near.told(Component::Tls, "accepted");
    assert_eq!(told.peer_name.as_deref(), Some(NAME));
}

#[test]
fn nobody_there_is_told_with_the_name_that_was_wanted() {
    let cast = Cast::new(Auth::Required, Limits::default());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = closed.local_addr().unwrap();
    drop(closed);
    cast.rig.dial(1, "fe01.example.com", addr, Transport::Tls);
    let told = cast.told(Component::SipStack, "unreachable");
    assert!(told.reason.unwrap().starts_with("fe01.example.com: "));
}

#[test]
fn a_web_client_is_told_and_what_it_smuggles() {
    let (notebook, _folder) = notebook();
    let web = recorded(None, &[], http::Limits::default(), notebook.recorder());
    let answer = web.say(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let smuggled = |record: &Record| {
        let reason = record.reason.as_deref().unwrap_or_default();
        record.component == Component::Web && reason.contains("more than one way")
    };
    assert!(
        notebook.wait_for(smuggled).is_some(),
        "{:#?}",
        notebook.records()
    );
}

#[test]
fn a_handshake_at_a_web_door_is_told_with_the_name_that_was_called() {
    let authority = Authority::new();
    let (notebook, _folder) = notebook();
    let (_own, store) = crate::http::store(&authority);
    let store: Arc<Store> = store;
    let names = Some(Arc::from([crate::http::NAME.to_owned()]));
    let tls = Secured { store, names };
    let web = recorded(Some(tls), &[], http::Limits::default(), notebook.recorder());
    for (name, decision) in [
        (crate::http::NAME, "accepted"),
        ("other.example.com", "refused"),
    ] {
        let config = phone::config(&authority, None, &[&TLS13]);
        let _refused = Phone::connect(web.addr(), name, config);
        let fits = |record: &Record| {
            record.component == Component::Tls && record.decision.as_deref() == Some(decision)
        };
        let told = notebook.wait_for(fits);
        let told = told.unwrap_or_else(|| panic!("{:#?}", notebook.records()));
        if decision == "accepted" {
            assert!(told.reason.unwrap().contains("called web.example.com"));
        }
    }
}

#[test]
fn a_client_that_holds_a_certificate_of_its_own_is_told_by_its_hash() {
    let authority = Authority::new();
    let (notebook, _folder) = notebook();
    let plan = Plan {
        holder_names: [NAME].into_iter().collect(),
        recorder: notebook.recorder(),
        ..Plan::default()
    };
    let rig = Rig::start(&authority, plan);
    let own = Authority::new().issue(&["alice.example.org"]);
    let config = phone::config(&authority, Some(&own), &[&TLS13]);
    let mut phone = Phone::connect(rig.addr, NAME, config).unwrap();
    phone.echo(b"hello").unwrap();
    let hash = runtime::tls::fingerprint(&own.chain()[0]);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let told = notebook.wait_for(|record| record.component == Component::Tls);
    let reason = told.unwrap().reason.unwrap();
    assert!(
        reason.starts_with(&format!("a client, called {NAME}, ")) && reason.ends_with(&hash),
        "{reason}"
    );
}
