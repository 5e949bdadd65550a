#![expect(
    clippy::print_stdout,
    reason = "an example talks to whoever started it"
)]
//! A TLS echo on this runtime, to measure what everything else is measured against.
//!
//! Usage: `echo FOLDER ADDRESS [WORKERS]`, where the folder holds `cert.pem`, `key.pem` and `ca.pem`. It asks nobody for
//! a certificate, prints the address it listens on, and ends on SIGINT or SIGTERM.

use std::collections::VecDeque;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::net::{Effect, Event, Face, Peer};
use base::{Machine, Now, Step};
use runtime::clock::Clock;
use runtime::signals::Signals;
use runtime::tls::{Auth, ClientNames, Identify, Store, Stranger};
use runtime::worker::{Bound, Limits, Listener, Origin, Plug, Security, Setup, start};
use traces::Recorder;

/// Sends back what it hears.
#[derive(Default)]
struct Echo(VecDeque<Effect>);

impl Machine for Echo {
    type Input = Event;
    type Action = Effect;

    fn handle(&mut self, _now: Now, input: Event) {
        if let Event::Received { flow, bytes } = input {
            self.0.push_back(Effect::Send { flow, bytes });
        }
    }

    fn tick(&mut self, _now: Now) {}

    fn poll(&mut self) -> Step<Effect> {
        self.0.pop_front().map_or(Step::Wait(None), Step::Do)
    }
}

struct Through;

impl Plug for Through {
    type Machine = Echo;

    fn input(&mut self, event: Event) -> Event {
        event
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        Some(effect)
    }
}

struct Nobody;

impl Identify for Nobody {
    fn identify(&self, _names: &[String], _face: Face) -> Result<Peer, Stranger> {
        Err(Stranger)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(addr)) = (arguments.next(), arguments.next()) else {
        return Err("usage: echo FOLDER ADDRESS [WORKERS]".into());
    };
    let workers = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let store = Arc::new(Store::open(Path::new(&folder))?);
    let listener = Listener {
        bound: Bound::bind(addr.parse()?, workers)?,
        face: Face::Inside,
        security: Security::Tls {
            store,
            auth: Auth::None,
            client_names: ClientNames::default(),
            holder_names: ClientNames::default(),
        },
        idle: Duration::from_secs(1800),
        balancers: Vec::new(),
    };
    let setup = Setup {
        name: "echo".to_owned(),
        workers,
        listeners: vec![listener],
        datagrams: Vec::new(),
        inside: Origin::default(),
        outside: Origin::default(),
        identify: Arc::new(Nobody),
        doorman: None,
        recorder: Recorder::default(),
        limits: Limits {
            per_source: 100_000,
            ..Limits::default()
        },
        clock: Clock::start(),
    };
    let running = start(setup, |_seat| (Through, Echo::default()))?;
    for addr in running.addresses() {
        println!("{addr}");
    }
    runtime::process::raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { Ok::<_, std::io::Error>(Signals::listen()?.next().await) })?;
    let drained = running.drain(Duration::from_secs(5));
    println!("{drained:?}");
    Ok(())
}
