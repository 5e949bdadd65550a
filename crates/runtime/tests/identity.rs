//! Who may connect, by listener mode.

use std::io::{Read as _, Write as _};

use base::net::Peer;
use runtime::tls::{Auth, Store};
use runtime::worker::Snapshot;
use rustls::version::{TLS12, TLS13};

use crate::authority::{Authority, Identity};
use crate::phone::{self, Phone};
use crate::rig::{NAME, Plan, Rig};

struct Cast {
    authority: Authority,
    rig: Rig,
}

impl Cast {
    fn new(auth: Auth) -> Self {
        let authority = Authority::new();
        let rig = Rig::start(
            &authority,
            Plan {
                auth: Some(auth),
                ..Plan::default()
            },
        );
        Self { authority, rig }
    }

    /// With TLS 1.3 a client learns of its refusal only after its own handshake, so it has to try to talk.
    fn is_served(&self, identity: Option<&Identity>) -> bool {
        let served = [&TLS12, &TLS13].map(|version| {
            let config = phone::config(&self.authority, identity, &[version]);
            Phone::connect(self.rig.addr, NAME, config)
                .and_then(|mut phone| phone.echo(b"hello"))
                .is_ok()
        });
        assert_eq!(served[0], served[1], "the versions of TLS differ");
        served[0]
    }

    fn peer(&self) -> Peer {
        self.rig.opened().1.peer.clone()
    }

    /// Both versions were refused for this reason, and the machine heard nothing.
    fn refused(&self, count: impl Fn(&Snapshot) -> u64) {
        let counted = self.rig.counted(|counted| count(counted) == 2);
        assert_eq!(counted.opened, 0);
    }
}

fn server_name(peer: &Peer) -> &str {
    match peer {
        Peer::Server(server) => &server.name,
        Peer::Partner(_) | Peer::Gateway(_) | Peer::Client => panic!("not a server: {peer:?}"),
    }
}

#[test]
fn a_machine_of_the_topology_is_known_by_its_name_in_lower_case() {
    for auth in [Auth::Required, Auth::Optional] {
        let cast = Cast::new(auth);
        let edge = cast.authority.issue(&["Edge01.Example.COM"]);
        assert!(cast.is_served(Some(&edge)));
        assert_eq!(server_name(&cast.peer()), "edge01.example.com");
    }
}

#[test]
fn without_subject_alt_name_the_common_name_counts() {
    let cast = Cast::new(Auth::Required);
    let old = cast
        .authority
        .issue_without_alternatives("fe01.example.com");
    assert!(cast.is_served(Some(&old)));
    assert_eq!(server_name(&cast.peer()), "fe01.example.com");
}

#[test]
fn where_a_sip_uri_says_the_domain_a_host_name_says_none() {
    let cast = Cast::new(Auth::Required);
    let said = cast
        .authority
        .issue_with_uri("sip:fe01.example.com", "edge01.example.com");
    assert!(cast.is_served(Some(&said)));
    assert_eq!(server_name(&cast.peer()), "fe01.example.com");
    let cast = Cast::new(Auth::Required);
    let other = cast
        .authority
        .issue_with_uri("sip:mail.example.org", "edge01.example.com");
    assert!(!cast.is_served(Some(&other)));
    cast.refused(|counted| counted.refused_stranger);
    let cast = Cast::new(Auth::Required);
    let user = cast
        .authority
        .issue_with_uri("sip:bob@example.org", "edge01.example.com");
    assert!(cast.is_served(Some(&user)));
    assert_eq!(server_name(&cast.peer()), "edge01.example.com");
}

#[test]
fn mutual_tls_refuses_whoever_has_no_certificate() {
    let cast = Cast::new(Auth::Required);
    assert!(!cast.is_served(None));
    cast.refused(|counted| counted.refused_no_certificate);
}

#[test]
fn mutual_tls_refuses_names_that_it_does_not_know_and_wildcards() {
    let cast = Cast::new(Auth::Required);
    assert!(!cast.is_served(Some(&cast.authority.issue(&["mail.example.org"]))));
    cast.refused(|counted| counted.refused_stranger);
    assert!(!cast.is_served(Some(&cast.authority.issue(&["*.example.com"]))));
    cast.rig
        .counted(|counted| counted.refused_stranger == 4 && counted.opened == 0);
}

