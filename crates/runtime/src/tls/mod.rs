//! TLS: credentials on disk, listener modes, and who the peer is.
//!
//! [`Store`] holds what a machine has (certificate, key, CA bundle, CRLs) and replaces it as a whole on reload.
//! [`proven_names`] reads the names that a verified certificate proves, and [`Identify`] says whose names they are;
//! this runs on every connection, resumed or not. [`stream`] offers the same rules to code that speaks HTTP over
//! ordinary asynchronous streams; the worker has its own, leaner way (`session`), which alone knows [`ClientNames`].

mod credentials;
pub mod examine;
pub(crate) mod hello;
mod holders;
mod names;
mod partners;
pub(crate) mod session;
pub(crate) mod shown;
pub mod stream;
pub(crate) mod told;

use std::net::IpAddr;

use base::net::{Face, Peer, Transport};

pub(crate) use credentials::HTTP2;
pub use credentials::{Believed, Credentials, CredentialsError, Store};
pub use hello::ClientNames;
pub use names::{NamesError, Proven, fingerprint, proven, proven_names};

/// What a listener asks of whoever connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Auth {
    /// Mutual TLS: no certificate, a bad one, or one that names nobody of the topology ends the handshake.
    Required,
    /// A certificate is asked for, unless one of the listener's [`ClientNames`] is called. One that does not verify
    /// ends the handshake; none makes a client.
    Optional,
    /// No certificate is asked for; everyone is a client.
    None,
}

/// Knows whose names are whose.
pub trait Identify: Send + Sync + 'static {
    /// Returns the peer that a certificate with these names proves; names are lower case.
    ///
    /// # Errors
    /// When no name is known on this face.
    fn identify(&self, names: &[String], face: Face) -> Result<Peer, Stranger>;

    /// Returns who speaks without TLS from an address; `None` if nobody may from there. Without TLS an address is all
    /// that is known of a peer, and only as good as the network that brings its packets.
    fn plain(&self, _address: IpAddr, _transport: Transport) -> Option<Peer> {
        Some(Peer::Client)
    }
}

/// The names of a valid certificate belong to nobody we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate is valid, but names nobody of the topology")]
pub struct Stranger;

/// Applies the listener's mode to what was proven.
pub(crate) fn settle(
    identify: &dyn Identify,
    names: &[String],
    face: Face,
    auth: Auth,
) -> Result<Peer, Stranger> {
    let peer = match auth {
        Auth::None => return Ok(Peer::Client),
        Auth::Optional if names.is_empty() => return Ok(Peer::Client),
        Auth::Optional | Auth::Required => identify.identify(names, face),
    };
    match (auth, peer) {
        (Auth::Optional, Err(Stranger)) => Ok(Peer::Client),
        // A mutual-TLS listener serves machines and partners only, whatever the caller's rule says.
        (Auth::Required, Ok(Peer::Client)) => Err(Stranger),
        (Auth::None | Auth::Optional | Auth::Required, outcome) => outcome,
    }
}
