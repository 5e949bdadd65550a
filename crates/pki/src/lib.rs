//! Certificates and secrets of a deployment: a private authority for those who have none, and what each machine needs.
//!
//! It is not a general certificate authority and opens no sockets: it reads and writes the files of one state
//! directory ([`State`]), and its judgements about certificates ([`compare`], [`Installed::check`]) are plain values.
//!
//! The way of a certificate: [`Ca::issue`] makes key and certificate in one go, or [`request()`] makes the key where it
//! will be used and [`Ca::sign_csr`] (or someone else's authority) signs; [`install()`] checks the result against the
//! key, the needed names and the chain, and puts it in place. [`ensure()`] does all of it for a whole deployment and
//! does nothing where nothing is needed.
//!
//! Invariants:
//! - A private file is never wider than 0600: written so, refused otherwise ([`FileError::Wide`]).
//! - Files are replaced whole, by rename; a reader sees the old or the new one.
//! - A serial number is in the authority's index before its certificate leaves the authority, so that everything ever
//!   issued can be revoked.
//! - Time comes from the caller; randomness comes from the operating system.
//!
//! Bounds: no file larger than 1 MiB is read; the authority forgets certificates that expired long ago.

mod ca;
mod chain;
mod ensure;
mod error;
mod files;
mod inspect;
mod install;
mod layout;
mod names;
mod operators;
mod pem;
mod pool_key;
mod request;
mod users;
mod verdict;

pub use ca::{Ca, Issued, MACHINE_VALIDITY, Order, Revoke, Signed};
pub use chain::ChainFault;
pub use ensure::{Done, PoolNeed, Why, distribute_crl, ensure, renew_all};
pub use error::{CertError, Error};
pub use files::FileError;
pub use inspect::{CertInfo, KeyKind, Usages, describe, inspect};
pub use install::{Installed, Material, install};
pub use layout::{Secret, State};
pub use operators::{OPERATOR_VALIDITY, Operator, ensure_operator, forget_operator, operators};
pub use pool_key::PoolKey;
pub use request::{Request, request};
pub use users::{USER_VALIDITY, UserCertificate, UserIssuer};
pub use verdict::{Expiry, Finding, Names, Need, RENEW_BEFORE, compare};
