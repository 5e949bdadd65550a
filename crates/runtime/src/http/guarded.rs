//! The bytes of a connection, watched: malformed heads are not passed on, and silence and stalling have an end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::heads::Heads;
use super::{Limits, Stats};

/// How many requests of a connection are unanswered; shared with whoever serves them.
#[derive(Clone, Debug, Default)]
pub(super) struct Begun(Arc<AtomicUsize>);

impl Begun {
    /// Counts one until what is returned is dropped.
    pub(super) fn one(&self) -> Unanswered {
        self.0.fetch_add(1, Ordering::Relaxed);
        Unanswered(self.clone())
    }

    fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// A request that is not answered yet, or a connection that has become something else.
#[derive(Debug)]
pub(super) struct Unanswered(Begun);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream with its watch.
pub(super) struct Guarded<S> {
    inner: S,
    /// None where heads are not text (HTTP/2), and once one was refused.
    heads: Option<Heads>,
    refused: bool,
    begun: Begun,
    watch: Watch,
    stats: Arc<Stats>,
}

/// Says when nothing has happened for too long.
struct Watch {
    quiet: Duration,
    idle: Duration,
    stall: Duration,
    /// When bytes were last moved.
    moved: Instant,
    /// Since when bytes of ours could not leave.
    stuck: Option<Instant>,
    /// Looks after these from time to time, so that a byte moved costs no timer.
    look: Pin<Box<Sleep>>,
}

impl<S> Guarded<S> {
    pub(super) fn new(inner: S, text: bool, limits: &Limits, stats: Arc<Stats>) -> Self {
        // The library refuses what is a little too large with a status of its own (431).
        let most = 2 * limits.head_bytes;
        Self {
            inner,
            heads: text.then(|| Heads::new(most)),
            refused: false,
            begun: Begun::default(),
            watch: Watch {
                quiet: limits.head,
                idle: limits.idle,
                stall: limits.stall,
                moved: Instant::now(),
                stuck: None,
                look: Box::pin(sleep(limits.head.min(limits.stall))),
            },
            stats,
        }
    }

    pub(super) fn begun(&self) -> Begun {
        self.begun.clone()
    }
}

impl Watch {
    /// Ready with an error when the connection has had its time.
    fn poll(&mut self, cx: &mut Context<'_>, begun: &Begun) -> Poll<io::Result<()>> {
        while self.look.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let silence = if begun.any() { self.idle } else { self.quiet };
            let stuck = self.stuck.is_some_and(|since| now - since >= self.stall);
            if stuck || now - self.moved >= silence {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.look.as_mut().reset(now + self.quiet.min(self.stall));
        }
        Poll::Pending
    }

    fn moved(&mut self) {
        self.moved = Instant::now();
    }

    /// Takes note of whether bytes could leave.
    fn left(&mut self, left: bool) {
        if left {
            self.stuck = None;
            self.moved();
        } else {
            self.stuck.get_or_insert_with(Instant::now);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.refused {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        if Pin::new(&mut this.inner).poll_read(cx, buf)?.is_pending() {
            ready!(this.watch.poll(cx, &this.begun))?;
            return Poll::Pending;
        }
        this.watch.moved();
        let new = buf.filled().get(before..).unwrap_or_default();
        let looked = this.heads.as_mut().map_or(Ok(()), |heads| heads.look(new));
        if let Err((good, fault)) = looked {
            tracing::debug!(%fault, "a request was refused");
            this.stats.malformed.add(1);
            this.refused = true;
            // No request holds this byte, so the library answers 400 and closes, after what came before.
            buf.set_filled(before + good);
            buf.put_slice(&[0]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    fn wrote<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.watch.left(outcome.is_ready());
        if outcome.is_pending() {
            ready!(self.watch.poll(cx, &self.begun))?;
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.wrote(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.wrote(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(cx);
        self.wrote(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.wrote(cx, outcome)
    }
}
