//! Opening the listeners that the flow table names for the SIP roles.
//!
//! Where servers and clients meet on one port, they are told apart by the name that they call: clients are told names of
//! pools and of the SIP service, servers call each other by the names of machines. Whoever calls a name for clients is
//! not asked for a certificate, as many phones cannot deal with that, and is a client. Clients who can and want to prove
//! themselves by a certificate call a name of its own (`topology::CERTIFICATE_LABEL`). A pool of one machine that has
//! the machine's name is no name for clients, or its servers would not be known.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base::net::{Face, Transport};
use runtime::tls::{Auth, ClientNames};
use runtime::worker::{Bound, BoundUdp, Listener, Security, UdpListener};
use topology::flows;
use topology::{CERTIFICATE_LABEL, View};

use super::Stores;

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
    /// For datagrams.
    pub datagrams: Vec<UdpListener>,
    /// Where, for people.
    pub addresses: Vec<SocketAddr>,
}

/// Opens every SIP listener of a machine.
///
/// # Errors
/// The first that cannot be opened.
pub fn open(view: &View, stores: &Stores, workers: u8) -> Result<Opened, BindError> {
    let mut opened = Opened {
        listeners: Vec::new(),
        datagrams: Vec::new(),
        addresses: Vec::new(),
    };
    for listener in &view.listeners {
        if listener.protocol != flows::Protocol::Sip {
            continue;
        }
        let address = listener.address;
        if listener.transport == Transport::Udp {
            let bound = BoundUdp::bind(address, workers)
                .map_err(|source| BindError::of(address, source))?;
            opened.addresses.push(bound.addr());
            opened.datagrams.push(UdpListener {
                bound,
                face: listener.face,
                idle: view.limits.idle,
            });
            continue;
        }
        let bound =
            Bound::bind(address, workers).map_err(|source| BindError::of(address, source))?;
        let secured = |auth, (client_names, holder_names)| Security::Tls {
            store: Arc::clone(stores.of(listener)),
            auth,
            client_names,
            holder_names,
        };
        let nobody = || (ClientNames::default(), ClientNames::default());
        let security = match listener.security {
            flows::Security::Plain | flows::Security::Own => Security::Plain,
            flows::Security::Tls => secured(Auth::None, nobody()),
            flows::Security::Mutual => secured(Auth::Required, nobody()),
            flows::Security::Either => secured(Auth::Optional, names(view, listener.face)),
        };
        opened.addresses.push(bound.addr());
        opened.listeners.push(Listener {
            bound,
            face: listener.face,
            security,
            idle: view.limits.idle,
            balancers: listener.balancers.clone(),
        });
    }
    Ok(opened)
}

/// The names on the machine's certificate: phones call its pool, and inside a dialog the machine itself. Apart from
/// them those for clients who want to prove themselves by a certificate.
fn names(view: &View, face: Face) -> (ClientNames, ClientNames) {
    let needs = view.certificates.iter().filter(|need| need.face == face);
    let names = needs.flat_map(|need| &need.names).map(|name| name.as_str());
    let asks = |name: &&str| name.split('.').next() == Some(CERTIFICATE_LABEL);
    let (holders, clients): (Vec<&str>, Vec<&str>) = names.partition(asks);
    (clients.into_iter().collect(), holders.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use topology::Topology;

    use super::*;

    const REFERENCE: &str = include_str!("../../../../examples/reference.toml");
    const SMALL_OFFICE: &str = include_str!("../../../../examples/small-office.toml");

    #[test]
    fn clients_call_the_pool_the_machine_and_the_sip_service_of_the_domain() {
        let director = names_of(REFERENCE, "dir01.contoso.net");
        for name in [
            "dirpool01.contoso.net",
            "dir01.contoso.net",
            "sip.contoso.com",
        ] {
            assert!(director.contains(name), "{name}");
        }
        let front_end = names_of(REFERENCE, "fe01.contoso.net");
        assert!(front_end.contains("fepool01.contoso.net"));
        assert!(!front_end.contains("sip.contoso.com"));
        let asked = |machine: &str| {
            let topology = Topology::parse(REFERENCE, "sample").unwrap();
            names(&topology.view(machine).unwrap(), Face::Inside).1
        };
        assert!(asked("dir01.contoso.net").contains("sipcert.contoso.com"));
        assert!(asked("fe01.contoso.net").contains("sipcert.fepool01.contoso.net"));
        assert!(!director.contains("sipcert.contoso.com"));
        let office = names_of(SMALL_OFFICE, "home.example.net");
        assert!(office.contains("sip.example.com"));
    }

    fn names_of(text: &str, machine: &str) -> ClientNames {
        let topology = Topology::parse(text, "sample").unwrap();
        names(&topology.view(machine).unwrap(), Face::Inside).0
    }
}
