//! Threads that take connections, each with an event loop of its own, until they are asked to end.

use std::io;
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, timeout_at};

use crate::doorway::{self, Doorway};

/// Says when to end, and how much time what has begun is given.
pub(crate) type Asked = watch::Receiver<Option<Duration>>;

/// How the connections ended that were there when it was over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Connections that ended on their own within the time.
    pub finished: usize,
    /// Connections that were cut.
    pub cut: usize,
    /// Threads that had failed.
    pub failed: usize,
}

impl Ended {
    /// Adds up.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            finished: self.finished + other.finished,
            cut: self.cut + other.cut,
            failed: self.failed + other.failed,
        }
    }

    /// A thread that had failed.
    pub const FAILED: Self = Self {
        finished: 0,
        cut: 0,
        failed: 1,
    };
}

/// Running threads. Dropping this ends them at once, without waiting.
pub(crate) struct Crew {
    grace: watch::Sender<Option<Duration>>,
    threads: Vec<JoinHandle<Ended>>,
}

impl Crew {
    /// Nobody yet.
    pub(crate) fn new() -> Self {
        Self {
            grace: watch::channel(None).0,
            threads: Vec::new(),
        }
    }

    /// Adds a thread, which does this work.
    ///
    /// # Errors
    /// When a thread or an event loop cannot be had.
    pub(crate) fn add<F: Future<Output = Ended>>(
        &mut self,
        name: String,
        work: impl FnOnce(Asked) -> F + Send + 'static,
    ) -> io::Result<()> {
        // Made here, so that a failure is the caller's to see.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let asked = self.grace.subscribe();
        let thread = std::thread::Builder::new().name(name);
        let work = move || LocalSet::new().block_on(&runtime, work(asked));
        self.threads.push(thread.spawn(work)?);
        Ok(())
    }

    /// Has all end what they have begun within a time, then cuts it; blocks until that is done.
    pub(crate) fn drain(self, grace: Duration) -> Ended {
        self.grace.send_replace(Some(grace));
        let ended = self.threads.into_iter().map(JoinHandle::join);
        ended.fold(Ended::default(), |all, one| {
            all.and(one.unwrap_or(Ended::FAILED))
        })
    }
}

/// Accepts by these doorways and hosts whoever arrives until asked to end; tells `ending` when nobody new comes in, and
/// gives those who are there the time that was said.
pub(crate) async fn hold<D, G, F>(
    doorways: impl IntoIterator<Item = (TcpListener, D)>,
    mut arrived: mpsc::Receiver<G>,
    mut asked: Asked,
    host: impl Fn(G) -> F,
    ending: impl FnOnce(),
) -> Ended
where
    D: Doorway + 'static,
    F: Future<Output = ()> + 'static,
{
    let mut accepting = JoinSet::new();
    for (listener, doorway) in doorways {
        accepting.spawn_local(doorway::accept(listener, doorway));
    }
    let mut open = JoinSet::new();
    let grace = loop {
        tokio::select! {
            grace = asked.wait_for(Option::is_some) => break grace.map_or(None, |grace| *grace),
            Some(guest) = arrived.recv() => { open.spawn_local(host(guest)); }
            Some(_) = open.join_next(), if !open.is_empty() => {}
        }
    };
    accepting.shutdown().await;
    ending();
    let deadline = Instant::now() + grace.unwrap_or_default();
    let before = open.len();
    let all = async { while open.join_next().await.is_some() {} };
    let _too_late = timeout_at(deadline, all).await;
    let cut = open.len();
    open.shutdown().await;
    Ended {
        finished: before.saturating_sub(cut),
        cut,
        failed: 0,
    }
}
