//! Metrics in the text format of Prometheus, over plain HTTP.
//!
//! Nothing is registered: at each request the caller's closure writes what it knows into a [`Page`]. The address is the
//! caller's choice and should be an internal one, since there is no authentication.
//!
//! Bounds: 16 connections at a time, 10 s per connection, one request each.

use std::convert::Infallible;
use std::fmt::Write as _;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use crate::worker::Kind;

const PATH: &str = "/metrics";
const FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const MAX_CALLERS: usize = 16;
const CALL_TIME: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A page of metrics under construction.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// Begins a metric; its values follow.
    pub fn metric(&mut self, name: &str, kind: Kind, help: &str) -> &mut Self {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        self
    }

    /// Adds a value of the metric begun last, with its labels.
    pub fn value(&mut self, name: &str, labels: &[(&str, &str)], value: u64) -> &mut Self {
        self.text.push_str(name);
        for (at, (label, content)) in labels.iter().enumerate() {
            let content = content
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let opening = if at == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{opening}{label}=\"{content}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
        self
    }

    /// Returns the page's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Serves metrics for ever; must run within a tokio runtime.
pub async fn serve<F>(listener: TcpListener, write: F)
where
    F: Fn(&mut Page) + Send + Sync + 'static,
{
    let write = Arc::new(write);
    let places = Arc::new(Semaphore::new(MAX_CALLERS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let write = Arc::clone(&write);
                tokio::spawn(async move {
                    let _too_slow = timeout(CALL_TIME, converse(stream, write)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the metrics listener failed to accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse<F: Fn(&mut Page)>(stream: TcpStream, write: Arc<F>) {
    let service = service_fn(|request: Request<_>| {
        let response = answer(&request, &*write);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    let connection = http
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "metrics connection failed");
    }
}

fn answer(
    request: &Request<hyper::body::Incoming>,
    write: &dyn Fn(&mut Page),
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    if request.uri().path() != PATH {
        *response.status_mut() = StatusCode::NOT_FOUND;
    } else if request.method() != Method::GET {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    } else {
        let mut page = Page::default();
        write(&mut page);
        response.headers_mut().insert(CONTENT_TYPE, FORMAT);
        *response.body_mut() = Full::from(page.text);
    }
    response
}
