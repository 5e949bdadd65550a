//! Who is asked for a certificate where it is optional.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::net::Peer;
use runtime::tls::{Auth, ClientNames, fingerprint};
use runtime::worker::Limits;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, ResolvesClientCert, Resumption,
    Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, NamedGroup, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};

use crate::authority::{Authority, Identity};
use crate::phone::{self, Drip, Phone};
use crate::rig::{NAME, Plan, Rig};

const POOL: &str = "pool.example.com";
const HOLDERS: &str = "sipcert.example.com";
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

#[test]
fn whoever_calls_the_pool_is_not_asked_and_is_a_client_whatever_it_holds() {
    let stage = Stage::new(Plan::default());
    for version in VERSIONS {
        for name in [POOL, "Pool.Example.COM"] {
            assert_eq!(stage.call(name, None, version), (false, Peer::Client));
            assert_eq!(
                stage.call(name, Some(&stage.edge), version),
                (false, Peer::Client)
            );
        }
    }
}

#[test]
fn whoever_calls_the_machine_or_no_name_is_asked() {
    let stage = Stage::new(Plan::default());
    for version in VERSIONS {
        assert_eq!(stage.call(NAME, None, version), (true, Peer::Client));
        let (asked, peer) = stage.call(NAME, Some(&stage.edge), version);
        assert!(asked && is_server(&peer), "{peer:?}");

        let (mut config, witness) = stage.config(Some(&stage.edge), version);
        config.enable_sni = false;
        stage.connect(POOL, config);
        let peer = stage.peer();
        assert!(witness.was_asked() && is_server(&peer), "{peer:?}");
    }
}

#[test]
fn whoever_calls_a_name_for_holders_is_a_client_known_by_whichever_certificate_it_holds() {
    let stage = Stage::new(Plan {
        holder_names: [HOLDERS].into_iter().collect(),
        ..Plan::default()
    });
    let foreign = Authority::new().issue(&["edge01.example.com"]);
    for version in VERSIONS {
        for own in [&foreign, &stage.edge] {
            let (config, witness) = stage.config(Some(own), version);
            stage.connect(HOLDERS, config);
            let link = stage.rig.opened().1;
            assert!(witness.was_asked());
            assert_eq!(link.peer, Peer::Client);
            assert_eq!(link.certificate, Some(fingerprint(own.certificate.der())));
        }
        let (config, _) = stage.config(None, version);
        stage.connect(HOLDERS, config);
        assert_eq!(stage.rig.opened().1.certificate, None);
        let (config, _) = stage.config(Some(&stage.edge), version);
        stage.connect(NAME, config);
        assert_eq!(stage.rig.opened().1.certificate, None);
    }
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let stage = Stage::new(Plan {
        holder_names: [HOLDERS].into_iter().collect(),
        ..Plan::default()
    });
    let seen = stage.authority.issue(&["alice"]);
    for version in VERSIONS {
        let thief = stage.authority.issue(&["mallory"]);
        let pretended = CertifiedKey::new(
            seen.chain(),
            aws_lc_rs::sign::any_supported_type(&thief.key()).unwrap(),
        );
        let mut config = (*phone::config(&stage.authority, None, &[version])).clone();
        config.client_auth_cert_resolver = Arc::new(Witness {
            offer: Some(Arc::new(pretended)),
            asked: AtomicBool::new(false),
        });
        let served = Phone::connect(stage.rig.addr, HOLDERS, Arc::new(config))
            .and_then(|mut phone| phone.echo(b"hello"));
        assert!(served.is_err());
    }
    stage.rig.counted(|counted| counted.opened == 0);
}

#[test]
fn without_such_names_everyone_is_asked() {
    let stage = Stage::with_names(Plan::default(), ClientNames::default());
    for version in VERSIONS {
        let (asked, peer) = stage.call(POOL, Some(&stage.edge), version);
        assert!(asked && is_server(&peer), "{peer:?}");
    }
}

#[test]
fn mutual_tls_asks_everyone_whatever_name_is_called() {
    let stage = Stage::new(Plan {
        auth: Some(Auth::Required),
        ..Plan::default()
    });
    for version in VERSIONS {
        let (config, witness) = stage.config(None, version);
        let served = Phone::connect(stage.rig.addr, POOL, Arc::new(config))
            .and_then(|mut phone| phone.echo(b"hello"));
        assert!(served.is_err() && witness.was_asked());
    }
    stage
        .rig
        .counted(|counted| counted.refused_no_certificate == 2 && counted.opened == 0);
}

#[test]
fn phones_resume_their_sessions() {
    let stage = Stage::new(Plan::default());
    for version in VERSIONS {
        let (config, _) = stage.config(None, version);
        let first = stage.connect(POOL, config.clone());
        assert_ne!(first, Some(HandshakeKind::Resumed));
        let second = stage.connect(POOL, config);
        assert_eq!(second, Some(HandshakeKind::Resumed));
        assert_eq!([stage.peer(), stage.peer()], [Peer::Client, Peer::Client]);
    }
}

#[test]
fn a_session_begun_under_one_name_is_not_resumed_under_another() {
    let stage = Stage::new(Plan::default());
    for version in VERSIONS {
        for [first, second] in [[POOL, NAME], [NAME, POOL]] {
            let (mut config, _) = stage.config(Some(&stage.edge), version);
            config.resumption = Resumption::store(Arc::new(Mixed::default()));
            for name in [first, second] {
                let kind = stage.connect(name, config.clone());
                assert_ne!(kind, Some(HandshakeKind::Resumed), "{first}, {second}");
                assert_eq!(is_server(&stage.peer()), name == NAME);
            }
        }
    }
}