#[test]
fn a_certificate_that_does_not_verify_is_refused_even_where_none_is_needed() {
    for auth in [Auth::Required, Auth::Optional] {
        let cast = Cast::new(auth);
        assert!(!cast.is_served(Some(&cast.authority.issue_expired(&["edge01.example.com"]))));
        cast.refused(|counted| counted.refused_certificate);
        let foreign = Authority::new().issue(&["edge01.example.com"]);
        assert!(!cast.is_served(Some(&foreign)));
        cast.rig
            .counted(|counted| counted.refused_certificate == 4 && counted.opened == 0);
    }
}

#[test]
fn a_revoked_certificate_is_refused() {
    for auth in [Auth::Required, Auth::Optional] {
        let cast = Cast::new(auth);
        let kept = cast.authority.issue_numbered(&["edge01.example.com"], 7);
        let stolen = cast.authority.issue_numbered(&["edge02.example.com"], 8);
        cast.authority.revoke(cast.rig.folder(), &[&stolen]);
        cast.rig.store.reload().unwrap();
        assert!(!cast.is_served(Some(&stolen)));
        cast.refused(|counted| counted.refused_certificate);
        assert!(cast.is_served(Some(&kept)));
    }
}

#[test]
fn where_a_certificate_is_optional_nobody_in_particular_is_a_client() {
    let cast = Cast::new(Auth::Optional);
    assert!(cast.is_served(None));
    assert_eq!(cast.peer(), Peer::Client);
    let cast = Cast::new(Auth::Optional);
    assert!(cast.is_served(Some(&cast.authority.issue(&["mail.example.org"]))));
    assert_eq!(cast.peer(), Peer::Client);
}

#[test]
fn where_no_certificate_is_asked_for_everyone_is_a_client() {
    let cast = Cast::new(Auth::None);
    assert!(cast.is_served(Some(&cast.authority.issue(&["edge01.example.com"]))));
    assert_eq!(cast.peer(), Peer::Client);
    let foreign = Authority::new().issue_expired(&["edge01.example.com"]);
    assert!(cast.is_served(Some(&foreign)));
    assert_eq!(cast.peer(), Peer::Client);
}

#[test]
fn plain_text_on_a_tls_port_ends_in_an_alert_and_a_closed_connection() {
    let cast = Cast::new(Auth::Optional);
    let mut stream = phone::plain(cast.rig.addr);
    stream
        .write_all(b"OPTIONS sip:example.com SIP/2.0\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.first(), Some(&21), "not a TLS alert: {answer:?}");
    let counted = cast
        .rig
        .counted(|counted| counted.refused_not_tls == 1 && counted.flows == 0);
    assert_eq!(counted.opened, 0);
    assert!(cast.is_served(None));
}

#[test]
fn binary_rubbish_and_cut_handshakes_disturb_nobody() {
    let cast = Cast::new(Auth::Required);
    let hello_cut_short: &[u8] = &[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
    let oversized: &[u8] = &[22, 3, 1, 0xff, 0xff, 1, 0, 0, 0];
    for bytes in [hello_cut_short, oversized, &[0; 64], &[0xff; 5000]] {
        let mut stream = phone::plain(cast.rig.addr);
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _reset_or_end = stream.read_to_end(&mut answer);
    }
    cast.rig
        .counted(|counted| counted.accepted == 4 && counted.flows == 0);
    assert!(cast.is_served(Some(&cast.authority.issue(&["edge01.example.com"]))));
}

#[test]
fn a_key_that_others_may_read_is_refused_with_the_remedy() {
    use std::os::unix::fs::PermissionsExt as _;
    let authority = Authority::new();
    let folder = tempfile::TempDir::new().unwrap();
    authority.furnish(folder.path(), &authority.issue(&[NAME]));
    let key = folder.path().join("key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Store::open(folder.path()).unwrap_err();
    let reason = std::error::Error::source(&refused).unwrap().to_string();
    assert!(
        reason.contains("0640") && reason.contains("chmod 600"),
        "{reason}"
    );
}
