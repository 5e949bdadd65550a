//! The agent's thread: its ports, who comes in, and what is due.
//!
//! A port that another program has taken is tried again every [`RETRY`]; the numbers lie where operating systems also take
//! ports for connections that they open.

use std::io;
use std::net::{SocketAddr, TcpListener as Bound};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use base::Source;
use logs::authority::Asker;
use logs::wire::Service;
use runtime::places::{Place, Places};
use runtime::tls::Store;
use runtime::tls::stream::accept_proven;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, sleep};
use topology::{Port, View};

use super::converse::{Guest, House, converse};
use super::{Agent, Operators, RETRY};
use crate::fault::chain;
use crate::handshakes::Handshakes;

/// Connections of operators: a console keeps a few open, and there are several of them.
const OPERATORS: usize = 64;
/// Connections of an operator's place.
const OPERATORS_PER_SOURCE: usize = 24;
/// Connections of those who may not ask and are told so: all machines may be at it at once, to verify that they get here.
const OTHERS: usize = 256;
/// The same from one place: each port, and those that are still being closed.
const OTHERS_PER_SOURCE: usize = 8;
/// Handshakes under way on one port; beyond that the oldest gives way.
const HANDSHAKES: usize = 64;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Threads for work that waits: searches, collections, tails, and commands besides.
const THREADS: usize = 24;
/// How often it is looked what is due.
const LOOK: Duration = Duration::from_secs(1);
/// How long the end waits for work that is under way.
const GRACE: Duration = Duration::from_secs(2);

/// Where the agent listens, and whom it lets in.
pub struct Door {
    store: Arc<Store>,
    operators: Operators,
    ports: Vec<(SocketAddr, Service)>,
}

impl Door {
    /// Takes the ports out of a machine's view.
    #[must_use]
    pub fn of(view: &View, store: Arc<Store>) -> Self {
        let ports = view.listeners.iter();
        let ports = ports.filter_map(|one| Some((one.address, service(one.port)?)));
        Self {
            store,
            operators: Operators::of(view),
            ports: ports.collect(),
        }
    }
}

fn service(port: Port) -> Option<Service> {
    if port == Port::LogCommand {
        Some(Service::Command)
    } else if port == Port::LogSearch {
        Some(Service::Search)
    } else if port == Port::LogTail {
        Some(Service::Tail)
    } else {
        None
    }
}

/// The running thread.
pub struct Serving {
    end: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Serving {
    /// Opens the ports, as far as they can be opened, and starts the thread.
    ///
    /// # Errors
    /// The system has no thread or event loop left.
    pub fn start(agent: Arc<Agent>, door: Option<Door>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(THREADS)
            .build()?;
        let ports = door.iter().flat_map(|door| &door.ports);
        let bound: Vec<_> = ports
            .map(|(at, service)| (*at, *service, bind(&agent, *at)))
            .collect();
        let (end, mut ended) = watch::channel(false);
        let thread = std::thread::Builder::new().name("logging".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                let mut tasks = JoinSet::new();
                tasks.spawn(look_after(Arc::clone(&agent)));
                if let Some(door) = door {
                    let hall = Arc::new(Hall::new(agent, door));
                    for (at, service, listener) in bound {
                        tasks.spawn(attend(Arc::clone(&hall), at, service, listener));
                    }
                }
                let _gone = ended.wait_for(|end| *end).await;
                tasks.shutdown().await;
            });
            runtime.shutdown_timeout(GRACE);
        })?;
        Ok(Self { end, thread })
    }

    /// Ends all connections and the thread.
    pub fn end(self) {
        self.end.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the logging thread ended with a panic");
        }
    }
}

async fn look_after(agent: Arc<Agent>) {
    let mut due = interval(LOOK);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seconds = 0;
    loop {
        due.tick().await;
        seconds += LOOK.as_secs();
        let opens = seconds >= RETRY.as_secs();
        if opens {
            seconds = 0;
        }
        let agent = Arc::clone(&agent);
        let done = spawn_blocking(move || {
            if opens {
                agent.try_opening();
            }
            agent.look_after();
        });
        if done.await.is_err() {
            tracing::error!("what was due at the logging agent was not done");
        }
    }
}

fn bind(agent: &Agent, at: SocketAddr) -> Option<Bound> {
    let bound = Bound::bind(at).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    match bound {
        Ok(listener) => {
            if agent.about_port(at, None) {
                tracing::info!(%at, "the logging agent listens");
            }
            Some(listener)
        }
        Err(error) => {
            let seconds = RETRY.as_secs();
            let why = format!(
                "the agent does not listen on {at}: {}; it tries again every {seconds} s",
                chain(&error)
            );
            if agent.about_port(at, Some(&why)) {
                tracing::error!(why, "logging is in trouble");
            }
            None
        }
    }
}

/// What the ports have in common.
struct Hall {
    house: Arc<House>,
    operators: Operators,
    /// Who may ask, and who may not, each with places of their own: those who may not keep nobody out.
    seats: [Arc<Places>; 2],
}

impl Hall {
    fn new(agent: Arc<Agent>, door: Door) -> Self {
        Self {
            house: Arc::new(House {
                agent,
                store: door.store,
            }),
            operators: door.operators,
            seats: [OPERATORS, OTHERS].map(|most| Arc::new(Places::new(most))),
        }
    }

    fn seat(&self, guest: &Guest) -> Option<Place> {
        let [operators, others] = &self.seats;
        let (places, most) = match guest.asker {
            Asker::Operator(_) => (operators, OPERATORS_PER_SOURCE),
            Asker::Machine(_) | Asker::Stranger => (others, OTHERS_PER_SOURCE),
        };
        let mut place = places.take()?;
        place.of(Source::of(guest.from.ip()), most).then_some(place)
    }

    async fn shake(
        self: Arc<Self>,
        stream: TcpStream,
        from: SocketAddr,
        service: Service,
    ) -> Option<Guest> {
        match accept_proven(stream, &self.house.store, HANDSHAKE).await {
            Ok((stream, proven, credentials)) => Some(Guest {
                stream,
                from,
                asker: self.operators.who(&proven),
                service,
                credentials,
            }),
            Err(error) => {
                self.house.agent.counts().stranger();
                tracing::debug!(%from, error = chain(&error), "logging: not let in");
                None
            }
        }
    }
}

/// Lets in whoever comes to a port, for ever.
async fn attend(hall: Arc<Hall>, at: SocketAddr, service: Service, mut bound: Option<Bound>) {
    let listener = loop {
        match bound.take().map(TcpListener::from_std) {
            Some(Ok(listener)) => break listener,
            Some(Err(error)) => tracing::error!(%at, %error, "a listener cannot be used"),
            None => {}
        }
        sleep(RETRY).await;
        bound = bind(&hall.house.agent, at);
    };
    let mut handshakes = Handshakes::new(HANDSHAKES);
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => handshakes.begin(Arc::clone(&hall).shake(stream, from, service)),
                Err(error) => {
                    tracing::warn!(%at, %error, "logging: cannot accept a connection");
                    sleep(LOOK).await;
                }
            },
            Some(settled) = handshakes.next() => {
                let Some(guest) = settled else { continue };
                let (place, from) = (hall.seat(&guest), guest.from);
                match place {
                    Some(place) => {
                        let house = Arc::clone(&hall.house);
                        conversations.spawn(async move {
                            let _place = place;
                            converse(guest, house).await;
                        });
                    }
                    None => tracing::info!(%from, "logging: too many connections; this one is closed"),
                }
            }
            Some(_ended) = conversations.join_next() => {}
        }
    }
}
