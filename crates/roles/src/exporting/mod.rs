//! Sends exported records to other people's collectors: HEP packets, OpenTelemetry logs over HTTP.
//!
//! What a packet or a request is made of stands in the crate `export`. Nothing here waits without a limit, and nothing is sent
//! faster than it is said to be.

mod hep;
mod otlp;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use runtime::tls::CredentialsError;
use runtime::tls::stream::StreamError;
use tokio::net::lookup_host;
use tokio::time::timeout;

pub use hep::Hep;
pub use otlp::Otlp;

/// How long a name, a connection, and each piece of what is sent may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why nothing more is sent.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It is not clear where to send to.
    #[error("{0:?} is no place to send to; write {1}")]
    Place(String, &'static str),
    /// The name has no address; try it with `dig`.
    #[error("{to} has no address")]
    Name {
        /// What was looked for.
        to: String,
        /// What the resolver said, if it said something.
        source: Option<io::Error>,
    },
    /// Nobody takes connections there; is the collector running?
    #[error("cannot connect to {to}")]
    Connect {
        /// Where to.
        to: String,
        /// What the system said.
        source: io::Error,
    },
    /// The collector's machine says that nobody listens; is the collector running?
    #[error("nobody takes packets at {to}")]
    Refused {
        /// Where to.
        to: String,
    },
    /// What was sent before arrived, or not.
    #[error("sending to {to} broke off after {sent} packets")]
    Broken {
        /// Where to.
        to: String,
        /// How many were sent.
        sent: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The collector takes nothing for too long; ask it for less at a time.
    #[error("{to} was silent for {} s", PATIENCE.as_secs())]
    Slow {
        /// Where to.
        to: String,
    },
    /// No secured connection came about.
    #[error("cannot speak with {to}")]
    Secure {
        /// Where to.
        to: String,
        /// Why.
        source: StreamError,
    },
    /// The file of authorities cannot be used.
    #[error("cannot tell whether to believe the collector")]
    Authorities(#[source] CredentialsError),
    /// It is no HTTP server, or went away.
    #[error("{to} did not answer")]
    Unanswered {
        /// Where to.
        to: String,
        /// What went wrong.
        source: hyper::Error,
    },
    /// The collector does not take the records.
    #[error("{to} answered {status}{said}")]
    Status {
        /// Where to.
        to: String,
        /// What it answered.
        status: u16,
        /// What it said about it, with a colon in front.
        said: String,
    },
}

/// Which authorities a collector's certificate may come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Believed {
    /// Those of the system.
    #[default]
    System,
    /// Those in a file.
    File(PathBuf),
}

/// Finds the address of `HOST:PORT`.
async fn address(place: &str) -> Result<SocketAddr, ExportError> {
    let to = || place.to_owned();
    let found = timeout(PATIENCE, lookup_host(place)).await;
    let found = found.map_err(|_| ExportError::Slow { to: to() })?;
    let mut found = found.map_err(|source| ExportError::Name {
        to: to(),
        source: Some(source),
    })?;
    found.next().ok_or_else(|| ExportError::Name {
        to: to(),
        source: None,
    })
}

/// Tells whether a text is a host and a port.
fn is_place(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}
