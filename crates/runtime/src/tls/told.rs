//! What traces say of handshakes: who was proven and how, or why it came to nothing and which certificate was shown.
//!
//! Of a certificate they have what finds it: its subject, names, issuer and times, and the SHA-256 by which `certs show` and
//! `openssl x509 -fingerprint -sha256` tell it. It is read on the thread that writes.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use base::Mono;
use base::net::{FlowId, Peer, Role, Transport};
use logs::{Component, Direction, Flags, Flow, Level, Record, Sieve, Text, Value};
use rustls::CommonState;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use traces::Recorder;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::names::fingerprint;

const KINDS: Flags = Flags::CONNECTION.with(Flags::SECURITY);
/// Records a second of connections that were not admitted: whoever floods us brings them about for nothing.
const CROWDED: u32 = 10;
/// Records a second of handshakes and requests that came to nothing: these cost the other side something.
const FAILED: u32 = 100;
/// Names of a certificate that are told; one can have thousands.
const NAMES_MOST: usize = 16;

/// Which handshake it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handshake {
    /// Of which connection, where it has a name.
    pub(crate) flow: Option<FlowId>,
    /// Who began it.
    pub(crate) direction: Direction,
    /// The other end.
    pub(crate) peer: SocketAddr,
    /// Our end.
    pub(crate) local: Option<SocketAddr>,
}

/// What it has settled.
#[derive(Clone, Copy)]
pub(crate) struct Done<'a> {
    /// Who is there; of a server that was called by its name nothing else is known.
    pub(crate) peer: Option<&'a Peer>,
    /// The name in the hello, or the one that had to be proven.
    pub(crate) called: Option<&'a str>,
    /// The session.
    pub(crate) state: Option<&'a CommonState>,
    /// The certificate that a client has proven to hold, where nobody was asked whose it is.
    pub(crate) held: Option<&'a CertificateDer<'static>>,
}

/// Why it came to nothing.
pub(crate) struct Broken {
    /// In words.
    pub(crate) reason: String,
    /// Whether the other side is to blame; else it just went away.
    pub(crate) is_fault: bool,
    /// Whether it took too long.
    pub(crate) is_slow: bool,
    /// What the other side showed.
    pub(crate) shown: Option<CertificateDer<'static>>,
    /// How many others were not told since the last that was.
    pub(crate) kept_back: u64,
}

impl Handshake {
    /// That of a connection.
    pub(crate) fn on(stream: &TcpStream, direction: Direction) -> Option<Self> {
        Some(Self {
            flow: None,
            direction,
            peer: stream.peer_addr().ok()?,
            local: stream.local_addr().ok(),
        })
    }

    fn begin(self, record: &mut Record) {
        record.flow = self.flow.map(Flow::from);
        record.transport = Some(Transport::Tls);
        record.direction = Some(self.direction);
        record.peer = Some(self.peer);
        record.local = self.local;
    }

    /// Records that it is done.
    pub(crate) fn done(self, recorder: &Recorder, level: Level, done: Done<'_>) {
        recorder.record(Component::Tls, level, KINDS, |record| {
            self.begin(record);
            let called = || done.called.map(Value::from);
            record.peer_name = done.peer.map_or_else(called, name_of);
            record.decision = Some("accepted".into());
            record.reason = Some(Value::new(&done.settled()));
        });
    }

    /// Records that it came to nothing.
    pub(crate) fn broken(self, recorder: &Recorder, broken: Broken) {
        let level = if broken.is_fault {
            Level::Warning
        } else {
            Level::Verbose
        };
        let weight = broken.reason.len() + broken.shown.as_ref().map_or(0, |shown| shown.len());
        recorder.later(Component::Tls, level, KINDS, weight, move |record| {
            self.begin(record);
            let slow = broken.is_slow;
            record.decision = Some(if slow { "slow" } else { "refused" }.into());
            record.reason = Some(Value::new(&with_kept_back(broken.reason, broken.kept_back)));
            if let Some(shown) = &broken.shown {
                record.text = Text::new(&described(shown));
            }
        });
    }
}

/// Records connections of many threads; what others can bring about at will passes a sieve.
#[derive(Debug)]
pub(crate) struct Notes {
    recorder: Recorder,
    origin: Instant,
    crowded: Mutex<Sieve>,
    failed: Mutex<Sieve>,
}

impl Default for Notes {
    fn default() -> Self {
        Self::new(Recorder::default())
    }
}

