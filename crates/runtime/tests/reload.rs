//! Certificates change while connections are open.

use runtime::tls::Auth;
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};

use crate::authority::Authority;
use crate::phone::{self, Phone};
use crate::rig::{NAME, Plan, Rig};

#[test]
fn a_reload_takes_effect_at_once_and_leaves_open_connections_alone() {
    let authority = Authority::new();
    let rig = Rig::start(
        &authority,
        Plan {
            auth: Some(Auth::Required),
            ..Plan::default()
        },
    );
    let edge = authority.issue_numbered(&["edge01.example.com"], 5);
    let config = phone::config(&authority, Some(&edge), &[&TLS13]);
    let mut before = Phone::connect(rig.addr, NAME, config.clone()).unwrap();
    before.echo(b"one").unwrap();

    authority.revoke(rig.folder(), &[&edge]);
    rig.store.reload().unwrap();

    let after = Phone::connect(rig.addr, NAME, config);
    assert!(after.and_then(|mut phone| phone.echo(b"two")).is_err());
    before.echo(b"three").unwrap();
    assert_eq!(rig.workers.snapshot().opened, 1);
}

#[test]
fn a_new_authority_is_believed_and_the_old_one_no_longer() {
    let old = Authority::new();
    let rig = Rig::start(
        &old,
        Plan {
            auth: Some(Auth::Required),
            ..Plan::default()
        },
    );
    let new = Authority::new();
    new.furnish(rig.folder(), &new.issue(&[NAME]));
    rig.store.reload().unwrap();

    let fresh = phone::config(&new, Some(&new.issue(&["edge01.example.com"])), &[&TLS13]);
    Phone::connect(rig.addr, NAME, fresh)
        .unwrap()
        .echo(b"hello")
        .unwrap();
    let stale = phone::config(&new, Some(&old.issue(&["edge01.example.com"])), &[&TLS13]);
    assert!(
        Phone::connect(rig.addr, NAME, stale)
            .and_then(|mut phone| phone.echo(b"hello"))
            .is_err()
    );
}

#[test]
fn a_reload_that_fails_keeps_what_was_there_and_says_why() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, Plan::default());
    std::fs::write(rig.folder().join("cert.pem"), "not a certificate").unwrap();
    let refused = rig.store.reload().unwrap_err().to_string();
    assert!(refused.contains("cert.pem"), "{refused}");
    // A certificate that another key belongs to.
    std::fs::write(
        rig.folder().join("cert.pem"),
        authority.issue(&[NAME]).certificate.pem(),
    )
    .unwrap();
    assert!(rig.store.reload().is_err());

    let config = phone::config(&authority, None, &[&TLS13]);
    Phone::connect(rig.addr, NAME, config)
        .unwrap()
        .echo(b"hello")
        .unwrap();
}

#[test]
fn sessions_are_resumed_until_a_reload() {
    for version in [&TLS12, &TLS13] {
        let authority = Authority::new();
        let rig = Rig::start(&authority, Plan::default());
        let edge = authority.issue(&["edge01.example.com"]);
        let config = phone::config(&authority, Some(&edge), &[version]);
        let connect = || {
            let mut phone = Phone::connect(rig.addr, NAME, config.clone()).unwrap();
            phone.echo(b"hello").unwrap();
            phone.kind()
        };
        assert_ne!(connect(), Some(HandshakeKind::Resumed));
        let first = rig.opened().1.peer.clone();
        assert_eq!(connect(), Some(HandshakeKind::Resumed));
        assert_eq!(
            rig.opened().1.peer,
            first,
            "a resumed session is the same peer"
        );
        rig.store.reload().unwrap();
        assert_ne!(connect(), Some(HandshakeKind::Resumed));
    }
}
