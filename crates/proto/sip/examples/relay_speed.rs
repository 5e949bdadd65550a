//! Prints what a Front End's whole work on a call costs, from bytes to bytes, for profiling: INVITE, 180, 200, ACK, BYE
//! and its 200 between two phones of one worker. `cargo run --release -p sip --example relay_speed [rounds]`; under
//! `valgrind --tool=callgrind` two runs with different rounds give the instructions of one call.
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
use base::{Machine, Now, Step, UnixMillis};
use bytes::Bytes;
use directory::{Algorithm, Aor, Change, Directory, PoolName, Revision, User};
use sip::config::{Address, Bounds, Config, InternalSignIn, Keys, Pool, Registrations, SignIn};
use sip::guard::{Allowance, Guard};
use sip::location::Table;
use sip::msg::{Limits, Message, Name, Reply};
use sip::token::{Key, Ticket};
use sip::{Action, Input, Node, Shared};

const SECRET: [u8; 32] = [7; 32];
const HOME: &str = "fepool01.example.net";
/// Messages that the node takes in for one call.
const MESSAGES: u32 = 6;
const BODY: &str = "v=0\r\no=- 3724394400 3724394405 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                    m=audio 49170 RTP/AVP 0 8 97\r\na=rtpmap:97 opus/48000/2\r\n";

fn main() {
    let rounds: u32 = std::env::args()
        .nth(1)
        .map_or(50_000, |rounds| rounds.parse().expect("a number of rounds"));
    let mut bench = Bench::new();
    bench.sign_in("alice", bench.alice);
    bench.sign_in("bob", bench.bob);
    bench.call(0);
    let began = Instant::now();
    for round in 1..=rounds {
        bench.call(round);
    }
    let call = began.elapsed() / rounds.max(1);
    println!(
        "a call, bytes to bytes: {} ns; per message in: {} ns",
        call.as_nanos(),
        (call / MESSAGES).as_nanos()
    );
}

/// A Front End and two phones.
struct Bench {
    node: Node,
    table: Arc<Table>,
    now: Now,
    alice: FlowId,
    bob: FlowId,
}

impl Bench {
    fn new() -> Self {
        let now = Now {
            wall: UnixMillis(1_800_000_000_000),
            ..Now::default()
        };
        let users = Directory::default();
        for (revision, name) in (1..).zip(["alice", "bob"]) {
            users.apply(Revision(revision), Change::Put(user(name)));
        }
        let table = Arc::new(Table::default());
        let shared = Shared {
            users,
            locations: Arc::clone(&table) as _,
            guard: Arc::new(unlimited()),
            watched: Arc::default(),
        };
        let node = Node::new(Arc::new(config()), shared, [3; 32], now);
        let flow = |serial| FlowId::accepted(WorkerId(0), serial);
        let mut bench = Self {
            node,
            table,
            now,
            alice: flow(1),
            bob: flow(2),
        };
        for flow in [bench.alice, bench.bob] {
            bench.feed(Event::Opened { flow, link: link() });
        }
        bench
    }

    /// Hands an event to the node and returns what it sends.
    fn feed(&mut self, event: Event) -> Vec<(FlowId, Bytes)> {
        self.node.handle(self.now, Input::Net(event));
        let mut sent = Vec::new();
        while let Step::Do(action) = self.node.poll() {
            match action {
                Action::Net(Effect::Send { flow, bytes }) => sent.push((flow, bytes)),
                Action::Commit { ticket, changes } => {
                    changes.iter().for_each(|change| self.table.apply(change));
                    let done = Input::Committed { ticket, done: true };
                    self.node.handle(self.now, done);
                }
                Action::Net(_)
                | Action::Complain(_)
                | Action::Report(_)
                | Action::Tell { .. }
                | Action::Resolve { .. } => {}
            }
        }
        sent
    }

    /// Sends to the node; returns the last message that it sends to the other.
    fn say(&mut self, flow: FlowId, to: FlowId, bytes: Bytes) -> Message {
        let sent = self.feed(Event::Received { flow, bytes });
        let (_, bytes) = sent
            .into_iter()
            .rfind(|(flow, _)| *flow == to)
            .expect("it was sent on");
        Message::parse(bytes, &Limits::SERVER).expect("a message")
    }

