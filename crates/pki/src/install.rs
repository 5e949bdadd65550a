//! The certificate of one face of a machine, as installed: reading it, judging it, replacing it.
//!
//! Key and certificate are two files, and the key is replaced first. A crash in between leaves a pair that does not
//! match, which [`Installed::check`] reports, a running machine refuses to load (it keeps what it has), and the next
//! [`install()`] or [`crate::ensure()`] mends.

use std::path::Path;

use rcgen::KeyPair;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use time::OffsetDateTime;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;
use zeroize::Zeroizing;

use crate::chain::Chain;
use crate::error::{CertError, Error};
use crate::files::{self, FileError};
use crate::inspect::{self, CertInfo};
use crate::layout::State;
use crate::verdict::{self, Finding, Need};
use crate::{names, pem, request};

const CERT: &str = "cert.pem";
const KEY: &str = "key.pem";
const CA: &str = "ca.pem";
const CRL: &str = "crl.pem";

/// What is handed over for installation, as PEM. What is left out is taken from what is there.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// The machine's certificate, followed by its intermediates.
    pub cert: &'a str,
    /// Its key; otherwise the key of the pending request, or the one in use.
    pub key: Option<&'a str>,
    /// The authorities to trust; otherwise those already trusted.
    pub ca: Option<&'a str>,
    /// Their revocation lists; otherwise the one already there, if its authority is the same.
    pub crl: Option<&'a str>,
}

/// What lies in the directory of one face of a machine. Each part may be missing.
#[derive(Clone, Default)]
pub struct Installed {
    pub(crate) cert: Option<String>,
    pub(crate) key: Option<Zeroizing<String>>,
    pub(crate) ca: Option<String>,
    pub(crate) crl: Option<String>,
}

impl Installed {
    /// Reads what is installed.
    ///
    /// # Errors
    /// When a file cannot be read, or the key is open to others.
    pub fn read(state: &State, machine: &str, face: base::net::Face) -> Result<Self, Error> {
        names::check_machine(machine)?;
        Ok(Self::read_in(&state.tls(machine, face))?)
    }

    pub(crate) fn read_in(dir: &Path) -> Result<Self, FileError> {
        Ok(Self {
            cert: files::if_there(files::read_public(&dir.join(CERT)))?,
            key: files::if_there(files::read_private(&dir.join(KEY)))?,
            ca: files::if_there(files::read_public(&dir.join(CA)))?,
            crl: files::if_there(files::read_public(&dir.join(CRL)))?,
        })
    }

    /// Describes the certificate; `None` when there is none that can be read.
    #[must_use]
    pub fn info(&self) -> Option<CertInfo> {
        inspect::inspect(self.cert.as_deref()?).ok()
    }

    /// Holds it against what is needed: everything there is to say, faults and notices, empty when all is well.
    #[must_use]
    pub fn check(&self, need: &Need, now: OffsetDateTime) -> Vec<Finding> {
        self.check_by(now, |info| verdict::findings(need, info, now))
    }

    /// The same where the certificate itself is judged by a rule of the caller's.
    pub(crate) fn check_by(
        &self,
        now: OffsetDateTime,
        rule: impl FnOnce(&CertInfo) -> Vec<Finding>,
    ) -> Vec<Finding> {
        let (Some(cert), false) = (&self.cert, self.is_absent()) else {
            let missing = Finding::PartMissing { file: CERT };
            return vec![if self.is_absent() {
                Finding::Absent
            } else {
                missing
            }];
        };
        let read = pem::certificates(cert).and_then(|all| {
            Ok((
                inspect::describe(all.first().ok_or(CertError::NoCertificate)?)?,
                all,
            ))
        });
        let (info, chain) = match read {
            Ok(read) => read,
            Err(source) => return vec![Finding::PartUnusable { file: CERT, source }],
        };
        let mut found = rule(&info);
        found.extend(self.check_key(&chain));
        found.extend(self.check_chain(&chain, now));
        found
    }

    fn is_absent(&self) -> bool {
        self.cert.is_none() && self.key.is_none()
    }

