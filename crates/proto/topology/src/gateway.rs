//! Gateways: hosts inside that lead to another telephone system and speak SIP without TLS.

use std::net::{IpAddr, SocketAddr};

use crate::{Fqdn, PlainTransport, Topology};

/// One gateway. Whatever comes from its address is taken for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gateway {
    /// Its name.
    pub fqdn: Fqdn,
    /// Its address on the organisation's network, which no machine or other gateway has.
    pub address: IpAddr,
    /// How it speaks.
    pub transport: PlainTransport,
    /// Where it listens.
    pub port: u16,
    /// The Front End pool that speaks with it.
    pub pool: Fqdn,
    /// Patterns of the users that are reached by it; `*` stands for any characters.
    pub users: Vec<String>,
}

impl Gateway {
    /// Returns where it is reached.
    #[must_use]
    pub const fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

impl Topology {
    /// Returns the gateways in the order of the file.
    #[must_use]
    pub fn gateways(&self) -> &[Gateway] {
        &self.gateways
    }
}
