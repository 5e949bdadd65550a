//! The private authority.
//!
//! It is one certificate that signs machines' and operators' certificates directly (path length zero) and one revocation list. The
//! directory is locked while a [`Ca`] lives, so two processes cannot write the index over each other.
//!
//! The order of writes makes a crash harmless: at the start `ca.pem` comes last, and an authority without it does not
//! exist; on issue the index comes before the certificate leaves; on revocation the index comes before the list.
//!
//! RFC 5280: certificates (4), revocation lists (5). There is no distribution point in the certificates, since the
//! list travels with the machines' files, not over the network.

mod index;
pub(crate) mod profile;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use rcgen::{
    CertificateParams, CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair,
    PublicKeyData, RevokedCertParams, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;
use zeroize::Zeroizing;

use self::index::{Entry, Index};
use crate::error::{CertError, Error};
use crate::files::{self, FileError};
use crate::operators::{OPERATOR_VALIDITY, Operator};
use crate::{names, pem};

/// How long a machine's certificate is valid: the longest that browsers and phones accept of any authority.
pub const MACHINE_VALIDITY: Duration = Duration::days(398);

/// How long a revocation list speaks for itself. A renewal once a month makes a new one well before.
const CRL_VALIDITY: Duration = Duration::days(90);

/// A revocation list with less than this left is made anew.
const CRL_RENEW_BEFORE: Duration = Duration::days(45);

/// The private authority of a deployment, open and locked.
#[derive(Debug)]
pub struct Ca {
    dir: PathBuf,
    pem: String,
    der: CertificateDer<'static>,
    not_after: OffsetDateTime,
    issuer: Issuer<'static, KeyPair>,
    index: Index,
    /// Held for the advisory lock on it.
    _lock: File,
}

/// What a certificate is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The machine it is for: revocation by machine finds it by this name.
    pub machine: &'a str,
    /// The names it carries, exactly and in this order; the first is also the subject.
    pub names: &'a [String],
    /// How long it is valid, at most until the authority itself expires.
    pub validity: Duration,
}

/// A certificate without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The certificate, without the authority's own.
    pub chain_pem: String,
    /// Its serial number in hexadecimal.
    pub serial: String,
    /// Until when it is valid.
    pub not_after: OffsetDateTime,
}

/// A certificate and its private key.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub signed: Signed,
    /// The key (PKCS #8), erased from memory when dropped.
    pub key_pem: Zeroizing<String>,
}

