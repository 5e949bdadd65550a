//! What a machine proves itself with and whom it believes: a folder, loaded whole and swapped whole.
//!
//! The folder holds `cert.pem` (the chain, our own certificate first), `key.pem` (private, see [`crate::disk`]),
//! `ca.pem` (every CA we believe) and, if there is one, `crl.pem` (any number of revocation lists).
//!
//! Invariants:
//! - A [`Credentials`] never changes. [`Store::reload`] builds a new one and swaps it in, or keeps the old one.
//! - Session tickets are keyed per [`Credentials`] and per [`Auth`], so no session outlives the trust under which it
//!   began, nor is one begun without the question for a certificate resumed where it is asked. Mutual-TLS listeners and
//!   outbound connections do not resume sessions at all: they are few, and each is verified in full.
//! - Where a revocation list for an issuer is present it is checked for every certificate of the chain, on both sides.
//!   An issuer without a list passes: the list is optional, and a stale one still counts.
//! - The key and other contents never reach a log, an error or `Debug`.
//!
//! Bounds: each file at most 1 MiB.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use traces::Recorder;

use super::Auth;
use super::hello::SERVER_PROTOCOL;
use super::holders::AnyHeld;
use super::partners::ChainOnly;
use super::shown::{OfClients, OfServers};
use super::told::Notes;
use crate::disk::{self, PrivateError};

const CERTIFICATE: &str = "cert.pem";
const KEY: &str = "key.pem";
const AUTHORITIES: &str = "ca.pem";
const REVOKED: &str = "crl.pem";
/// The names of the versions of HTTP in ALPN.
pub(crate) const HTTP2: &[u8] = b"h2";
pub(crate) const HTTP1: &[u8] = b"http/1.1";
const MAX_FILE: u64 = 1 << 20;

/// Why credentials were not loaded. In each case the operator must mend the named file; a running store keeps the old.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The private key is missing, readable by others, or not ours.
    #[error("the private key is not usable")]
    Key(#[source] PrivateError),
    /// A file is not PEM of the right kind.
    #[error("{path} does not hold what it should, in PEM form")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file has no certificate in it.
    #[error("{path} holds no certificate")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// A file is larger than any chain, bundle or list should be.
    #[error("{path} is larger than 1 MiB")]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// The certificate and the key do not fit together, or are of an unsupported kind.
    #[error("the certificate and the key in {folder} cannot be used together")]
    Pair {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// A CA certificate cannot be used as a trust anchor.
    #[error("{path} holds a certificate that cannot be a trust anchor")]
    Anchor {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The CA bundle and the revocation lists cannot be used.
    #[error("{folder}: the CA bundle or the revocation lists cannot be used")]
    Trust {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong.
        source: VerifierBuilderError,
    },
    /// The system has no authorities that it believes; name a file of those that partners' certificates come from.
    #[error("the system believes no certificate authority")]
    NoSystemRoots,
    /// The cryptographic library refused to set up TLS.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// Whom credentials believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Believed {
    /// The authority of the deployment: `ca.pem` in the folder.
    OwnAuthority,
    /// The authorities in a file, for certificates of other organisations.
    File(PathBuf),
    /// The authorities that the system believes, for certificates of other organisations.
    System,
}

/// One loaded folder: ready-made TLS configurations.
pub struct Credentials {
    required: Arc<ServerConfig>,
    optional: Arc<ServerConfig>,
    anonymous: Arc<ServerConfig>,
    web: Arc<ServerConfig>,
    holders: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    web_client: Arc<ClientConfig>,
    chain: Vec<CertificateDer<'static>>,
}

impl Credentials {
    /// Loads a folder.
    ///
    /// # Errors
    /// See [`CredentialsError`].
    pub fn load(folder: &Path) -> Result<Self, CredentialsError> {
        Parts::read(folder, &Believed::OwnAuthority)?.build(folder, &Believed::OwnAuthority)
    }

    /// Returns the configuration for a listener of this mode.
    #[must_use]
    pub fn server(&self, auth: Auth) -> Arc<ServerConfig> {
        Arc::clone(match auth {
            Auth::Required => &self.required,
            Auth::Optional => &self.optional,
            Auth::None => &self.anonymous,
        })
    }

    /// Returns the configuration for web sites: no certificate is asked for, and HTTP is chosen by ALPN (RFC 7301).
    #[must_use]
    pub fn web(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.web)
    }

    /// Returns the configuration for clients who prove themselves by a certificate of their own: whichever they hold.
    pub(crate) fn holders(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.holders)
    }

    /// Returns the configuration for connections that we open: our certificate is offered.
    #[must_use]
    pub fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }

    /// Returns the configuration for requests to web sites; it differs in what it says will be spoken.
    #[must_use]
    pub fn web_client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.web_client)
    }

    /// Returns our certificate and what leads from it towards the CA.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("chain", &self.chain.len())
            .finish_non_exhaustive()
    }
}

