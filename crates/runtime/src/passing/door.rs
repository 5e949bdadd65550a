//! One thread: its doors, and the life of each connection that comes in by them.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::pump::{Moved, Over, pump};
use super::{Arrival, Ended, Onward, Stats, Switch, Times};
use crate::crew::{self, Asked};
use crate::doorway::Doorway;
use crate::socket;
use crate::tls::stream::dial;

/// A listening socket of one thread.
pub(super) struct Socket {
    pub(super) place: usize,
    pub(super) listener: std::net::TcpListener,
    pub(super) most: usize,
    /// Connections of the door on all threads.
    pub(super) open: Arc<AtomicUsize>,
}

/// What one thread is given.
pub(super) struct Hall<S> {
    pub(super) sockets: Vec<Socket>,
    pub(super) switch: Arc<S>,
    pub(super) stats: Arc<Stats>,
    pub(super) times: Times,
    pub(super) asked: Asked,
}

/// Passes connections through until it is asked to end.
pub(super) async fn work<S: Switch>(hall: Hall<S>) -> Ended {
    let Hall {
        sockets,
        switch,
        stats,
        times,
        asked,
    } = hall;
    let porter = Rc::new(Porter {
        switch,
        stats,
        times,
    });
    let (arrivals, arrived) = mpsc::channel(1);
    let doorways: Vec<(std::net::TcpListener, Threshold)> = sockets
        .into_iter()
        .map(|socket| {
            let threshold = Threshold {
                place: socket.place,
                most: socket.most,
                open: socket.open,
                stats: Arc::clone(&porter.stats),
                arrivals: arrivals.clone(),
            };
            (socket.listener, threshold)
        })
        .collect();
    drop(arrivals);
    let host = |guest| Rc::clone(&porter).pass(guest);
    crew::hold(doorways, arrived, asked, host, || {}).await
}

/// A connection with its place at the door.
struct Guest {
    stream: TcpStream,
    source: SocketAddr,
    door: usize,
    /// Gives the place back when the connection is over.
    _place: Place,
}

struct Place(Arc<AtomicUsize>, Arc<Stats>);

impl Place {
    fn at(open: &Arc<AtomicUsize>, stats: &Arc<Stats>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        stats.open.add(1);
        Self(Arc::clone(open), Arc::clone(stats))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        self.1.open.sub(1);
    }
}

/// One door, with the way to the thread's connections.
struct Threshold {
    place: usize,
    most: usize,
    open: Arc<AtomicUsize>,
    stats: Arc<Stats>,
    arrivals: mpsc::Sender<Guest>,
}

impl Doorway for Threshold {
    fn has_room(&self) -> bool {
        self.open.load(Ordering::Relaxed) < self.most
    }

    async fn take(&self, stream: TcpStream, source: SocketAddr) -> bool {
        self.stats.accepted.add(1);
        let guest = Guest {
            stream,
            source,
            door: self.place,
            _place: Place::at(&self.open, &self.stats),
        };
        self.arrivals.send(guest).await.is_ok()
    }

    fn failed(&self) {
        self.stats.accept_errors.add(1);
    }
}

/// Takes connections from the door to where they go.
struct Porter<S> {
    switch: Arc<S>,
    stats: Arc<Stats>,
    times: Times,
}

impl<S: Switch> Porter<S> {
    async fn pass(self: Rc<Self>, guest: Guest) {
        let near = &guest.stream;
        let Ok(destination) = near.local_addr() else {
            return;
        };
        if socket::prepare(near).is_err() {
            return;
        }
        let way = self.switch.begin(Arrival {
            door: guest.door,
            source: guest.source,
            destination,
        });
        let mut way = Underway {
            switch: &*self.switch,
            stage: Stage::Between,
            way: Some(way),
        };
        let Some(far) = self.reach(&mut way).await else {
            return self.stats.refused.add(1);
        };
        self.stats.passed.add(1);
        let (over, moved) = pump(near, &far, self.times.idle).await;
        way.moved(moved);
        self.stats.bytes_in.add(moved.inward);
        self.stats.bytes_out.add(moved.outward);
        match over {
            Over::Said => {}
            Over::Idle => self.stats.idle.add(1),
            Over::Broken => self.stats.broken.add(1),
        }
    }

    async fn reach(&self, way: &mut Underway<'_, S>) -> Option<TcpStream> {
        let mut first = true;
        loop {
            let onward = way.next()?;
            if !std::mem::replace(&mut first, false) {
                self.stats.retried.add(1);
            }
            let reached = timeout(self.times.connect, open(&onward)).await;
            match reached.unwrap_or_else(|late| Err(io::Error::from(late))) {
                Ok(far) => {
                    way.taken();
                    return Some(far);
                }
                Err(error) => {
                    tracing::debug!(to = %onward.to, %error, "cannot connect");
                    way.failed(&error);
                }
            }
        }
    }
}

async fn open(onward: &Onward) -> io::Result<TcpStream> {
    let mut far = dial(onward.to, onward.from).await?;
    far.write_all(&onward.header).await?;
    Ok(far)
}

/// Where a connection stands with the switch, which hears of its end also when it is cut.
struct Underway<'s, S: Switch> {
    switch: &'s S,
    stage: Stage,
    way: Option<S::Way>,
}

enum Stage {
    /// Nobody is asked.
    Between,
    /// Somebody is asked.
    Asked,
    /// Somebody has it.
    Taken(Moved),
}

impl<S: Switch> Underway<'_, S> {
    fn next(&mut self) -> Option<Onward> {
        let onward = self.switch.next(self.way.as_mut()?)?;
        self.stage = Stage::Asked;
        Some(onward)
    }

    fn failed(&mut self, why: &io::Error) {
        if let Some(way) = &mut self.way {
            self.switch.failed(way, why);
        }
        self.stage = Stage::Between;
    }

    fn taken(&mut self) {
        if let Some(way) = &mut self.way {
            self.switch.taken(way);
        }
        self.stage = Stage::Taken(Moved::default());
    }

    const fn moved(&mut self, moved: Moved) {
        self.stage = Stage::Taken(moved);
    }
}

impl<S: Switch> Drop for Underway<'_, S> {
    fn drop(&mut self) {
        match (&self.stage, self.way.take()) {
            (Stage::Asked, Some(way)) => self.switch.ended(way, Moved::default()),
            (Stage::Taken(moved), Some(way)) => self.switch.ended(way, *moved),
            (Stage::Between, _) | (_, None) => {}
        }
    }
}
