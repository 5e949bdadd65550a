//! The body of a request that goes on as it comes: bounded, and watched for who holds it up.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use super::Bounds;
use crate::http::BoxError;

/// A body that arrives from a client while it is sent to a server; trailers are left out.
#[derive(Debug)]
pub struct Outgoing {
    coming: Option<Coming>,
}

#[derive(Debug)]
struct Coming {
    body: Incoming,
    /// How many more bytes may come.
    left: u64,
    progress: Arc<Progress>,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the body is larger than goes through")]
    TooLarge,
    #[error("the body broke off")]
    Broken,
}

/// How far a body is, for whoever waits for the answer.
#[derive(Debug)]
pub(super) struct Progress(Mutex<State>);

#[derive(Debug)]
struct State {
    moved: Instant,
    /// Whether the client is to bring the next piece; else the server is to take it.
    awaited: bool,
    ended: bool,
    fault: Option<Fault>,
}

/// What to make of an answer that has not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Bytes have moved: it may take until then.
    Wait(Instant),
    SlowClient,
    Late,
}

impl Outgoing {
    /// No body.
    #[must_use]
    pub const fn empty() -> Self {
        Self { coming: None }
    }

    /// What a client sends, up to this many bytes.
    #[must_use]
    pub fn of(body: Incoming, most: u64) -> Self {
        if body.is_end_stream() {
            return Self::empty();
        }
        let state = State {
            moved: Instant::now(),
            awaited: false,
            ended: false,
            fault: None,
        };
        let coming = Coming {
            body,
            left: most,
            progress: Arc::new(Progress(Mutex::new(state))),
        };
        Self {
            coming: Some(coming),
        }
    }

    pub(super) fn progress(&self) -> Option<Arc<Progress>> {
        let coming = self.coming.as_ref()?;
        Some(Arc::clone(&coming.progress))
    }
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.lock().fault
    }

    pub(super) fn verdict(&self, bounds: &Bounds) -> Verdict {
        let state = self.lock();
        let patience = if state.ended {
            bounds.answer
        } else {
            bounds.silence
        };
        let until = state.moved + patience;
        if until > Instant::now() {
            Verdict::Wait(until)
        } else if state.awaited {
            Verdict::SlowClient
        } else {
            Verdict::Late
        }
    }
}

impl Coming {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let data = match frame {
            None => return Poll::Ready(None),
            Some(Err(_)) => return Poll::Ready(Some(Err(Fault::Broken))),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        let left = self.left.checked_sub(data.len() as u64);
        Poll::Ready(Some(left.ok_or(Fault::TooLarge).map(|left| {
            self.left = left;
            data
        })))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(coming) = &mut self.coming else {
            return Poll::Ready(None);
        };
        let polled = coming.poll(cx);
        let mut state = coming.progress.lock();
        state.awaited = polled.is_pending();
        if let Poll::Ready(piece) = &polled {
            state.moved = Instant::now();
            state.ended = piece.is_none();
            state.fault = piece
                .as_ref()
                .and_then(|piece| piece.as_ref().err().copied());
        }
        drop(state);
        polled.map(|piece| piece.map(|piece| piece.map(Frame::data).map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.coming.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let coming = self.coming.as_ref();
        coming.map_or_else(|| SizeHint::with_exact(0), |it| it.body.size_hint())
    }
}