/// The credentials of one face of a machine, replaceable while in use.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    believed: Believed,
    current: ArcSwap<Credentials>,
    notes: Notes,
}

impl Store {
    /// Loads a folder for the first time.
    ///
    /// # Errors
    /// See [`CredentialsError`].
    pub fn open(folder: &Path) -> Result<Self, CredentialsError> {
        Self::believing(folder, Believed::OwnAuthority)
    }

    /// Does the same with another choice of authorities.
    ///
    /// # Errors
    /// See [`CredentialsError`].
    pub fn believing(folder: &Path, believed: Believed) -> Result<Self, CredentialsError> {
        let loaded = Parts::read(folder, &believed)?.build(folder, &believed)?;
        Ok(Self {
            folder: folder.to_owned(),
            believed,
            current: ArcSwap::from_pointee(loaded),
            notes: Notes::default(),
        })
    }

    /// Has handshakes that are made with these credentials recorded, where [`super::stream`] makes them.
    #[must_use]
    pub fn recorded_by(self, recorder: Recorder) -> Self {
        let notes = Notes::new(recorder);
        Self { notes, ..self }
    }

    pub(super) const fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Loads the folder again; new handshakes use the new contents, open connections stay.
    ///
    /// # Errors
    /// See [`CredentialsError`]; the old contents stay in use.
    pub fn reload(&self) -> Result<(), CredentialsError> {
        let loaded =
            Parts::read(&self.folder, &self.believed)?.build(&self.folder, &self.believed)?;
        self.current.store(Arc::new(loaded));
        Ok(())
    }

    /// Returns what is in use.
    #[must_use]
    pub fn current(&self) -> Arc<Credentials> {
        self.current.load_full()
    }

    /// Returns the folder that is loaded.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The contents of a folder, parsed.
struct Parts {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
}

impl Parts {
    fn read(folder: &Path, believed: &Believed) -> Result<Self, CredentialsError> {
        let key_path = folder.join(KEY);
        let key = disk::read_private(&key_path).map_err(CredentialsError::Key)?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|source| CredentialsError::Pem {
            path: key_path,
            source,
        })?;
        let chain = certificates(&folder.join(CERTIFICATE))?;
        let roots = match believed {
            Believed::OwnAuthority => roots(&folder.join(AUTHORITIES))?,
            Believed::File(path) => roots(path)?,
            Believed::System => system_roots()?,
        };
        let revoked = revocations(&folder.join(REVOKED))?;
        Ok(Self {
            chain,
            key,
            roots: Arc::new(roots),
            revoked,
        })
    }

    fn build(self, folder: &Path, believed: &Believed) -> Result<Credentials, CredentialsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pair =
            CertifiedKey::from_der(self.chain.clone(), self.key, &provider).map_err(|source| {
                CredentialsError::Pair {
                    folder: folder.to_owned(),
                    source,
                }
            })?;
        let ours = Arc::new(SingleCertAndKey::from(pair));
        let untrusted = |source| CredentialsError::Trust {
            folder: folder.to_owned(),
            source,
        };

