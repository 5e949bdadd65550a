//! The bytes of a connection, watched: malformed heads are not passed on, and silence and stalling have an end.
//!
//! A connection that we end while the client still sends is read on for a moment ([`LINGER`], [`LINGER_BYTES`]): closing
//! with bytes unread makes the kernel reset it, and the answer that says why is lost with it (RFC 9112 section 9.6).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::heads::{Fault, Heads};
use super::told::Told;
use super::{Limits, Stats};

/// How long we listen after our last word.
const LINGER: Duration = Duration::from_secs(2);
/// And how much is listened to.
const LINGER_BYTES: usize = 1 << 20;

/// How many requests of a connection are unanswered, and whether a head was refused; shared with whoever serves them.
#[derive(Clone, Debug, Default)]
pub(super) struct Begun(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    unanswered: AtomicUsize,
    refused: AtomicBool,
}

impl Begun {
    /// Counts one until what is returned is dropped.
    pub(super) fn one(&self) -> Unanswered {
        self.0.unanswered.fetch_add(1, Ordering::Relaxed);
        Unanswered(self.clone())
    }

    /// Tells whether a head was refused here, so that what the library says of it is no news.
    pub(super) fn has_refused(&self) -> bool {
        self.0.refused.load(Ordering::Relaxed)
    }

    fn any(&self) -> bool {
        self.0.unanswered.load(Ordering::Relaxed) > 0
    }
}

/// A request that is not answered yet, or a connection that has become something else.
#[derive(Debug)]
pub(super) struct Unanswered(Begun);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.0.unanswered.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream with its watch.
pub(super) struct Guarded<S> {
    inner: S,
    /// None where heads are not text (HTTP/2), and once one was refused.
    heads: Option<Heads>,
    refused: bool,
    /// The client has said that it sends no more.
    ended: bool,
    /// We have; so many bytes of what still comes are passed over.
    parting: Option<usize>,
    begun: Begun,
    watch: Watch,
    watcher: Watcher,
}

/// Hears of heads that are refused.
pub(super) struct Watcher {
    pub(super) stats: Arc<Stats>,
    pub(super) told: Arc<Told>,
    /// Whose connection it is.
    pub(super) client: SocketAddr,
}

impl Watcher {
    fn malformed(&self, fault: Fault) {
        tracing::debug!(%fault, "a request was refused");
        self.stats.malformed.add(1);
        self.told.failed(self.client, &fault.to_string());
    }
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
    pub(super) fn new(inner: S, text: bool, limits: &Limits, watcher: Watcher) -> Self {
        // The library refuses what is a little too large with a status of its own (431).
        let most = 2 * limits.head_bytes;
        Self {
            inner,
            heads: text.then(|| Heads::new(most)),
            refused: false,
            ended: false,
            parting: None,
            begun: Begun::default(),
            watch: Watch {
                quiet: limits.head,
                idle: limits.idle,
                stall: limits.stall,
                moved: Instant::now(),
                stuck: None,
                look: Box::pin(sleep(limits.head.min(limits.stall))),
            },
            watcher,
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
        this.ended |= new.is_empty();
        let looked = this.heads.as_mut().map_or(Ok(()), |heads| heads.look(new));
        if let Err((good, fault)) = looked {
            this.watcher.malformed(fault);
            this.refused = true;
            this.begun.0.refused.store(true, Ordering::Relaxed);
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

impl<S: AsyncRead + Unpin> Guarded<S> {
    /// Passes over what still comes until the client ends too, or for as long and as much as is listened to.
    fn poll_parting(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut room = [0; 4096];
        while !self.ended {
            let mut buf = ReadBuf::new(&mut room);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) => {
                    let left = self.parting.unwrap_or_default();
                    let left = left.saturating_sub(buf.filled().len());
                    self.ended = buf.filled().is_empty() || left == 0;
                    self.parting = Some(left);
                }
                Poll::Ready(Err(_gone)) => self.ended = true,
                Poll::Pending => return self.watch.look.as_mut().poll(cx),
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
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
        if self.parting.is_none() {
            let outcome = Pin::new(&mut self.inner).poll_shutdown(cx);
            ready!(self.wrote(cx, outcome))?;
            self.parting = Some(LINGER_BYTES);
            self.watch.look.as_mut().reset(Instant::now() + LINGER);
        }
        self.poll_parting(cx).map(Ok)
    }
}
