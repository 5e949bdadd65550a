//! Why a connection came to nothing before it was a flow, and the one line that says so.
//!
//! A line has the source and the reason, never contents of messages or certificates.

use std::io;
use std::net::SocketAddr;

use base::Mono;
use logs::Sieve;
use rustls::{CertificateError, Error as TlsError, InvalidMessage};

use super::stats::{Count, Stats};
use crate::tls::{NamesError, Stranger};

/// Lines of refusals a second per worker; more are counted and summed up in the next line.
const LINES: u32 = 10;
/// Records of connections that were not admitted, a second per worker: whoever floods us brings them about for nothing.
const CROWDED: u32 = 10;
/// Records of handshakes and dials that came to nothing, a second per worker: these cost the other side something.
const FAILED: u32 = 100;

/// Why a handshake did not end in a flow. The connection is closed in every case.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The two sides do not agree on TLS, or a certificate does not verify.
    #[error("{0}")]
    Tls(TlsError),
    /// The certificate verified but cannot be used.
    #[error("{0}")]
    Names(NamesError),
    /// The certificate verified but names nobody of the topology.
    #[error("{0}")]
    Stranger(Stranger),
    /// The certificate verified but does not prove the wanted name.
    #[error("the certificate does not prove the wanted name")]
    WrongName,
    /// It took longer than allowed.
    #[error("the handshake took longer than allowed")]
    Slow,
    /// One handshake message is larger than our buffer.
    #[error("a handshake message is too large")]
    TooLarge,
    /// The other side closed the connection.
    #[error("the other side closed the connection")]
    Gone,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    /// The machine closed the flow, or we are shutting down.
    #[error("no longer wanted")]
    Unwanted,
}

impl Refused {
    /// Tells whether whoever knocked is to blame. A connection that just ends, as a probe's does, is nobody's fault.
    pub(crate) const fn is_their_doing(&self) -> bool {
        match self {
            Self::Tls(_)
            | Self::Names(_)
            | Self::Stranger(_)
            | Self::WrongName
            | Self::Slow
            | Self::TooLarge => true,
            Self::Gone | Self::Broken(_) | Self::Unwanted => false,
        }
    }

    /// Returns the counter of such refusals.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's errors are many and grow"
    )]
    pub(crate) const fn counter<'a>(&self, stats: &'a Stats) -> &'a Count {
        match self {
            Self::Tls(error) => match error {
                TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => {
                    &stats.refused_not_tls
                }
                TlsError::NoCertificatesPresented => &stats.refused_no_certificate,
                TlsError::InvalidCertificate(CertificateError::NotValidForName) => {
                    &stats.refused_stranger
                }
                TlsError::InvalidCertificate(_) | TlsError::InvalidCertRevocationList(_) => {
                    &stats.refused_certificate
                }
                _ => &stats.refused_other,
            },
            Self::Names(_) => &stats.refused_certificate,
            Self::Stranger(_) | Self::WrongName => &stats.refused_stranger,
            Self::Slow => &stats.refused_slow,
            Self::TooLarge | Self::Gone | Self::Broken(_) | Self::Unwanted => &stats.refused_other,
        }
    }
}

/// What is written about refusals, at most so much a second.
#[derive(Debug)]
pub(crate) struct Notices {
    lines: Sieve,
    /// Records of connections that were not admitted.
    pub(crate) crowded: Sieve,
    /// Records of handshakes and dials that came to nothing.
    pub(crate) failed: Sieve,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            lines: Sieve::new(LINES),
            crowded: Sieve::new(CROWDED),
            failed: Sieve::new(FAILED),
        }
    }
}

impl Notices {
    /// Writes the line, or keeps it back.
    pub(crate) fn refused(
        &mut self,
        now: Mono,
        remote: SocketAddr,
        reason: &dyn std::fmt::Display,
    ) {
        if let Some(kept_back) = self.lines.pass(now) {
            tracing::info!(%remote, %reason, kept_back, "connection refused");
        }
    }
}
