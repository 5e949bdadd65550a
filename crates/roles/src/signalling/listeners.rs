//! Opening the listeners that the flow table names for the SIP roles.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base::net::Transport;
use runtime::tls::{Auth, Store};
use runtime::worker::{Bound, Listener, Security};
use topology::View;
use topology::flows;

use super::store_for;

/// A listening socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Ports below 1024 need a privilege that this process does not have.
    #[error(
        "may not open {address}: ports below 1024 need the right to do so (CAP_NET_BIND_SERVICE)"
    )]
    Privilege {
        /// Which one.
        address: SocketAddr,
    },
    /// Somebody else has it.
    #[error("{address} is in use by another program")]
    InUse {
        /// Which one.
        address: SocketAddr,
    },
    /// The address is not one of this machine.
    #[error("{address} is not an address of this machine")]
    NotOurs {
        /// Which one.
        address: SocketAddr,
    },
    /// Anything else that the system says.
    #[error("cannot open {address}")]
    Other {
        /// Which one.
        address: SocketAddr,
        /// What it says.
        source: io::Error,
    },
}

impl BindError {
    /// Sorts an error of `bind` by what the operator can do about it.
    #[must_use]
    pub fn of(address: SocketAddr, source: io::Error) -> Self {
        let kind = source.kind();
        if kind == io::ErrorKind::PermissionDenied {
            Self::Privilege { address }
        } else if kind == io::ErrorKind::AddrInUse {
            Self::InUse { address }
        } else if kind == io::ErrorKind::AddrNotAvailable {
            Self::NotOurs { address }
        } else {
            Self::Other { address, source }
        }
    }
}

/// What was opened for the SIP roles.
pub struct Opened {
    /// For the workers.
    pub listeners: Vec<Listener>,
    /// Where, for people.
    pub addresses: Vec<SocketAddr>,
}

/// Opens every SIP listener of a machine; datagrams are left out.
///
/// # Errors
/// The first that cannot be opened.
pub fn open(
    view: &View,
    inside: &Arc<Store>,
    outside: Option<&Arc<Store>>,
    workers: u8,
) -> Result<Opened, BindError> {
    let mut opened = Opened {
        listeners: Vec::new(),
        addresses: Vec::new(),
    };
    for listener in &view.listeners {
        if listener.protocol != flows::Protocol::Sip || listener.transport == Transport::Udp {
            continue;
        }
        let address = listener.address;
        let bound =
            Bound::bind(address, workers).map_err(|source| BindError::of(address, source))?;
        let store = Arc::clone(store_for(listener.face, inside, outside));
        let security = match listener.security {
            flows::Security::Plain => Security::Plain,
            flows::Security::Tls => Security::Tls {
                store,
                auth: Auth::None,
            },
            flows::Security::Mutual => Security::Tls {
                store,
                auth: Auth::Required,
            },
            flows::Security::Either => Security::Tls {
                store,
                auth: Auth::Optional,
            },
        };
        opened.addresses.push(bound.addr());
        opened.listeners.push(Listener {
            bound,
            face: listener.face,
            security,
            idle: view.limits.idle,
        });
    }
    Ok(opened)
}