impl Notes {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            origin: Instant::now(),
            crowded: Mutex::new(Sieve::new(CROWDED)),
            failed: Mutex::new(Sieve::new(FAILED)),
        }
    }

    pub(crate) const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// A handshake came to nothing.
    pub(crate) fn broken(&self, handshake: Handshake, broken: Broken) {
        if self.recorder.wants(Component::Tls, Level::Warning, KINDS)
            && let Some(kept_back) = self.pass(&self.failed)
        {
            let broken = Broken {
                kept_back,
                ..broken
            };
            handshake.broken(&self.recorder, broken);
        }
    }

    /// A connection was not admitted.
    pub(crate) fn crowded(&self, component: Component, peer: SocketAddr, reason: &str) {
        self.refused(component, peer, reason, &self.crowded, KINDS);
    }

    /// What came over a connection was refused.
    pub(crate) fn failed(&self, component: Component, peer: SocketAddr, reason: &str) {
        let kinds = Flags::HTTP.with(Flags::SECURITY);
        self.refused(component, peer, reason, &self.failed, kinds);
    }

    fn refused(
        &self,
        component: Component,
        peer: SocketAddr,
        reason: &str,
        sieve: &Mutex<Sieve>,
        kinds: Flags,
    ) {
        if self.recorder.wants(component, Level::Warning, kinds)
            && let Some(kept_back) = self.pass(sieve)
        {
            self.recorder
                .record(component, Level::Warning, kinds, |record| {
                    record.direction = Some(Direction::In);
                    record.peer = Some(peer);
                    record.decision = Some("refused".into());
                    let reason = with_kept_back(reason.to_owned(), kept_back);
                    record.reason = Some(Value::new(&reason));
                });
        }
    }

    fn pass(&self, sieve: &Mutex<Sieve>) -> Option<u64> {
        let now = Mono::ZERO.after(self.origin.elapsed());
        let mut sieve = sieve.lock().unwrap_or_else(PoisonError::into_inner);
        sieve.pass(now)
    }
}

/// Says how many others stand behind a line.
pub(crate) fn with_kept_back(mut reason: String, kept_back: u64) -> String {
    if kept_back > 0 {
        // Writing to a String cannot fail.
        let _ = write!(reason, " ({kept_back} others before it are not told)");
    }
    reason
}

/// The level at which a connection that was accepted is told: those of machines that only ask how we are come all the time.
pub(crate) fn level_of(peer: &Peer) -> Level {
    match peer {
        Peer::Server(server) if matches!(server.role, Role::LoadBalancer | Role::Dns) => {
            Level::Verbose
        }
        Peer::Server(_) | Peer::Partner(_) | Peer::Gateway(_) | Peer::Client => Level::Info,
    }
}

/// Returns the name that a peer has proven.
pub(crate) fn name_of(peer: &Peer) -> Option<Value> {
    match peer {
        Peer::Server(server) => Some(Value::shared(&server.name)),
        Peer::Partner(domains) => domains.first().map(Value::shared),
        Peer::Gateway(name) => Some(Value::shared(name)),
        Peer::Client => None,
    }
}

impl Done<'_> {
    fn settled(self) -> String {
        let mut text = String::from(match self.peer {
            Some(Peer::Server(_)) => "a machine of the topology",
            Some(Peer::Partner(_)) => "a partner",
            Some(Peer::Gateway(_)) => "a gateway",
            Some(Peer::Client) => "a client",
            None => "a server",
        });
        if let Some(called) = self.called {
            let _ = write!(text, ", called {called}");
        }
        if let Some(version) = self.state.and_then(CommonState::protocol_version) {
            let _ = write!(text, ", {version:?}");
        }
        if let Some(suite) = self.state.and_then(CommonState::negotiated_cipher_suite) {
            let _ = write!(text, ", {:?}", suite.suite());
        }
        if let Some(held) = self.held {
            let _ = write!(text, ", holds the certificate {}", hash_of(held));
        }
        text
    }
}

fn hash_of(certificate: &CertificateDer<'_>) -> String {
    let mut text = String::with_capacity(64);
    for byte in fingerprint(certificate) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Tells what a certificate is, in lines.
fn described(certificate: &CertificateDer<'_>) -> String {
    let mut text = String::from("certificate shown\n");
    match X509Certificate::from_der(certificate) {
        Ok((_, parsed)) => {
            let _ = writeln!(text, "  subject: {}", parsed.subject());
            let _ = writeln!(text, "  names: {}", names(&parsed));
            let _ = writeln!(text, "  issuer: {}", parsed.issuer());
            let validity = parsed.validity();
            let _ = writeln!(text, "  valid from: {}", validity.not_before);
            let _ = writeln!(text, "  valid until: {}", validity.not_after);
        }
        Err(_) => text.push_str("  it cannot be parsed\n"),
    }
    let _ = writeln!(text, "  sha256: {}", hash_of(certificate));
    text
}

fn names(certificate: &X509Certificate<'_>) -> String {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let names = alternative.map(|names| &names.value.general_names);
    let words = names.into_iter().flatten().filter_map(|name| {
        if let GeneralName::DNSName(name) | GeneralName::URI(name) = name {
            Some(*name)
        } else {
            None
        }
    });
    words.take(NAMES_MOST).collect::<Vec<_>>().join(", ")
}
