//! A handshake that is made to learn how the other side behaves: what it proves, whether it asks who we are, why it ends.
//!
//! [`super::stream`] is for whoever wants to use a connection; here every way in which it can fail is told apart.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, PeerIncompatible, SignatureScheme};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::credentials::{HTTP1, visitor};
use super::stream::leaf_names;
use super::{CredentialsError, Store};

/// As whom a handshake is made.
#[derive(Clone)]
pub struct Guise(Arc<ClientConfig>);

impl Guise {
    /// As a machine of the deployment that speaks to another.
    #[must_use]
    pub fn server(store: &Store) -> Self {
        Self(store.current().client())
    }

    /// As a machine of the deployment that asks a web site.
    #[must_use]
    pub fn web(store: &Store) -> Self {
        Self(store.current().web_client())
    }

    /// As somebody without a certificate, who believes the authorities in a file.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn stranger(authorities: &Path) -> Result<Self, CredentialsError> {
        visitor(authorities).map(|config| Self(Arc::new(config)))
    }

    /// The same, asking a web site.
    #[must_use]
    pub fn of_a_browser(&self) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols = vec![HTTP1.to_vec()];
        Self(Arc::new(config))
    }
}

/// What a handshake showed.
pub struct Secured {
    /// The connection.
    pub stream: TlsStream<TcpStream>,
    /// Whether the other side asked who we are.
    pub asked_for_certificate: bool,
}

/// Why a connection is not secured, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsecured {
    /// The other side ended it and said why.
    #[error("TLS alert: {alert}")]
    Alert {
        /// The name of the alert, as in RFC 8446.
        alert: String,
    },
    /// What answers does not speak TLS.
    #[error("what answers does not speak TLS")]
    NotTls,
    /// It proves another name.
    #[error("it proves another name: {}", presented.join(", "))]
    WrongName {
        /// The names that its certificate has.
        presented: Vec<String>,
    },
    /// Its certificate is not to be believed.
    #[error("its certificate is not to be believed: {why}")]
    Untrusted {
        /// Why.
        why: String,
    },
    /// It ended the connection without a word.
    #[error("it ended the connection without a word")]
    Closed,
    /// It was silent for too long.
    #[error("it is silent")]
    Silent,
}

/// Makes a handshake in which the other side has to prove a name.
///
/// # Errors
/// See [`Unsecured`].
pub async fn examine(
    tcp: TcpStream,
    name: &str,
    guise: &Guise,
    patience: Duration,
) -> Result<Secured, Unsecured> {
    let unproven = |presented| Unsecured::WrongName { presented };
    let server = ServerName::try_from(name.to_owned()).map_err(|_| unproven(Vec::new()))?;
    let mut config = ClientConfig::clone(&guise.0);
    let noticing = Arc::new(Noticing {
        inner: Arc::clone(&config.client_auth_cert_resolver),
        asked: AtomicBool::new(false),
    });
    config.client_auth_cert_resolver = Arc::clone(&noticing) as _;
    let shaken = TlsConnector::from(Arc::new(config)).connect(server, tcp);
    let shaken = timeout(patience, shaken).await;
    let stream = shaken.map_err(|_| Unsecured::Silent)?;
    let stream = stream.map_err(|error| explain(&error))?;
    let presented = leaf_names(stream.get_ref().1).map_err(|error| Unsecured::Untrusted {
        why: error.to_string(),
    })?;
    if !presented.iter().any(|one| one == name) {
        return Err(unproven(presented));
    }
    Ok(Secured {
        stream,
        asked_for_certificate: noticing.asked.load(Ordering::Relaxed),
    })
}

/// Tells what an error on a secured connection means. In TLS 1.3 a refused certificate is told after the handshake.
#[must_use]
pub fn explain(error: &io::Error) -> Unsecured {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::AlertReceived(alert)) => Unsecured::Alert {
            alert: words(&format!("{alert:?}")),
        },
        Some(rustls::Error::InvalidCertificate(fault)) => untrusted(fault),
        Some(
            rustls::Error::InvalidMessage(_)
            | rustls::Error::InappropriateMessage { .. }
            | rustls::Error::InappropriateHandshakeMessage { .. }
            | rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
        ) => Unsecured::NotTls,
        Some(other) => Unsecured::Untrusted {
            why: other.to_string(),
        },
        None => Unsecured::Closed,
    }
}

fn untrusted(fault: &CertificateError) -> Unsecured {
    if let CertificateError::NotValidForNameContext { presented, .. } = fault {
        return Unsecured::WrongName {
            presented: presented.iter().map(|name| bare(name)).collect(),
        };
    }
    Unsecured::Untrusted {
        why: fault.to_string(),
    }
}

/// The verifier writes `DnsName("a.example")`.
fn bare(presented: &str) -> String {
    let quoted = presented.split('"').nth(1);
    quoted.unwrap_or(presented).to_owned()
}

/// `CertificateRequired` becomes `certificate required`.
fn words(name: &str) -> String {
    let mut text = String::new();
    let mut before_is_small = false;
    for character in name.chars() {
        if character.is_ascii_uppercase() && before_is_small {
            text.push(' ');
        }
        before_is_small = character.is_ascii_lowercase();
        text.push(character);
    }
    text.to_lowercase()
}

/// Remembers whether it was asked for a certificate.
#[derive(Debug)]
struct Noticing {
    inner: Arc<dyn ResolvesClientCert>,
    asked: AtomicBool,
}

impl ResolvesClientCert for Noticing {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.inner.resolve(issuers, schemes)
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_told_in_words() {
        assert_eq!(words("CertificateRequired"), "certificate required");
        assert_eq!(words("UnknownCA"), "unknown ca");
    }

    #[test]
    fn a_presented_name_stands_alone() {
        assert_eq!(bare("DnsName(\"fe02.contoso.net\")"), "fe02.contoso.net");
        assert_eq!(bare("127.0.0.1"), "127.0.0.1");
    }
}