    fn sign_in(&mut self, name: &str, flow: FlowId) {
        let aor = format!("sip:{name}@example.com");
        let until = self.now.wall.as_secs() + 60;
        let ticket = Ticket::mint(&aor, until, &Key::derive(&SECRET, "ticket"));
        let text = format!(
            "REGISTER sip:{HOME};{}={ticket} SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1:5;branch=z9hG4bK{name}\r\n\
             Max-Forwards: 70\r\nFrom: <{aor}>;tag=1\r\nTo: <{aor}>\r\nCall-ID: {name}\r\nCSeq: 1 REGISTER\r\n\
             Contact: <sip:{name}@192.0.2.1:5;transport=tls>\r\nContent-Length: 0\r\n\r\n",
            Ticket::PARAM
        );
        let answer = self.say(flow, flow, text.into());
        assert_eq!(answer.status(), 200);
    }

    fn call(&mut self, round: u32) {
        // A day of calls in which no transaction stays for long: the wheel turns as it would.
        self.now.mono = self.now.mono.after(Duration::from_millis(10));
        self.node.tick(self.now);
        let (alice, bob) = (self.alice, self.bob);
        let length = BODY.len();
        let invite = format!(
            "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1:5;branch=z9hG4bKi{round}\r\n\
             Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@example.com>;tag=a{round}\r\n\
             To: <sip:bob@example.com>\r\nCall-ID: call{round}@192.0.2.1\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:alice@192.0.2.1:5;transport=tls>\r\nUser-Agent: phone/1.0\r\nSupported: 100rel, timer\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK\r\nContent-Type: application/sdp\r\n\
             Content-Length: {length}\r\n\r\n{BODY}"
        );
        let came = self.say(alice, bob, invite.into());
        self.say(bob, alice, answer(&came, 180));
        let accepted = self.say(bob, alice, answer(&came, 200));
        let entries = accepted.elements(Name::RecordRoute);
        let mut routes: Vec<_> = entries.filter_map(|entry| entry.text()).collect();
        routes.reverse();
        let to = accepted.text(Name::To).expect("a To");
        for (method, number) in [("ACK", 1), ("BYE", 2)] {
            let text = format!(
                "{method} sip:bob@192.0.2.1:5;transport=tls SIP/2.0\r\n\
                 Via: SIP/2.0/TLS 192.0.2.1:5;branch=z9hG4bK{method}{round}\r\nMax-Forwards: 70\r\nRoute: {}\r\n\
                 From: \"Alice\" <sip:alice@example.com>;tag=a{round}\r\nTo: {to}\r\n\
                 Call-ID: call{round}@192.0.2.1\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
                routes.join(", ")
            );
            let came = self.say(alice, bob, text.into());
            if method == "BYE" {
                let ended = self.say(bob, alice, answer(&came, 200));
                assert_eq!(ended.status(), 200);
            }
        }
    }
}

fn answer(request: &Message, status: u16) -> Bytes {
    let contact = "<sip:bob@192.0.2.1:5;transport=tls>";
    let reply = Reply::to(request, status).to_tag("b").record_route();
    reply.header(Name::Contact, contact).write()
}

fn user(name: &str) -> User {
    User {
        aor: Aor::parse(&format!("{name}@example.com")).expect("an address"),
        display_name: String::new(),
        home: PoolName::parse(HOME).expect("a name"),
        enabled: true,
        verifiers: Vec::new(),
        created: UnixMillis(0),
        changed: UnixMillis(0),
    }
}

/// One address asks more than any may.
fn unlimited() -> Guard {
    let allowance = Allowance {
        requests: f64::MAX,
        ..Allowance::default()
    };
    Guard::new(allowance, Key::derive(&[0; 32], "guard"))
}

fn config() -> Config {
    let name: Arc<str> = "fe01.example.net".into();
    Config {
        server: Arc::new(Server {
            name: Arc::clone(&name),
            pool: HOME.into(),
            role: Role::FrontEnd,
        }),
        worker: WorkerId(0),
        workers: 1,
        gateways: Vec::new(),
        federation: None,
        boot: 1,
        domains: vec!["example.com".into()],
        inside: Address {
            host: name,
            port: 1,
        },
        outside: None,
        plain: None,
        pools: vec![Pool {
            name: HOME.into(),
            role: Role::FrontEnd,
            port: 1,
            members: Vec::new(),
            backup: None,
        }],
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
