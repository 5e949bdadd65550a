//! The body of an answer; when it is read to its end, the connection it came on waits for the next request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::Home;
use crate::http::BoxError;

/// A body on its way from a server.
pub struct Answer {
    body: Incoming,
    home: Option<Home>,
    silence: Duration,
    /// When the server has been silent for too long; made when it is first silent.
    late: Option<Pin<Box<Sleep>>>,
    /// Whether the server is being waited for.
    waits: bool,
}

impl Answer {
    pub(super) fn new(body: Incoming, home: Option<Home>, silence: Duration) -> Self {
        let mut answer = Self {
            body,
            home,
            silence,
            late: None,
            waits: false,
        };
        answer.keep_if_ended();
        answer
    }

    fn keep_if_ended(&mut self) {
        if self.body.is_end_stream()
            && let Some(home) = self.home.take()
        {
            home.come();
        }
    }

    /// Ready when the server has been silent for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (silence, until) = (self.silence, Instant::now() + self.silence);
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(silence)));
        if !self.waits {
            self.waits = true;
            late.as_mut().reset(until);
        }
        late.as_mut().poll(cx)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            ready!(self.poll_silence(cx));
            let late = io::Error::from(io::ErrorKind::TimedOut);
            return Poll::Ready(Some(Err(late.into())));
        };
        self.waits = false;
        match &frame {
            None => {
                if let Some(home) = self.home.take() {
                    home.come();
                }
            }
            Some(Ok(_)) => self.keep_if_ended(),
            Some(Err(_)) => self.home = None,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
