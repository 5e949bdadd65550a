//! A throwaway certificate authority for peers that are not ours, and certificates that the product would not issue.

use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};
use thiserror::Error;

/// Why a certificate was not made.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// The names or the key were not accepted.
    #[error("the certificate could not be made")]
    Certificate(#[source] rcgen::Error),
    /// The files of an authority cannot be read.
    #[error("the authority could not be read")]
    Read(#[source] io::Error),
    /// The folder cannot be written.
    #[error("the certificate could not be written")]
    Write(#[source] io::Error),
}

/// When a certificate holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Validity {
    /// At this time.
    #[default]
    Current,
    /// Some years ago, for a year.
    Over,
}

/// What a certificate of a test's own making says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Naming<'a> {
    /// The common name.
    pub common: &'a str,
    /// The `dNSName` entries.
    pub hosts: &'a [&'a str],
    /// The `uniformResourceIdentifier` entries.
    pub uris: &'a [&'a str],
    /// Whether the extended key usage says that it is for mail, and for nothing else.
    pub for_mail: bool,
    /// When it holds.
    pub validity: Validity,
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

    /// Takes the place of the authority whose `ca.pem` and `key.pem` lie in `home`; what it issues goes to `folder`.
    ///
    /// # Errors
    /// Fails when the files cannot be read or hold no authority.
    pub fn of(home: &Path, folder: &Path) -> Result<Self, AuthorityError> {
        let read = |name| std::fs::read_to_string(home.join(name)).map_err(AuthorityError::Read);
        let (root, key) = (read("ca.pem")?, read("key.pem")?);
        let key = KeyPair::from_pem(&key).map_err(AuthorityError::Certificate)?;
        std::fs::write(folder.join("ca.pem"), &root).map_err(AuthorityError::Write)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            issuer: Issuer::from_ca_cert_pem(&root, key).map_err(AuthorityError::Certificate)?,
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
        self.issue_for(names, Validity::Current)
    }

    /// Does the same for another time.
    ///
    /// # Errors
    /// Fails when a name is no DNS name or the folder cannot be written.
    pub fn issue_for(
        &self,
        names: &[&str],
        validity: Validity,
    ) -> Result<Identity, AuthorityError> {
        let first = names.first().copied().unwrap_or("nobody");
        let naming = Naming {
            common: first,
            hosts: names,
            validity,
            ..Naming::default()
        };
        self.issue_naming(first, &naming)
    }

    /// Issues a certificate that says just this, in files of this name.
    ///
    /// # Errors
    /// Fails when a name is not of its kind or the folder cannot be written.
    pub fn issue_naming(
        &self,
        file: &str,
        naming: &Naming<'_>,
    ) -> Result<Identity, AuthorityError> {
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let params = params_of(naming).map_err(AuthorityError::Certificate)?;
        let signed = params
            .signed_by(&key, &self.issuer)
            .map_err(AuthorityError::Certificate)?;
        let identity = Identity {
            certificate: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}.key")),
        };
        std::fs::write(&identity.certificate, signed.pem()).map_err(AuthorityError::Write)?;
        std::fs::write(&identity.key, key.serialize_pem()).map_err(AuthorityError::Write)?;
        Ok(identity)
    }
}

fn params_of(naming: &Naming<'_>) -> Result<CertificateParams, rcgen::Error> {
    let hosts: Vec<String> = naming.hosts.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    for uri in naming.uris {
        params
            .subject_alt_names
            .push(SanType::URI((*uri).try_into()?));
    }
    params
        .distinguished_name
        .push(DnType::CommonName, naming.common);
    if naming.for_mail {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    }
    if naming.validity == Validity::Over {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    Ok(params)
}