/// What to revoke.
#[derive(Clone, Copy, Debug)]
pub enum Revoke<'a> {
    /// Every certificate of a machine that is in force.
    Machine(&'a str),
    /// Every certificate of an operator that is in force.
    Operator(&'a str),
    /// One certificate, by its serial number in hexadecimal; colons, case and leading zeros do not matter.
    Serial(&'a str),
}

/// A certificate about to be signed.
struct Asked {
    holder: String,
    names: Vec<String>,
    params: CertificateParams,
    validity: Duration,
}

impl Ca {
    /// Makes an authority with a new key.
    ///
    /// # Errors
    /// [`Error::CaExists`] when there is one in `dir`; file and signing errors.
    pub fn init(dir: &Path, name: &str, now: OffsetDateTime) -> Result<Self, Error> {
        files::private_dir(dir)?;
        let lock = lock(dir)?;
        if files::if_there(files::read_public(&dir.join("ca.pem")))?.is_some() {
            return Err(Error::CaExists {
                dir: dir.to_owned(),
            });
        }
        let key = KeyPair::generate().map_err(Error::MakeKey)?;
        let params = profile::authority(name, now)?;
        let certificate = params.self_signed(&key).map_err(Error::Sign)?;
        let key_pem = Zeroizing::new(key.serialize_pem());
        let mut ca = Self {
            dir: dir.to_owned(),
            pem: certificate.pem(),
            der: certificate.der().clone(),
            not_after: params.not_after,
            issuer: Issuer::new(params, key),
            index: Index::default(),
            _lock: lock,
        };
        files::write_private(&dir.join("key.pem"), &key_pem)?;
        ca.publish_crl(now)?;
        files::write_public(&dir.join("ca.pem"), &ca.pem)?;
        Ok(ca)
    }

    /// Opens the authority in a directory.
    ///
    /// # Errors
    /// [`Error::NoCa`] when there is none; when its files are damaged, open to others or do not belong together;
    /// [`Error::CaBusy`] while another process has it open.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let ca_path = dir.join("ca.pem");
        let Some(pem) = files::if_there(files::read_public(&ca_path))? else {
            return Err(Error::NoCa {
                dir: dir.to_owned(),
            });
        };
        files::private_dir(dir)?;
        let lock = lock(dir)?;
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Unusable { path, source }
        };
        let der = pem::certificates(&pem)
            .and_then(|all| all.into_iter().next().ok_or(CertError::NoCertificate))
            .map_err(unusable(&ca_path))?;
        let key_path = dir.join("key.pem");
        let key = pem::key_pair(&files::read_private(&key_path)?).map_err(unusable(&key_path))?;
        let certificate = pem::parse(&der).map_err(unusable(&ca_path))?;
        if !pem::belongs(&key, &certificate) {
            return Err(Error::CaKeyMismatch {
                dir: dir.to_owned(),
            });
        }
        let not_after = certificate.validity().not_after.to_datetime();
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(Error::Sign)?;
        let index = Index::read(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            pem,
            der,
            not_after,
            issuer,
            index,
            _lock: lock,
        })
    }

    /// Returns the authority's certificate in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.pem
    }

    /// Returns until when the authority is valid.
    #[must_use]
    pub const fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// Makes a key (ECDSA on P-256) and a certificate for it.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate, the authority has expired, or the index cannot be written.
    pub fn issue(&mut self, order: &Order<'_>, now: OffsetDateTime) -> Result<Issued, Error> {
        let key = KeyPair::generate().map_err(Error::MakeKey)?;
        let signed = self.sign(order, &key, now)?;
        Ok(Issued {
            signed,
            key_pem: Zeroizing::new(key.serialize_pem()),
        })
    }

    /// Makes a key (ECDSA on P-256) and a certificate by which an operator commands.
    ///
    /// # Errors
    /// When the authority has expired, or the index cannot be written.
    pub fn issue_operator(
        &mut self,
        operator: &Operator,
        now: OffsetDateTime,
    ) -> Result<Issued, Error> {
        let key = KeyPair::generate().map_err(Error::MakeKey)?;
        let asked = Asked {
            holder: operator.uri(),
            names: vec![operator.uri()],
            params: operator.described()?,
            validity: OPERATOR_VALIDITY,
        };
        let signed = self.sign_as(asked, &key, now)?;
        Ok(Issued {
            signed,
            key_pem: Zeroizing::new(key.serialize_pem()),
        })
    }

    /// Signs for a key that was made elsewhere. The certificate carries the names of the order; the request may ask
    /// for fewer, not for others.
    ///
    /// # Errors
    /// As [`Ca::issue`], and when the request is damaged, not signed with its own key, or asks for other names.
    pub fn sign_csr(
        &mut self,
        order: &Order<'_>,
        csr_pem: &str,
        now: OffsetDateTime,
    ) -> Result<Signed, Error> {
        let key =
            profile::requested_key(order.names, csr_pem).map_err(|source| Error::BadMaterial {
                what: "signing request",
                source,
            })?;
        self.sign(order, &key, now)
    }

    /// Revokes and publishes a new revocation list; returns the serial numbers.
    ///
    /// # Errors
    /// When nothing in force is meant, or a file cannot be written.
    pub fn revoke(&mut self, what: Revoke<'_>, now: OffsetDateTime) -> Result<Vec<String>, Error> {
        let revoked = match what {
            Revoke::Machine(machine) => {
                let same = |entry: &Entry| entry.holder.eq_ignore_ascii_case(machine);
                self.revoke_of(machine.to_owned(), same, now)?
            }
            Revoke::Operator(name) => {
                let same = |entry: &Entry| {
                    Operator::of_uri(&entry.holder)
                        .is_some_and(|operator| operator.name().eq_ignore_ascii_case(name))
                };
                self.revoke_of(format!("operator {name}"), same, now)?
            }
            Revoke::Serial(serial) => {
                let plain = serial.replace(':', "").to_ascii_lowercase();
                let plain = plain.trim_start_matches('0');
                let revoked = self.index.revoke(|entry| entry.serial == plain, now);
                if revoked.is_empty() {
                    return Err(Error::UnknownSerial {
                        serial: serial.to_owned(),
                    });
                }
                revoked
            }
        };
        self.publish_crl(now)?;
        Ok(revoked)
    }

    /// Returns the revocation list in PEM, made anew if it is missing or near its next update; says whether it was.
    ///
    /// # Errors
    /// When it cannot be read, signed or written.
    pub fn crl(&mut self, now: OffsetDateTime) -> Result<(String, bool), Error> {
        match files::if_there(files::read_public(&self.crl_path()))? {
            Some(pem) if self.is_current(&pem, now) => Ok((pem, false)),
            Some(_) | None => Ok((self.publish_crl(now)?, true)),
        }
    }

    /// Makes, stores and returns a new revocation list.
    ///
    /// # Errors
    /// When it cannot be signed or written.
    pub fn publish_crl(&mut self, now: OffsetDateTime) -> Result<String, Error> {
        let next_update = now + CRL_VALIDITY;
        let number = self.index.next_crl_number();
        self.index.write(&self.dir, now)?;
        let revoked_certs = self.index.revoked().map(|(serial, at)| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: at,
            reason_code: None,
            invalidity_date: None,
        });
        let crl = CertificateRevocationListParams {
            this_update: now,
            next_update,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let pem = crl
            .signed_by(&self.issuer)
            .and_then(|crl| crl.pem())
            .map_err(Error::Sign)?;
        files::write_public(&self.crl_path(), &pem)?;
        Ok(pem)
    }

    /// Tells whether this authority signed a certificate.
    pub(crate) fn has_signed(&self, certificate: &CertificateDer<'_>) -> bool {
        let (Ok(certificate), Ok(own)) = (pem::parse(certificate), pem::parse(&self.der)) else {
            return false;
        };
        certificate.verify_signature(Some(own.public_key())).is_ok()
    }

    /// Tells whether a certificate with this serial number was revoked.
    pub(crate) fn has_revoked(&self, serial: &str) -> bool {
        self.index.is_revoked(serial)
    }

    /// Tells whether a bundle of authorities holds this one.
    pub(crate) fn is_in(&self, bundle: &str) -> bool {
        pem::certificates(bundle).is_ok_and(|all| all.contains(&self.der))
    }

    fn revoke_of(
        &mut self,
        whose: String,
        is_theirs: impl Fn(&Entry) -> bool,
        now: OffsetDateTime,
    ) -> Result<Vec<String>, Error> {
        let revoked = self.index.revoke(is_theirs, now);
        if revoked.is_empty() {
            return Err(Error::NothingToRevoke { whose });
        }
        Ok(revoked)
    }

    fn sign(
        &mut self,
        order: &Order<'_>,
        key: &impl PublicKeyData,
        now: OffsetDateTime,
    ) -> Result<Signed, Error> {
        names::check_machine(order.machine)?;
        let asked = Asked {
            holder: order.machine.to_ascii_lowercase(),
            names: order.names.to_vec(),
            params: profile::machine(order.names)?,
            validity: order.validity,
        };
        self.sign_as(asked, key, now)
    }

    fn sign_as(
        &mut self,
        asked: Asked,
        key: &impl PublicKeyData,
        now: OffsetDateTime,
    ) -> Result<Signed, Error> {
        if now >= self.not_after {
            return Err(Error::CaExpired {
                dir: self.dir.clone(),
            });
        }
        let not_after = (now + asked.validity).min(self.not_after);
        let serial = profile::random_serial()?;
        let entry = Entry::new(&serial, &asked, now, not_after);
        let mut params = asked.params;
        params.not_before = now - profile::BACKDATE;
        params.not_after = not_after;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(key, &self.issuer).map_err(Error::Sign)?;
        let serial = entry.serial.clone();
        self.index.add(entry);
        self.index.write(&self.dir, now)?;
        Ok(Signed {
            chain_pem: certificate.pem(),
            serial,
            not_after,
        })
    }

    /// Tells whether a revocation list is the one that belongs to the index, and not too old. It is not when a crash
    /// came between the writing of the two.
    fn is_current(&self, crl_pem: &str, now: OffsetDateTime) -> bool {
        let Ok(lists) = pem::crls(crl_pem) else {
            return false;
        };
        let Some(Ok((_, list))) = lists
            .first()
            .map(|der| CertificateRevocationList::from_der(der))
        else {
            return false;
        };
        let is_last = list
            .crl_number()
            .is_some_and(|n| *n == self.index.crl_number.into());
        let is_young = list
            .next_update()
            .is_some_and(|next| next.to_datetime() - now > CRL_RENEW_BEFORE);
        is_last && is_young
    }

    fn crl_path(&self) -> PathBuf {
        self.dir.join("crl.pem")
    }
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let failed = |source| FileError::Write {
        path: path.clone(),
        source,
    };
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::CaBusy {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source).into()),
    }
}