#[test]
fn a_hello_may_come_a_byte_at_a_time() {
    let stage = Stage::new(Plan::default());
    let (config, witness) = stage.config(None, &TLS13);
    let name = ServerName::try_from(POOL).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, Drip::connect(stage.rig.addr));
    stream.write_all(b"hello").unwrap();
    stream.flush().unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
    assert_eq!(stage.peer(), Peer::Client);
    assert!(!witness.was_asked());
}

#[test]
fn a_hello_that_does_not_end_is_not_waited_for_longer_than_a_handshake() {
    let limits = Limits {
        handshake_time: Duration::from_millis(150),
        ..Limits::default()
    };
    let stage = Stage::new(Plan {
        limits,
        ..Plan::default()
    });
    let mut stream = phone::plain(stage.rig.addr);
    stream
        .write_all(&[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3])
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.is_empty(), "{answer:?}");
    stage
        .rig
        .counted(|counted| counted.refused_slow == 1 && counted.flows == 0);
}

#[test]
fn what_is_no_hello_is_refused_with_an_alert_at_once() {
    let stage = Stage::new(Plan::default());
    let mut too_long = vec![1, 0, 0xff, 0xf0];
    too_long.resize(17 << 10, 0);
    let records = too_long.chunks(1 << 10).flat_map(|piece| {
        let length = u16::try_from(piece.len()).unwrap().to_be_bytes();
        [&[22, 3, 1], &length[..], piece].concat()
    });
    let mut too_long: Vec<u8> = records.collect();
    // The hello is waited for no longer, so the fault behind it is seen.
    too_long.extend_from_slice(&[0xff; 64]);
    for bytes in [&b"OPTIONS sip:example.com SIP/2.0\r\n\r\n"[..], &too_long] {
        let mut stream = phone::plain(stage.rig.addr);
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer.first(), Some(&21), "not a TLS alert: {answer:?}");
    }
    stage
        .rig
        .counted(|counted| counted.refused_not_tls == 2 && counted.flows == 0);
    assert_eq!(stage.call(POOL, None, &TLS13), (false, Peer::Client));
}

/// A rig whose certificate has the machine's and the pool's name, and a machine that may call it.
struct Stage {
    authority: Authority,
    edge: Identity,
    rig: Rig,
}

impl Stage {
    fn new(plan: Plan) -> Self {
        Self::with_names(plan, [POOL, "sip.example.com"].into_iter().collect())
    }

    fn with_names(plan: Plan, client_names: ClientNames) -> Self {
        let authority = Authority::new();
        let plan = Plan {
            client_names,
            ..plan
        };
        let rig = Rig::start_as(&authority, &authority.issue(&[POOL, NAME, HOLDERS]), plan);
        Self {
            edge: authority.issue(&["edge01.example.com"]),
            authority,
            rig,
        }
    }

    fn config(
        &self,
        identity: Option<&Identity>,
        version: &'static SupportedProtocolVersion,
    ) -> (ClientConfig, Arc<Witness>) {
        let witness = Arc::new(Witness::new(identity));
        let mut config = (*phone::config(&self.authority, None, &[version])).clone();
        config.client_auth_cert_resolver = Arc::clone(&witness) as _;
        (config, witness)
    }

    /// Connects and is served; tells what the handshake was like.
    fn connect(&self, name: &str, config: ClientConfig) -> Option<HandshakeKind> {
        let mut phone = Phone::connect(self.rig.addr, name, Arc::new(config)).unwrap();
        phone.echo(b"hello").unwrap();
        phone.kind()
    }

    /// Tells whether the caller was asked for a certificate, and who it was taken for.
    fn call(
        &self,
        name: &str,
        identity: Option<&Identity>,
        version: &'static SupportedProtocolVersion,
    ) -> (bool, Peer) {
        let (config, witness) = self.config(identity, version);
        self.connect(name, config);
        (witness.was_asked(), self.peer())
    }

    fn peer(&self) -> Peer {
        self.rig.opened().1.peer.clone()
    }
}

const fn is_server(peer: &Peer) -> bool {
    matches!(peer, Peer::Server(_))
}

/// Offers a certificate, or none, and remembers whether it was asked for one.
#[derive(Debug)]
struct Witness {
    offer: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl Witness {
    fn new(identity: Option<&Identity>) -> Self {
        let provider = aws_lc_rs::default_provider();
        let offer = identity.map(|identity| {
            CertifiedKey::from_der(identity.chain(), identity.key(), &provider).unwrap()
        });
        Self {
            offer: offer.map(Arc::new),
            asked: AtomicBool::new(false),
        }
    }

    fn was_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

impl ResolvesClientCert for Witness {
    fn resolve(
        &self,
        _issuers: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::SeqCst);
        self.offer.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Remembers sessions without regard to names, as no client should.
#[derive(Debug)]
struct Mixed(ClientSessionMemoryCache);

impl Default for Mixed {
    fn default() -> Self {
        Self(ClientSessionMemoryCache::new(32))
    }
}

fn anywhere() -> ServerName<'static> {
    ServerName::try_from("anywhere.example.com").unwrap()
}

impl ClientSessionStore for Mixed {
    fn set_kx_hint(&self, _name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(anywhere(), group);
    }

    fn kx_hint(&self, _name: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(&anywhere())
    }

    fn set_tls12_session(&self, _name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(anywhere(), value);
    }

    fn tls12_session(&self, _name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(&anywhere())
    }

    fn remove_tls12_session(&self, _name: &ServerName<'static>) {
        self.0.remove_tls12_session(&anywhere());
    }

    fn insert_tls13_ticket(&self, _name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(anywhere(), value);
    }

    fn take_tls13_ticket(&self, _name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(&anywhere())
    }
}
