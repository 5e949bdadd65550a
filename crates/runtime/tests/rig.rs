//! Workers with a machine that tests can look into and command.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use base::net::{
    Closed, Effect, Event, Face, FlowId, Hop, Link, Peer, Role, Server, Transport, WorkerId,
};
use base::{Machine, Mono, Now, Step};
use runtime::clock::Clock;
use runtime::tls::{Auth, ClientNames, Identify, Store, Stranger};
use runtime::worker::{
    Bound, BoundUdp, Limits, Listener, Origin, Plug, Security, Setup, Snapshot, UdpListener,
    Workers, start,
};
use tempfile::TempDir;
use traces::Recorder;

use crate::authority::{Authority, Identity};
use crate::phone::PATIENCE;

/// The name of every rig's certificate.
pub(crate) const NAME: &str = "dir01.example.com";

/// What the machine is told.
#[derive(Debug)]
pub(crate) enum Told {
    Net(Event),
    Do(Effect),
    /// Be busy until told otherwise.
    Busy(bool),
    /// Ask for a tick at this time.
    Wake(Mono),
    /// Fail as a bug would.
    Panic,
    /// Block the thread until the sender is gone.
    Block(Receiver<()>),
}

/// What the machine reports.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    Heard(Event),
    Ticked(Mono),
}

/// Does what it is told, echoes what it hears if it should, and reports everything.
pub(crate) struct Puppet {
    echo: bool,
    busy: bool,
    wake: Option<Mono>,
    effects: VecDeque<Effect>,
    reports: Sender<(WorkerId, Report)>,
    id: WorkerId,
}

impl Machine for Puppet {
    type Input = Told;
    type Action = Effect;

    fn handle(&mut self, _now: Now, told: Told) {
        match told {
            Told::Net(event) => {
                if let (true, Event::Received { flow, bytes }) = (self.echo, &event) {
                    self.effects.push_back(Effect::Send {
                        flow: *flow,
                        bytes: bytes.clone(),
                    });
                }
                let _test_is_over = self.reports.send((self.id, Report::Heard(event)));
            }
            Told::Do(effect) => self.effects.push_back(effect),
            Told::Busy(busy) => self.busy = busy,
            Told::Wake(at) => self.wake = Some(at),
            Told::Panic => panic!("the machine was told to panic"),
            Told::Block(until) => {
                let _gone = until.recv_timeout(PATIENCE);
            }
        }
    }

    fn tick(&mut self, now: Now) {
        if self.wake.is_some_and(|wake| wake <= now.mono) {
            self.wake = None;
            let _test_is_over = self.reports.send((self.id, Report::Ticked(now.mono)));
        }
    }

    fn poll(&mut self) -> Step<Effect> {
        self.effects
            .pop_front()
            .map_or(Step::Wait(self.wake), Step::Do)
    }
}

pub(crate) struct Strings;

impl Plug for Strings {
    type Machine = Puppet;

    fn input(&mut self, event: Event) -> Told {
        Told::Net(event)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        Some(effect)
    }

    fn is_quiet(&self, machine: &Puppet) -> bool {
        !machine.busy
    }
}

/// Knows the machines below example.com, except one that left.
pub(crate) struct Known;

impl Identify for Known {
    fn identify(&self, names: &[String], _face: Face) -> Result<Peer, Stranger> {
        let known = names
            .iter()
            .find(|name| name.ends_with(".example.com"))
            .ok_or(Stranger)?;
        let server = Server {
            name: known.as_str().into(),
            pool: "pool.example.com".into(),
            role: Role::Director,
        };
        Ok(Peer::Server(Arc::new(server)))
    }
}

/// How a rig differs from the usual.
pub(crate) struct Plan {
    /// TLS with this mode, or plain TCP.
    pub(crate) auth: Option<Auth>,
    pub(crate) client_names: ClientNames,
    pub(crate) holder_names: ClientNames,
    pub(crate) limits: Limits,
    pub(crate) workers: u8,
    pub(crate) echo: bool,
    pub(crate) idle: Duration,
    pub(crate) balancers: Vec<IpAddr>,
    pub(crate) recorder: Recorder,
}

impl Default for Plan {
    fn default() -> Self {
        let idle = Duration::from_secs(60);
        Self {
            auth: Some(Auth::Optional),
            client_names: ClientNames::default(),
            holder_names: ClientNames::default(),
            limits: Limits::default(),
            workers: 1,
            echo: true,
            idle,
            balancers: Vec::new(),
            recorder: Recorder::default(),
        }
    }
}

