//! Starting and ending the workers of a process.
//!
//! A drain stops accepting, waits until the machines are quiet and what they sent has left ([`Plug::is_quiet`]; the owner
//! tells the machines by their mailboxes), closes the flows with a notice, and gives up at its deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use base::Now;
use base::net::{Closed, Face, WorkerId};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tokio::time::{Instant, timeout_at};
use traces::Recorder;

use super::accept::{Door, accept_for_ever};
use super::gate::{Doorman, Gate};
use super::hub::Hub;
use super::listen::Listener;
use super::mailbox::{Letter, Mailbox};
use super::net::Net;
use super::stats::{Snapshot, Stats};
use super::ticker::tick_for_ever;
use super::udp::{Port, UdpListener, receive_for_ever};
use super::{Input, Limits, Plug};
use crate::clock::Clock;
use crate::tls::{Identify, Store};

/// How connections that we open begin, on one face.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// What we prove and whom we believe; without it TLS to this face fails.
    pub store: Option<Arc<Store>>,
    /// From which address of ours; any, if none.
    pub bind: Option<IpAddr>,
}

/// What the workers of a process have in common.
pub struct Setup {
    /// Names the threads.
    pub name: String,
    /// How many workers.
    pub workers: u8,
    /// Where to listen.
    pub listeners: Vec<Listener>,
    /// Where datagrams are received, and where ours leave from.
    pub datagrams: Vec<UdpListener>,
    /// For connections that we open inside.
    pub inside: Origin,
    /// For connections that we open outside.
    pub outside: Origin,
    /// Knows whose names are whose.
    pub identify: Arc<dyn Identify>,
    /// Knows who is not welcome; without one everybody is.
    pub doorman: Option<Arc<dyn Doorman>>,
    /// Takes note of connections: who came, who was refused.
    pub recorder: Recorder,
    /// The bounds.
    pub limits: Limits,
    /// The clock of the process.
    pub clock: Clock,
}

/// What a machine is built from, on its own thread.
#[derive(Debug)]
pub struct Seat<I> {
    /// Which worker it is.
    pub id: WorkerId,
    /// The worker's own mailbox, for answers that come from elsewhere.
    pub mailbox: Mailbox<I>,
    /// Those of all workers, in order.
    pub all: Vec<Mailbox<I>>,
    /// The time.
    pub now: Now,
}

/// How a drain went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Flows that were there when the machines were quiet, and ended in order.
    pub closed: usize,
    /// Flows that were cut at the deadline.
    pub cut: usize,
    /// Bytes that were lost with them.
    pub lost: usize,
    /// Workers that had failed.
    pub failed: usize,
}

/// What every worker reads of the setup.
pub(crate) struct Wiring {
    pub(crate) recorder: Recorder,
    pub(crate) identify: Arc<dyn Identify>,
    inside: Origin,
    outside: Origin,
}

impl Wiring {
    pub(crate) const fn origin(&self, face: Face) -> &Origin {
        match face {
            Face::Inside => &self.inside,
            Face::Outside => &self.outside,
        }
    }
}

/// Running workers. Dropping this ends them at once, without waiting.
pub struct Workers<I> {
    mailboxes: Vec<Mailbox<I>>,
    addresses: Vec<SocketAddr>,
    stats: Vec<Arc<Stats>>,
    grace: watch::Sender<Option<Duration>>,
    threads: Vec<JoinHandle<Drained>>,
}

impl<I> Workers<I> {
    /// Returns the mailbox of one worker.
    #[must_use]
    pub fn mailbox(&self, worker: WorkerId) -> Option<&Mailbox<I>> {
        self.mailboxes.get(usize::from(worker.0))
    }

    /// Returns all mailboxes, in the order of the workers.
    #[must_use]
    pub fn mailboxes(&self) -> &[Mailbox<I>] {
        &self.mailboxes
    }

    /// Returns the addresses of the listeners in the order of the setup, those for datagrams last.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Returns what was counted so far.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        sum(&self.stats)
    }

    /// Returns a way to read the counters that outlives this handle.
    pub fn counters(&self) -> impl Fn() -> Snapshot + Send + Sync + 'static + use<I> {
        let stats = self.stats.clone();
        move || sum(&stats)
    }

    /// Tells whether a worker has ended on its own, which only a panic brings about.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Ends the workers in order, within `grace`; blocks until they have.
    #[must_use]
    pub fn drain(self, grace: Duration) -> Drained {
        self.grace.send_replace(Some(grace));
        let mut all = Drained::default();
        for thread in self.threads {
            match thread.join() {
                Ok(one) => {
                    all.closed += one.closed;
                    all.cut += one.cut;
                    all.lost += one.lost;
                    all.failed += one.failed;
                }
                Err(_panicked) => all.failed += 1,
            }
        }
        all
    }
}

fn sum(stats: &[Arc<Stats>]) -> Snapshot {
    let mut all = Snapshot::default();
    stats.iter().for_each(|one| all.add(one));
    all
}

