//! One throw-away certificate for the peers that have none of their own, and the client side of TLS.
//!
//! The client offers TLS 1.3 with one cipher suite, so that every server does the same work per record.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The files of a self-signed certificate.
#[derive(Debug)]
pub(crate) struct Files {
    /// The certificate, PEM.
    pub(crate) certificate: PathBuf,
    /// Its key, PEM.
    pub(crate) key: PathBuf,
}

/// Makes a certificate for one name and writes it below a directory.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn make(below: &Path, name: &str) -> anyhow::Result<Files> {
    let made = rcgen::generate_simple_self_signed([name.to_owned()])?;
    let files = Files {
        certificate: below.join("certificate.pem"),
        key: below.join("key.pem"),
    };
    fs::write(&files.certificate, made.cert.pem())?;
    fs::write(&files.key, made.signing_key.serialize_pem())?;
    Ok(files)
}

/// Returns a client that trusts the certificates of one PEM file.
///
/// # Errors
/// The file holds no usable certificate.
pub(crate) fn client(trusted: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(trusted)? {
        roots.add(certificate)?;
    }
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384],
        ..aws_lc_rs::default_provider()
    };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Returns a server with this certificate and rustls's defaults.
///
/// # Errors
/// The files hold no usable certificate or key.
pub(crate) fn server(files: &Files) -> anyhow::Result<Arc<ServerConfig>> {
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("no key in {}", files.key.display()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates(&files.certificate)?, key)?;
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .with_context(|| format!("no certificate in {}", file.display()))
}
