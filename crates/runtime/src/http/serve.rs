//! One connection: requests to the site, answers back, until either side has had enough.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::guarded::{Begun, Guarded, Unanswered, Watcher};
use super::told::Told;
use super::{Body, BoxError, Caller, Limits, Site, Stats};

/// What a conversation needs to know.
pub(super) struct Conversation<'a, S> {
    pub(super) site: &'a Rc<S>,
    pub(super) stats: &'a Arc<Stats>,
    pub(super) limits: &'a Limits,
    pub(super) told: &'a Arc<Told>,
    /// Says when connections are to end after what has begun.
    pub(super) ended: &'a mut watch::Receiver<bool>,
}

/// Runs what HTTP/2 begins on the thread that it is on.
#[derive(Clone, Copy)]
struct Here;

impl<F: Future + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

/// Serves a connection to its end; `binary` if HTTP/2 was chosen.
pub(super) async fn converse<S, T>(
    conversation: Conversation<'_, S>,
    stream: T,
    caller: Caller,
    binary: bool,
) -> hyper::Result<()>
where
    S: Site,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Conversation {
        site,
        stats,
        limits,
        told,
        ended,
    } = conversation;
    let watcher = Watcher {
        stats: Arc::clone(stats),
        told: Arc::clone(told),
        client: caller.source,
    };
    let guarded = Guarded::new(stream, !binary, limits, watcher);
    let begun = guarded.begun();
    let (kept, client) = (begun.clone(), caller.source);
    let caller = Rc::new(caller);
    let service = service_fn(|request| {
        stats.requests.add(1);
        let answer = one(Rc::clone(site), Rc::clone(&caller), request, begun.clone());
        async { Ok::<_, Infallible>(answer.await) }
    });
    let io = TokioIo::new(guarded);
    let over = if binary {
        let connection = pin!(two(limits).serve_connection(io, service));
        until(connection, ended, |connection| {
            connection.graceful_shutdown();
        })
        .await
    } else {
        let connection = one_one(limits).serve_connection(io, service);
        let connection = pin!(connection.with_upgrades());
        until(connection, ended, |connection| {
            connection.graceful_shutdown();
        })
        .await
    };
    if let Err(error) = &over
        && error.is_parse()
        && !kept.has_refused()
    {
        told.failed(client, &error.to_string());
    }
    over
}

fn one_one(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(limits.headers)
        .max_header_size(limits.head_bytes);
    http
}

fn two(limits: &Limits) -> http2::Builder<Here> {
    let mut http = http2::Builder::new(Here);
    http.timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_pending_accept_reset_streams(limits.resets)
        .max_local_error_reset_streams(limits.resets)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
    http
}

/// Drives a connection; once all is to end, it ends after what it has begun.
async fn until<C: Future>(
    mut connection: Pin<&mut C>,
    ended: &mut watch::Receiver<bool>,
    end: impl FnOnce(Pin<&mut C>),
) -> C::Output {
    tokio::select! {
        over = connection.as_mut() => return over,
        _ = ended.wait_for(|ended| *ended) => {}
    }
    end(connection.as_mut());
    connection.await
}

async fn one<S: Site>(
    site: Rc<S>,
    caller: Rc<Caller>,
    request: Request<Incoming>,
    begun: Begun,
) -> Response<Sent> {
    let unanswered = begun.one();
    let unread = leaves_heads_unread(&request);
    let mut response = site.answer(caller, request).await;
    if unread {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            // From here on the connection is what the site makes of it, and may be silent as long as an answer may.
            std::mem::forget(unanswered);
            return response.map(|body| Sent {
                body,
                _unanswered: None,
            });
        }
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| Sent {
        body,
        _unanswered: Some(unanswered),
    })
}

/// Tells whether heads after this request would not be looked at (`heads`), so that there may be none.
fn leaves_heads_unread(request: &Request<Incoming>) -> bool {
    let headers = request.headers();
    request.version() < Version::HTTP_2
        && (headers.contains_key(TRANSFER_ENCODING)
            || headers.contains_key(UPGRADE)
            || request.method() == Method::CONNECT)
}

/// The body of an answer; the request counts as unanswered until it is sent.
struct Sent {
    body: Body,
    _unanswered: Option<Unanswered>,
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
