//! What can go wrong, by who has to act.

use std::path::PathBuf;

use crate::files::FileError;
use crate::verdict::Finding;

/// Why a piece of PEM cannot be used. The one who supplied it has to supply something else.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// There is no certificate in it.
    #[error("there is no certificate in PEM form in it")]
    NoCertificate,
    /// There is no private key in it that can be read without a password.
    #[error("there is no private key in PEM form in it (a key under a password cannot be used)")]
    NoKey,
    /// There is no certificate signing request in it.
    #[error("there is no certificate signing request in PEM form in it")]
    NoRequest,
    /// There is no revocation list in it.
    #[error("there is no certificate revocation list in PEM form in it")]
    NoCrl,
    /// The frame is PEM but the content is not what it says.
    #[error("its content is not valid X.509")]
    Malformed,
    /// The private key is of a kind that cannot be used, or damaged.
    #[error("the private key is damaged or of a kind that is not supported")]
    BadKey(#[source] rcgen::Error),
    /// An RSA key is too short to be trusted.
    #[error("an RSA key of {bits} bits is too short; at least 2048 are needed")]
    ShortRsa {
        /// Its length.
        bits: usize,
    },
    /// The signing request is damaged, or not signed with the key that it names.
    #[error("the certificate signing request is damaged or its signature is wrong")]
    BadRequest,
    /// The signing request asks for a name that is not of whoever it is for.
    #[error("the certificate signing request asks for {name:?}, which it may not have")]
    UnwantedName {
        /// The name.
        name: String,
    },
}

/// Why an operation on the state directory was not done. Nothing was changed unless the variant says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written, or is open to others; the text names the remedy.
    #[error(transparent)]
    File(#[from] FileError),
    /// A name cannot stand in a certificate; correct the topology.
    #[error("{name:?} is not a DNS name that a certificate can carry")]
    BadName {
        /// The name.
        name: String,
    },
    /// An operator cannot be called so; choose another name.
    #[error(
        "{name:?} cannot be an operator's name: 1 to 48 letters, digits, hyphens, underscores and dots, \
         a letter or digit first"
    )]
    BadOperator {
        /// The name.
        name: String,
    },
    /// A certificate without names was asked for; correct the caller.
    #[error("a certificate needs at least one name")]
    NoNames,
    /// There is an authority already; use it, or move it away first.
    #[error("there is a certificate authority in {} already", dir.display())]
    CaExists {
        /// Its directory.
        dir: PathBuf,
    },
    /// There is no authority; make one or name the right state directory.
    #[error("there is no certificate authority in {}; `vestibule certs init` makes one", dir.display())]
    NoCa {
        /// Where one was expected.
        dir: PathBuf,
    },
    /// Another process works with the authority; try again when it is done.
    #[error("another process is using the certificate authority in {}", dir.display())]
    CaBusy {
        /// Its directory.
        dir: PathBuf,
    },
    /// The authority's own certificate has expired; a new authority is needed.
    #[error("the certificate authority in {} has expired; every machine needs a new one", dir.display())]
    CaExpired {
        /// Its directory.
        dir: PathBuf,
    },
    /// The authority's key does not belong to its certificate; restore both from one backup.
    #[error("key.pem and ca.pem in {} do not belong together", dir.display())]
    CaKeyMismatch {
        /// Its directory.
        dir: PathBuf,
    },
    /// The authority's index is damaged; restore it from a backup.
    #[error("the index of issued certificates {} is damaged", path.display())]
    BadIndex {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file does not hold what it should.
    #[error("{} cannot be used", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CertError,
    },
    /// What was handed over cannot be used.
    #[error("the {what} cannot be used")]
    BadMaterial {
        /// Which piece.
        what: &'static str,
        /// What is wrong with it.
        source: CertError,
    },
    /// What was handed over would not work on this machine.
    #[error("not installed: {}", list(findings))]
    Refused {
        /// Every reason.
        findings: Vec<Finding>,
    },
    /// No certificate of this machine or operator is in force.
    #[error("no certificate of {whose} is in force")]
    NothingToRevoke {
        /// The machine or operator.
        whose: String,
    },
    /// The authority never issued this serial number, or it is revoked or expired already.
    #[error("no certificate with serial number {serial} is in force")]
    UnknownSerial {
        /// The number.
        serial: String,
    },
    /// A machine belongs to two pools that each have a key; correct the topology.
    #[error("{machine} is a member of both {first} and {second}, which have a key each")]
    TwoPools {
        /// The machine.
        machine: String,
        /// One pool.
        first: String,
        /// The other.
        second: String,
    },
    /// The signature could not be made; a fault of ours or of the cryptographic library.
    #[error("the certificate authority could not sign")]
    Sign(#[source] rcgen::Error),
    /// A key pair could not be made; a fault of the cryptographic library.
    #[error("a key pair could not be made")]
    MakeKey(#[source] rcgen::Error),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random(#[source] getrandom::Error),
}

fn list(findings: &[Finding]) -> String {
    let texts: Vec<String> = findings.iter().map(Finding::to_string).collect();
    texts.join("; ")
}
