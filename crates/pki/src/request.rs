//! A key made where it will be used, and the signing request for it.
//!
//! The key waits as `request.key.pem` beside the one in use until [`crate::install()`] finds it to belong to a
//! certificate. Asking again writes a new request for the same waiting key, so a certificate that is already on its
//! way still fits.

use std::path::PathBuf;

use rcgen::KeyPair;
use zeroize::Zeroizing;

use crate::ca::profile;
use crate::error::Error;
use crate::layout::State;
use crate::verdict::Need;
use crate::{files, names, pem};

/// The file of a waiting key.
pub(crate) const KEY: &str = "request.key.pem";
/// The file of the request for it.
pub(crate) const CSR: &str = "request.csr.pem";

/// A signing request, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The request (PKCS #10).
    pub csr_pem: String,
    /// Where it was written.
    pub path: PathBuf,
}

/// Makes a key for one certificate of a machine, if none is waiting, and a signing request for it.
///
/// # Errors
/// When a name cannot stand in a certificate, or a file cannot be read or written.
pub fn request(state: &State, need: &Need) -> Result<Request, Error> {
    names::check_machine(&need.machine)?;
    let params = profile::machine(&need.names)?;
    let dir = state.tls(&need.machine, need.face);
    files::private_dir(&dir)?;
    let key_path = dir.join(KEY);
    let key = match files::if_there(files::read_private(&key_path))? {
        Some(text) => pem::key_pair(&text).map_err(|source| Error::Unusable {
            path: key_path.clone(),
            source,
        })?,
        None => {
            let key = KeyPair::generate().map_err(Error::MakeKey)?;
            files::write_private(&key_path, &Zeroizing::new(key.serialize_pem()))?;
            key
        }
    };
    let csr_pem = params
        .serialize_request(&key)
        .and_then(|csr| csr.pem())
        .map_err(Error::Sign)?;
    let path = dir.join(CSR);
    files::write_public(&path, &csr_pem)?;
    Ok(Request { csr_pem, path })
}
