//! Who exists and where they are at home: users, the changes to them, and the view that answers from memory.
//!
//! It is not the change log (that is `store`, which knows nothing of users) and it computes no hash: a verifier comes
//! in ready made, so this crate needs no cryptography and never sees a password.
//!
//! - [`Aor`] and [`PoolName`] are names that were checked and brought into their canonical form.
//! - [`Blocked`] is whom a user hides their presence from.
//! - [`Certificate`] is what a user may sign in with instead of a password.
//! - [`User`] is one account, [`Change`] one record of the change log, with its bytes in [`Change::encode`].
//! - [`Directory`] is the shared view: cheap to clone, read from any thread.

#![warn(clippy::expect_used, clippy::indexing_slicing)]

mod blocked;
mod certificate;
mod change;
mod name;
mod user;
mod view;

pub use blocked::{BLOCKED_MAX, Blocked};
pub use certificate::{CERTIFICATES_MAX, Certificate, CertificateId, NoFingerprint};
pub use change::{Change, DecodeError};
pub use name::{Aor, AorError, NameError, PoolName};
pub use user::{Algorithm, CONTACTS_MAX, User, Verifier, VerifierError};
pub use view::{Directory, Revision};