        let verify = || {
            WebPkiClientVerifier::builder_with_provider(
                Arc::clone(&self.roots),
                Arc::clone(&provider),
            )
            .with_crls(self.revoked.clone())
            .allow_unknown_revocation_status()
        };
        let server = || server_builder(&provider);
        let required = server()?
            .with_client_cert_verifier(noting(verify().build().map_err(untrusted)?))
            .with_cert_resolver(Arc::clone(&ours) as _);
        let optional = server()?
            .with_client_cert_verifier(noting(
                verify()
                    .allow_unauthenticated()
                    .build()
                    .map_err(untrusted)?,
            ))
            .with_cert_resolver(Arc::clone(&ours) as _);
        let anonymous = server()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&ours) as _);

        let holders = server()?
            .with_client_cert_verifier(Arc::new(AnyHeld(Arc::clone(&provider))))
            .with_cert_resolver(Arc::clone(&ours) as _);

        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::clone(&self.roots),
            Arc::clone(&provider),
        )
        .with_crls(self.revoked.clone())
        .allow_unknown_revocation_status()
        .build()
        .map_err(untrusted)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(CredentialsError::Setup)?;
        let is_own = *believed == Believed::OwnAuthority;
        let verifier: Arc<dyn ServerCertVerifier> = if is_own {
            verifier
        } else {
            Arc::new(ChainOnly(verifier))
        };
        let mut client = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OfServers(verifier)))
            .with_client_cert_resolver(ours);
        if is_own {
            client.alpn_protocols = vec![SERVER_PROTOCOL.to_vec()];
        }
        client.resumption = Resumption::disabled();
        let mut web_client = client.clone();
        web_client.alpn_protocols = vec![HTTP1.to_vec()];

        let anonymous = with_tickets(anonymous)?;
        let mut web = anonymous.clone();
        web.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        Ok(Credentials {
            required: Arc::new(without_tickets(required)),
            optional: Arc::new(with_tickets(optional)?),
            anonymous: Arc::new(anonymous),
            web: Arc::new(web),
            holders: Arc::new(without_tickets(holders)),
            client: Arc::new(client),
            web_client: Arc::new(web_client),
            chain: self.chain,
        })
    }
}

/// Wraps a verifier so that whoever makes a handshake can tell which certificate was refused.
fn noting(verifier: Arc<dyn ClientCertVerifier>) -> Arc<dyn ClientCertVerifier> {
    Arc::new(OfClients(verifier))
}

type ServerBuilder = rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>;

fn server_builder(provider: &Arc<CryptoProvider>) -> Result<ServerBuilder, CredentialsError> {
    ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(CredentialsError::Setup)
}

fn without_tickets(mut config: ServerConfig) -> ServerConfig {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}

/// Tickets are sealed with a key of this configuration and cost no memory here.
fn with_tickets(config: ServerConfig) -> Result<ServerConfig, CredentialsError> {
    let mut config = without_tickets(config);
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(CredentialsError::Setup)?;
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// Returns the configuration of a client that has no certificate and believes the authorities in a file.
pub(super) fn visitor(authorities: &Path) -> Result<ClientConfig, CredentialsError> {
    visitor_believing(roots(authorities)?)
}

/// Returns that of a client that believes whom the system believes.
pub(super) fn system_visitor() -> Result<ClientConfig, CredentialsError> {
    visitor_believing(system_roots()?)
}

fn visitor_believing(roots: RootCertStore) -> Result<ClientConfig, CredentialsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(CredentialsError::Setup)?;
    let builder = builder.with_root_certificates(roots);
    Ok(builder.with_no_client_auth())
}

fn roots(path: &Path) -> Result<RootCertStore, CredentialsError> {
    let mut roots = RootCertStore::empty();
    for anchor in certificates(path)? {
        let added = roots.add(anchor);
        added.map_err(|source| CredentialsError::Anchor {
            path: path.to_owned(),
            source,
        })?;
    }
    Ok(roots)
}

/// What of the system's bundle cannot be used is left out, as every program that uses it does.
fn system_roots() -> Result<RootCertStore, CredentialsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(CredentialsError::NoSystemRoots);
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let found = parse(path, &read(path)?)?;
    if found.is_empty() {
        return Err(CredentialsError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(found)
}

fn revocations(
    path: &Path,
) -> Result<Vec<CertificateRevocationListDer<'static>>, CredentialsError> {
    match read(path) {
        Ok(text) => parse(path, &text),
        Err(CredentialsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(Vec::new())
        }
        Err(other) => Err(other),
    }
}

fn parse<T: PemObject>(path: &Path, text: &[u8]) -> Result<Vec<T>, CredentialsError> {
    let all: Result<Vec<T>, pem::Error> = T::pem_slice_iter(text).collect();
    all.map_err(|source| CredentialsError::Pem {
        path: path.to_owned(),
        source,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CredentialsError> {
    let failed = |source| CredentialsError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(CredentialsError::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}