    fn check_key(&self, chain: &[CertificateDer<'static>]) -> Option<Finding> {
        let Some(key) = &self.key else {
            return Some(Finding::PartMissing { file: KEY });
        };
        let key = match pem::key_pair(key) {
            Ok(key) => key,
            Err(source) => return Some(Finding::PartUnusable { file: KEY, source }),
        };
        (!fits(&key, chain)).then_some(Finding::KeyMismatch)
    }

    fn check_chain(&self, chain: &[CertificateDer<'static>], now: OffsetDateTime) -> Vec<Finding> {
        let Some(ca) = &self.ca else {
            return vec![Finding::PartMissing { file: CA }];
        };
        let authorities = match pem::certificates(ca) {
            Ok(authorities) => authorities,
            Err(source) => return vec![Finding::PartUnusable { file: CA, source }],
        };
        let crls = match self.crl.as_deref().map(pem::crls).transpose() {
            Ok(crls) => crls.unwrap_or_default(),
            Err(source) => return vec![Finding::PartUnusable { file: CRL, source }],
        };
        let mut found: Vec<Finding> = crls.iter().filter_map(|crl| check_age(crl, now)).collect();
        let judged = Chain {
            certificates: chain,
            authorities: &authorities,
            crls: &crls,
        };
        found.extend(judged.verify(now).err().map(Finding::Chain));
        found
    }

    /// Writes every part that is there, the key first.
    pub(crate) fn write(
        &self,
        state: &State,
        machine: &str,
        face: base::net::Face,
    ) -> Result<(), Error> {
        names::check_machine(machine)?;
        Ok(self.write_in(&state.tls(machine, face))?)
    }

    pub(crate) fn write_in(&self, dir: &Path) -> Result<(), FileError> {
        files::private_dir(dir)?;
        if let Some(key) = &self.key {
            files::write_private(&dir.join(KEY), key)?;
        }
        for (file, content) in [(CERT, &self.cert), (CA, &self.ca), (CRL, &self.crl)] {
            if let Some(content) = content {
                files::write_public(&dir.join(file), content)?;
            }
        }
        Ok(())
    }

    /// Removes every part that is there.
    pub(crate) fn remove_in(dir: &Path) -> Result<(), FileError> {
        [KEY, CERT, CA, CRL]
            .iter()
            .try_for_each(|file| files::remove(&dir.join(file)))
    }
}

/// Checks what is handed over against the need and, if there is no fault, puts it in place; returns the notices.
///
/// # Errors
/// [`Error::Refused`] with every fault when it would not work; nothing is changed then. File errors.
pub fn install(
    state: &State,
    need: &Need,
    material: &Material<'_>,
    now: OffsetDateTime,
) -> Result<Vec<Finding>, Error> {
    let there = Installed::read(state, &need.machine, need.face)?;
    let chain = pem::certificates(material.cert).map_err(|source| Error::BadMaterial {
        what: "certificate",
        source,
    })?;
    let dir = state.tls(&need.machine, need.face);
    let waiting = files::if_there(files::read_private(&dir.join(request::KEY)))?;
    let crl = material
        .crl
        .map(ToOwned::to_owned)
        .or_else(|| same_issuer(there.crl, &chain));
    let key = match material.key {
        // A key that was handed over is the one that is meant, fitting or not.
        Some(key) => Some(Zeroizing::new(key.to_owned())),
        None => pick_key([waiting.clone(), there.key], &chain),
    };
    let fresh = Installed {
        cert: Some(material.cert.to_owned()),
        key,
        ca: material.ca.map(ToOwned::to_owned).or(there.ca),
        crl,
    };
    let findings = fresh.check(need, now);
    if findings.iter().any(Finding::is_fault) {
        return Err(Error::Refused { findings });
    }
    let uses_waiting = waiting.is_some() && fresh.key == waiting;
    let drops_crl = fresh.crl.is_none();
    fresh.write(state, &need.machine, need.face)?;
    if drops_crl {
        files::remove(&dir.join(CRL))?;
    }
    if uses_waiting {
        files::remove(&dir.join(request::KEY))?;
        files::remove(&dir.join(request::CSR))?;
    }
    Ok(findings)
}

/// Returns the first key that fits, or else the first there is, so that the mismatch is reported.
fn pick_key(
    candidates: [Option<Zeroizing<String>>; 2],
    chain: &[CertificateDer<'static>],
) -> Option<Zeroizing<String>> {
    let mut present: Vec<_> = candidates.into_iter().flatten().collect();
    let fitting = present
        .iter()
        .position(|text| pem::key_pair(text).is_ok_and(|key| fits(&key, chain)))
        .unwrap_or(0);
    (fitting < present.len()).then(|| present.swap_remove(fitting))
}

fn fits(key: &KeyPair, chain: &[CertificateDer<'static>]) -> bool {
    let leaf = chain.first().and_then(|der| pem::parse(der).ok());
    leaf.is_some_and(|leaf| pem::belongs(key, &leaf))
}

/// Keeps a revocation list only if it is by the issuer of the certificate.
fn same_issuer(crl: Option<String>, chain: &[CertificateDer<'static>]) -> Option<String> {
    let text = crl?;
    let leaf = pem::parse(chain.first()?).ok()?;
    let lists = pem::crls(&text).ok()?;
    let is_same = lists.iter().any(|der| {
        CertificateRevocationList::from_der(der)
            .is_ok_and(|(_, list)| list.issuer().as_raw() == leaf.issuer().as_raw())
    });
    is_same.then_some(text)
}

fn check_age(crl: &CertificateRevocationListDer<'_>, now: OffsetDateTime) -> Option<Finding> {
    let Ok((_, list)) = CertificateRevocationList::from_der(crl) else {
        return Some(Finding::PartUnusable {
            file: CRL,
            source: CertError::Malformed,
        });
    };
    let late = now - list.next_update()?.to_datetime();
    late.is_positive().then(|| Finding::OldCrl {
        days: late.whole_days(),
    })
}