/// Running workers.
pub(crate) struct Rig {
    pub(crate) workers: Workers<Told>,
    pub(crate) addr: SocketAddr,
    /// Where it receives datagrams.
    pub(crate) udp: SocketAddr,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Clock,
    folder: TempDir,
    reports: Receiver<(WorkerId, Report)>,
}

impl Rig {
    pub(crate) fn start(authority: &Authority, plan: Plan) -> Self {
        Self::start_as(authority, &authority.issue(&[NAME]), plan)
    }

    pub(crate) fn start_as(authority: &Authority, identity: &Identity, plan: Plan) -> Self {
        let folder = TempDir::new().unwrap();
        authority.furnish(folder.path(), identity);
        let store = Arc::new(Store::open(folder.path()).unwrap());
        let security = match plan.auth {
            Some(auth) => Security::Tls {
                store: Arc::clone(&store),
                auth,
                client_names: plan.client_names,
                holder_names: plan.holder_names,
            },
            None => Security::Plain,
        };
        let bound = Bound::bind((Ipv4Addr::LOCALHOST, 0).into(), plan.workers).unwrap();
        let addr = bound.addr();
        let datagrams = BoundUdp::bind((Ipv4Addr::LOCALHOST, 0).into(), plan.workers).unwrap();
        let udp = datagrams.addr();
        let clock = Clock::start();
        let setup = Setup {
            name: "rig".to_owned(),
            workers: plan.workers,
            listeners: vec![Listener {
                bound,
                face: Face::Inside,
                security,
                idle: plan.idle,
                balancers: plan.balancers,
            }],
            datagrams: vec![UdpListener {
                bound: datagrams,
                face: Face::Inside,
                idle: plan.idle,
            }],
            inside: Origin {
                store: Some(Arc::clone(&store)),
                bind: None,
            },
            outside: Origin::default(),
            identify: Arc::new(Known),
            doorman: None,
            recorder: plan.recorder,
            limits: plan.limits,
            clock,
        };
        let (sender, reports) = channel();
        let workers = start(setup, move |seat| {
            let puppet = Puppet {
                echo: plan.echo,
                busy: false,
                wake: None,
                effects: VecDeque::new(),
                reports: sender.clone(),
                id: seat.id,
            };
            (Strings, puppet)
        });
        Self {
            workers: workers.unwrap(),
            addr,
            udp,
            store,
            clock,
            folder,
            reports,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Has the machine of a worker do something.
    pub(crate) fn tell(&self, worker: u8, told: Told) {
        self.workers
            .mailbox(WorkerId(worker))
            .unwrap()
            .post(told)
            .unwrap();
    }

    pub(crate) fn act(&self, worker: u8, effect: Effect) {
        self.tell(worker, Told::Do(effect));
    }

    /// Waits for a report that fits; others are passed over.
    pub(crate) fn until<T>(&self, mut fits: impl FnMut(WorkerId, &Report) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (worker, report) = self
                .reports
                .recv_timeout(left)
                .expect("no fitting report in time");
            if let Some(found) = fits(worker, &report) {
                return found;
            }
        }
    }

    pub(crate) fn opened(&self) -> (FlowId, Arc<Link>) {
        self.until(|_, report| match report {
            Report::Heard(Event::Opened { flow, link }) => Some((*flow, Arc::clone(link))),
            Report::Heard(_) | Report::Ticked(_) => None,
        })
    }

    pub(crate) fn closed(&self) -> (FlowId, Closed) {
        self.until(|_, report| match report {
            Report::Heard(Event::Closed { flow, why }) => Some((*flow, *why)),
            Report::Heard(_) | Report::Ticked(_) => None,
        })
    }

    /// Collects what a flow brings, until it is so long.
    pub(crate) fn received(&self, wanted: FlowId, length: usize) -> Vec<u8> {
        let mut all = Vec::new();
        self.until(|_, report| {
            if let Report::Heard(Event::Received { flow, bytes }) = report
                && *flow == wanted
            {
                all.extend_from_slice(bytes);
            }
            (all.len() >= length).then_some(())
        });
        all
    }

    /// Waits until the counters are as they should be.
    pub(crate) fn counted(&self, fits: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let snapshot = self.workers.snapshot();
            if fits(&snapshot) {
                return snapshot;
            }
            assert!(
                Instant::now() < deadline,
                "counters never fit: {snapshot:?}"
            );
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Has a worker's machine open a flow.
    pub(crate) fn dial(
        &self,
        serial: u64,
        name: &str,
        addr: SocketAddr,
        transport: Transport,
    ) -> FlowId {
        let flow = FlowId::opened(WorkerId(0), serial).over(transport);
        let hop = Hop {
            transport,
            ..Hop::inside(name, addr)
        };
        self.act(0, Effect::Open { flow, hop });
        flow
    }
}