/// Starts the workers; `build` makes each one's plug and machine on its own thread.
///
/// # Errors
/// When a thread or an event loop cannot be had.
pub fn start<P, B>(setup: Setup, build: B) -> io::Result<Workers<Input<P>>>
where
    P: Plug,
    B: Fn(Seat<Input<P>>) -> (P, P::Machine) + Send + Sync + 'static,
{
    let Setup {
        name,
        workers,
        mut listeners,
        mut datagrams,
        inside,
        outside,
        identify,
        doorman,
        recorder,
        limits,
        clock,
    } = setup;
    let build = Arc::new(build);
    let wiring = Arc::new(Wiring {
        recorder,
        identify,
        inside,
        outside,
    });
    let gate = Gate::new(limits.connections, limits.per_source, limits.handshakes);
    let gate = Arc::new(gate.guarded(doorman));
    // A gate of its own, so that forged senders of datagrams keep nobody from connecting.
    let pairs = Arc::new(Gate::new(limits.pairs, limits.per_source, limits.pairs));
    let (grace, asked) = watch::channel(None);
    let stats: Vec<Arc<Stats>> = (0..workers).map(|_| Arc::default()).collect();
    let (mailboxes, letters): (Vec<_>, Vec<_>) = stats
        .iter()
        .map(|stats| {
            let (sender, receiver) = mpsc::channel(limits.mailbox);
            (Mailbox::new(sender, Arc::clone(stats)), receiver)
        })
        .unzip();
    let addresses = listeners
        .iter()
        .map(|listener| listener.bound.addr())
        .chain(datagrams.iter().map(|listener| listener.bound.addr()))
        .collect();
    let mut threads = Vec::new();
    for ((id, letters), (mailbox, stats)) in (0..).zip(letters).zip(mailboxes.iter().zip(&stats)) {
        let id = WorkerId(id);
        let post = Post {
            doors: listeners.iter_mut().filter_map(open_door).collect(),
            ports: datagrams.iter_mut().filter_map(UdpListener::take).collect(),
            limits: limits.clone(),
            clock,
            stats: Arc::clone(stats),
            gate: Arc::clone(&gate),
            pairs: Arc::clone(&pairs),
            wiring: Arc::clone(&wiring),
            letters,
            others: mailboxes.clone(),
            asked: asked.clone(),
        };
        let seat = Seat {
            id,
            mailbox: mailbox.clone(),
            all: mailboxes.clone(),
            now: clock.now(),
        };
        let build = Arc::clone(&build);
        // Made here, so that a failure is the caller's to see.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(format!("{name}-{}", id.0));
        threads.push(thread.spawn(move || {
            let local = LocalSet::new();
            local.block_on(
                &runtime,
                async move { post.work::<P>(id, build(seat)).await },
            )
        })?);
    }
    Ok(Workers {
        mailboxes,
        addresses,
        stats,
        grace,
        threads,
    })
}

fn open_door(listener: &mut Listener) -> Option<(Door, std::net::TcpListener)> {
    let socket = listener.bound.take()?;
    let door = Door {
        face: listener.face,
        security: listener.security.clone(),
        idle: listener.idle,
        balancers: listener.balancers.clone(),
    };
    Some((door, socket))
}

/// What one worker's thread is given.
struct Post<I> {
    doors: Vec<(Door, std::net::TcpListener)>,
    ports: Vec<Port>,
    limits: Limits,
    clock: Clock,
    stats: Arc<Stats>,
    gate: Arc<Gate>,
    pairs: Arc<Gate>,
    wiring: Arc<Wiring>,
    letters: mpsc::Receiver<Letter<I>>,
    others: Vec<Mailbox<I>>,
    asked: watch::Receiver<Option<Duration>>,
}

impl<I: Send + 'static> Post<I> {
    async fn work<P>(self, id: WorkerId, pair: (P, P::Machine)) -> Drained
    where
        P: Plug,
        P::Machine: base::Machine<Input = I>,
    {
        let net = Rc::new(Net::new(id, self.clock, self.limits, self.stats, self.gate));
        net.datagrams().open(self.pairs);
        let hub = Hub::new(pair, Rc::clone(&net), self.wiring, self.others);
        net.spawn(Rc::clone(&net).flush_for_ever());
        net.spawn(tick_for_ever(Rc::clone(&hub)));
        net.spawn(Rc::clone(&hub).read_letters(self.letters));
        let mut accepting = Vec::new();
        for (door, socket) in self.doors {
            match TcpListener::from_std(socket) {
                Ok(listener) => {
                    accepting.push(net.spawn(accept_for_ever(Rc::clone(&hub), door, listener)))
                }
                Err(error) => tracing::error!(%error, "a listener cannot be used"),
            }
        }
        for port in self.ports {
            match port.open() {
                Ok(socket) => {
                    let socket = net.datagrams().add(socket);
                    net.spawn(receive_for_ever(Rc::clone(&hub), socket));
                }
                Err(error) => tracing::error!(%error, "a port for datagrams cannot be used"),
            }
        }
        // A machine may have something to do before anything happens.
        hub.change(super::hub::Change::Tick);

        let mut asked = self.asked;
        let grace = tokio::select! {
            grace = asked.wait_for(Option::is_some) => grace.map_or(None, |grace| *grace),
            () = net.failed.notified() => {
                tracing::error!(worker = id.0, "a task panicked, the worker ends");
                let load = net.load();
                return Drained { closed: 0, cut: load.live, lost: load.unsent, failed: 1 };
            }
        };
        accepting.iter().for_each(tokio::task::JoinHandle::abort);
        drain(&hub, grace.unwrap_or_default()).await
    }
}

async fn drain<P: Plug>(hub: &Rc<Hub<P>>, grace: Duration) -> Drained {
    let deadline = Instant::now() + grace;
    hub.net.datagrams().close_door();
    let _too_late = timeout_at(deadline, hub.quiet()).await;
    let before = hub.net.load();
    hub.net.close_all(Closed::Draining);
    hub.end_all_pairs();
    let _too_late = timeout_at(deadline, hub.empty()).await;
    let after = hub.net.load();
    Drained {
        closed: before.flows.saturating_sub(after.live),
        cut: after.live,
        lost: after.unsent,
        failed: 0,
    }
}
