//! TCP connections passed through as they are: accepted here, opened again elsewhere, bytes moved both ways.
//!
//! ```text
//! accepted -> Switch::begin -> Switch::next -> dialled -> header -> pumped until both sides have ended
//!                                   ^------------failed
//! ```
//!
//! Who gets a connection is not decided here: that is the [`Switch`]'s. What is passed through is not looked at; the
//! kernel moves it from socket to socket ([`pump`]), so that TLS goes through unread.
//!
//! One thread each with its own event loop and listening sockets; a connection stays on the thread that accepted it.
//!
//! Bounds: connections of a door ([`Door::most`]), time to connect, silence ([`Times`]); a connection holds two pipes
//! at most, and only while bytes are under way.

mod door;
mod pipes;
mod pump;
mod stats;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crate::crew::Crew;
pub use crate::crew::Ended;
use crate::worker::Bound;
pub use pump::Moved;
pub use stats::Stats;

/// A connection that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The door at which it came, by its place in the setup.
    pub door: usize,
    /// Who came.
    pub source: SocketAddr,
    /// Where it came to.
    pub destination: SocketAddr,
}

/// Where a connection goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onward {
    /// To whom.
    pub to: SocketAddr,
    /// From which address of ours; any, if none.
    pub from: Option<IpAddr>,
    /// What is said before the first byte of the client.
    pub header: Vec<u8>,
}

/// Decides where connections go, and hears what became of them.
pub trait Switch: Send + Sync + 'static {
    /// What is remembered of a connection on its way.
    type Way;

    /// Begins with a connection.
    fn begin(&self, arrival: Arrival) -> Self::Way;

    /// Says where to try next; `None` refuses the connection.
    fn next(&self, way: &mut Self::Way) -> Option<Onward>;

    /// The last place said could not be reached.
    fn failed(&self, way: &mut Self::Way, why: &io::Error);

    /// The last place said has taken the connection.
    fn taken(&self, way: &mut Self::Way);

    /// A connection that was taken has ended.
    fn ended(&self, way: Self::Way, moved: Moved);
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// A connection to a member.
    pub connect: Duration,
    /// Silence in both directions.
    pub idle: Duration,
}

/// Where connections are accepted.
#[derive(Debug)]
pub struct Door {
    /// The sockets, one for each thread.
    pub bound: Bound,
    /// Connections that it may have at a time; further ones wait in the kernel's queue.
    pub most: usize,
}

/// What is passed through.
pub struct Setup<S> {
    /// Names the threads.
    pub name: String,
    /// How many threads.
    pub workers: u8,
    /// Where connections come from.
    pub doors: Vec<Door>,
    /// Where they go.
    pub switch: Arc<S>,
    /// The bounds.
    pub times: Times,
}

/// Running threads. Dropping this ends them at once, without waiting.
pub struct Passing {
    stats: Arc<Stats>,
    crew: Crew,
}

impl Passing {
    /// Returns what is counted.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Accepts no more, gives what is there the time to end, then cuts it; blocks until that is done.
    #[must_use]
    pub fn drain(self, grace: Duration) -> Ended {
        self.crew.drain(grace)
    }
}

/// Starts the threads.
///
/// # Errors
/// When a thread or an event loop cannot be had.
pub fn start<S: Switch>(setup: Setup<S>) -> io::Result<Passing> {
    let Setup {
        name,
        workers,
        mut doors,
        switch,
        times,
    } = setup;
    let stats = Arc::new(Stats::default());
    let open: Vec<Arc<AtomicUsize>> = doors.iter().map(|_| Arc::default()).collect();
    let mut crew = Crew::new();
    for id in 0..workers {
        let sockets = doors.iter_mut().zip(&open).enumerate();
        let sockets = sockets.filter_map(|(place, (door, open))| {
            Some(door::Socket {
                place,
                listener: door.bound.take()?,
                most: door.most,
                open: Arc::clone(open),
            })
        });
        let sockets = sockets.collect();
        let (switch, stats) = (Arc::clone(&switch), Arc::clone(&stats));
        crew.add(format!("{name}-{id}"), move |asked| {
            door::work(door::Hall {
                sockets,
                switch,
                stats,
                times,
                asked,
            })
        })?;
    }
    Ok(Passing { stats, crew })
}
