//! Prints what a Director's whole work on a signed REGISTER costs, from bytes to bytes, for profiling:
//! `cargo run --release -p sip --example redirect_speed [rounds]`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for developers, not a core"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::net::{Effect, Event, Face, FlowId, Link, Peer, Role, Server, Transport, WorkerId};
use base::random::Random;
use base::{Machine, Now, Step, UnixMillis};
use bytes::Bytes;
use directory::{Algorithm, Aor, Change, Directory, PoolName, Revision, User, Verifier};
use sip::auth::{Nonces, Proof, ha1, response};
use sip::config::{Address, Bounds, Config, InternalSignIn, Keys, Pool, Registrations, SignIn};
use sip::guard::{Allowance, Guard};
use sip::location::Table;
use sip::msg::Limits;
use sip::token::Key;
use sip::{Action, Input, Node, Shared};

const REGISTER: &str = include_str!("../testdata/register.sip");
const SECRET: [u8; 32] = [7; 32];
const HOME: &str = "fepool01.example.net";

fn main() {
    let rounds: u32 = std::env::args().nth(1).map_or(300_000, |rounds| {
        rounds.parse().expect("a number of rounds")
    });
    let now = Now {
        wall: UnixMillis(1_800_000_000_000),
        ..Now::default()
    };
    let mut node = director(now);
    let flow = FlowId::accepted(WorkerId(0), 1);
    node.handle(now, Input::Net(Event::Opened { flow, link: link() }));
    let bytes = signed_register(now);
    let answer = turn(&mut node, now, flow, &bytes).expect("an answer");
    assert!(
        answer.starts_with(b"SIP/2.0 301 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let began = Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(turn(&mut node, now, flow, &bytes));
    }
    println!(
        "REGISTER -> 301, bytes to bytes: {} ns",
        (began.elapsed() / rounds).as_nanos()
    );
}

fn turn(node: &mut Node, now: Now, flow: FlowId, bytes: &Bytes) -> Option<Bytes> {
    node.handle(
        now,
        Input::Net(Event::Received {
            flow,
            bytes: bytes.clone(),
        }),
    );
    let mut answer = None;
    while let Step::Do(action) = node.poll() {
        if let Action::Net(Effect::Send { bytes, .. }) = action {
            answer = Some(bytes);
        }
    }
    answer
}

/// The sample with credentials that are right.
fn signed_register(now: Now) -> Bytes {
    let nonces = Nonces::new(SECRET, Duration::from_secs(300));
    let nonce = nonces.mint(now.wall, &mut Random::new([1; 32]));
    let proof = Proof {
        nonce: &nonce,
        quality: Some(("00000001", "0a4f113b", "auth")),
        method: "REGISTER",
        uri: "sip:example.com",
    };
    let secret = ha1(Algorithm::Sha256, "alice", "example.com", "secret");
    let proven = response(Algorithm::Sha256, &secret, &proof);
    let credentials = format!(
        "Authorization: Digest username=\"alice\", realm=\"example.com\", nonce=\"{nonce}\", \
         uri=\"sip:example.com\", response=\"{proven}\", algorithm=SHA-256, cnonce=\"0a4f113b\", \
         qop=auth, nc=00000001"
    );
    let lines = REGISTER.split("\r\n").map(|line| {
        if line.starts_with("Authorization:") {
            credentials.as_str()
        } else {
            line
        }
    });
    lines.collect::<Vec<_>>().join("\r\n").into()
}

fn director(now: Now) -> Node {
    let users = Directory::default();
    let secret = ha1(Algorithm::Sha256, "alice", "example.com", "secret");
    let user = User {
        aor: Aor::parse("alice@example.com").expect("an address"),
        display_name: String::new(),
        home: PoolName::parse(HOME).expect("a name"),
        enabled: true,
        verifiers: vec![Verifier::new(Algorithm::Sha256, &secret).expect("a hash")],
        created: UnixMillis(0),
        changed: UnixMillis(0),
    };
    users.apply(Revision(1), Change::Put(user));
    let shared = Shared {
        guard: Arc::new(unlimited()),
        users,
        locations: Arc::new(Table::default()),
        watched: Arc::default(),
    };
    Node::new(Arc::new(config()), shared, [3; 32], now)
}

/// One address asks more than any may.
fn unlimited() -> Guard {
    let allowance = Allowance {
        requests: f64::MAX,
        ..Allowance::default()
    };
    Guard::new(allowance, Key::derive(&SECRET, "guard"))
}

fn config() -> Config {
    let name: Arc<str> = "dir01.example.net".into();
    Config {
        server: Arc::new(Server {
            name: Arc::clone(&name),
            pool: "dirpool01.example.net".into(),
            role: Role::Director,
        }),
        worker: WorkerId(0),
        workers: 1,
        boot: 1,
        domains: vec!["example.com".into()],
        inside: Address {
            host: name,
            port: 1,
        },
        outside: None,
        plain: None,
        gateways: Vec::new(),
        pools: vec![Pool {
            name: HOME.into(),
            role: Role::FrontEnd,
            port: 1,
            members: Vec::new(),
            backup: None,
        }],
        federation: None,
        next_hop: None,
        sign_in: SignIn {
            internal: InternalSignIn::Redirect,
            digest: vec![Algorithm::Sha256],
            rules: Vec::new(),
        },
        registrations: Registrations {
            min: Duration::from_secs(60),
            default: Duration::from_secs(600),
            max: Duration::from_secs(900),
            endpoints: 8,
        },
        limits: Limits::CLIENT,
        bounds: Bounds::default(),
        keys: Keys {
            branch: Key::derive(&SECRET, "branch"),
            token: Key::derive(&SECRET, "token"),
            nonce: SECRET,
            ticket: Key::derive(&SECRET, "ticket"),
        },
        nonce_life: Duration::from_secs(300),
        ticket_life: Duration::from_secs(60),
        timer_c: Duration::from_secs(200),
    }
}

fn link() -> Arc<Link> {
    let address: SocketAddr = "192.0.2.1:5".parse().expect("an address");
    Arc::new(Link {
        peer: Peer::Client,
        transport: Transport::Tls,
        face: Face::Inside,
        local: address,
        remote: address,
    })
}
