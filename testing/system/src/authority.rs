//! A throwaway certificate authority for peers that are not ours.

use std::io;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use thiserror::Error;

/// Why a certificate was not made.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// The names or the key were not accepted.
    #[error("the certificate could not be made")]
    Certificate(#[source] rcgen::Error),
    /// The folder cannot be written.
    #[error("the certificate could not be written")]
    Write(#[source] io::Error),
}

/// Where a certificate and its key lie.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// An authority whose root certificate lies in a folder.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes an authority and writes its root certificate to `folder/ca.pem`.
    ///
    /// # Errors
    /// Fails when the folder cannot be written.
    pub fn new(folder: &Path) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Throwaway test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params
            .self_signed(&key)
            .map_err(AuthorityError::Certificate)?;
        std::fs::write(folder.join("ca.pem"), root.pem()).map_err(AuthorityError::Write)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Returns where the root certificate lies.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Issues a certificate for these names; the first names the files too.
    ///
    /// # Errors
    /// Fails when a name is no DNS name or the folder cannot be written.
    pub fn issue(&self, names: &[&str]) -> Result<Identity, AuthorityError> {
        let first = names.first().copied().unwrap_or("nobody");
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let list: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(list).map_err(AuthorityError::Certificate)?;
        params.distinguished_name.push(DnType::CommonName, first);
        let signed = params
            .signed_by(&key, &self.issuer)
            .map_err(AuthorityError::Certificate)?;
        let identity = Identity {
            certificate: self.folder.join(format!("{first}.pem")),
            key: self.folder.join(format!("{first}.key")),
        };
        std::fs::write(&identity.certificate, signed.pem()).map_err(AuthorityError::Write)?;
        std::fs::write(&identity.key, key.serialize_pem()).map_err(AuthorityError::Write)?;
        Ok(identity)
    }
}
